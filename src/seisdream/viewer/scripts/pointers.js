// @ts-check
// Mouse, pen, fingers and wheel on a section: they move and zoom the view, choose a point, or guide a tool.

/** @typedef {{x: number, y: number}} Position in CSS pixels of the stage */

/** @param {import("./section-viewer.js").SectionViewer} viewer */
export function listenToPointers(viewer) {
  const { stage } = viewer;
  /** @type {Map<number, Position>} */ const pointers = new Map();
  let hasMoved = false;
  /** @param {PointerEvent | WheelEvent} event @returns {Position} */
  const positionOf = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  /** @param {Position} from @param {Position} at @param {Position | undefined} other finger */
  const drag = (from, at, other) => {
    const { area, view } = viewer;
    if (other) {
      const [was, is] = [from, at].map((one) => Math.max(8, Math.hypot(one.x - other.x, one.y - other.y)));
      viewer.zoom(is / was, { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
    } else if (viewer.section) {
      const scale = [(view.x1 - view.x0) / area.width, (view.y1 - view.y0) / area.height];
      viewer.move((from.x - at.x) * scale[0], (from.y - at.y) * scale[1]);
    }
  };

  stage.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    const at = positionOf(event);
    pointers.set(event.pointerId, at);
    stage.setPointerCapture(event.pointerId);
    if (pointers.size > 1) return;
    hasMoved = false;
    viewer.tool?.down(at, viewer);
  });

  stage.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const at = positionOf(event);
    const from = pointers.get(event.pointerId);
    if (from && !viewer.tool) {
      if (Math.hypot(at.x - from.x, at.y - from.y) < 4 && !hasMoved) return;
      hasMoved = true;
      drag(from, at, [...pointers].find(([id]) => id !== event.pointerId)?.[1]);
      pointers.set(event.pointerId, at);
    }
    viewer.tool?.move(at, viewer, Boolean(from));
    if (!viewer.isCrossHair) viewer.setCursor(viewer.sampleAt(at));
  });

  const end = (/** @type {PointerEvent} */ event) => {
    const wasDown = pointers.delete(event.pointerId);
    if (!wasDown) return;
    if (viewer.tool) viewer.tool.up(positionOf(event), viewer);
    else if (!hasMoved && event.type !== "pointercancel") viewer.choose(viewer.sampleAt(positionOf(event)));
  };
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, end);

  stage.addEventListener("pointerleave", () => {
    if (!viewer.isCrossHair) viewer.setCursor(null);
  });

  stage.addEventListener(
    "wheel",
    (/** @type {WheelEvent} */ event) => {
      if (viewer.wheel === "focused" && document.activeElement !== stage && !event.ctrlKey) return;
      event.preventDefault();
      viewer.zoom(2 ** (-event.deltaY / 300), positionOf(event));
    },
    { passive: false },
  );
}
