"""Seismic recording of reflectivity: wavelet, attenuation, noise, acquisition footprint and gain."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from seisdream.synthetic.grid import Grid
from seisdream.synthetic.settings import EarthSettings
from seisdream.synthetic.wavelets import ormsby_spectrum, ricker_spectrum, wavelet_matrix


def smooth_along(values: np.ndarray, grid: Grid, sigma: float) -> np.ndarray:
    """Smooth over neighbouring traces, and lines of a cube, as migration does over the Fresnel zone."""
    if sigma < 0.05:
        return values
    if grid.n_inlines == 1:
        return values @ _smoother(grid.n_traces, sigma)
    cube = values.reshape(-1, grid.n_inlines, grid.n_traces) @ _smoother(grid.n_traces, sigma)
    return np.swapaxes(np.swapaxes(cube, 1, 2) @ _smoother(grid.n_inlines, sigma), 1, 2).reshape(values.shape)


def _smoother(n: int, sigma: float) -> np.ndarray:
    """Return the matrix of a Gaussian mean along an axis, normalised at the ends."""
    weights = np.exp(-0.5 * ((np.arange(n)[:, None] - np.arange(n)) / sigma) ** 2)
    return (weights / weights.sum(axis=0)).astype(np.float32)


def choose_wavelet(rng: np.random.Generator, settings: EarthSettings, n_samples: int, dt_ms: float) -> np.ndarray:
    """Return the amplitude spectrum of a random Ricker or Ormsby wavelet at ``rfftfreq(2 * n_samples)``."""
    freq_hz = np.arange(n_samples + 1) * (1000.0 / dt_ms / (2 * n_samples))
    nyquist_hz = 500.0 / dt_ms
    low, high = np.log(settings.peak_hz)
    peak_hz = min(float(np.exp(rng.uniform(low, high))), 0.5 * nyquist_hz)
    if rng.random() < settings.ormsby:
        f1, f2 = rng.uniform(3.0, 7.0), rng.uniform(8.0, 0.6 * peak_hz + 5.0)
        f3 = f2 + peak_hz * rng.uniform(0.6, 1.1)
        corners = (f1, f2, f3, min(f3 * rng.uniform(1.3, 1.9), max(0.95 * nyquist_hz, f3 + 1.0)))
        spectrum = ormsby_spectrum(freq_hz, corners)
    else:
        spectrum = ricker_spectrum(freq_hz, peak_hz)
    # Deconvolution whitens the spectrum above the noise, but not completely: real spectra are blue or red and have
    # broad bumps.
    spectrum = (spectrum + 10.0 ** rng.uniform(-2.0, -0.3)) ** rng.uniform(0.5, 1.0)
    spectrum = spectrum * (np.clip(freq_hz, 2.0, None) / peak_hz) ** rng.uniform(-0.3, 1.0)
    period_hz = rng.uniform(0.5, 1.5) * peak_hz
    return spectrum * np.exp(0.25 * np.sin(2.0 * np.pi * freq_hz / period_hz + rng.uniform(0.0, 6.0)))


def choose_band(rng: np.random.Generator, n_samples: int, dt_ms: float) -> np.ndarray:
    """Return the pass band of processing at ``rfftfreq(2 * n_samples)``: a trapezoid."""
    freq_hz = np.arange(n_samples + 1) * (1000.0 / dt_ms / (2 * n_samples))
    low_hz, high_hz = rng.uniform(3.0, 9.0), rng.uniform(0.38, 0.75) * 500.0 / dt_ms
    corners = (0.4 * low_hz, 1.4 * low_hz, high_hz, high_hz * rng.uniform(1.08, 1.4))
    return ormsby_spectrum(freq_hz, corners)


def record(
    rng: np.random.Generator,
    grid: Grid,
    reflectivity: np.ndarray,
    settings: EarthSettings,
    illumination: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Record reflectivity; return seismic and noise-free seismic, ``(time, position)``, of unit standard deviation.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    grid : Grid
        The grid.
    reflectivity : array
        ``(time, position)``.
    settings : EarthSettings
        Ranges of wavelets, attenuation, noise and gain.
    illumination : array, optional
        Illumination, 0 to 1, of the shape of the reflectivity.

    Returns
    -------
    seismic, noise_free : array
        Both with the same gain, so that their difference is the noise.
    """
    n_samples, dt_ms = grid.n_samples, grid.dt_ms
    spectrum, band = choose_wavelet(rng, settings, n_samples, dt_ms), choose_band(rng, n_samples, dt_ms)
    phase_deg = rng.normal(0.0, 20.0) + rng.choice([0.0, 180.0, 90.0, -90.0], p=[0.4, 0.3, 0.15, 0.15])
    if rng.random() < settings.mixed_phase:
        # The phase turns with each octave, so that the wavelet has a tail.
        octaves = np.log2(np.maximum(np.arange(n_samples + 1), 1.0) * (1000.0 / dt_ms / (2 * n_samples)) / 30.0)
        phase_deg = phase_deg + rng.normal(0.0, 35.0) * np.clip(octaves, -3.0, 2.0)
    least_q, greatest_q = settings.q
    q = 1.0 / rng.uniform(1.0 / greatest_q, 1.0 / least_q)  # Uniform in attenuation.
    convolution = wavelet_matrix(spectrum * band, n_samples, dt_ms, phase_deg=phase_deg, q=q)
    # Strong contrasts are often transition zones, whose reflections are weaker than those of sharp interfaces.
    signal = convolution @ np.tanh(reflectivity * np.float32(4.0)) * np.float32(0.25)
    if illumination is not None:
        signal = signal * illumination
    signal = smooth_along(signal, grid, rng.uniform(*settings.smoothing))
    signal /= signal.std() + np.float32(1e-12)
    signal += np.float32(rng.uniform(*settings.migration)) * _migration_noise(rng, grid, signal)

    # Noise is whitened like the signal but not attenuated.
    noise = _noise(rng, grid, settings, wavelet_matrix(np.sqrt(spectrum) * band, n_samples, dt_ms))
    level = np.float32(np.exp(rng.uniform(*np.log(settings.noise))))
    rows = np.linspace(-0.5, 0.5, n_samples, dtype=np.float32)[:, None]
    noise *= level * (1.0 + np.float32(rng.uniform(-0.5, 1.0)) * rows)
    # White noise of number formats and interpolation.
    noise += rng.standard_normal(noise.shape, dtype=np.float32) * np.float32(10.0 ** rng.uniform(-3.5, -1.0))

    gain = _footprint(rng, grid, settings) * _agc(rng, signal + noise, settings, grid.dt_ms)
    seismic, noise_free = (signal + noise) * gain, signal * gain
    scale = seismic.std()
    return seismic / scale, noise_free / scale


def _migration_noise(rng, grid, signal) -> np.ndarray:
    """Return tails of diffractions and migration smiles of unit deviation, from strong samples of the signal.

    Errors of the migration velocity and gaps of the data leave a part of each point on a hyperbola below it, or on a
    smile above it (Yilmaz, "Seismic data analysis", 2001). Along an inline the curve lies in the line.
    """
    n_inlines, n_traces = grid.n_inlines, grid.n_traces
    lines = signal.reshape(grid.n_samples, n_inlines, n_traces)
    seeds = lines * (rng.random(lines.shape, dtype=np.float32) < 0.02) * np.abs(lines)
    half = min(int(rng.integers(8, 40)), n_traces // 2, grid.n_samples // 2)
    # Samples per trace at the ends of the curve, positive for tails of diffractions.
    steepness, curve = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.6), rng.uniform(2.0, 15.0)
    swung = np.zeros_like(lines)
    for offset in range(-half, half + 1):
        if abs(offset) < 3:
            continue
        down = round(steepness * (np.hypot(offset, curve) - curve))
        weight = np.float32(np.cos(0.5 * np.pi * offset / (half + 1)) / np.sqrt(abs(offset)))
        source = seeds[max(-down, 0) : grid.n_samples - max(down, 0), :, max(-offset, 0) : n_traces - max(offset, 0)]
        swung[max(down, 0) : grid.n_samples - max(-down, 0), :, max(offset, 0) : n_traces - max(-offset, 0)] += (
            weight * source
        )
    swung = swung.reshape(signal.shape)
    return swung / (swung.std() + np.float32(1e-12))


def _noise(rng, grid, settings, band) -> np.ndarray:
    """Return noise of unit variance: independent, laterally smooth, continuous like beds, and dipping."""

    def white():
        return rng.standard_normal((grid.n_samples, grid.n_positions), dtype=np.float32)

    def of_size(noise, size):
        return noise * np.float32(size / (noise.std() + 1e-12))

    noise = of_size(white(), rng.uniform(*settings.uneven))
    noise += of_size(smooth_along(white(), grid, rng.uniform(*settings.noise_smoothing)), 1.0)
    # Residual multiples are continuous like beds, and weak.
    noise += of_size(smooth_along(white(), grid, rng.uniform(6.0, 30.0)), rng.uniform(0.0, 0.7))
    share = rng.uniform(*settings.coherent)
    for sign in (-1.0, 1.0):
        dip = sign * rng.uniform(0.5, 2.5)  # samples per trace
        stripes = smooth_along(white(), grid, rng.uniform(3.0, 10.0))
        rows = (np.arange(grid.n_samples)[:, None] + np.rint(dip * grid.trace).astype(np.int64)) % grid.n_samples
        noise += of_size(np.take_along_axis(stripes, rows, axis=0), share)
    return of_size(band @ noise, 1.0)


def _footprint(rng, grid, settings) -> np.ndarray:
    """Return the acquisition footprint and trace-to-trace variations as a gain ``(time, position)``."""
    period = rng.uniform(4.0, 16.0)
    pattern = np.cos(2.0 * np.pi * (grid.trace / period + rng.random())).astype(np.float32)
    if grid.n_inlines > 1:
        pattern = pattern + np.cos(2.0 * np.pi * (grid.inline / rng.uniform(4.0, 16.0) + rng.random()))
    fading = np.exp(-grid.faces_ms[:-1] / np.float32(rng.uniform(150.0, 800.0)))
    strength = np.float32(rng.uniform(*settings.footprint))
    uneven = np.float32(0.03) * rng.standard_normal(grid.n_positions, dtype=np.float32)
    return 1.0 + strength * pattern * fading + uneven


def _agc(rng, seismic, settings, dt_ms) -> np.ndarray:
    """Return the automatic gain control ``(time, position)``."""
    window_ms = rng.uniform(*settings.gain_window_ms)
    return even_out(seismic, window_ms, rng.uniform(*settings.gain), dt_ms)


def even_out(seismic: np.ndarray, window_ms: float, share: float, dt_ms: float) -> np.ndarray:
    """Return the gain that equalises amplitudes over a window: none for a share of 0, full for 1."""
    power = uniform_filter1d(seismic * seismic, max(int(window_ms / dt_ms), 3), axis=0)
    power += np.float32(0.03) * power.mean()
    return power ** np.float32(-0.5 * share)
