// @ts-check
/** Draws the same samples with the page's map or with Plotly, and measures in the browser. */

const query = new URLSearchParams(location.search);
const COUNT = Number(query.get("count"));
const FRAMES = 12;
const SIZE = 3;

/** The same numbers in every run. */
function samples() {
  let seed = 7;
  const even = () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0), (seed + 0.5) / 2 ** 32);
  const normal = () => Math.sqrt(-2 * Math.log(even())) * Math.cos(2 * Math.PI * even());
  const x = new Float32Array(COUNT);
  const y = new Float32Array(COUNT);
  const time = new Float64Array(COUNT);
  const mark = new Uint8Array(COUNT);
  for (let i = 0; i < COUNT; i++) {
    const late = Math.max(0, i / COUNT - 0.95) * 100;
    x[i] = [0, 4, 1][i % 3] + 0.6 * normal() + late;
    y[i] = [0, 1, 4][i % 3] + 0.6 * normal() + late / 2;
    time[i] = 1.7e9 + 60 * i;
    mark[i] = late > 0 ? Math.min(4, 1 + Math.floor(late)) : 0;
  }
  return { x, y, time, mark };
}

/** Waits until everything is drawn: reading a pixel needs the whole picture. @param {WebGLRenderingContext | WebGL2RenderingContext} gl */
function finish(gl) {
  const pixel = new Uint8Array(4);
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
}

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

async function ours(/** @type {any} */ data) {
  const { ScatterMap } = await import("/assets/js/map/map.js");
  const start = performance.now();
  const box = document.getElementById("map");
  const map = new ScatterMap(box);
  const ground = { x: data.x.slice(0, 2000), y: data.y.slice(0, 2000) };
  map.show(ground, data);
  map.drawNow();
  const gl = box.querySelector("canvas").getContext("webgl2");
  finish(gl);
  const first = performance.now() - start;
  const all = [];
  for (let i = 0; i < FRAMES; i++) {
    const begin = performance.now();
    map.select(i);
    map.drawNow();
    finish(gl);
    all.push(performance.now() - begin);
    await nextFrame();
  }
  const frames = [];
  for (let i = 0; i < FRAMES; i++) {
    const begin = performance.now();
    map.pan(i % 2 ? 9 : -9, 4);
    map.zoom(1.02);
    map.drawNow();
    finish(gl);
    frames.push(performance.now() - begin);
    await nextFrame();
  }
  const picking = performance.now();
  for (let i = 0; i < 100; i++) map.point(9 * i, 6 * i);
  const pick = (performance.now() - picking) / 100;
  map.whole();
  await nextFrame();
  return { first, all, frames, pick };
}

async function plotly(/** @type {any} */ data) {
  await new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: "/bench/plotly.js", onload: resolve, onerror: reject });
    document.head.append(script);
  });
  const { Plotly } = /** @type {any} */ (globalThis);
  const token = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const start = performance.now();
  const colours = [token("--map-late"), token("--low"), token("--medium"), token("--high"), token("--critical")];
  const shapes = ["circle", "circle", "triangle-up", "diamond", "square"];
  // A trace per severity: so shapes and colours need no column of texts, which would only be slower.
  const traces = shapes.map((symbol, mark) => {
    const own = [...data.mark.keys()].filter((i) => data.mark[i] === mark);
    return { type: "scattergl", mode: "markers", x: Float32Array.from(own, (i) => data.x[i]), y: Float32Array.from(own, (i) => data.y[i]), marker: { symbol, size: mark ? 2.5 * SIZE : SIZE, color: colours[mark] } };
  });
  const layout = { width: 900, height: 600, margin: { l: 40, r: 10, t: 10, b: 30 }, showlegend: false, hovermode: "closest", dragmode: "pan" };
  await Plotly.newPlot("map", traces, layout, { displayModeBar: false, staticPlot: false });
  const canvases = [...document.querySelectorAll("#map canvas")];
  const contexts = canvases.map((canvas) => /** @type {any} */ (canvas).getContext("webgl")).filter(Boolean);
  contexts.forEach(finish);
  const first = performance.now() - start;
  const frames = [];
  let [left, right, bottom, top] = [-3, 9, -3, 7];
  for (let i = 0; i < FRAMES; i++) {
    const begin = performance.now();
    [left, right, bottom, top] = [left * 0.98 + 0.1, right * 0.98 + 0.1, bottom * 0.98, top * 0.98];
    await Plotly.relayout("map", { "xaxis.range": [left, right], "yaxis.range": [bottom, top] });
    contexts.forEach(finish);
    frames.push(performance.now() - begin);
    await nextFrame();
  }
  return { first, all: frames, frames, pick: null };
}

const work = query.get("which") === "plotly" ? plotly : ours;
work(samples()).then(
  (found) => Object.assign(globalThis, { found }),
  (error) => Object.assign(globalThis, { found: { error: String(error) } }),
);
