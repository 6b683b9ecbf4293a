/** @typedef {{concept: number, owner: string, maps: string[], dream?: string, agreement: number | null, first_share: number}} Concept */
/** @type {{names: string[], layers: string[], notes: string[], credit: string[], line: string, part?: string,
 *   differing?: string, differences: {name: string, picture: string}[], concepts: Concept[],
 *   summary: {both: number, first_only: number, second_only: number, differing: number},
 *   cka: {first: string[], second: string[], values: (number | null)[][]}}} */
const page = DATA;
const [FIRST, SECOND] = page.names;
/** @type {Record<string, string>} */
const OWNERS = { both: `both networks`, first: `${FIRST} alone`, second: `${SECOND} alone` };

/** @param {string} url @param {string} alt */
function picture(url, alt) {
  return element("img", { src: url, alt });
}

/** @param {Concept} row */
function conceptOf(row) {
  const parts = [element("figcaption", {}, element("strong", {}, `Concept ${row.concept}: ${OWNERS[row.owner]}`))];
  if (row.owner !== "second")
    parts.push(
      element("figcaption", {}, `Where ${FIRST} finds it`),
      picture(row.maps[0], `Where ${FIRST} finds concept ${row.concept}`),
    );
  if (row.owner !== "first")
    parts.push(
      element("figcaption", {}, `Where ${SECOND} finds it`),
      picture(row.maps[1], `Where ${SECOND} finds concept ${row.concept}`),
    );
  if (row.dream)
    parts.push(
      element("figcaption", {}, `A dream of it by ${row.first_share < 0.5 ? SECOND : FIRST}`),
      picture(row.dream, `Dream of concept ${row.concept}`),
    );
  const agreement = row.agreement === null ? "" : `; maps correlate at ${row.agreement.toFixed(2)}`;
  parts.push(element("figcaption", {}, `${Math.round(100 * row.first_share)} % in ${FIRST}${agreement}`));
  return element("figure", {}, ...parts);
}

/** @param {string} title @param {string} text @param {...HTMLElement} parts */
function section(title, text, ...parts) {
  return [element("h2", {}, title), element("p", { class: "soft" }, text), ...parts];
}

function table() {
  const head = element(
    "tr",
    {},
    element("th", {}, `${FIRST} \\ ${SECOND}`),
    ...page.cka.second.map((name) => element("th", {}, name)),
  );
  const rows = page.cka.first.map((name, number) =>
    element(
      "tr",
      {},
      element("th", {}, name),
      ...page.cka.values[number].map((value) => element("td", {}, value === null ? "–" : value.toFixed(2))),
    ),
  );
  return element("div", { class: "scroll" }, element("table", {}, head, ...rows));
}

const { both, first_only: firstOnly, second_only: secondOnly, differing } = page.summary;
const byOwner = (/** @type {string} */ owner) => page.concepts.filter((row) => row.owner === owner).map(conceptOf);
const groups = ["first", "second", "both"].flatMap((owner) => {
  const rows = byOwner(owner);
  return rows.length
    ? [element("h3", {}, `In ${OWNERS[owner]} (${rows.length})`), element("div", { class: "tiles" }, ...rows)]
    : [];
});

PAGE.append(
  element("h1", {}, `What ${FIRST} and ${SECOND} have in common`),
  element(
    "p",
    {},
    `Of ${page.concepts.length} concepts of ${[...new Set(page.layers)].join(" and ")}, ${both} are in both networks, ${firstOnly} in ${FIRST} alone and ${secondOnly} in ${SECOND} alone.`,
  ),
  ...notesList(page.notes),
  element(
    "div",
    { class: "tiles" },
    element("figure", {}, picture(page.line, "The line"), element("figcaption", {}, "The line of the maps below")),
    ...(page.part
      ? [
          element(
            "figure",
            {},
            picture(page.part, "The part of the line before the dreams"),
            element("figcaption", {}, "The part of the line on which both networks dream"),
          ),
        ]
      : []),
    ...(page.differing
      ? [
          element(
            "figure",
            {},
            picture(page.differing, "Where predictions differ"),
            element(
              "figcaption",
              {},
              `Orange: the networks predict different classes (${(100 * differing).toFixed(1)} % of the line)`,
            ),
          ),
        ]
      : []),
    ...page.differences.map((one) =>
      element(
        "figure",
        {},
        picture(one.picture, `Dream of ${one.name}`),
        element("figcaption", {}, `A network's dream, not recorded data: ${one.name}`),
      ),
    ),
  ),
  ...section(
    "Concepts",
    "Each concept is a set of channels of both networks that are active together. In colour, from yellow to red: where each network alone finds it on the line. A dream has the concept in its middle; dreams are not recorded data.",
    ...groups,
  ),
  ...section(
    "Similar layers",
    "Linear CKA of the stages: 1 is the same representation up to rotation and scale.",
    table(),
  ),
  ...page.credit.map((line) => element("p", { class: "soft" }, line)),
);
