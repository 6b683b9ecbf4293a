// @ts-check
// What fires here? The channels that respond at a point, the classes there, and what made the network say so.

import { element, formatNumber, positionOf } from "/viewer/viewer.js";
import * as api from "../api.js";
import { remember, state } from "../state.js";

/** One backward pass, while a person waits. */
const QUICK_METHOD = "grad-cam";
/** That are listed at once. */
const MOST_CLASSES = 3;

export class FiresScreen {
  static screenName = "fires";
  static title = "What fires here?";
  static hasWorkbench = true;

  /** @param {any} studio */
  constructor(studio) {
    this.studio = studio;
    this.workbench = studio.workbench;
    this.stopFollowing = () => {};
    this.onPoint = (/** @type {any} */ event) => void this.#ask([event.detail.across, event.detail.down]);
    this.onLine = () => {
      remember({ point: [] });
      this.workbench.viewer.setMark(null);
    };
  }

  /** @param {HTMLElement} panel */
  async enter(panel) {
    // A point may be clicked before the network is open.
    this.workbench.addEventListener("point", this.onPoint);
    this.workbench.addEventListener("line", this.onLine);
    const known = state.point;
    this.ready = this.#prepare(panel);
    await this.ready;
    const { run } = this.studio;
    const { at, method, target = "" } = run?.kind === "attribute" ? run.request.settings : {};
    if (at && !state.point.length) {
      this.method.value = method ?? this.method.value;
      await this.#ask(at);
      this.#follow(run.id, target.replace("class:", ""));
    } else if (known.length && known === state.point) await this.#ask(known);
  }

  /** @param {HTMLElement} panel */
  async #prepare(panel) {
    const [networks, schema] = await Promise.all([api.get("/api/networks"), api.get("/api/schema")]);
    const methods = schema.attribute.properties.method;
    this.method = element(
      "select",
      { id: "fires-method", title: methods.description },
      ...methods.enum.map((/** @type {string} */ one) => element("option", { value: one }, one)),
    );
    this.method.value = QUICK_METHOD;
    const again = () => state.point.length && void this.#ask(state.point);
    this.layer = element("select", {
      id: "fires-layer",
      onchange: () => {
        remember({ layer: this.layer.value });
        again();
      },
    });
    this.network = element(
      "select",
      {
        id: "fires-network",
        onchange: () => {
          remember({ network: this.network.value, layer: "" });
          this.ready = this.#listLayers();
          again();
        },
      },
      ...networks.map((/** @type {any} */ one) => element("option", { value: one.name }, one.name)),
    );
    this.network.value = state.network || this.studio.facts.predictor;
    this.answer = element(
      "div",
      { class: "answer" },
      element(
        "p",
        { class: "hint" },
        "Click a point of the section, or press c, move the cross-hair by the arrows, and press Enter.",
      ),
    );
    panel.append(
      element("div", { class: "field" }, element("label", { for: "fires-network" }, "Network"), this.network),
      element("div", { class: "field" }, element("label", { for: "fires-layer" }, "Layer"), this.layer),
      element("div", { class: "field" }, element("label", { for: "fires-method" }, "Attribution"), this.method),
      this.answer,
    );
    await this.#listLayers();
  }

  /** List the layers of the network that have positions. */
  async #listLayers() {
    try {
      const { layers, default_layer: first } = await api.get(`/api/networks/${encodeURIComponent(this.network.value)}`);
      const names = layers
        .filter((/** @type {any} */ one) => one.has_positions)
        .map((/** @type {any} */ one) => one.name);
      this.layer.replaceChildren(
        ...names.map((/** @type {string} */ name) => element("option", { value: name }, name)),
      );
      this.layer.value = names.includes(state.layer) ? state.layer : first;
    } catch (error) {
      this.studio.report(error);
    }
  }

  leave() {
    this.stopFollowing();
    this.workbench.removeEventListener("point", this.onPoint);
    this.workbench.removeEventListener("line", this.onLine);
    this.workbench.viewer.setMark(null);
    this.workbench.reset();
  }

  /** @param {number[]} point across and down, in the numbers of the axes */
  async #ask(point) {
    this.stopFollowing();
    const { viewer } = this.workbench;
    viewer.setOverlay(null);
    remember({ point });
    const [across, down] = point;
    const axes = this.workbench.samples.payload;
    viewer.setMark({ column: positionOf(axes.across, across), row: positionOf(axes.down, down) });
    await this.ready;
    if (state.point !== point) return; // Another one was clicked meanwhile.
    this.answer.setAttribute("aria-busy", "true");
    try {
      const { id } = this.workbench.section;
      const body = { section: id, line: state.line, network: this.network.value, across, down, count: 8 };
      this.#show(await api.post("/api/point", { ...body, layers: [this.layer.value] }));
    } catch (error) {
      this.studio.report(error);
    }
    this.answer.removeAttribute("aria-busy");
  }

  /** @param {any} answer */
  #show(answer) {
    const axes = this.workbench.samples.payload;
    const where = `${axes.across.name} ${formatNumber(answer.across)}, ${axes.down.name} ${formatNumber(answer.down)} ${axes.down.unit ?? ""}`;
    const classes = [...answer.classes].sort((a, b) => b.probability - a.probability);
    const bars = classes.map(({ name, probability }) => {
      const bar = element("i");
      bar.style.width = `${100 * probability}%`;
      return [
        element("dt", {}, name),
        element(
          "dd",
          {},
          element("span", { "class": "share", "aria-hidden": "true" }, bar),
          `${Math.round(100 * probability)} %`,
        ),
      ];
    });
    const others =
      bars.length > MOST_CLASSES
        ? element(
            "details",
            {},
            element("summary", {}, `${bars.length - MOST_CLASSES} less probable classes`),
            element("dl", { class: "meters" }, ...bars.slice(MOST_CLASSES).flat()),
          )
        : "";
    const explain = element(
      "button",
      { type: "button", onclick: () => void this.#explain(answer, classes[0]?.name) },
      classes.length ? `Why ${classes[0].name}?` : "Why?",
    );
    this.words = element("p", { "class": "hint", "aria-live": "polite" });
    this.answer.replaceChildren(
      element("h2", {}, where),
      element("p", { class: "hint" }, `Amplitude ${formatNumber(answer.amplitude)}`),
      ...(classes.length ? [element("dl", { class: "meters" }, ...bars.slice(0, MOST_CLASSES).flat()), others] : []),
      explain,
      this.words,
      ...answer.layers.map((/** @type {any} */ layer) =>
        element(
          "section",
          {},
          element("h3", {}, layer.layer),
          element("ul", { class: "channels" }, ...layer.channels.map((/** @type {any} */ one) => this.#channel(one))),
        ),
      ),
    );
  }

  /** @param {any} one */
  #channel(one) {
    const share = Math.round(1000 * (1 - one.rank)) / 10;
    const picture = one.picture
      ? element("img", { src: one.picture, alt: `What ${one.objective} draws`, width: 72, height: 72 })
      : null;
    const dream = () => {
      remember({ network: this.network.value, settings: { layer: one.objective }, run: "" });
      this.studio.run = null;
      this.studio.show("dream", true);
    };
    return element(
      "li",
      {},
      picture,
      element(
        "div",
        {},
        `channel ${one.channel}`,
        element(
          "small",
          {},
          `activation ${formatNumber(one.value)}, top ${share < 0.1 ? "0.1" : share} % of the section`,
        ),
      ),
      element(
        "button",
        { "type": "button", "class": "quiet", "aria-label": `Dream ${one.objective}`, "onclick": dream },
        "Dream",
      ),
    );
  }

  /** Draw the attribution map of the class at the point. @param {any} answer @param {string | undefined} name */
  async #explain(answer, name) {
    try {
      const run = await api.post("/api/runs", {
        kind: "attribute",
        section: this.workbench.section.id,
        line: state.line,
        network: this.network.value,
        settings: {
          method: this.method.value,
          at: [answer.across, answer.down],
          ...(name ? { target: `class:${name}` } : {}),
        },
        mask: null,
        label: name ? `Why ${name}?` : "",
      });
      this.#follow(run.id, name);
    } catch (error) {
      this.studio.report(error);
    }
  }

  /** Draw the map of an attribution when it is computed. @param {string} id of the run @param {string | undefined} name */
  #follow(id, name) {
    this.stopFollowing();
    this.words.textContent = "Attribution is under way.";
    this.stopFollowing = api.follow(id, async (event, data) => {
      if (event === "progress") this.words.textContent = `Attribution: ${data.done} ${data.what}.`;
      if (event === "computed") {
        this.stopFollowing();
        this.workbench.viewer.setOverlay(await api.section(`/api/runs/${id}/arrays/attribution`), 0.85);
        this.words.textContent = `Red: evidence for ${name || "the response"}; blue: against it. Beyond the receptive field of the point there is neither.`;
      } else if (api.isOver(event)) this.words.textContent = data.message ?? event;
    });
  }
}
