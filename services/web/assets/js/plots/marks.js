// @ts-check
/** The shapes of severities on a canvas: circle, triangle, diamond, square, as everywhere on the page. */

export const SEVERITIES = /** @type {const} */ (["low", "medium", "high", "critical"]);

/** @typedef {typeof SEVERITIES[number]} Severity */

/**
 * @param {CanvasRenderingContext2D} context @param {Severity} severity
 * @param {number} x @param {number} y @param {number} r half the size, in the context's pixels
 */
export function drawMark(context, severity, x, y, r) {
  context.beginPath();
  if (severity === "low") context.arc(x, y, r, 0, 2 * Math.PI);
  else if (severity === "medium") path(context, [[x, y - r], [x + r, y + r], [x - r, y + r]]);
  else if (severity === "high") path(context, [[x, y - r * 1.2], [x + r * 1.2, y], [x, y + r * 1.2], [x - r * 1.2, y]]);
  else context.rect(x - r, y - r, 2 * r, 2 * r);
  context.fill();
  context.stroke();
}

/** The severity of a ratio of distance to threshold above 1. @param {number} ratio @param {readonly number[]} bands */
export function severityOf(ratio, bands) {
  return SEVERITIES[bands.filter((band) => ratio >= band).length];
}

/** @param {CanvasRenderingContext2D} context @param {[number, number][]} corners */
function path(context, corners) {
  for (const [x, y] of corners) context.lineTo(x, y);
  context.closePath();
}
