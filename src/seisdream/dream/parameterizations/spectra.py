"""Magnitude spectra over frequency and wavenumber: measured on one section, laid over the grid of another."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

# Standard deviation of the smoothing of a measured spectrum, in its own bins.
_SMOOTHING = 1.5


def smooth_magnitude(values: np.ndarray, size: tuple[int, int], step: float = 1.0) -> np.ndarray:
    """Return the smoothed magnitude spectrum of a section on the frequencies of another size.

    Parameters
    ----------
    values : array
        ``(row, column)``, finite.
    size : (int, int)
        Rows and columns of the section it is wanted for.
    step : float, default 1
        Vertical sampling interval of `values` over that of the section it is wanted for.

    Returns
    -------
    array
        float64, at ``fftfreq`` of the rows and ``rfftfreq`` of the columns, in the size of an orthonormal transform,
        so that noise of unit variance has 1 on average.
    """
    tapered = (
        (values - values.mean()) * np.hanning(values.shape[0] + 2)[1:-1, None] * np.hanning(values.shape[1] + 2)[1:-1]
    )
    power = np.abs(np.fft.fftshift(np.fft.fft2(tapered, norm="ortho"))) ** 2 / 0.375**2
    power = gaussian_filter(power, _SMOOTHING, mode="wrap")
    down = np.fft.fftfreq(size[0]) / step
    across = np.fft.rfftfreq(size[1])
    rows = down * values.shape[0] + values.shape[0] // 2
    columns = across * values.shape[1] + values.shape[1] // 2
    grid = np.meshgrid(rows, columns, indexing="ij")
    # Beyond the other section's Nyquist frequency nothing was measured.
    return np.sqrt(map_coordinates(power, grid, order=1, mode="constant").clip(0.0))


def one_over_f(size: tuple[int, int]) -> np.ndarray:
    """Return ``1 / f`` on the frequencies of a size, the spectrum of photographs, 1 at its largest.

    f is in cycles a sample and at least one cycle over the longer side (Olah, Mordvintsev and Schubert 2017; Field,
    Journal of the Optical Society of America A 4, 1987).
    """
    freq = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None])
    lowest = 1.0 / max(size)
    return lowest / np.maximum(freq, lowest)
