// @ts-check
// What a dream shall increase: a network, and its layer, channel, class, concept or a sum of them.

import { element, formatNumber } from "/viewer/viewer.js";
import * as api from "./api.js";
import { drawNetwork } from "./network-picture.js";
import { state } from "./state.js";

export class TargetChoice {
  /** @type {any[]} Of the studio. */ networks = [];
  /** @type {any[]} Sets of concepts that the studio has found, of all networks. */ sets = [];
  /** @type {any} The set of concepts that is chosen. */ set = null;
  /** @type {any} The chosen one, as the API describes it. */ network = null;

  /** @param {any} workbench whose section small dreams are made of @param {() => void} onchange */
  constructor(workbench, onchange) {
    this.workbench = workbench;
    this.onchange = onchange;
    this.host = element("div");
    this.picture = element("div");
    this.tile = element("div", { "class": "tile", "aria-live": "polite" });
    this.layer = element("input", { id: "layer" });
    this.channel = element("input");
    this.classChoice = element("select");
    this.conceptChoice = element("select");
  }

  /** The objective; empty for the default of the network. */
  get objective() {
    return this.layer.value;
  }

  /** The settings that name it. @returns {Record<string, string>} */
  get settings() {
    const { objective } = this;
    const concepts = objective.includes("concept:") && this.set?.source;
    return { ...(objective && { layer: objective }), ...(concepts && { concepts }) };
  }

  /** The objective in words. */
  get words() {
    return this.objective || this.network.default_layer || "";
  }

  focus() {
    this.layer.focus();
  }

  /** Take away the small dream, which is one of another section or network. */
  clear() {
    this.shownTile = "";
    this.tile.replaceChildren();
  }

  /** Use a network. @param {string} name @param {{layer?: string, concepts?: string}} [settings] */
  async use(name, { layer = "", concepts } = {}) {
    this.network = await api.get(`/api/networks/${encodeURIComponent(name)}`);
    const networks = element(
      "select",
      { id: "network", onchange: () => void this.use(networks.value).then(() => this.onchange()) },
      ...this.networks.map((/** @type {any} */ one) =>
        element("option", { value: one.name, title: one.title }, one.name),
      ),
    );
    networks.value = this.network.name;
    const classes = this.network.classes;
    const choose = element(
      "select",
      { id: "class", onchange: () => choose.value && this.#aim(`class:${choose.value}`) },
      element("option", { value: "" }, "–"),
      ...classes.map((/** @type {any} */ one) => element("option", { value: one.name }, one.name)),
    );
    const channel = element("input", {
      id: "channel",
      type: "number",
      min: 0,
      placeholder: "all",
      onchange: () => this.#aim(channel.value === "" ? this.#layerName() : `${this.#layerName()}:${channel.value}`),
    });
    [this.classChoice, this.channel] = [choose, channel];
    this.layer = element("input", {
      id: "layer",
      type: "text",
      spellcheck: "false",
      placeholder: this.network.default_layer ?? "",
      list: "objectives",
      onchange: () => this.#aim(this.layer.value),
    });
    const sets = this.sets.filter((one) => one.sha256 === this.network.sha256);
    this.set = sets.find((one) => one.source === concepts) ?? (concepts ? { source: concepts, concepts: [] } : sets[0]);
    this.conceptFields = element("div", { class: "fields wide" });
    this.#showConcepts(sets);
    this.clear();
    this.host.replaceChildren(
      field("Network", networks),
      this.picture,
      this.tile,
      element("div", { class: "pair" }, field("Channel", channel), classes.length ? field("Class", choose) : ""),
      this.conceptFields,
      field("Objective", this.layer),
      element(
        "datalist",
        { id: "objectives" },
        ...this.network.layers.map((/** @type {any} */ one) => element("option", { value: one.name })),
        ...classes.map((/** @type {any} */ one) => element("option", { value: `class:${one.name}` })),
      ),
      element(
        "p",
        { class: "hint" },
        "More of this: a layer, layer:channel, class:name, concept:layer/name, or a sum of them.",
      ),
    );
    this.#aim(layer, false);
  }

  /** Show the concepts of the chosen set, and the sets where there are several. @param {any[]} sets of the network */
  #showConcepts(sets) {
    if (!sets.length) return;
    const chooseSet = element(
      "select",
      {
        id: "concept-set",
        onchange: () => {
          this.set = sets.find((one) => one.source === chooseSet.value);
          this.#showConcepts(sets);
        },
      },
      ...sets.map((one) => element("option", { value: one.source }, one.title)),
    );
    chooseSet.value = this.set.source;
    const choose = element(
      "select",
      { id: "concept", onchange: () => choose.value && this.#aim(choose.value) },
      element("option", { value: "" }, "–"),
      ...this.set.concepts.map((/** @type {any} */ one) => {
        const words = [one.name || `concept ${one.number}`, one.share && `${Math.round(100 * one.share)} %`];
        return element("option", { value: one.objective }, words.filter(Boolean).join(" · "));
      }),
    );
    this.conceptChoice = choose;
    const { layer, page } = this.set;
    this.conceptFields.replaceChildren(
      sets.length > 1 ? field("Concepts", chooseSet) : "",
      field(layer ? `Concept of ${layer}` : "Concept", choose),
      page
        ? element("a", { class: "hint", href: page, target: "_blank", rel: "noopener" }, "What these concepts are")
        : "",
    );
  }

  /** The layer of the objective, without its channel or concept. */
  #layerName() {
    const name = this.layer.value.match(/^concept:(.+)\//)?.[1] ?? this.layer.value.split(":")[0];
    const isLayer = this.network.layers.some((/** @type {any} */ one) => one.name === name);
    return isLayer ? name : (this.network.default_layer ?? this.network.layers[0].name);
  }

  /** @param {string} objective @param {boolean} [isSaved] */
  #aim(objective, isSaved = true) {
    this.layer.value = objective;
    const [, channel] = objective.match(/^[^:+*]+:(\d+)$/) ?? [];
    this.channel.value = channel ?? "";
    this.classChoice.value = objective.startsWith("class:") ? objective.slice(6) : "";
    const concept = this.set?.concepts.find((/** @type {any} */ one) =>
      [one.objective, `concept:${this.set.layer}/${one.number}`].includes(objective),
    );
    this.conceptChoice.value = concept?.objective ?? "";
    const chosen = objective.startsWith("class:") ? "" : this.#layerName();
    this.picture.replaceChildren(drawNetwork(this.network, chosen, (layer) => this.#aim(layer)));
    const bar = this.picture.querySelector("[aria-pressed=true]");
    // The row alone is scrolled, not the page.
    if (bar) bar.parentElement.scrollLeft = bar.offsetLeft - bar.parentElement.clientWidth / 2;
    if (!isSaved) return;
    this.onchange();
    void this.#showTile(objective);
  }

  /** Show what an objective draws on a part of the section. @param {string} objective */
  async #showTile(objective) {
    this.shownTile = objective;
    this.tile.replaceChildren();
    if (!objective || this.network.dims !== 2) return;
    this.tile.replaceChildren(element("p", { class: "hint" }, `Dreaming of ${objective}, small.`));
    const { concepts } = this.settings;
    const query = new URLSearchParams({ network: this.network.name, objective, ...(concepts && { concepts }) });
    for (const [name, value] of Object.entries(state.line)) query.set(name, String(value));
    /** @type {HTMLElement[]} */ let shown;
    try {
      shown = tilePictures(objective, await api.get(`/api/sections/${this.workbench.section.id}/tile?${query}`));
    } catch (error) {
      shown = [element("p", { class: "hint" }, error instanceof Error ? error.message : String(error))];
    }
    if (this.shownTile === objective) this.tile.replaceChildren(...shown); // Else another one was chosen meanwhile.
  }
}

/** @param {string} objective @param {any} tile as the API describes it @returns {HTMLElement[]} */
function tilePictures(objective, tile) {
  const part = Object.entries(tile.part).map(
    ([name, [first, last]]) => `${name} ${formatNumber(first)} to ${formatNumber(last)}`,
  );
  return [
    element("figure", {}, element("img", { src: tile.before, alt: "" }), element("figcaption", {}, "section")),
    element(
      "figure",
      {},
      element("img", { src: tile.dream, alt: `A small dream of ${objective}` }),
      element("figcaption", {}, objective),
    ),
    element("p", { class: "hint" }, `Here: ${part.join(", ")}.`),
  ];
}

/** @param {string} label @param {HTMLElement} input */
function field(label, input) {
  return element("div", { class: "field" }, element("label", { for: input.id }, label), input);
}
