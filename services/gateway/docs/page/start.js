// Shows the gateway's own document, and calls the gateway that served it.
"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  filter: true,
  // Else the page would ask an outside host whether the document is valid.
  validatorUrl: null,
});
