// @ts-check
// The studio: a screen for each thing a person does, one section for all of them, and an address that holds the whole.

import { element } from "/viewer/viewer.js";
import * as api from "./api.js";
import { AtlasScreen } from "./screens/atlas.js";
import { CompareScreen } from "./screens/compare.js";
import { DreamScreen } from "./screens/dream.js";
import { ExportScreen } from "./screens/export.js";
import { FiresScreen } from "./screens/fires.js";
import { OpenScreen } from "./screens/open.js";
import { QuizScreen } from "./screens/quiz.js";
import { RunsScreen } from "./screens/runs.js";
import { readAddress, remember, state } from "./state.js";
import { Workbench } from "./workbench.js";

const SCREENS = [
  OpenScreen,
  DreamScreen,
  CompareScreen,
  FiresScreen,
  AtlasScreen,
  QuizScreen,
  RunsScreen,
  ExportScreen,
];

const STARTING_MS = 1000;

class Studio {
  /** @type {any} */ screen = null;
  /** @type {any} The run of the address. */ run = null;
  #noticeTimer = 0;

  constructor() {
    readAddress();
    this.main = /** @type {HTMLElement} */ (document.getElementById("main"));
    this.workbench = new Workbench();
  }

  async start() {
    this.#chooseTheme(localStorage.getItem("theme"));
    const button = /** @type {HTMLElement} */ (document.getElementById("theme"));
    button.addEventListener("click", () => this.#chooseTheme(button.dataset.next ?? "dark"));
    this.main.append(element("p", { class: "hint" }, "Opening the section."));
    await this.#showStatus();
    this.#followStudio();
    window.addEventListener("popstate", () => void this.restore());
    await this.restore();
    document.documentElement.dataset.ready = "true";
  }

  /** Open what the address names; without any, the built-in section. */
  async restore() {
    readAddress();
    try {
      if (state.run) {
        this.run = await api.get(`/api/runs/${state.run}`);
        const { section, line, request, kind } = this.run;
        if (!state.section) Object.assign(state, { section, line });
        if (!state.network) {
          Object.assign(state, { network: request.network, settings: kind === "dream" ? request.settings : {} });
        }
        if (!state.screen) state.screen = kind === "attribute" ? "fires" : "dream";
      } else this.run = null;
      if (state.section) {
        const section = await api.get(`/api/sections/${state.section}`);
        await this.workbench.open(section, Object.keys(state.line).length ? state.line : section.line);
      } else await this.openSource(new URLSearchParams(location.search).get("source") ?? "sample:built-in");
    } catch (error) {
      this.report(error);
      if (!this.workbench.section) await this.openSource("sample:built-in");
    }
    this.show(state.screen || "open");
  }

  /** @param {string} source @param {object} [options] */
  async openSource(source, options = {}) {
    const section = await api.post("/api/sections", { source, options });
    remember({ run: "", view: [] });
    this.run = null;
    await this.workbench.open(section);
    return section;
  }

  /**
   * @param {string} name of a screen
   * @param {boolean} [isStep] whether Back returns from it
   */
  show(name, isStep = false) {
    const kind = SCREENS.find((one) => one.screenName === name) ?? OpenScreen;
    this.screen?.leave?.();
    remember({ screen: kind.screenName }, isStep);
    document.title = `${kind.title} – seisdream studio`;
    this.#showLinks(kind);
    this.main.replaceChildren();
    this.main.dataset.screen = kind.screenName;
    this.screen = new kind(this);
    const panel = element("aside", { "class": "panel", "aria-label": kind.title }, element("h1", {}, kind.title));
    if (kind.hasWorkbench) {
      this.workbench.above.replaceChildren();
      this.workbench.below.replaceChildren();
      this.main.append(panel, this.workbench.host);
    } else this.main.append(panel);
    Promise.resolve(this.screen.enter(panel)).catch((error) => this.report(error));
  }

  /** @param {any} current screen */
  #showLinks(current) {
    const links = SCREENS.map((one) =>
      element(
        "a",
        {
          "href": `?screen=${one.screenName}`,
          "aria-current": one === current && "page",
          "onclick": (/** @type {MouseEvent} */ event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            this.show(one.screenName, true);
          },
        },
        one.title,
      ),
    );
    document.getElementById("screens")?.replaceChildren(...links);
    links.find((one) => one.ariaCurrent)?.scrollIntoView({ block: "nearest", inline: "center" });
  }

  /** Show an error, or a word, for some seconds. @param {any} error */
  report(error) {
    const notice = /** @type {HTMLElement} */ (document.getElementById("notice"));
    notice.textContent = error instanceof Error ? error.message : String(error);
    notice.hidden = false;
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = window.setTimeout(() => (notice.hidden = true), 12000);
    if (error instanceof api.StudioError && error.option) this.screen?.mark?.(error.option);
  }

  #followStudio() {
    const source = new EventSource("/api/events");
    source.addEventListener("run", (event) => {
      const run = JSON.parse(/** @type {MessageEvent} */ (event).data);
      if (this.run?.id === run.id) Object.assign(this.run, run);
      this.screen?.onRun?.(run);
      void this.#showStatus();
    });
  }

  async #showStatus() {
    this.facts = await api.get("/api/studio");
    const { workers, queue } = this.facts;
    const [busy, paused] = ["busy", "paused"].map(
      (name) => workers.filter((/** @type {any} */ one) => one.state === name).length,
    );
    const counts = [
      [busy, "running"],
      [paused, "paused"],
      [queue.length, "waiting"],
    ];
    const isStarting = workers.every((/** @type {any} */ one) => one.state === "starting");
    const words =
      counts
        .filter(([count]) => count)
        .map((one) => one.join(" "))
        .join(", ") || (isStarting ? "Starting" : "Ready");
    /** @type {HTMLElement} */ (document.getElementById("status")).textContent = words;
    if (isStarting) setTimeout(() => void this.#showStatus(), STARTING_MS);
  }

  /** @param {string | null} theme */
  #chooseTheme(theme) {
    const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    if (theme) localStorage.setItem("theme", theme);
    const button = /** @type {HTMLElement} */ (document.getElementById("theme"));
    button.dataset.next = isDark ? "light" : "dark";
    button.textContent = isDark ? "Light" : "Dark";
    this.workbench.viewer.requestDraw();
    this.screen?.redraw?.();
  }
}

const studio = new Studio();
studio.start().catch((error) => studio.report(error));
