// Asks before a form does what cannot be undone. Without scripts the form works and asks nothing.
export function askBefore() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-confirm]");
    if (button && !confirm(button.dataset.confirm)) event.preventDefault();
  });
}

export function offerKeySwitch() {
  const box = document.querySelector("[data-keys-switch]");
  if (!box) return;
  box.checked = localStorage.getItem("keys") !== "off";
  box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
}
