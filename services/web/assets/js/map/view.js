// @ts-check
/**
 * What part of the map is on the screen. Map coordinates are doubles relative to the middle of the data, so that
 * the 32-bit floats of the graphics card stay exact however far one zooms in.
 */

/** @typedef {{left: number, right: number, bottom: number, top: number}} Box in map coordinates */

const MAX_ZOOM = 10_000;
const MIN_ZOOM = 0.2;
/** Of the shorter side, left free around the data. */
const MARGIN = 0.08;

export class View {
  width = 1;
  height = 1;
  /** The map coordinates in the middle of the screen. */
  x = 0;
  y = 0;
  /** Pixels per unit of the map; one for both axes, because distances on the map mean something. */
  scale = 1;
  /** The scale at which all data are visible. */
  #whole = 1;
  /** @type {Box} */
  #bounds = { left: -1, right: 1, bottom: -1, top: 1 };

  /** @param {Box} bounds of the data */
  setBounds(bounds) {
    this.#bounds = bounds;
    this.fit();
  }

  /** @param {number} width @param {number} height in CSS pixels */
  resize(width, height) {
    const relative = this.scale / this.#whole;
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.#whole = this.#scaleFor(this.#bounds);
    this.scale = this.#whole * relative;
  }

  /** Show everything, or one box. @param {Box} [box] */
  fit(box) {
    this.#whole = this.#scaleFor(this.#bounds);
    const wanted = box ?? this.#bounds;
    this.scale = this.#clamp(this.#scaleFor(wanted));
    this.x = (wanted.left + wanted.right) / 2;
    this.y = (wanted.bottom + wanted.top) / 2;
  }

  /** Zoom, keeping what is under this pixel in its place. @param {number} factor @param {number} px @param {number} py */
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const before = this.toMap(px, py);
    this.scale = this.#clamp(this.scale * factor);
    const after = this.toMap(px, py);
    this.x += before.x - after.x;
    this.y += before.y - after.y;
  }

  /** @param {number} dx @param {number} dy in pixels */
  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  /** Move as little as needed for a place to be on the screen. @param {number} x @param {number} y */
  show(x, y) {
    const { left, right, bottom, top } = this.box;
    const inner = (this.width / this.scale) * MARGIN;
    this.x += Math.min(0, x - left - inner) + Math.max(0, x - right + inner);
    this.y += Math.min(0, y - bottom - inner) + Math.max(0, y - top + inner);
  }

  /** @param {number} px @param {number} py */
  toMap(px, py) {
    return {
      x: this.x + (px - this.width / 2) / this.scale,
      y: this.y - (py - this.height / 2) / this.scale,
    };
  }

  /** @param {number} x @param {number} y */
  toScreen(x, y) {
    return {
      x: this.width / 2 + (x - this.x) * this.scale,
      y: this.height / 2 - (y - this.y) * this.scale,
    };
  }

  /** @returns {Box} what is visible */
  get box() {
    const w = this.width / this.scale / 2;
    const h = this.height / this.scale / 2;
    return { left: this.x - w, right: this.x + w, bottom: this.y - h, top: this.y + h };
  }

  /** @param {Box} box */
  #scaleFor(box) {
    const w = Math.max(box.right - box.left, 1e-12);
    const h = Math.max(box.top - box.bottom, 1e-12);
    return (1 - 2 * MARGIN) * Math.min(this.width / w, this.height / h);
  }

  /** @param {number} scale */
  #clamp(scale) {
    return Math.min(Math.max(scale, this.#whole * MIN_ZOOM), this.#whole * MAX_ZOOM);
  }
}
