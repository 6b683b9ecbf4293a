// @ts-check
// The samples of a section on a canvas, through a table of colours.

import { WebglSurface } from "./webgl.js";

/** @typedef {import("./samples.js").Level} Level */
/** @typedef {import("./samples.js").Section} Section */
/** @typedef {{x: number, y: number, width: number, height: number}} Area */

const TRIAL_SIDE = 512;
const TRIALS = 3;

/** Draws sections, and keeps the memory that it needs for that. */
export class Painter {
  /** @type {WebglSurface | null | undefined} Of all painters; null draws without it, undefined is not known yet. */
  static surface = undefined;
  #pixels = new ImageData(1, 1);
  #sheet = document.createElement("canvas");

  /**
   * Draw a section, averaged over blocks of samples where they are smaller than pixels.
   * @param {CanvasRenderingContext2D} context @param {Area} area
   * @param {{x0: number, x1: number, y0: number, y1: number}} view in samples @param {Section} section
   * @param {Uint32Array | null} table of 65,536 colours, or 256 of classes; null for a section in colour
   */
  paint(context, area, { x0, x1, y0, y1 }, section, table) {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const halvings = (/** @type {number} */ samples, /** @type {number} */ pixels, /** @type {number} */ n) =>
      Math.max(0, Math.min(Math.ceil(Math.log2(n)), Math.round(Math.log2(samples / (pixels * ratio)))));
    const across = halvings(x1 - x0, area.width, section.width);
    const down = halvings(y1 - y0, area.height, section.height);
    const level = section.level(across, down);
    const view = { x0: x0 / 2 ** across, x1: x1 / 2 ** across, y0: y0 / 2 ** down, y1: y1 / 2 ** down };
    if (Painter.surface === undefined) Painter.surface = fasterSurface();
    if (!this.#paintWebgl(context, area, view, level, table, !section.isClasses)) {
      this.paintCanvas(context, area, view, level, table, !section.isClasses);
    }
  }

  /**
   * Draw a level pixel by pixel.
   * @param {CanvasRenderingContext2D} context @param {Area} area
   * @param {{x0: number, x1: number, y0: number, y1: number}} view in samples of the level @param {Level} level
   * @param {Uint32Array | null} table @param {boolean} isSmooth
   */
  paintCanvas(context, area, { x0, x1, y0, y1 }, level, table, isSmooth) {
    // One more sample on every side, so that colours run on to the edges of the view.
    const [c0, r0] = [Math.max(0, Math.floor(x0) - 1), Math.max(0, Math.floor(y0) - 1)];
    const [c1, r1] = [Math.min(level.width, Math.ceil(x1) + 1), Math.min(level.height, Math.ceil(y1) + 1)];
    const [width, height] = [c1 - c0, r1 - r0];
    if (this.#pixels.width < width || this.#pixels.height < height) {
      this.#pixels = new ImageData(Math.max(width, this.#pixels.width), Math.max(height, this.#pixels.height));
      [this.#sheet.width, this.#sheet.height] = [this.#pixels.width, this.#pixels.height];
    }
    const pixels = new Uint32Array(this.#pixels.data.buffer);
    for (let row = 0; row < height; row++) {
      let from = (r0 + row) * level.width + c0;
      let to = row * this.#pixels.width;
      if (table) for (const end = to + width; to < end;) pixels[to++] = table[level.data[from++]];
      else for (const end = to + width; to < end;) pixels[to++] = level.data[from++];
    }
    const sheet = /** @type {CanvasRenderingContext2D} */ (this.#sheet.getContext("2d"));
    sheet.putImageData(this.#pixels, 0, 0, 0, 0, width, height);
    const [scaleX, scaleY] = [area.width / (x1 - x0), area.height / (y1 - y0)];
    const [x, y] = [area.x + (c0 - x0) * scaleX, area.y + (r0 - y0) * scaleY];
    context.imageSmoothingEnabled = isSmooth;
    context.drawImage(this.#sheet, 0, 0, width, height, x, y, width * scaleX, height * scaleY);
  }

  /**
   * Draw a level by the graphics processor; false where that cannot be done.
   * @param {CanvasRenderingContext2D} context @param {Area} area
   * @param {{x0: number, x1: number, y0: number, y1: number}} view in samples of the level @param {Level} level
   * @param {Uint32Array | null} table @param {boolean} isSmooth
   */
  #paintWebgl(context, area, view, level, table, isSmooth) {
    const { surface } = Painter;
    if (!surface) return false;
    const { a: ratio } = context.getTransform();
    const scaleX = (view.x1 - view.x0) / (area.width * ratio);
    const scaleY = (view.y1 - view.y0) / (area.height * ratio);
    const place = { x: view.x0 - area.x * ratio * scaleX, y: view.y0 - area.y * ratio * scaleY, scaleX, scaleY };
    const [left, top] = [area.x, area.y].map((edge) => Math.floor(edge * ratio));
    const [right, bottom] = [area.x + area.width, area.y + area.height].map((edge) => Math.ceil(edge * ratio));
    if (!surface.draw(level, place, { left, top, right, bottom }, table, isSmooth)) {
      Painter.surface = null;
      return false;
    }
    const [width, height] = [right - left, bottom - top];
    context.save();
    context.resetTransform();
    context.drawImage(surface.canvas, left, top, width, height, left, top, width, height);
    context.restore();
    return true;
  }
}

/** Return a surface of WebGL where a trial draws faster on it than without; else null. */
function fasterSurface() {
  const surface = WebglSurface.open();
  if (!surface) return null;
  const n = TRIAL_SIDE;
  const level = { width: n, height: n, data: Uint16Array.from({ length: n * n }, (_, i) => i * 40503) };
  const table = Uint32Array.from({ length: 65536 }, (_, i) => i | 0xff000000);
  const part = { left: 0, top: 0, right: n, bottom: n };
  const view = { x0: 0, x1: n, y0: 0, y1: n };
  const painter = new Painter();
  const milliseconds = (/** @type {(context: CanvasRenderingContext2D) => void} */ draw) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [n, n];
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    let start = 0;
    for (let k = 0; k <= TRIALS; k++) {
      draw(context);
      // Reading a pixel waits until all is drawn; the first drawing prepares what the others need.
      if (k === 0 || k === TRIALS) context.getImageData(0, 0, 1, 1);
      if (k === 0) start = performance.now();
    }
    return performance.now() - start;
  };
  const ofWebgl = milliseconds((context) => {
    surface.draw(level, { x: 0, y: 0, scaleX: 1, scaleY: 1 }, part, table, true);
    context.drawImage(surface.canvas, 0, 0);
  });
  const ofCanvas = milliseconds((context) =>
    painter.paintCanvas(context, { x: 0, y: 0, width: n, height: n }, view, level, table, true),
  );
  return ofWebgl < ofCanvas ? surface : null;
}

/** Hatch what has no data. @param {CanvasRenderingContext2D} context @param {Area} area */
export function hatch(context, area) {
  context.fillStyle = "#e7dfcd";
  context.fillRect(area.x, area.y, area.width, area.height);
  context.strokeStyle = "#c3b798";
  context.lineWidth = 1;
  context.beginPath();
  for (let x = area.x - area.height; x < area.x + area.width; x += 8) {
    context.moveTo(x, area.y + area.height);
    context.lineTo(x + area.height, area.y);
  }
  context.stroke();
}
