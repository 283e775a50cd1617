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
