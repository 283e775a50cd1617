// @ts-check
/**
 * How many samples lie where, as a texture: the grey ground of what is normal, and what a million samples look like
 * while the map moves.
 */

/** Cells along a side. A cell is then some four pixels of a map that is shown whole. */
export const SIDE = 256;
/** Cells around the data in which a density fades out. */
const MARGIN = 6;

/**
 * @typedef {{cells: Uint8Array, left: number, bottom: number, size: number}} Density
 * `cells` has SIDE x SIDE values, 0 where there is nothing; `size` is the side in map units.
 */

/**
 * @param {Float32Array} x @param {Float32Array} y
 * @param {import("./view.js").Box} bounds
 * @returns {Density}
 */
export function density(x, y, bounds) {
  const data = Math.max(bounds.right - bounds.left, bounds.top - bounds.bottom, 1e-12);
  const cell = data / (SIDE - 2 * MARGIN);
  const size = cell * SIDE;
  const left = (bounds.left + bounds.right - size) / 2;
  const bottom = (bounds.bottom + bounds.top - size) / 2;
  let counts = new Float32Array(SIDE * SIDE);
  for (let i = 0; i < x.length; i++) {
    const column = Math.floor((x[i] - left) / cell);
    const row = Math.floor((y[i] - bottom) / cell);
    if (column >= 0 && column < SIDE && row >= 0 && row < SIDE) counts[row * SIDE + column]++;
  }
  // The fewer samples, the wider the ground that each of them stands for.
  const passes = Math.round(Math.min(8, Math.max(2, 24 / Math.log10(10 + x.length))));
  for (let pass = 0; pass < passes; pass++) counts = blurred(blurred(counts, 1), SIDE);
  let most = 0;
  for (const count of counts) most = Math.max(most, count);
  const cells = new Uint8Array(SIDE * SIDE);
  const least = most * 1e-4;
  // Logarithmic, because a regime that is rare is as normal as a frequent one.
  for (let i = 0; i < cells.length; i++)
    if (counts[i] > least) cells[i] = Math.max(1, Math.round((255 * Math.log(counts[i] / least)) / Math.log(most / least)));
  return { cells, left, bottom, size };
}

/** One binomial pass (1 2 1) along an axis. @param {Float32Array} from @param {number} step */
function blurred(from, step) {
  const to = new Float32Array(from.length);
  for (let i = 0; i < from.length; i++) {
    const place = step === 1 ? i % SIDE : Math.floor(i / SIDE);
    const before = place > 0 ? from[i - step] : 0;
    const after = place < SIDE - 1 ? from[i + step] : 0;
    to[i] = (before + 2 * from[i] + after) / 4;
  }
  return to;
}

/** The smallest box around all places. @param {[Float32Array, Float32Array][]} sets @returns {import("./view.js").Box} */
export function boundsOf(sets) {
  const box = { left: Infinity, right: -Infinity, bottom: Infinity, top: -Infinity };
  for (const [x, y] of sets)
    for (let i = 0; i < x.length; i++) {
      if (x[i] < box.left) box.left = x[i];
      if (x[i] > box.right) box.right = x[i];
      if (y[i] < box.bottom) box.bottom = y[i];
      if (y[i] > box.top) box.top = y[i];
    }
  return box.left <= box.right ? box : { left: -1, right: 1, bottom: -1, top: 1 };
}
