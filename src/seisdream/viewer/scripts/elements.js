// @ts-check
// Small parts that every view is made of: elements, numbers in words, and the ticks of an axis.

/**
 * Return an element with attributes, listeners (`onclick`) and children.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] a false or missing value leaves the attribute out
 * @param {...(Node | string | null | undefined)} children
 * @returns {any}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * Return the parts of a command or of code, so that no line breaks inside an option.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function wordsOfCode(text) {
  return text.split(/(\s+)/).map((part, number) => (number % 2 ? part : element("span", { class: "sd-word" }, part)));
}

/**
 * Return a labelled choice.
 * @param {string} label @param {[string, string][]} options value and words
 * @param {string} value @param {(value: string) => void} onchange
 */
export function choice(label, options, value, onchange) {
  const select = element(
    "select",
    { onchange: () => onchange(select.value) },
    ...options.map(([key, words]) => element("option", { value: key }, words)),
  );
  select.value = value;
  return element("label", { class: "sd-field" }, element("span", {}, label), select);
}

/**
 * Return a number in at most four digits, with a minus sign.
 * @param {number} value
 */
export function formatNumber(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text =
    size !== 0 && (size >= 1e6 || size < 1e-3)
      ? Number(value.toPrecision(3)).toExponential().replace("e+", "e")
      : String(Number(value.toPrecision(size >= 1000 ? 6 : 4)));
  return text.replace("-", "−");
}

/**
 * Return round numbers between two others, about as many as wanted.
 * @param {number} low @param {number} high @param {number} count
 * @param {boolean} [isWhole] only whole numbers
 * @returns {number[]}
 */
export function ticksBetween(low, high, count, isWhole = false) {
  if (low > high) [low, high] = [high, low];
  const rough = (high - low) / Math.max(1, count) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  if (isWhole) step = Math.max(1, step === 2.5 ? 5 : Math.round(step));
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(k * step);
  return ticks;
}

/**
 * Return a word with its first letter large.
 * @param {string} word
 */
export function capitalize(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
