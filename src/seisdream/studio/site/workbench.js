// @ts-check
// The section that most screens work on: its line of the survey, the viewer, and what is drawn over it.

import { SectionViewer, capitalize, element } from "/viewer/viewer.js";
import * as api from "./api.js";
import { remember, rememberView, showView, state } from "./state.js";

/** One section, one viewer. Events: "line" (another one is open) and "point". */
export class Workbench extends EventTarget {
  /** @type {any} The section as the API describes it. */ section = null;
  /** @type {any} Its samples. */ samples = null;
  /** @type {any} Where it may change, as a request names it. */ mask = null;
  #number = 0;

  constructor() {
    super();
    this.lines = element("div", { class: "lines" });
    this.title = element("h2", { class: "section-title" });
    const host = element("div");
    /** What a screen has above the section, and below it. */
    this.above = element("div", { class: "above" });
    this.below = element("div", { class: "below" });
    this.host = element("div", { class: "workbench" }, this.title, this.lines, this.above, host, this.below);
    this.viewer = new SectionViewer(host, { wheel: "always", display: state.display });
    this.viewer.addEventListener("point", (event) => {
      this.dispatchEvent(new CustomEvent("point", { detail: /** @type {CustomEvent} */ (event).detail }));
    });
    let timer = 0;
    const save = () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        rememberView(this.viewer);
      }, 250);
    };
    this.viewer.addEventListener("view", save);
    this.viewer.addEventListener("display", save);
  }

  /**
   * Open a section of the studio, and the line that the address names.
   * @param {any} section as the API describes it
   * @param {Record<string, number>} [line]
   */
  async open(section, line = section.line) {
    this.section = section;
    this.#makeSliders(line);
    try {
      await this.showLine(line);
    } finally {
      this.#showTitle(); // With its samples, not before them.
    }
  }

  /** @param {Record<string, number>} line such as {inline: 200} */
  async showLine(line) {
    const number = ++this.#number;
    const query = new URLSearchParams(Object.entries(line).map(([name, value]) => [name, String(value)]));
    const samples = await api.section(`/api/sections/${this.section.id}/samples${query.size ? `?${query}` : ""}`);
    if (number !== this.#number) return; // A later line came first.
    this.samples = samples;
    this.mask = null;
    this.reset();
    remember({ section: this.section.id, line });
    showView(this.viewer);
    this.dispatchEvent(new CustomEvent("line", { detail: line }));
  }

  /** Show a dream in place of the section, under a title that tells the two apart. @param {any} dream */
  showDream(dream) {
    this.viewer.setSection(dream);
    this.#showTitle(element("strong", {}, "Dream, not data"), " from ");
  }

  /** Show the samples of the section. */
  showSamples() {
    this.viewer.setSection(this.samples);
    this.#showTitle();
  }

  /** @param {(HTMLElement | string)[]} before the name of the section */
  #showTitle(...before) {
    this.title.replaceChildren(...before, this.section.title);
  }

  /** Show the section as it was opened, with nothing over it. */
  reset() {
    if (!this.samples) return;
    this.viewer.reference = this.samples;
    this.viewer.setWipe(null);
    this.viewer.setOverlay(null);
    this.viewer.setMask(null);
    this.viewer.describe = null;
    this.showSamples();
  }

  /** @param {Record<string, number>} line */
  #makeSliders(line) {
    const axes = Object.entries(this.section.axes ?? {});
    const chosen = Object.keys(line)[0];
    this.lines.hidden = !chosen;
    if (!chosen) return;
    const axis = this.section.axes[chosen];
    const choose = element(
      "select",
      {
        "aria-label": "Direction of the line",
        "onchange": () => {
          const { first, step, count } = this.section.axes[choose.value];
          const next = { [choose.value]: first + step * Math.floor(count / 2) };
          this.#makeSliders(next);
          void this.showLine(next);
        },
      },
      ...axes.map(([name]) => element("option", { value: name }, capitalize(name))),
    );
    choose.value = chosen;
    const at = Math.round((line[chosen] - axis.first) / axis.step);
    const slider = element("input", {
      "type": "range",
      "min": 0,
      "max": axis.count - 1,
      "value": at,
      "aria-label": `${capitalize(chosen)} of the section`,
    });
    const number = element("output", { class: "line-number" });
    const show = () => {
      const value = axis.first + axis.step * Number(slider.value);
      number.textContent = `${value}${axis.unit ? ` ${axis.unit}` : ""}`;
      slider.setAttribute("aria-valuetext", `${chosen} ${number.textContent}`);
      return value;
    };
    slider.addEventListener("input", () => void this.showLine({ [chosen]: show() }));
    slider.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!way || !event.shiftKey) return;
      event.preventDefault();
      slider.value = String(Number(slider.value) + 10 * way);
      void this.showLine({ [chosen]: show() });
    });
    show();
    this.lines.replaceChildren(choose, slider, number);
  }
}
