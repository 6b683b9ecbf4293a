"""Octaves of a dream, and the zoom between its levels.

The recipe of Mordvintsev, Olah and Tyka (2015): dream on the smallest image first, and carry only what the dream added,
resized, to the next larger one. The original image is never enlarged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.ndimage
import torch

from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import Size, resize

SMALLEST_OCTAVE = 8
"""An octave has at least as many samples along each axis; below that, boundaries dominate."""


def octave_sizes(size: Size, n_octaves: int, scales: Sequence[float]) -> list[Size]:
    """Return the size of each octave, smallest first.

    Parameters
    ----------
    size : tuple of int
        ``(time, trace)`` or ``(time, inline, crossline)`` of the input, which is the largest octave.
    n_octaves : int
        1 or more.
    scales : sequence of float
        Ratio between neighbouring octaves along each axis; 1 leaves an axis as it is.
    """
    sizes = [tuple(size)]
    for _ in range(n_octaves - 1):
        sizes.append(tuple(round(n / scale) for n, scale in zip(sizes[-1], scales, strict=True)))
    return sizes[::-1]


def n_fitting_octaves(size: Size, n_octaves: int, scales: Sequence[float], smallest: Size) -> int:
    """Return how many octaves, 1 to `n_octaves`, fit before one gets too small; the input itself always does."""
    smaller = octave_sizes(size, n_octaves, scales)[:-1]
    return 1 + sum(
        all(side >= max(SMALLEST_OCTAVE, least) for side, least in zip(one, smallest, strict=True)) for one in smaller
    )


def check_octaves(size: Size, n_octaves: int, scales: Sequence[float], smallest: Size) -> None:
    """Raise `SeisdreamError` (``too-small``) where an octave below the input itself is too small.

    Parameters
    ----------
    size, n_octaves, scales
        As for `octave_sizes`.
    smallest : tuple of int
        Samples that the network needs along each axis; no octave may have fewer than `SMALLEST_OCTAVE` either.
    """
    possible = n_fitting_octaves(size, n_octaves, scales, smallest)
    if possible < n_octaves:
        first = octave_sizes(size, n_octaves, scales)[0]
        least = [max(SMALLEST_OCTAVE, side) for side in smallest]
        raise SeisdreamError(
            f"The input is {_in_words(size)}, so the smallest of {n_octaves} octaves would be {_in_words(first)}; an "
            f"octave needs at least {_in_words(least)} for this layer. Use `octaves={possible}` or a smaller "
            "`octave_scale`.",
            code="too-small",
            option="octaves",
        )


def image_at_octave(image: torch.Tensor, sizes: Sequence[Size], number: int) -> torch.Tensor:
    """Return an image at the size of an octave, counted from 0.

    Each octave is made from the next larger one, as in the original; the largest is the image itself.
    """
    for size in reversed(sizes[number:-1]):
        image = resize(image, size)
    return image


def zoom_in(values: np.ndarray, zoom: float) -> np.ndarray:
    """Enlarge the middle of ``(row, column)`` or ``(row, column, 3)`` values by a share, linearly, to the same size."""
    keep = 1.0 - zoom
    matrix = [keep, keep, 1.0][: values.ndim]
    offset = [values.shape[0] * zoom / 2, values.shape[1] * zoom / 2, 0.0][: values.ndim]
    # SciPy's stubs accept a single offset only; its documentation one for each axis.
    return scipy.ndimage.affine_transform(values, matrix, offset, order=1, mode="nearest")  # pyright: ignore


def zoom_in_positions(positions: np.ndarray, zoom: float) -> np.ndarray:
    """Return which sample of the input each position along an axis shows after `zoom_in`."""
    count = np.arange(len(positions))
    return np.interp(count * (1.0 - zoom) + len(positions) * zoom / 2, count, positions)


def _in_words(size: Sequence[int]) -> str:
    return " × ".join(map(str, size))
