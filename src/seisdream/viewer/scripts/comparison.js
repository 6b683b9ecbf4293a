// @ts-check
// Two sections compared: wipe, blink, difference, side by side, and their spectra and histograms.

import { drawCurves } from "./curves.js";
import { element, formatNumber } from "./elements.js";
import { histogramOf, spectrumOf } from "./measures.js";
import { differenceOf } from "./samples.js";
import { SectionViewer } from "./section-viewer.js";

/** @typedef {import("./samples.js").Section} Section */

const MODES = [
  ["wipe", "Wipe"],
  ["before", "Before"],
  ["after", "After"],
  ["difference", "Difference"],
  ["side", "Side by side"],
];
const BLINK_MS = 600;

/** Whether two sections have the same samples of the same kind. @param {Section} before @param {Section} after */
function isAlike(before, after) {
  return (
    before.width === after.width &&
    before.height === after.height &&
    before.payload.dtype === after.payload.dtype &&
    before.payload.map === after.payload.map
  );
}

/**
 * A section before and after. Keys: b shows the other one, d the difference. Event: "mode".
 */
export class Comparison extends EventTarget {
  share = 0.5;
  #blinking = 0;
  /** @type {Section | null} */ #difference = null;
  /** @type {ReturnType<typeof spectrumOf>[] | undefined} */ #spectra;

  /**
   * @param {HTMLElement} host
   * @param {{before: Section, after: Section, display?: object, mode?: string, names?: [string, string],
   *   wheel?: "always" | "focused"}} options
   */
  constructor(host, { before, after, display, mode, names = ["Before", "After"], wheel }) {
    super();
    this.names = names;
    /** @type {Record<string, string>} */ const words = { before: names[0], after: names[1] };
    this.buttons = new Map(
      MODES.map(([key, label]) => [
        key,
        element("button", { type: "button", onclick: () => this.setMode(key) }, words[key] ?? label),
      ]),
    );
    this.blinkButton = element("button", { type: "button", onclick: () => this.setBlinking(!this.#blinking) }, "Blink");
    this.slider = element("input", {
      "type": "range",
      "min": "0",
      "max": "100",
      "value": "50",
      "aria-label": `Boundary between ${names[0]} and ${names[1]}`,
      "oninput": () => this.setShare(Number(this.slider.value) / 100),
    });
    const [left, right] = names.map((name) => element("span", { "aria-hidden": "true" }, name));
    this.wipe = element("span", { class: "sd-wipe" }, left, this.slider, right);
    const modes = [...this.buttons.values()];
    modes.splice(3, 0, this.blinkButton);
    const bar = element(
      "div",
      { "class": "sd-modes", "role": "group", "aria-label": "Comparison" },
      ...modes,
      this.wipe,
    );
    const [first, second] = [element("div"), element("div")];
    this.panels = element("div", { class: "sd-panels" }, first, second);
    this.measures = element("div", { class: "sd-measures" });
    host.classList.add("sd-comparison");
    host.replaceChildren(bar, this.panels, this.measures);
    this.first = new SectionViewer(first, { display, wheel });
    this.second = new SectionViewer(second, { display, wheel });
    second.querySelector(".sd-tools")?.remove();
    this.#link(this.first, this.second);
    this.#link(this.second, this.first);
    for (const panel of [first, second]) {
      panel.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
        if (event.target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key === "b") this.setMode(this.mode === "after" ? "before" : "after");
        if (event.key === "d") this.setMode(this.mode === "difference" ? "after" : "difference");
      });
    }
    this.#listenToWipe();
    // A wipe would hide half of a map of something else.
    this.mode = mode ?? (isAlike(before, after) ? "wipe" : "side");
    this.before = before;
    this.after = after;
    this.setSections(before, after);
  }

  /** @param {Section} before @param {Section} after */
  setSections(before, after) {
    [this.before, this.after] = [before, after];
    this.#spectra = undefined;
    this.#difference = null;
    this.buttons.get("difference").hidden = !isAlike(before, after) || before.isColour || before.isClasses;
    for (const viewer of [this.first, this.second]) viewer.reference = before;
    this.#showMeasures();
    this.setMode(this.mode);
  }

  /** @param {string} mode one of wipe, before, after, difference, side */
  setMode(mode) {
    this.setBlinking(false);
    this.#show(mode);
  }

  /** @param {string} mode */
  #show(mode) {
    this.mode = mode;
    for (const [key, button] of this.buttons) button.setAttribute("aria-pressed", String(key === mode));
    const isSide = mode === "side";
    this.panels.classList.toggle("sd-two", isSide);
    this.second.host.hidden = !isSide;
    this.wipe.hidden = mode !== "wipe";
    if (mode === "difference") this.#difference ??= differenceOf(this.before, this.after);
    const shown = { after: this.after, difference: /** @type {Section} */ (this.#difference) }[mode] ?? this.before;
    this.first.setSection(shown);
    if (isSide) this.second.setSection(this.after);
    this.first.setWipe(mode === "wipe" ? this.after : null, this.share);
    this.dispatchEvent(new CustomEvent("mode", { detail: mode }));
  }

  /** @param {number} share of the width that shows the section before, 0 to 1 */
  setShare(share) {
    this.share = Math.max(0, Math.min(1, share));
    this.slider.value = String(Math.round(100 * this.share));
    this.first.setWipe(this.mode === "wipe" ? this.after : null, this.share);
  }

  /** Show before and after in turns, less than twice a second. @param {boolean} isBlinking */
  setBlinking(isBlinking) {
    clearInterval(this.#blinking);
    this.#blinking = 0;
    if (isBlinking) {
      this.#show("before");
      this.#blinking = window.setInterval(() => this.#show(this.mode === "before" ? "after" : "before"), BLINK_MS);
    }
    this.blinkButton.setAttribute("aria-pressed", String(isBlinking));
  }

  /** @param {SectionViewer} from @param {SectionViewer} to */
  #link(from, to) {
    from.addEventListener("view", () => to.setView(from.view));
    from.addEventListener("display", () => {
      if (JSON.stringify(from.display) !== JSON.stringify(to.display)) to.setDisplay(from.display);
      this.#showMeasures();
    });
    from.addEventListener("cursor", (event) => to.setCursor(/** @type {CustomEvent} */ (event).detail, true));
  }

  /** The boundary follows the pointer that takes hold of it. */
  #listenToWipe() {
    const { stage } = this.first;
    const nearness = (/** @type {PointerEvent} */ event) => {
      const { area } = this.first;
      const x = event.clientX - stage.getBoundingClientRect().left - area.x;
      return { share: x / area.width, isNear: this.mode === "wipe" && Math.abs(x - this.share * area.width) < 12 };
    };
    let isHeld = false;
    stage.addEventListener(
      "pointerdown",
      (/** @type {PointerEvent} */ event) => {
        isHeld = nearness(event).isNear;
        if (isHeld) this.first.tool = { down() {}, move() {}, up() {} };
      },
      { capture: true },
    );
    stage.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      const { share, isNear } = nearness(event);
      stage.style.cursor = isNear || isHeld ? "col-resize" : "";
      if (isHeld) this.setShare(share);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      stage.addEventListener(name, () => {
        if (isHeld) this.first.tool = null;
        isHeld = false;
      });
    }
  }

  #showMeasures() {
    const sections = [this.before, this.after];
    this.measures.hidden = sections.some((one) => one.isClasses || one.isColour || one.payload.map);
    if (this.measures.hidden) return;
    this.#spectra ??= sections.map(spectrumOf);
    const spectra = this.#spectra;
    const clip = this.before.clipAt(99.5) * 1.5;
    const histograms = sections.map((one) => histogramOf(one, clip));
    const top = Math.max(...spectra.flatMap(({ amplitude }) => amplitude));
    const peaks = spectra.map(({ frequency, amplitude }) => frequency[amplitude.indexOf(Math.max(...amplitude))]);
    const { unit, frequency } = spectra[0];
    const level = (/** @type {number} */ value) => Math.max(-60, 20 * Math.log10(Math.max(value, 1e-12) / (top || 1)));
    this.measures.replaceChildren(
      drawCurves({
        title: "Mean amplitude spectrum",
        across: `Frequency (${unit})`,
        down: "dB",
        x: [frequency[0], frequency[frequency.length - 1]],
        y: [-60, 0],
        curves: spectra.map((one, i) => ({ name: this.names[i], x: one.frequency, y: one.amplitude.map(level) })),
        words: `Peak at ${peaks.map((peak) => `${formatNumber(peak)} ${unit}`).join(" before and ")} after.`,
      }),
      drawCurves({
        title: "Histogram",
        across: "Amplitude",
        down: "share",
        x: [-clip, clip],
        y: [0, Math.max(...histograms.flat())],
        curves: histograms.map((y, i) => ({
          name: this.names[i],
          x: y.map((_, k) => clip * ((2 * k + 1) / 64 - 1)),
          y,
        })),
        words: "Share of the samples by amplitude.",
      }),
    );
  }
}
