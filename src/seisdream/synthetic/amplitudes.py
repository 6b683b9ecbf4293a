"""Facies that are told by amplitude: high, low or no reflections are what seismic shows, not what was laid down."""

from __future__ import annotations

import numpy as np

from seisdream.synthetic.facies import CODES

# Cells this close to the top or base of their beds show the reflection of the boundary, and hardly count.
_RIM_MS, _RIM_WEIGHT = 24.0, 0.05
# Over the mean of the whole section: strong from here on, and hardly a reflection below.
_HIGH, _FREE = 0.7, 0.15
# Nor is there one to be seen below this share of the noise.
_HIDDEN = 0.6

BY_AMPLITUDE = tuple(CODES[name] for name in ("parallel-high", "parallel-low", "reflection-free"))
"""Facies that differ only in how strong their reflections are."""


def name_by_amplitude(
    facies: np.ndarray, unit: np.ndarray, seismic: np.ndarray, noise_free: np.ndarray, dt_ms: float
) -> None:
    """Tell parallel beds of high and of low amplitude, and beds without reflections, by what is seen; in place.

    The same beds are strong or weak with the wavelet, their depth and the gain, and an interpreter calls them by what
    the section shows beside its other reflections. So beds of one unit that were laid down alike are called by their
    amplitude as it is seen: of the reflections beside the whole section, and beside the noise that hides them.

    Parameters
    ----------
    facies, unit : array
        Codes, ``(time, position)``; those of other facies stay.
    seismic, noise_free : array
        As `recording.record` returns them, ``(time, position)``.
    dt_ms : float
        Sampling.
    """
    is_flat = np.isin(facies, BY_AMPLITUDE)
    if not is_flat.any():
        return
    kinds = unit.astype(np.int32) * len(CODES) + facies
    n_kinds = int(kinds.max()) + 1
    rim = max(1, round(_RIM_MS / dt_ms))
    weight = np.full(facies.shape, _RIM_WEIGHT, np.float32)
    is_inside = (kinds[rim:-rim] == kinds[2 * rim :]) & (kinds[rim:-rim] == kinds[: -2 * rim])
    weight[rim:-rim][is_inside] = 1.0
    share = np.maximum(np.bincount(kinds.ravel(), weight.ravel(), n_kinds), 1e-9)
    loudness = np.abs(noise_free).mean() + 1e-12
    reflections, noise = (
        np.bincount(kinds.ravel(), (weight * np.abs(values)).ravel(), n_kinds) / share / loudness
        for values in (noise_free, seismic - noise_free)
    )
    high, low, free = BY_AMPLITUDE
    is_seen = reflections > np.maximum(_FREE, _HIDDEN * noise)
    named = np.where(is_seen, np.where(reflections > _HIGH, high, low), free).astype(np.uint8)
    np.copyto(facies, named[kinds], where=is_flat)
