// @ts-check
// Colours of amplitudes: grey, maps with white in the middle, and one for values of one sign. No rainbow, whose bands
// would draw edges that the data do not have.

/**
 * Colours from the lowest to the highest value, evenly spaced, straight lines between them.
 * @type {Record<string, string>}
 */
const ANCHORS = {
  "grey": "000000 ffffff",
  "blue-red": "053061 2065ab 4393c3 90c4dd d1e5f0 f7f6f6 fddbc7 f3a481 d6604d b1182b 67001f",
  "teal-brown": "003c30 01655d 35978f 7fccc0 c7eae5 f5f5f4 f6e8c3 dec17b bf812d 8b500a 543005",
  "purple-orange": "2d004b 532687 8073ac b1aad1 d8daeb f7f7f6 fee0b6 fcb761 e08214 b25706 7f3b08",
  "viridis":
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725",
};

/** Names of the colour maps, as the command line has them. */
export const COLOUR_MAPS = Object.keys(ANCHORS);

/**
 * Return red, green and blue, 0 to 255, of a colour `#rrggbb`.
 * @param {string} colour
 * @returns {[number, number, number]}
 */
export function rgbOf(colour) {
  const number = Number.parseInt(colour.replace("#", ""), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

/**
 * Return a pixel as little-endian canvases store it.
 * @param {number} red @param {number} green @param {number} blue @param {number} [opacity] 0 to 255
 */
export function pixelOf(red, green, blue, opacity = 255) {
  return ((opacity << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/**
 * Return 256 pixels from the lowest to the highest value.
 * @param {string} map one of `COLOUR_MAPS`
 * @param {boolean} [isReversed]
 * @returns {Uint32Array}
 */
export function coloursOf(map, isReversed = false) {
  const anchors = (ANCHORS[map] ?? ANCHORS.grey).split(" ").map(rgbOf);
  const colours = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = ((isReversed ? 255 - i : i) / 255) * (anchors.length - 1);
    const first = Math.min(Math.floor(at), anchors.length - 2);
    const [r, g, b] = [0, 1, 2].map((c) =>
      Math.round(anchors[first][c] + (at - first) * (anchors[first + 1][c] - anchors[first][c])),
    );
    colours[i] = pixelOf(r, g, b);
  }
  return colours;
}

/**
 * Return the pixel of each of the 65,536 possible samples; the absent sample is transparent.
 * @param {Uint32Array} colours 256 pixels
 * @param {number} low the sample that gets the first colour
 * @param {number} high the sample that gets the last
 * @returns {Uint32Array} by the sample's 16 bits without a sign
 */
export function amplitudeTable(colours, low, high) {
  const table = new Uint32Array(65536);
  const scale = 255 / (high - low || 1);
  for (let sample = -32767; sample <= 32767; sample++) {
    const index = Math.round((sample - low) * scale);
    table[sample & 65535] = colours[index < 0 ? 0 : index > 255 ? 255 : index];
  }
  return table;
}

/**
 * Return the pixel of each of 256 classes; codes without a class are transparent.
 * @param {{colour: string}[]} classes
 * @param {number} [opacity] 0 to 1
 * @returns {Uint32Array}
 */
export function classTable(classes, opacity = 1) {
  const table = new Uint32Array(256);
  classes.forEach(({ colour }, code) => {
    const [red, green, blue] = rgbOf(colour);
    table[code] = pixelOf(red, green, blue, Math.round(255 * opacity));
  });
  return table;
}

/**
 * Return a table for an overlay of amplitudes: small values are transparent, large ones nearly opaque.
 * @param {Uint32Array} colours 256 pixels
 * @param {number} low @param {number} high
 * @param {number} opacity of the largest values, 0 to 1
 * @returns {Uint32Array}
 */
export function overlayTable(colours, low, high, opacity) {
  const table = amplitudeTable(colours, low, high);
  const reach = Math.max(Math.abs(low), Math.abs(high)) || 1;
  for (let sample = -32767; sample <= 32767; sample++) {
    const share = Math.min(1, Math.abs(sample) / reach);
    table[sample & 65535] = ((table[sample & 65535] & 0xffffff) | (Math.round(255 * opacity * share) << 24)) >>> 0;
  }
  return table;
}
