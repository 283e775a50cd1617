// @ts-check
/** What all plots share: uPlot in the page's type and colours, as wide as the box that it is in. */

/** @typedef {(element: Element, token: string) => string} Token */

/** @param {Element} element @param {string} name of a token of the style sheet */
export function token(element, name) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

/** @param {HTMLElement} element @param {object} [own] */
export function axis(element, own = {}) {
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  const grid = { stroke: token(element, "--line"), width: 1 };
  return { stroke: token(element, "--muted"), font, labelFont: font, grid, ticks: { ...grid, size: 4 }, ...own };
}

const DAY = 86_400;

/** An axis of times, in the language of the page. @param {HTMLElement} element @param {object} [own] */
export function timeAxis(element, own = {}) {
  const language = document.documentElement.lang;
  /** @param {Intl.DateTimeFormatOptions} parts */
  const written = (parts) => new Intl.DateTimeFormat(language, parts);
  const [hour, day, month] = [
    written({ hour: "2-digit", minute: "2-digit" }),
    written({ day: "numeric", month: "short" }),
    written({ month: "short", year: "numeric" }),
  ];
  const values = (/** @type {any} */ _u, /** @type {number[]} */ at) => {
    const step = at.length > 1 ? at[1] - at[0] : DAY;
    return at.map((/** @type {number} */ seconds) => {
      const date = new Date(seconds * 1000);
      if (step >= 28 * DAY) return month.format(date);
      // Where a day begins, its name; between, the time.
      return date.getHours() + date.getMinutes() === 0 ? day.format(date) : hour.format(date);
    });
  };
  return axis(element, { values, space: 72, ...own });
}

/**
 * Draw a plot, again whenever the box changes its width or the theme its colours.
 * @param {HTMLElement} element
 * @param {(width: number) => any} options of uPlot, for this width
 * @param {any} data
 */
export function plot(element, options, data) {
  /** @type {any} */
  let drawn = null;
  const make = () => {
    drawn?.destroy();
    element.replaceChildren();
    drawn = new (/** @type {any} */ (globalThis).uPlot)(options(element.clientWidth || 600), data, element);
  };
  make();
  const sizes = new ResizeObserver(() => {
    if (element.clientWidth && element.clientWidth !== drawn.width) drawn.setSize({ width: element.clientWidth, height: drawn.height });
  });
  sizes.observe(element);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", make);
  return {
    get u() {
      return drawn;
    },
    /** @param {any} next */
    setData(next) {
      data = next;
      make();
    },
    destroy() {
      sizes.disconnect();
      dark.removeEventListener("change", make);
      drawn.destroy();
    },
  };
}
