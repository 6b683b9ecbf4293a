// @ts-check
// Spectra and histograms of a section, computed where it is shown.

/** @typedef {import("./samples.js").Section} Section */

const MOST_TRACES = 256;

/**
 * Transform complex numbers in place by the fast Fourier transform.
 * @param {Float64Array} real @param {Float64Array} imaginary of one length, a power of two
 */
export function transform(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    const angle = (-2 * Math.PI) / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < size / 2; k++) {
        const [cosine, sine] = [Math.cos(angle * k), Math.sin(angle * k)];
        const [near, far] = [start + k, start + k + size / 2];
        const re = real[far] * cosine - imaginary[far] * sine;
        const im = real[far] * sine + imaginary[far] * cosine;
        real[far] = real[near] - re;
        imaginary[far] = imaginary[near] - im;
        real[near] += re;
        imaginary[near] += im;
      }
    }
  }
}

/**
 * Return the mean amplitude spectrum of the traces, at most 256 of them, evenly spaced; of averages, that of the
 * samples that were averaged.
 * @param {Section} section
 * @returns {{frequency: number[], amplitude: number[], unit: string}} in Hz for times in ms, otherwise cycles a unit
 */
export function spectrumOf(section) {
  const { down, spectrum } = section.payload;
  const { interval, amplitude } = spectrum ?? { interval: down.step ?? 1, amplitude: meanSpectrum(section) };
  const sampling = Math.abs(interval) / (down.unit === "ms" ? 1000 : 1);
  return {
    frequency: amplitude.map((_, k) => k / (2 * (amplitude.length - 1) * sampling)),
    amplitude,
    unit: down.unit === "ms" ? "Hz" : `cycles/${down.unit || "sample"}`,
  };
}

/** @param {Section} section @returns {number[]} */
function meanSpectrum(section) {
  const length = 2 ** Math.ceil(Math.log2(Math.max(2, section.height)));
  const step = Math.ceil(section.width / MOST_TRACES);
  const amplitude = new Array(length / 2 + 1).fill(0);
  let n = 0;
  for (let column = Math.floor(step / 2); column < section.width; column += step, n++) {
    const real = new Float64Array(length);
    const imaginary = new Float64Array(length);
    section.trace(column).forEach((value, row) => (real[row] = Number.isNaN(value) ? 0 : value));
    transform(real, imaginary);
    for (let k = 0; k < amplitude.length; k++) amplitude[k] += Math.hypot(real[k], imaginary[k]);
  }
  return amplitude.map((sum) => sum / Math.max(1, n));
}

/**
 * Return the share of samples in each of some equal bins between −limit and limit; those beyond count at the ends.
 * @param {Section} section
 * @param {number} limit
 * @param {number} [bins]
 * @returns {number[]}
 */
export function histogramOf(section, limit, bins = 64) {
  const counts = new Array(bins).fill(0);
  const { data } = section.level(0, 0);
  const scale = (bins * section.unit) / (2 * limit);
  let n = 0;
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0x8000) continue;
    const bin = Math.floor(((data[i] << 16) >> 16) * scale + bins / 2);
    counts[bin < 0 ? 0 : bin >= bins ? bins - 1 : bin]++;
    n++;
  }
  return counts.map((count) => count / Math.max(1, n));
}
