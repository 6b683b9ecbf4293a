"""Facies named by amplitude: whether reflections are strong, weak or absent depends on the recorded seismic."""

from __future__ import annotations

import numpy as np

from seisdream.synthetic.facies import CODES

# Cells this close to a boundary show its reflection, and have a low weight.
_RIM_MS, _RIM_WEIGHT = 24.0, 0.05
# Relative to the mean amplitude of the section: high amplitude above, and reflection-free below.
_HIGH, _FREE = 0.7, 0.15
# Reflections weaker than this fraction of the noise count as absent.
_HIDDEN = 0.6

BY_AMPLITUDE = tuple(CODES[name] for name in ("parallel-high", "parallel-low", "reflection-free"))
"""Facies that differ only in the strength of their reflections."""


def name_by_amplitude(
    facies: np.ndarray, unit: np.ndarray, seismic: np.ndarray, noise_free: np.ndarray, dt_ms: float
) -> None:
    """Name parallel beds by their recorded amplitude: high, low or reflection-free; in place.

    The amplitude of a bed depends on the wavelet, its depth and the gain, and an interpreter compares it with other
    reflections in the section. So beds of one unit and kind are named by their mean amplitude relative to the section
    and to the noise.

    Parameters
    ----------
    facies, unit : array
        Codes, ``(time, position)``; other facies are unchanged.
    seismic, noise_free : array
        As `recording.record` returns them, ``(time, position)``.
    dt_ms : float
        Sampling interval in ms.
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
    is_visible = reflections > np.maximum(_FREE, _HIDDEN * noise)
    named = np.where(is_visible, np.where(reflections > _HIGH, high, low), free).astype(np.uint8)
    np.copyto(facies, named[kinds], where=is_flat)
