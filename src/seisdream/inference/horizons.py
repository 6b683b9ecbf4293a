"""Classes that lie one below another, as intervals between horizons do: maps that keep their order, and their tops."""

from __future__ import annotations

import numpy as np

# No look is surer than this that a sample is not of a class, or one wrong sample could move a whole interval.
_LEAST = 1e-4


def viterbi_monotone(probabilities: np.ndarray) -> np.ndarray:
    """Return the most probable classes down each trace of which none lies above one that comes before it.

    What is greatest is the product of the samples' probabilities, over all maps that keep the order; it is found
    exactly, trace by trace (dynamic programming: Viterbi, IEEE Transactions on Information Theory 13, 1967). Classes
    may be left out, as where an interval pinches out.

    Parameters
    ----------
    probabilities : array
        ``(class, time, trace)``, classes from the top down; NaN where a sample says nothing.

    Returns
    -------
    array
        uint8 codes ``(time, trace)``.

    Examples
    --------
    >>> unsure = np.array([[0.9, 0.4, 0.7, 0.1], [0.1, 0.6, 0.3, 0.9]])[..., None]
    >>> unsure.argmax(0).ravel(), viterbi_monotone(unsure).ravel()
    (array([0, 1, 0, 1]), array([0, 0, 0, 1], dtype=uint8))
    """
    n_classes, n_samples, n_traces = probabilities.shape
    codes = np.arange(n_classes, dtype=np.uint8)[:, None]
    best = np.zeros((n_classes, n_traces))
    came_from = np.zeros((n_samples, n_classes, n_traces), np.uint8)
    for row in range(n_samples):
        # The best way to be in a class came from the best of itself and of those above it; of equals, the upper.
        greatest = np.maximum.accumulate(best)
        is_greater = np.vstack([np.ones((1, n_traces), bool), greatest[1:] > greatest[:-1]])
        came_from[row] = np.maximum.accumulate(np.where(is_greater, codes, 0))
        best = greatest + np.log(np.maximum(np.nan_to_num(probabilities[:, row], nan=1.0), _LEAST))
    classes = np.empty((n_samples, n_traces), np.uint8)
    now = best.argmax(0)
    for row in range(n_samples - 1, -1, -1):
        classes[row] = now
        now = came_from[row, now, np.arange(n_traces)]
    return classes


def extract_horizons(classes: np.ndarray, n_classes: int, places: np.ndarray) -> np.ndarray:
    """Return where each class but the first begins: the horizons between intervals.

    Parameters
    ----------
    classes : array
        Codes ``(time, trace)`` that keep their order; from `n_classes` on: absent.
    n_classes : int
        How many there are.
    places : array
        What the rows lie at, ``(time,)``: ms.

    Returns
    -------
    array
        float32 ``(class - 1, trace)``, ascending. A horizon belongs to the interval below it, and where an interval
        pinches out its top is that of the next. NaN where nothing lies above the horizon in the trace, or nothing
        below.
    """
    is_known = classes < n_classes
    tops = np.full((n_classes - 1, classes.shape[1]), np.nan, np.float32)
    for code in range(1, n_classes):
        below, above = is_known & (classes >= code), is_known & (classes < code)
        first = below.argmax(0)
        is_there = below.any(0) & above.any(0)
        tops[code - 1, is_there] = places[first[is_there]]
    return tops
