// @ts-check
// The section viewer: a section on a canvas with axes, colour bar, zoom, pan, gain, wiggles and readout.

import { TEXT_SIZE, drawAxes, drawBarWords, drawColourBar } from "./axes.js";
import { COLOUR_MAPS, amplitudeTable, classTable, coloursOf, overlayTable, pixelOf } from "./colours.js";
import { capitalize, element, formatNumber } from "./elements.js";
import { Painter, hatch } from "./painter.js";
import { listenToPointers } from "./pointers.js";
import { Section, numberAt } from "./samples.js";
import { TRACES, Toolbar } from "./toolbar.js";
import { drawWiggles } from "./wiggles.js";

/** @typedef {{x: number, y: number, width: number, height: number}} Area */
/** @typedef {{x0: number, x1: number, y0: number, y1: number}} View in samples; 0 is the outer edge of the first */
/** @typedef {{map: string, clip: number, gain: number, polarity: string, traces: string, exaggeration: number}} Display */

/** How a section is drawn unless stated: gain is in dB, clip a percentile of absolute amplitude. */
export const DISPLAY = { map: "grey", clip: 99, gain: 0, polarity: "normal", traces: "colours", exaggeration: 1 };
const GAIN_STEP_DB = 3;
const BAR_WIDTH = 72;
/** Of the words above the colour bars. */
const LINE_HEIGHT = 17;
/** Green, the more opaque the more a sample may change. */
const MASK_TABLE = Uint32Array.from({ length: 256 }, (_, code) => pixelOf(0, 166, 81, Math.round(0.4 * code)));
const FONT = 'system-ui, "Segoe UI", Roboto, sans-serif';
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
  #painter = new Painter();
  #frame = 0;

  /**
   * @param {HTMLElement} host
   * @param {{section?: Section | null, display?: Partial<Display>, wheel?: "always" | "focused", label?: string}} [options]
   *   The wheel zooms always, or only where the section has the focus or Ctrl is held, so that a long page scrolls.
   */
  constructor(host, { section, display, wheel = "focused", label } = {}) {
    super();
    this.host = host;
    this.wheel = wheel;
    this.base = element("canvas", { "class": "sd-base", "aria-hidden": "true" });
    this.top = element("canvas", { "class": "sd-top", "aria-hidden": "true" });
    this.stage = element(
      "div",
      { "class": "sd-stage", "tabindex": "0", "role": "application", "aria-label": label ?? "Section" },
      this.base,
      this.top,
    );
    this.label = label;
    this.readout = element("output", { "class": "sd-readout", "aria-live": "off" });
    this.legend = element("ul", { "class": "sd-legend", "aria-label": "Classes" });
    this.tools = element("div", { "class": "sd-tools", "role": "group", "aria-label": "Display" });
    host.classList.add("sd-viewer");
    host.replaceChildren(this.tools, this.stage, element("div", { class: "sd-foot" }, this.readout, this.legend));
    this.display = { ...DISPLAY, ...display };
    this.toolbar = new Toolbar(this, this.tools);
    new ResizeObserver(() => this.requestDraw()).observe(this.stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.requestDraw());
    this.stage.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    listenToPointers(this);
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
    this.toolbar.show(this.display);
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
    const isSame = this.wipe?.section === (section ?? undefined);
    this.wipe = section && { section, share };
    if (!isSame) this.#showLegend();
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
    this.toolbar.show(this.display);
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
    const { view: last } = this;
    if (last.x0 === x0 && last.x1 === x1 && last.y0 === y0 && last.y1 === y1) return;
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
    this.move(dx, dy);
  }

  /** Move the view, whose size stays. @param {number} dx @param {number} dy in samples */
  move(dx, dy) {
    const { x0, x1, y0, y1 } = this.view;
    const { width, height } = /** @type {Section} */ (this.section);
    dx = Math.max(-x0, Math.min(width - x1, dx));
    dy = Math.max(-y0, Math.min(height - y1, dy));
    this.setView({ x0: x0 + dx, x1: x1 + dx, y0: y0 + dy, y1: y1 + dy });
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
    const bars = this.#bars();
    const right = 12 + bars.length * BAR_WIDTH * scale;
    // Each line of words has its own, above the numbers of the axis.
    const top = (40 + LINE_HEIGHT * Math.max(0, bars.flatMap(({ words }) => words).length - 1)) * scale;
    return { x: left, y: top, width: Math.max(8, width - left - right), height: Math.max(8, height - top - 12) };
  }

  /** How large words are, from the size of the text around: on a wall they are read from afar. */
  get #textScale() {
    return Math.max(1, Number.parseFloat(getComputedStyle(this.host).fontSize) / (TEXT_SIZE + 1));
  }

  /**
   * Return the sections that need a colour bar, with the words of each; where two are wiped, words state whose they are.
   * @returns {{section: Section, words: string[]}[]}
   */
  #bars() {
    const { section, overlay, wipe } = this;
    const hasNumbers = (/** @type {Section | undefined | null} */ one) => one && !one.isClasses && !one.isColour;
    const wordsOf = (/** @type {Section} */ one, side = "") => {
      const { quantity, unit } = this.#quantityOf(one);
      return `${capitalize(side + quantity)}${unit ? ` (${unit})` : ""}`;
    };
    const bars = [];
    const isMixed = section && wipe && (!hasNumbers(wipe.section) || wordsOf(section) !== wordsOf(wipe.section));
    if (section && hasNumbers(section)) bars.push({ section, words: [wordsOf(section, isMixed ? "left: " : "")] });
    if (wipe && isMixed && hasNumbers(wipe.section)) {
      const words = wordsOf(wipe.section, "right: ");
      const { map, range } = wipe.section.payload;
      if (bars.length && !map && !range) bars[0].words.push(words);
      else bars.push({ section: wipe.section, words: [words] });
    }
    if (overlay && hasNumbers(overlay.section))
      bars.push({ section: overlay.section, words: [wordsOf(overlay.section)] });
    return bars;
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
    hatch(context, area);
    if (this.display.traces === "area") {
      context.fillStyle = "#fff";
      context.fillRect(area.x, area.y, area.width, area.height);
    } else this.#painter.paint(context, area, this.view, this.section, this.#tableOf(this.section));
    if (this.display.traces !== "colours") this.#drawTraces(context, area, this.section);
    if (this.wipe) this.#drawWipe(context, area, this.wipe);
    if (this.overlay) this.#drawOverlay(context, area, this.overlay);
    if (this.mask) this.#painter.paint(context, area, this.view, this.mask, MASK_TABLE);
    context.restore();
    drawAxes(context, area, this.section.payload, this.view, this.#pen());
    let line = 0;
    this.#bars().forEach(({ section, words }, i) => {
      this.#drawBar(context, area, section, i);
      for (const one of words) drawBarWords(context, { words: one, line: line++, height: LINE_HEIGHT }, this.#pen());
    });
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
    hatch(context, area);
    if (this.display.traces === "area") {
      context.fillStyle = "#fff";
      context.fillRect(x, area.y, area.width, area.height);
    } else this.#painter.paint(context, area, this.view, section, this.#tableOf(section));
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
    this.#painter.paint(context, area, this.view, section, table);
  }

  /** @param {Section} section */
  #overlayColours(section) {
    return coloursOf(section.payload.map ?? (section.payload.range ? "viridis" : "blue-red"));
  }

  /** @param {CanvasRenderingContext2D} context @param {Area} area @param {Section} section @param {number} i */
  #drawBar(context, area, section, i) {
    const isOverlay = section === this.overlay?.section;
    const map = section.payload.map ?? this.display.map;
    const colours = isOverlay ? this.#overlayColours(section) : coloursOf(map, this.display.polarity === "reversed");
    const x = area.x + area.width + 14 + i * BAR_WIDTH * this.#textScale;
    drawColourBar(context, area, { x, colours, range: this.rangeOf(section) }, this.#pen());
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
    for (const [colour, width] of /** @type {[string, number][]} */ ([
      ["#000a", 3],
      ["#ffd166", 1.5],
    ])) {
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

  /** Send the event "point". @param {{column: number, row: number} | null} sample */
  choose(sample) {
    if (sample) this.dispatchEvent(new CustomEvent("point", { detail: this.#detail(sample) }));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.section) return;
    /** @type {Record<string, number[]>} */
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const { map, gain, polarity, traces, exaggeration } = this.display;
    const next = (/** @type {string[]} */ names, /** @type {string} */ name) =>
      names[(names.indexOf(name) + 1) % names.length];
    /** @type {Record<string, () => void>} */
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
      "w": () =>
        this.setDisplay({
          traces: next(
            TRACES.map(([name]) => name),
            traces,
          ),
        }),
      "c": () => this.#startCrossHair(),
      "Enter": () => this.choose(this.isCrossHair ? this.cursor : null),
      "Escape": () => this.#endCrossHair(),
    };
    const arrow = arrows[event.key];
    if (arrow && this.isCrossHair && this.cursor) this.#moveCrossHair(arrow, event.shiftKey ? 10 : 1);
    else if (arrow) this.pan(arrow[0] * 0.1, arrow[1] * 0.1);
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  }

  /** Do what a key does. @param {string} key */
  press(key) {
    this.#key(new KeyboardEvent("keydown", { key }));
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

  #showLegend() {
    const classes =
      [this.overlay?.section, this.wipe?.section, this.section].find((one) => one?.isClasses)?.payload.classes ?? [];
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
