// What the tests of the islands do in the browser. Each function imports the module that it tries.

const count = 4000;

function samples() {
  let seed = 3;
  const even = () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0), (seed + 0.5) / 2 ** 32);
  const x = Float32Array.from({ length: count }, () => 10 * even());
  const y = Float32Array.from({ length: count }, () => 10 * even());
  x[17] = y[17] = NaN;
  return { x, y };
}

/** What the grid finds otherwise than a search of all samples. */
export async function grid() {
  const { Grid } = await import("/assets/js/map/grid.js");
  const { x, y } = samples();
  const tried = new Grid(x, y);
  const all = [...x.keys()].filter((i) => !Number.isNaN(x[i]));
  const apart = (i, px, py) => Math.hypot(x[i] - px, y[i] - py);
  const nearest = (px, py, some = all) => some.reduce((a, b) => (apart(a, px, py) <= apart(b, px, py) ? a : b), some[0] ?? -1);
  const wrong = [];
  for (const [px, py] of [[5, 5], [-3, 4], [11, 12], [0, 0], [9.99, 0.01], [4.2, 30]]) {
    const best = nearest(px, py);
    if (tried.nearest(px, py, Infinity) !== best) wrong.push(["nearest", px, py]);
    if (tried.nearest(px, py, apart(best, px, py) * 0.999) !== -1) wrong.push(["too far", px, py]);
  }
  for (const from of [0, 5, 1234])
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      const lies = (i) => {
        const along = (x[i] - x[from]) * dx + (y[i] - y[from]) * dy;
        const across = Math.abs((x[i] - x[from]) * dy) + Math.abs((y[i] - y[from]) * dx);
        return i !== from && along > 0 && across <= along;
      };
      const best = nearest(x[from], y[from], all.filter(lies));
      if (tried.towards(from, dx, dy) !== best) wrong.push(["towards", from, dx, dy]);
    }
  const triangle = [{ x: 1, y: 1 }, { x: 8, y: 2 }, { x: 3, y: 9 }];
  const side = (i, a, b) => Math.sign((b.x - a.x) * (y[i] - a.y) - (b.y - a.y) * (x[i] - a.x));
  const inside = all.filter((i) => triangle.every((a, k) => side(i, a, triangle[(k + 1) % 3]) > 0));
  if (String([...tried.within(triangle)]) !== String(inside)) wrong.push(["lasso"]);
  if (new Grid(new Float32Array(0), new Float32Array(0)).nearest(0, 0, 1) !== -1) wrong.push(["empty"]);
  return wrong;
}

export async function columns(bytes) {
  const { decode } = await import("/assets/js/machine/columns.js");
  const { time, x, y, ratio, mark } = decode(Uint8Array.from(bytes).buffer);
  return { time: time[0], x: [...x].map(String), y: y[2], ratio: ratio[2], mark: [...mark] };
}

export async function roles(given) {
  const { withRoles } = await import("/assets/js/analyses/roles.js");
  return withRoles(given);
}

/** A map of 300 samples: 299 in one corner of the data, one of them critical, and one in the other corner. */
export async function show() {
  const { ScatterMap } = await import("/assets/js/map/map.js");
  const places = () => ({ x: new Float32Array(300), y: new Float32Array(300) });
  const run = { ...places(), time: Float64Array.from({ length: 300 }, (_, i) => 1e9 + i), mark: new Uint8Array(300) };
  run.x[299] = run.y[299] = 8;
  run.mark[7] = 4;
  const box = document.getElementById("map");
  const map = new ScatterMap(box);
  map.show({ x: new Float32Array([0, 8]), y: new Float32Array([0, 8]) }, run);
  map.drawNow();
  window.told = [];
  box.addEventListener("map-select", (event) => window.told.push(event.detail));
  box.addEventListener("map-lasso", (event) => window.told.push(event.detail && event.detail.length));
  window.map = map;
  return map;
}

/** The pixel where the critical sample lies, and the colour that it should have. */
function corner(map) {
  map.drawNow();
  const box = document.getElementById("map");
  const canvas = box.querySelector("canvas");
  const gl = canvas.getContext("webgl2");
  const ratio = canvas.width / box.clientWidth;
  const away = (0.84 * Math.min(box.clientWidth, box.clientHeight)) / 2;
  const pixel = new Uint8Array(4);
  const [px, py] = [(box.clientWidth / 2 - away) * ratio, canvas.height - (box.clientHeight / 2 + away) * ratio];
  gl.readPixels(px, py, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  const value = Number.parseInt(getComputedStyle(box).getPropertyValue("--critical").trim().slice(1), 16);
  return { pixel: [...pixel].slice(0, 3), critical: [value >> 16, (value >> 8) & 255, value & 255] };
}

export async function drawn() {
  return corner(await show());
}

export async function restored() {
  const map = await show();
  const canvas = document.querySelector("#map canvas");
  const lost = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
  const back = new Promise((resolve) => canvas.addEventListener("webglcontextrestored", resolve));
  canvas.addEventListener("webglcontextlost", () => setTimeout(() => lost.restoreContext(), 0));
  lost.loseContext();
  await back;
  return corner(map);
}

export async function axis(timeline) {
  const { TimeAxis } = await import("/assets/js/plots/timeline.js");
  const box = document.getElementById("map");
  window.told = [];
  box.addEventListener("time-range", (event) => window.told.push(event.detail));
  const words = { ratio: "times the threshold", baseline: "Baseline" };
  window.axis = new TimeAxis(box, timeline, { bands: [1.5, 2, 3], words });
}
