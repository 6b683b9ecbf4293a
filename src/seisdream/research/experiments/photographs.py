"""Photographs as geology: linear probes of a network that was trained on photographs, for rock and seismic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seisdream.channels.cka import cka_of_moments, joint_moments
from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import ConfusionCounter
from seisdream.evaluation.labelled import Labelled
from seisdream.evaluation.layer_features import LayerReader
from seisdream.evaluation.probe import LinearProbe, fit_probe
from seisdream.io.tables import markdown_table
from seisdream.models.network import Network
from seisdream.models.randomization import with_random_weights
from seisdream.models.registry import load_network
from seisdream.research.experiments.bootstrap import bootstrap_weights, mean_iou, with_interval
from seisdream.research.experiments.pages import fill_template, format_interval
from seisdream.research.experiments.stimulus_views import (
    NOISE_FREE,
    RECORDED,
    ROCK,
    UNPROCESSED,
    UNSMOOTHED,
    WAVELETS,
    View,
    view_keys,
)
from seisdream.research.plotting.geology import Series, draw_scores
from seisdream.seismic.sections import make_section
from seisdream.synthetic import FACIES

PHOTOGRAPHS, RANDOM = "photographs", "random weights"
SAME_STAGE, ON_ROCK = "fitted on the same stage", "fitted on rock"
_STAGES = (ROCK, WAVELETS[2], UNSMOOTHED, NOISE_FREE, RECORDED)
_U_NET_LAYER = "enc5"
_N_PER_CLASS = 300
_STRIDE = 16


def open_photo_network(network: str) -> Network:
    """Open a network that `seisdream train` trained on photographs: its weights file or the folder of its run.

    Raises
    ------
    SeisdreamError
        If it does not classify whole photographs.
    """
    path = Path(network)
    loaded = load_network(str(path / "network.safetensors") if path.is_dir() else network)
    if not loaded.classes or loaded.layer(loaded.class_layer or "").has_positions:
        raise SeisdreamError(
            f"{network} does not classify whole photographs; `photos` must name what `seisdream train` made of a "
            "folder of photographs.",
            code="incompatible",
            option="photos",
        )
    return loaded


def compare_photographs(
    photos: Network,
    networks: Mapping[str, Network],
    earths: Sequence[xr.Dataset],
    views: Sequence[Sequence[View]],
    seed: int,
) -> tuple[dict[str, Any], Figure]:
    """Compare linear probes of facies on a network of photographs, the same with random weights, and other networks.

    Parameters
    ----------
    photos : Network
        From `open_photo_network`.
    networks : dict of Network
        U-Nets to compare with, by name.
    earths : sequence of Dataset
        Probes are fitted on the first half of them, and scored on the others.
    views : sequence of sequence of View
        Views of each earth.
    seed : int
        Random seed of the samples that probes are fitted on, and of the intervals.

    Returns
    -------
    results : dict
        ``rows`` with the scores for each network and stage, and what the probes were fitted on.
    figure : Figure
        Mean IoU against the stage.
    """
    layer = photos.default_layer
    readers = {
        PHOTOGRAPHS: LayerReader(photos, [layer], device="cpu"),
        RANDOM: LayerReader(with_random_weights(photos, seed), [layer], device="cpu"),
        **{name: LayerReader(network, [_U_NET_LAYER], device="cpu") for name, network in networks.items()},
    }
    keys, n_fitted = view_keys(), max(1, len(earths) // 2)
    lines = {
        stage: [
            (make_section(of_earth[keys.index((stage, UNPROCESSED))].values), earth["facies"].values.astype(np.uint8))
            for of_earth, earth in zip(views, earths, strict=True)
        ]
        for stage in _STAGES
    }
    weights = bootstrap_weights(len(earths) - n_fitted, seed)
    rows: list[dict[str, Any]] = []
    for name, reader in readers.items():
        probes = {
            stage: fit_probe(own[:n_fitted], reader, len(FACIES), n_per_class=_N_PER_CLASS, seed=seed)
            for stage, own in lines.items()
        }
        for stage, own in lines.items():
            row: dict[str, Any] = {"network": name, "stage": stage}
            for training, probe in ((SAME_STAGE, probes[stage]), (ON_ROCK, probes[ROCK])):
                confusion = np.stack([_confusion(probe, line) for line in own[n_fitted:]])
                row[training] = with_interval("mean_iou", mean_iou(np.tensordot(weights, confusion, 1)))
            if name in networks:
                row["cka"] = _similarity(readers[PHOTOGRAPHS], reader, own)
            rows.append(row)
    results = {
        "network": photos.name.rpartition("/")[2],
        "sha256": photos.sha256,
        "classes": list(photos.classes),
        "layer": layer,
        "other_layer": _U_NET_LAYER,
        "n_fitted": n_fitted,
        "rows": rows,
    }
    series = [
        Series(
            f"{name}, {training}",
            [row[training] for row in rows if row["network"] == name],
            number,
            is_dashed=training == ON_ROCK,
        )
        for number, name in enumerate(readers)
        for training in (SAME_STAGE, ON_ROCK)
    ]
    return results, draw_scores(_STAGES, series, {"mean_iou": "Mean IoU of a linear probe"}, baselines={})


def _confusion(probe: LinearProbe, line: Labelled) -> NDArray:
    section, labels = line
    counter = ConfusionCounter(tuple(facies.name for facies in FACIES), calibrated=False)
    probabilities = torch.from_numpy(probe.probabilities(section)[None])
    counter.update(probabilities, torch.from_numpy(labels[None]), are_probabilities=True)
    return counter.scores().confusion


def _similarity(one: LayerReader, other: LayerReader, lines: Sequence[Labelled]) -> float:
    """Return the linear CKA of two layers at every 16th sample of all sections."""
    moments = np.float64(0.0)
    start = _STRIDE // 2
    for section, _ in lines:
        height, width = section.shape
        rows, columns = (grid.ravel() for grid in np.mgrid[start:height:_STRIDE, start:width:_STRIDE])
        moments = moments + joint_moments(one.read(section).at(rows, columns), other.read(section).at(rows, columns))
    return float(cka_of_moments(np.asarray(moments)[None], one.n_features)[0])


def describe_photographs(results: Mapping[str, Any] | None, picture: str) -> str:
    """Return the part of the page on photographs, from results alone."""
    if results is None:
        return fill_template("geology-no-photographs")
    table = markdown_table(
        ["network", "stage", SAME_STAGE, ON_ROCK, "linear CKA with photographs"],
        [
            [
                f"`{row['network']}`" if "cka" in row else row["network"],
                row["stage"],
                *(format_interval(row[training], "mean_iou") for training in (SAME_STAGE, ON_ROCK)),
                f"{row['cka']:.2f}" if "cka" in row else "–",
            ]
            for row in results["rows"]
        ],
    )
    return fill_template(
        "geology-photographs",
        network=results["network"],
        sha256=results["sha256"][:12],
        classes=", ".join(results["classes"]),
        layer=results["layer"],
        other_layer=results["other_layer"],
        n_fitted=results["n_fitted"],
        table=table,
        picture=picture,
    )
