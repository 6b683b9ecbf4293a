// @ts-check
// A mask drawn by hand over a section, by brush and by polygon.

import { element } from "/viewer/viewer.js";

/** Where the section may change: 0 to 255 for each sample. Event: "change". */
export class MaskEditor extends EventTarget {
  /** @type {Uint8Array | null} */ mask = null;
  #kind = "";
  #radius = 12;
  /** @type {[number, number][]} in samples */ #corners = [];
  /** @type {{x: number, y: number} | null} */ #pointer = null;
  /** @type {[number, number] | null} where the stroke of the brush is, in samples */ #last = null;

  /** @param {any} viewer */
  constructor(viewer) {
    super();
    this.viewer = viewer;
    const tool = (/** @type {string} */ kind, /** @type {string} */ words) =>
      element(
        "button",
        { "type": "button", "aria-pressed": "false", "data-kind": kind, "onclick": () => this.use(kind) },
        words,
      );
    this.tools = [tool("brush", "Brush"), tool("erase", "Erase"), tool("polygon", "Polygon")];
    const size = element("input", { type: "range", min: 2, max: 60, value: this.#radius, id: "brush-size" });
    size.addEventListener("input", () => (this.#radius = Number(size.value)));
    this.size = element("span", { class: "brush" }, element("label", { for: "brush-size" }, "Size"), size);
    this.clearButton = element("button", { type: "button", onclick: () => this.clear() }, "Clear");
    this.words = element("p", { "class": "hint", "aria-live": "polite" });
    this.host = element(
      "div",
      { "class": "mask row", "role": "group", "aria-label": "Mask" },
      element("span", { class: "hint" }, "Mask"),
      ...this.tools,
      this.size,
      this.clearButton,
      this.words,
    );
    this.#listener = (/** @type {any} */ event) => {
      // The cross-hair draws as the pointer does.
      if (this.#kind) this.#touch([event.detail.column + 0.5, event.detail.row + 0.5]);
    };
    viewer.addEventListener("point", this.#listener);
    this.#describe();
  }
  #listener;

  /** Take a tool, or put back the one that was taken. @param {string} kind */
  use(kind) {
    this.take(this.#kind === kind ? "" : kind);
  }

  /** @param {string} kind of the tool to hold; empty for none */
  take(kind) {
    this.#finishPolygon();
    this.#kind = kind;
    for (const one of this.tools) one.setAttribute("aria-pressed", String(one.dataset.kind === this.#kind));
    this.viewer.tool = this.#kind
      ? {
          down: (/** @type {any} */ at) => {
            this.#last = null;
            this.#touch(this.#samplesAt(at));
          },
          move: (/** @type {any} */ at, /** @type {any} */ _viewer, /** @type {boolean} */ isDown) => {
            this.#pointer = at;
            if (isDown && this.#kind !== "polygon") this.#touch(this.#samplesAt(at));
          },
          up: () => {},
          draw: (/** @type {CanvasRenderingContext2D} */ context) => this.#draw(context),
        }
      : null;
    this.viewer.requestDraw();
    this.#describe();
  }

  /** Show a mask that was drawn before. @param {{shape: number[], data: string}} request */
  restore({ shape, data }) {
    const { width, height } = this.viewer.section;
    if (shape[0] !== height || shape[1] !== width) return;
    this.mask = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    this.#changed();
  }

  clear() {
    [this.mask, this.#corners] = [null, []];
    this.#changed();
  }

  /** Put the tool back and leave the viewer. */
  end() {
    this.take("");
    this.viewer.removeEventListener("point", this.#listener);
    this.viewer.setMask(null);
  }

  /** Return the mask as a request names it; null where nothing is drawn. */
  toRequest() {
    this.#finishPolygon();
    if (!this.mask?.some(Boolean)) return null;
    let text = "";
    for (let i = 0; i < this.mask.length; i += 8192) text += String.fromCharCode(...this.mask.subarray(i, i + 8192));
    return { shape: [this.viewer.section.height, this.viewer.section.width], data: btoa(text) };
  }

  /** @param {{x: number, y: number}} at @returns {[number, number]} */
  #samplesAt(at) {
    const { area, view } = this.viewer;
    return [
      view.x0 + ((at.x - area.x) / area.width) * (view.x1 - view.x0),
      view.y0 + ((at.y - area.y) / area.height) * (view.y1 - view.y0),
    ];
  }

  /** @param {[number, number]} samples @returns {[number, number]} in CSS pixels of the viewer */
  #pixelsAt([column, row]) {
    const { area, view } = this.viewer;
    return [
      area.x + ((column - view.x0) / (view.x1 - view.x0)) * area.width,
      area.y + ((row - view.y0) / (view.y1 - view.y0)) * area.height,
    ];
  }

  /** @param {[number, number]} samples */
  #touch(samples) {
    if (this.#kind === "polygon") {
      const [x, y] = this.#pixelsAt(samples);
      const first = this.#corners.length > 2 ? this.#pixelsAt(this.#corners[0]) : null;
      if (first && Math.hypot(first[0] - x, first[1] - y) < 12) return this.#finishPolygon();
      this.#corners.push(samples);
      this.viewer.requestDraw(true);
      return this.#describe();
    }
    const { area, view, section } = this.viewer;
    const radius = [
      (this.#radius * (view.x1 - view.x0)) / area.width,
      (this.#radius * (view.y1 - view.y0)) / area.height,
    ];
    // A fast pointer reports few places: the stroke joins them.
    const from = this.#last ?? samples;
    this.#last = samples;
    const [dx, dy] = [(samples[0] - from[0]) / radius[0], (samples[1] - from[1]) / radius[1]];
    const isInside = (/** @type {number} */ column, /** @type {number} */ row) => {
      const [x, y] = [(column - from[0]) / radius[0], (row - from[1]) / radius[1]];
      const share = Math.max(0, Math.min(1, (x * dx + y * dy) / (dx ** 2 + dy ** 2 || 1)));
      return (x - share * dx) ** 2 + (y - share * dy) ** 2 <= 1;
    };
    return this.#fill(isInside, [
      Math.max(0, Math.floor(Math.min(from[0], samples[0]) - radius[0])),
      Math.min(section.width, Math.ceil(Math.max(from[0], samples[0]) + radius[0])),
      Math.max(0, Math.floor(Math.min(from[1], samples[1]) - radius[1])),
      Math.min(section.height, Math.ceil(Math.max(from[1], samples[1]) + radius[1])),
    ]);
  }

  #finishPolygon() {
    const corners = this.#corners;
    this.#corners = [];
    if (corners.length < 3) return;
    const { width, height } = this.viewer.section;
    const isInside = (/** @type {number} */ x, /** @type {number} */ y) => {
      let inside = false;
      corners.forEach(([x0, y0], i) => {
        const [x1, y1] = corners[(i + 1) % corners.length];
        if (y0 > y !== y1 > y && x < x0 + ((y - y0) / (y1 - y0)) * (x1 - x0)) inside = !inside;
      });
      return inside;
    };
    const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
    this.#fill(isInside, [
      Math.max(0, Math.floor(Math.min(...xs))),
      Math.min(width, Math.ceil(Math.max(...xs))),
      Math.max(0, Math.floor(Math.min(...ys))),
      Math.min(height, Math.ceil(Math.max(...ys))),
    ]);
  }

  /** @param {(x: number, y: number) => boolean} isInside @param {number[]} bounds */
  #fill(isInside, [x0, x1, y0, y1]) {
    const { width, height } = this.viewer.section;
    this.mask ??= new Uint8Array(width * height);
    const value = this.#kind === "erase" ? 0 : 255;
    for (let row = y0; row < y1; row++) {
      for (let column = x0; column < x1; column++) {
        if (isInside(column + 0.5, row + 0.5)) this.mask[row * width + column] = value;
      }
    }
    this.#changed();
  }

  #changed() {
    this.viewer.setMask(this.mask);
    this.#describe();
    this.dispatchEvent(new Event("change"));
  }

  #describe() {
    const share = this.mask ? (100 * this.mask.reduce((sum, one) => sum + (one ? 1 : 0), 0)) / this.mask.length : 0;
    const drawn = share
      ? `The mask covers ${share < 10 ? share.toFixed(1) : Math.round(share)} % of the section. `
      : "";
    const help = {
      "": drawn ? "" : "No mask: the whole section may change.",
      "brush": "Drag over what may change.",
      "erase": "Drag over what must not change.",
      "polygon": this.#corners.length > 2 ? "Click the first corner to close." : "Click the corners.",
    }[this.#kind];
    this.words.textContent = drawn + help;
    this.size.hidden = !["brush", "erase"].includes(this.#kind);
    this.clearButton.hidden = !this.mask && !this.#corners.length;
  }

  /** @param {CanvasRenderingContext2D} context */
  #draw(context) {
    context.strokeStyle = "#00a651";
    context.lineWidth = 2;
    context.beginPath();
    if (this.#kind === "polygon") {
      this.#corners
        .map((corner) => this.#pixelsAt(corner))
        .forEach(([x, y], i) => {
          if (i) context.lineTo(x, y);
          else context.moveTo(x, y);
        });
      if (this.#corners.length && this.#pointer) context.lineTo(this.#pointer.x, this.#pointer.y);
    } else if (this.#pointer) context.arc(this.#pointer.x, this.#pointer.y, this.#radius, 0, 2 * Math.PI);
    context.stroke();
  }
}
