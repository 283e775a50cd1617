// Links in mail carry their token behind `#`, which browsers do not send. It moves into the form and out of the address.
export function takeFragmentToken() {
  const field = document.querySelector("input[data-from-fragment]");
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!field || !token) return;
  field.value = token;
  field.closest(".field")?.setAttribute("hidden", "");
  history.replaceState(null, "", location.pathname + location.search);
}
