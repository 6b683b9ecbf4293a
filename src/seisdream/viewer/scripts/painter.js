// @ts-check
// The samples of a section on a canvas, through a table of colours.

/** @typedef {import("./samples.js").Section} Section */
/** @typedef {{x: number, y: number, width: number, height: number}} Area */

/** Draws sections, and keeps the memory that it needs for that. */
export class Painter {
  #pixels = new ImageData(1, 1);
  #sheet = document.createElement("canvas");

  /**
   * Draw a section, averaged over blocks of samples where they are smaller than pixels.
   * @param {CanvasRenderingContext2D} context @param {Area} area
   * @param {{x0: number, x1: number, y0: number, y1: number}} view in samples @param {Section} section
   * @param {Uint32Array | null} table of 256 colours; null for a section in colour
   */
  paint(context, area, { x0, x1, y0, y1 }, section, table) {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const halvings = (/** @type {number} */ samples, /** @type {number} */ pixels, /** @type {number} */ n) =>
      Math.max(0, Math.min(Math.ceil(Math.log2(n)), Math.round(Math.log2(samples / (pixels * ratio)))));
    const across = halvings(x1 - x0, area.width, section.width);
    const down = halvings(y1 - y0, area.height, section.height);
    const level = section.level(across, down);
    const [blockX, blockY] = [2 ** across, 2 ** down];
    // One more block on every side, so that colours run on to the edges of the view.
    const [c0, r0] = [Math.max(0, Math.floor(x0 / blockX) - 1), Math.max(0, Math.floor(y0 / blockY) - 1)];
    const c1 = Math.min(level.width, Math.ceil(x1 / blockX) + 1);
    const r1 = Math.min(level.height, Math.ceil(y1 / blockY) + 1);
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
    context.imageSmoothingEnabled = !section.isClasses;
    context.drawImage(
      this.#sheet,
      0,
      0,
      width,
      height,
      area.x + (c0 * blockX - x0) * scaleX,
      area.y + (r0 * blockY - y0) * scaleY,
      width * blockX * scaleX,
      height * blockY * scaleY,
    );
  }
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
