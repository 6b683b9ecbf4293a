"""Pictures of an atlas: tiles beside each other in one small file, grey."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

_QUALITY = 72
_EFFORT = 4
# The format holds no more.
_LONGEST = 16383


def write_strip(path: Path, tiles: Sequence[np.ndarray], *, columns: int | None = None) -> int:
    """Write tiles of one size, row by row, as one WebP.

    Parameters
    ----------
    path : Path
        Where to.
    tiles : sequence of array
        uint8 ``(row, column)`` each.
    columns : int, optional
        Tiles in a row; by default all beside each other.

    Returns
    -------
    int
        Tiles in a row.
    """
    rows, across = tiles[0].shape
    columns = min(columns or len(tiles), len(tiles), _LONGEST // across)
    n_rows = math.ceil(len(tiles) / columns)
    sheet = np.full((n_rows * rows, columns * across), 127, np.uint8)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        sheet[row * rows : (row + 1) * rows, column * across : (column + 1) * across] = tile
    Image.fromarray(sheet, "L").save(path, "WEBP", quality=_QUALITY, method=_EFFORT)
    return columns


def as_tile(values: np.ndarray, percentile: float) -> np.ndarray:
    """Return amplitudes as grey levels, uint8: black and white at a percentile of their own magnitude."""
    clip = float(np.percentile(np.abs(values), percentile)) or 1.0
    return np.clip(np.rint((values / clip + 1.0) * 127.5), 0, 255).astype(np.uint8)


def resized(tile: np.ndarray, side: int) -> np.ndarray:
    """Return a tile as a square of so many pixels a side."""
    if tile.shape == (side, side):
        return tile
    return np.asarray(Image.fromarray(tile, "L").resize((side, side), Image.Resampling.BICUBIC))
