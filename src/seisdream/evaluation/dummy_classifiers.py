"""Baselines that use no amplitudes: the majority class, and the most common class at each depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.evaluation.labelled import Labelled, known_labels

N_DEPTHS = 256
"""Bins of relative depth, from the top of a section to its bottom."""


@dataclass(frozen=True)
class DepthOnly:
    """Predicts classes from relative depth alone.

    Strata are layered, so on many surveys this alone classifies most samples correctly; that part of a network's score
    needs no network.

    Attributes
    ----------
    shares : array
        float32 ``(depth, class)``: the share of each class in each of `N_DEPTHS` bins.
    """

    shares: NDArray

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return float32 ``(class, time, trace)``: the shares of classes at each row's relative depth."""
        shares = self.shares[_depths_of(section.shape[0])]
        return np.repeat(shares.T[:, :, None], section.shape[1], axis=2)


@dataclass(frozen=True)
class MajorityClass:
    """Predicts the majority class.

    Attributes
    ----------
    shares : array
        float32 ``(class,)``: the share of each class.
    """

    shares: NDArray

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return float32 ``(class, time, trace)``: the same shares everywhere."""
        return np.broadcast_to(self.shares[:, None, None], (len(self.shares), *section.shape[:2])).copy()


def fit_depth_only(lines: Iterable[Labelled], n_classes: int) -> DepthOnly:
    """Fit the shares of classes by relative depth.

    Parameters
    ----------
    lines : iterable of (section, labels)
        The training data. Depth goes from 0 at a section's first row to 1 at its last.
    n_classes : int
        Number of classes.

    Raises
    ------
    SeisdreamError
        If no sample is labelled (``no-labels``).
    """
    counts = _count_by_depth(lines, n_classes)
    # Depths without a label take the nearest depth with one.
    labelled = np.flatnonzero(counts.any(1))
    nearest = labelled[np.abs(np.arange(N_DEPTHS)[:, None] - labelled).argmin(1)]
    return DepthOnly(_shares(counts[nearest]))


def fit_majority(lines: Iterable[Labelled], n_classes: int) -> MajorityClass:
    """Fit the shares of classes; parameters and errors as for `fit_depth_only`."""
    return MajorityClass(_shares(_count_by_depth(lines, n_classes).sum(0)))


def _count_by_depth(lines: Iterable[Labelled], n_classes: int) -> NDArray:
    counts = np.zeros((N_DEPTHS, n_classes))
    for section, labels in lines:
        labels = known_labels(section, labels)
        depths = _depths_of(len(labels))
        for code in range(n_classes):
            counts[:, code] += np.bincount(depths, (labels == code).sum(1), N_DEPTHS)
    if not counts.any():
        raise SeisdreamError(
            "No sample of the lines has a known class, so no baseline can be fitted.", code="no-labels"
        )
    return counts


def _depths_of(n_rows: int) -> NDArray:
    return ((np.arange(n_rows) + 0.5) / n_rows * N_DEPTHS).astype(int)


def _shares(counts: NDArray) -> NDArray:
    return (counts / counts.sum(-1, keepdims=True)).astype(np.float32)
