"""Octaves: the same picture at several sizes, and the detail that is carried up between them.

The recipe of Mordvintsev, Olah and Tyka (2015): dream on the smallest picture first, and hand only what the
dream added, resized, to the next larger one. The original picture is never resized up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from seisdream.errors import SeisdreamError
from seisdream.inference.resize import resize

Size = tuple[int, ...]


def octave_sizes(size: Size, n_octaves: int, scales: tuple[float, ...]) -> list[Size]:
    """Return the ``(rows, columns)`` of each octave, or of a cube all three sides, smallest first.

    Parameters
    ----------
    size : tuple of int
        Rows and columns of the section, the largest octave.
    n_octaves : int
        1 or more.
    scales : tuple of float
        Ratio between neighbouring octaves along each axis; 1 leaves an axis as it is.
    """
    sizes = [size]
    for _ in range(n_octaves - 1):
        sizes.append(tuple(round(n / scale) for n, scale in zip(sizes[-1], scales, strict=True)))
    return sizes[::-1]


# What is smaller shows a network nothing but the section's edges.
SMALLEST_OCTAVE = 8


def check_octaves(size: Size, n_octaves: int, scales: tuple[float, ...], smallest: Size) -> None:
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
            f"The section is {_in_words(size)}, so the smallest of {n_octaves} octaves would be {_in_words(first)}; an "
            f"octave needs at least {_in_words(least)} at this layer. Use "
            f"--octaves {possible} or a smaller --octave-scale."
        )


def most_octaves(size: Size, n_octaves: int, scales: tuple[float, ...], smallest: Size) -> int:
    """Return how many octaves, 1 to `n_octaves`, fit before one gets too small; the section itself always does."""
    smaller = octave_sizes(size, n_octaves, scales)[:-1]
    return 1 + sum(
        all(side >= max(SMALLEST_OCTAVE, least) for side, least in zip(one, smallest, strict=True)) for one in smaller
    )


def _in_words(size: Sequence[int]) -> str:
    return " × ".join(map(str, size))


def build_octaves(picture: torch.Tensor, sizes: list[Size]) -> Iterator[torch.Tensor]:
    """Yield the picture at each size, smallest first; each is made from the next larger one, and none is kept."""
    for number in range(len(sizes)):
        octave = picture
        for size in reversed(sizes[number:-1]):
            octave = resize(octave, size)
        yield octave
