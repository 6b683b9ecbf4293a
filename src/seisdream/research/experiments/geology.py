"""Question 2: better yet, geology? A network trained on rock and one trained on seismic, on views between the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from seisdream.channels.cka import cka_of_moments, joint_moments
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.dreaming.dream import dream
from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import ConfusionCounter
from seisdream.evaluation.test_sets import HELD_OUT_SEED
from seisdream.inference.predict import predict
from seisdream.inference.tensors import to_image_tensor
from seisdream.io.inputs import open_section
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import DEFAULT_LINE, Experiment, Outcome, Progress, ProgressCounter, line_name
from seisdream.research.experiments.bootstrap import bootstrap_weights, mean_iou, with_interval
from seisdream.research.experiments.geology_page import MEASURES, find_row, make_page
from seisdream.research.experiments.photographs import compare_photographs, open_photo_network
from seisdream.research.experiments.stimulus_views import (
    BLIND,
    INVERTED,
    PROCESSING,
    RECORDED,
    ROCK,
    STAGES,
    UNPROCESSED,
    UNSMOOTHED_EARTH,
    WAVELETS,
    View,
    invert_blindly,
    make_views,
    view_keys,
)
from seisdream.research.plotting.geology import Series, draw_maps, draw_scores, draw_similarity
from seisdream.seismic.sections import GreyMapping, fill_absent, make_section
from seisdream.synthetic import FACIES

GEOLOGY = "geology"
LAYERS = ("enc3", "enc4", "enc5", "enc6")
"""Layers whose representations are compared."""

CLASSES = tuple(facies.name for facies in FACIES)
_COLOURS = tuple(facies.colour for facies in FACIES)
_DREAM_LAYER, _DREAM_STEPS = "enc4", 8
_DREAM_VIEWS = ((ROCK, UNPROCESSED), (RECORDED, UNPROCESSED), (RECORDED, INVERTED))
_MAP_VIEWS = (
    (ROCK, UNPROCESSED),
    (WAVELETS[0], UNPROCESSED),
    (WAVELETS[3], UNPROCESSED),
    (WAVELETS[3], INVERTED),
    (RECORDED, UNPROCESSED),
    (RECORDED, INVERTED),
)
_EARTHS_PER_SEED = 1000

Features = dict[str, NDArray]
"""Activations ``(position, channel)``, by layer."""


@dataclass(frozen=True)
class GeologySize:
    """Size of a run.

    Attributes
    ----------
    n_earths : int
        Earths to score networks on.
    n_dreamed : int
        Earths to compare dreams on.
    side : int, default 256
        Side of a section in samples.
    """

    n_earths: int
    n_dreamed: int
    side: int = 256


def run(
    *,
    network: str,
    seed: int,
    size: GeologySize,
    progress: Progress,
    line: str | None = None,
    photos: str | None = None,
) -> Outcome:
    """Score both networks on all views of the same earths; see `Experiment`."""
    networks = load_both(network)
    photo_network = open_photo_network(photos) if photos else None
    numbers = range(seed * _EARTHS_PER_SEED, seed * _EARTHS_PER_SEED + size.n_earths)
    stream = GeneratedEarths(HELD_OUT_SEED, size=size.side, augmentation=None)
    unsmoothed = GeneratedEarths(HELD_OUT_SEED, size=size.side, augmentation=None, settings=UNSMOOTHED_EARTH)
    earths = [stream.earth(number) for number in numbers]
    views = [list(make_views(earth, unsmoothed.earth(number))) for earth, number in zip(earths, numbers, strict=True)]
    counter = ProgressCounter(progress, len(view_keys()) * size.n_earths + len(_DREAM_VIEWS) * 3 * size.n_dreamed)
    weights = bootstrap_weights(size.n_earths, seed)
    scored = _score_views(networks, earths, views, weights, counter)
    dreams = _compare_dreams(networks, views[: size.n_dreamed], counter)
    f3, f3_columns = _compare_on_line(networks, line)
    names = list(networks)
    results = {
        "size": asdict(size),
        "networks": {name: loaded.sha256 for name, loaded in networks.items()},
        "earths": [numbers[0], numbers[-1]],
        "earths_seed": HELD_OUT_SEED,
        "stages": list(STAGES),
        "wavelets": list(WAVELETS),
        "processing": PROCESSING,
        "layers": list(LAYERS),
        "majority_class": _score_majority_class(earths),
        "views": scored.rows,
        "cka_by_chance": scored.cka_by_chance,
        "recovered": _measure_recovery(scored.confusion, weights),
        "dreams": dreams,
        "f3": f3,
    }
    series = [
        Series(
            f"{name}, {way}",
            # The rock is not inverted.
            [
                find_row(scored.rows, stage, way)["scores"][name] if (stage, way) != (ROCK, INVERTED) else None
                for stage in STAGES
            ],
            number,
            is_dashed=way != UNPROCESSED,
        )
        for number, name in enumerate(names)
        for way in (UNPROCESSED, INVERTED)
    ]
    figures = {
        "scores": draw_scores(STAGES, series, MEASURES, baselines=results["majority_class"]),
        "representations": draw_similarity(STAGES, _similarity_panels(scored.rows, names)),
        "maps": draw_maps(scored.maps, CLASSES, _COLOURS),
    }
    if photo_network is not None:
        results["photographs"], figures["photographs"] = compare_photographs(
            photo_network, networks, earths, views, seed
        )
    if f3_columns:
        figures["f3"] = draw_maps(f3_columns, CLASSES, _COLOURS)
    return Outcome(results, figures, {"scores": _scores_table(scored.rows, names)})


def load_both(network: str) -> dict[str, Network]:
    """Return the network `geology` and the one that it is compared with, by name.

    Raises
    ------
    SeisdreamError
        If the other network does not have the same classes and layers.
    """
    if network == GEOLOGY:
        raise SeisdreamError(
            f"`network` is {GEOLOGY}; this experiment compares {GEOLOGY} with a network that is trained on seismic, "
            "such as facies.",
            code="incompatible",
            option="network",
        )
    networks = {GEOLOGY: load_network(GEOLOGY), network: load_network(network)}
    other = networks[network]
    if tuple(other.classes or ()) != CLASSES or not {*LAYERS, "logits"} <= set(other.layers):
        raise SeisdreamError(
            f"{network} cannot be compared with {GEOLOGY}: it needs the classes {', '.join(CLASSES)} and the layers "
            f"{', '.join(LAYERS)} and logits. Use facies, or a network of the same kind that `seisdream train` wrote.",
            code="incompatible",
            option="network",
        )
    return networks


@dataclass(frozen=True)
class ScoredViews:
    """Scores of both networks on all views.

    Attributes
    ----------
    rows : list of dict
        For each view its stage and processing, the scores of each network, the similarity between networks
        (``cka_between``), and that of each network with itself on rock (``cka_with_rock``).
    cka_by_chance : dict
        Similarity between networks, by layer, if each network is given a different earth.
    maps : list
        Columns for `draw_maps`, for one earth.
    confusion : dict of array
        By stage, processing and network: ``(earth, true, predicted)``.
    """

    rows: list[dict[str, Any]]
    cka_by_chance: dict[str, dict[str, Any]]
    maps: list[tuple[str, NDArray, dict[str, NDArray]]]
    confusion: dict[tuple[str, str, str], NDArray]


def _score_views(
    networks: Mapping[str, Network],
    earths: Sequence[xr.Dataset],
    views: Sequence[Sequence[View]],
    weights: NDArray,
    counter: ProgressCounter,
) -> ScoredViews:
    names = list(networks)
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
        first, second = (features[name] for name in names)
        scored.rows.append(
            {
                "stage": stage,
                "processing": way,
                **_correlate_with_rock(views, number, weights),
                "scores": scores,
                "cka_between": _measure_similarity(first, second),
                "cka_with_rock": {name: _measure_similarity(on_rock[name], features[name]) for name in names},
            }
        )
        if (stage, way) == (RECORDED, UNPROCESSED):
            scored.cka_by_chance.update(_measure_similarity(first, second[1:] + second[:1]))
        if (stage, way) in _MAP_VIEWS:
            title = stage if way == UNPROCESSED else f"{stage},\n{way}"
            scored.maps.append((title, views[most_diverse][number].values, maps))
    return scored


def _evaluate(prepared: Any, values: NDArray) -> tuple[torch.Tensor, Features]:
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


def _measure_recovery(
    confusion: Mapping[tuple[str, str, str], NDArray], weights: NDArray
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by stage and processing the fraction of `geology`'s loss from rock to seismic that inversion recovers."""

    def score(stage: str, way: str) -> NDArray:
        return mean_iou(np.tensordot(weights, confusion[stage, way, GEOLOGY], 1))

    rock = score(ROCK, UNPROCESSED)
    recovered: dict[str, dict[str, dict[str, Any]]] = {}
    for stage, way in view_keys():
        if way != UNPROCESSED:
            seismic = score(stage, UNPROCESSED)
            fraction = (score(stage, way) - seismic) / np.where(rock > seismic, rock - seismic, np.nan)
            recovered.setdefault(stage, {})[way] = with_interval("fraction", fraction)
    return recovered


def _score_majority_class(earths: Sequence[xr.Dataset]) -> dict[str, float]:
    """Return the scores of predicting the most frequent class everywhere."""
    counts = np.bincount(np.concatenate([earth["facies"].values.ravel() for earth in earths]), minlength=len(CLASSES))
    confusion = np.zeros((len(counts), len(counts)))
    confusion[:, np.argmax(counts)] = counts
    return {"mean_iou": float(mean_iou(confusion)), "pixel_accuracy": float(counts.max() / counts.sum())}


def _compare_dreams(
    networks: Mapping[str, Network], views: Sequence[Sequence[View]], counter: ProgressCounter
) -> dict[str, Any]:
    """Return the correlation of the changes that dreams make: between both networks, and with random weights."""
    other = next(name for name in networks if name != GEOLOGY)
    dreamers = {**networks, "random": load_network(f"{other}@random")}
    keys, rows = view_keys(), []
    for stage, way in _DREAM_VIEWS:
        between, with_random = [], []
        for of_earth in views:
            section = make_section(of_earth[keys.index((stage, way))].values)
            changes = {name: _dream_change(section, network) for name, network in counter.over(dreamers.items())}
            between.append(float(np.corrcoef(changes[GEOLOGY], changes[other])[0, 1]))
            with_random.append(float(np.corrcoef(changes["random"], changes[other])[0, 1]))
        rows.append({"stage": stage, "processing": way, "between": between, "with_random": with_random})
    return {"layer": _DREAM_LAYER, "steps": _DREAM_STEPS, "rows": rows}


def _dream_change(section: xr.DataArray, network: Network) -> NDArray:
    """Return the absolute change of each sample in a dream."""
    settings = {"parameterization": "pixel", "octaves": 1, "steps": _DREAM_STEPS, "step_size": 1.5}
    result = dream(section, network, _DREAM_LAYER, **settings, device="cpu", precision="float32")
    return np.abs(result.dataset["dream"].values - section.values).ravel()


def _compare_on_line(
    networks: Mapping[str, Network], line: str | None
) -> tuple[dict[str, Any], list[tuple[str, NDArray, dict[str, NDArray]]]]:
    """Return how far the networks' predictions of a real line agree, and the columns of its figure.

    If the default line is not available, the reason and no columns.
    """
    try:
        section = open_section(line or DEFAULT_LINE)
    except SeisdreamError as error:
        if line is not None:
            raise
        return {"missing": str(error).split(" Get the file")[0]}, []
    other = next(name for name in networks if name != GEOLOGY)
    values, absent = fill_absent(section)
    filled = section.copy(data=values)
    inputs = {UNPROCESSED: filled, BLIND: filled.copy(data=invert_blindly(filled).astype(np.float32))}
    predicted: dict[tuple[str, str], NDArray] = {
        (way, name): predict(one, network, augmentations=0, device="cpu")["classes"].values
        for way, one in inputs.items()
        for name, network in networks.items()
    }
    reference = predicted[UNPROCESSED, other][~absent]
    rows = [
        {
            "network": name,
            "processing": way,
            "agreement": float((reference == codes[~absent]).mean()),
            "kappa": float(cohen_kappa_score(reference, codes[~absent])),
        }
        for (way, name), codes in predicted.items()
        if (way, name) != (UNPROCESSED, other)
    ]
    columns = [
        (
            line_name(line) if way == UNPROCESSED else way,
            np.where(absent, np.nan, one.values),
            {name: np.where(absent, 255, predicted[way, name]) for name in networks},
        )
        for way, one in inputs.items()
    ]
    return {"line": line_name(line), "reference": other, "rows": rows}, columns


def _similarity_panels(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, dict[str, list]]:
    unprocessed = [find_row(rows, stage, UNPROCESSED) for stage in STAGES]
    between = {layer: [row["cka_between"][layer] for row in unprocessed] for layer in LAYERS}
    with_rock = {
        f"{name} with itself on rock": {
            layer: [row["cka_with_rock"][name][layer] for row in unprocessed] for layer in LAYERS
        }
        for name in names
    }
    return {f"{names[0]} with {names[1]}": between, **with_rock}


def _scores_table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "stage": row["stage"],
            "processing": row["processing"],
            "network": name,
            **{measure: row["scores"][name][measure] for measure in MEASURES},
        }
        for row in rows
        for name in names
    ]


EXPERIMENT = Experiment(
    "Better yet, geology?",
    run,
    make_page,
    quick=GeologySize(6, 1),
    full=GeologySize(24, 3),
    unit="section",
    page_name="rock-or-seismic",
    inputs=("line", "photos"),
)
