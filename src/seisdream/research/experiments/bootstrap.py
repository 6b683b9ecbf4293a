"""Numbers over earths, with bootstrap intervals: earths are independent of each other, their samples are not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_N_BOOTSTRAP = 300


def resampled(n_earths: int, seed: int) -> NDArray:
    """Return how often each earth counts, ``(1 + draws, earth)``: once each, then drawn with replacement."""
    drawn = np.random.default_rng([seed, 2]).multinomial(n_earths, np.full(n_earths, 1.0 / n_earths), _N_BOOTSTRAP)
    return np.concatenate([np.ones((1, n_earths)), drawn])


def with_interval(name: str, values: NDArray) -> dict[str, Any]:
    """Return a number, the first, and the 95 % interval of the others."""
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return {name: float(values[0]), f"{name}_interval": [float(low), float(high)]}


def mean_iou_of(confusion: NDArray) -> NDArray:
    """Return the mean IoU of confusion matrices ``(..., true, told)``, over the classes that are there or told."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    there_or_told = confusion.sum(-1) + confusion.sum(-2) - right
    with np.errstate(invalid="ignore"):
        return np.nanmean(right / np.where(there_or_told > 0, there_or_told, np.nan), axis=-1)
