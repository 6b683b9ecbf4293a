"""Gas: bright spots where it is trapped on a structure, with a flat spot where it ends on water."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from seisdream.synthetic.grid import Grid


def trap_gas(
    rng: np.random.Generator, grid: Grid, ages_ms: np.ndarray, allowed: np.ndarray, *, column_ms: float, bed_ms: float
) -> np.ndarray | None:
    """Look for a closure and fill it; return the share of gas in each cell, ``(time, position)``, or None.

    A few beds are tried. Where one has a crest inside the section, gas fills it from the crest down to one
    level: the contact with water, flat in depth and nearly so in time, whose reflection cuts across dipping beds
    (Backus and Chen, Geophysical Prospecting 23, 1975).

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    grid : Grid
        Where.
    ages_ms : array
        Relative geologic time of the cells.
    allowed : array
        Where a reservoir may be, booleans ``(time, position)``.
    column_ms : float
        Greatest height of the gas below the crest.
    bed_ms : float
        Thickness of the reservoir in ms of age.
    """
    n_samples = grid.n_samples
    shape = (grid.n_inlines, grid.n_traces)
    positions = np.arange(grid.n_positions)
    for _ in range(6):
        row, position = int(n_samples * rng.uniform(0.15, 0.8)), int(rng.integers(grid.n_positions))
        if not allowed[row, position]:
            continue
        age = ages_ms[row, position]
        top = np.argmax(ages_ms >= age, axis=0)
        top[ages_ms[-1] < age] = n_samples
        top[~allowed[np.minimum(top, n_samples - 1), positions]] = n_samples
        crest = int(top.min())
        contact = crest + max(3, round(column_ms / grid.dt_ms))
        regions = np.zeros(shape, np.int32)
        label((top < contact).reshape(shape), output=regions)
        inside = regions.ravel() == regions.ravel()[int(np.argmin(top))]
        on_map = inside.reshape(shape)
        open_sides = on_map[:, 0].any() or on_map[:, -1].any()
        if open_sides or not 12 <= on_map.any(axis=0).sum() <= 0.6 * grid.n_traces:
            continue
        level = np.float32(contact + rng.random()) - np.arange(n_samples, dtype=np.float32)[:, None]
        share = np.clip(level, 0.0, 1.0) * inside
        share *= allowed & (ages_ms >= age) & (ages_ms < age + bed_ms)
        return share.astype(np.float32)
    return None
