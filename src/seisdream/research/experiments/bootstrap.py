"""Bootstrap over earths, which are independent of each other, unlike the samples within one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_N_BOOTSTRAP = 300


def bootstrap_weights(n_earths: int, seed: int) -> NDArray:
    """Return how often each earth is in each sample, ``(1 + samples, earth)``; the first sample has each once."""
    weights = np.random.default_rng([seed, 2]).multinomial(n_earths, np.full(n_earths, 1.0 / n_earths), _N_BOOTSTRAP)
    return np.concatenate([np.ones((1, n_earths)), weights])


def with_interval(name: str, values: NDArray) -> dict[str, Any]:
    """Return the first value as the estimate and the 95 % percentile interval of the others; NaN where all are NaN."""
    known = values[1:][~np.isnan(values[1:])]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return {name: float(values[0]), f"{name}_interval": [float(low), float(high)]}


def mean_iou(confusion: NDArray) -> NDArray:
    """Return the mean IoU of confusion matrices ``(..., true, predicted)`` over classes that occur in either."""
    intersection = np.diagonal(confusion, axis1=-2, axis2=-1)
    union = confusion.sum(-1) + confusion.sum(-2) - intersection
    with np.errstate(invalid="ignore"):
        return np.nanmean(intersection / np.where(union > 0, union, np.nan), axis=-1)
