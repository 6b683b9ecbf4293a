// @ts-check
// Dream: choose what a network shall see more of, and watch the section change.

import { capitalize, element } from "/viewer/viewer.js";
import * as api from "../api.js";
import { SettingsForm } from "../form.js";
import { MaskEditor } from "../mask.js";
import { Scrubber } from "../scrubber.js";
import { remember, state } from "../state.js";
import { TargetChoice } from "../target.js";

const MOST_FRAMES = 48;

export class DreamScreen {
  static screenName = "dream";
  static title = "Dream";
  static hasWorkbench = true;

  /** @param {any} studio */
  constructor(studio) {
    this.studio = studio;
    this.workbench = studio.workbench;
    this.target = new TargetChoice(this.workbench, () => this.#save());
    this.mask = new MaskEditor(this.workbench.viewer);
    /** @type {any} */ this.run = null;
    /** @type {Map<number, any>} */ this.frames = new Map();
    this.wanted = 0;
    this.isFetching = false;
    this.scrubber = new Scrubber(
      (step) => this.#want(step),
      () => this.isFetching,
    );
    this.stopFollowing = () => {};
    /** @type {Promise<void>} Of the first network. */ this.opened = Promise.resolve();
    this.onLine = () => {
      this.#forget();
      this.target.clear();
      this.mask.clear();
    };
  }

  /** @param {HTMLElement} panel */
  async enter(panel) {
    this.what = element("p", { "class": "what", "aria-live": "polite" });
    this.words = element("p", { "class": "progress-words", "aria-live": "polite" });
    this.bar = element("progress", { "max": "1", "value": "0", "hidden": true, "aria-label": "Progress of the run" });
    this.buttons = element("div", { class: "row" });
    this.presets = element("div", { "class": "presets", "role": "group", "aria-label": "Presets" });
    this.fields = element("div");
    panel.append(
      this.presets,
      this.target.host,
      element("div", { class: "actions" }, this.buttons, this.what, this.bar, this.words),
      this.fields,
    );
    this.workbench.above.append(this.mask.host);
    this.workbench.addEventListener("line", this.onLine);
    this.workbench.below.append(this.scrubber.host);
    const [networks, sets, presets, schema] = await Promise.all(
      ["networks", "concepts", "presets", "schema"].map((one) => api.get(`/api/${one}`)),
    );
    Object.assign(this.target, { networks, sets });
    const { run } = this.studio;
    const isChosen = state.network || Object.keys(state.settings).length;
    const { network, settings } = !isChosen && run?.kind === "dream" ? run.request : state;
    this.form = new SettingsForm(this.fields, schema.dream, {
      values: settings,
      without: ["layer", "mask", "concepts"],
      onchange: () => this.#save(),
    });
    this.presets.append(
      ...presets.map((/** @type {any} */ one) =>
        element(
          "button",
          {
            "type": "button",
            "class": "chip",
            "title": one.help,
            "data-title": one.title,
            "onclick": () => this.#usePreset(one),
          },
          one.title,
        ),
      ),
    );
    this.#showButtons();
    this.opened = this.target.use(network || this.studio.facts.network, settings);
    await this.opened;
    const mask = this.workbench.mask ?? (run?.has_mask ? await api.get(`/api/runs/${run.id}/mask`) : null);
    if (mask) this.mask.restore(mask);
    if (["dream", "predict"].includes(run?.kind)) this.#follow(run);
  }

  leave() {
    this.#forget();
    this.workbench.removeEventListener("line", this.onLine);
    this.workbench.mask = this.mask.toRequest();
    this.mask.end();
    this.workbench.reset();
  }

  /** Forget the run that is shown; it goes on. */
  #forget() {
    this.stopFollowing();
    this.frames.clear();
    [this.run, this.wanted] = [null, 0];
    this.scrubber.clear();
    this.words.textContent = "";
    this.#describe();
    this.bar.hidden = true;
    this.#showButtons();
  }

  /** State which run is shown, and which preset it is of. */
  #describe() {
    const { kind, label, request } = this.run ?? {};
    const { layer, ...settings } = request?.settings ?? {};
    const given = Object.entries(settings).map(([name, value]) =>
      [name.replaceAll("_", " "), value === true ? "" : value].join(" ").trim(),
    );
    const parts = [`${kind === "predict" ? "prediction" : "dream"} by ${request?.network}`, layer, ...given];
    const words = parts.filter(Boolean).join(", ");
    const isNamed = label && label !== layer;
    this.what.textContent = !this.run ? "" : isNamed ? `${label} · ${words}` : capitalize(words);
    for (const chip of this.presets.children) {
      chip.setAttribute("aria-pressed", String(Boolean(this.run) && chip.dataset.title === label));
    }
  }

  #save() {
    const { network } = this.target;
    remember({
      settings: { ...this.form?.values(), ...this.target.settings },
      ...(network ? { network: network.name } : {}),
    });
  }

  /** @param {any} preset */
  async #usePreset(preset) {
    this.words.textContent = `Starting: ${preset.title}.`; // Opening its network may take a while.
    try {
      if (preset.kind === "dream") {
        await this.target.use(preset.network, preset.settings);
        this.form?.set(preset.settings);
        this.#save();
      }
      const needsMask = preset.name === "more-clinoforms" && !this.mask.toRequest();
      if (needsMask) {
        this.#forget();
        this.mask.take("brush");
        this.words.textContent = `${preset.help} Then press Dream.`;
        return;
      }
      await this.#start(
        preset.title,
        preset.kind,
        preset.network,
        preset.kind === "dream" ? undefined : preset.settings,
      );
    } catch (error) {
      this.words.textContent = "";
      this.studio.report(error);
    }
  }

  /** @param {string} [label] @param {string} [kind] @param {string} [network] @param {object} [settings] */
  async #start(label, kind = "dream", network, settings) {
    try {
      if (!this.target.network) {
        this.words.textContent = "Opening the network, then the dream starts.";
        await this.opened;
      }
      this.#save();
      const mask = kind === "dream" ? this.mask.toRequest() : null;
      const run = await api.post("/api/runs", {
        kind,
        section: this.workbench.section.id,
        line: state.line,
        network: network ?? this.target.network.name,
        settings: settings ?? state.settings,
        mask,
        label: label ?? this.target.words,
      });
      this.#forget();
      this.studio.run = run;
      remember({ run: run.id, settings: {}, network: "" }, true);
      this.#follow(run);
    } catch (error) {
      this.words.textContent = "";
      this.studio.report(error);
    }
  }

  /** @param {any} run */
  #follow(run) {
    this.run = run;
    this.workbench.viewer.reference = this.workbench.samples;
    this.workbench.viewer.setOverlay(null);
    this.#describe();
    this.#showButtons();
    this.stopFollowing = api.follow(run.id, (name, data) => this.#onEvent(name, data));
  }

  /** @param {string} name @param {any} data */
  #onEvent(name, data) {
    if (!this.run) return;
    if (name === "queued") {
      this.run.state = "queued";
      this.words.textContent = data.position > 1 ? `Waiting, number ${data.position} in the queue.` : "Waiting.";
    }
    if (name === "started") {
      this.run.state = "running";
      this.bar.hidden = false;
      this.words.textContent = "Started.";
      this.scrubber.total = data.n_states;
    }
    if (name === "step") this.#onStep(data);
    if (name === "progress") {
      this.bar.hidden = false;
      this.bar.value = data.done / Math.max(1, data.total);
      this.words.textContent = `${data.done} of ${data.total} ${data.what}`;
    }
    if (name === "paused" || name === "resumed") this.run.state = name === "paused" ? "paused" : "running";
    if (name === "paused") this.words.textContent = "Paused.";
    if (name === "resumed") this.words.textContent = "Going on.";
    if (name === "computed" && this.run.kind === "predict") void this.#showPrediction(this.run);
    if (name === "note") this.studio.report(data.text);
    if (api.isOver(name)) void this.#onEnd(name, data);
    if (name !== "step") this.#showButtons();
  }

  /** @param {any} step */
  #onStep(step) {
    const { scrubber } = this;
    scrubber.add(step);
    this.bar.value = step.state / scrubber.total;
    const level = step.n_levels > 1 ? `level ${step.level} of ${step.n_levels}, ` : "";
    const left = (scrubber.total - step.state) * (step.milliseconds / 1000);
    this.words.textContent =
      `${capitalize(level + `octave ${step.octave} of ${step.n_octaves}, step ${step.step} of ${step.n_steps}`)}` +
      `${left >= 2 ? `, about ${Math.round(left)} s left` : ""}.`;
    if (step.frame && !scrubber.isPlaying) this.#want(step.state);
  }

  /** Show the frame after a state; while one is fetched, only the last of those wanted. @param {number} number */
  #want(number) {
    this.wanted = number;
    if (!this.isFetching) void this.#fetch();
  }

  async #fetch() {
    this.isFetching = true;
    const id = this.run?.id;
    let shown = -1;
    while (this.run?.id === id && this.wanted !== shown) {
      shown = this.wanted;
      try {
        const frame = this.frames.get(shown) ?? (await api.section(`/api/runs/${id}/frames/${shown}`));
        if (this.run?.id !== id) break;
        this.frames.set(shown, frame);
        if (this.frames.size > MOST_FRAMES) this.frames.delete(this.frames.keys().next().value ?? 0);
        this.workbench.showDream(frame);
        this.scrubber.show(shown);
      } catch (error) {
        if (this.run?.id === id) this.studio.report(error);
      }
    }
    this.isFetching = false;
  }

  /** @param {string} name @param {any} data */
  async #onEnd(name, data) {
    const { run } = this;
    run.state = name;
    this.bar.hidden = true;
    this.#showButtons();
    if (name === "failed" || name === "crashed" || name === "interrupted") {
      const message = data.message ?? "The studio ended during this run; start it again.";
      this.words.textContent = message;
      this.studio.report(new api.StudioError(message, data.code ?? "", data.option ?? null));
      return;
    }
    run.result = data.result;
    const { scrubber } = this;
    const change = scrubber.scores.length > 1 ? `: score ${scrubber.change}` : "";
    const conclusion = run.result?.summary.path?.conclusion;
    const more = run.result
      ? conclusion && `Path check: ${conclusion}.`
      : run.kind === "dream" && "Its first level had not ended, so it has steps and no result.";
    this.words.textContent = `${capitalize(name)}${change}.${more ? ` ${more}` : ""}`;
    scrubber.draw();
    this.#showButtons();
  }

  /** @param {any} run */
  async #showPrediction(run) {
    const classes = await api.section(`/api/runs/${run.id}/arrays/classes`);
    if (this.run !== run) return;
    this.workbench.showSamples();
    this.workbench.viewer.setOverlay(classes, 0.55);
  }

  #showButtons() {
    const runState = this.run?.state ?? "";
    const button = (/** @type {string} */ words, /** @type {() => void} */ act, kind = "") =>
      element("button", { type: "button", class: kind, onclick: act }, words);
    const act = (/** @type {string} */ what) => async () => {
      try {
        await api.post(`/api/runs/${this.run.id}/${what}`); // Its events state when it is done.
      } catch (error) {
        this.studio.report(error);
      }
    };
    if (this.run && !api.isOver(runState)) {
      /** @type {Record<string, HTMLElement[]>} */
      const pausing = { running: [button("Pause", act("pause"))], paused: [button("Go on", act("resume"), "primary")] };
      this.buttons.replaceChildren(...(pausing[runState] ?? []), button("Stop", act("stop")));
      return;
    }
    const after = [];
    if (["finished", "stopped"].includes(runState)) {
      const compare = () => {
        remember({ left: "input", right: this.run.id });
        this.studio.show("compare", true);
      };
      if (this.run.kind === "dream") after.push(button("Compare", compare));
      after.push(button("Export", () => this.studio.show("export", true)));
    }
    this.buttons.replaceChildren(
      button("Dream", () => void this.#start(), "primary"),
      button("Another seed", () => {
        const seed = Math.floor(Math.random() * 1e6);
        this.form?.set({ ...this.form.values(), seed });
        void this.#start();
      }),
      ...after,
    );
  }

  /** @param {string} name */
  mark(name) {
    if (["layer", "concepts"].includes(name)) this.target.focus();
    else this.form?.mark(name);
  }
}
