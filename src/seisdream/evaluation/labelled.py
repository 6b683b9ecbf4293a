"""Labelled sections, and what predicts the class of their samples."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import UNKNOWN, absent_samples

Labelled = tuple[xr.DataArray, NDArray]
"""A section ``(time, trace)`` and its labels, uint8 of the same shape, `UNKNOWN` where the class is not known."""


class SegmentationModel(Protocol):
    """Anything that gives each sample of a section a probability for each class."""

    def probabilities(self, section: xr.DataArray, /) -> NDArray:
        """Return float32 ``(class, time, trace)``; over classes they add up to 1."""
        ...


def known_labels(section: xr.DataArray, labels: NDArray) -> NDArray:
    """Return labels that are `UNKNOWN` where a section is absent.

    Raises
    ------
    SeisdreamError
        If section and labels differ in shape (``wrong-shape``).
    """
    if labels.shape != section.shape[:2]:
        raise SeisdreamError(
            f"The labels have shape {labels.shape}; they must have that of the section, {section.shape[:2]}.",
            code="wrong-shape",
        )
    return np.where(absent_samples(section), np.uint8(UNKNOWN), labels)


def balanced_samples(
    labels: NDArray, n_classes: int, n_per_class: int, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Return rows and columns of random samples: as many of each class, or all there are."""
    flat = labels.ravel()
    chosen = []
    for code in range(n_classes):
        samples = np.flatnonzero(flat == code)
        chosen.append(rng.choice(samples, n_per_class, replace=False) if samples.size > n_per_class else samples)
    rows, columns = np.unravel_index(np.concatenate(chosen), labels.shape)
    return rows, columns
