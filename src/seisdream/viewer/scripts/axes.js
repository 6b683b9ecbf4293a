// @ts-check
// The axes of a section, with the numbers of its survey, and the bar of its colours.

import { capitalize, formatNumber, ticksBetween } from "./elements.js";
import { numberAt, positionOf } from "./samples.js";

/** @typedef {{x: number, y: number, width: number, height: number}} Area */
/** @typedef {{ink: string, scale: number, right: number}} Pen colour, size of words, and where the canvas ends */

/** Height of words in CSS pixels, before they are scaled. */
export const TEXT_SIZE = 12;
const LONGEST_BAR = 360;

/**
 * Draw the frame of a section, the vertical axis on its left and the horizontal one above it.
 * @param {CanvasRenderingContext2D} context @param {Area} area
 * @param {import("./samples.js").Payload} payload
 * @param {{x0: number, x1: number, y0: number, y1: number}} view @param {Pen} pen
 */
export function drawAxes(context, area, { across, down }, { x0, x1, y0, y1 }, { ink, scale }) {
  [context.fillStyle, context.strokeStyle, context.lineWidth] = [ink, ink, 1];
  context.strokeRect(area.x - 0.5, area.y - 0.5, area.width + 1, area.height + 1);
  context.textBaseline = "middle";
  context.textAlign = "right";
  context.beginPath();
  for (const [position, words] of axisTicks(down, y0, y1, area.height / (48 * scale))) {
    const y = Math.round(area.y + ((position - y0) / (y1 - y0)) * area.height) + 0.5;
    context.moveTo(area.x - 5, y);
    context.lineTo(area.x - 1, y);
    context.fillText(words, area.x - 8, y);
  }
  context.textAlign = "center";
  let end = -1e9;
  for (const [position, words] of axisTicks(across, x0, x1, area.width / (72 * scale))) {
    const x = Math.round(area.x + ((position - x0) / (x1 - x0)) * area.width) + 0.5;
    const half = context.measureText(words).width / 2 + 4;
    context.moveTo(x, area.y - 5);
    context.lineTo(x, area.y - 1);
    if (x - half < end) continue;
    end = x + half;
    context.fillText(words, x, area.y - 2 - TEXT_SIZE * scale);
  }
  context.stroke();
  context.textAlign = "left";
  context.fillText(axisWords(down), 4, 9 * scale);
  context.textAlign = "center";
  context.fillText(axisWords(across), area.x + area.width / 2, 9 * scale);
}

/**
 * Draw a colour bar right of a section.
 * @param {CanvasRenderingContext2D} context @param {Area} area
 * @param {{x: number, colours: Uint32Array, range: [number, number]}} bar
 * @param {Pen} pen
 */
export function drawColourBar(context, area, { x, colours, range: [low, high] }, { ink, scale }) {
  const height = Math.min(area.height, LONGEST_BAR * scale);
  for (let y = 0; y < height; y++) {
    const pixel = colours[Math.round(255 * (1 - y / (height - 1)))];
    context.fillStyle = `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})`;
    context.fillRect(x, area.y + y, 12, 1);
  }
  [context.fillStyle, context.strokeStyle] = [ink, ink];
  context.strokeRect(x - 0.5, area.y - 0.5, 13, height + 1);
  context.textAlign = "left";
  context.beginPath();
  for (const value of ticksBetween(low, high, height / (60 * scale))) {
    const y = Math.round(area.y + (1 - (value - low) / (high - low)) * (height - 1)) + 0.5;
    context.moveTo(x + 13, y);
    context.lineTo(x + 16, y);
    context.fillText(formatNumber(value), x + 19, Math.max(area.y + 5, y));
  }
  context.stroke();
}

/**
 * Write what a colour bar shows on one of the lines above a section.
 * @param {CanvasRenderingContext2D} context
 * @param {{words: string, line: number, height: number}} text @param {Pen} pen
 */
export function drawBarWords(context, { words, line, height }, { ink, scale, right }) {
  [context.fillStyle, context.textAlign] = [ink, "right"];
  context.fillText(words, right, scale * (9 + height * line));
}

/**
 * Return the ticks of an axis as positions in samples with their words.
 * @param {import("./samples.js").Axis} axis
 * @param {number} low @param {number} high edges of the view @param {number} count
 * @returns {[number, string][]}
 */
function axisTicks(axis, low, high, count) {
  if (axis.values) {
    const positions = ticksBetween(low, high - 1, count, true);
    return positions.map((at) => [at + 0.5, formatNumber(numberAt(axis, at))]);
  }
  const isWhole = !["time", "depth"].includes(axis.name);
  const [first, last] = [numberAt(axis, low - 0.5), numberAt(axis, high - 0.5)];
  return ticksBetween(first, last, count, isWhole).map((value) => [positionOf(axis, value) + 0.5, formatNumber(value)]);
}

/** @param {import("./samples.js").Axis} axis */
function axisWords(axis) {
  return `${capitalize(axis.name)}${axis.unit ? ` (${axis.unit})` : ""}`;
}
