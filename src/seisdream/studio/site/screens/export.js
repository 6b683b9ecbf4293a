// @ts-check
// Export: the result as files, and as a command that reproduces it.

import { element, wordsOfCode } from "/viewer/viewer.js";
import * as api from "../api.js";

const SEGY = /\.(sgy|segy|su)$/;
/** What can be saved: name, title, note, and the files of a result that it is made of. */
const FILES = /** @type {[string, string, string, RegExp][]} */ ([
  ["segy", "SEG-Y", "with the headers of the input", SEGY],
  ["zarr", "Zarr", "as a zip", /./],
  ["png", "Figure", "PNG", /(figure|slices|variants)\.png$/],
  ["film", "Film", "of the steps", /^dream\.(mp4|gif)$/],
  ["settings", "Settings", "JSON", /\.json$/],
]);

/** Why a result has no SEG-Y. @param {any} run */
function noSegy(run) {
  const note = run.notes.find((/** @type {string} */ one) => /^No .*\.(sgy|segy|su):/.test(one));
  return note ?? "No SEG-Y: its headers are those of the input, which is no SEG-Y file.";
}

export class ExportScreen {
  static screenName = "export";
  static title = "Export";
  static hasWorkbench = false;

  /** @param {any} studio */
  constructor(studio) {
    this.studio = studio;
  }

  /** @param {HTMLElement} panel */
  async enter(panel) {
    const run = this.studio.run && (await api.get(`/api/runs/${this.studio.run.id}`));
    if (!run?.result) {
      const words = run ? `Run ${run.id} has no result (${run.state}).` : "No run is chosen.";
      const runs = element("a", { href: "/?screen=runs" }, "Runs");
      panel.append(element("p", {}, `${words} Dream first, or choose another one in `, runs, "."));
      return;
    }
    const files = /** @type {string[]} */ (run.result.files);
    const links = FILES.filter(([, , , pattern]) => files.some((one) => pattern.test(one))).map(([name, title, note]) =>
      element(
        "a",
        { class: "entry", href: `/api/runs/${run.id}/export/${name}`, download: true },
        title,
        element("small", {}, note),
      ),
    );
    const { command, python } = await api.get(`/api/runs/${run.id}/commands`);
    panel.append(
      element("p", { class: "hint" }, `Run ${run.id}, ${run.kind} with ${run.request.network}`),
      element("div", { class: "list" }, ...links),
      ...(files.some((one) => SEGY.test(one)) ? [] : [element("p", { class: "hint" }, noSegy(run))]),
      ...(files.includes("index.html")
        ? [
            element(
              "p",
              {},
              element(
                "a",
                { href: `/api/runs/${run.id}/files/index.html`, target: "_blank", rel: "noopener" },
                "The result as a page",
              ),
            ),
          ]
        : []),
    );
    panel.after(
      element(
        "div",
        { class: "codes" },
        this.#code("Command", "Copy the command", command),
        this.#code("Python", "Copy the Python", python),
      ),
    );
  }

  /** @param {string} title @param {string} label @param {string} text */
  #code(title, label, text) {
    const code = element("pre", { tabindex: "0" }, ...wordsOfCode(text));
    const copy = element(
      "button",
      {
        "type": "button",
        "aria-label": label,
        "onclick": async () => {
          try {
            await navigator.clipboard.writeText(text);
            copy.textContent = "Copied";
          } catch {
            // Without permission the text is selected for the keyboard.
            getSelection()?.selectAllChildren(code);
          }
        },
      },
      "Copy",
    );
    return element("section", {}, element("div", { class: "row" }, element("h2", {}, title), copy), code);
  }
}
