const [FIRST, SECOND] = DATA.names;
const OWNERS = { both: `both networks`, first: `${FIRST} alone`, second: `${SECOND} alone` };

function picture(url, alt) {
  return element("img", { src: url, alt });
}

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
    parts.push(element("figcaption", {}, "Its dream"), picture(row.dream, `Dream of concept ${row.concept}`));
  const agreement = row.agreement === null ? "" : `; maps correlate at ${row.agreement.toFixed(2)}`;
  parts.push(element("figcaption", {}, `${Math.round(100 * row.first_share)} % in ${FIRST}${agreement}`));
  return element("figure", {}, ...parts);
}

function section(title, text, ...parts) {
  return [element("h2", {}, title), element("p", { class: "soft" }, text), ...parts];
}

function table() {
  const head = element(
    "tr",
    {},
    element("th", {}, `${FIRST} \\ ${SECOND}`),
    ...DATA.cka.second.map((name) => element("th", {}, name)),
  );
  const rows = DATA.cka.first.map((name, number) =>
    element(
      "tr",
      {},
      element("th", {}, name),
      ...DATA.cka.values[number].map((value) => element("td", {}, value === null ? "–" : value.toFixed(2))),
    ),
  );
  return element("div", { class: "scroll" }, element("table", {}, head, ...rows));
}

const { both, first_only: firstOnly, second_only: secondOnly, differing } = DATA.summary;
const byOwner = (owner) => DATA.concepts.filter((row) => row.owner === owner).map(conceptOf);
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
    `Of ${DATA.concepts.length} concepts of ${[...new Set(DATA.layers)].join(" and ")}, ${both} are in both networks, ${firstOnly} in ${FIRST} alone and ${secondOnly} in ${SECOND} alone.`,
  ),
  ...notesList(DATA.notes),
  element(
    "div",
    { class: "tiles" },
    element("figure", {}, picture(DATA.line, "The line"), element("figcaption", {}, "The line of the maps below")),
    ...(DATA.part
      ? [
          element(
            "figure",
            {},
            picture(DATA.part, "The part of the line before the dreams"),
            element("figcaption", {}, "The part of the line on which both networks dream"),
          ),
        ]
      : []),
    ...(DATA.differing
      ? [
          element(
            "figure",
            {},
            picture(DATA.differing, "Where predictions differ"),
            element(
              "figcaption",
              {},
              `Orange: the networks predict different classes (${(100 * differing).toFixed(1)} % of the line)`,
            ),
          ),
        ]
      : []),
    ...DATA.differences.map((one) =>
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
    "Each concept is a set of channels of both networks that are active together. Blue: where each network alone finds it on the line. Dreams are not recorded data.",
    ...groups,
  ),
  ...section(
    "Similar layers",
    "Linear CKA of the stages: 1 is the same representation up to rotation and scale.",
    table(),
  ),
  ...DATA.credit.map((line) => element("p", { class: "soft" }, line)),
);
