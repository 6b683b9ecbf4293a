"""What is known of the concepts of one network: maps, patches, dreams, importance, likeness and reproducibility."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.channels.top_activations import PatchLocation, patch_size
from seisdream.dreaming.objectives.feature_matching import Direction
from seisdream.inference.recorder import record_activations
from seisdream.models.prepared import PreparedNetwork
from seisdream.representations.concept_settings import ConceptSettings
from seisdream.representations.dreams import dream_concepts
from seisdream.representations.factorise import Factorisation, factorise
from seisdream.representations.importance import class_importance
from seisdream.representations.likeness import LabelledUnits, mean_best
from seisdream.representations.network import ConceptNetwork
from seisdream.representations.patches import cut_patches, strongest_patches
from seisdream.representations.reproducibility import Reproducibility, reproducibility
from seisdream.representations.survey import Survey, Units
from seisdream.significance.path_check import natural_shares

_N_CHANNELS = 5  # listed behind each concept


@dataclass(frozen=True)
class Description:
    """The concepts of a network.

    Attributes
    ----------
    factorisation : Factorisation
        The concepts.
    dataset : Dataset
        By ``concept``, as in a `ConceptResult`.
    rows : list of dict
        What is known of each, ready for JSON; a user fills in the names.
    summary : dict
        The same of all: ``explained``, ``agreement_of_halves`` and, with labels, ``likeness``.
    """

    factorisation: Factorisation
    dataset: xr.Dataset
    rows: list[dict[str, Any]]
    summary: dict[str, Any]


def describe(
    prepared: PreparedNetwork,
    units: Units,
    survey: Survey,
    settings: ConceptSettings,
    n_concepts: int,
    *,
    line: xr.DataArray,
    classes: list[int],
    labelled: LabelledUnits | None,
    on_step: Callable[[int], None],
) -> Description:
    """Find the concepts of a network's units, and measure what is known of each.

    Parameters
    ----------
    prepared : PreparedNetwork
        The network of the survey, or another with the same layers.
    units : Units
        Its units.
    survey : Survey
        The data.
    settings : ConceptSettings
        With the layer and the device resolved.
    n_concepts : int
        How many.
    line : DataArray
        The middle line, which the maps are of.
    classes : list of int
        Numbers of the classes that importance is measured for.
    labelled : LabelledUnits, optional
        Units of the network over labelled sections.
    on_step : callable
        Called after each step of the dreams with the number of dreams that took it.

    Raises
    ------
    SeisdreamError
        As for `factorise`.
    """
    network, layer = prepared.network, str(settings.layer)
    found = factorise(units.activations, n_concepts, seed=settings.seed)
    reproduced = reproducibility(units, found, settings.seed)
    summary: dict[str, Any] = {
        "explained": round(found.explained, 4),
        "agreement_of_halves": round(reproduced.agreement, 4),
    }
    strengths = found.strengths(units.activations)
    patch = patch_size(network.layer(layer), (line.shape[0], line.shape[-1]))
    locations = strongest_patches(strengths, units.positions, survey, patch, settings.patches)
    arrays: dict[str, Any] = {
        "parts": (("concept", "part"), found.parts),
        "directions": (("concept", "channel"), found.directions),
        "patches": (("concept", "patch", "patch_row", "patch_column"), cut_patches(survey, locations, patch)),
        "map": _map(prepared, found, survey, line, settings),
    }
    if classes:
        effects = class_importance(survey.inputs(prepared), layer, found, classes)
        arrays["importance"] = (("concept", "class"), effects, {"units": "logit"})
    natural = None
    if settings.dreams and not survey.is_cube:
        how: dict[str, Any] = {"percentile": settings.percentile, "device": settings.device}
        dreamed = dream_concepts(prepared, layer, found.directions, patch, line, on_step=on_step, **how)
        arrays["dreams"] = (("concept", "dream_row", "dream_column"), dreamed)
        natural = natural_shares(
            network, [Direction(layer, vector=one) for one in found.directions], survey.line, len(survey),
            dreamed.astype(np.float32) - 127.5, **how,
        )  # fmt: skip
    if labelled is not None:
        precision = labelled.average_precision(found.strengths(labelled.activations))
        arrays["likeness"] = (("concept", "label"), precision, {"long_name": "average precision"})
        of_channels = mean_best(labelled.average_precision(labelled.activations))
        summary["likeness"] = {"concepts": round(mean_best(precision), 4), "channels": round(of_channels, 4)}
    coordinates: dict[str, Any] = {"concept": np.arange(found.n_concepts)}
    if classes:
        coordinates["class"] = [network.classes[code] if network.classes else f"class {code}" for code in classes]
    if labelled is not None:
        coordinates["label"] = list(labelled.masks)
    dataset = xr.Dataset(arrays).assign_coords(coordinates)
    share = (strengths.astype(np.float64) ** 2).sum(0)
    rows = _rows(found, dataset, reproduced, share / max(share.sum(), 1e-12), natural)
    for row, of_concept in zip(rows, locations, strict=True):
        row["patches"] = [_place(one, patch, survey) for one in of_concept]
    return Description(found, dataset, rows, summary)


def _map(
    prepared: PreparedNetwork, found: Factorisation, survey: Survey, line: xr.DataArray, settings: ConceptSettings
) -> xr.DataArray:
    """Return the strength of each concept at the units over the middle line, in the grey levels of the survey."""
    names, layer = [str(number) for number in range(found.n_concepts)], str(settings.layer)
    of_concepts, middle = ConceptNetwork(prepared.network, layer, found, names), len(survey) // 2
    strengths = record_activations(
        survey.cube if survey.is_cube else line, of_concepts, layer, device=settings.device,
        mapping=survey.mapping(middle), around=survey.around(middle),
    )  # fmt: skip
    if survey.is_cube:
        strengths = strengths.isel(inline=strengths.sizes["inline"] // 2, drop=True)
    return strengths.rename(channel="concept").reset_coords(drop=True).assign_attrs({"units": "activation"})


def _rows(
    found: Factorisation,
    dataset: xr.Dataset,
    reproduced: Reproducibility,
    share: NDArray,
    natural: list[float | None] | None,
) -> list[dict[str, Any]]:
    rows = []
    for number, direction in enumerate(found.directions):
        strongest = np.argsort(-np.abs(direction), kind="stable")[:_N_CHANNELS]
        row: dict[str, Any] = {
            "number": number,
            "name": "",
            "share": round(float(share[number]), 4),
            "halves": round(float(reproduced.halves[number]), 3),
            "seeds": round(float(reproduced.seeds[number]), 3),
            "channels": [[int(one), round(float(direction[one]), 3)] for one in strongest if direction[one]],
        }
        if natural is not None:
            row["natural"] = natural[number]
        for name, dim in (("importance", "class"), ("likeness", "label")):
            if name in dataset:
                values = dataset[name].sel(concept=number)
                row[name] = {
                    str(of): round(float(value), 4)
                    for of, value in zip(dataset[dim].values, values.values, strict=True)
                    if np.isfinite(value)
                }
        rows.append(row)
    return rows


def _place(location: PatchLocation, patch: tuple[int, int], survey: Survey) -> dict[str, Any]:
    """Return the line and the coordinates of a patch's middle, and the strength there."""
    middle = (location.row + patch[0] // 2, location.column + patch[1] // 2)
    coordinates = {
        dim: round(float(values[min(at, len(values) - 1)]), 3)
        for (dim, values), at in zip(survey.axes(location.line).items(), middle, strict=True)
    }
    return {"line": survey.names[location.line], **coordinates, "strength": round(location.value, 4)}
