// @ts-check
/** Spectra over each other, and trends with their limits: figures whose numbers are in the page beside them. */

import { axis, plot, timeAxis, token } from "./plot.js";

const HEIGHT = 220;

/**
 * @typedef {object} Spectrum the values of features in their order
 * @property {number[]} x the numbers of the features
 * @property {(number | null)[]} observed
 * @property {(number | null)[]} expected
 * @property {(number | null)[]} low
 * @property {(number | null)[]} high
 * @property {{x: string, y: string}} words
 */

/** The observed spectrum over the expected one and the range of normal. @param {HTMLElement} element @param {Spectrum} data */
export function drawSpectrum(element, data) {
  const point = token(element, "--point");
  const none = { points: { show: false }, width: 0, stroke: point };
  const options = (/** @type {number} */ width) => ({
    width,
    height: HEIGHT,
    legend: { show: false },
    scales: { x: { time: false } },
    cursor: { drag: { x: true, y: false } },
    axes: [axis(element, { label: data.words.x, labelSize: 18 }), axis(element, { size: 60, label: data.words.y, labelSize: 18 })],
    bands: [{ series: [1, 2], fill: `${point}44` }],
    series: [
      {},
      none,
      none,
      { points: { show: false }, width: 1, stroke: token(element, "--muted"), dash: [4, 3] },
      { points: { show: false }, width: 1.5, stroke: token(element, "--accent") },
    ],
  });
  return plot(element, options, [data.x, data.high, data.low, data.expected, data.observed]);
}

/**
 * @typedef {object} Trend
 * @property {number[]} x
 * @property {(number | null)[]} y
 * @property {boolean} time whether x is seconds since 1970
 * @property {[number, number, number] | null} fit intercept, and the slope with its bounds: see `slopes`
 * @property {[number, number] | null} slopes the lowest and the highest slope that fit
 * @property {{at: number, text: string}[]} limits
 * @property {{x: string, y: string}} words
 */

/** Measured values, the line through them with its interval, and the limits they approach. @param {HTMLElement} element @param {Trend} data */
export function drawTrend(element, data) {
  const point = token(element, "--point");
  const [intercept, slope, pivot] = data.fit ?? [0, 0, 0];
  const along = (/** @type {number} */ by) => data.x.map((x) => (data.fit ? intercept + slope * pivot + by * (x - pivot) : null));
  const highest = Math.max(...data.limits.map(({ at }) => at), ...data.y.map((y) => y ?? 0)) * 1.1;
  const lowest = Math.min(0, ...data.y.map((y) => y ?? 0));
  const none = { points: { show: false }, width: 0, stroke: point };
  const options = (/** @type {number} */ width) => ({
    width,
    height: HEIGHT,
    legend: { show: false },
    scales: { x: { time: data.time }, y: { range: [lowest, highest] } },
    cursor: { drag: { x: false, y: false } },
    axes: [(data.time ? timeAxis : axis)(element, { label: data.words.x, labelSize: 18 }), axis(element, { size: 56, label: data.words.y, labelSize: 18 })],
    bands: [{ series: [1, 2], fill: `${point}33` }],
    series: [
      {},
      none,
      none,
      { points: { show: false }, width: 1, stroke: token(element, "--muted"), dash: [5, 3] },
      { points: { show: data.x.length < 200, size: 5 }, width: 1.5, stroke: token(element, "--accent") },
    ],
    hooks: { draw: [(/** @type {any} */ u) => drawLimits(u, element, data.limits)] },
  });
  const [low, high] = data.slopes ?? [0, 0];
  return plot(element, options, [data.x, along(high), along(low), along(slope), data.y]);
}

/** @param {any} u @param {HTMLElement} element @param {{at: number, text: string}[]} limits */
function drawLimits(u, element, limits) {
  const ratio = devicePixelRatio;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.font = `${11 * ratio}px ${getComputedStyle(element).fontFamily}`;
  ctx.fillStyle = ctx.strokeStyle = token(element, "--muted");
  ctx.lineWidth = ratio;
  ctx.setLineDash([5 * ratio, 3 * ratio]);
  ctx.textAlign = "left";
  let free = Infinity;
  for (const { at, text } of limits) {
    const y = Math.round(u.valToPos(at, "y", true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    // Of two limits that are close together, the lower one has its name.
    if (free - y > 14 * ratio) {
      ctx.fillText(text, bbox.left + 6 * ratio, y - 4 * ratio);
      free = y;
    }
  }
  ctx.restore();
}
