"""Octaves: the same picture at several sizes, and the detail that is carried up between them.

The recipe of Mordvintsev, Olah and Tyka (2015): dream on the smallest picture first, and hand only what the
dream added, resized, to the next larger one. The original picture is never resized up.
"""

from __future__ import annotations

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


def check_octaves(size: Size, n_octaves: int, scales: tuple[float, float], smallest: Size) -> None:
    """Raise `SeisdreamError` where the smallest octave has fewer than `smallest` rows or columns."""
    first = octave_sizes(size, n_octaves, scales)[0]
    if first[0] < smallest[0] or first[1] < smallest[1]:
        possible = most_octaves(size, n_octaves, scales, smallest)
        raise SeisdreamError(
            f"The section is {size[0]} × {size[1]}, so the smallest of {n_octaves} octaves would be "
            f"{first[0]} × {first[1]}, and the layer asked for needs at least {smallest[0]} × {smallest[1]}; use "
            + (f"--octaves {possible}" if possible else "a shallower layer")
            + " or a smaller --octave-scale."
        )


def most_octaves(size: Size, n_octaves: int, scales: tuple[float, float], smallest: Size) -> int:
    """Return how many octaves, up to `n_octaves`, fit before one gets smaller than `smallest` (0 if none does)."""
    sizes = octave_sizes(size, n_octaves, scales)
    return sum(rows >= smallest[0] and columns >= smallest[1] for rows, columns in sizes)


def resize(picture: torch.Tensor, size: Size) -> torch.Tensor:
    """Resize ``(1, channel, row, column)`` bilinearly with corner samples kept in place.

    Equal to ``scipy.ndimage.zoom(order=1)``, which the original recipe uses, to 6e-5.
    """
    if picture.shape[-2:] == size:
        return picture
    return F.interpolate(picture, size=size, mode="bilinear", align_corners=True)


def build_octaves(picture: torch.Tensor, sizes: list[Size]) -> list[torch.Tensor]:
    """Return the picture at each size, smallest first; each is made from the next larger one."""
    octaves = [picture]
    for size in sizes[-2::-1]:
        octaves.append(resize(octaves[-1], size))
    return octaves[::-1]
