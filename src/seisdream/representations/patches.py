"""The patches of real data in which a concept is strongest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seisdream.channels.top_activations import PatchLocation, corner
from seisdream.inference.tensors import as_bytes
from seisdream.representations.survey import Survey
from seisdream.seismic.sections import fill_absent


def strongest_patches(
    strengths: NDArray, positions: NDArray, survey: Survey, patch: tuple[int, int], n_kept: int
) -> list[list[PatchLocation]]:
    """Return for each concept the patches around its strongest units that lie within a line and do not overlap.

    Where every unit is too near to an edge, patches are moved into the line. A patch also overlaps patches on lines of
    the same volume that are less than its width away.

    Parameters
    ----------
    strengths : array
        ``(unit, concept)``.
    positions : array
        ``(unit, 3)``: line, sample and trace.
    survey : Survey
        The data.
    patch : (int, int)
        Samples and traces of a patch.
    n_kept : int
        Patches of each concept at most.
    """
    lines = positions[:, 0].astype(int)
    firsts = np.stack([corner(positions[:, axis], side) for axis, side in zip((1, 2), patch, strict=True)], 1)
    shapes = {number: [len(one) for one in survey.axes(number).values()] for number in np.unique(lines).tolist()}
    sizes = np.array([shapes[number] for number in lines.tolist()])
    fits = ((firsts >= 0) & (firsts + patch <= sizes)).all(1)
    if not fits.any():
        firsts, fits = np.clip(firsts, 0, sizes - patch), ~fits
    along = np.asarray(survey.positions)[lines]
    return [_strongest(np.where(fits, one, 0.0), lines, firsts, along, patch, n_kept) for one in strengths.T]


def _strongest(
    values: NDArray, lines: NDArray, firsts: NDArray, along: NDArray, patch: tuple[int, int], n_kept: int
) -> list[PatchLocation]:
    kept: list[PatchLocation] = []
    is_free = values > 0
    while len(kept) < n_kept and is_free.any():
        best = int(np.argmax(np.where(is_free, values, -1.0)))
        row, column = firsts[best].tolist()
        kept.append(PatchLocation(int(lines[best]), row, column, float(values[best])))
        is_free &= ~((np.abs(firsts - firsts[best]) < patch).all(1) & (np.abs(along - along[best]) < patch[1]))
    return kept


def cut_patches(survey: Survey, locations: Sequence[Sequence[PatchLocation]], patch: tuple[int, int]) -> NDArray:
    """Return patches as grey levels, uint8 ``(concept, patch, sample, trace)``; mid-grey where there are fewer.

    Each line that holds one is opened once.
    """
    n_most = max(1, *(len(one) for one in locations))
    cut = np.full((len(locations), n_most, *patch), 127, np.uint8)
    wanted = sorted(
        (location, concept, number) for concept, one in enumerate(locations) for number, location in enumerate(one)
    )
    line, grey = None, np.zeros((0, 0), np.uint8)
    for location, concept, number in wanted:
        if location.line != line:
            line = location.line
            grey = as_bytes(survey.mapping(line).to_grey(fill_absent(survey.line(line))[0]))
        rows, columns = (slice(first, first + side) for first, side in zip(location[1:3], patch, strict=True))
        cut[concept, number] = grey[rows, columns]
    return cut
