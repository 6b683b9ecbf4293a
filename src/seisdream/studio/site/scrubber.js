// @ts-check
// The steps of a dream: their score, above a slider that returns to any of them, and a film.

import { element, formatNumber } from "/viewer/viewer.js";

const FILM_MS = 120;
const CURVE_MS = 300;
const SVG = "http://www.w3.org/2000/svg";

export class Scrubber {
  /** @type {number[]} Those with a frame, by number. */ frames = [];
  /** @type {number[]} Of all steps. */ scores = [];
  /** How many steps the dream takes. */
  total = 0;
  #film = 0;
  #drawn = 0;

  /** @param {(step: number) => void} onchoose @param {() => boolean} isBusy whether the last one chosen is still to come */
  constructor(onchoose, isBusy) {
    this.onchoose = onchoose;
    this.isBusy = isBusy;
    this.slider = element("input", {
      "type": "range",
      "min": 1,
      "aria-label": "Step of the dream",
      "oninput": () => this.onchoose(this.#frameAt(Number(this.slider.value))),
    });
    this.words = element("output");
    this.button = element("button", { type: "button", onclick: () => this.#play() }, "Play");
    this.curve = document.createElementNS(SVG, "svg");
    this.line = document.createElementNS(SVG, "polyline");
    this.curve.append(this.line);
    this.curve.setAttribute("viewBox", "0 0 100 100");
    this.curve.setAttribute("preserveAspectRatio", "none");
    this.curve.setAttribute("role", "img");
    this.range = element("div", { class: "range" });
    this.host = element(
      "div",
      { class: "scrubber", hidden: true },
      element("span", { class: "hint" }, "Score"),
      this.curve,
      this.range,
      this.button,
      this.slider,
      this.words,
    );
  }

  /** Whether a film is on. */
  get isPlaying() {
    return this.#film > 0;
  }

  clear() {
    this.#end();
    [this.frames, this.scores, this.total] = [[], [], 0];
    this.host.hidden = true;
  }

  /** Add a step. @param {{state: number, score: number, frame: boolean}} step as the events of a run describe it */
  add({ state, score, frame }) {
    this.scores.push(score);
    if (frame) this.frames.push(state);
    this.total = Math.max(this.total, state);
    this.host.hidden = !this.frames.length;
    this.slider.max = String(this.total);
    if (performance.now() - this.#drawn > CURVE_MS) this.draw();
  }

  /** Draw the score of every step. */
  draw() {
    this.#drawn = performance.now();
    const [low, high] = [Math.min(...this.scores), Math.max(...this.scores)];
    const points = this.scores.map((score, i) => {
      const across = (100 * i) / Math.max(1, this.total - 1);
      return `${across.toFixed(2)},${(100 * (1 - (score - low) / (high - low || 1))).toFixed(2)}`;
    });
    this.line.setAttribute("points", points.join(" "));
    this.curve.setAttribute("aria-label", `Score of each step: ${this.change}`);
    this.range.replaceChildren(
      element("span", {}, formatNumber(high)),
      element("span", {}, this.scores.length > 1 ? formatNumber(low) : ""),
    );
  }

  /** The first and the last score in words. */
  get change() {
    return [this.scores[0], this.scores[this.scores.length - 1]].map(formatNumber).join(" → ");
  }

  /** Mark the step that is shown. @param {number} step */
  show(step) {
    this.shown = step;
    this.slider.value = String(step);
    this.words.textContent = `step ${step} of ${this.total}`;
  }

  /** The nearest step with a frame in the direction in which the slider has moved. @param {number} step */
  #frameAt(step) {
    const next = this.frames.find((one) => one >= step) ?? this.frames[this.frames.length - 1];
    return step > (this.shown ?? 0) ? next : (this.frames.filter((one) => one <= step).at(-1) ?? next);
  }

  #play() {
    if (this.isPlaying) return this.#end();
    let at = this.shown === this.frames[this.frames.length - 1] ? 0 : this.frames.indexOf(this.shown ?? 0);
    this.button.textContent = "Hold";
    this.#film = window.setInterval(() => {
      if (this.isBusy()) return;
      if (at >= this.frames.length) this.#end();
      else this.onchoose(this.frames[at++]);
    }, FILM_MS);
    return undefined;
  }

  #end() {
    clearInterval(this.#film);
    this.#film = 0;
    this.button.textContent = "Play";
  }
}
