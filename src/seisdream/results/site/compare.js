const names = Object.keys(DATA.sections);
const sections = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, await decodeSection(DATA.sections[name])])),
);
const chosen = { first: DATA.names[0], second: DATA.names[1] };
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
const shade = (value) => (Number.isFinite(value) ? value.toFixed(3) : "–");

PAGE.replaceChildren(
  element("h1", {}, DATA.title),
  tools,
  host,
  element("h2", {}, DATA.measure),
  element(
    "div",
    { "class": "scroll", "tabindex": "0", "role": "group", "aria-label": DATA.measure },
    element(
      "table",
      {},
      element("tr", {}, element("td"), ...DATA.names.map((name) => element("th", { scope: "col" }, name))),
      ...DATA.names.map((name, row) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, name),
          ...DATA.agreement[row].map((value) => element("td", {}, shade(value))),
        ),
      ),
    ),
  ),
  ...DATA.credit.map((line) => element("p", { class: "soft" }, line)),
);
const comparison = new Comparison(host, {
  before: sections[chosen.first],
  after: sections[chosen.second],
  names: ["Left", "Right"],
  display: DATA.display,
});
