"""What a network has to beat: answers that look at no texture at all, and a network that never learned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.evaluation.probe import Labelled, known_labels

N_DEPTHS = 256
"""Bins of relative depth, from the top of a section to its bottom."""


@dataclass(frozen=True)
class DepthOnly:
    """Tells classes by how deep a sample lies, and nothing else.

    Strata lie in layers: on many surveys this alone tells most samples right, and whatever a network's score is
    made of, this much of it needs no network.

    Attributes
    ----------
    shares : array
        float32 ``(depth, class)``: how often each class was seen in each of `N_DEPTHS` bins.
    """

    shares: NDArray

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return float32 ``(class, time, trace)``: the shares of classes at each row's relative depth."""
        shares = self.shares[_depths_of(section.shape[0])]
        return np.repeat(shares.T[:, :, None], section.shape[1], axis=2)


@dataclass(frozen=True)
class MajorityClass:
    """Tells the class that there is most of, everywhere.

    Attributes
    ----------
    shares : array
        float32 ``(class,)``: how often each class was seen.
    """

    shares: NDArray

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return float32 ``(class, time, trace)``: the same shares everywhere."""
        return np.broadcast_to(self.shares[:, None, None], (len(self.shares), *section.shape[:2])).copy()


def fit_depth_only(lines: Iterable[Labelled], n_classes: int) -> DepthOnly:
    """Count classes by relative depth.

    Parameters
    ----------
    lines : iterable of (section, labels)
        To learn from. Depth runs from 0 at a section's first row to 1 at its last.
    n_classes : int
        How many classes there are.

    Raises
    ------
    SeisdreamError
        If nothing is labelled.
    """
    counts = _count_by_depth(lines, n_classes)
    # Where no line has a label, the nearest depth that has one speaks.
    seen = np.flatnonzero(counts.any(1))
    nearest = seen[np.abs(np.arange(N_DEPTHS)[:, None] - seen).argmin(1)]
    return DepthOnly(_shares(counts[nearest]))


def fit_majority(lines: Iterable[Labelled], n_classes: int) -> MajorityClass:
    """Count classes; parameters and errors as for `fit_depth_only`."""
    return MajorityClass(_shares(_count_by_depth(lines, n_classes).sum(0)))


def _count_by_depth(lines: Iterable[Labelled], n_classes: int) -> NDArray:
    counts = np.zeros((N_DEPTHS, n_classes))
    for section, labels in lines:
        labels = known_labels(section, labels)
        depths = _depths_of(len(labels))
        for code in range(n_classes):
            counts[:, code] += np.bincount(depths, (labels == code).sum(1), N_DEPTHS)
    if not counts.any():
        raise SeisdreamError("A baseline learns from labels, and there is none: every sample is of unknown class.")
    return counts


def _depths_of(n_rows: int) -> NDArray:
    return ((np.arange(n_rows) + 0.5) / n_rows * N_DEPTHS).astype(int)


def _shares(counts: NDArray) -> NDArray:
    return (counts / counts.sum(-1, keepdims=True)).astype(np.float32)
