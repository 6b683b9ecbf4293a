const [before, ...after] = await Promise.all([DATA.before, ...DATA.after.map((one) => one.section)].map(decodeSection));
const host = element("div");
const tools = element("div", { class: "row" });

PAGE.replaceChildren(
  element("h1", {}, DATA.title),
  ...DATA.sentences.map((sentence) => element("p", {}, sentence)),
  ...notesList(DATA.notes),
  tools,
  host,
);
const comparison = new Comparison(host, { before, after: after[0], names: DATA.names, display: DATA.display });
if (after.length > 1) {
  tools.append(
    choice(
      "Show",
      DATA.after.map((one, number) => [String(number), one.name]),
      "0",
      (number) => comparison.setSections(before, after[Number(number)]),
    ),
  );
}

for (const { title, text, pictures } of DATA.galleries) {
  PAGE.append(
    element("h2", {}, title),
    element("p", { class: "soft" }, text),
    element(
      "div",
      { class: "tiles wide" },
      ...pictures.map(([heading, facts, src]) =>
        element(
          "figure",
          {},
          element("figcaption", {}, element("strong", {}, heading), element("span", {}, facts)),
          element("img", { src, alt: `${heading}: ${facts}`, loading: "lazy" }),
        ),
      ),
    ),
  );
}

if (DATA.film) {
  const isVideo = DATA.film.startsWith("data:video");
  const film = isVideo
    ? element("video", {
        "controls": true,
        "loop": true,
        "playsinline": true,
        "src": DATA.film,
        "aria-label": "Film of the dream",
      })
    : element("img", { src: DATA.film, alt: "Film of the dream" });
  film.muted = true;
  PAGE.append(element("h2", {}, "Film"), element("figure", { class: "film" }, film));
}

PAGE.append(element("h2", {}, "Settings"));
for (const [name, text] of DATA.code) {
  PAGE.append(
    element(
      "div",
      { class: "row" },
      copyButton(`Copy as ${name}`, () => text),
    ),
    element("pre", { tabindex: "0" }, text),
  );
}
PAGE.append(
  element(
    "div",
    { "class": "scroll", "tabindex": "0", "role": "group", "aria-label": "Settings" },
    element(
      "table",
      {},
      ...DATA.settings.map(([name, value]) =>
        element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)),
      ),
    ),
  ),
);
if (DATA.credit.length) PAGE.append(element("h2", {}, "Credit"), ...DATA.credit.map((line) => element("p", {}, line)));
