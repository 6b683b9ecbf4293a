"""Fewer pixels than samples: a large array becomes colours block by block, averaged to what a panel can show.

Matplotlib turns every sample into floating-point colours before it averages them to pixels, which takes dozens of
bytes a sample. Here the same is done for some rows at a time, down to two samples for each pixel; matplotlib does the
rest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SAMPLES_PER_INCH = 300
"""Samples along an inch of a panel that are drawn: twice the pixels of a figure that is written."""
_SAMPLES_AT_A_TIME = 2**20


def thinned_shape(shape: tuple[int, ...], size: tuple[float, float]) -> tuple[int, int]:
    """Return how many rows and columns of an array are drawn in a panel.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the array.
    size : (float, float)
        Width and height of the panel in inches.
    """
    width, height = (max(2, round(side * SAMPLES_PER_INCH)) for side in size)
    return min(shape[0], height), min(shape[1], width)


def average_colours(
    colours_of: Callable[[slice], np.ndarray], shape: tuple[int, ...], thinned: tuple[int, int]
) -> np.ndarray:
    """Return the mean colours of the blocks of samples that an array is divided into.

    Parameters
    ----------
    colours_of : callable
        From rows, as a slice, to their colours ``(row, column, 4)``: red, green, blue and opacity, 0 to 255.
    shape : tuple of int
        Rows and columns of the array.
    thinned : (int, int)
        Rows and columns of blocks, at most those of the array.

    Returns
    -------
    uint8 array
        ``(row, column, 4)``. Colours are weighted by their opacity.
    """
    row_edges, column_edges = (block_edges(n, n_thinned) for n, n_thinned in zip(shape, thinned, strict=False))
    pixels = np.empty((*thinned, 4), np.uint8)
    n_rows = max(1, _SAMPLES_AT_A_TIME // shape[1] * thinned[0] // shape[0])
    for first in range(0, thinned[0], n_rows):
        stop = min(first + n_rows, thinned[0])
        start = int(row_edges[first])
        colours = colours_of(slice(start, int(row_edges[stop]))).astype(np.float32)
        colours[..., :3] *= colours[..., 3:] / np.float32(255.0)
        sums = np.add.reduceat(colours, row_edges[first:stop] - start, axis=0)
        sums = np.add.reduceat(sums, column_edges[:-1], axis=1)
        opacity = sums[..., 3:] / np.float32(255.0)
        counts = np.outer(np.diff(row_edges[first : stop + 1]), np.diff(column_edges))[..., None]
        mean = np.concatenate([sums[..., :3] / np.maximum(opacity, 1e-6), sums[..., 3:] / counts], axis=-1)
        pixels[first:stop] = np.rint(mean).clip(0.0, 255.0)
    return pixels


def block_edges(n_samples: int, n_blocks: int) -> np.ndarray:
    """Return where each of some blocks of nearly the same length begins, and where the last one ends."""
    return np.arange(n_blocks + 1, dtype=np.int64) * n_samples // n_blocks


def nearest_samples(n_samples: int, n_blocks: int) -> np.ndarray:
    """Return the sample in the middle of each of some blocks of nearly the same length."""
    edges = block_edges(n_samples, n_blocks)
    return (edges[:-1] + edges[1:]) // 2
