// @ts-check
// The section viewer: a section on a canvas with axes, colour bar, zoom, pan, gain, wiggles and readout.

import { TEXT_SIZE, drawAxes, drawColourBar } from "./axes.js";
import { COLOUR_MAPS, amplitudeTable, classTable, coloursOf, overlayTable, pixelOf } from "./colours.js";
import { capitalize, choice, element, formatNumber } from "./elements.js";
import { Section, numberAt } from "./samples.js";
import { drawWiggles } from "./wiggles.js";

/** @typedef {{x: number, y: number, width: number, height: number}} Area */
/** @typedef {{x0: number, x1: number, y0: number, y1: number}} View in samples; 0 is the outer edge of the first */
/** @typedef {{map: string, clip: number, gain: number, polarity: string, traces: string, exaggeration: number}} Display */

/** How a section is drawn unless stated: gain is in dB, clip a percentile of absolute amplitude. */
export const DISPLAY = { map: "grey", clip: 99, gain: 0, polarity: "normal", traces: "colours", exaggeration: 1 };
const CLIPS = [90, 95, 98, 99, 99.5, 99.9, 100];
const TRACES = [["colours", "Colours"], ["wiggles", "Wiggles over colours"], ["area", "Variable area"]];
const GAIN_STEP_DB = 3;
const BAR_WIDTH = 72;
/** Green, the more opaque the more a sample may change. */
const MASK_TABLE = Uint32Array.from({ length: 256 }, (_, code) => pixelOf(0, 166, 81, Math.round(0.4 * code)));
const FONT = 'system-ui, "Segoe UI", Roboto, sans-serif';
const KEYS = [
  ["← → ↑ ↓", "move the view"],
  ["+ −", "zoom in, out"],
  ["0", "whole section"],
  ["[ ]", "vertical exaggeration less, more"],
  ["g G", "gain +3 dB, −3 dB"],
  ["m", "next colour map"],
  ["p", "reverse the polarity"],
  ["w", "wiggles, variable area"],
  ["c", "cross-hair: arrows move it (Shift: by 10), Enter chooses the point, Escape ends"],
];

/**
 * A section with its controls. Events: "view", "display", "cursor" and "point" (detail: across, down, column, row,
 * value; null where the cursor leaves).
 */
export class SectionViewer extends EventTarget {
  /** @type {Section | null} */ section = null;
  /** @type {Section | null} Whose percentile scales the colours; by default the section's own. */ reference = null;
  /** @type {{section: Section, opacity: number} | null} */ overlay = null;
  /** @type {{section: Section, share: number} | null} */ wipe = null;
  /** @type {Section | null} */ mask = null;
  /** @type {View} */ view = { x0: 0, x1: 1, y0: 0, y1: 1 };
  /** @type {Display} */ display = { ...DISPLAY };
  /** @type {{column: number, row: number} | null} */ cursor = null;
  /** @type {{column: number, row: number} | null} A sample that stays marked. */ mark = null;
  /** @type {{down: Function, move: Function, up: Function, draw?: Function} | null} A tool that takes the pointer. */
  tool = null;
  /** @type {((column: number, row: number) => string) | null} More words for the readout. */ describe = null;
  isCrossHair = false;

  #tables = new WeakMap();
  #pixels = new ImageData(1, 1);
  #sheet = document.createElement("canvas");
  #frame = 0;
  /** @type {Map<number, {x: number, y: number}>} */ #pointers = new Map();
  #hasMoved = false;

  /**
   * @param {HTMLElement} host
   * @param {{section?: Section, display?: Partial<Display>, wheel?: "always" | "focused", label?: string}} [options]
   *   The wheel zooms always, or only where the section has the focus or Ctrl is held, so that a long page scrolls.
   */
  constructor(host, { section, display, wheel = "focused", label } = {}) {
    super();
    this.host = host;
    this.wheel = wheel;
    this.base = element("canvas", { class: "sd-base", "aria-hidden": "true" });
    this.top = element("canvas", { class: "sd-top", "aria-hidden": "true" });
    this.stage = element(
      "div",
      { class: "sd-stage", tabindex: "0", role: "application", "aria-label": label ?? "Section" },
      this.base,
      this.top,
    );
    this.label = label;
    this.readout = element("output", { class: "sd-readout", "aria-live": "off" });
    this.legend = element("ul", { class: "sd-legend", "aria-label": "Classes" });
    this.tools = element("div", { class: "sd-tools", role: "group", "aria-label": "Display" });
    host.classList.add("sd-viewer");
    host.replaceChildren(this.tools, this.stage, element("div", { class: "sd-foot" }, this.readout, this.legend));
    this.display = { ...DISPLAY, ...display };
    this.#makeTools();
    this.#listen();
    if (section) this.setSection(section);
  }

  /**
   * Show another section; the view is kept where the shape stays.
   * @param {Section} section
   */
  setSection(section) {
    const isSame = this.section?.width === section.width && this.section?.height === section.height;
    this.section = section;
    if (!isSame) {
      [this.overlay, this.mask, this.cursor, this.mark] = [null, null, null, null];
      this.view = this.whole();
    }
    const title = this.label ?? section.payload.title ?? "Section";
    this.stage.setAttribute("aria-label", `${title}. Arrows move the view, plus and minus zoom, c sets a cross-hair.`);
    if (this.cursor) this.setCursor(this.cursor, true);
    this.#showLegend();
    this.#showDisplay();
    this.requestDraw();
  }

  /**
   * Draw classes or values over the section; null takes them away.
   * @param {Section | null} section @param {number} [opacity] 0 to 1
   */
  setOverlay(section, opacity = 0.5) {
    this.overlay = section && { section, opacity };
    this.#showLegend();
    this.requestDraw();
  }

  /**
   * Draw a second section to the right of a share of the width; null takes it away.
   * @param {Section | null} section @param {number} [share] 0 to 1
   */
  setWipe(section, share = 0.5) {
    this.wipe = section && { section, share };
    this.requestDraw();
  }

  /** @param {Uint8Array | null} mask 0 to 255 for each sample, row by row */
  setMask(mask) {
    const { width = 0, height = 0, payload } = this.section ?? {};
    this.mask = mask && payload ? new Section({ ...payload, shape: [height, width], dtype: "uint8" }, mask) : null;
    this.requestDraw();
  }

  /** @param {{column: number, row: number} | null} mark a sample to ring */
  setMark(mark) {
    this.mark = mark;
    this.requestDraw(true);
  }

  /** @param {Partial<Display>} display */
  setDisplay(display) {
    const stretch = (display.exaggeration ?? this.display.exaggeration) / this.display.exaggeration;
    this.display = { ...this.display, ...display };
    if (stretch !== 1) this.#scale(1, 1 / stretch);
    this.#showDisplay();
    this.requestDraw();
    this.dispatchEvent(new CustomEvent("display", { detail: this.display }));
  }

  /**
   * Show part of the section, at least four samples each way and nothing beyond its edges.
   * @param {Partial<View>} view
   */
  setView(view) {
    if (!this.section) return;
    const next = { ...this.view, ...view };
    const limit = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ n) => {
      const size = Math.min(n, Math.max(Math.min(4, n), high - low));
      const first = Math.max(0, Math.min(n - size, low));
      return [first, first + size];
    };
    const [x0, x1] = limit(next.x0, next.x1, this.section.width);
    const [y0, y1] = limit(next.y0, next.y1, this.section.height);
    if (["x0", "x1", "y0", "y1"].every((key, i) => this.view[key] === [x0, x1, y0, y1][i])) return;
    this.view = { x0, x1, y0, y1 };
    this.requestDraw();
    this.dispatchEvent(new CustomEvent("view", { detail: this.view }));
  }

  /** Return the view of the whole section, less where it is exaggerated. @returns {View} */
  whole() {
    const { width = 1, height = 1 } = this.section ?? {};
    const share = Math.min(1, 1 / this.display.exaggeration);
    const across = Math.min(1, this.display.exaggeration);
    const [x, y] = [(width * (1 - across)) / 2, (height * (1 - share)) / 2];
    return { x0: x, x1: width - x, y0: y, y1: height - y };
  }

  /**
   * Zoom about a point of the canvas, by default its middle.
   * @param {number} factor above 1 zooms in
   * @param {{x: number, y: number}} [about] in CSS pixels of the canvas
   */
  zoom(factor, about) {
    this.#scale(1 / factor, 1 / factor, about);
  }

  /** @param {number} across @param {number} down @param {{x: number, y: number}} [about] */
  #scale(across, down, about) {
    const { x0, x1, y0, y1 } = this.view;
    const area = this.area;
    const [u, v] = about ? [(about.x - area.x) / area.width, (about.y - area.y) / area.height] : [0.5, 0.5];
    const [x, y] = [x0 + u * (x1 - x0), y0 + v * (y1 - y0)];
    this.setView({
      x0: x - u * (x1 - x0) * across,
      x1: x + (1 - u) * (x1 - x0) * across,
      y0: y - v * (y1 - y0) * down,
      y1: y + (1 - v) * (y1 - y0) * down,
    });
  }

  /** @param {number} across @param {number} down in shares of the view */
  pan(across, down) {
    const { x0, x1, y0, y1 } = this.view;
    const [dx, dy] = [across * (x1 - x0), down * (y1 - y0)];
    this.setView(this.#moved(dx, dy));
  }

  /** @param {number} dx @param {number} dy in samples @returns {View} of the same size */
  #moved(dx, dy) {
    const { x0, x1, y0, y1 } = this.view;
    const { width, height } = /** @type {Section} */ (this.section);
    dx = Math.max(-x0, Math.min(width - x1, dx));
    dy = Math.max(-y0, Math.min(height - y1, dy));
    return { x0: x0 + dx, x1: x1 + dx, y0: y0 + dy, y1: y1 + dy };
  }

  /**
   * Mark a sample and read it out; null takes the mark away.
   * @param {{column: number, row: number} | null} cursor
   * @param {boolean} [isQuiet] send no event, for views that follow another
   */
  setCursor(cursor, isQuiet = false) {
    if (!this.section) return;
    this.cursor = cursor;
    this.readout.textContent = cursor ? this.words(cursor.column, cursor.row) : "";
    this.requestDraw(true);
    if (!isQuiet) this.dispatchEvent(new CustomEvent("cursor", { detail: cursor && this.#detail(cursor) }));
  }

  /** @param {{column: number, row: number}} at */
  #detail({ column, row }) {
    const { payload } = /** @type {Section} */ (this.section);
    const value = this.section?.valueAt(column, row);
    return { column, row, across: numberAt(payload.across, column), down: numberAt(payload.down, row), value };
  }

  /**
   * Return the readout of a sample: its line, position, amplitude and class.
   * @param {number} column @param {number} row
   */
  words(column, row) {
    const section = /** @type {Section} */ (this.section);
    const { payload } = section;
    const parts = Object.entries(payload.line ?? {}).map(([name, number]) => `${name} ${formatNumber(number)}`);
    parts.push(`${payload.across.name} ${formatNumber(numberAt(payload.across, column))}`);
    for (const [name, numbers] of Object.entries(payload.along ?? {})) parts.push(`${name} ${numbers[column]}`);
    const { down } = payload;
    parts.push(`${down.name} ${formatNumber(numberAt(down, row))}${down.unit ? ` ${down.unit}` : ""}`);
    for (const one of [section, this.wipe?.section, this.overlay?.section]) {
      if (!one || one.isColour) continue;
      const value = one.valueAt(column, row);
      const { quantity, unit } = this.#quantityOf(one);
      if (one.isClasses) parts.push(value === undefined ? "no class" : (one.payload.classes?.[value].name ?? ""));
      else if (value === undefined) parts.push("no data");
      else parts.push(`${quantity} ${formatNumber(value)}${unit ? ` ${unit}` : ""}`);
    }
    const more = this.describe?.(column, row);
    if (more) parts.push(more);
    return parts.join(" · ");
  }

  /**
   * Return the samples that have the first and the last colour.
   * @param {Section} section
   * @returns {[number, number]} in the units of the section
   */
  rangeOf(section) {
    const boost = 10 ** (-this.display.gain / 20);
    if (section.payload.range) {
      const [low, high] = section.payload.range;
      return low === -high ? [low * boost, high * boost] : [low, low + (high - low) * boost];
    }
    const isSibling = this.reference && section !== this.overlay?.section && section.payload.quantity !== "difference";
    const clip = (isSibling ? /** @type {Section} */ (this.reference) : section).clipAt(this.display.clip) * boost;
    return [-clip, clip];
  }

  /** What the numbers of a section are; those of an overlay have its title. @param {Section} section */
  #quantityOf(section) {
    const { quantity = "amplitude", title, unit = "" } = section.payload;
    const isOverlay = section === this.overlay?.section;
    return { quantity: isOverlay ? (title ?? quantity).toLowerCase() : quantity, unit };
  }

  /** @param {Section} section @returns {Uint32Array | null} */
  #tableOf(section) {
    if (section.isColour) return null;
    if (section.isClasses) return classTable(section.payload.classes ?? []);
    const [low, high] = this.rangeOf(section);
    const { map, polarity } = { ...this.display, ...(section.payload.map && { map: section.payload.map }) };
    const key = [map, polarity, low, high].join();
    const known = this.#tables.get(section);
    if (known?.key === key) return known.table;
    const colours = coloursOf(map, polarity === "reversed");
    const table = amplitudeTable(colours, low / section.unit, high / section.unit);
    this.#tables.set(section, { key, table });
    return table;
  }

  /** Where the samples are drawn, in CSS pixels of the canvas. @returns {Area} */
  get area() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    const scale = this.#textScale;
    const left = scale * (width < 480 ? 46 : 64);
    const right = 12 + this.#bars().length * BAR_WIDTH * scale;
    const top = 40 * scale;
    return { x: left, y: top, width: Math.max(8, width - left - right), height: Math.max(8, height - top - 12) };
  }

  /** How large words are, from the size of the text around: on a wall they are read from afar. */
  get #textScale() {
    return Math.max(1, Number.parseFloat(getComputedStyle(this.host).fontSize) / (TEXT_SIZE + 1));
  }

  /** Sections that need a colour bar. @returns {Section[]} */
  #bars() {
    const shown = [this.section, this.overlay?.section];
    return /** @type {Section[]} */ (shown.filter((one) => one && !one.isClasses && !one.isColour));
  }

  /** Draw before the next frame. @param {boolean} [isTopOnly] */
  requestDraw(isTopOnly = false) {
    this.#isDirty ||= !isTopOnly;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#isDirty) this.draw();
      else this.#drawTop();
    });
  }
  #isDirty = true;

  /** Draw now. */
  draw() {
    this.#isDirty = false;
    if (!this.section || !this.stage.clientWidth) return;
    const context = this.#prepare(this.base);
    const { area } = this;
    context.save();
    context.beginPath();
    context.rect(area.x, area.y, area.width, area.height);
    context.clip();
    this.#drawGround(context, area);
    if (this.display.traces === "area") {
      context.fillStyle = "#fff";
      context.fillRect(area.x, area.y, area.width, area.height);
    } else this.#drawSection(context, area, this.section, this.#tableOf(this.section));
    if (this.display.traces !== "colours") this.#drawTraces(context, area, this.section);
    if (this.wipe) this.#drawWipe(context, area, this.wipe);
    if (this.overlay) this.#drawOverlay(context, area, this.overlay);
    if (this.mask) this.#drawSection(context, area, this.mask, MASK_TABLE);
    context.restore();
    drawAxes(context, area, this.section.payload, this.view, this.#pen());
    this.#bars().forEach((section, i) => this.#drawBar(context, area, section, i));
    this.#drawTop();
  }

  /** @param {HTMLCanvasElement} canvas */
  #prepare(canvas) {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [this.stage.clientWidth * ratio, this.stage.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.stage.clientWidth, this.stage.clientHeight);
    context.font = `${TEXT_SIZE * this.#textScale}px ${FONT}`;
    return context;
  }

  /** Hatch what has no data. @param {CanvasRenderingContext2D} context @param {Area} area */
  #drawGround(context, area) {
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

  /**
   * @param {CanvasRenderingContext2D} context @param {Area} area @param {Section} section
   * @param {Uint32Array | null} table
   */
  #drawSection(context, area, section, table) {
    const { x0, x1, y0, y1 } = this.view;
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
      if (table) for (const end = to + width; to < end; ) pixels[to++] = table[level.data[from++]];
      else for (const end = to + width; to < end; ) pixels[to++] = level.data[from++];
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

  /** @param {CanvasRenderingContext2D} context @param {Area} area @param {Section} section */
  #drawTraces(context, area, section) {
    if (section.isClasses || section.isColour) return;
    const [low, high] = this.rangeOf(section);
    const sign = this.display.polarity === "reversed" ? -1 : 1;
    drawWiggles(context, area, section, this.view, { middle: (low + high) / 2, reach: (sign * (high - low)) / 2 });
  }

  /** @param {CanvasRenderingContext2D} context @param {Area} area @param {{section: Section, share: number}} wipe */
  #drawWipe(context, area, { section, share }) {
    const x = area.x + share * area.width;
    context.save();
    context.beginPath();
    context.rect(x, area.y, area.x + area.width - x, area.height);
    context.clip();
    this.#drawGround(context, area);
    if (this.display.traces === "area") {
      context.fillStyle = "#fff";
      context.fillRect(x, area.y, area.width, area.height);
    } else this.#drawSection(context, area, section, this.#tableOf(section));
    if (this.display.traces !== "colours") this.#drawTraces(context, area, section);
    context.restore();
    context.fillStyle = "#00a651";
    context.fillRect(x - 1, area.y, 2, area.height);
  }

  /** @param {CanvasRenderingContext2D} context @param {Area} area @param {{section: Section, opacity: number}} overlay */
  #drawOverlay(context, area, { section, opacity }) {
    let table;
    if (section.isClasses) table = classTable(section.payload.classes ?? [], opacity);
    else {
      const [low, high] = this.rangeOf(section);
      table = overlayTable(this.#overlayColours(section), low / section.unit, high / section.unit, opacity);
    }
    this.#drawSection(context, area, section, table);
  }

  /** @param {Section} section */
  #overlayColours(section) {
    return coloursOf(section.payload.map ?? (section.payload.range ? "viridis" : "blue-red"));
  }

  /** @param {CanvasRenderingContext2D} context @param {Area} area @param {Section} section @param {number} i */
  #drawBar(context, area, section, i) {
    const isOverlay = section !== this.section;
    const map = section.payload.map ?? this.display.map;
    const colours = isOverlay ? this.#overlayColours(section) : coloursOf(map, this.display.polarity === "reversed");
    const { quantity, unit } = this.#quantityOf(section);
    const words = `${capitalize(quantity)}${unit ? ` (${unit})` : ""}`;
    const x = area.x + area.width + 14 + i * BAR_WIDTH * this.#textScale;
    drawColourBar(context, area, { x, colours, range: this.rangeOf(section), words, line: isOverlay ? 1 : 0 }, this.#pen());
  }

  /** What axes and bars are drawn with. */
  #pen() {
    const ink = getComputedStyle(this.host).getPropertyValue("--sd-ink");
    return { ink, scale: this.#textScale, right: this.stage.clientWidth - 4 };
  }

  #drawTop() {
    const context = this.#prepare(this.top);
    const { area, view } = this;
    const pixelsOf = (/** @type {{column: number, row: number}} */ { column, row }) => [
      area.x + ((column + 0.5 - view.x0) / (view.x1 - view.x0)) * area.width,
      area.y + ((row + 0.5 - view.y0) / (view.y1 - view.y0)) * area.height,
    ];
    const lines = new Path2D();
    if (this.cursor) {
      const [x, y] = pixelsOf(this.cursor);
      lines.moveTo(area.x, y);
      lines.lineTo(area.x + area.width, y);
      lines.moveTo(x, area.y);
      lines.lineTo(x, area.y + area.height);
    }
    const rings = new Path2D();
    if (this.mark) {
      const [x, y] = pixelsOf(this.mark);
      rings.arc(x, y, 7, 0, 2 * Math.PI);
    }
    context.save();
    context.beginPath();
    context.rect(area.x, area.y, area.width, area.height);
    context.clip();
    // Light on dark, so that they show on every colour.
    for (const [colour, width] of /** @type {[string, number][]} */ ([["#000a", 3], ["#ffd166", 1.5]])) {
      [context.strokeStyle, context.lineWidth] = [colour, width];
      context.globalAlpha = this.isCrossHair ? 1 : 0.45;
      context.stroke(lines);
      context.globalAlpha = 1;
      context.stroke(rings);
    }
    context.restore();
    this.tool?.draw?.(context, this);
  }

  /**
   * Return the sample under a position of the stage; null outside.
   * @param {{x: number, y: number}} at in CSS pixels
   */
  sampleAt(at) {
    const { area, view, section } = this;
    if (!section) return null;
    const column = Math.floor(view.x0 + ((at.x - area.x) / area.width) * (view.x1 - view.x0));
    const row = Math.floor(view.y0 + ((at.y - area.y) / area.height) * (view.y1 - view.y0));
    const isInside = column >= 0 && row >= 0 && column < section.width && row < section.height;
    const isOn = at.x >= area.x && at.x <= area.x + area.width && at.y >= area.y && at.y <= area.y + area.height;
    return isInside && isOn ? { column, row } : null;
  }

  /** @param {PointerEvent | WheelEvent} event */
  #positionOf(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #listen() {
    const { stage } = this;
    new ResizeObserver(() => this.requestDraw()).observe(stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.requestDraw());
    stage.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.#pointerDown(event));
    stage.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.#pointerMove(event));
    for (const name of ["pointerup", "pointercancel"]) {
      stage.addEventListener(name, (/** @type {PointerEvent} */ event) => this.#pointerUp(event));
    }
    stage.addEventListener("pointerleave", () => {
      if (!this.isCrossHair) this.setCursor(null);
    });
    stage.addEventListener(
      "wheel",
      (/** @type {WheelEvent} */ event) => {
        if (this.wheel === "focused" && document.activeElement !== stage && !event.ctrlKey) return;
        event.preventDefault();
        this.zoom(2 ** (-event.deltaY / 300), this.#positionOf(event));
      },
      { passive: false },
    );
    stage.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
  }

  /** @param {PointerEvent} event */
  #pointerDown(event) {
    if (event.button !== 0) return;
    const at = this.#positionOf(event);
    this.#pointers.set(event.pointerId, at);
    this.stage.setPointerCapture(event.pointerId);
    if (this.#pointers.size === 1) this.#hasMoved = false;
    if (this.tool && this.#pointers.size === 1) this.tool.down(at, this);
  }

  /** @param {PointerEvent} event */
  #pointerMove(event) {
    const at = this.#positionOf(event);
    const from = this.#pointers.get(event.pointerId);
    if (from && !this.tool) {
      if (Math.hypot(at.x - from.x, at.y - from.y) < 4 && !this.#hasMoved) return;
      this.#hasMoved = true;
      const { area, view } = this;
      const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const [was, is] = [from, at].map((one) => Math.max(8, Math.hypot(one.x - other.x, one.y - other.y)));
        this.zoom(is / was, { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
      } else if (this.section) {
        const scale = [(view.x1 - view.x0) / area.width, (view.y1 - view.y0) / area.height];
        this.setView(this.#moved((from.x - at.x) * scale[0], (from.y - at.y) * scale[1]));
      }
      this.#pointers.set(event.pointerId, at);
    }
    this.tool?.move(at, this, Boolean(from));
    if (!this.isCrossHair) this.setCursor(this.sampleAt(at));
  }

  /** @param {PointerEvent} event */
  #pointerUp(event) {
    const wasDown = this.#pointers.delete(event.pointerId);
    if (this.tool) return wasDown ? this.tool.up(this.#positionOf(event), this) : undefined;
    if (!wasDown || this.#hasMoved || event.type === "pointercancel") return undefined;
    return this.#choose(this.sampleAt(this.#positionOf(event)));
  }

  /** @param {{column: number, row: number} | null} sample */
  #choose(sample) {
    if (sample) this.dispatchEvent(new CustomEvent("point", { detail: this.#detail(sample) }));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.section) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const { map, gain, polarity, traces, exaggeration } = this.display;
    const next = (/** @type {string[]} */ names, /** @type {string} */ name) =>
      names[(names.indexOf(name) + 1) % names.length];
    const actions = {
      "+": () => this.zoom(1.25),
      "=": () => this.zoom(1.25),
      "-": () => this.zoom(0.8),
      "0": () => this.showWhole(),
      "[": () => this.setDisplay({ exaggeration: Math.max(0.25, exaggeration / 1.25) }),
      "]": () => this.setDisplay({ exaggeration: Math.min(16, exaggeration * 1.25) }),
      "g": () => this.setDisplay({ gain: gain + GAIN_STEP_DB }),
      "G": () => this.setDisplay({ gain: gain - GAIN_STEP_DB }),
      "m": () => this.setDisplay({ map: next(COLOUR_MAPS, map) }),
      "p": () => this.setDisplay({ polarity: polarity === "normal" ? "reversed" : "normal" }),
      "w": () => this.setDisplay({ traces: next(TRACES.map(([name]) => name), traces) }),
      "c": () => this.#startCrossHair(),
      "Enter": () => this.#choose(this.isCrossHair ? this.cursor : null),
      "Escape": () => this.#endCrossHair(),
    };
    const arrow = arrows[event.key];
    if (arrow && this.isCrossHair && this.cursor) this.#moveCrossHair(arrow, event.shiftKey ? 10 : 1);
    else if (arrow) this.pan(arrow[0] * 0.1, arrow[1] * 0.1);
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  }

  /** Show the whole section, without exaggeration. */
  showWhole() {
    if (this.display.exaggeration !== 1) this.setDisplay({ exaggeration: 1 });
    this.setView(this.whole());
  }

  #startCrossHair() {
    const { x0, x1, y0, y1 } = this.view;
    this.isCrossHair = true;
    this.readout.setAttribute("aria-live", "polite");
    this.setCursor(this.cursor ?? { column: Math.floor((x0 + x1) / 2), row: Math.floor((y0 + y1) / 2) });
  }

  #endCrossHair() {
    this.isCrossHair = false;
    this.readout.setAttribute("aria-live", "off");
    this.setCursor(null);
  }

  /** @param {number[]} arrow @param {number} step */
  #moveCrossHair([dx, dy], step) {
    const section = /** @type {Section} */ (this.section);
    const cursor = /** @type {{column: number, row: number}} */ (this.cursor);
    const column = Math.max(0, Math.min(section.width - 1, cursor.column + dx * step));
    const row = Math.max(0, Math.min(section.height - 1, cursor.row + dy * step));
    this.setCursor({ column, row });
    const { x0, x1, y0, y1 } = this.view;
    if (column < x0 || column >= x1) this.pan(dx * 0.25, 0);
    if (row < y0 || row >= y1) this.pan(0, dy * 0.25);
  }

  #makeTools() {
    const set = (/** @type {Partial<Display>} */ display) => this.setDisplay(display);
    const button = (/** @type {string} */ words, /** @type {string} */ label, /** @type {() => void} */ act) =>
      element("button", { "type": "button", "aria-label": label, "title": label, "onclick": act }, words);
    const pair = (/** @type {string} */ label, /** @type {HTMLElement[]} */ ...parts) =>
      element("div", { "class": "sd-field", "role": "group", "aria-label": label }, element("span", {}, label), ...parts);
    this.gainWords = element("output", { class: "sd-value" });
    this.stretchWords = element("output", { class: "sd-value" });
    this.mapChoice = choice("Colours", COLOUR_MAPS.map((map) => [map, map]), this.display.map, (map) => set({ map }));
    const clips = CLIPS.map((clip) => /** @type {[string, string]} */ ([String(clip), `${clip} %`]));
    this.clipChoice = choice("Clip", clips, String(this.display.clip), (clip) => set({ clip: Number(clip) }));
    this.tracesChoice = choice("Traces", TRACES, this.display.traces, (traces) => set({ traces }));
    this.polarityButton = button("Reverse polarity", "Reverse polarity", () => this.#press("p"));
    const keys = element(
      "details",
      { class: "sd-keys" },
      element("summary", {}, "Keys"),
      element("dl", {}, ...KEYS.flatMap(([key, words]) => [element("dt", {}, key), element("dd", {}, words)])),
    );
    this.tools.append(
      this.mapChoice,
      this.clipChoice,
      pair(
        "Gain",
        button("−", "Gain 3 dB less", () => this.#press("G")),
        this.gainWords,
        button("+", "Gain 3 dB more", () => this.#press("g")),
      ),
      this.tracesChoice,
      this.polarityButton,
      pair(
        "Vertical",
        button("−", "Vertical exaggeration less", () => this.#press("[")),
        this.stretchWords,
        button("+", "Vertical exaggeration more", () => this.#press("]")),
      ),
      pair(
        "Zoom",
        button("−", "Zoom out", () => this.zoom(0.8)),
        button("+", "Zoom in", () => this.zoom(1.25)),
        button("Whole", "Show the whole section", () => this.showWhole()),
      ),
      keys,
    );
  }

  /** @param {string} key */
  #press(key) {
    this.#key(new KeyboardEvent("keydown", { key }));
  }

  #showDisplay() {
    const { map, clip, gain, polarity, traces, exaggeration } = this.display;
    this.mapChoice.querySelector("select").value = map;
    this.clipChoice.querySelector("select").value = String(clip);
    this.tracesChoice.querySelector("select").value = traces;
    this.gainWords.textContent = `${gain > 0 ? "+" : ""}${formatNumber(gain)} dB`;
    this.stretchWords.textContent = `× ${formatNumber(Number(exaggeration.toPrecision(2)))}`;
    this.polarityButton.setAttribute("aria-pressed", String(polarity === "reversed"));
  }

  #showLegend() {
    const classes = [this.overlay?.section, this.section].find((one) => one?.isClasses)?.payload.classes ?? [];
    this.legend.hidden = !classes.length;
    this.legend.replaceChildren(
      ...classes.map(({ name, colour }) => {
        const swatch = element("i", { "aria-hidden": "true" });
        swatch.style.background = colour;
        return element("li", {}, swatch, name);
      }),
    );
  }
}
