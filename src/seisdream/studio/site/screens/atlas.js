// @ts-check
// Atlas: what the channels of a network respond to, as `seisdream atlas` built it.

import { element } from "/viewer/viewer.js";
import * as api from "../api.js";
import { remember, state } from "../state.js";

export class AtlasScreen {
  static screenName = "atlas";
  static title = "Atlas";
  static hasWorkbench = false;

  /** @param {any} studio */
  constructor(studio) {
    this.studio = studio;
  }

  /** @param {HTMLElement} panel */
  async enter(panel) {
    const atlases = await api.get("/api/atlases");
    if (!atlases.length) {
      panel.append(
        element("p", {}, "There is no atlas here yet. Build one, and start the studio with its folder:"),
        element(
          "pre",
          { tabindex: "0" },
          `seisdream atlas ${this.studio.facts.predictor} --out atlas\nseisdream studio --atlas atlas`,
        ),
      );
      return;
    }
    const [id, place] = state.atlas.split("#");
    const links = atlases.map((/** @type {any} */ one) =>
      element(
        "button",
        { "type": "button", "class": "entry", "data-id": one.id, "onclick": () => this.#show(one) },
        one.title,
        element("small", {}, one.network),
      ),
    );
    this.links = links;
    this.dream = element("div");
    this.frame = element("iframe", { title: "Atlas", class: "page" });
    this.listener = (/** @type {MessageEvent} */ event) => {
      if (event.source === this.frame.contentWindow) this.#note(String(event.data.place));
    };
    addEventListener("message", this.listener);
    panel.append(element("div", { class: "list" }, ...links), this.dream);
    const chosen = atlases.find((/** @type {any} */ one) => one.id === id);
    this.#show(chosen ?? atlases[0], chosen ? place : undefined);
    panel.after(this.frame);
  }

  /** @param {any} atlas @param {string} [place] in it, such as enc3/17 */
  #show(atlas, place) {
    this.atlas = atlas;
    this.frame.src = place ? `${atlas.link}#${place}` : atlas.link;
    for (const link of this.links) link.setAttribute("aria-pressed", String(link.dataset.id === atlas.id));
  }

  leave() {
    if (this.listener) removeEventListener("message", this.listener);
  }

  /** The address of the studio follows that of the atlas, and what it shows can be dreamed. @param {string} place */
  #note(place) {
    remember({ atlas: place ? `${this.atlas.id}#${place}` : this.atlas.id });
    const objective = decodeURI(place)
      .split("?")[0]
      .replace(/^(?!concept:)(.*)\/(\d+)$/, "$1:$2");
    const { concepts } = this.atlas;
    const isConcept = objective.startsWith("concept:");
    const settings = { layer: objective, ...(isConcept && { concepts }) };
    const dream = () => {
      this.studio.run = null;
      remember({ network: this.atlas.network, settings, run: "" });
      this.studio.show("dream", true);
    };
    this.dream.replaceChildren(
      objective && (concepts || !isConcept)
        ? element("button", { type: "button", class: "primary", onclick: dream }, `Dream ${objective}`)
        : "",
    );
  }
}
