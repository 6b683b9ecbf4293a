"""Count predictions against labels: confusion matrices and calibration, over batches and processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.evaluation.scores import Scores
from seisdream.extras import require_extra
from seisdream.seismic.sections import UNKNOWN

torchmetrics = require_extra("torchmetrics", "train", "Scoring a network")

N_BINS = 15
"""Bins of confidence, equally wide, over which calibration is measured."""


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
