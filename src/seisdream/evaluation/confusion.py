"""Confusion matrices and the scores of segmentation that follow from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from sklearn import metrics

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.seismic.sections import UNKNOWN

torchmetrics = require_extra("torchmetrics", "train", "Scoring a network")

N_BINS = 15
"""Bins of confidence, equally wide, over which calibration is measured."""

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


class ConfusionCounter:
    """Counts predictions against labels, batch by batch; under `torch.distributed`, over all processes.

    Parameters
    ----------
    classes : tuple of str
        In the order of their codes.
    calibrated : bool, default True
        Whether to measure the calibration of probabilities too.
    device : str, default "cpu"
        Where counts are kept. NCCL can only add up what is on GPUs.
    """

    def __init__(self, classes: tuple[str, ...], *, calibrated: bool = True, device: str | torch.device = "cpu"):
        self.classes = tuple(classes)
        self._device = torch.device(device)
        self._confusion = torchmetrics.classification.MulticlassConfusionMatrix(
            len(classes), ignore_index=UNKNOWN, validate_args=False
        )
        self._calibration = _Calibration() if calibrated else None
        for metric in filter(None, (self._confusion, self._calibration)):
            metric.to(self._device)
        # torchmetrics would warn of a process that gets no data.
        self.update(torch.zeros(0, len(classes)), torch.zeros(0))

    def update(self, predictions: torch.Tensor, labels: torch.Tensor, *, are_probabilities: bool = False) -> None:
        """Count a batch.

        Parameters
        ----------
        predictions : Tensor
            ``(batch, class, ...)``: logits, or probabilities.
        labels : Tensor
            ``(batch, ...)``, `UNKNOWN` where not known.
        are_probabilities : bool, default False
            Whether `predictions` are probabilities.

        Raises
        ------
        SeisdreamError
            If shapes differ (``wrong-shape``), or a label has no class (``no-labels``).
        """
        if predictions.shape[:1] + predictions.shape[2:] != labels.shape or predictions.shape[1] != len(self.classes):
            raise SeisdreamError(
                f"The predictions have shape {tuple(predictions.shape)} and the labels {tuple(labels.shape)}; each "
                f"label needs one number for each of {len(self.classes)} classes.",
                code="wrong-shape",
            )
        labels = labels.to(self._device).long()
        known = labels != UNKNOWN
        wrong = labels[known & ((labels < 0) | (labels >= len(self.classes)))]
        if len(wrong):
            raise SeisdreamError(
                f"A label is {int(wrong[0])}; it must be a class from 0 to {len(self.classes) - 1}, or {UNKNOWN} where "
                "the class is not known.",
                code="no-labels",
            )
        predictions = predictions.to(self._device)
        self._confusion.update(predictions.argmax(1), labels)
        if self._calibration is not None:
            probabilities = predictions.float() if are_probabilities else predictions.float().softmax(1)
            confidence, codes = probabilities.max(1)
            self._calibration.update(confidence[known], (codes == labels)[known])

    def calibration_gaps(self) -> NDArray:
        """Return by bin of confidence the number of correct predictions less the sum of their confidence, ``(bins,)``.

        The sum of their magnitudes over the number of samples is the expected calibration error; gaps of parts add up
        to those of the whole.
        """
        if self._calibration is None:
            raise SeisdreamError(
                "No probabilities were counted; use `calibrated=True`.", code="invalid", option="calibrated"
            )
        return (self._calibration.correct - self._calibration.confidence).cpu().numpy()

    def scores(self) -> Scores:
        """Return the scores of all batches."""
        confusion = self._confusion.compute().cpu().numpy().astype(np.int64)
        error = float(self._calibration.compute()) if self._calibration is not None else None
        return Scores(self.classes, confusion, error if confusion.any() else None)


def score_predictions(
    predict: Callable[[xr.DataArray], NDArray],
    labelled: Iterable[tuple[xr.DataArray, NDArray]],
    classes: tuple[str, ...],
) -> Scores:
    """Return the scores of predictions on labelled sections.

    Parameters
    ----------
    predict : callable
        From a section to the probabilities of its samples, ``(class, time, trace)``.
    labelled : iterable of (section, labels)
        Labels as for `ConfusionCounter`.
    classes : tuple of str
        In the order of their codes.
    """
    counter = ConfusionCounter(classes)
    for section, labels in labelled:
        probabilities = torch.from_numpy(np.asarray(predict(section), np.float32))
        counter.update(probabilities[None], torch.from_numpy(labels)[None], are_probabilities=True)
    return counter.scores()


class _Calibration(torchmetrics.Metric):
    """Expected calibration error from running sums.

    That of torchmetrics keeps the confidence of every sample until the end, four bytes each, which is too much for a
    survey.
    """

    full_state_update = False
    count: torch.Tensor
    confidence: torch.Tensor
    correct: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("count", "confidence", "correct"):
            self.add_state(name, torch.zeros(N_BINS + 1, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, confidence: torch.Tensor, correct: torch.Tensor) -> None:
        """Count samples: the probability of the predicted class, and whether it is correct."""
        # The edges of torchmetrics: a bin includes its lower edge, and confidence 1 has its own bin.
        edges = torch.linspace(0, 1, N_BINS + 1, dtype=confidence.dtype, device=confidence.device)
        bins = (torch.bucketize(confidence, edges, right=True) - 1).clamp(0, N_BINS)
        for total, values in (
            (self.count, torch.ones_like(confidence)),
            (self.confidence, confidence),
            (self.correct, correct),
        ):
            total.scatter_add_(0, bins, values.to(total.dtype))

    def compute(self) -> torch.Tensor:
        """Return the mean over samples of the difference between confidence and accuracy in their bin."""
        return (self.correct - self.confidence).abs().sum() / self.count.sum()


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: None for NaN and infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mean(values: NDArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
