// Filtering, opening what an address points at, and copying. The page reads well without it.
"use strict";

const filter = document.getElementById("filter");
const nothing = document.getElementById("nothing");

function applyFilter() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (element) => words.every((word) => element.dataset.words.includes(word));
  for (const element of document.querySelectorAll("[data-words]")) element.hidden = !fits(element);
  for (const group of document.querySelectorAll("section, .group")) {
    group.hidden = !group.querySelector("[data-words]:not([hidden])");
  }
  nothing.hidden = document.querySelector("section:not([hidden])") !== null;
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

filter.addEventListener("input", applyFilter);
window.addEventListener("hashchange", openTarget);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== filter) {
    event.preventDefault();
    filter.focus();
  }
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  const text = button.nextElementSibling.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without https a browser gives no clipboard: select the text instead.
    getSelection().selectAllChildren(button.nextElementSibling);
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});
openTarget();
