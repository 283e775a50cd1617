// @ts-check
/**
 * The page of a machine: what is marked on the time axis is marked on the map, in the table and in the address, and
 * the other way round.
 */

import { ScatterMap } from "../map/map.js";
import { TimeAxis } from "../plots/timeline.js";
import { nearestInTime, readColumns } from "./columns.js";
import { Player } from "./player.js";
import { drawFigures } from "./figures.js";

/** @typedef {import("./columns.js").Columns} Columns */

class MachinePage {
  #root;
  /** @type {ScatterMap | null} */ #map = null;
  /** @type {TimeAxis | null} */ #axis = null;
  /** @type {Columns | null} */ #columns = null;
  #player;
  #opening = new AbortController();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#player = new Player(this.#find("[data-play]"), (range) => this.#range(range, false));
    root.addEventListener("map-point", (event) => this.#axis?.point(this.#time(detail(event))));
    root.addEventListener("map-select", (event) => this.#open(detail(event)));
    root.addEventListener("map-lasso", (event) => this.#enclosed(detail(event)));
    root.addEventListener("time-range", (event) => this.#range(detail(event), true));
    root.addEventListener("time-point", (event) => this.#pointAt(detail(event)));
    root.addEventListener("click", (event) => this.#click(event));
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("dinsight:event", (event) => this.#heard(detail(event)));
    this.#start();
  }

  /** Offer a run that has completed since; what somebody looks at is not taken from them. @param {{type: string, data: string}} event */
  #heard({ type, data }) {
    if (type !== "analysis.completed" || !data.includes(this.#root.dataset.machinePage ?? "-")) return;
    this.#show("[data-newer]");
  }

  async #start() {
    const box = this.#find("[data-time-axis]");
    if (box) this.#startAxis(box);
    const map = this.#find("[data-map]");
    if (!map) return;
    try {
      this.#map = new ScatterMap(map);
    } catch {
      // The picture and the table say the same.
      this.#show("[data-no-webgl]");
      return;
    }
    this.#root.dispatchEvent(new CustomEvent("map-ready", { bubbles: true }));
    await this.#read(map).catch(() => this.#show("[data-map-failed]"));
  }

  /** @param {HTMLElement} box */
  #startAxis(box) {
    const timeline = json(box.dataset.timeline);
    if (!timeline.series.at.length) return;
    this.#axis = new TimeAxis(box, timeline, { bands: json(box.dataset.bands), words: json(box.dataset.words) });
    const { from, to } = this.#query();
    if (from && to) this.#axis.setRange({ from, to });
  }

  /** @param {HTMLElement} map */
  async #read(map) {
    /** @type {import("../map/map.js").Places} */
    let ground = { x: new Float32Array(0), y: new Float32Array(0) };
    if (map.dataset.baseline)
      await readColumns(map.dataset.baseline, (columns) => {
        ground = columns;
      });
    if (!map.dataset.columns) {
      this.#map?.show(ground, { ...ground, time: new Float64Array(ground.x.length), mark: new Uint8Array(ground.x.length) });
      return;
    }
    await readColumns(map.dataset.columns, (columns, complete) => {
      this.#columns = columns;
      this.#player.setTimes(columns.time);
      this.#map?.show(ground, columns);
      if (complete) this.#restore();
    });
    map.dataset.ready = "";
  }

  /** What the address says. */
  #restore() {
    const { from, to, sample } = this.#query();
    if (from && to) this.#range({ from, to }, false);
    if (sample >= 0) {
      this.#map?.select(sample);
      this.#axis?.select(this.#time(sample));
    }
  }

  #query() {
    const query = new URLSearchParams(location.search);
    const time = (/** @type {string} */ name) => Date.parse(query.get(name) ?? "") / 1000;
    return { from: time("from"), to: time("to"), sample: Number(query.get("sample") ?? -1) };
  }

  /** Replaces a part of the address, so that it can be sent to somebody. @param {Record<string, string | null>} changes */
  #address(changes) {
    const address = new URL(location.href);
    for (const [name, value] of Object.entries(changes))
      if (value === null) address.searchParams.delete(name);
      else address.searchParams.set(name, value);
    history.replaceState(history.state, "", address);
  }

  /** @param {{from: number, to: number} | null} range @param {boolean} keep whether the address says so, too */
  #range(range, keep) {
    this.#axis?.setRange(range);
    this.#map?.setRange(range?.from, range?.to);
    this.#count();
    if (!keep) return;
    const text = (/** @type {number | undefined} */ at) => (at === undefined ? null : new Date(at * 1000).toISOString());
    this.#address({ from: text(range?.from), to: text(range?.to) });
    const clear = this.#find("[data-clear]");
    if (clear) clear.hidden = range === null;
  }

  /** @param {Uint32Array | null} chosen */
  #enclosed(chosen) {
    const rows = new Set(chosen ?? []);
    for (const row of this.#root.querySelectorAll("tr[data-sample]"))
      row.classList.toggle("outside", chosen !== null && !rows.has(Number(/** @type {HTMLElement} */ (row).dataset.sample)));
    this.#count(chosen);
    const clear = this.#find("[data-clear]");
    if (clear) clear.hidden = chosen === null;
  }

  /** Says how many samples stand out. @param {Uint32Array | null} [chosen] */
  #count(chosen = null) {
    const box = this.#find("[data-count]");
    if (!box || !this.#columns) return;
    const { mark } = this.#columns;
    const anomalies = chosen ? chosen.reduce((sum, index) => sum + (mark[index] > 0 ? 1 : 0), 0) : 0;
    box.textContent = chosen ? (box.dataset.text ?? "").replace("{samples}", format(chosen.length)).replace("{anomalies}", format(anomalies)) : "";
  }

  /** @param {number | null} at */
  #pointAt(at) {
    if (at === null || !this.#columns) return;
    const index = nearestInTime(this.#columns.time, at);
    if (index >= 0) this.#map?.hover(index);
  }

  /** Show the panel of a sample. @param {number | null} index */
  async #open(index) {
    this.#axis?.select(this.#time(index));
    this.#address({ sample: index === null ? null : String(index) });
    for (const row of this.#root.querySelectorAll("tr[data-sample]"))
      row.classList.toggle("current", index !== null && Number(/** @type {HTMLElement} */ (row).dataset.sample) === index);
    const panel = this.#find("[data-panel]");
    if (!panel) return;
    this.#opening.abort();
    this.#opening = new AbortController();
    const { signal } = this.#opening;
    try {
      const query = index === null ? "" : `&sample=${index}`;
      const response = await fetch(`${panel.dataset.panel}${query}`, { signal });
      if (response.status === 401) return location.reload();
      if (!response.ok) throw new Error(String(response.status));
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      panel.replaceChildren(...page.body.childNodes);
      drawFigures(panel);
      this.#show("[data-panel-failed]", false);
    } catch (error) {
      if (!signal.aborted) this.#show("[data-panel-failed]");
    }
  }

  /** @param {number | null} index */
  #time(index) {
    const at = index === null ? undefined : this.#columns?.time[index];
    return at === undefined || Number.isNaN(at) ? null : at;
  }

  /** @param {Event} event */
  #click(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const action = /** @type {HTMLElement | null} */ (target.closest("[data-do]"))?.dataset.do;
    if (action === "in") this.#map?.zoom(1.5);
    else if (action === "out") this.#map?.zoom(1 / 1.5);
    else if (action === "whole") this.#map?.whole();
    else if (action === "lasso") this.#lasso(/** @type {HTMLElement} */ (target.closest("[data-do]")));
    else if (action === "clear") {
      this.#map?.setChosen(null);
      this.#enclosed(null);
      this.#range(null, true);
    }
    const link = /** @type {HTMLAnchorElement | null} */ (target.closest("a[data-go]"));
    const other = event instanceof MouseEvent && (event.ctrlKey || event.metaKey || event.shiftKey || event.button > 0);
    if (!link || other || !this.#map) return;
    event.preventDefault();
    this.#map.select(Number(link.dataset.go), true);
  }

  /** @param {HTMLElement} button */
  #lasso(button) {
    const map = this.#find("[data-map]");
    if (!map) return;
    const on = map.dataset.mode !== "lasso";
    map.dataset.mode = on ? "lasso" : "";
    button.setAttribute("aria-pressed", String(on));
  }

  /** The neighbours in time of the selected sample. @param {KeyboardEvent} event */
  #key(event) {
    const step = { "[": -1, "]": 1 }[event.key];
    const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select");
    if (!step || typing || !this.#map || event.ctrlKey || event.metaKey || event.altKey) return;
    if (localStorage.getItem("keys") === "off") return;
    const next = Math.min(this.#map.samples - 1, Math.max(0, this.#map.selected + step));
    this.#map.select(next, true);
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement | null} */ (this.#root.querySelector(selector));
  }

  /** @param {string} selector @param {boolean} shown */
  #show(selector, shown = true) {
    const element = this.#find(selector);
    if (element) element.hidden = !shown;
  }
}

/** @param {Event} event */
function detail(event) {
  return /** @type {CustomEvent} */ (event).detail;
}

/** @param {string | undefined} text */
function json(text) {
  return JSON.parse(text ?? "null");
}

/** @param {number} value */
function format(value) {
  return value.toLocaleString(document.documentElement.lang || "en");
}

for (const root of document.querySelectorAll("[data-machine-page]")) new MachinePage(/** @type {HTMLElement} */ (root));
