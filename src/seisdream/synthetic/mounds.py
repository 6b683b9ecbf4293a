"""Mounds and hummocks: small forms that beds build up and lap down from."""

from __future__ import annotations

import numpy as np

from seisdream.synthetic.grid import Grid
from seisdream.synthetic.layers import Frame


def pile(grid: Grid, *, position: float, half_width: float, height_ms: float, line: float | None = None) -> np.ndarray:
    """Pile up a mound; return how high it stands above the floor in ms, ``(position,)``, nothing outside.

    Mounds stand on a flat base and are lapped against by what comes later: fans, volcanic mounds, build-ups (Mitchum,
    Vail and Sangree, AAPG Memoir 26, 1977; Bubb and Hatlelid, the same volume).
    """
    line = float(grid.inline[-1]) / 2 if line is None else line
    squared = ((grid.trace - position) / half_width) ** 2
    if grid.n_inlines > 1:
        squared = squared + ((grid.inline - line) / half_width) ** 2
    return np.float32(height_ms) * np.clip(1.0 - squared, 0.0, None).astype(np.float32) ** np.float32(0.8)


def heap(base_ms: np.ndarray, height_ms: np.ndarray, span_ms: float) -> Frame:
    """Fill mounds with beds that follow the mound and lap down on its floor to both sides."""
    tallest = max(float(height_ms.max()), 1.0)

    def ages(time_ms):
        below_crest = time_ms - (base_ms - tallest)  # From the level of the tallest mound, downwards.
        follow = np.float32(0.75) * (tallest - height_ms)
        return (below_crest - follow) * np.float32(span_ms / tallest)

    return ages


def undulation(grid: Grid, rng: np.random.Generator, *, wavelength: float, tall_ms: float, height: float) -> np.ndarray:
    """Make waves for beds to follow, in ms on the faces, ``(time + 1, position)``.

    Waves that stay alike from bed to bed are the wavy (subparallel) configuration, short ones that change from bed to
    bed the hummocky one (Mitchum, Vail and Sangree, AAPG Memoir 26, 1977).

    Parameters
    ----------
    grid : Grid
        Where.
    rng : Generator
        Source of randomness.
    wavelength : float
        Scale along the line, in traces.
    tall_ms : float
        Over which height the waves change, in ms.
    height : float, 0 to 0.28
        Standard deviation as a share of ``tall_ms``; beyond 0.28 beds would often turn over.
    """
    waves = grid.texture(rng, tall_ms, wavelength)
    return np.clip(waves, -2.5, 2.5) * np.float32(height * tall_ms)
