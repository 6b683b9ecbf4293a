// @ts-check
// The controls of a section's display, each of which has a key too.

import { COLOUR_MAPS } from "./colours.js";
import { choice, element, formatNumber } from "./elements.js";

/** @typedef {import("./section-viewer.js").Display} Display */

const CLIPS = [90, 95, 98, 99, 99.5, 99.9, 100];
/** @type {[string, string][]} How traces are drawn, and in words. */
export const TRACES = [
  ["colours", "Colours"],
  ["wiggles", "Wiggles over colours"],
  ["area", "Variable area"],
];
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

/** Buttons and choices that show how a section is displayed, and change it. */
export class Toolbar {
  /** @param {import("./section-viewer.js").SectionViewer} viewer @param {HTMLElement} host */
  constructor(viewer, host) {
    const { display } = viewer;
    const set = (/** @type {Partial<Display>} */ changes) => viewer.setDisplay(changes);
    const button = (/** @type {string} */ words, /** @type {string} */ label, /** @type {() => void} */ act) =>
      element("button", { "type": "button", "aria-label": label, "title": label, "onclick": act }, words);
    const pair = (/** @type {string} */ label, /** @type {HTMLElement[]} */ ...parts) =>
      element(
        "div",
        { "class": "sd-field", "role": "group", "aria-label": label },
        element("span", {}, label),
        ...parts,
      );
    this.gainWords = element("output", { class: "sd-value" });
    this.stretchWords = element("output", { class: "sd-value" });
    this.mapChoice = choice(
      "Colours",
      COLOUR_MAPS.map((map) => [map, map]),
      display.map,
      (map) => set({ map }),
    );
    const clips = CLIPS.map((clip) => /** @type {[string, string]} */ ([String(clip), `${clip} %`]));
    this.clipChoice = choice("Clip", clips, String(display.clip), (clip) => set({ clip: Number(clip) }));
    this.tracesChoice = choice("Traces", TRACES, display.traces, (traces) => set({ traces }));
    this.polarityButton = button("Reverse polarity", "Reverse polarity", () => viewer.press("p"));
    const keys = element(
      "details",
      { class: "sd-keys" },
      element("summary", {}, "Keys"),
      element("dl", {}, ...KEYS.flatMap(([key, words]) => [element("dt", {}, key), element("dd", {}, words)])),
    );
    host.append(
      this.mapChoice,
      this.clipChoice,
      pair(
        "Gain",
        button("−", "Gain 3 dB less", () => viewer.press("G")),
        this.gainWords,
        button("+", "Gain 3 dB more", () => viewer.press("g")),
      ),
      this.tracesChoice,
      this.polarityButton,
      pair(
        "Vertical",
        button("−", "Vertical exaggeration less", () => viewer.press("[")),
        this.stretchWords,
        button("+", "Vertical exaggeration more", () => viewer.press("]")),
      ),
      pair(
        "Zoom",
        button("−", "Zoom out", () => viewer.zoom(0.8)),
        button("+", "Zoom in", () => viewer.zoom(1.25)),
        button("Whole", "Show the whole section", () => viewer.showWhole()),
      ),
      keys,
    );
  }

  /** @param {Display} display */
  show({ map, clip, gain, polarity, traces, exaggeration }) {
    this.mapChoice.querySelector("select").value = map;
    this.clipChoice.querySelector("select").value = String(clip);
    this.tracesChoice.querySelector("select").value = traces;
    this.gainWords.textContent = `${gain > 0 ? "+" : ""}${formatNumber(gain)} dB`;
    this.stretchWords.textContent = `× ${formatNumber(Number(exaggeration.toPrecision(2)))}`;
    this.polarityButton.setAttribute("aria-pressed", String(polarity === "reversed"));
  }
}
