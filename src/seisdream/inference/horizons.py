"""Classes in stratigraphic order, as intervals between horizons: the most probable map, and the horizons."""

from __future__ import annotations

import numpy as np

# The smallest probability that counts; otherwise one wrong sample could move a whole interval.
_MIN_PROBABILITY = 1e-4


def viterbi_monotone(probabilities: np.ndarray) -> np.ndarray:
    """Return the most probable classes down each trace, among those in which no class lies above an earlier one.

    The product of the samples' probabilities is maximised exactly, trace by trace, by dynamic programming (Viterbi,
    IEEE Transactions on Information Theory 13, 1967). Classes may be missing, as where an interval pinches out.

    Parameters
    ----------
    probabilities : array
        ``(class, time, trace)``, classes from the top down; NaN where a sample is absent.

    Returns
    -------
    array
        uint8 codes ``(time, trace)``.

    Examples
    --------
    >>> uncertain = np.array([[0.9, 0.4, 0.7, 0.1], [0.1, 0.6, 0.3, 0.9]])[..., None]
    >>> uncertain.argmax(0).ravel(), viterbi_monotone(uncertain).ravel()
    (array([0, 1, 0, 1]), array([0, 0, 0, 1], dtype=uint8))
    """
    n_classes, n_samples, n_traces = probabilities.shape
    codes = np.arange(n_classes, dtype=np.uint8)[:, None]
    best = np.zeros((n_classes, n_traces))
    came_from = np.zeros((n_samples, n_classes, n_traces), np.uint8)
    for row in range(n_samples):
        # The best path to a class comes from the best of itself and of those above it; of equals, the upper.
        greatest = np.maximum.accumulate(best)
        is_greater = np.vstack([np.ones((1, n_traces), bool), greatest[1:] > greatest[:-1]])
        came_from[row] = np.maximum.accumulate(np.where(is_greater, codes, 0))
        best = greatest + np.log(np.maximum(np.nan_to_num(probabilities[:, row], nan=1.0), _MIN_PROBABILITY))
    classes = np.empty((n_samples, n_traces), np.uint8)
    now = best.argmax(0)
    for row in range(n_samples - 1, -1, -1):
        classes[row] = now
        now = came_from[row, now, np.arange(n_traces)]
    return classes


def extract_horizons(classes: np.ndarray, n_classes: int, coordinates: np.ndarray) -> np.ndarray:
    """Return the horizons between intervals: where each class but the first begins.

    Parameters
    ----------
    classes : array
        Codes ``(time, trace)`` in stratigraphic order; `n_classes` or more: absent.
    n_classes : int
        Number of classes.
    coordinates : array
        Of the rows, ``(time,)``, in ms or m.

    Returns
    -------
    array
        float32 ``(class - 1, trace)``, ascending. A horizon is the top of the interval below it; where an interval
        pinches out, its top is that of the next. NaN where a trace has no sample above or none below the horizon.
    """
    is_known = classes < n_classes
    tops = np.full((n_classes - 1, classes.shape[1]), np.nan, np.float32)
    for code in range(1, n_classes):
        below, above = is_known & (classes >= code), is_known & (classes < code)
        first = below.argmax(0)
        is_present = below.any(0) & above.any(0)
        tops[code - 1, is_present] = coordinates[first[is_present]]
    return tops
