// @ts-check
/**
 * Finds samples by their place: a grid of cells, filled by counting sort, in which the nearest sample and those
 * within a lasso are looked up without reading all samples.
 */

/** Mean number of samples in a cell. */
const PER_CELL = 4;
const MAX_SIDE = 1024;

export class Grid {
  /** @type {Float32Array} */ #x;
  /** @type {Float32Array} */ #y;
  /** @type {Uint32Array} */ #starts;
  /** @type {Uint32Array} */ #items;
  #side;
  #left = 0;
  #bottom = 0;
  #cell = 1;

  /** @param {Float32Array} x @param {Float32Array} y; places that are NaN are in no cell */
  constructor(x, y) {
    this.#x = x;
    this.#y = y;
    this.#side = Math.min(MAX_SIDE, Math.max(1, Math.ceil(Math.sqrt(x.length / PER_CELL))));
    let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < x.length; i++) {
      if (x[i] < left) left = x[i];
      if (x[i] > right) right = x[i];
      if (y[i] < bottom) bottom = y[i];
      if (y[i] > top) top = y[i];
    }
    if (left <= right) {
      this.#left = left;
      this.#bottom = bottom;
      this.#cell = Math.max(right - left, top - bottom, 1e-12) / this.#side;
    }
    this.#starts = new Uint32Array(this.#side * this.#side + 1);
    const cells = new Int32Array(x.length);
    for (let i = 0; i < x.length; i++) {
      cells[i] = Number.isNaN(x[i]) || Number.isNaN(y[i]) ? -1 : this.#row(y[i]) * this.#side + this.#column(x[i]);
      if (cells[i] >= 0) this.#starts[cells[i] + 1]++;
    }
    for (let cell = 0; cell < this.#side * this.#side; cell++) this.#starts[cell + 1] += this.#starts[cell];
    const next = this.#starts.slice();
    this.#items = new Uint32Array(this.#starts[this.#side * this.#side]);
    for (let i = 0; i < x.length; i++) if (cells[i] >= 0) this.#items[next[cells[i]]++] = i;
  }

  /**
   * The nearest sample within `reach`, or -1.
   * @param {number} x @param {number} y @param {number} reach in map units
   * @param {(index: number) => boolean} [wanted]
   */
  nearest(x, y, reach, wanted) {
    let best = -1;
    let least = reach * reach;
    // Rings of cells around the place, until no nearer sample is possible. A place outside of the grid is farther
    // from every sample than the cell at its edge, so the bound holds there, too.
    for (let ring = 0; ring < 2 * this.#side; ring++) {
      const free = (ring - 1) * this.#cell;
      if (free > 0 && free * free > least) break;
      this.#ring(this.#column(x), this.#row(y), ring, (i) => {
        const square = (this.#x[i] - x) ** 2 + (this.#y[i] - y) ** 2;
        if (square <= least && (!wanted || wanted(i))) {
          least = square;
          best = i;
        }
      });
    }
    return best;
  }

  /**
   * The nearest sample that lies in a direction (within 45 degrees) of another one, or -1.
   * @param {number} from an index @param {number} dx @param {number} dy -1, 0 or 1; one of them is 0
   */
  towards(from, dx, dy) {
    const x0 = this.#x[from];
    const y0 = this.#y[from];
    return this.nearest(x0, y0, Infinity, (i) => {
      const along = (this.#x[i] - x0) * dx + (this.#y[i] - y0) * dy;
      const across = Math.abs((this.#x[i] - x0) * dy) + Math.abs((this.#y[i] - y0) * dx);
      return i !== from && along > 0 && across <= along;
    });
  }

  /**
   * Samples within a polygon (even-odd rule), in their order.
   * @param {readonly {x: number, y: number}[]} polygon in map coordinates
   */
  within(polygon) {
    /** @type {number[]} */
    const found = [];
    const xs = polygon.map((p) => p.x);
    const ys = polygon.map((p) => p.y);
    const [from, to] = [this.#column(Math.min(...xs)), this.#column(Math.max(...xs))];
    const [low, high] = [this.#row(Math.min(...ys)), this.#row(Math.max(...ys))];
    for (let row = low; row <= high; row++)
      for (let column = from; column <= to; column++)
        this.#each(column, row, (i) => {
          if (isInside(this.#x[i], this.#y[i], xs, ys)) found.push(i);
        });
    return Uint32Array.from(found).sort();
  }

  /** @param {number} x */
  #column(x) {
    return Math.min(this.#side - 1, Math.max(0, Math.floor((x - this.#left) / this.#cell)));
  }

  /** @param {number} y */
  #row(y) {
    return Math.min(this.#side - 1, Math.max(0, Math.floor((y - this.#bottom) / this.#cell)));
  }

  /** @param {number} column @param {number} row @param {number} ring @param {(index: number) => void} visit */
  #ring(column, row, ring, visit) {
    for (let r = row - ring; r <= row + ring; r++) {
      if (r < 0 || r >= this.#side) continue;
      const whole = r === row - ring || r === row + ring;
      for (let c = column - ring; c <= column + ring; c += whole || ring === 0 ? 1 : 2 * ring)
        if (c >= 0 && c < this.#side) this.#each(c, r, visit);
    }
  }

  /** @param {number} column @param {number} row @param {(index: number) => void} visit */
  #each(column, row, visit) {
    const cell = row * this.#side + column;
    for (let k = this.#starts[cell]; k < this.#starts[cell + 1]; k++) visit(this.#items[k]);
  }
}

/** @param {number} x @param {number} y @param {number[]} xs @param {number[]} ys */
function isInside(x, y, xs, ys) {
  let inside = false;
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i++)
    if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) inside = !inside;
  return inside;
}
