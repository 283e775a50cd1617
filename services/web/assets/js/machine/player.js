// @ts-check
/** Plays a run: a window moves through its time while the map shows the samples in it. */

const SECONDS = 12;
/** Of the run's length, what the window shows. */
const WINDOW = 0.08;
/** Where less motion is asked for, the window steps instead of gliding. */
const STEPS = 12;

export class Player {
  #button;
  #moved;
  #from = 0;
  #to = 0;
  #started = 0;
  #playing = false;

  /** @param {HTMLElement | null} button @param {(range: {from: number, to: number} | null) => void} moved */
  constructor(button, moved) {
    this.#button = button;
    this.#moved = moved;
    button?.addEventListener("click", () => (this.#playing ? this.stop() : this.play()));
  }

  /** @param {Float64Array} times */
  setTimes(times) {
    [this.#from, this.#to] = [Infinity, -Infinity];
    for (const time of times) {
      if (time < this.#from) this.#from = time;
      if (time > this.#to) this.#to = time;
    }
    if (this.#button) this.#button.hidden = !(this.#to > this.#from);
  }

  play() {
    this.#playing = true;
    this.#started = performance.now();
    this.#button?.setAttribute("aria-pressed", "true");
    this.#step();
  }

  stop() {
    this.#playing = false;
    this.#button?.setAttribute("aria-pressed", "false");
    this.#moved(null);
  }

  #step() {
    if (!this.#playing) return;
    let done = (performance.now() - this.#started) / (SECONDS * 1000);
    if (done >= 1) {
      this.stop();
      return;
    }
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (still) done = Math.floor(done * STEPS) / STEPS;
    const length = this.#to - this.#from;
    const from = this.#from + done * (1 - WINDOW) * length;
    this.#moved({ from, to: from + WINDOW * length });
    if (still) setTimeout(() => this.#step(), (SECONDS * 1000) / STEPS);
    else requestAnimationFrame(() => this.#step());
  }
}
