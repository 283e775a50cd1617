// Keys for people who look at this all day. They can be switched off, and never act while somebody types.
const PLACES = { o: "/overview", a: "/alerts", r: "/rules", s: "/settings" };
let pending = false;

const typing = (target) => target.closest("input, textarea, select, [contenteditable], dialog");

function rows() {
  return [...document.querySelectorAll("[data-rows] tbody tr")];
}

// The row that has the focus: what is fetched anew keeps that, and nothing else of a row.
function current() {
  return document.activeElement?.closest("[data-rows] tbody tr");
}

function move(step) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.indexOf(current());
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))];
  const stop = next.querySelector("a, button") ?? next;
  if (stop === next) next.tabIndex = -1;
  stop.focus();
  next.scrollIntoView({ block: "nearest" });
}

function act(key) {
  if (key === "j") return move(1);
  if (key === "k") return move(-1);
  if (key === "x") return current()?.querySelector("input[type=checkbox]")?.click();
  if (key === "/") return document.querySelector("input[type=search]")?.focus();
  if (key === "?") return document.getElementById("keys")?.showModal();
  return document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.click();
}

export function listenToKeys() {
  if (localStorage.getItem("keys") === "off") return;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const organization = document.body.dataset.organization;
    if (pending && organization && PLACES[event.key]) {
      location.href = `/o/${organization}${PLACES[event.key]}`;
    } else if (["j", "k", "x", "/", "?", "a", "r"].includes(event.key)) {
      event.preventDefault();
      act(event.key);
    }
    pending = event.key === "g";
  });
}
