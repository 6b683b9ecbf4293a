"""Which lines to label next: those of which a network is least sure, apart from one another and from labelled ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seisdream.data.segy_lines import Line
from seisdream.errors import SeisdreamError
from seisdream.inference.predict import predict
from seisdream.models.network import Network


def mean_entropy(
    network: Network, lines: Sequence[Line], *, progress: Callable[[int, int], None] | None = None
) -> list[float]:
    """Return how unsure a network is of each line: the mean entropy of its classes, 0 to 1.

    Parameters
    ----------
    network : Network
        One with a class for each sample.
    lines : sequence of Line
        Their labels are not looked at.
    progress : callable, optional
        Called with how many lines are done, of how many.
    """
    found = []
    for number, line in enumerate(lines, start=1):
        section, _ = line.open()
        found.append(float(np.nanmean(predict(section, network, augmentations=0)["entropy"].values)))
        if progress:
            progress(number, len(lines))
    return found


def select_lines(doubts: Sequence[float], numbers: Sequence[int], labelled: Sequence[int], n: int) -> list[int]:
    """Choose lines to label next: always the one in most doubt, of those that are far enough from all before.

    Neighbours say the same (Settles, "Active learning literature survey", 2009, on density and diversity), so no line
    is taken within half the distance that as many evenly spaced lines would have.

    Parameters
    ----------
    doubts : sequence of float
        Of each line, as `mean_entropy` returns them.
    numbers : sequence of int
        Line numbers, in the same order.
    labelled : sequence of int
        Numbers of lines that are labelled already.
    n : int
        How many more.

    Returns
    -------
    list of int
        Their numbers, the most doubtful first.
    """
    if not 0 < n <= len(set(numbers) - set(labelled)):
        raise SeisdreamError(
            f"Of {len(set(numbers) - set(labelled))} lines that are not labelled {n} cannot be chosen; ask for fewer."
        )
    span = max(numbers) - min(numbers)
    apart = 0.5 * span / max(n + len(labelled), 1)
    order = [numbers[place] for place in np.argsort(doubts)[::-1]]
    chosen: list[int] = []
    while len(chosen) < n:
        free = [number for number in order if number not in (*labelled, *chosen)]
        far = [number for number in free if all(abs(number - other) >= apart for other in (*labelled, *chosen))]
        if far:
            chosen.append(far[0])
        else:  # No room is left at this distance.
            apart *= 0.8
    return chosen


def evenly(numbers: Sequence[int], n: int) -> list[int]:
    """Return `n` of some line numbers, evenly spaced: each in the middle of an equal part of them."""
    ordered = sorted(numbers)
    if not 0 < n <= len(ordered):
        raise SeisdreamError(f"{n} of {len(ordered)} lines cannot be taken; ask for 1 to {len(ordered)}.")
    return [ordered[int((place + 0.5) * len(ordered) / n)] for place in range(n)]
