// @ts-check
// Curves in a small plot with axes.

import { element, formatNumber, ticksBetween } from "./elements.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [420, 190];
const FRAME = { left: 54, right: 10, top: 10, bottom: 36 };

/**
 * Return a figure of curves over each other, the first one dashed where there are two.
 * @param {{title: string, across: string, down: string, x: [number, number], y: [number, number], words: string,
 *   curves: {name: string, x: number[], y: number[]}[]}} plot
 * @returns {HTMLElement}
 */
export function drawCurves({ title, across, down, x, y, words, curves }) {
  const svg = make("svg", { "viewBox": `0 0 ${WIDTH} ${HEIGHT}`, "role": "img", "aria-label": `${title}. ${words}` });
  const [width, height] = [WIDTH - FRAME.left - FRAME.right, HEIGHT - FRAME.top - FRAME.bottom];
  const atX = (/** @type {number} */ value) => FRAME.left + (width * (value - x[0])) / (x[1] - x[0] || 1);
  const atY = (/** @type {number} */ value) => FRAME.top + height * (1 - (value - y[0]) / (y[1] - y[0] || 1));
  for (const value of ticksBetween(x[0], x[1], 5)) {
    svg.append(
      make("line", { x1: atX(value), x2: atX(value), y1: FRAME.top, y2: FRAME.top + height, class: "sd-grid" }),
    );
    svg.append(
      make("text", { "x": atX(value), "y": FRAME.top + height + 14, "text-anchor": "middle" }, formatNumber(value)),
    );
  }
  for (const value of ticksBetween(y[0], y[1], 4)) {
    svg.append(
      make("line", { x1: FRAME.left, x2: FRAME.left + width, y1: atY(value), y2: atY(value), class: "sd-grid" }),
    );
    svg.append(make("text", { "x": FRAME.left - 6, "y": atY(value) + 4, "text-anchor": "end" }, formatNumber(value)));
  }
  svg.append(make("text", { "x": FRAME.left + width / 2, "y": HEIGHT - 4, "text-anchor": "middle" }, across));
  svg.append(
    make("text", { "transform": `translate(10 ${FRAME.top + height / 2}) rotate(-90)`, "text-anchor": "middle" }, down),
  );
  curves.forEach((curve, i) => {
    const points = curve.x.map((value, k) => `${atX(value).toFixed(1)},${atY(curve.y[k]).toFixed(1)}`);
    svg.append(make("polyline", { points: points.join(" "), class: `sd-curve sd-curve-${i}` }));
  });
  const names = curves.map(({ name }, i) => element("span", { class: `sd-name sd-name-${i}` }, name));
  return element(
    "figure",
    { class: "sd-plot" },
    element("figcaption", {}, title, ...(curves.length > 1 ? names : [])),
    svg,
  );
}

/** @param {string} tag @param {Record<string, any>} attributes @param {...string} children */
function make(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}
