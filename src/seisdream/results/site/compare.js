/** @type {{title: string, names: string[], sections: Record<string, any>, measure: string, agreement: number[][],
 *   credit: string[], display: object}} */
const page = DATA;
const names = Object.keys(page.sections);
const sections = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, await decodeSection(page.sections[name])])),
);
/** @type {Record<string, string>} */
const chosen = { first: page.names[0], second: page.names[1] };
const host = element("div");
const tools = element("div", { class: "row" });
/** @type {[string, string][]} */
const options = names.map((name) => [name, name]);
for (const [key, label] of [
  ["first", "Left"],
  ["second", "Right"],
]) {
  tools.append(
    choice(label, options, chosen[key], (name) => {
      chosen[key] = name;
      comparison.setSections(sections[chosen.first], sections[chosen.second]);
    }),
  );
}
const shade = (/** @type {number} */ value) => (Number.isFinite(value) ? value.toFixed(3) : "–");

PAGE.replaceChildren(
  element("h1", {}, page.title),
  tools,
  host,
  element("h2", {}, page.measure),
  element(
    "div",
    { "class": "scroll", "tabindex": "0", "role": "group", "aria-label": page.measure },
    element(
      "table",
      {},
      element("tr", {}, element("td"), ...page.names.map((name) => element("th", { scope: "col" }, name))),
      ...page.names.map((name, row) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, name),
          ...page.agreement[row].map((value) => element("td", {}, shade(value))),
        ),
      ),
    ),
  ),
  ...page.credit.map((line) => element("p", { class: "soft" }, line)),
);
const comparison = new Comparison(host, {
  before: sections[chosen.first],
  after: sections[chosen.second],
  names: ["Left", "Right"],
  display: page.display,
});
