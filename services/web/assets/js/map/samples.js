// @ts-check
/** The columns of a run, and what is done with whole columns. */

/**
 * @typedef {object} Columns of one run; places in map coordinates, NaN where a sample was not judged
 * @property {Float32Array} x
 * @property {Float32Array} y
 * @property {Float64Array} time in seconds since 1970; NaN where it is unknown
 * @property {Uint8Array} mark 0 normal, 1 low, 2 medium, 3 high, 4 critical
 */

/** @param {Float32Array} values @param {number} by */
export function moved(values, by) {
  return values.map((value) => value - by);
}

/** @param {Float64Array} values @returns {[number, number]} */
export function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/** @returns {Columns} */
export function none() {
  return { x: new Float32Array(0), y: new Float32Array(0), time: new Float64Array(0), mark: new Uint8Array(0) };
}
