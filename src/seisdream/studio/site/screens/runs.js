// @ts-check
// Runs: what ran, what runs, what waits; and jobs on volumes, block by block.

import { element } from "/viewer/viewer.js";
import * as api from "../api.js";
import { state } from "../state.js";

const BLOCKS = ["open", "finished", "failed"];
const REFRESH_MS = 3000;
const COLUMNS = ["Run", "Section", "Kind", "Network", "State", "Steps", "Started", ""];

export class RunsScreen {
  static screenName = "runs";
  static title = "Runs";
  static hasWorkbench = false;

  /** @param {any} studio */
  constructor(studio) {
    this.studio = studio;
  }

  /** @param {HTMLElement} panel */
  async enter(panel) {
    this.rows = element("tbody");
    this.jobs = element("div");
    const isVolume = this.studio.workbench.section?.kind === "volume";
    const form = isVolume
      ? await this.#form()
      : element("p", { class: "hint" }, "Open a volume to start a job on the whole of it.");
    const table = element(
      "table",
      { class: "runs" },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...COLUMNS.map((one) =>
            element("th", { scope: "col" }, one || element("span", { class: "visually-hidden" }, "Actions")),
          ),
        ),
      ),
      this.rows,
    );
    this.more = element(
      "button",
      { type: "button", hidden: true, onclick: () => void this.#load(true) },
      "Earlier runs",
    );
    panel.append(
      element("div", { "class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Runs" }, table),
      this.more,
      form,
      this.jobs,
    );
    /** @type {any[]} */ this.runs = [];
    await this.#load(false);
    await this.#showJobs();
    this.timer = window.setInterval(() => void this.#refresh().catch(() => {}), REFRESH_MS);
  }

  leave() {
    clearInterval(this.timer);
  }

  /** @param {any} _run */
  onRun(_run) {
    void this.#load(false);
  }

  /** Show how far runs and jobs are; the rows stay, and with them the focus of the keyboard. */
  async #refresh() {
    if (this.runs.some((run) => run.state === "running")) {
      const { runs } = await api.get("/api/runs?limit=50");
      for (const run of runs) {
        const cell = this.rows.querySelector(`[data-steps="${run.id}"]`);
        if (cell) cell.textContent = steps(run);
      }
    }
    await this.#showJobs();
  }

  /** @param {boolean} isMore */
  async #load(isMore) {
    const before = isMore && this.runs?.length ? `&before=${this.runs[this.runs.length - 1].id}` : "";
    const { runs } = await api.get(`/api/runs?limit=50${before}`);
    this.runs = isMore ? [...(this.runs ?? []), ...runs] : runs;
    this.more.hidden = runs.length < 50;
    if (!this.runs?.length) {
      this.rows.replaceChildren(
        element("tr", {}, element("td", { colspan: String(COLUMNS.length) }, "Nothing has run yet.")),
      );
    } else this.rows.replaceChildren(...this.runs.map((run) => this.#row(run)));
  }

  /** @param {any} run */
  #row(run) {
    const act = (/** @type {string} */ words, /** @type {() => Promise<any>} */ what) =>
      element(
        "button",
        {
          "type": "button",
          "class": "quiet",
          "aria-label": `${words} run ${run.id}`,
          "onclick": () =>
            what()
              .then(() => this.#load(false))
              .catch((error) => this.studio.report(error)),
        },
        words,
      );
    const post = (/** @type {string} */ what) => () => api.post(`/api/runs/${run.id}/${what}`);
    const remove = act("Delete", () => api.remove(`/api/runs/${run.id}`));
    /** @type {Record<string, HTMLElement[]>} */
    const actions = {
      queued: [act("Stop", post("stop"))],
      running: [act("Pause", post("pause")), act("Stop", post("stop"))],
      paused: [act("Go on", post("resume")), act("Stop", post("stop"))],
    };
    return element(
      "tr",
      {},
      element(
        "th",
        { scope: "row" },
        element("a", { href: run.link }, run.label || run.id),
        run.label ? element("small", {}, run.id) : null,
      ),
      element("td", {}, run.title),
      element("td", {}, run.kind),
      element("td", {}, run.network ?? ""),
      element(
        "td",
        {},
        element("span", { class: `state ${run.state}` }, run.state),
        run.error ? element("small", {}, run.error.message) : "",
      ),
      element("td", { "data-steps": run.id }, steps(run)),
      element(
        "td",
        {},
        run.created ? new Date(run.created).toLocaleString([], { dateStyle: "short", timeStyle: "short" }) : "",
      ),
      element("td", {}, element("div", { class: "row" }, ...(actions[run.state] ?? [remove]))),
    );
  }

  /** A form that starts a job on the whole volume. */
  async #form() {
    const { section } = this.studio.workbench;
    const networks = (await api.get("/api/networks")).map((/** @type {any} */ one) => one.name);
    const choices = (/** @type {string} */ id, /** @type {string[]} */ names, /** @type {string} */ chosen) => {
      const select = element("select", { id }, ...names.map((name) => element("option", { value: name }, name)));
      select.value = chosen;
      return select;
    };
    const { predictor, network } = this.studio.facts;
    // After a dream the address holds the run, which holds its settings.
    const dreamed = this.studio.run?.kind === "dream" ? this.studio.run.request : { network, settings: {} };
    const dreamSettings = Object.keys(state.settings).length ? state.settings : dreamed.settings;
    const command = choices("job-command", ["predict", "dream"], "predict");
    const chosen = choices("job-network", networks, predictor);
    const direction = choices("job-direction", ["inline", "crossline"], "inline");
    const settings = element("p", { class: "hint" });
    const describe = () => {
      const given = Object.entries(dreamSettings).map(([name, value]) => `${name} ${value}`);
      settings.textContent =
        command.value === "predict"
          ? "With the default settings."
          : `With the settings of Dream: ${given.join(", ") || "the defaults"}.`;
    };
    command.addEventListener("change", () => {
      chosen.value = command.value === "predict" ? predictor : state.network || dreamed.network;
      describe();
    });
    describe();
    const start = async () => {
      const body = {
        kind: "volume",
        section: section.id,
        command: command.value,
        network: chosen.value,
        direction: direction.value,
      };
      try {
        await api.post("/api/runs", {
          ...body,
          settings: command.value === "dream" ? dreamSettings : {},
          label: section.title,
        });
        await this.#load(false);
      } catch (error) {
        this.studio.report(error);
      }
    };
    return element(
      "form",
      {
        class: "fields job-form",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          void start();
        },
      },
      element("h2", {}, `Job on the whole of ${section.title}`),
      ...[
        ["Command", command],
        ["Network", chosen],
        ["Direction", direction],
      ].map(([label, select]) =>
        element("div", { class: "field" }, element("label", { for: select.id }, label), select),
      ),
      settings,
      element("div", { class: "row" }, element("button", { type: "submit", class: "primary" }, "Start the job")),
    );
  }

  async #showJobs() {
    const jobs = await api.get("/api/jobs");
    if (!jobs.length) return this.jobs.replaceChildren();
    const details = await Promise.all(jobs.map((/** @type {any} */ one) => api.get(`/api/jobs/${one.id}`)));
    return this.jobs.replaceChildren(element("h2", {}, "Jobs on volumes"), ...details.map((job) => this.#job(job)));
  }

  /** @param {any} job */
  #job(job) {
    const resume = element(
      "button",
      {
        "type": "button",
        "class": "quiet",
        "aria-label": `Resume ${job.folder}`,
        "onclick": () => api.post(`/api/jobs/${job.id}/resume`).catch((error) => this.studio.report(error)),
      },
      "Resume",
    );
    return element(
      "article",
      { class: "job" },
      element("h3", {}, `${job.command} with ${job.network} on ${(job.input ?? "an array").split("/").pop()}`),
      element(
        "p",
        { class: "hint" },
        `${job.done} of ${job.total} blocks${job.is_running ? ", running" : ""}, in ${job.folder}`,
      ),
      blockMap(job),
      job.is_running || job.done === job.total ? "" : resume,
    );
  }
}

/** How many of its steps a run has taken. @param {any} run */
function steps(run) {
  return run.n_states ? `${run.n_done} of ${run.n_states}` : "";
}

/** Draw a map of the blocks of a job, inlines down, crosslines across. @param {any} job */
function blockMap(job) {
  const [inlines, crosslines, times] = [1, 1, ...job.grid].slice(-3);
  const [rows, columns] = [inlines * (crosslines > 1 ? times : 1), crosslines > 1 ? crosslines : times];
  const [side, filled] = columns > 256 ? [1, 1] : [8, 7]; // With lines between them, where there is room.
  const counts = BLOCKS.map((_, state) => job.blocks.filter((/** @type {number} */ one) => one === state).length);
  const words = BLOCKS.map((name, state) => `${counts[state]} ${name}`).join(", ");
  const canvas = element("canvas", {
    "class": "blocks",
    "width": columns * side,
    "height": rows * side,
    "role": "img",
    "aria-label": `Blocks: ${words}`,
  });
  const context = canvas.getContext("2d");
  job.blocks.forEach((/** @type {number} */ state, /** @type {number} */ i) => {
    context.fillStyle = ["#9aa3a8", "#2c7a4b", "#b0420f"][state];
    context.fillRect((i % columns) * side, Math.floor(i / columns) * side, columns > 1 ? filled : side, filled);
  });
  canvas.style.aspectRatio = `${columns} / ${rows}`;
  return element("figure", { class: "block-map" }, canvas, element("figcaption", {}, words));
}
