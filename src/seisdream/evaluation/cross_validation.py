"""Scores on held-out blocks of a single section."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import ConfusionCounter
from seisdream.evaluation.labelled import Labelled, SegmentationModel, known_labels
from seisdream.evaluation.scores import Scores
from seisdream.seismic.sections import UNKNOWN


def column_blocks(n_columns: int, n_blocks: int = 5, guard: int = 32) -> list[tuple[NDArray, NDArray]]:
    """Return for each of some contiguous blocks of columns which columns to fit on, and which are held out.

    Neighbouring traces are nearly copies of each other, so a model could memorise columns that are held out at random.
    Columns within `guard` of the held-out block are in neither set.

    Parameters
    ----------
    n_columns : int
        Of the section.
    n_blocks : int, default 5
        Number of blocks of nearly equal width.
    guard : int, default 32
        Columns left out on either side.

    Returns
    -------
    list of (array, array)
        Booleans ``(n_columns,)``.

    Raises
    ------
    SeisdreamError
        If nothing would be left to fit on, or to hold out (``too-small``).
    """
    edges = np.linspace(0, n_columns, n_blocks + 1).round().astype(int) if n_blocks > 0 else np.zeros(1, int)
    column = np.arange(n_columns)
    blocks = []
    for first, end in itertools.pairwise(edges):
        is_held_out = (column >= first) & (column < end)
        is_fitted = (column < first - guard) | (column >= end + guard)
        blocks.append((is_fitted, is_held_out))
    if n_blocks < 2 or not all(fitted.any() and held_out.any() for fitted, held_out in blocks):
        raise SeisdreamError(
            f"{n_columns} columns cannot be held out in {n_blocks} blocks with {guard} columns between; use two blocks "
            "or more, a narrower `guard`, or a wider section.",
            code="too-small",
            option="n_blocks",
        )
    return blocks


def leave_one_block_out(
    section: xr.DataArray,
    labels: NDArray,
    classes: Sequence[str],
    fit: Callable[[list[Labelled]], SegmentationModel],
    *,
    n_blocks: int = 5,
    guard: int = 32,
) -> Scores:
    """Fit on all but one block of a section's columns and score on that block, for each block in turn.

    Parameters
    ----------
    section, labels
        As in `Labelled`.
    classes : sequence of str
        In the order of their codes.
    fit : callable
        From labelled sections to a model, such as ``lambda lines: fit_probe(lines, reader, 10)``.
    n_blocks, guard : int
        As for `column_blocks`.
    """
    labels = known_labels(section, labels)
    counter = ConfusionCounter(tuple(classes))
    for is_fitted, is_held_out in column_blocks(section.shape[1], n_blocks, guard):
        model = fit([(section, np.where(is_fitted, labels, np.uint8(UNKNOWN)))])
        predicted = torch.from_numpy(model.probabilities(section)[None])
        truth = torch.from_numpy(np.where(is_held_out, labels, np.uint8(UNKNOWN))[None])
        counter.update(predicted, truth, are_probabilities=True)
    return counter.scores()
