"""Score a network on held-out data, compared with baselines."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from seisdream.data.lines import LabelledLines
from seisdream.errors import SeisdreamError
from seisdream.evaluation.class_map import class_matrix
from seisdream.evaluation.confusion import ConfusionCounter
from seisdream.evaluation.dummy_classifiers import fit_depth_only, fit_majority
from seisdream.evaluation.labelled import Labelled, SegmentationModel, known_labels
from seisdream.evaluation.layer_features import LayerReader, probe_layers
from seisdream.evaluation.probe import fit_probe
from seisdream.evaluation.scores import HEADLINES, Scores, plain
from seisdream.evaluation.settings import EvaluationSettings
from seisdream.evaluation.test_sets import EvaluationData, open_held_out
from seisdream.inference.network_input import notes_on_input
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.io.atomic import writing_folder
from seisdream.io.tables import write_csv
from seisdream.models.checkpoints import read_metadata, split_variant
from seisdream.models.network import Network
from seisdream.models.randomization import with_random_weights
from seisdream.models.registry import as_network, load_network
from seisdream.models.zoo.unet import ARCHITECTURES
from seisdream.plotting.panels import write_figure
from seisdream.plotting.scores import draw_confusion
from seisdream.results.writer import optional_file, warn_incomplete
from seisdream.seismic.sections import UNKNOWN
from seisdream.settings import to_json

NETWORK, PROBE, RANDOM_PROBE, DEPTH_ONLY, MAJORITY = METHODS = (
    "network",
    "linear probe",
    "linear probe, random weights",
    "depth only",
    "majority class",
)
"""What is scored, in the order of the table: the network, a linear probe of its layers, and three baselines."""

SCORES_FILE = "scores.json"
"""The file of an evaluation's folder that holds everything."""


@dataclass(frozen=True)
class Evaluation:
    """Scores of a network and of its baselines, on the same samples.

    Attributes
    ----------
    network, network_sha256 : str
        Name and hash of the network.
    data : str
        Name of the data.
    n_sections : int
        Number of sections scored; dead ones are left out.
    colours : tuple of str
        ``#rrggbb`` for each class.
    scores : dict of Scores
        By method; the first are the network's, or its probe's where it predicts no classes.
    published : mapping
        Published scores on these data, by method.
    credit, licence : str
        Of the data.
    notes : tuple of str
        What limits the network's input, such as how sections are made to fit it.
    """

    network: str
    network_sha256: str
    data: str
    n_sections: int
    colours: tuple[str, ...]
    scores: dict[str, Scores]
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    credit: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()

    @property
    def main_scores(self) -> Scores:
        """Scores of the network, or of its probe where it predicts no classes."""
        return next(iter(self.scores.values()))

    @property
    def classes(self) -> tuple[str, ...]:
        """The data's classes, in the order of their codes."""
        return self.main_scores.classes

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: ``method`` and the scores of `HEADLINES`, published ones last; NaN where there is none."""
        measured = [{"method": method, **scores.headlines()} for method, scores in self.scores.items()]
        published = [
            {"method": f"published: {method}", **{name: float(scores.get(name, math.nan)) for name in HEADLINES}}
            for method, scores in self.published.items()
        ]
        return measured + published

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Return scores for a network's metadata: by method, four digits of each, with the IoU of each class."""

        def rounded(value: float) -> float | None:
            return plain(round(float(value), 4))

        return {
            method: {
                **{name: rounded(value) for name, value in scores.headlines().items()},
                "iou": {name: rounded(value) for name, value in zip(scores.classes, scores.iou, strict=True)},
            }
            for method, scores in self.scores.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything as values that JSON knows."""
        return {
            "network": self.network,
            "network_sha256": self.network_sha256,
            "data": self.data,
            "credit": self.credit,
            "licence": self.licence,
            "n_sections": self.n_sections,
            "n_samples": self.main_scores.n_samples,
            "classes": list(self.classes),
            "colours": list(self.colours),
            "scores": {method: scores.as_dict() for method, scores in self.scores.items()},
            "published": {method: dict(scores) for method, scores in self.published.items()},
            "notes": list(self.notes),
        }

    def save(
        self, folder: str | os.PathLike[str], *, force: bool = False, inputs: Sequence[str | os.PathLike[str]] = ()
    ) -> list[Path]:
        """Write the evaluation into a folder, which appears as a whole or not at all.

        Parameters
        ----------
        folder : path
            Gets ``table.csv`` (a row for each method), ``classes.csv`` (a row for each method and class),
            ``confusion.png`` and ``scores.json``.
        force : bool, default False
            Replace the folder of an earlier evaluation.
        inputs : sequence of path, optional
            Files that must not be replaced.

        Returns
        -------
        list of Path
            The files.
        """
        method = next(iter(self.scores))
        title = f"{self.network} on {self.data}" + (f", {method}" if method != NETWORK else "")
        by_class = [{"method": name, **row} for name, scores in self.scores.items() for row in scores.rows()]
        failures: list[str] = []
        with writing_folder(folder, force=force, inputs=inputs, marker=SCORES_FILE) as partial:
            (partial / SCORES_FILE).write_text(to_json(self.as_dict(), indent=1), encoding="utf-8")
            write_csv(self.rows(), partial / "table.csv")
            write_csv(by_class, partial / "classes.csv")
            with optional_file(partial, "confusion.png", failures.append):
                figure = draw_confusion(self.main_scores.confusion, self.classes, title=title)
                write_figure(figure, partial / "confusion.png")
            names = sorted(path.name for path in partial.iterdir())
        warn_incomplete(failures)
        return [Path(folder) / name for name in names]


def evaluate(
    network: Network | str,
    dataset: str | LabelledLines | EvaluationData,
    *,
    settings: EvaluationSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
    **overrides: Any,
) -> Evaluation:
    """Score a network on held-out sections, compared with baselines.

    Parameters
    ----------
    network : Network or str
        Any network for sections. One that does not predict a class for each sample is scored by a linear probe of its
        layers.
    dataset : str, LabelledLines or EvaluationData
        A source as `open_held_out` takes it, such as ``generated``, ``benchmark:NAME`` or a labelled file; labelled
        lines, some of which are held out; or data that are split already.
    settings : EvaluationSettings, optional
    progress : callable, optional
        Called with the number of sections read and their total.
    **overrides
        Fields of `EvaluationSettings`.

    Returns
    -------
    Evaluation

    Raises
    ------
    SeisdreamError
        If there are no labels, or network and data share no classes.
    """
    settings = EvaluationSettings.of(settings, overrides)
    network = as_network(network)
    data = dataset if isinstance(dataset, EvaluationData) else _open_data(network, dataset, settings)
    n_classes, device = len(data.classes), settings.device
    has_classes = is_segmenter(network)
    fits: dict[str, Callable[[Collection[Labelled]], SegmentationModel]] = {}
    if settings.baselines or not has_classes:
        fits[PROBE] = lambda lines: fit_probe(lines, LayerReader(network, device=device), n_classes)
    if settings.baselines:
        twin = random_twin(network)
        fits[RANDOM_PROBE] = lambda lines: fit_probe(lines, LayerReader(twin, device=device), n_classes)
        fits[DEPTH_ONLY] = lambda lines: fit_depth_only(lines, n_classes)
        fits[MAJORITY] = lambda lines: fit_majority(lines, n_classes)

    # First, because classes that do not match are the most frequent error.
    own = _NetworkModel(network, data, settings) if has_classes else None
    models: dict[str, SegmentationModel] = {NETWORK: own} if own else {}
    counter = _ProgressCounter(len(fits) * len(data.training) + len(data.held_out), progress)
    models |= {method: fit(_Counted(data.training, counter)) for method, fit in fits.items()}

    confusions = {method: ConfusionCounter(data.classes) for method in models}
    n_scored, notes = 0, []
    needed = (network.class_map_layer or "",) if has_classes else probe_layers(network)
    for section, labels in _Counted(data.held_out, counter):
        notes = notes or notes_on_input(network, section, layers=needed)
        truth = torch.from_numpy(mask_boundaries(known_labels(section, labels), settings.margin)[None])
        n_scored += 1
        for method, model in models.items():
            probabilities = torch.from_numpy(model.probabilities(section)[None])
            confusions[method].update(probabilities, truth, are_probabilities=True)
    if own and own.n_resampled:
        notes.append(
            f"{own.n_resampled} of {n_scored} sections were resampled for {network.name}, because they lie outside the "
            "range of its training data. Use `as_is=True` to leave them as they are."
        )
    evaluation = Evaluation(
        network=network.name,
        network_sha256=network.sha256,
        data=data.name + (f", {settings.margin} off boundaries" if settings.margin else ""),
        n_sections=n_scored,
        colours=data.colours,
        scores={method: confusion.scores() for method, confusion in confusions.items()},
        published=data.published,
        credit=data.credit,
        licence=data.licence,
        notes=tuple(notes),
    )
    if not evaluation.main_scores.n_samples:
        raise SeisdreamError(
            f"{data.name}: no sample of the {len(data.held_out)} held-out sections has a known class.", code="no-labels"
        )
    return evaluation


def _open_data(network: Network, dataset: str | LabelledLines, settings: EvaluationSettings) -> EvaluationData:
    """Open held-out data with the split of the network's training, unless the settings name another."""
    metadata = read_metadata(network.name) if network.is_loadable else None
    split = dict(metadata.split) if metadata else {}
    split |= {name: value for name in ("held_out", "guard") if (value := getattr(settings, name)) is not None}
    return open_held_out(dataset, settings.sections, input_options=settings.input_options, **split)


def mask_boundaries(labels: NDArray, margin: int) -> NDArray:
    """Return labels ``(time, trace)`` that are `UNKNOWN` within so many samples or traces of another class."""
    if not margin:
        return labels
    size = 2 * margin + 1
    # `UNKNOWN` is the largest code, so it is never the minimum; as 0, it is never the maximum of other codes.
    largest = maximum_filter(np.where(labels == UNKNOWN, 0, labels), size)
    return np.where(minimum_filter(labels, size) == largest, labels, np.uint8(UNKNOWN))


def is_segmenter(network: Network) -> bool:
    """Return whether a network predicts a class for each sample, rather than for a whole image or none."""
    network.require_sections()
    layer = network.class_layer if network.has_known_classes else None
    return layer is not None and network.layer(layer).has_positions and network.layer(layer).stride is not None


def random_twin(network: Network) -> Network:
    """Return the same network with random weights; for networks that seisdream trained, ``NAME@random``."""
    if network.is_loadable and isinstance(network.module, tuple(ARCHITECTURES.values())):
        return load_network(f"{split_variant(network.name)[0]}@random")
    return with_random_weights(network)


class _NetworkModel:
    """A network as a model of the data's classes."""

    def __init__(self, network: Network, data: EvaluationData, settings: EvaluationSettings):
        # Without test-time augmentation, as in training and in published scores.
        prediction = PredictionSettings(augmentations=0, device=settings.device, as_is=settings.as_is)
        self._predictor = Predictor(network, prediction)
        if network.class_activation == "sigmoid" and len(network.classes) > 1:
            raise SeisdreamError(
                f"{network.name} predicts several labels at once, and the data have one class for each sample; "
                "evaluate a network with a softmax or a single output.",
                code="not-supported",
                option="network",
            )
        self.n_resampled = 0
        self._matrix = class_matrix(self._predictor.names, data.classes, settings.class_map)

    def probabilities(self, section: xr.DataArray) -> NDArray:
        predictor = self._predictor.harmonised_with(section)
        self.n_resampled += predictor.settings.scale != (1.0, 1.0)
        probabilities = predictor(section)["probabilities"].values
        probabilities = np.einsum("dn,nij->dij", self._matrix, probabilities)
        # Renormalised over the network's classes that the data have.
        return probabilities / np.maximum(probabilities.sum(0), 1e-12)


class _ProgressCounter:
    """Counts sections and reports progress."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None):
        self._total, self._done, self._progress = total, 0, progress

    def advance(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total)


@dataclass(frozen=True)
class _Counted(Collection):
    """Sections that are counted as they are read."""

    sections: Collection[Labelled]
    counter: _ProgressCounter

    def __len__(self) -> int:
        return len(self.sections)

    def __contains__(self, section: object) -> bool:
        return section in self.sections

    def __iter__(self) -> Iterator[Labelled]:
        n_read = 0
        for section in self.sections:
            yield section
            self.counter.advance()
            n_read += 1
        for _ in range(len(self.sections) - n_read):  # Dead sections, which are left out.
            self.counter.advance()
