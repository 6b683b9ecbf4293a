// @ts-check
// Compare: two results, or a result and its input, on one scale.

import { Comparison, element, formatNumber } from "/viewer/viewer.js";
import * as api from "../api.js";
import { remember, rememberView, showView, state } from "../state.js";

const INPUT = "input";
const KINDS = ["dream", "predict"];
const PROBABILITY = "probability-";

export class CompareScreen {
  static screenName = "compare";
  static title = "Compare";
  static hasWorkbench = false;

  /** @param {any} studio */
  constructor(studio) {
    this.studio = studio;
    this.workbench = studio.workbench;
    /** @type {Comparison | null} */ this.comparison = null;
  }

  /** @param {HTMLElement} panel */
  async enter(panel) {
    const { runs } = await api.get("/api/runs?limit=200");
    this.runs = runs.filter(
      (/** @type {any} */ one) => KINDS.includes(one.kind) && one.n_done && ["finished", "stopped"].includes(one.state),
    );
    this.facies = element("div");
    if (!this.runs.length) {
      panel.append(element("p", {}, "There is nothing to compare yet: dream first."));
      return;
    }
    const known = (/** @type {string} */ id) =>
      id === INPUT || this.runs.some((/** @type {any} */ one) => one.id === id);
    const newest = this.runs.find((/** @type {any} */ one) => one.kind === "dream") ?? this.runs[0];
    const right = known(state.right) ? state.right : known(this.studio.run?.id) ? this.studio.run.id : newest.id;
    remember({ left: known(state.left) ? state.left : INPUT, right });
    this.host = element("div", { class: "comparison" });
    const choose = (/** @type {"left" | "right"} */ side, /** @type {string} */ label) => {
      const select = element(
        "select",
        {
          id: side,
          onchange: () => {
            remember({ [side]: select.value });
            void this.#compare();
          },
        },
        element("option", { value: INPUT }, "Input"),
        ...this.runs.map((/** @type {any} */ one) => element("option", { value: one.id }, words(one))),
      );
      select.value = state[side];
      return element(
        "div",
        { class: "wide" },
        element("div", { class: "field" }, element("label", { for: side }, label), select),
      );
    };
    panel.append(choose("left", "Before"), choose("right", "After"), this.facies);
    panel.after(this.host);
    await this.#compare();
  }

  /** @param {string} side @param {string} other */
  async #load(side, other) {
    if (side === INPUT && other === INPUT) return this.workbench.samples;
    const run = await api.get(`/api/runs/${side === INPUT ? other : side}`);
    if (side !== INPUT) {
      const name = run.result?.arrays.find((/** @type {string} */ one) => one.startsWith("dream") || one === "classes");
      // A dream that was stopped within its first level has steps and no result.
      return api.section(`/api/runs/${run.id}/${name ? `arrays/${name}` : `frames/${run.frames.at(-1)}`}`);
    }
    if (run.result?.arrays.includes("before")) return api.section(`/api/runs/${run.id}/arrays/before`);
    const line = new URLSearchParams(run.line);
    return api.section(`/api/sections/${run.section}/samples?${line}`);
  }

  async #compare() {
    const { left, right } = state;
    try {
      const [before, after] = await Promise.all([this.#load(left, right), this.#load(right, left)]);
      const name = (/** @type {string} */ id) =>
        id === INPUT ? "Input" : words(this.runs.find((/** @type {any} */ one) => one.id === id));
      const comparison = new Comparison(this.host, {
        before,
        after,
        display: state.display,
        names: [name(left), name(right)],
        mode: state.mode || undefined,
        wheel: "always",
      });
      showView(comparison.first);
      for (const event of ["view", "display"]) {
        comparison.first.addEventListener(event, () => rememberView(comparison.first));
      }
      comparison.addEventListener("mode", () => remember({ mode: comparison.mode }));
      this.comparison = comparison;
      this.#showChange(before, after);
    } catch (error) {
      this.studio.report(error);
    }
  }

  /** @param {any} before @param {any} after */
  #showChange(before, after) {
    const rows = { "RMS of the input": rms(before), "RMS of the change": rms(before, after) };
    const isLike =
      before.width === after.width && before.height === after.height && ![before, after].some(hasNoAmplitudes);
    const facts = isLike
      ? Object.entries(rows).flatMap(([name, value]) => [
          element("dt", {}, name),
          element("dd", {}, formatNumber(value)),
        ])
      : [];
    const predict = element(
      "button",
      { type: "button", onclick: () => void this.#predict() },
      "Facies under the cursor",
    );
    this.facies.replaceChildren(element("dl", { class: "pairs" }, ...facts), predict);
  }

  /** Predict the facies of the input, once, and read them out under the cursor. */
  async #predict() {
    try {
      const from = [state.left, state.right].find((one) => one !== INPUT);
      const { section, line } = from ? await api.get(`/api/runs/${from}`) : state;
      const run = await api.post("/api/runs", {
        kind: "predict",
        section,
        line,
        network: this.studio.facts.predictor,
        settings: {},
        mask: null,
        label: "Facies under the cursor",
      });
      const words = element("p", { "class": "hint", "aria-live": "polite" }, "Predicting.");
      this.facies.append(words);
      api.follow(run.id, async (name, data) => {
        if (api.isOver(name) && name !== "finished") words.textContent = data.message ?? name;
        if (name !== "computed") return;
        const names = data.arrays.filter((/** @type {string} */ one) => one.startsWith(PROBABILITY));
        const arrays = await Promise.all(
          names.map((/** @type {string} */ one) =>
            api.section(`/api/runs/${run.id}/arrays/${encodeURIComponent(one)}`),
          ),
        );
        const { first, second } = /** @type {Comparison} */ (this.comparison);
        for (const viewer of [first, second]) {
          viewer.describe = (/** @type {number} */ column, /** @type {number} */ row) =>
            arrays
              .map((one, i) => ({ name: names[i].slice(PROBABILITY.length), share: one.valueAt(column, row) ?? 0 }))
              .sort((a, b) => b.share - a.share)
              .slice(0, 3)
              .map(({ name, share }) => `${name} ${Math.round(100 * share)} %`)
              .join(", ");
        }
        words.textContent = `Facies by ${this.studio.facts.predictor}, the three most probable.`;
      });
    } catch (error) {
      this.studio.report(error);
    }
  }

  leave() {
    this.comparison?.setBlinking(false);
  }

  redraw() {
    this.comparison?.first.requestDraw();
    this.comparison?.second.requestDraw();
  }
}

/** @param {any} run */
function words(run) {
  const time = run.created ? new Date(run.created).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : "";
  const kind = run.kind === "predict" ? "Classes" : "Dream";
  return `${kind}: ${[run.label, run.network, time].filter(Boolean).join(", ")}`;
}

/** @param {any} section */
function hasNoAmplitudes(section) {
  return section.isColour || section.isClasses;
}

/** @param {any} before @param {any} [after] */
function rms(before, after) {
  let [sum, n] = [0, 0];
  for (let row = 0; row < before.height; row++) {
    for (let column = 0; column < before.width; column++) {
      const value = before.valueAt(column, row);
      const other = after ? after.valueAt(column, row) : 0;
      if (value === undefined || other === undefined) continue;
      sum += (after ? other - value : value) ** 2;
      n++;
    }
  }
  return Math.sqrt(sum / Math.max(1, n));
}
