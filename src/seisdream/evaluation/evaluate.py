"""How good a network is on data that it has not seen, beside what it has to beat."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from seisdream.errors import SeisdreamError, near_matches
from seisdream.evaluation.confusion import HEADLINES, Counter, Scores, plain
from seisdream.evaluation.dummy_classifiers import fit_depth_only, fit_majority
from seisdream.evaluation.probe import (
    Labelled,
    LayerReader,
    SegmentationModel,
    fit_probe,
    known_labels,
)
from seisdream.evaluation.test_sets import HeldOut
from seisdream.inference.predict import Predictor
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.io.atomic import writing_folder
from seisdream.io.tables import write_csv
from seisdream.models.checkpoints import split_variant
from seisdream.models.network import Network
from seisdream.models.randomization import with_random_weights
from seisdream.models.registry import load_network
from seisdream.models.zoo.unet import ARCHITECTURES
from seisdream.plotting.figures import write_figure
from seisdream.plotting.scores import draw_confusion
from seisdream.seismic.sections import UNKNOWN

NETWORK, PROBE, RANDOM_PROBE, DEPTH_ONLY, MAJORITY = METHODS = (
    "network",
    "linear probe",
    "linear probe, random weights",
    "depth only",
    "majority class",
)
"""What is scored, in the order of the table: the network, a probe of its layers, and the three baselines."""

SCORES_FILE = "scores.json"
"""Where an evaluation's folder keeps everything, and the sign that the folder is an evaluation's."""


@dataclass(frozen=True)
class Evaluation:
    """Scores of a network and of its baselines, over the same samples.

    Attributes
    ----------
    network, network_sha256 : str
        Which network.
    data : str
        Which data.
    n_sections : int
        Held out, and scored; what shows nothing is left out.
    colours : tuple of str
        ``#rrggbb`` for each class.
    scores : dict of Scores
        By method; the first is what the evaluation is about.
    published : mapping
        Scores by method as others have published them for these data.
    credit, licence : str
        Of the data.
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

    @property
    def subject(self) -> Scores:
        """The scores that the evaluation is about: the network's, or its probe's where it has no classes of its own."""
        return next(iter(self.scores.values()))

    @property
    def classes(self) -> tuple[str, ...]:
        """The data's classes, in the order of their codes."""
        return self.subject.classes

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: ``method`` and the scores of `HEADLINES`; NaN where there is none, published ones last."""
        ours = [{"method": method, **scores.headlines()} for method, scores in self.scores.items()]
        theirs = [
            {"method": f"published: {method}", **{name: float(scores.get(name, math.nan)) for name in HEADLINES}}
            for method, scores in self.published.items()
        ]
        return ours + theirs

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Return what a network's story keeps: four digits of each score by method, with the IoU of each class."""

        def short(value: float) -> float | None:
            return plain(round(float(value), 4))

        return {
            method: {
                **{name: short(value) for name, value in scores.headlines().items()},
                "iou": {name: short(value) for name, value in zip(scores.classes, scores.iou, strict=True)},
            }
            for method, scores in self.scores.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        return {
            "network": self.network,
            "network_sha256": self.network_sha256,
            "data": self.data,
            "credit": self.credit,
            "licence": self.licence,
            "n_sections": self.n_sections,
            "n_samples": self.subject.n_samples,
            "classes": list(self.classes),
            "colours": list(self.colours),
            "scores": {method: scores.as_dict() for method, scores in self.scores.items()},
            "published": {method: dict(scores) for method, scores in self.published.items()},
        }


def evaluate(
    network: Network,
    data: HeldOut,
    *,
    class_map: Mapping[str, str | None] | None = None,
    with_baselines: bool = True,
    margin: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Score a network, and what it has to beat, on held-out sections.

    Parameters
    ----------
    network : Network
        Any that sees sections. One without classes for each sample is scored by a linear probe of its layers alone.
    data : HeldOut
        From `open_held_out`.
    class_map : dict, optional
        Which of the data's classes each of the network's means; None for one that means none of them. Needed where
        they have other names.
    with_baselines : bool, default True
        Whether to score the linear probes and the baselines too.
    margin : int, default 0
        Leave out what lies within so many samples or traces of another class: a boundary is placed no more surely than
        the seismic resolves it.
    device : str, default "auto"
        Where to run.
    progress : callable, optional
        Told how many sections were looked at, of how many.

    Raises
    ------
    SeisdreamError
        If network and data share no classes, the map does not fit, or nothing is labelled.
    """
    has_classes = is_segmenter(network)
    n_classes = len(data.classes)
    makers: dict[str, Callable[[Collection[Labelled]], SegmentationModel]] = {}
    if with_baselines or not has_classes:
        makers[PROBE] = lambda lines: fit_probe(lines, LayerReader(network, device=device), n_classes)
    if with_baselines:
        twin = random_twin(network)
        makers[RANDOM_PROBE] = lambda lines: fit_probe(lines, LayerReader(twin, device=device), n_classes)
        makers[DEPTH_ONLY] = lambda lines: fit_depth_only(lines, n_classes)
        makers[MAJORITY] = lambda lines: fit_majority(lines, n_classes)

    tellers: dict[str, SegmentationModel] = {}
    if has_classes:
        # First, because it is what most often does not fit.
        tellers[NETWORK] = _Predicting(network, data, class_map, device)
    watch = _ProgressReader(len(makers) * len(data.learned) + len(data.held_out), progress)
    tellers |= {method: make(_Watched(data.learned, watch)) for method, make in makers.items()}

    counters = {method: Counter(data.classes) for method in tellers}
    n_scored = 0
    for section, labels in _Watched(data.held_out, watch):
        truth = torch.from_numpy(off_boundaries(known_labels(section, labels), margin)[None])
        n_scored += 1
        for method, teller in tellers.items():
            counters[method].see(torch.from_numpy(teller.probabilities(section)[None]), truth, are_probabilities=True)
    evaluation = Evaluation(
        network.name,
        network.sha256,
        data.name + (f", {margin} off boundaries" if margin else ""),
        n_scored,
        data.colours,
        {method: counter.scores() for method, counter in counters.items()},
        data.published,
        data.credit,
        data.licence,
    )
    if not evaluation.subject.n_samples:
        raise SeisdreamError(f"{data.name}: no sample of the {len(data.held_out)} held-out sections has a known class.")
    return evaluation


def off_boundaries(labels: NDArray, margin: int) -> NDArray:
    """Return labels ``(time, trace)`` that are `UNKNOWN` within so many samples or traces of another class."""
    if not margin:
        return labels
    size = 2 * margin + 1
    # What is not known is the largest code, and so is never the least; nor is it the largest where it counts as 0.
    largest = maximum_filter(np.where(labels == UNKNOWN, 0, labels), size)
    return np.where(minimum_filter(labels, size) == largest, labels, np.uint8(UNKNOWN))


def is_segmenter(network: Network) -> bool:
    """Return whether a network has a layer of classes for each sample, rather than for a whole picture or none."""
    network.require_sections()
    layer = network.class_layer
    return layer is not None and network.layer(layer).has_positions and network.layer(layer).stride is not None


def random_twin(network: Network) -> Network:
    """Return the same network with random weights; of those that seisdream trained it is ``NAME@random``."""
    if network.is_loadable and isinstance(network.module, tuple(ARCHITECTURES.values())):
        return load_network(f"{split_variant(network.name)[0]}@random")
    return with_random_weights(network)


def read_class_map(path: str | os.PathLike[str]) -> dict[str, str | None]:
    """Read a JSON file that says which of the data's classes each of the network's means; null for none."""
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        if not isinstance(told, dict) or not all(isinstance(value, str | None) for value in told.values()):
            raise ValueError("it is no object of names")
    except (OSError, ValueError) as error:
        raise SeisdreamError(
            f"{path} is no map of classes ({error}); write a JSON object of the network's classes with the data's, "
            'such as {"salt": "Zechstein", "channel fill": null} (--map).'
        ) from error
    return told


def match_classes(
    network: Sequence[str], data: Sequence[str], class_map: Mapping[str, str | None] | None = None
) -> NDArray:
    """Return which of the data's classes each of the network's counts for, float32 ``(data class, network class)``.

    Raises
    ------
    SeisdreamError
        If names differ and there is no map, or the map names other classes or leaves some out.
    """
    if class_map is None:
        if set(network) != set(data):
            raise SeisdreamError(
                f"The network tells {', '.join(network)}; the data have {', '.join(data)}. Say which of the data's "
                "classes each of the network's means in a JSON file (--map FILE.json), or evaluate on other data "
                "(--data)."
            )
        class_map = dict(zip(network, network, strict=True))
    for names, known, whose in ((class_map, network, "network"), (class_map.values(), data, "data")):
        for name in names:
            if name is not None and name not in known:
                near = ", ".join(near_matches(name, known) or known)
                raise SeisdreamError(
                    f"The map of classes names '{name}', which the {whose} does not have; near it: {near} (--map)."
                )
    missing = [name for name in network if name not in class_map]
    if missing:
        raise SeisdreamError(
            f"The map of classes leaves out {', '.join(missing)} of the network; name one of {', '.join(data)} for "
            "each, or null where it means none of them."
        )
    matrix = np.zeros((len(data), len(network)), np.float32)
    for code, name in enumerate(network):
        if (meant := class_map[name]) is not None:
            matrix[list(data).index(meant), code] = 1.0
    if not matrix.any():
        raise SeisdreamError("The map of classes gives every class of the network as null; name one for some at least.")
    return matrix


class _Predicting:
    """A network as something that tells the data's classes."""

    def __init__(self, network: Network, data: HeldOut, class_map: Mapping[str, str | None] | None, device: str):
        # The section as it is, and nothing else: what training and other people's scores look at.
        self._predictor = Predictor(network, PredictionSettings(augmentations=0, device=device))
        self._matrix = match_classes(self._predictor.names, data.classes, class_map)

    def probabilities(self, section: xr.DataArray) -> NDArray:
        said = self._predictor(section)["probabilities"].values
        said = np.einsum("dn,nij->dij", self._matrix, said)
        # Of what the network can mean here; what it takes for something else is no answer.
        return said / np.maximum(said.sum(0), 1e-12)


class _ProgressReader:
    """Counts sections and says so."""

    def __init__(self, total: int, progress: Callable[[int, int], None]):
        self._total, self._done, self._progress = total, 0, progress

    def see(self) -> None:
        self._done += 1
        self._progress(self._done, self._total)


@dataclass(frozen=True)
class _Watched(Collection):
    """Sections that are counted as they are walked through."""

    sections: Collection[Labelled]
    watch: _ProgressReader

    def __len__(self) -> int:
        return len(self.sections)

    def __contains__(self, section: object) -> bool:
        return section in self.sections

    def __iter__(self) -> Iterator[Labelled]:
        n_seen = 0
        for section in self.sections:
            yield section
            self.watch.see()
            n_seen += 1
        for _ in range(len(self.sections) - n_seen):  # Those that show nothing are passed over.
            self.watch.see()


def write_evaluation(
    evaluation: Evaluation, folder: str | os.PathLike[str], *, force: bool = False, inputs: Sequence[str] = ()
) -> list[Path]:
    """Write an evaluation into a folder.

    Parameters
    ----------
    evaluation : Evaluation
        From `evaluate`.
    folder : path
        Appears whole or not at all: ``table.csv`` (a row for each method), ``classes.csv`` (a row for each method and
        class), ``confusion.png`` and ``scores.json``.
    force : bool, default False
        Replace the folder of an earlier evaluation.
    inputs : sequence of path, optional
        Files that must survive.

    Returns
    -------
    list of pathlib.Path
        The files.
    """
    told = evaluation.as_dict()
    subject = next(iter(evaluation.scores))
    title = f"{evaluation.network} on {evaluation.data}" + (f", {subject}" if subject != NETWORK else "")
    by_class = [
        {"method": method, **row} for method, scores in evaluation.scores.items() for row in scores.rows()
    ]  # fmt: skip
    writers: dict[str, Callable[[Path], object]] = {
        "table.csv": partial(write_csv, evaluation.rows()),
        "classes.csv": partial(write_csv, by_class),
        "confusion.png": partial(
            write_figure, draw_confusion(evaluation.subject.confusion, evaluation.classes, title=title)
        ),
        SCORES_FILE: lambda path: path.write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8"),
    }
    with writing_folder(folder, force=force, inputs=inputs, marker=SCORES_FILE) as aside:
        for name, write in writers.items():
            write(aside / name)
    return [Path(folder) / name for name in writers]
