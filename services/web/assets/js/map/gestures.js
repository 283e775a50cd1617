// @ts-check
/** Turns what mouse, fingers and keys do on the map into what the map is asked for. */

/**
 * @typedef {object} Target
 * @property {(dx: number, dy: number) => void} pan
 * @property {(factor: number, px?: number, py?: number) => void} zoom
 * @property {() => void} whole
 * @property {(px: number, py: number) => void} point
 * @property {(px: number, py: number) => void} pick
 * @property {(dx: number, dy: number) => void} step
 * @property {(path: readonly {x: number, y: number}[]) => void} trace
 * @property {(path: readonly {x: number, y: number}[]) => void} enclose
 */

/** Pixels that a hand trembles in a click. */
const STILL = 4;
const KEY_ZOOM = 1.5;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Gestures {
  #surface;
  #element;
  #target;
  /** @type {Map<number, {x: number, y: number}>} */ #pressed = new Map();
  /** @type {{x: number, y: number}[]} */ #path = [];
  #lassoing = false;
  #travelled = 0;

  /** @param {HTMLElement} surface what is touched @param {HTMLElement} element what has the focus @param {Target} target */
  constructor(surface, element, target) {
    this.#surface = surface;
    this.#element = element;
    this.#target = target;
    surface.addEventListener("pointerdown", (event) => this.#press(event));
    surface.addEventListener("pointermove", (event) => this.#move(event));
    surface.addEventListener("pointerup", (event) => this.#release(event));
    surface.addEventListener("pointercancel", (event) => this.#forget(event));
    surface.addEventListener("pointerleave", () => this.#target.point(-1e9, -1e9));
    surface.addEventListener("dblclick", () => this.#target.whole());
    // The page keeps the wheel unless the map has the focus or a modifier says otherwise: nobody is trapped in it.
    surface.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {PointerEvent} event */
  #place(event) {
    const box = this.#surface.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0) return;
    this.#surface.setPointerCapture(event.pointerId);
    this.#pressed.set(event.pointerId, this.#place(event));
    this.#lassoing = this.#pressed.size === 1 && (event.shiftKey || this.#element.dataset.mode === "lasso");
    this.#path = this.#lassoing ? [this.#place(event)] : [];
    this.#travelled = 0;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const now = this.#place(event);
    const before = this.#pressed.get(event.pointerId);
    if (!before) {
      this.#target.point(now.x, now.y);
      return;
    }
    this.#travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (this.#pressed.size === 2) this.#pinch(event.pointerId, before, now);
    else if (this.#lassoing) {
      this.#path.push(now);
      this.#target.trace(this.#path);
    } else if (this.#travelled > STILL) this.#target.pan(now.x - before.x, now.y - before.y);
    this.#pressed.set(event.pointerId, now);
  }

  /** @param {number} id @param {{x: number, y: number}} before @param {{x: number, y: number}} now */
  #pinch(id, before, now) {
    const other = [...this.#pressed].find(([each]) => each !== id)?.[1];
    if (!other) return;
    const [was, is] = [before, now].map((place) => Math.hypot(place.x - other.x, place.y - other.y));
    this.#target.zoom(is / Math.max(was, 1), (now.x + other.x) / 2, (now.y + other.y) / 2);
    this.#target.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  /** @param {PointerEvent} event */
  #release(event) {
    if (!this.#pressed.delete(event.pointerId)) return;
    const { x, y } = this.#place(event);
    if (this.#lassoing) this.#target.enclose(this.#path);
    else if (this.#travelled <= STILL) this.#target.pick(x, y);
    this.#lassoing = false;
  }

  /** @param {PointerEvent} event */
  #forget(event) {
    this.#pressed.delete(event.pointerId);
    if (this.#lassoing) this.#target.enclose([]);
    this.#lassoing = false;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const focused = this.#element.contains(document.activeElement) || document.fullscreenElement === this.#element;
    if (!focused && !event.ctrlKey) return;
    event.preventDefault();
    const box = this.#surface.getBoundingClientRect();
    this.#target.zoom(1.0015 ** -event.deltaY, event.clientX - box.left, event.clientY - box.top);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) this.#target.step(...arrow);
    else if (event.key === "+" || event.key === "=") this.#target.zoom(KEY_ZOOM);
    else if (event.key === "-") this.#target.zoom(1 / KEY_ZOOM);
    else if (event.key === "0") this.#target.whole();
    else if (event.key === "Escape") this.#target.enclose([]);
    else return;
    event.preventDefault();
  }
}
