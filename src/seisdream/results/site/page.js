// @ts-check
/** The data of the page. */
const DATA = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("data")).textContent || "null");
const PAGE = /** @type {HTMLElement} */ (document.getElementById("page"));

/**
 * Make a button that copies a text, or selects it where the browser does not let a page from disk copy.
 * @param {string} label
 * @param {() => string} text
 */
function copyButton(label, text) {
  const button = element("button", { type: "button", class: "quiet" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      const area = element("textarea");
      area.value = text();
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = label;
    }, 1500);
  });
  return button;
}

/**
 * Make a list of notes, or nothing. Names between grave accents are settings.
 * @param {string[]} notes
 */
function notesList(notes) {
  const parts = (note) => note.split("`").map((text, number) => (number % 2 ? element("code", {}, text) : text));
  return notes.length
    ? [element("ul", { class: "notes" }, ...notes.map((note) => element("li", {}, ...parts(note))))]
    : [];
}
