"""Question 2: better yet, geology? A network trained on rock and two on seismic, on views between rock and seismic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.dreaming.dream import dream
from seisdream.errors import SeisdreamError
from seisdream.evaluation.test_sets import HELD_OUT_SEED
from seisdream.inference.predict import predict
from seisdream.io.inputs import open_section
from seisdream.models.network import Network
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import (
    DEFAULT_LINE,
    ROBUST_NETWORK,
    Experiment,
    Outcome,
    Progress,
    ProgressCounter,
    line_name,
)
from seisdream.research.experiments.bootstrap import bootstrap_weights
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
from seisdream.research.experiments.view_scores import (
    CLASSES,
    LAYERS,
    measure_recovery,
    score_majority_class,
    score_views,
)
from seisdream.research.plotting.geology import Series, draw_dreams, draw_maps, draw_scores, draw_similarity
from seisdream.seismic.sections import fill_absent, make_section
from seisdream.synthetic import FACIES

GEOLOGY = "geology"
_COLOURS = tuple(facies.colour for facies in FACIES)
_DREAM_LAYER, _PRESET = "enc4", "seismic"
_DREAM_VIEWS = ((ROCK, UNPROCESSED), (RECORDED, UNPROCESSED), (RECORDED, INVERTED))
_EARTHS_PER_SEED = 1000


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
    robust_network: str | None = None,
) -> Outcome:
    """Score each network on all views of the same earths, and compare their dreams; see `Experiment`."""
    networks = load_networks(network, robust_network or ROBUST_NETWORK)
    photo_network = open_photo_network(photos) if photos else None
    numbers = range(seed * _EARTHS_PER_SEED, seed * _EARTHS_PER_SEED + size.n_earths)
    stream = GeneratedEarths(HELD_OUT_SEED, size=size.side, augmentation=None)
    unsmoothed = GeneratedEarths(HELD_OUT_SEED, size=size.side, augmentation=None, settings=UNSMOOTHED_EARTH)
    earths = [stream.earth(number) for number in numbers]
    views = [list(make_views(earth, unsmoothed.earth(number))) for earth, number in zip(earths, numbers, strict=True)]
    n_dreams = len(_DREAM_VIEWS) * (len(networks) + 1) * size.n_dreamed
    counter = ProgressCounter(progress, len(view_keys()) * size.n_earths + n_dreams)
    weights = bootstrap_weights(size.n_earths, seed)
    scored = score_views(networks, earths, views, weights, counter)
    dreams, dream_columns = _compare_dreams(networks, network, views[: size.n_dreamed], counter)
    f3, f3_columns = _compare_on_line(networks, network, line)
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
        "majority_class": score_majority_class(earths),
        "views": scored.rows,
        "cka_by_chance": scored.cka_by_chance,
        "recovered": measure_recovery(scored.confusion, GEOLOGY, weights),
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
        for way in ((UNPROCESSED, INVERTED) if name == GEOLOGY else (UNPROCESSED,))
    ]
    figures = {
        "scores": draw_scores(STAGES, series, MEASURES, baselines=results["majority_class"]),
        "representations": draw_similarity(STAGES, _similarity_panels(scored.rows, names)),
        "maps": draw_maps(scored.maps, CLASSES, _COLOURS),
        "dreams": draw_dreams(dream_columns),
    }
    if photo_network is not None:
        results["photographs"], figures["photographs"] = compare_photographs(
            photo_network, networks, earths, views, seed
        )
    if f3_columns:
        figures["f3"] = draw_maps(f3_columns, CLASSES, _COLOURS)
    return Outcome(results, figures, {"scores": _scores_table(scored.rows, names)})


def load_networks(network: str, robust_network: str) -> dict[str, Network]:
    """Return the network `geology` and the two that it is compared with, by name.

    Raises
    ------
    SeisdreamError
        If the three are not different, or one does not have the same classes and layers.
    """
    networks = {GEOLOGY: load_network(GEOLOGY)}
    for option, name in {"network": network, "robust_network": robust_network}.items():
        if name in networks:
            raise SeisdreamError(
                f"`{option}` is {name}; this experiment compares {GEOLOGY} with two different networks that are "
                "trained on seismic, such as facies and facies-robust.",
                code="incompatible",
                option=option,
            )
        networks[name] = other = load_network(name)
        if tuple(other.classes or ()) != CLASSES or not {*LAYERS, "logits"} <= set(other.layers):
            raise SeisdreamError(
                f"{name} cannot be compared with {GEOLOGY}: it needs the classes {', '.join(CLASSES)} and the layers "
                f"{', '.join(LAYERS)} and logits. Use facies, or a network of the same kind that `seisdream train` "
                "wrote.",
                code="incompatible",
                option=option,
            )
    return networks


def _compare_dreams(
    networks: Mapping[str, Network], network: str, views: Sequence[Sequence[View]], counter: ProgressCounter
) -> tuple[dict[str, Any], list[tuple[str, NDArray, dict[str, NDArray]]]]:
    """Return how the changes that dreams make correlate, and the columns of the figure of dreams on the first earth.

    Each other network is compared with `geology`, and one of them with the same with random weights.
    """
    random = f"{network}@random"
    dreamers = {**networks, random: load_network(random)}
    pairs = [*((GEOLOGY, name) for name in networks if name != GEOLOGY), (network, random)]
    rows, columns = [], []
    for stage, way in _DREAM_VIEWS:
        correlations: list[list[float]] = [[] for _ in pairs]
        for of_earth in views:
            section = make_section(of_earth[view_keys().index((stage, way))].values)
            dreams = {name: _dream(section, one) for name, one in counter.over(dreamers.items())}
            changes = {name: np.abs(values - section.values).ravel() for name, values in dreams.items()}
            for values, (one, other) in zip(correlations, pairs, strict=True):
                values.append(float(np.corrcoef(changes[one], changes[other])[0, 1]))
            if of_earth is views[0] and way == UNPROCESSED:
                columns.append((stage, section.values, {name: dreams[name] for name in networks}))
        rows.append({"stage": stage, "processing": way, "correlations": correlations})
    return {"layer": _DREAM_LAYER, "preset": _PRESET, "pairs": pairs, "rows": rows}, columns


def _dream(section: xr.DataArray, network: Network) -> NDArray:
    result = dream(section, network, _DREAM_LAYER, preset=_PRESET, device="cpu", precision="float32")
    return result.dataset["dream"].values


def _compare_on_line(
    networks: Mapping[str, Network], network: str, line: str | None
) -> tuple[dict[str, Any], list[tuple[str, NDArray, dict[str, NDArray]]]]:
    """Return how far predictions of a real line agree with those of one network, and the columns of its figure.

    If the default line is not available, the reason and no columns.
    """
    try:
        section = open_section(line or DEFAULT_LINE)
    except SeisdreamError as error:
        if line is not None:
            raise
        return {"missing": str(error).split(" Get the file")[0]}, []
    values, absent = fill_absent(section)
    filled = section.copy(data=values)
    inputs = {UNPROCESSED: filled, BLIND: filled.copy(data=invert_blindly(filled).astype(np.float32))}
    predicted: dict[tuple[str, str], NDArray] = {
        (way, name): predict(one, loaded, augmentations=0, device="cpu")["classes"].values
        for way, one in inputs.items()
        for name, loaded in networks.items()
    }
    reference = predicted[UNPROCESSED, network][~absent]
    rows = [
        {
            "network": name,
            "processing": way,
            "agreement": float((reference == codes[~absent]).mean()),
            "kappa": float(cohen_kappa_score(reference, codes[~absent])),
        }
        for (way, name), codes in predicted.items()
        if (way, name) != (UNPROCESSED, network)
    ]
    columns = [
        (
            line_name(line) if way == UNPROCESSED else way,
            np.where(absent, np.nan, one.values),
            {name: np.where(absent, 255, predicted[way, name]) for name in networks},
        )
        for way, one in inputs.items()
    ]
    return {"line": line_name(line), "reference": network, "rows": rows}, columns


def _similarity_panels(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, dict[str, list]]:
    unprocessed = [find_row(rows, stage, UNPROCESSED) for stage in STAGES]

    def panel(key: str, name: str) -> dict[str, list]:
        return {layer: [row[key][name][layer] for row in unprocessed] for layer in LAYERS}

    return {
        **{f"{names[0]} with {name}": panel("cka_with_first", name) for name in names[1:]},
        **{f"{name} with itself on rock": panel("cka_with_rock", name) for name in names},
    }


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
    inputs=("line", "photos", "robust_network"),
)
