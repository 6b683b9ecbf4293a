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
        element("pre", { tabindex: "0" }, `seisdream atlas ${this.studio.facts.predictor} --out atlas\nseisdream studio --atlas atlas`),
      );
      return;
    }
    const frame = element("iframe", { title: "Atlas", class: "page" });
    const show = (/** @type {any} */ atlas) => {
      remember({ atlas: atlas.id });
      frame.src = atlas.link;
      for (const link of links) link.setAttribute("aria-pressed", String(link.dataset.id === atlas.id));
    };
    const links = atlases.map((/** @type {any} */ one) =>
      element("button", { "type": "button", "class": "entry", "data-id": one.id, "onclick": () => show(one) }, one.title, element("small", {}, one.network)),
    );
    panel.append(element("div", { class: "list" }, ...links));
    panel.after(frame);
    show(atlases.find((/** @type {any} */ one) => one.id === state.atlas) ?? atlases[0]);
  }
}
