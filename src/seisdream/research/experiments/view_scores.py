"""Scores of networks on all views of the same earths, and the similarity of what their layers hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.channels.cka import cka_of_moments, joint_moments
from seisdream.evaluation.confusion import ConfusionCounter
from seisdream.inference.tensors import to_image_tensor
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.research.experiments.base import ProgressCounter
from seisdream.research.experiments.bootstrap import mean_iou, with_interval
from seisdream.research.experiments.stimulus_views import (
    INVERTED,
    RECORDED,
    ROCK,
    UNPROCESSED,
    WAVELETS,
    View,
    view_keys,
)
from seisdream.seismic.sections import GreyMapping, make_section
from seisdream.synthetic import FACIES

LAYERS = ("enc3", "enc4", "enc5", "enc6")
"""Layers whose representations are compared."""

CLASSES = tuple(facies.name for facies in FACIES)
_MAP_VIEWS = (
    (ROCK, UNPROCESSED),
    (WAVELETS[0], UNPROCESSED),
    (WAVELETS[3], UNPROCESSED),
    (WAVELETS[3], INVERTED),
    (RECORDED, UNPROCESSED),
    (RECORDED, INVERTED),
)

Features = dict[str, NDArray]
"""Activations ``(position, channel)``, by layer."""


@dataclass(frozen=True)
class ScoredViews:
    """Scores of networks on all views.

    Attributes
    ----------
    rows : list of dict
        For each view its stage and processing, the scores of each network, the similarity of each other network to the
        first (``cka_with_first``), and that of each network to itself on rock (``cka_with_rock``).
    cka_by_chance : dict
        Similarity of each other network to the first, by layer, if each is given a different earth.
    maps : list
        Columns for `draw_maps`, for one earth.
    confusion : dict of array
        By stage, processing and network: ``(earth, true, predicted)``.
    """

    rows: list[dict[str, Any]]
    cka_by_chance: dict[str, dict[str, dict[str, Any]]]
    maps: list[tuple[str, NDArray, dict[str, NDArray]]]
    confusion: dict[tuple[str, str, str], NDArray]


def score_views(
    networks: Mapping[str, Network],
    earths: Sequence[xr.Dataset],
    views: Sequence[Sequence[View]],
    weights: NDArray,
    counter: ProgressCounter,
) -> ScoredViews:
    """Score each network on all views.

    Parameters
    ----------
    networks : dict of Network
        By name; the others are compared with the first.
    earths : sequence of Dataset
        With the facies of each sample.
    views : sequence of sequence of View
        Of each earth, in the order of `view_keys`.
    weights : array
        As from `bootstrap_weights`.
    counter : ProgressCounter
        Counts each view of each earth.
    """
    names = list(networks)
    first, *others = names
    prepared = {name: PreparedNetwork(network) for name, network in networks.items()}
    most_diverse = int(np.argmax([len(np.unique(earth["facies"])) for earth in earths]))
    scored = ScoredViews([], {}, [], {})
    on_rock: dict[str, list[Features]] = {}
    for number, (stage, way) in enumerate(view_keys()):
        counters = {name: [ConfusionCounter(CLASSES) for _ in earths] for name in names}
        features: dict[str, list[Features]] = {name: [] for name in names}
        maps = {"truth": earths[most_diverse]["facies"].values}
        for earth, (truth, of_earth) in enumerate(zip(earths, views, strict=True)):
            for name in names:
                logits, activations = _evaluate(prepared[name], of_earth[number].values)
                counters[name][earth].update(logits, torch.from_numpy(truth["facies"].values)[None])
                features[name].append(activations)
                if earth == most_diverse:
                    maps[name] = logits[0].argmax(0).numpy()
            counter.count()
        on_rock = on_rock or features
        scores = {}
        for name in names:
            confusion = np.array([one.scores().confusion for one in counters[name]])
            gaps = np.array([one.calibration_gaps() for one in counters[name]])
            scores[name] = _measure_scores(confusion, gaps, weights)
            scored.confusion[stage, way, name] = confusion
        scored.rows.append(
            {
                "stage": stage,
                "processing": way,
                **_correlate_with_rock(views, number, weights),
                "scores": scores,
                "cka_with_first": {name: _measure_similarity(features[first], features[name]) for name in others},
                "cka_with_rock": {name: _measure_similarity(on_rock[name], features[name]) for name in names},
            }
        )
        if (stage, way) == (RECORDED, UNPROCESSED):
            for name in others:
                another_earth = features[name][1:] + features[name][:1]
                scored.cka_by_chance[name] = _measure_similarity(features[first], another_earth)
        if (stage, way) in _MAP_VIEWS:
            title = stage if way == UNPROCESSED else f"{stage},\n{way}"
            scored.maps.append((title, views[most_diverse][number].values, maps))
    return scored


def _evaluate(prepared: PreparedNetwork, values: NDArray) -> tuple[torch.Tensor, Features]:
    """Return logits ``(1, class, time, trace)`` and the activations of `LAYERS`."""
    section = make_section(values)
    image = to_image_tensor(GreyMapping.of(section, 99.0).to_grey(section.values))
    with torch.no_grad():
        recorded = prepared.record(image, (*LAYERS, "logits"))
    return recorded["logits"].float(), {name: recorded[name][0].flatten(1).T.float().numpy() for name in LAYERS}


def _measure_scores(confusion: NDArray, gaps: NDArray, weights: NDArray) -> dict[str, Any]:
    """Return all measures of confusion ``(earth, true, predicted)`` and calibration gaps ``(earth, bin)``."""
    total = np.tensordot(weights, confusion, 1)
    n_samples = total.sum((-2, -1))
    return {
        **with_interval("mean_iou", mean_iou(total)),
        **with_interval("pixel_accuracy", np.trace(total, axis1=-2, axis2=-1) / n_samples),
        **with_interval("calibration_error", np.abs(weights @ gaps).sum(-1) / n_samples),
    }


def _measure_similarity(first: Sequence[Features], second: Sequence[Features]) -> dict[str, dict[str, Any]]:
    """Return linear CKA by layer and its 95 % jackknife interval over earths.

    The bootstrap would be biased: an earth that is drawn twice adds no positions, and fewer positions increase CKA.
    """
    similarity = {}
    for layer in LAYERS:
        pairs = [(one[layer], other[layer]) for one, other in zip(first, second, strict=True)]
        moments = np.array([joint_moments(*pair) for pair in pairs])
        total, n = moments.sum(0), len(pairs)
        values = cka_of_moments(np.concatenate([total[None], total - moments]), pairs[0][0].shape[1])
        half_width = 1.96 * np.sqrt((n - 1) / n * np.sum((values[1:] - values[1:].mean()) ** 2))
        ends = np.clip([values[0] - half_width, values[0] + half_width], 0.0, 1.0)
        similarity[layer] = {"cka": float(values[0]), "cka_interval": ends.tolist()}
    return similarity


def _correlate_with_rock(views: Sequence[Sequence[View]], number: int, weights: NDArray) -> dict[str, Any]:
    """Return the mean correlation of a view with the rock, over earths."""
    each = [np.corrcoef(of_earth[0].values.ravel(), of_earth[number].values.ravel())[0, 1] for of_earth in views]
    return with_interval("correlation", weights @ np.array(each) / len(each))


def measure_recovery(
    confusion: Mapping[tuple[str, str, str], NDArray], network: str, weights: NDArray
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by stage and processing the fraction of a network's loss from rock to seismic that inversion recovers."""

    def score(stage: str, way: str) -> NDArray:
        return mean_iou(np.tensordot(weights, confusion[stage, way, network], 1))

    rock = score(ROCK, UNPROCESSED)
    recovered: dict[str, dict[str, dict[str, Any]]] = {}
    for stage, way in view_keys():
        if way != UNPROCESSED:
            seismic = score(stage, UNPROCESSED)
            fraction = (score(stage, way) - seismic) / np.where(rock > seismic, rock - seismic, np.nan)
            recovered.setdefault(stage, {})[way] = with_interval("fraction", fraction)
    return recovered


def score_majority_class(earths: Sequence[xr.Dataset]) -> dict[str, float]:
    """Return the scores of predicting the most frequent class everywhere."""
    counts = np.bincount(np.concatenate([earth["facies"].values.ravel() for earth in earths]), minlength=len(CLASSES))
    confusion = np.zeros((len(counts), len(counts)))
    confusion[:, np.argmax(counts)] = counts
    return {"mean_iou": float(mean_iou(confusion)), "pixel_accuracy": float(counts.max() / counts.sum())}
