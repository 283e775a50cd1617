// @ts-check
/** Draws the figures that a part of the page describes in its attributes. */

import { drawSpectrum, drawTrend } from "../plots/lines.js";

/** @param {ParentNode} part */
export function drawFigures(part) {
  for (const box of /** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll("[data-spectrum]")))
    drawSpectrum(box, JSON.parse(box.dataset.spectrum ?? ""));
  for (const box of /** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll("[data-trend]")))
    drawTrend(box, JSON.parse(box.dataset.trend ?? ""));
}

// Modules that draw parts which arrive later import this one, too: what the page began with is drawn here.
drawFigures(document);
