// Passkeys: the browser makes or uses one for the options of a form, and the form takes the result along.
// What it sends is checked by the API; without it, nobody is signed in and nothing is stored.

/**
 * @param {string} kind
 * @param {any} options
 * @returns {Promise<any>}
 */
function ask(kind, options) {
  const types = /** @type {any} */ (window.PublicKeyCredential);
  return kind === "create"
    ? navigator.credentials.create({ publicKey: types.parseCreationOptionsFromJSON(options) })
    : navigator.credentials.get({ publicKey: types.parseRequestOptionsFromJSON(options) });
}

/** @param {HTMLFormElement} form */
function prepare(form) {
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("credential"));
  const problem = form.querySelector("[data-passkey-problem]");
  form.addEventListener("submit", async (event) => {
    if (field.value) return;
    event.preventDefault();
    problem?.setAttribute("hidden", "");
    try {
      const credential = await ask(form.dataset.passkey ?? "", JSON.parse(form.dataset.options ?? ""));
      field.value = JSON.stringify(credential.toJSON());
    } catch {
      // Cancelled, timed out, known already, or a browser without passkeys: the reason is kept from pages.
      problem?.removeAttribute("hidden");
      return;
    }
    form.submit();
  });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  prepare(/** @type {HTMLFormElement} */ (form));
}
