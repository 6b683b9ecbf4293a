"""Mounds and hummocks, with beds that downlap to both sides."""

from __future__ import annotations

import numpy as np

from seisdream.synthetic.grid import Grid
from seisdream.synthetic.layers import Frame


def pile(grid: Grid, *, position: float, half_width: float, height_ms: float, line: float | None = None) -> np.ndarray:
    """Return the height of a mound above the floor in ms, ``(position,)``; zero outside.

    Mounds have a flat base and are onlapped by younger beds: fans, volcanic mounds, carbonate build-ups (Mitchum, Vail
    and Sangree, AAPG Memoir 26, 1977; Bubb and Hatlelid, same volume).
    """
    line = float(grid.inline[-1]) / 2 if line is None else line
    squared = ((grid.trace - position) / half_width) ** 2
    if grid.n_inlines > 1:
        squared = squared + ((grid.inline - line) / half_width) ** 2
    return np.float32(height_ms) * np.clip(1.0 - squared, 0.0, None).astype(np.float32) ** np.float32(0.8)


def heap(base_ms: np.ndarray, height_ms: np.ndarray, span_ms: float) -> Frame:
    """Return ages of beds that follow a mound and downlap its floor to both sides."""
    tallest = max(float(height_ms.max()), 1.0)

    def ages(time_ms):
        below_crest = time_ms - (base_ms - tallest)  # Downwards from the level of the highest mound.
        follow = np.float32(0.75) * (tallest - height_ms)
        return (below_crest - follow) * np.float32(span_ms / tallest)

    return ages


def undulation(grid: Grid, rng: np.random.Generator, *, wavelength: float, tall_ms: float, height: float) -> np.ndarray:
    """Return undulations of beds in ms on the faces, ``(time + 1, position)``.

    Undulations that are similar from bed to bed give the wavy (subparallel) configuration, short ones that change from
    bed to bed the hummocky configuration (Mitchum, Vail and Sangree, AAPG Memoir 26, 1977).

    Parameters
    ----------
    grid : Grid
        The grid.
    rng : Generator
        Source of randomness.
    wavelength : float
        Scale along the line, in traces.
    tall_ms : float
        Vertical scale in ms.
    height : float, 0 to 0.28
        Standard deviation as a fraction of ``tall_ms``; above 0.28 beds would often be overturned.
    """
    waves = grid.texture(rng, tall_ms, wavelength)
    return np.clip(waves, -2.5, 2.5) * np.float32(height * tall_ms)
