/** @type {{title: string, sentences: string[], notes: string[], before: any, after: {name: string, section: any}[],
 *   names: [string, string], point: [number, number] | null, display: object, galleries: {title: string, text: string, pictures: string[][]}[],
 *   film: string | null, code: [string, string][], settings: [string, string][], credit: string[]}} */
const page = DATA;
const [before, ...after] = await Promise.all([page.before, ...page.after.map((one) => one.section)].map(decodeSection));
const host = element("div");
const tools = element("div", { class: "row" });

PAGE.replaceChildren(
  element("h1", {}, page.title),
  ...page.sentences.map((sentence) => element("p", {}, sentence)),
  ...notesList(page.notes),
  tools,
  host,
);
const comparison = new Comparison(host, { before, after: after[0], names: page.names, display: page.display });
if (page.point) {
  const [across, down] = page.point;
  const { payload } = before;
  const mark = { column: positionOf(payload.across, across), row: positionOf(payload.down, down) };
  for (const viewer of [comparison.first, comparison.second]) viewer.setMark(mark);
}
if (after.length > 1) {
  tools.append(
    choice(
      "Show",
      page.after.map((one, number) => [String(number), one.name]),
      "0",
      (number) => comparison.setSections(before, after[Number(number)]),
    ),
  );
}

for (const { title, text, pictures } of page.galleries) {
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

if (page.film) {
  const isVideo = page.film.startsWith("data:video");
  const film = isVideo
    ? element("video", {
        "controls": true,
        "loop": true,
        "playsinline": true,
        "src": page.film,
        "aria-label": "Film of the dream",
      })
    : element("img", { src: page.film, alt: "Film of the dream" });
  film.muted = true;
  PAGE.append(element("h2", {}, "Film"), element("figure", { class: "film" }, film));
}

PAGE.append(element("h2", {}, "Settings"));
for (const [name, text] of page.code) {
  PAGE.append(
    element(
      "div",
      { class: "row" },
      copyButton(`Copy as ${name}`, () => text),
    ),
    element("pre", { tabindex: "0" }, ...wordsOfCode(text)),
  );
}
PAGE.append(
  element(
    "div",
    { "class": "scroll", "tabindex": "0", "role": "group", "aria-label": "Settings" },
    element(
      "table",
      {},
      ...page.settings.map(([name, value]) =>
        element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)),
      ),
    ),
  ),
);
if (page.credit.length) PAGE.append(element("h2", {}, "Credit"), ...page.credit.map((line) => element("p", {}, line)));
