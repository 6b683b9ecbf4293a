"""Images of an atlas: many grey tiles in one small file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

_QUALITY = 72
_EFFORT = 4
# The largest side that WebP allows.
_MAX_SIDE = 16383


def write_strip(path: Path, tiles: Sequence[np.ndarray], *, columns: int | None = None) -> int:
    """Write tiles of one size, row by row, as one WebP.

    Parameters
    ----------
    path : Path
        The file.
    tiles : sequence of array
        uint8 ``(row, column)`` each.
    columns : int, optional
        Tiles in a row; by default all.

    Returns
    -------
    int
        Tiles in a row.
    """
    rows, across = tiles[0].shape
    columns = min(columns or len(tiles), len(tiles), _MAX_SIDE // across)
    n_rows = math.ceil(len(tiles) / columns)
    sheet = np.full((n_rows * rows, columns * across), 127, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet[row * rows : (row + 1) * rows, column * across : (column + 1) * across] = tile
    Image.fromarray(sheet, "L").save(path, "WEBP", quality=_QUALITY, method=_EFFORT)
    return columns


def as_tile(values: np.ndarray, percentile: float) -> np.ndarray:
    """Return amplitudes as grey levels, uint8, clipped at a percentile of their own magnitude."""
    clip = float(np.percentile(np.abs(values), percentile)) or 1.0
    return np.clip(np.rint((values / clip + 1.0) * 127.5), 0, 255).astype(np.uint8)


def resize_tile(tile: np.ndarray, side: int) -> np.ndarray:
    """Return a tile as a square with this many pixels a side."""
    if tile.shape == (side, side):
        return tile
    return np.asarray(Image.fromarray(tile, "L").resize((side, side), Image.Resampling.BICUBIC))
