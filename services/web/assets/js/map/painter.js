// @ts-check
/** Draws the map with WebGL2. It knows places, colours and shapes, and nothing of the mouse or of machines. */

import { SIDE } from "./density.js";
import { DISC_FRAGMENT, GROUND_FRAGMENT, GROUND_VERTEX, MARK_FRAGMENT, POINT_VERTEX } from "./shaders.js";

/**
 * @typedef {object} Samples columns of equal length; places relative to the origin of the map
 * @property {Float32Array} x
 * @property {Float32Array} y
 * @property {Float32Array} time 0 (first) to 1 (last); negative where it is unknown
 * @property {Uint8Array} mark 0 normal, 1 low, 2 medium, 3 high, 4 critical
 */

/** @typedef {{from: number, to: number}} Range of relative times that stand out */

/** Bytes of a sample in its buffer: two floats for the place, one for the time, one byte each for two flags. */
const STRIDE = 16;
const NOWHERE = 1e30;
const [PLACE, TIME, MARK, MARKED] = [0, 1, 2, 3];

export class Painter {
  #gl;
  #discs;
  #marks;
  #ground;
  #buffer;
  #vertices;
  #quad;
  #count = 0;
  /** Of them, those before the first anomaly. */
  #normal = 0;
  /** Where each sample stands in the buffer: worse ones are drawn later. @type {Uint32Array} */
  #slots = new Uint32Array(0);
  /** @type {ArrayBuffer} */ #content = new ArrayBuffer(0);
  /** @type {{texture: WebGLTexture, density: import("./density.js").Density} | null} */ #baseline = null;
  /** @type {{texture: WebGLTexture, density: import("./density.js").Density} | null} */ #crowd = null;

  /** Fails if the browser has no WebGL2. @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, depth: false });
    if (!gl) throw new Error("WebGL2 is not available");
    this.#gl = gl;
    const columns = { place: PLACE, time: TIME, mark: MARK, marked: MARKED };
    this.#discs = program(gl, POINT_VERTEX, DISC_FRAGMENT, columns);
    this.#marks = program(gl, POINT_VERTEX, MARK_FRAGMENT, columns);
    this.#ground = program(gl, GROUND_VERTEX, GROUND_FRAGMENT, { corner: 0 });
    this.#buffer = gl.createBuffer();
    this.#vertices = gl.createVertexArray();
    gl.bindVertexArray(this.#vertices);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    gl.vertexAttribPointer(PLACE, 2, gl.FLOAT, false, STRIDE, 0);
    gl.vertexAttribPointer(TIME, 1, gl.FLOAT, false, STRIDE, 8);
    gl.vertexAttribPointer(MARK, 1, gl.UNSIGNED_BYTE, false, STRIDE, 12);
    gl.vertexAttribPointer(MARKED, 1, gl.UNSIGNED_BYTE, false, STRIDE, 13);
    for (const attribute of [PLACE, TIME, MARK, MARKED]) gl.enableVertexAttribArray(attribute);
    this.#quad = gl.createVertexArray();
    gl.bindVertexArray(this.#quad);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.enableVertexAttribArray(0);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  /** @param {Samples} samples */
  setSamples(samples) {
    const count = samples.x.length;
    // A counting sort by severity, so that no normal sample hides an anomaly.
    const starts = new Uint32Array(6);
    for (const mark of samples.mark) starts[mark + 1]++;
    for (let k = 0; k < 5; k++) starts[k + 1] += starts[k];
    this.#slots = new Uint32Array(count);
    this.#content = new ArrayBuffer(count * STRIDE);
    const floats = new Float32Array(this.#content);
    const bytes = new Uint8Array(this.#content);
    for (let i = 0; i < count; i++) {
      const slot = starts[samples.mark[i]]++;
      this.#slots[i] = slot;
      // What was not judged has no place, and is drawn nowhere.
      const placed = samples.x[i] === samples.x[i] && samples.y[i] === samples.y[i];
      floats[slot * 4] = placed ? samples.x[i] : NOWHERE;
      floats[slot * 4 + 1] = placed ? samples.y[i] : NOWHERE;
      floats[slot * 4 + 2] = samples.time[i];
      bytes[slot * STRIDE + 12] = samples.mark[i];
      bytes[slot * STRIDE + 13] = 1;
    }
    this.#count = count;
    this.#normal = samples.mark.reduce((sum, mark) => sum + (mark === 0 ? 1 : 0), 0);
    this.#upload();
  }

  /** Let these samples stand out, or all of them. @param {Uint32Array | null} chosen */
  setChosen(chosen) {
    const bytes = new Uint8Array(this.#content);
    for (let slot = 0; slot < this.#count; slot++) bytes[slot * STRIDE + 13] = chosen ? 0 : 1;
    for (const index of chosen ?? []) bytes[this.#slots[index] * STRIDE + 13] = 1;
    this.#upload();
  }

  /** @param {import("./density.js").Density} density of the baseline's samples */
  setBaseline(density) {
    this.#baseline = { texture: this.#texture(density), density };
  }

  /** @param {import("./density.js").Density} density of the samples, drawn in their place while the map moves */
  setCrowd(density) {
    this.#crowd = { texture: this.#texture(density), density };
  }

  /**
   * @param {import("./view.js").View} view
   * @param {import("./colours.js").Colours} colours
   * @param {Range} range
   * @param {{ratio: number, moving: boolean, size: number}} how `ratio` is pixels of the device per CSS pixel
   */
  draw(view, colours, range, { ratio, moving, size }) {
    const gl = this.#gl;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(...colours.surface, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (this.#baseline) this.#drawGround(this.#baseline, view, colours, colours.ground, true);
    if (moving && this.#crowd) this.#drawGround(this.#crowd, view, colours, colours.late, false);
    else this.#drawPoints(this.#discs, 0, this.#normal, view, colours, range, size * ratio);
    // Anomalies are never left out.
    this.#drawPoints(this.#marks, this.#normal, this.#count - this.#normal, view, colours, range, size * ratio);
  }

  /**
   * @param {ReturnType<typeof program>} kind @param {number} first @param {number} count
   * @param {import("./view.js").View} view @param {import("./colours.js").Colours} colours
   * @param {Range} range @param {number} size
   */
  #drawPoints({ program: points, at }, first, count, view, colours, range, size) {
    if (count === 0) return;
    const gl = this.#gl;
    gl.useProgram(points);
    gl.bindVertexArray(this.#vertices);
    gl.uniform2f(at("centre"), view.x, view.y);
    gl.uniform2f(at("perUnit"), (2 * view.scale) / view.width, (2 * view.scale) / view.height);
    gl.uniform1f(at("size"), size);
    gl.uniform2f(at("range"), range.from, range.to);
    gl.uniform3f(at("surface"), ...colours.surface);
    gl.uniform3f(at("early"), ...colours.early);
    gl.uniform3f(at("late"), ...colours.late);
    gl.uniform3f(at("timeless"), ...colours.point);
    const severities = [colours.low, colours.medium, colours.high, colours.critical];
    gl.uniform3fv(at("severities"), severities.flat());
    gl.drawArrays(gl.POINTS, first, count);
  }

  /**
   * @param {{texture: WebGLTexture, density: import("./density.js").Density}} layer
   * @param {import("./view.js").View} view @param {import("./colours.js").Colours} colours
   * @param {import("./colours.js").Colour} dense @param {boolean} hatched
   */
  #drawGround({ texture, density }, view, colours, dense, hatched) {
    const gl = this.#gl;
    const { program: ground, at } = this.#ground;
    gl.useProgram(ground);
    gl.bindVertexArray(this.#quad);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.uniform2f(at("origin"), (view.x - density.left) / density.size, (view.y - density.bottom) / density.size);
    const half = 2 * view.scale * density.size;
    gl.uniform2f(at("perScreen"), view.width / half, view.height / half);
    gl.uniform3f(at("surface"), ...colours.surface);
    gl.uniform3f(at("dense"), ...dense);
    gl.uniform3f(at("hatch"), ...colours.hatch);
    gl.uniform1f(at("hatched"), hatched ? 1 : 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  #upload() {
    this.#gl.bindBuffer(this.#gl.ARRAY_BUFFER, this.#buffer);
    this.#gl.bufferData(this.#gl.ARRAY_BUFFER, this.#content, this.#gl.STATIC_DRAW);
  }

  /** @param {import("./density.js").Density} density */
  #texture(density) {
    const gl = this.#gl;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, SIDE, SIDE, 0, gl.RED, gl.UNSIGNED_BYTE, density.cells);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
    return texture;
  }
}

/**
 * Compiles a program and says where its uniforms are.
 * @param {WebGL2RenderingContext} gl @param {string} vertex @param {string} fragment
 * @param {Record<string, number>} attributes
 */
function program(gl, vertex, fragment, attributes) {
  const made = gl.createProgram();
  for (const [kind, source] of /** @type {[number, string][]} */ ([
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  for (const [name, index] of Object.entries(attributes)) gl.bindAttribLocation(made, index, name);
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost())
    throw new Error(`The map's program does not link: ${gl.getProgramInfoLog(made)}`);
  /** @type {Map<string, WebGLUniformLocation | null>} */
  const known = new Map();
  /** @param {string} name */
  const at = (name) => {
    if (!known.has(name)) known.set(name, gl.getUniformLocation(made, name));
    return known.get(name) ?? null;
  };
  return { program: made, at };
}
