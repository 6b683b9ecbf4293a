// @ts-check
// What the page shows, kept in its address: a link restores it.

/**
 * @typedef {{screen: string, section: string, line: Record<string, number>, run: string, network: string,
 *   settings: Record<string, any>, left: string, right: string, view: number[], display: Record<string, any>,
 *   point: number[], layer: string, atlas: string, mode: string}} State
 */

/** @type {State} */
export const state = {
  screen: "open",
  section: "",
  line: {},
  run: "",
  network: "",
  settings: {},
  left: "",
  right: "",
  view: [],
  display: {},
  point: [],
  layer: "",
  atlas: "",
  mode: "",
};

const EMPTY = JSON.stringify(state);

/** Read the state from the address. */
export function readAddress() {
  Object.assign(state, JSON.parse(EMPTY));
  const run = location.pathname.match(/^\/runs\/([\w-]+)/)?.[1];
  if (run) Object.assign(state, { run, screen: "" });
  for (const [name, text] of new URLSearchParams(location.search)) {
    const known = /** @type {Record<string, any>} */ (state);
    if (!(name in known)) continue;
    if (typeof known[name] === "string") known[name] = text;
    else {
      try {
        known[name] = JSON.parse(text);
      } catch {
        // A link that was cut short: the rest of it still holds.
      }
    }
  }
}

/**
 * Change the state and the address.
 * @param {Partial<State>} changes
 * @param {boolean} [isStep] whether the browser's Back returns to the state before
 */
export function remember(changes, isStep = false) {
  Object.assign(state, changes);
  const empty = JSON.parse(EMPTY);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (name === "run" || JSON.stringify(value) === JSON.stringify(empty[name])) continue;
    query.set(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  const path = state.run ? `/runs/${state.run}` : "/";
  const address = `${path}${query.size ? `?${query}` : ""}`;
  if (isStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

/** Keep what a viewer shows, and how. @param {any} viewer */
export function rememberView(viewer) {
  const { x0, x1, y0, y1 } = viewer.view;
  const whole = viewer.whole();
  const isWhole = whole.x0 === x0 && whole.x1 === x1 && whole.y0 === y0 && whole.y1 === y1;
  const view = isWhole ? [] : [x0, x1, y0, y1].map((edge) => Math.round(10 * edge) / 10);
  remember({ view, display: viewer.display });
}

/** Show the part of a section that was kept. @param {any} viewer */
export function showView(viewer) {
  const [x0, x1, y0, y1] = state.view;
  if (y1) viewer.setView({ x0, x1, y0, y1 });
}
