"""Gas in structural traps: bright spots, with a flat spot at the gas-water contact."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from seisdream.synthetic.grid import Grid


def trap_gas(
    rng: np.random.Generator, grid: Grid, ages_ms: np.ndarray, allowed: np.ndarray, *, column_ms: float, bed_ms: float
) -> np.ndarray | None:
    """Fill a structural closure with gas; return the fraction of gas in each cell, ``(time, position)``, or None.

    A few beds are tried. If one has a crest inside the section, gas fills it from the crest down to the gas-water
    contact, which is flat in depth and almost flat in time, so that its reflection cuts dipping beds (Backus and Chen,
    Geophysical Prospecting 23, 1975).

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    grid : Grid
        The grid.
    ages_ms : array
        Relative geologic time of the cells.
    allowed : array
        Cells that may be a reservoir, booleans ``(time, position)``.
    column_ms : float
        Largest height of the gas column below the crest in ms.
    bed_ms : float
        Thickness of the reservoir bed in ms of age.
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
