"""Photographs as geology: what a network that learned from them says of rock and of seismic, read by a plane."""

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
from seisdream.evaluation.confusion import Counter
from seisdream.evaluation.probe import Labelled, LayerReader, LinearProbe, fit_probe
from seisdream.io.tables import markdown_table
from seisdream.models.network import Network
from seisdream.models.randomization import with_random_weights
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import in_words
from seisdream.research.experiments.bootstrap import mean_iou_of, resampled, with_interval
from seisdream.research.experiments.stimulus_views import (
    NOISE_FREE,
    PLACES,
    PLAIN,
    RECORDED,
    ROCK,
    SHARP,
    Shown,
    order_of_shown,
)
from seisdream.research.plotting.geology import draw_over_sights
from seisdream.seismic.sections import make_section
from seisdream.synthetic import FACIES

_PLACES = (ROCK, PLACES[4], SHARP, NOISE_FREE, RECORDED)
_U_NET_LAYER = "enc5"
_THERE, _ROCK = "learned there", "learned on rock"
_N_PER_CLASS = 300


def open_photo_network(network: str) -> Network:
    """Open what `seisdream train` made of photographs: its file, or the folder of its run.

    Raises
    ------
    SeisdreamError
        If it tells no classes of whole photographs.
    """
    path = Path(network)
    loaded = load_network(str(path / "network.safetensors") if path.is_dir() else network)
    if not loaded.classes or loaded.layer(loaded.class_layer or "").has_positions:
        raise SeisdreamError(
            f"{network} does not tell what a whole photograph shows; name what `seisdream train --data PHOTOS` made, "
            "with --start googlenet or without (--photos)."
        )
    return loaded


def compare_photographs(
    photos: Network,
    networks: Mapping[str, Network],
    made: Sequence[xr.Dataset],
    sections: Sequence[Sequence[Shown]],
    seed: int,
) -> tuple[dict[str, Any], Figure]:
    """Read facies by planes off the network of photographs, its random twin and others; return results and a figure.

    Parameters
    ----------
    photos : Network
        From `open_photo_network`.
    networks : dict of Network
        By name, U-Nets that it is compared with.
    made : sequence of Dataset
        Earths; planes are fitted on the first half of them, and scored on the others.
    sections : sequence of sequence of Shown
        What is shown of each.
    seed : int
        Of the samples that planes are fitted on, and of the intervals.
    """
    layer = photos.default_layer
    readers = {
        "photographs": LayerReader(photos, [layer], device="cpu"),
        "random twin": LayerReader(with_random_weights(photos, seed), [layer], device="cpu"),
        **{name: LayerReader(network, [_U_NET_LAYER], device="cpu") for name, network in networks.items()},
    }
    order, n_learned = order_of_shown(), max(1, len(made) // 2)
    lines = {
        place: [
            (make_section(shown[order.index((place, PLAIN))].values), earth["facies"].values.astype(np.uint8))
            for shown, earth in zip(sections, made, strict=True)
        ]
        for place in _PLACES
    }
    weights = resampled(len(made) - n_learned, seed)
    rows: list[dict[str, Any]] = []
    for name, reader in readers.items():
        fitted = {
            place: fit_probe(own[:n_learned], reader, len(FACIES), n_per_class=_N_PER_CLASS, seed=seed)
            for place, own in lines.items()
        }
        for place, own in lines.items():
            row: dict[str, Any] = {"network": name, "place": place}
            for way, probe in ((_THERE, fitted[place]), (_ROCK, fitted[ROCK])):
                confusion = np.stack([_confusion(probe, line) for line in own[n_learned:]])
                row[way] = with_interval("mean_iou", mean_iou_of(np.tensordot(weights, confusion, 1)))
            if name in networks:
                row["cka"] = _alike(readers["photographs"], reader, own)
            rows.append(row)
    results = {
        "network": photos.name.rpartition("/")[2],
        "sha256": photos.sha256,
        "classes": list(photos.classes),
        "layer": layer,
        "other_layer": _U_NET_LAYER,
        "n_learned": n_learned,
        "rows": rows,
    }
    drawn = [
        (f"{name}, {way}", [row[way] for row in rows if row["network"] == name], number, way == _ROCK)
        for number, name in enumerate(readers)
        for way in (_THERE, _ROCK)
    ]
    return results, draw_over_sights(_PLACES, drawn, {"mean_iou": "mean IoU of a plane"}, floors={})


def _confusion(probe: LinearProbe, line: Labelled) -> NDArray:
    section, labels = line
    counter = Counter(tuple(facies.name for facies in FACIES), calibrated=False)
    told = torch.from_numpy(probe.probabilities(section)[None])
    counter.see(told, torch.from_numpy(labels[None]), are_probabilities=True)
    return counter.scores().confusion


def _alike(one: LayerReader, other: LayerReader, lines: Sequence[Labelled]) -> float:
    """Return linear CKA of what two readers say at every 16th sample of all sections."""
    moments, n_first = 0.0, one.n_features
    for section, _ in lines:
        rows, columns = (grid.ravel() for grid in np.mgrid[8 : section.shape[0] : 16, 8 : section.shape[1] : 16])
        moments = moments + joint_moments(one.read(section).at(rows, columns), other.read(section).at(rows, columns))
    return float(cka_of_moments(np.asarray(moments)[None], n_first)[0])


def about_photographs(found: Mapping[str, Any] | None, picture: str) -> str:
    """Return what a page says of photographs, from results and nothing else."""
    if found is None:
        return (
            "Left out: no network that was trained on photographs was named. `seisdream train --data PHOTOS --start "
            "googlenet` makes one of a folder of your own, and `--photos` takes it in here."
        )
    table = markdown_table(
        ["network", "shown", _THERE, _ROCK, "linear CKA with photographs"],
        [
            [
                f"`{row['network']}`" if "cka" in row else row["network"],
                row["place"],
                *(in_words(row[way], "mean_iou") for way in (_THERE, _ROCK)),
                f"{row['cka']:.2f}" if "cka" in row else "–",
            ]
            for row in found["rows"]
        ],
    )
    return f"""`{found["network"]}` ({found["sha256"][:12]}) learned from photographs to tell
{", ".join(found["classes"])}, and no facies. So facies are read off `{found["layer"]}` of it, of the same network with
random weights, and off `{found["other_layer"]}` of the others, by a plane (logistic regression) that was learned on
{found["n_learned"]} of the earths: either as they are shown, or from their rock. Mean IoU on the other earths, with
95 % bootstrap intervals:

{table}

![Mean IoU of planes over what is shown]({picture})"""
