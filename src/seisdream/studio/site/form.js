// @ts-check
// A form made from the declared settings of a command: it knows their ranges, help and defaults, and nothing else.

import { element } from "/viewer/viewer.js";

/** Settings that a screen has its own controls for are left out by name. */
export class SettingsForm {
  /**
   * @param {HTMLElement} host
   * @param {any} schema of a kind of run
   * @param {{values?: Record<string, any>, without?: string[], primary?: string[], onchange?: () => void}} [options]
   *   Settings that a screen leaves out, and those that it shows at once, besides the primary ones.
   */
  constructor(host, schema, { values = {}, without = [], primary: shown = [], onchange = () => {} } = {}) {
    this.schema = schema;
    this.onchange = onchange;
    /** @type {Map<string, any>} */ this.inputs = new Map();
    /** @type {Map<string, HTMLElement>} */ const groups = new Map();
    const primary = element("div", { class: "fields" });
    for (const [name, one] of Object.entries(schema.properties)) {
      if (without.includes(name)) continue;
      const field = this.#makeField(name, one);
      if (one["x-primary"] || shown.includes(name)) primary.append(field);
      else {
        const group = one["x-group"] ?? "More";
        if (!groups.has(group)) groups.set(group, element("div", { class: "fields" }));
        groups.get(group)?.append(field);
      }
    }
    const more = [...groups].map(([group, fields]) => element("details", {}, element("summary", {}, group), fields));
    host.append(
      primary,
      ...(more.length ? [element("details", { class: "more" }, element("summary", {}, "More settings"), ...more)] : []),
    );
    this.set(values);
  }

  /** @param {string} name @param {any} one */
  #makeField(name, one) {
    const id = `setting-${name}`;
    const types = [one.type].flat();
    const auto = one.default === null ? "automatic" : undefined;
    const help = [one.description, one["x-auto"] && `Automatic: ${one["x-auto"]}.`].filter(Boolean).join(" ");
    /** @type {any} */ let input;
    if (one.enum) {
      const names = one.enum.filter((/** @type {any} */ value) => value !== null);
      const first = one.default === null ? [["", auto]] : [];
      const options = [...first, ...names.map((/** @type {any} */ value) => [String(value), String(value)])];
      input = element("select", { id }, ...options.map(([value, words]) => element("option", { value }, words)));
    } else if (types.includes("boolean")) input = element("input", { id, type: "checkbox" });
    else if (types[0] === "integer" || types[0] === "number") {
      const step = types[0] === "integer" ? 1 : "any";
      input = element("input", { id, type: "number", step, min: one.minimum, max: one.maximum, placeholder: auto });
    } else input = element("input", { id, type: "text", placeholder: auto ?? "", spellcheck: "false" });
    input.addEventListener("change", () => {
      input.removeAttribute("aria-invalid");
      this.onchange();
    });
    this.inputs.set(name, input);
    return element(
      "div",
      { class: types.includes("boolean") ? "field check" : "field" },
      element("label", { for: id, title: help }, one.title),
      input,
    );
  }

  /** Return the settings that differ from their defaults. @returns {Record<string, any>} */
  values() {
    /** @type {Record<string, any>} */ const values = {};
    for (const [name, input] of this.inputs) {
      const one = this.schema.properties[name];
      const types = [one.type].flat();
      let value;
      if (input.type === "checkbox") value = input.checked;
      else if (input.value === "") value = one.default;
      else if (types.includes("array"))
        value = input.value.split(",").map((/** @type {string} */ part) => toNumber(part.trim()));
      else value = types.some((type) => type === "integer" || type === "number") ? toNumber(input.value) : input.value;
      if (JSON.stringify(value) !== JSON.stringify(one.default)) values[name] = value;
    }
    return values;
  }

  /** Set all fields: what is not given has its default. @param {Record<string, any>} values */
  set(values) {
    for (const [name, input] of this.inputs) {
      const value = values[name] ?? this.schema.properties[name].default;
      if (input.type === "checkbox") input.checked = Boolean(value);
      else
        input.value =
          value === null || value === undefined ? "" : Array.isArray(value) ? value.join(", ") : String(value);
    }
  }

  /** Show which setting an error is about. @param {string} name */
  mark(name) {
    const input = this.inputs.get(name);
    if (!input) return;
    for (let parent = input.parentElement; parent; parent = parent.parentElement) {
      if (parent instanceof HTMLDetailsElement) parent.open = true;
    }
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
}

/** @param {string} text @returns {number | string} */
function toNumber(text) {
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}
