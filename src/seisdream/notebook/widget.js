// @ts-check
// The widget of a notebook: a section, and with a network a dream on it, step by step.

/** @param {{model: any, el: HTMLElement}} view */
function render({ model, el }) {
  const host = element("div");
  el.append(host);
  const read = (/** @type {string} */ name) => {
    const bytes = model.get(name);
    return bytes?.byteLength
      ? parseSection(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice().buffer)
      : null;
  };
  const before = /** @type {import("../viewer/scripts/samples.js").Section} */ (read("before"));
  const show = () => {
    const after = read("after");
    if (after && model.get("state") === "finished") {
      comparison = new Comparison(host, { before, after });
      return;
    }
    comparison = null;
    if (!viewer || !host.contains(viewer.stage)) viewer = new SectionViewer(host, { section: before });
    viewer.reference = before;
    if (after) viewer.setSection(after);
  };
  /** @type {any} */ let viewer = null;
  /** @type {any} */ let comparison = null;
  show();
  model.on("change:after", show);
  if (!model.get("can_dream")) return;
  const button = element("button", {
    type: "button",
    onclick: () => model.send({ kind: isRunning() ? "stop" : "dream" }),
  });
  const words = element("output");
  const isRunning = () => model.get("state") === "running";
  const describe = () => {
    button.textContent = isRunning() ? "Stop" : "Dream";
    words.textContent = model.get("words");
  };
  el.prepend(element("div", { class: "sd-modes sd-comparison" }, button, words));
  describe();
  model.on("change:state", () => {
    describe();
    show();
  });
  model.on("change:words", describe);
}

export default { render };
