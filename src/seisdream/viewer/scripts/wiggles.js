// @ts-check
// Traces as wiggles with their positive lobes filled.

/** @typedef {import("./samples.js").Section} Section */

const CLOSEST = 7;
const OVERLAP = 1.4;

/**
 * Draw the traces of a view; where they are closer than 7 pixels, every second, fourth … one.
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, width: number, height: number}} area
 * @param {Section} section
 * @param {{x0: number, x1: number, y0: number, y1: number}} view
 * @param {{middle: number, reach: number}} scale the value without deflection, and that of one trace spacing; a
 *   negative reach fills the negative lobes
 */
export function drawWiggles(context, area, section, view, { middle, reach }) {
  const spacing = area.width / (view.x1 - view.x0);
  const every = 2 ** Math.max(0, Math.ceil(Math.log2(CLOSEST / spacing)));
  const down = Math.max(0, Math.floor(Math.log2((view.y1 - view.y0) / area.height)));
  const level = section.level(0, down);
  const block = 2 ** down;
  const [r0, r1] = [
    Math.max(0, Math.floor(view.y0 / block) - 1),
    Math.min(level.height, Math.ceil(view.y1 / block) + 1),
  ];
  const scaleY = (block * area.height) / (view.y1 - view.y0);
  const top = area.y + ((r0 + 0.5) * block - view.y0) * (area.height / (view.y1 - view.y0));
  const unit = section.unit / reach;
  const lines = new Path2D();
  const lobes = new Path2D();
  for (
    let column = Math.floor(view.x0 / every) * every;
    column < Math.min(view.x1 + every, section.width);
    column += every
  ) {
    const x = area.x + (column + 0.5 - view.x0) * spacing;
    let before = 0;
    let isLine = false;
    lobes.moveTo(x, top);
    for (let row = r0; row < r1; row++) {
      const sample = (level.data[row * level.width + column] << 16) >> 16;
      const y = top + (row - r0) * scaleY;
      const isAbsent = sample === -32768;
      const share = isAbsent ? 0 : sample * unit - middle / reach;
      const moved = Math.max(-OVERLAP, Math.min(OVERLAP, share)) * spacing * every * 0.75;
      if (isAbsent) isLine = false;
      else if (isLine) lines.lineTo(x + moved, y);
      else {
        lines.moveTo(x + moved, y);
        isLine = true;
      }
      if (before * moved < 0) lobes.lineTo(x, y - (scaleY * moved) / (moved - before));
      lobes.lineTo(x + Math.max(0, moved), y);
      before = moved;
    }
    lobes.lineTo(x, top + (r1 - 1 - r0) * scaleY);
    lobes.closePath();
  }
  context.fillStyle = "#111";
  context.fill(lobes);
  [context.strokeStyle, context.lineWidth] = ["#111", 0.8];
  context.stroke(lines);
}
