"""Magnitude spectra over frequency and wavenumber, measured on one section and interpolated to the grid of another."""

from __future__ import annotations

from functools import reduce

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

# Standard deviation of the smoothing of a measured spectrum, in its own bins.
_SMOOTHING = 1.5


def smooth_magnitude(values: np.ndarray, size: tuple[int, ...], step: float = 1.0) -> np.ndarray:
    """Return the smoothed magnitude spectrum of a section, or a cube, on the frequencies of another size.

    Parameters
    ----------
    values : array
        ``(row, column)`` or ``(time, inline, crossline)``, finite.
    size : tuple of int
        Of the section or cube that the spectrum is for.
    step : float, default 1
        Vertical sampling interval of `values` divided by that of the section that the spectrum is for.

    Returns
    -------
    array
        float64, at ``fftfreq`` of all axes but the last and ``rfftfreq`` of that, scaled as an orthonormal
        transform, so that noise of unit variance has 1 on average.
    """
    tapers = np.ix_(*(np.hanning(n + 2)[1:-1] for n in values.shape))
    tapered = reduce(np.multiply, tapers, values - values.mean())
    power = np.abs(np.fft.fftshift(np.fft.fftn(tapered, norm="ortho"))) ** 2 / 0.375**values.ndim
    power = gaussian_filter(power, _SMOOTHING, mode="wrap")
    frequencies = _frequencies(size)
    frequencies[0] = frequencies[0] / step
    bins = [freq * n + n // 2 for freq, n in zip(frequencies, values.shape, strict=True)]
    grid = np.meshgrid(*bins, indexing="ij")
    # Zero beyond the measured section's Nyquist frequency.
    return np.sqrt(map_coordinates(power, grid, order=1, mode="constant").clip(0.0))


def one_over_f(size: tuple[int, ...]) -> np.ndarray:
    """Return ``1 / f`` on the frequencies of a size, the spectrum of photographs, 1 at its largest.

    f is in cycles a sample and at least one cycle over the longer side (Olah, Mordvintsev and Schubert 2017; Field,
    Journal of the Optical Society of America A 4, 1987).
    """
    freq = reduce(np.hypot, np.ix_(*_frequencies(size)))
    lowest = 1.0 / max(size)
    return lowest / np.maximum(freq, lowest)


def _frequencies(size: tuple[int, ...]) -> list[np.ndarray]:
    return [*(np.fft.fftfreq(n) for n in size[:-1]), np.fft.rfftfreq(size[-1])]
