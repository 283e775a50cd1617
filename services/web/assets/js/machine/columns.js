// @ts-check
/** Reads the samples of an analysis as columns of numbers, a range after the other. */

/** Samples in a request; the service reads and packs as many in a fraction of a second. */
const RANGE = 100_000;
/** What `services/web/machines/columns.py` writes: two counters, then a column after the other. */
const HEADER_BYTES = 8;

/** @typedef {import("../map/map.js").Columns & {ratio: Float32Array}} Columns */

/**
 * Calls `grown` whenever more samples have arrived, with all there are so far.
 * @param {string} address @param {(columns: Columns, complete: boolean) => void} grown @param {AbortSignal} [signal]
 */
export async function readColumns(address, grown, signal) {
  /** @type {Columns[]} */
  const parts = [];
  for (let start = 0, complete = false; !complete; start += RANGE) {
    const response = await fetch(`${address}?start=${start}&stop=${start + RANGE}`, { signal });
    if (!response.ok) throw new Error(`${response.status}`);
    const part = decode(await response.arrayBuffer());
    complete = part.x.length < RANGE;
    parts.push(part);
    grown(joined(parts), complete);
  }
}

/** @param {ArrayBuffer} bytes @returns {Columns} */
export function decode(bytes) {
  const count = new DataView(bytes).getUint32(0, true);
  let at = HEADER_BYTES;
  const time = new Float64Array(bytes, at, count);
  const floats = [0, 1, 2].map((k) => new Float32Array(bytes, at + 8 * count + 4 * count * k, count));
  at += 20 * count;
  return { time, x: floats[0], y: floats[1], ratio: floats[2], mark: new Uint8Array(bytes, at, count) };
}

/** @param {Columns[]} parts @returns {Columns} */
function joined(parts) {
  if (parts.length === 1) return parts[0];
  const count = parts.reduce((sum, part) => sum + part.x.length, 0);
  const whole = { time: new Float64Array(count), x: new Float32Array(count), y: new Float32Array(count), ratio: new Float32Array(count), mark: new Uint8Array(count) };
  let at = 0;
  for (const part of parts) {
    whole.time.set(part.time, at);
    whole.x.set(part.x, at);
    whole.y.set(part.y, at);
    whole.ratio.set(part.ratio, at);
    whole.mark.set(part.mark, at);
    at += part.x.length;
  }
  return whole;
}

/** The sample nearest in time, or -1. Times need not be in order. @param {Float64Array} times @param {number} at */
export function nearestInTime(times, at) {
  let best = -1;
  let least = Infinity;
  for (let i = 0; i < times.length; i++) {
    const apart = Math.abs(times[i] - at);
    if (apart < least) {
      least = apart;
      best = i;
    }
  }
  return best;
}
