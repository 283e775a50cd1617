// Says while somebody types what a new password lacks. The server decides, and knows the common passwords.
const MIN_LENGTH = 12;
const MIN_DISTINCT = 5;

function lack(field) {
  const text = field.value;
  if (text.length < MIN_LENGTH) return field.dataset.short.replace("{n}", MIN_LENGTH - text.length);
  if (new Set(text.toLowerCase()).size < MIN_DISTINCT) return field.dataset.plain;
  return field.dataset.good;
}

export function judgePasswords() {
  for (const field of document.querySelectorAll("[data-new-password]")) {
    const hint = document.getElementById(field.getAttribute("aria-describedby"));
    const before = hint.textContent;
    field.addEventListener("input", () => { hint.textContent = field.value ? lack(field) : before; });
  }
}
