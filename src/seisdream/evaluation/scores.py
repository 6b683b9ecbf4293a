"""Scores of segmentation, computed from a confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

HEADLINES = {
    "pixel_accuracy": "pixel accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "mean_iou": "mean IoU",
    "frequency_weighted_iou": "frequency-weighted IoU",
    "macro_f1": "macro F1",
    "calibration_error": "ECE",
}
"""The scores that are one number, and their names in tables."""


@dataclass(frozen=True)
class Scores:
    """The scores of a confusion matrix, computed by scikit-learn.

    A class that is neither present nor predicted has no score (NaN) and does not enter means; one that is predicted but
    not present has an IoU and an F1 of 0, and enters them.

    Attributes
    ----------
    classes : tuple of str
        In the order of their codes.
    confusion : array
        int64 ``(true class, predicted class)``.
    calibration_error : float or None
        Expected calibration error over 15 bins of confidence (Naeini and others 2015), if probabilities were counted.
    """

    classes: tuple[str, ...]
    confusion: NDArray
    calibration_error: float | None = None

    @property
    def n_samples(self) -> int:
        """The number of samples of known class."""
        return int(self.confusion.sum())

    @property
    def pixel_accuracy(self) -> float:
        """Share of samples that were classified correctly; NaN without samples."""
        return float(self._score(metrics.accuracy_score)) if self.n_samples else math.nan

    @cached_property
    def class_accuracy(self) -> NDArray:
        """Share of each class's samples that were classified correctly (recall); NaN for an absent class."""
        return self._of_each(metrics.recall_score, self.confusion.sum(1))

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of `class_accuracy` over the classes that are present: the balanced accuracy."""
        return _mean(self.class_accuracy)

    @cached_property
    def iou(self) -> NDArray:
        """Intersection over union of each class; NaN for one that is neither present nor predicted."""
        return self._of_each(metrics.jaccard_score, self._n_present_or_predicted)

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that are present or predicted."""
        return _mean(self.iou)

    @property
    def frequency_weighted_iou(self) -> float:
        """Mean of `iou` weighted with the number of samples of each class."""
        if not self.n_samples:
            return math.nan
        return float(self._score(metrics.jaccard_score, average="weighted", zero_division=0))

    @cached_property
    def f1(self) -> NDArray:
        """F1 (Dice coefficient) of each class; NaN for one that is neither present nor predicted."""
        return self._of_each(metrics.f1_score, self._n_present_or_predicted)

    @property
    def macro_f1(self) -> float:
        """Mean of `f1` over the classes that are present or predicted."""
        return _mean(self.f1)

    def headlines(self) -> dict[str, float]:
        """Return the scores that are one number, by the names of `HEADLINES`; NaN for those that do not exist."""
        return {name: math.nan if (value := getattr(self, name)) is None else value for name in HEADLINES}

    def rows(self) -> list[dict[str, Any]]:
        """Return a row of a table for each class: ``class``, ``samples``, ``accuracy``, ``iou`` and ``f1``."""
        columns = zip(self.classes, self.confusion.sum(1), self.class_accuracy, self.iou, self.f1, strict=True)
        return [
            {"class": name, "samples": int(n), "accuracy": float(accuracy), "iou": float(iou), "f1": float(f1)}
            for name, n, accuracy, iou, f1 in columns
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON, with None for NaN."""
        headlines: dict[str, Any] = {**self.headlines(), "samples": self.n_samples}
        each = [{name: plain(value) for name, value in row.items()} for row in self.rows()]
        return {
            **{name: plain(value) for name, value in headlines.items()},
            "classes": each,
            "confusion": self.confusion.tolist(),
        }

    @property
    def _n_present_or_predicted(self) -> NDArray:
        return self.confusion.sum(1) + self.confusion.sum(0)

    def _of_each(self, score: Callable[..., Any], counts: NDArray) -> NDArray:
        if not self.n_samples:
            return np.full(len(self.classes), np.nan)
        values = self._score(score, labels=np.arange(len(self.classes)), average=None, zero_division=0)
        return np.where(counts > 0, values, np.nan)

    def _score(self, score: Callable[..., Any], **options: Any) -> Any:
        """Return a score of scikit-learn, with each cell of the matrix as one sample with a weight."""
        true, predicted = np.nonzero(self.confusion)
        return score(true, predicted, sample_weight=self.confusion[true, predicted], **options)


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: None for NaN and infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mean(values: NDArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
