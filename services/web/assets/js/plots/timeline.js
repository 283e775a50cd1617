// @ts-check
/**
 * The time axis: distance divided by threshold, with alerts as bands above it, runs as segments below, baselines and
 * failed runs as lines. What is marked here is marked on the map.
 *
 * Events of the element, which bubble: `time-range` ({from, to} or null) and `time-point` (a time or null), in
 * seconds since 1970.
 */

import { drawMark, severityOf } from "./marks.js";
import { axis, plot, timeAxis, token } from "./plot.js";

/**
 * @typedef {object} Timeline as GET /machines/{id}/timeline responds
 * @property {{at: string[], samples: number[], anomalies: number[], min: number[], max: number[], mean: number[]}} series
 * @property {{first_at: string, last_at: string, state: string, analysis_id: string}[]} runs
 * @property {{severity: import("./marks.js").Severity, first_seen_at: string, last_seen_at: string, resolved_at: string | null, status: string}[]} alerts
 * @property {{kind: string, at: string, text: string | null}[]} marks
 * @property {string} since
 * @property {string} until
 */

const HEIGHT = 220;
const [ALERTS, RUNS] = [10, 8];
/** From here on, ratios are drawn on a logarithmic axis. */
const MAX_LINEAR = 8;
const LEAST = 0.01;

export class TimeAxis {
  #element;
  /** @type {Timeline} */ #timeline;
  #bands;
  #words;
  #drawn;
  /** @type {number | null} */ #selected = null;
  /** @type {{from: number, to: number} | null} */ #range = null;

  /**
   * @param {HTMLElement} element
   * @param {Timeline} timeline
   * @param {{bands: number[], words: Record<string, string>}} about severity bands; words: ratio, mean, baseline, failed_run
   */
  constructor(element, timeline, { bands, words }) {
    this.#element = element;
    this.#timeline = timeline;
    this.#bands = bands;
    this.#words = words;
    this.#drawn = plot(element, (width) => this.#options(width), this.#data());
    element.addEventListener("pointerleave", () => this.#tell("time-point", null));
  }

  /** @param {Timeline} timeline */
  setTimeline(timeline) {
    this.#timeline = timeline;
    this.#drawn.setData(this.#data());
  }

  /** Mark a time, such as that of the selected sample. @param {number | null} at */
  select(at) {
    this.#selected = at;
    this.#drawn.u.redraw(false);
  }

  /** Show where a sample of the map lies. @param {number | null} at */
  point(at) {
    const { u } = this.#drawn;
    u.setCursor(at === null ? { left: -10, top: -10 } : { left: u.valToPos(at, "x"), top: 0 }, false);
  }

  /** @param {{from: number, to: number} | null} range */
  setRange(range) {
    this.#range = range;
    this.#drawn.u.redraw(false);
  }

  destroy() {
    this.#drawn.destroy();
  }

  #data() {
    const { at, min, max, mean } = this.#timeline.series;
    const least = (/** @type {number} */ value) => Math.max(value, LEAST);
    return [at.map(seconds), max.map(least), min.map(least), mean.map(least)];
  }

  /** @param {number} width */
  #options(width) {
    const element = this.#element;
    const { series, since, until } = this.#timeline;
    const highest = Math.max(1.5, ...series.max.filter(Number.isFinite));
    const point = token(element, "--point");
    const line = { width: 1, points: { show: false }, spanGaps: false };
    return {
      width,
      height: HEIGHT,
      padding: [ALERTS + 8, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { show: false } },
      scales: {
        x: { time: true, range: [seconds(since), seconds(until)] },
        y: highest > MAX_LINEAR ? { distr: 3, range: [LEAST * 10, highest * 1.3] } : { range: [0, highest * 1.1] },
      },
      axes: [timeAxis(element), axis(element, { size: 56, label: this.#words.ratio, labelSize: 18 })],
      series: [{}, { ...line, stroke: point, width: 0 }, { ...line, stroke: point, width: 0 }, { ...line, stroke: token(element, "--map-late"), width: 1.5 }],
      bands: [{ series: [1, 2], fill: `${point}44` }],
      hooks: {
        drawClear: [(/** @type {any} */ u) => this.#drawBehind(u)],
        draw: [(/** @type {any} */ u) => this.#drawAbove(u)],
        setSelect: [(/** @type {any} */ u) => this.#selectRange(u)],
        setCursor: [(/** @type {any} */ u) => this.#pointAt(u)],
      },
    };
  }

  /** Alerts and the chosen range. @param {any} u */
  #drawBehind(u) {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    ctx.save();
    if (this.#range) {
      const [from, to] = [this.#range.from, this.#range.to].map((at) => clamp(u, at));
      ctx.fillStyle = token(this.#element, "--tint");
      ctx.fillRect(from, bbox.top, Math.max(2, to - from), bbox.height);
    }
    for (const alert of this.#timeline.alerts) {
      const from = clamp(u, seconds(alert.first_seen_at));
      const to = clamp(u, seconds(alert.resolved_at ?? (alert.status === "resolved" ? alert.last_seen_at : this.#timeline.until)));
      if (to <= bbox.left || from >= bbox.left + bbox.width) continue;
      const length = Math.max(3 * ratio, to - from);
      ctx.fillStyle = token(this.#element, `--${alert.severity}`);
      ctx.fillRect(from, bbox.top - (ALERTS - 2) * ratio, length, (ALERTS - 5) * ratio);
      ctx.globalAlpha = 0.08;
      ctx.fillRect(from, bbox.top, length, bbox.height);
      ctx.globalAlpha = 1;
    }
    ctx.restore();
  }

  /** Threshold, runs, baselines, anomalies and the selected time. @param {any} u */
  #drawAbove(u) {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    ctx.save();
    const one = Math.round(u.valToPos(1, "y", true)) + 0.5;
    line(ctx, token(this.#element, "--text"), [5 * ratio, 3 * ratio], bbox.left, one, bbox.left + bbox.width, one, ratio);
    ctx.fillStyle = token(this.#element, "--control");
    for (const run of this.#timeline.runs) {
      const from = clamp(u, seconds(run.first_at));
      ctx.fillRect(from, bbox.top + bbox.height - 4 * ratio, Math.max(2 * ratio, clamp(u, seconds(run.last_at)) - from - ratio), 4 * ratio);
    }
    ctx.font = `${11 * ratio}px ${getComputedStyle(this.#element).fontFamily}`;
    ctx.textAlign = "left";
    let free = -Infinity;
    for (const mark of [...this.#timeline.marks].reverse()) {
      const at = u.valToPos(seconds(mark.at), "x", true);
      if (at < bbox.left || at > bbox.left + bbox.width) continue;
      const muted = token(this.#element, "--muted");
      line(ctx, muted, [2 * ratio, 2 * ratio], at, bbox.top, at, bbox.top + bbox.height, ratio);
      const text = this.#words[mark.kind] ?? mark.kind;
      if (at < free || at + ctx.measureText(text).width > bbox.left + bbox.width) continue;
      ctx.fillStyle = muted;
      ctx.fillText(text, at + 4 * ratio, bbox.top + 11 * ratio);
      free = at + ctx.measureText(text).width + 12 * ratio;
    }
    this.#drawAnomalies(u, ratio);
    if (this.#selected !== null) {
      const at = u.valToPos(this.#selected, "x", true);
      line(ctx, token(this.#element, "--accent"), [], at, bbox.top, at, bbox.top + bbox.height, 2 * ratio);
    }
    ctx.restore();
  }

  /** @param {any} u @param {number} ratio */
  #drawAnomalies(u, ratio) {
    const { at, max, anomalies } = this.#timeline.series;
    u.ctx.strokeStyle = token(this.#element, "--surface");
    u.ctx.lineWidth = ratio;
    const worst = at.map((_, i) => i).filter((i) => anomalies[i] > 0 && max[i] > 1).sort((a, b) => max[a] - max[b]);
    for (const i of worst) {
      const severity = severityOf(max[i], this.#bands);
      u.ctx.fillStyle = token(this.#element, `--${severity}`);
      drawMark(u.ctx, severity, u.valToPos(seconds(at[i]), "x", true), u.valToPos(max[i], "y", true), 4 * ratio);
    }
  }

  /** @param {any} u */
  #selectRange(u) {
    if (u.select.width < 2) return;
    const range = { from: u.posToVal(u.select.left, "x"), to: u.posToVal(u.select.left + u.select.width, "x") };
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.setRange(range);
    this.#tell("time-range", range);
  }

  /** @param {any} u */
  #pointAt(u) {
    // Only what a person does is told: the map moves the cursor, too.
    if (u.cursor.event && u.cursor.left >= 0) this.#tell("time-point", u.posToVal(u.cursor.left, "x"));
  }

  /** @param {string} name @param {unknown} detail */
  #tell(name, detail) {
    this.#element.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

/** @param {string} time */
export function seconds(time) {
  return Date.parse(time) / 1000;
}

/** The pixel of a time, at most at the edge. @param {any} u @param {number} at */
function clamp(u, at) {
  return Math.min(u.bbox.left + u.bbox.width, Math.max(u.bbox.left, u.valToPos(at, "x", true)));
}

/**
 * @param {CanvasRenderingContext2D} ctx @param {string} colour @param {number[]} dash
 * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 @param {number} width
 */
function line(ctx, colour, dash, x0, y0, x1, y1, width) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
  ctx.setLineDash([]);
}
