// @ts-check
// Curves in a small plot with axes.

import { element, formatNumber, ticksBetween } from "./elements.js";

const SVG = "http://www.w3.org/2000/svg";
const FRAME = { left: 54, right: 10, top: 10, bottom: 36 };
/** Outlines of the marks of the first, second and third curve: disc, square and diamond. */
const MARKS = ["M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0Z", "M-4-4H4V4H-4Z", "M0-6 6 0 0 6-6 0Z"];

/**
 * Return a figure of curves over each other, the first one dashed where there are two.
 * @param {{title: string, across: string, down: string, x: [number, number], y: [number, number], words: string,
 *   curves: {name: string, x: number[], y: number[], intervals?: [number, number][]}[], ticks?: number[],
 *   size?: [number, number]}} plot a curve with intervals has marks at its points; ticks are those of x
 * @returns {HTMLElement}
 */
export function drawCurves({ title, across, down, x, y, words, curves, ticks, size = [420, 190] }) {
  const svg = make("svg", { "viewBox": `0 0 ${size.join(" ")}`, "role": "img", "aria-label": `${title}. ${words}` });
  const [width, height] = [size[0] - FRAME.left - FRAME.right, size[1] - FRAME.top - FRAME.bottom];
  const atX = (/** @type {number} */ value) => FRAME.left + (width * (value - x[0])) / (x[1] - x[0] || 1);
  const atY = (/** @type {number} */ value) => FRAME.top + height * (1 - (value - y[0]) / (y[1] - y[0] || 1));
  for (const value of ticks ?? ticksBetween(x[0], x[1], 5)) {
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
  svg.append(make("text", { "x": FRAME.left + width / 2, "y": size[1] - 4, "text-anchor": "middle" }, across));
  svg.append(
    make("text", { "transform": `translate(10 ${FRAME.top + height / 2}) rotate(-90)`, "text-anchor": "middle" }, down),
  );
  curves.forEach((curve, i) => {
    const points = curve.x.map((value, k) => `${atX(value).toFixed(1)},${atY(curve.y[k]).toFixed(1)}`);
    svg.append(make("polyline", { points: points.join(" "), class: `sd-curve sd-curve-${i}` }));
    curve.intervals?.forEach(([low, high], k) => {
      const at = atX(curve.x[k]).toFixed(1);
      svg.append(make("path", { d: `M${at} ${atY(low)}V${atY(high)}`, class: `sd-interval sd-interval-${i}` }));
      const place = `translate(${at} ${atY(curve.y[k])})`;
      svg.append(make("path", { d: MARKS[i], transform: place, class: `sd-mark sd-mark-${i}` }));
    });
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
