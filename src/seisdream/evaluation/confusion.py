"""How well classes were told: the scores of segmentation, counted over everything that was seen."""

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
"""Bins of confidence, equally wide, over which calibration is looked at."""

HEADLINES = {
    "pixel_accuracy": "pixel accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "mean_iou": "mean IoU",
    "frequency_weighted_iou": "frequency-weighted IoU",
    "macro_f1": "macro F1",
    "calibration_error": "ECE",
}
"""The scores that are one number, and how they are written in tables."""


@dataclass(frozen=True)
class Scores:
    """What a confusion matrix says, worked out by scikit-learn; it is small, however many samples were counted.

    A class that is neither there nor told has no score (NaN) and no part in a mean; one that is told though it is not
    there has an IoU and an F1 of 0, and counts.

    Attributes
    ----------
    classes : tuple of str
        In the order of their codes.
    confusion : array
        int64 ``(true class, predicted class)``.
    calibration_error : float or None
        Expected calibration error over 15 bins of confidence (Naeini and others 2015), where probabilities were seen.
    """

    classes: tuple[str, ...]
    confusion: NDArray
    calibration_error: float | None = None

    @property
    def n_samples(self) -> int:
        """How many samples of known class were counted."""
        return int(self.confusion.sum())

    @property
    def pixel_accuracy(self) -> float:
        """Share of the samples whose class was told right; NaN where nothing was counted."""
        return float(self._score(metrics.accuracy_score)) if self.n_samples else math.nan

    @cached_property
    def class_accuracy(self) -> NDArray:
        """Share of each class's samples that were told right (its recall); NaN for a class that is not there."""
        return self._of_each(metrics.recall_score, self.confusion.sum(1))

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of `class_accuracy` over the classes that are there: the balanced accuracy."""
        return _mean(self.class_accuracy)

    @cached_property
    def iou(self) -> NDArray:
        """Intersection over union of each class; NaN for one that is neither there nor told."""
        return self._of_each(metrics.jaccard_score, self._there_or_told)

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that are there or told."""
        return _mean(self.iou)

    @property
    def frequency_weighted_iou(self) -> float:
        """Mean of `iou` in which each class counts as often as it is there."""
        if not self.n_samples:
            return math.nan
        return float(self._score(metrics.jaccard_score, average="weighted", zero_division=0))

    @cached_property
    def f1(self) -> NDArray:
        """F1 (Dice coefficient) of each class; NaN for one that is neither there nor told."""
        return self._of_each(metrics.f1_score, self._there_or_told)

    @property
    def macro_f1(self) -> float:
        """Mean of `f1` over the classes that are there or told."""
        return _mean(self.f1)

    def headlines(self) -> dict[str, float]:
        """Return the scores that are one number, by the names of `HEADLINES`; NaN where there is none."""
        return {name: math.nan if (value := getattr(self, name)) is None else value for name in HEADLINES}

    def rows(self) -> list[dict[str, Any]]:
        """Return a row of a table for each class: ``class``, ``samples``, ``accuracy``, ``iou`` and ``f1``."""
        columns = zip(self.classes, self.confusion.sum(1), self.class_accuracy, self.iou, self.f1, strict=True)
        return [
            {"class": name, "samples": int(n), "accuracy": float(accuracy), "iou": float(iou), "f1": float(f1)}
            for name, n, accuracy, iou, f1 in columns
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON, which has no NaN: None stands for it."""
        told: dict[str, Any] = {**self.headlines(), "samples": self.n_samples}
        each = [{name: plain(value) for name, value in row.items()} for row in self.rows()]
        return {
            **{name: plain(value) for name, value in told.items()},
            "classes": each,
            "confusion": self.confusion.tolist(),
        }

    @property
    def _there_or_told(self) -> NDArray:
        return self.confusion.sum(1) + self.confusion.sum(0)

    def _of_each(self, score: Callable[..., Any], counts: NDArray) -> NDArray:
        if not self.n_samples:
            return np.full(len(self.classes), np.nan)
        values = self._score(score, labels=np.arange(len(self.classes)), average=None, zero_division=0)
        return np.where(counts > 0, values, np.nan)

    def _score(self, score: Callable[..., Any], **options: Any) -> Any:
        """Return a score of scikit-learn, to which each cell of the matrix is one sample with a weight."""
        true, told = np.nonzero(self.confusion)
        return score(true, told, sample_weight=self.confusion[true, told], **options)


class Counter:
    """Counts what was told against what is true, batch by batch; under `torch.distributed`, over all processes.

    Parameters
    ----------
    classes : tuple of str
        In the order of their codes.
    calibrated : bool, default True
        Whether to look at probabilities too.
    device : str, default "cpu"
        Where counts are kept. Processes that talk by NCCL can only add up what is on their GPUs.
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
        # A process that gets no data has counted nothing, which torchmetrics would warn of.
        self.see(torch.zeros(0, len(classes)), torch.zeros(0))

    def see(self, said: torch.Tensor, labels: torch.Tensor, *, are_probabilities: bool = False) -> None:
        """Count a batch.

        Parameters
        ----------
        said : Tensor
            ``(batch, class, ...)``: logits, or probabilities.
        labels : Tensor
            ``(batch, ...)``, `UNKNOWN` where not known.
        are_probabilities : bool, default False
            What `said` is.

        Raises
        ------
        SeisdreamError
            If shapes differ, or there is a label without a class.
        """
        if said.shape[:1] + said.shape[2:] != labels.shape or said.shape[1] != len(self.classes):
            raise SeisdreamError(
                f"Scores need one logit for each of {len(self.classes)} classes and each label; got logits "
                f"{tuple(said.shape)} and labels {tuple(labels.shape)}."
            )
        labels = labels.to(self._device).long()
        known = labels != UNKNOWN
        wrong = labels[known & ((labels < 0) | (labels >= len(self.classes)))]
        if len(wrong):
            raise SeisdreamError(
                f"There is a label {int(wrong[0])}, but there are only the classes 0 to {len(self.classes) - 1}; "
                f"{UNKNOWN} is the label of what is not known."
            )
        said = said.to(self._device)
        self._confusion.update(said.argmax(1), labels)
        if self._calibration is not None:
            probabilities = said.float() if are_probabilities else said.float().softmax(1)
            confidence, told = probabilities.max(1)
            self._calibration.update(confidence[known], (told == labels)[known])

    def calibration_gaps(self) -> NDArray:
        """Return by bin of confidence how many more were right than confidence promised, ``(bins,)``.

        The sum of their sizes over the number of samples is the expected calibration error, so that those of parts can
        be added up to that of the whole.
        """
        if self._calibration is None:
            raise SeisdreamError("No probabilities were counted; make the counter with calibrated=True.")
        return (self._calibration.right - self._calibration.confidence).cpu().numpy()

    def scores(self) -> Scores:
        """Return the scores of all that was seen."""
        confusion = self._confusion.compute().cpu().numpy().astype(np.int64)
        error = float(self._calibration.compute()) if self._calibration is not None else None
        return Scores(self.classes, confusion, error if confusion.any() else None)


def score_told(
    tell: Callable[[xr.DataArray], NDArray], labelled: Iterable[tuple[xr.DataArray, NDArray]], classes: tuple[str, ...]
) -> Scores:
    """Return the scores of what is told of labelled sections.

    Parameters
    ----------
    tell : callable
        From a section to the probabilities of its samples, ``(class, time, trace)``.
    labelled : iterable of (section, labels)
        Labels as for `Counter`.
    classes : tuple of str
        In the order of their codes.
    """
    counter = Counter(classes)
    for section, labels in labelled:
        told = torch.from_numpy(np.asarray(tell(section), np.float32))
        counter.see(told[None], torch.from_numpy(labels)[None], are_probabilities=True)
    return counter.scores()


class _Calibration(torchmetrics.Metric):
    """Expected calibration error from running sums.

    torchmetrics' own keeps the confidence of every sample until the end: four bytes a sample, which for a
    survey is more than the survey.
    """

    full_state_update = False
    count: torch.Tensor
    confidence: torch.Tensor
    right: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("count", "confidence", "right"):
            self.add_state(name, torch.zeros(N_BINS + 1, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, confidence: torch.Tensor, right: torch.Tensor) -> None:
        """Count samples: the probability of the class that was told, and whether it was the right one."""
        # The edges of torchmetrics: a bin holds its lower one, and confidence 1 has a bin of its own.
        edges = torch.linspace(0, 1, N_BINS + 1, dtype=confidence.dtype, device=confidence.device)
        bins = (torch.bucketize(confidence, edges, right=True) - 1).clamp(0, N_BINS)
        for total, values in (
            (self.count, torch.ones_like(confidence)),
            (self.confidence, confidence),
            (self.right, right),
        ):
            total.scatter_add_(0, bins, values.to(total.dtype))

    def compute(self) -> torch.Tensor:
        """Return the mean over samples of how far confidence and accuracy of their bin lie apart."""
        return (self.right - self.confidence).abs().sum() / self.count.sum()


def plain(value: Any) -> Any:
    """Return a number as JSON has it: None for NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mean(values: NDArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
