// @ts-check
/** The colours of the map, read from the tokens of the style sheet, so that dark and light need no code. */

/** @typedef {[number, number, number]} Colour red, green and blue, 0 to 1 */

const TOKENS = {
  surface: "--surface",
  ground: "--map-ground",
  hatch: "--map-hatch",
  early: "--map-early",
  late: "--map-late",
  point: "--point",
  low: "--low",
  medium: "--medium",
  high: "--high",
  critical: "--critical",
  accent: "--accent",
};

/** @typedef {Record<keyof typeof TOKENS, Colour>} Colours */

/** @param {Element} element @returns {Colours} */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const read = Object.entries(TOKENS).map(([name, token]) => [name, parse(style.getPropertyValue(token))]);
  return /** @type {Colours} */ (Object.fromEntries(read));
}

/** @param {string} text `#rgb` or `#rrggbb` @returns {Colour} */
function parse(text) {
  let digits = text.trim().replace("#", "");
  if (digits.length === 3) digits = [...digits].map((digit) => digit + digit).join("");
  const value = Number.parseInt(digits, 16);
  return Number.isNaN(value)
    ? [0.5, 0.5, 0.5]
    : [((value >> 16) & 255) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}
