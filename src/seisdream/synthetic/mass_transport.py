"""Mass-transport deposits: beds that slid and were deformed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisdream.synthetic.grid import Grid


def slide_floor(
    rng: np.random.Generator, grid: Grid, *, position: float, half_width: float, depth_ms: float
) -> np.ndarray:
    """Return the depth of the base of a mass-transport deposit below its top in ms, ``(position,)``.

    It is a broad lens with a rough, scoured base and steep side walls (Moscardelli and Wood, Basin Research 20, 2008).
    """
    squared = ((grid.trace - position) / half_width) ** 2
    if grid.n_inlines > 1:
        squared = squared + ((grid.inline - 0.5 * grid.n_inlines) / (1.5 * half_width)) ** 2
    lens = np.clip(1.0 - squared**2, 0.0, None).astype(np.float32) ** np.float32(0.5)
    scours = 1.0 + 0.18 * grid.wander(rng, 0.2 * half_width)[0] + 0.08 * grid.wander(rng, 5.0)[0]
    return np.float32(depth_ms) * lens * np.clip(scours, 0.3, None).astype(np.float32)


@dataclass(frozen=True)
class Disorder:
    """What disorders the beds of a chaotic body.

    Attributes
    ----------
    shift_ms : array
        Shift in age on the faces, in ms, ``(time + 1, position)``.
    strength : array
        Contrast of the beds that is left in each cell, ``(time, position)``.
    """

    shift_ms: np.ndarray
    strength: np.ndarray


def disorder(rng: np.random.Generator, grid: Grid, *, strength_ms: float) -> Disorder:
    """Return random disorder of beds: rotated blocks of all sizes in a weak matrix, thrust slices and slump folds.

    No two bodies mix these alike, and nothing in them repeats at a distance (Bull, Cartwright and Huuse, Marine and
    Petroleum Geology 26, 2009).
    """
    shift_ms = rng.uniform(0.2, 1.0) * _folds(rng, grid)
    strength = np.ones((grid.n_samples, grid.n_positions), np.float32)
    matrix = rng.uniform(0.15, 0.6)
    for width, height_ms in ((rng.uniform(18.0, 50.0), rng.uniform(50.0, 110.0)), (rng.uniform(5.0, 16.0), 30.0)):
        blocks_ms, contrast = _blocks(rng, grid, width, height_ms, matrix)
        shift_ms = shift_ms + np.float32(rng.uniform(0.3, 1.1)) * blocks_ms
        strength = strength * contrast
    if rng.random() < 0.5:
        shift_ms = shift_ms + _slices(rng, grid)
    return Disorder(np.float32(strength_ms) * shift_ms, strength)


def _folds(rng, grid) -> np.ndarray:
    """Return slump folds at several scales, in parts of the strength."""
    return grid.texture(rng, 40.0, 12.0) + 0.7 * grid.texture(rng, 18.0, 5.0) + 0.35 * grid.texture(rng, 8.0, 2.5)


def _slices(rng, grid) -> np.ndarray:
    """Return thrust slices of uneven length, in parts of the strength."""
    lean = np.float32(rng.choice([-1.0, 1.0]) * rng.uniform(0.03, 0.2))
    along = grid.trace + lean * grid.faces_ms + np.float32(6.0) * grid.texture(rng, 60.0, 15.0)
    number, from_middle = _intervals(rng, along, rng.uniform(10.0, 30.0))
    return rng.uniform(0.4, 2.0, number.max() + 1).astype(np.float32)[number] * from_middle


def _blocks(rng, grid, width: float, height_ms: float, matrix: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the shift of rotated blocks, in parts of the strength, and the contrast that is left in each cell."""
    bent_ms = grid.faces_ms + np.float32(0.5 * height_ms) * grid.texture(rng, 0.8 * height_ms, 0.8 * width)
    row, _ = _intervals(rng, bent_ms, height_ms)
    # Blocks of one row do not stand above those of another.
    apart = rng.uniform(0.0, 1e3, row.max() + 1).astype(np.float32)[row]
    along = grid.trace + np.float32(0.4 * width) * grid.texture(rng, 0.8 * height_ms, 0.8 * width)
    column, from_middle = _intervals(rng, along + apart, width)
    if grid.n_inlines > 1:
        across, _ = _intervals(rng, grid.inline + np.float32(0.4 * width) * grid.wander(rng, 0.8 * width)[0], width)
        row = row + (row.max() + 1) * across
    n_columns = column.max() + 1
    block = row * n_columns + column
    used, block = np.unique(block, return_inverse=True)
    block = block.reshape(row.shape)
    rotation, throw = rng.normal(0.0, 1.3, len(used)), rng.normal(0.0, 1.0, len(used))
    shift = throw.astype(np.float32)[block] + rotation.astype(np.float32)[block] * from_middle
    contrast = np.exp(rng.normal(0.0, 0.35, len(used)))
    contrast[rng.random(len(used)) < 0.4] *= matrix
    return shift, contrast.astype(np.float32)[block[:-1]]


def _intervals(rng, values: np.ndarray, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide values into intervals of uneven length.

    Returns the number of the interval of each value, from 0, and its distance from the middle in lengths of the
    interval, -0.5 to 0.5.
    """
    least, greatest = float(values.min()), float(values.max())
    lengths = mean * np.exp(rng.normal(0.0, 0.6, int(2.0 * (greatest - least) / mean) + 4))
    ends = np.cumsum(lengths)
    ends = (least - ends[0] * rng.random() + ends).astype(np.float32)
    number = np.minimum(np.searchsorted(ends, values), len(ends) - 1)
    from_middle = (values - ends[number]) / lengths.astype(np.float32)[number] + np.float32(0.5)
    return number, np.clip(from_middle, -0.5, 0.5)
