"""Facies that are told by amplitude: high, low or no reflections are what seismic shows, not what was laid down."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from seisdream.geology.facies import CODES
from seisdream.geology.grid import Grid

_WINDOW_MS, _WINDOW_TRACES = 92.0, 41
# Over the deviation of the whole section: strong from here on, and hardly a reflection below.
_HIGH, _FREE = 0.65, 0.2
# Nor is there one to be seen below this share of the noise.
_HIDDEN = 0.6

BY_AMPLITUDE = tuple(CODES[name] for name in ("parallel-high", "parallel-low", "reflection-free"))
"""Facies that differ only in how strong their reflections are."""


def name_by_amplitude(facies: np.ndarray, seismic: np.ndarray, noise_free: np.ndarray, grid: Grid) -> None:
    """Tell parallel beds of high and of low amplitude, and beds without reflections, by what is seen; in place.

    The same beds are strong or weak with the wavelet, their depth and the gain, and an interpreter calls them by what
    the section shows beside its other reflections. So amplitude is measured in a window, within these facies only: of
    the reflections beside the whole section, and beside the noise that hides them.

    Parameters
    ----------
    facies : array
        Codes, ``(time, position)``; those of other facies stay.
    seismic, noise_free : array
        As `recording.record` returns them, ``(time, position)``.
    grid : Grid
        Where.
    """
    is_flat = np.isin(facies, BY_AMPLITUDE)
    if not is_flat.any():
        return
    weight = is_flat.astype(np.float32)
    share = np.maximum(_around(weight, grid), 1e-3)
    reflections, noise = (
        np.sqrt(np.maximum(_around(weight * values**2, grid), 0.0) / share) / (noise_free.std() + 1e-12)
        for values in (noise_free, seismic - noise_free)
    )
    high, low, free = BY_AMPLITUDE
    is_seen = reflections > np.maximum(_FREE, _HIDDEN * noise)
    named = np.where(is_seen, np.where(reflections > _HIGH, high, low), free)
    np.copyto(facies, named.astype(np.uint8), where=is_flat)


def _around(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the mean in the window, over the line."""
    down = uniform_filter1d(values, max(3, round(_WINDOW_MS / grid.dt_ms)), axis=0)
    lines = down.reshape(-1, grid.n_inlines, grid.n_traces)
    return uniform_filter1d(lines, min(_WINDOW_TRACES, grid.n_traces), axis=2).reshape(values.shape)
