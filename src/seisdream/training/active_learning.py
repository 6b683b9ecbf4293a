"""Which lines to label next: those of highest entropy, apart from one another and from labelled lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seisdream.data.lines import Line
from seisdream.errors import SeisdreamError
from seisdream.inference.predict import predict
from seisdream.models.network import Network


def mean_entropy(
    network: Network, lines: Sequence[Line], *, progress: Callable[[int, int], None] | None = None
) -> list[float]:
    """Return the mean entropy of a network's predictions on each line, from 0 (certain) to 1.

    Parameters
    ----------
    network : Network
        One that predicts a class for each sample.
    lines : sequence of Line
        Their labels are not used.
    progress : callable, optional
        Called with the number of lines done and their total.
    """
    entropies = []
    for number, line in enumerate(lines, start=1):
        section, _ = line.open()
        entropies.append(float(np.nanmean(predict(section, network, augmentations=0)["entropy"].values)))
        if progress:
            progress(number, len(lines))
    return entropies


def select_lines(entropies: Sequence[float], numbers: Sequence[int], labelled: Sequence[int], n: int) -> list[int]:
    """Choose lines to label next: repeatedly the one of highest entropy that is far enough from all others.

    Neighbouring lines carry the same information (Settles, "Active learning literature survey", 2009, on density and
    diversity). So lines are at least half as far apart as evenly spaced lines would be.

    Parameters
    ----------
    entropies : sequence of float
        Of each line, as `mean_entropy` returns them.
    numbers : sequence of int
        Line numbers, in the same order.
    labelled : sequence of int
        Numbers of the lines that are labelled already.
    n : int
        Number of lines to choose.

    Returns
    -------
    list of int
        Line numbers, in the order in which they were chosen.
    """
    n_unlabelled = len(set(numbers) - set(labelled))
    if not 0 < n <= n_unlabelled:
        raise SeisdreamError(
            f"`n` is {n}; it must be 1 to {n_unlabelled}, the number of unlabelled lines.",
            code="out-of-range",
            option="n",
        )
    span = max(numbers) - min(numbers)
    min_distance = 0.5 * span / max(n + len(labelled), 1)
    by_entropy = [numbers[index] for index in np.argsort(entropies)[::-1]]
    chosen: list[int] = []
    while len(chosen) < n:
        taken = (*labelled, *chosen)
        candidates = [
            number
            for number in by_entropy
            if number not in taken and all(abs(number - other) >= min_distance for other in taken)
        ]
        if candidates:
            chosen.append(candidates[0])
        else:  # No line is that far from all others.
            min_distance *= 0.8
    return chosen


def evenly_spaced(numbers: Sequence[int], n: int) -> list[int]:
    """Return `n` of some line numbers, evenly spaced: the middle one of each of `n` equal parts."""
    ordered = sorted(numbers)
    if not 0 < n <= len(ordered):
        raise SeisdreamError(f"`n` is {n}; it must be 1 to {len(ordered)}.", code="out-of-range", option="n")
    return [ordered[int((index + 0.5) * len(ordered) / n)] for index in range(n)]
