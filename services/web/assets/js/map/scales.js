// @ts-check
/** The numbers at the map's edges. */

/** Pixels between two numbers, at least. */
const APART = 72;

/** Round numbers from `low` to `high`, at most so many. @param {number} low @param {number} high @param {number} most */
export function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push({ at: k * step, text: (k * step).toFixed(digits) });
  return found;
}

/**
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {import("./view.js").View} view
 * @param {{x: number, y: number}} origin of the samples' places
 * @param {{text: string, font: string}} style
 */
export function drawScales(context, view, origin, style) {
  const { left, right, bottom, top } = view.box;
  context.fillStyle = style.text;
  context.strokeStyle = style.text;
  context.font = style.font;
  context.lineWidth = 1;
  context.textBaseline = "bottom";
  context.textAlign = "center";
  context.beginPath();
  for (const { at, text } of ticks(left + origin.x, right + origin.x, view.width / APART)) {
    const x = Math.round(view.toScreen(at - origin.x, 0).x) + 0.5;
    context.moveTo(x, view.height);
    context.lineTo(x, view.height - 4);
    if (x > 40 && x < view.width - 24) context.fillText(text, x, view.height - 5);
  }
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const { at, text } of ticks(bottom + origin.y, top + origin.y, view.height / APART)) {
    const y = Math.round(view.toScreen(0, at - origin.y).y) + 0.5;
    context.moveTo(0, y);
    context.lineTo(4, y);
    if (y > 12 && y < view.height - 24) context.fillText(text, 7, y);
  }
  context.stroke();
}
