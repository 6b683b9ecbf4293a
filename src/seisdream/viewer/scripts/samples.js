// @ts-check
// A section in the browser: samples, axes and the averages that a zoomed-out view is drawn from.

/**
 * @typedef {{name: string, unit?: string, first?: number, step?: number, values?: number[]}} Axis
 * @typedef {{title?: string, shape: [number, number], dtype: "int16" | "uint8" | "rgba8", limit?: number,
 *   range?: [number, number], down: Axis, across: Axis, along?: Record<string, number[]>,
 *   line?: Record<string, number>, quantity?: string, unit?: string, map?: string,
 *   classes?: {name: string, colour: string}[], credit?: string, samples?: string, compression?: string,
 *   spectrum?: {interval: number, amplitude: number[]}}} Payload
 * @typedef {{width: number, height: number, data: Uint16Array | Uint8Array | Uint32Array}} Level
 */

/** The sample of int16 sections that stands for no data. */
export const ABSENT = -32768;
const LARGEST = 32767;

/** One section: amplitudes (int16), classes (uint8) or a picture in colour (rgba8). */
export class Section {
  /**
   * @param {Payload} payload
   * @param {ArrayBuffer | Uint8Array} bytes row-major, time down
   */
  constructor(payload, bytes) {
    this.payload = payload;
    this.height = payload.shape[0];
    this.width = payload.shape[1];
    /** Amplitude of one unit of the samples. */
    this.unit = (payload.limit ?? LARGEST) / LARGEST;
    const whole = ArrayBuffer.isView(bytes) ? bytes : new Uint8Array(bytes);
    const aligned = whole.byteOffset % 4 ? whole.slice() : whole;
    const types = { int16: Uint16Array, uint8: Uint8Array, rgba8: Uint32Array };
    const buffer = /** @type {ArrayBuffer} */ (aligned.buffer);
    const data = new types[payload.dtype](buffer, aligned.byteOffset, this.width * this.height);
    /** @type {Map<number, Level>} by 256 × (halvings down) + halvings across */
    this.levels = new Map([[0, { width: this.width, height: this.height, data }]]);
    /** @type {Uint32Array | undefined} */
    this.counts = undefined;
  }

  get isClasses() {
    return this.payload.dtype === "uint8";
  }

  get isColour() {
    return this.payload.dtype === "rgba8";
  }

  /**
   * Return the amplitude or class of a sample; undefined outside and where there are no data.
   * @param {number} column @param {number} row
   * @returns {number | undefined}
   */
  valueAt(column, row) {
    if (column < 0 || row < 0 || column >= this.width || row >= this.height || this.isColour) return undefined;
    const code = /** @type {Level} */ (this.levels.get(0)).data[row * this.width + column];
    if (this.isClasses) return code < (this.payload.classes ?? []).length ? code : undefined;
    const sample = (code << 16) >> 16;
    return sample === ABSENT ? undefined : sample * this.unit;
  }

  /**
   * Return the section averaged over blocks of 2^across × 2^down samples; of classes, one sample of each block.
   *
   * Averages keep dips and spectra below the new Nyquist frequency and need no anti-alias filter to look quiet;
   * extremes would turn a zoomed-out section into noise. A level is made once, from the next finer one.
   * @param {number} across halvings across @param {number} down halvings down
   * @returns {Level}
   */
  level(across, down) {
    const key = 256 * down + across;
    let level = this.levels.get(key);
    if (!level) {
      level =
        down > 0 ? this.#halve(this.level(across, down - 1), false) : this.#halve(this.level(across - 1, 0), true);
      this.levels.set(key, level);
    }
    return level;
  }

  /** @param {Level} level @param {boolean} isAcross @returns {Level} */
  #halve(level, isAcross) {
    const width = isAcross ? Math.ceil(level.width / 2) : level.width;
    const height = isAcross ? level.height : Math.ceil(level.height / 2);
    const from = level.data;
    const data = /** @type {Level["data"]} */ (new /** @type {any} */ (from.constructor)(width * height));
    const mean = this.isClasses ? (/** @type {number} */ a) => a : this.isColour ? meanPixel : meanSample;
    for (let row = 0, at = 0; row < height; row++) {
      const first = (isAcross ? row : 2 * row) * level.width;
      const next = isAcross || 2 * row + 1 >= level.height ? first : first + level.width;
      for (let column = 0; column < width; column++, at++) {
        const near = isAcross ? 2 * column : column;
        const far = isAcross ? Math.min(near + 1, level.width - 1) : near;
        data[at] = mean(from[first + near], from[next + far]);
      }
    }
    return { width, height, data };
  }

  /**
   * Return a percentile of the magnitudes of all samples that are there.
   * @param {number} percentile 0 to 100
   */
  clipAt(percentile) {
    if (this.isClasses || this.isColour) return 1;
    if (!this.counts) {
      this.counts = new Uint32Array(LARGEST + 1);
      const data = /** @type {Level} */ (this.levels.get(0)).data;
      for (let i = 0; i < data.length; i++) if (data[i] !== 0x8000) this.counts[Math.abs((data[i] << 16) >> 16)]++;
    }
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    let [sum, magnitude] = [0, 0];
    while (magnitude < LARGEST && (sum += this.counts[magnitude]) < (percentile / 100) * total) magnitude++;
    return (magnitude || LARGEST) * this.unit;
  }

  /**
   * Return the samples of one trace; no data are NaN.
   * @param {number} column
   * @returns {Float32Array}
   */
  trace(column) {
    const trace = new Float32Array(this.height);
    for (let row = 0; row < this.height; row++) trace[row] = this.valueAt(column, row) ?? Number.NaN;
    return trace;
  }
}

/** @param {number} a @param {number} b */
function meanSample(a, b) {
  if (a === 0x8000) return b;
  if (b === 0x8000) return a;
  return (((a << 16) >> 16) + ((b << 16) >> 16)) >> 1;
}

/** @param {number} a @param {number} b */
function meanPixel(a, b) {
  return ((a & b) + (((a ^ b) & 0xfefefefe) >>> 1)) >>> 0;
}

/**
 * Return the number on an axis at a position in samples: 0 is the first sample.
 * @param {Axis} axis
 * @param {number} position
 */
export function numberAt(axis, position) {
  if (axis.values) return axis.values[Math.max(0, Math.min(axis.values.length - 1, Math.round(position)))];
  return (axis.first ?? 0) + (axis.step ?? 1) * position;
}

/**
 * Return the position in samples of a number on an axis; of uneven numbers, the nearest sample.
 * @param {Axis} axis
 * @param {number} number
 */
export function positionOf(axis, number) {
  if (!axis.values) return (number - (axis.first ?? 0)) / (axis.step ?? 1);
  let nearest = 0;
  axis.values.forEach((value, i) => {
    if (Math.abs(value - number) < Math.abs(/** @type {number[]} */ (axis.values)[nearest] - number)) nearest = i;
  });
  return nearest;
}

/**
 * Return after − before as a section of its own scale.
 * @param {Section} before @param {Section} after of the same shape
 * @returns {Section}
 */
export function differenceOf(before, after) {
  const [a, b] = [before, after].map((one) => /** @type {Level} */ (one.levels.get(0)).data);
  const values = new Float32Array(a.length);
  let limit = 0;
  for (let i = 0; i < a.length; i++) {
    const isAbsent = a[i] === 0x8000 || b[i] === 0x8000;
    values[i] = isAbsent ? Number.NaN : ((b[i] << 16) >> 16) * after.unit - ((a[i] << 16) >> 16) * before.unit;
    if (Math.abs(values[i]) > limit) limit = Math.abs(values[i]);
  }
  const samples = new Int16Array(a.length);
  const scale = LARGEST / (limit || 1);
  for (let i = 0; i < a.length; i++) samples[i] = Number.isNaN(values[i]) ? ABSENT : Math.round(values[i] * scale);
  const { range: _range, ...payload } = before.payload;
  const title = "Difference (after − before)";
  return new Section({ ...payload, title, limit: limit || 1, quantity: "difference" }, samples.buffer);
}

/**
 * Return a section of a page: its header with the samples in base 64, compressed or not.
 * @param {Payload} payload
 * @returns {Promise<Section>}
 */
export async function decodeSection(payload) {
  const text = atob(payload.samples ?? "");
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  if (!payload.compression) return new Section(payload, bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Section(payload, await new Response(stream).arrayBuffer());
}

/**
 * Return a section of the studio's API: the length of the header, the header, the samples.
 * @param {ArrayBuffer} body
 * @returns {Section}
 */
export function parseSection(body) {
  const length = new DataView(body).getUint32(0, true);
  const header = new TextDecoder().decode(new Uint8Array(body, 4, length));
  return new Section(JSON.parse(header), new Uint8Array(body, 4 + length));
}
