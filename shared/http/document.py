"""The application whose OpenAPI document says only what can be sent."""

from typing import Any

from fastapi import FastAPI

from shared.http.fields import without_null


class Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = tidied(super().openapi())
        return self.openapi_schema


def tidied(document: dict[str, Any]) -> dict[str, Any]:
    """The document without nulls that no client can send: of parameters, and as the default of others."""
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                # An address and a header hold text; what is not given is left out.
                parameter["schema"] = without_null(parameter["schema"])
    for model in document.get("components", {}).get("schemas", {}).values():
        for name, schema in model.get("properties", {}).items():
            if schema.get("default", ...) is None and not _admits_null(schema):
                model["properties"][name] = {k: v for k, v in schema.items() if k != "default"}
    return document


def _admits_null(schema: dict[str, Any]) -> bool:
    return any(alternative.get("type") == "null" for alternative in schema.get("anyOf", ()))
