// @ts-check
/**
 * The map of a machine: what is drawn, and what a person does with mouse, fingers and keys.
 *
 * Events of the element, which bubble: `map-point` (the sample under the pointer, or null), `map-select` (a sample,
 * or null) and `map-lasso` (samples within a lasso, or null).
 */

import { coloursOf } from "./colours.js";
import { boundsOf, density } from "./density.js";
import { Gestures } from "./gestures.js";
import { Grid } from "./grid.js";
import { Painter } from "./painter.js";
import { extent, moved, none } from "./samples.js";
import { drawScales } from "./scales.js";
import { View } from "./view.js";

/** Above, samples are drawn as a density while the map moves; below, if drawing all of them is too slow here. */
const MAX_MOVING = 250_000;
/** Milliseconds between two frames of a moving map, at most: beyond it, a hand runs ahead of the picture. */
const MAX_FRAME = 60;
/** From here on, samples are drawn small. */
const CROWDED = 20_000;
const STILL_AFTER = 160;
/** Pixels within which a sample is under the pointer. */
const REACH = 14;
const MAX_RATIO = 2;

/** @typedef {import("./samples.js").Columns} Columns */
/** @typedef {{x: Float32Array, y: Float32Array}} Places */

export class ScatterMap {
  #element;
  #view = new View();
  #painter;
  #canvas = document.createElement("canvas");
  #over = document.createElement("canvas");
  #colours;
  #frame = 0;
  #moving = false;
  /** Whether this browser draws slowly: known once the map has moved. */
  #slow = false;
  #drawnAt = 0;
  #still = 0;
  #origin = { x: 0, y: 0 };
  /** @type {Places} */ #baseline = { x: new Float32Array(0), y: new Float32Array(0) };
  /** @type {Columns} */ #columns = none();
  /** @type {import("./painter.js").Samples} */ #samples = { ...none(), time: new Float32Array(0) };
  /** @type {Grid | null} */ #grid = null;
  #first = 0;
  #last = 0;
  #range = { from: -Infinity, to: Infinity };
  #selected = -1;
  #pointed = -1;
  /** @type {readonly {x: number, y: number}[]} */ #lasso = [];

  /** Fails if the browser has no WebGL2. @param {HTMLElement} element an empty box with a size */
  constructor(element) {
    this.#element = element;
    this.#painter = new Painter(this.#canvas);
    this.#colours = coloursOf(element);
    this.#over.className = "map-over";
    element.append(this.#canvas, this.#over);
    this.#canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.#canvas.addEventListener("webglcontextrestored", () => this.#restore());
    new ResizeObserver(() => this.#resize()).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    new Gestures(this.#over, element, this);
    this.#resize();
  }

  /** Show a run over the samples of its baseline. @param {Places} baseline @param {Columns} columns */
  show(baseline, columns) {
    this.#baseline = baseline;
    this.#columns = columns;
    const bounds = boundsOf([[baseline.x, baseline.y], [columns.x, columns.y]]);
    this.#origin = { x: (bounds.left + bounds.right) / 2, y: (bounds.bottom + bounds.top) / 2 };
    const moved = { left: bounds.left - this.#origin.x, right: bounds.right - this.#origin.x, bottom: bounds.bottom - this.#origin.y, top: bounds.top - this.#origin.y };
    this.#prepare(moved);
    this.#selected = this.#pointed = -1;
    this.#view.setBounds(moved);
    this.draw();
  }

  get samples() {
    return this.#columns.x.length;
  }

  get selected() {
    return this.#selected;
  }

  /** Select a sample and bring it into view; -1 for none. @param {number} index @param {boolean} [tell] */
  select(index, tell = false) {
    this.#selected = index < this.samples ? index : -1;
    if (this.#selected >= 0 && this.#isPlaced(index)) this.#view.show(this.#samples.x[index], this.#samples.y[index]);
    this.draw();
    if (tell) this.#tell("map-select", this.#selected < 0 ? null : this.#selected);
  }

  /** Let the samples of a time stand out. @param {number} [from] @param {number} [to] in seconds since 1970 */
  setRange(from = -Infinity, to = Infinity) {
    const length = this.#last - this.#first || 1;
    const whole = from === -Infinity && to === Infinity;
    this.#range = whole ? { from: -Infinity, to: Infinity } : { from: (from - this.#first) / length, to: (to - this.#first) / length };
    this.draw();
  }

  /** @param {Uint32Array | null} chosen samples that stand out; null for all */
  setChosen(chosen) {
    this.#painter.setChosen(chosen);
    this.draw();
  }

  /** Read the tokens again, after the theme has changed. */
  recolour() {
    this.#colours = coloursOf(this.#element);
    this.draw();
  }

  // What gestures ask for ------------------------------------------------------------------------------------------

  /** @param {number} dx @param {number} dy in pixels */
  pan(dx, dy) {
    this.#view.pan(dx, dy);
    this.#move();
  }

  /** @param {number} factor @param {number} [px] @param {number} [py] */
  zoom(factor, px, py) {
    this.#view.zoom(factor, px, py);
    this.#move();
  }

  whole() {
    this.#view.fit();
    this.draw();
  }

  /** @param {number} px @param {number} py */
  point(px, py) {
    const found = this.#under(px, py);
    if (found === this.#pointed) return;
    this.#pointed = found;
    this.#tell("map-point", found < 0 ? null : found);
    this.draw();
  }

  /** Show where a sample lies, without telling. @param {number} index */
  hover(index) {
    this.#pointed = index;
    this.draw();
  }

  /** @param {number} px @param {number} py */
  pick(px, py) {
    this.select(this.#under(px, py), true);
  }

  /** Go to the nearest sample in a direction. @param {number} dx @param {number} dy */
  step(dx, dy) {
    if (!this.#grid) return;
    const next = this.#selected >= 0 && this.#isPlaced(this.#selected) ? this.#grid.towards(this.#selected, dx, dy) : this.#grid.nearest(this.#view.x, this.#view.y, Infinity);
    if (next >= 0) this.select(next, true);
  }

  /** @param {readonly {x: number, y: number}[]} path in pixels, so far */
  trace(path) {
    this.#lasso = path;
    this.draw();
  }

  /** @param {readonly {x: number, y: number}[]} path in pixels */
  enclose(path) {
    this.#lasso = [];
    const found = path.length > 2 ? this.#grid?.within(path.map(({ x, y }) => this.#view.toMap(x, y))) : undefined;
    const chosen = found?.length ? found : null;
    this.setChosen(chosen);
    this.#tell("map-lasso", chosen);
  }

  // Drawing --------------------------------------------------------------------------------------------------------

  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.drawNow();
    });
  }

  drawNow() {
    const ratio = this.#canvas.width / this.#view.width;
    const crowded = this.samples > CROWDED;
    const now = performance.now();
    if (this.#moving && this.#drawnAt && now - this.#drawnAt > MAX_FRAME) this.#slow = true;
    this.#drawnAt = this.#moving ? now : 0;
    const moving = this.#moving && this.samples > (this.#slow ? CROWDED : MAX_MOVING);
    this.#painter.draw(this.#view, this.#colours, this.#range, { ratio, moving, size: crowded ? 3 : 5 });
    this.#drawOver(ratio);
  }

  /** @param {number} ratio */
  #drawOver(ratio) {
    const context = /** @type {CanvasRenderingContext2D} */ (this.#over.getContext("2d"));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.#view.width, this.#view.height);
    const style = getComputedStyle(this.#element);
    drawScales(context, this.#view, this.#origin, { text: style.color, font: `11px ${style.fontFamily}` });
    const accent = style.getPropertyValue("--accent");
    this.#ring(context, this.#pointed, 9, 1.5, accent);
    this.#ring(context, this.#selected, 11, 2.5, accent);
    if (this.#lasso.length < 2) return;
    context.strokeStyle = accent;
    context.lineWidth = 1.5;
    context.setLineDash([4, 3]);
    context.beginPath();
    for (const { x, y } of this.#lasso) context.lineTo(x, y);
    context.closePath();
    context.stroke();
    context.setLineDash([]);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} index @param {number} radius @param {number} width @param {string} colour */
  #ring(context, index, radius, width, colour) {
    if (index < 0 || !this.#isPlaced(index)) return;
    const { x, y } = this.#view.toScreen(this.#samples.x[index], this.#samples.y[index]);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }

  #move() {
    this.#moving = true;
    clearTimeout(this.#still);
    this.#still = window.setTimeout(() => {
      this.#moving = false;
      this.draw();
    }, STILL_AFTER);
    this.draw();
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#element;
    if (!clientWidth || !clientHeight) return;
    const ratio = Math.min(MAX_RATIO, devicePixelRatio || 1);
    for (const canvas of [this.#canvas, this.#over]) {
      canvas.width = Math.round(clientWidth * ratio);
      canvas.height = Math.round(clientHeight * ratio);
    }
    this.#view.resize(clientWidth, clientHeight);
    this.drawNow();
  }

  /** After the graphics card has forgotten everything. */
  #restore() {
    this.#painter = new Painter(this.#canvas);
    const { x, y } = this.#view;
    const { scale } = this.#view;
    this.#prepare(boundsOf([[this.#samples.x, this.#samples.y]]));
    Object.assign(this.#view, { x, y, scale });
    this.draw();
  }

  /** @param {import("./view.js").Box} bounds */
  #prepare(bounds) {
    const { x, y, time, mark } = this.#columns;
    [this.#first, this.#last] = extent(time);
    const length = this.#last - this.#first || 1;
    const relative = Float32Array.from(time, (at) => (Number.isNaN(at) ? -1 : (at - this.#first) / length));
    this.#samples = { x: moved(x, this.#origin.x), y: moved(y, this.#origin.y), time: relative, mark };
    this.#grid = new Grid(this.#samples.x, this.#samples.y);
    this.#painter.setSamples(this.#samples);
    const ground = { x: moved(this.#baseline.x, this.#origin.x), y: moved(this.#baseline.y, this.#origin.y) };
    this.#painter.setBaseline(density(ground.x, ground.y, bounds));
    if (this.samples > CROWDED) this.#painter.setCrowd(density(this.#samples.x, this.#samples.y, bounds));
  }

  /** @param {number} px @param {number} py */
  #under(px, py) {
    const { x, y } = this.#view.toMap(px, py);
    return this.#grid?.nearest(x, y, REACH / this.#view.scale) ?? -1;
  }

  /** @param {number} index */
  #isPlaced(index) {
    return !Number.isNaN(this.#samples.x[index]) && !Number.isNaN(this.#samples.y[index]);
  }

  /** @param {string} name @param {number | Uint32Array | null} detail */
  #tell(name, detail) {
    this.#element.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}
