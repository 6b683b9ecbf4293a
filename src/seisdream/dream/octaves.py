"""Octaves: the same picture at several sizes, and the detail that is carried up between them.

The recipe of Mordvintsev, Olah and Tyka (2015): dream on the smallest picture first, and hand only what the
dream added, resized, to the next larger one. The original picture is never resized up.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from seisdream.errors import SeisdreamError

Size = tuple[int, int]


def octave_sizes(size: Size, n_octaves: int, scales: tuple[float, float]) -> list[Size]:
    """Return the ``(rows, columns)`` of each octave, smallest first.

    Parameters
    ----------
    size : (int, int)
        Rows and columns of the section, the largest octave.
    n_octaves : int
        1 or more.
    scales : (float, float)
        Ratio between neighbouring octaves down the section and across it; 1 leaves an axis as it is.
    """
    sizes = [size]
    for _ in range(n_octaves - 1):
        rows, columns = sizes[-1]
        sizes.append((round(rows / scales[0]), round(columns / scales[1])))
    return sizes[::-1]


# What is smaller shows a network nothing but the section's edges.
SMALLEST_OCTAVE = 8


def check_octaves(size: Size, n_octaves: int, scales: tuple[float, float], smallest: Size) -> None:
    """Raise `SeisdreamError` where an octave below the section itself has too few rows or columns.

    Parameters
    ----------
    size, n_octaves, scales
        As for `octave_sizes`.
    smallest : (int, int)
        Rows and columns that the network needs; no octave may have fewer than `SMALLEST_OCTAVE` either.
    """
    possible = most_octaves(size, n_octaves, scales, smallest)
    if possible < n_octaves:
        first = octave_sizes(size, n_octaves, scales)[0]
        least = [max(SMALLEST_OCTAVE, side) for side in smallest]
        raise SeisdreamError(
            f"The section is {size[0]} × {size[1]}, so the smallest of {n_octaves} octaves would be "
            f"{first[0]} × {first[1]}; an octave needs at least {least[0]} × {least[1]} at this layer. Use "
            f"--octaves {possible} or a smaller --octave-scale."
        )


def most_octaves(size: Size, n_octaves: int, scales: tuple[float, float], smallest: Size) -> int:
    """Return how many octaves, 1 to `n_octaves`, fit before one gets too small; the section itself always does."""
    smaller = octave_sizes(size, n_octaves, scales)[:-1]
    return 1 + sum(
        all(side >= max(SMALLEST_OCTAVE, least) for side, least in zip(one, smallest, strict=True)) for one in smaller
    )


def resize(picture: torch.Tensor, size: Size) -> torch.Tensor:
    """Resize ``(1, channel, row, column)`` bilinearly with corner samples kept in place.

    Equal to ``scipy.ndimage.zoom(order=1)``, which the original recipe uses, to 6e-5.
    """
    if picture.shape[-2:] == size:
        return picture
    return F.interpolate(picture, size=size, mode="bilinear", align_corners=True)


def build_octaves(picture: torch.Tensor, sizes: list[Size]) -> Iterator[torch.Tensor]:
    """Yield the picture at each size, smallest first; each is made from the next larger one, and none is kept."""
    for number in range(len(sizes)):
        octave = picture
        for size in reversed(sizes[number:-1]):
            octave = resize(octave, size)
        yield octave
