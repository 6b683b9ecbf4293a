/** @type {{title: string, notes: string[], credit: string[], input: string,
 *   tiles: {name: string, picture: string, command: string}[]}} */
const page = DATA;
let showsInput = false;
const pictures = page.tiles.map((tile) => element("img", { src: tile.picture, alt: `Dream of ${tile.name}` }));
const toggle = element("button", { "type": "button", "aria-pressed": "false" }, "Show the input (B)");

function blink() {
  showsInput = !showsInput;
  toggle.setAttribute("aria-pressed", String(showsInput));
  toggle.textContent = showsInput ? "Show the dreams (B)" : "Show the input (B)";
  pictures.forEach((picture, number) => {
    picture.src = showsInput ? page.input : page.tiles[number].picture;
  });
}

toggle.addEventListener("click", blink);
addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "b" && !event.ctrlKey && !event.metaKey && !event.altKey) blink();
});

/** @param {HTMLElement} picture @param {string} name @param {string} command */
function tileOf(picture, name, command) {
  const caption = element("figcaption", {}, element("strong", {}, name));
  const parts = [picture, caption];
  if (command) {
    caption.append(copyButton("Copy command", () => command));
    parts.push(element("pre", { tabindex: 0 }, ...wordsOfCode(command)));
  }
  return element("figure", {}, ...parts);
}

PAGE.append(
  element("h1", {}, page.title),
  element(
    "p",
    { class: "soft" },
    "Each tile is a short dream on a part of the section. Its command dreams on all of it.",
  ),
  ...notesList(page.notes),
  element("div", { class: "row" }, toggle),
  element(
    "div",
    { class: "tiles" },
    tileOf(element("img", { src: page.input, alt: "The input" }), "Input", ""),
    ...page.tiles.map((tile, number) => tileOf(pictures[number], tile.name, tile.command)),
  ),
  ...page.credit.map((line) => element("p", { class: "soft" }, line)),
);
