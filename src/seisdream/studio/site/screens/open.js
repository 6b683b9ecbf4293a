// @ts-check
// Open: samples, the data folder, uploads; what a file holds and how it is read.

import { drawCurves, element, formatNumber } from "/viewer/viewer.js";
import * as api from "../api.js";
import { SettingsForm } from "../form.js";

/**
 * What the list of a folder states: SEG-Y may hold a line or a volume, which shows when it is opened.
 * @type {Record<string, (one: any) => string>}
 */
const NOTES = {
  section: (one) => size(one.bytes),
  volume: () => "volume",
  other: () => "unknown ending",
};
const SVG = "http://www.w3.org/2000/svg";

export class OpenScreen {
  static screenName = "open";
  static title = "Open";
  static hasWorkbench = true;

  /** @param {any} studio */
  constructor(studio) {
    this.studio = studio;
  }

  /** @param {HTMLElement} panel */
  async enter(panel) {
    const { samples, has_data_dir: hasFolder } = this.studio.facts;
    const files = element("div", { class: "files" });
    this.uploads = element("div");
    panel.append(
      this.#dropZone(),
      this.uploads,
      element("h2", {}, "Samples"),
      element(
        "div",
        { class: "list" },
        ...samples.map((/** @type {any} */ one) => this.#entry(one.title, one.source, one.credit)),
      ),
    );
    if (hasFolder) {
      panel.append(element("h2", {}, "Data folder"), files);
      void this.#list(files, "");
    }
    this.facts = element("div", { class: "facts" });
    this.studio.workbench.below.append(this.facts);
    this.#describe();
    await this.#listUploads();
    await this.#makeForm(panel);
  }

  /** @param {string} title @param {string} source @param {string} [note] */
  #entry(title, source, note) {
    return element(
      "button",
      { type: "button", class: "entry", onclick: () => this.#open(source) },
      title,
      note ? element("small", {}, note) : null,
    );
  }

  /** @param {string} source @param {object} [options] */
  async #open(source, options = {}) {
    try {
      await this.studio.openSource(source, options);
      this.#describe();
      this.form?.set(options);
    } catch (error) {
      this.studio.report(error);
    }
  }

  #dropZone() {
    const input = element("input", { type: "file", id: "file", class: "visually-hidden" });
    const bar = element("progress", { "max": "1", "value": "0", "hidden": true, "aria-label": "Upload" });
    const zone = element(
      "div",
      { class: "drop" },
      element("p", {}, "Drop a file here, or"),
      input,
      element("label", { for: "file", class: "button primary" }, "Choose a file"),
      element("p", { class: "hint" }, "SEG-Y, Seismic Unix, NumPy, MATLAB, NetCDF, Zarr as a zip, or a picture."),
      bar,
    );
    const send = async (/** @type {File | undefined} */ file) => {
      if (!file) return;
      bar.hidden = false;
      try {
        const { source } = await api.upload(file, (share) => (bar.value = share));
        await this.#listUploads();
        await this.#open(source);
      } catch (error) {
        this.studio.report(error);
      }
      bar.hidden = true;
      input.value = "";
    };
    input.addEventListener("change", () => void send(input.files[0]));
    zone.addEventListener("dragover", (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      zone.classList.remove("over");
      void send(event.dataTransfer?.files[0]);
    });
    return zone;
  }

  async #listUploads() {
    const uploads = await api.get("/api/uploads");
    if (!uploads.length) return this.uploads.replaceChildren();
    const rows = uploads.map((/** @type {any} */ one) =>
      element(
        "div",
        { class: "row" },
        this.#entry(one.name, one.source, size(one.bytes)),
        element(
          "button",
          {
            "type": "button",
            "class": "quiet",
            "aria-label": `Delete ${one.name}`,
            "onclick": async () => {
              await api
                .remove(`/api/uploads/${one.source.replace("upload:", "")}`)
                .catch((error) => this.studio.report(error));
              await this.#listUploads();
            },
          },
          "Delete",
        ),
      ),
    );
    return this.uploads.replaceChildren(element("h2", {}, "Uploads"), element("div", { class: "list" }, ...rows));
  }

  /** @param {HTMLElement} host @param {string} path */
  async #list(host, path) {
    const { entries } = await api.get(`/api/files?path=${encodeURIComponent(path)}`);
    const up = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    const rows = entries.map((/** @type {any} */ one) => {
      if (one.kind === "folder") {
        const act = () => this.#list(host, one.path);
        return element("button", { type: "button", class: "entry folder", onclick: act }, `${one.name}/`);
      }
      if (one.kind !== "page") return this.#entry(one.name, one.source, NOTES[one.kind]?.(one) ?? "");
      const href = `/pages/${one.path.split("/").map(encodeURIComponent).join("/")}`;
      const link = { class: "entry", href, target: "_blank", rel: "noopener" };
      return element("a", link, one.name, element("small", {}, "page, in a new tab"));
    });
    const back = path
      ? [element("button", { type: "button", class: "entry folder", onclick: () => this.#list(host, up) }, "‹ back")]
      : [];
    const empty = rows.length ? [] : [element("p", { class: "hint" }, "Nothing here.")];
    host.replaceChildren(element("div", { class: "list" }, ...back, ...rows, ...empty));
  }

  /** @param {HTMLElement} panel */
  async #makeForm(panel) {
    const { open } = await api.get("/api/schema");
    const { section } = this.studio.workbench;
    const isWrong = section?.facts?.problems?.some((/** @type {any} */ one) => one.is_fatal);
    const details = element("details", { open: isWrong }, element("summary", {}, "How the file is read"));
    const primary = ["inline_byte", "crossline_byte"];
    this.form = new SettingsForm(details, open, { values: section?.options ?? {}, primary });
    const apply = () => this.#open(this.studio.workbench.section.source, this.form?.values());
    details.append(element("button", { type: "button", class: "primary", onclick: apply }, "Read again"));
    panel.append(details);
  }

  /** @param {string} name */
  mark(name) {
    this.form?.mark(name);
  }

  #describe() {
    const { section } = this.studio.workbench;
    if (!section) return;
    const { facts = {}, histogram, geometry } = section;
    const problems = (facts.problems ?? []).map((/** @type {any} */ one) =>
      element("li", { class: one.is_fatal ? "fatal" : "" }, `${one.what} ${one.fix ?? ""}`),
    );
    const rows = Object.entries(facts)
      .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value) && value !== "")
      .map(([name, value]) => [
        element("dt", {}, name.replaceAll("_", " ")),
        element("dd", {}, typeof value === "number" ? formatNumber(value) : String(value)),
      ]);
    const text = facts.text_header ?? [];
    this.facts.replaceChildren(
      problems.length ? element("ul", { class: "problems" }, ...problems) : "",
      element(
        "div",
        { class: "plots" },
        histogram ? plotHistogram(histogram) : "",
        geometry ? plotGeometry(geometry) : "",
      ),
      element(
        "details",
        { open: true },
        element("summary", {}, "Facts"),
        element("dl", { class: "pairs" }, ...rows.flat()),
      ),
      text.length
        ? element(
            "details",
            {},
            element("summary", {}, "Text header"),
            element("pre", { tabindex: "0" }, text.join("\n")),
          )
        : "",
    );
  }
}

/** @param {number} bytes */
function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(4, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${formatNumber(Number((bytes / 1000 ** power).toPrecision(3)))} ${units[power]}`;
}

/** @param {{edges: number[], counts: number[]}} histogram */
function plotHistogram({ edges, counts }) {
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  const y = counts.map((count) => count / total);
  return drawCurves({
    title: "Amplitudes",
    across: "Amplitude",
    down: "share",
    x: [edges[0], edges[edges.length - 1]],
    y: [0, Math.max(...y)],
    curves: [{ name: "all samples", x: counts.map((_, i) => (edges[i] + edges[i + 1]) / 2), y }],
    words: "Share of the samples by amplitude.",
  });
}

/** @param {{x: number[], y: number[]}} geometry */
function plotGeometry({ x, y }) {
  const [x0, x1, y0, y1] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
  const side = Math.max(x1 - x0, y1 - y0) || 1;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 200 200");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Map of the traces, ${formatNumber(x1 - x0)} by ${formatNumber(y1 - y0)}`);
  x.forEach((value, i) => {
    const point = document.createElementNS(SVG, "circle");
    point.setAttribute("cx", String(100 + (184 * (value - (x0 + x1) / 2)) / side));
    point.setAttribute("cy", String(100 - (184 * (y[i] - (y0 + y1) / 2)) / side));
    point.setAttribute("r", "1.2");
    svg.append(point);
  });
  return element("figure", { class: "map" }, element("figcaption", {}, "Map of the traces, north up"), svg);
}
