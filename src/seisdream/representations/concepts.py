"""Find the concepts of a layer over a survey, and measure what is known of each."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.channels.channel_attribution import classes_of_inputs
from seisdream.channels.top_activations import PatchLocation, patch_size
from seisdream.dreaming.objectives.feature_matching import Direction
from seisdream.errors import SeisdreamError
from seisdream.inference.recorder import record_activations
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.models.randomization import with_random_weights
from seisdream.models.registry import as_network
from seisdream.provenance import make_provenance
from seisdream.representations.concept_settings import AUTO, ConceptSettings
from seisdream.representations.dreams import STEPS, dream_concepts
from seisdream.representations.factorise import Factorisation, factorise
from seisdream.representations.importance import class_importance
from seisdream.representations.likeness import LabelledUnits, labelled_units, mean_best
from seisdream.representations.network import ConceptNetwork
from seisdream.representations.patches import cut_patches, strongest_patches
from seisdream.representations.reproducibility import best_number, reproducibility
from seisdream.representations.survey import Survey, Units
from seisdream.results.concept_result import ConceptResult, load_concepts
from seisdream.significance.path_check import natural_shares

Progress = Callable[[str, int, int], None]
_N_CHANNELS = 5  # listed behind each concept
_PATCH_DIMS = ("concept", "patch", "patch_row", "patch_column")


def concepts(
    network: Network | str,
    data: Any,
    *,
    settings: ConceptSettings | None = None,
    input_options: dict[str, Any] | None = None,
    progress: Progress = lambda step, done, total: None,
    **overrides: Any,
) -> ConceptResult:
    """Find concepts: directions in a layer whose sums, with strengths of 0 or more, are its activations over a survey.

    By non-negative matrix factorisation (Fel and others, "CRAFT", CVPR 2023). The survey is read in one pass, line by
    line, and a sample of its units is kept. Of a layer with negative activations, the positive and the negative parts
    are factorised as channels of their own.

    Parameters
    ----------
    network : Network or str
        A network or its name; for sections or for cubes.
    data : path, DataArray, Volume or sequence of DataArray
        A volume, whose inlines are used, a section, or several sections.
    settings : ConceptSettings, optional
        All settings.
    input_options : dict, optional
        How a file is opened, as for `seisdream.open_section`.
    progress : callable, optional
        Called with the step (``lines``, ``dreams``), how much of it is done, and how much there is.
    **overrides
        Fields of `ConceptSettings`: ``layer``, ``concepts``, ``every``, ``percentile``, ``units``, ``seed``,
        ``control``, ``labels``, ``labelled_sections``, ``dreams``, ``patches``, ``device``.

    Returns
    -------
    ConceptResult
        With the directions, maps, patches and dreams of the concepts, and what was measured of each.

    Raises
    ------
    SeisdreamError
        If the layer does not exist (``unknown-name``), its units have no positions (``not-supported``), it is inactive
        (``no-signal``), or a keyword does not exist (``unknown-argument``).

    Examples
    --------
    >>> import seisdream as sd
    >>> found = sd.concepts("gabor", sd.open_section("sample:built-in"), concepts=4, dreams=False, control=False)
    >>> found.dataset["directions"].dims
    ('concept', 'channel')
    """
    settings, network = ConceptSettings.of(settings, overrides), as_network(network)
    device = resolve_device(settings.device, network)
    layer = settings.layer or network.default_layer
    settings = settings.replace(device=device, layer=layer)
    how: dict[str, Any] = {"every": settings.every, "percentile": settings.percentile, **(input_options or {})}
    if settings.labels is not None:
        network.require_sections()
    survey = Survey(data, network.prepared(device), **how)
    twins = [with_random_weights(network).prepared(device)] if settings.control else []
    units, *of_twins = survey.sample(
        layer, settings.units, settings.seed, twins, lambda done, total: progress("lines", done, total)
    )
    result: dict[str, Any] = {"layer": layer, "n_lines": len(survey), "n_units": len(units)}
    number = settings.concepts
    if number == AUTO:
        number, result["agreement_by_number"] = best_number(units, settings.seed)
    found = factorise(units.activations, None if number is None else int(number), seed=settings.seed)
    measured = _measure(units, found, settings)
    result |= measured.pop("summary")
    strengths = found.strengths(units.activations)
    middle = len(survey) // 2
    line = survey.line(middle)
    patch = patch_size(network.layer(layer), (line.shape[0], line.shape[-1]))
    locations = strongest_patches(strengths, units.positions, survey, patch, settings.patches)
    classes = classes_of_inputs(network, survey.inputs())
    names = [network.classes[code] if network.classes else f"class {code}" for code in classes]
    arrays: dict[str, Any] = {
        "parts": (("concept", "part"), found.parts),
        "directions": (("concept", "channel"), found.directions),
        "patches": (_PATCH_DIMS, cut_patches(survey, locations, patch)),
    }
    if classes:
        effects = class_importance(survey.inputs(), layer, found, classes)
        arrays["importance"] = (("concept", "class"), effects, {"units": "logit"})
    if settings.dreams and not survey.is_cube:
        total = found.n_concepts
        dreamed = dream_concepts(
            network, layer, found.directions, line, percentile=settings.percentile, device=device,
            on_step=_counter(progress, "dreams", total * STEPS),
        )  # fmt: skip
        arrays["dreams"] = (("concept", "dream_row", "dream_column"), dreamed)
        natural = natural_shares(
            network, [Direction(layer, vector=one) for one in found.directions], survey.line, len(survey),
            dreamed.astype(np.float32) - 127.5, percentile=settings.percentile, device=device,
        )  # fmt: skip
        measured["natural"] = natural
    labelled = _labelled(survey.prepared, settings)
    if labelled is not None:
        precision = labelled.average_precision(found.strengths(labelled.activations))
        arrays["likeness"] = (("concept", "label"), precision, {"long_name": "average precision"})
        of_channels = mean_best(labelled.average_precision(labelled.activations))
        result["likeness"] = {"concepts": round(mean_best(precision), 4), "channels": round(of_channels, 4)}
    if settings.control:
        result["random"], random = _control(twins[0], of_twins[0], found.n_concepts, settings)
        if random is not None:
            locations_there = strongest_patches(
                random.strengths(of_twins[0].activations), of_twins[0].positions, survey, patch, settings.patches
            )
            arrays["random_patches"] = (_PATCH_DIMS, cut_patches(survey, locations_there, patch))
            arrays["random_map"] = _map(twins[0].network, layer, random, survey, settings)
    dataset = xr.Dataset(arrays).assign_coords(concept=np.arange(found.n_concepts))
    dataset["map"] = _map(network, layer, found, survey, settings)
    dataset = dataset.assign_coords({"class": names} if classes else {})
    if labelled is not None:
        dataset = dataset.assign_coords(label=list(labelled.masks))
    notes = _notes(found, survey, layer)
    provenance = make_provenance(
        kind="concepts", settings=settings, section=line, network=network, grey_mapping=survey.mapping(middle),
        result=result | {"is_signed": found.is_signed}, notes=notes,
    )  # fmt: skip
    if isinstance(data, str | os.PathLike):
        provenance["input"] |= {"source": os.fspath(data), "options": input_options or {}}
    elif isinstance(data, list | tuple):
        provenance["input"] |= {"source": None}
    share = (strengths.astype(np.float64) ** 2).sum(0)
    rows = _table(found, locations, patch, survey, share / max(share.sum(), 1e-12), measured, dataset)
    return ConceptResult(dataset, provenance | {"concepts": rows}, notes, line)


def open_concepts(concepts: ConceptResult | str | os.PathLike[str], network: Network | str) -> ConceptNetwork:
    """Return a network that maps concepts as others map classes; `seisdream.predict` takes it.

    Parameters
    ----------
    concepts : ConceptResult or path
        Of `seisdream.concepts`, or the folder that it was saved to.
    network : Network or str
        The network that they were found in.

    Raises
    ------
    SeisdreamError
        If the folder holds no concepts (``not-ours``), or they are of another network (``incompatible``).
    """
    network = as_network(network)
    if isinstance(concepts, ConceptResult):
        result, folder = concepts, None
        result.require_network(network)
    else:
        result, folder = load_concepts(concepts, network), os.fspath(concepts)
    known = result.provenance["result"]
    parts = np.asarray(result.dataset["parts"].values, np.float32)
    found = Factorisation(parts, bool(known["is_signed"]), float(known["explained"]))
    return ConceptNetwork(network, known["layer"], found, result.names, folder)


def _measure(units: Units, found: Factorisation, settings: ConceptSettings) -> dict[str, Any]:
    reproduced = reproducibility(units, found, settings.seed)
    summary = {"explained": round(found.explained, 4), "agreement_of_halves": round(reproduced.agreement, 4)}
    return {"summary": summary, "halves": reproduced.halves, "seeds": reproduced.seeds}


def _control(
    twin: PreparedNetwork, units: Units, n_concepts: int, settings: ConceptSettings
) -> tuple[dict[str, Any], Factorisation | None]:
    """Return the same measures of the network with random weights, and its concepts."""
    try:
        found = factorise(units.activations, n_concepts, seed=settings.seed)
        measured = _measure(units, found, settings)["summary"]
    except SeisdreamError as error:  # A layer of random weights may be silent.
        return {"problem": str(error)}, None
    if (labelled := _labelled(twin, settings)) is not None:
        precision = labelled.average_precision(found.strengths(labelled.activations))
        measured["likeness"] = round(mean_best(precision), 4)
    return measured, found


def _labelled(prepared: PreparedNetwork, settings: ConceptSettings) -> LabelledUnits | None:
    if settings.labels is None:
        return None
    return labelled_units(prepared, str(settings.layer), settings.labels, settings.labelled_sections)


def _map(network: Network, layer: str, found: Factorisation, survey: Survey, settings: ConceptSettings) -> xr.DataArray:
    """Return the strength of each concept at the units over the middle line, in the grey levels of the survey."""
    names = [str(number) for number in range(found.n_concepts)]
    of_concepts, middle = ConceptNetwork(network, layer, found, names), len(survey) // 2
    strengths = record_activations(
        survey.cube if survey.is_cube else survey.line(middle), of_concepts, layer, device=settings.device,
        mapping=survey.mapping(middle), around=survey.around(middle),
    )  # fmt: skip
    if survey.is_cube:
        strengths = strengths.isel(inline=strengths.sizes["inline"] // 2, drop=True)
    return strengths.rename(channel="concept").reset_coords(drop=True).assign_attrs({"units": "activation"})


def _table(
    found: Factorisation,
    locations: list[list[PatchLocation]],
    patch: tuple[int, int],
    survey: Survey,
    share: NDArray,
    measured: dict[str, Any],
    dataset: xr.Dataset,
) -> list[dict[str, Any]]:
    """Return what is known of each concept, ready for JSON; a user fills in the names."""
    rows = []
    for number in range(found.n_concepts):
        direction = found.directions[number]
        strongest = np.argsort(-np.abs(direction), kind="stable")[:_N_CHANNELS]
        row: dict[str, Any] = {
            "number": number,
            "name": "",
            "share": round(float(share[number]), 4),
            "halves": round(float(measured["halves"][number]), 3),
            "seeds": round(float(measured["seeds"][number]), 3),
            "channels": [[int(one), round(float(direction[one]), 3)] for one in strongest if direction[one]],
            "patches": [_describe(one, patch, survey) for one in locations[number]],
        }
        if "natural" in measured:
            row["natural"] = measured["natural"][number]
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


def _describe(location: PatchLocation, patch: tuple[int, int], survey: Survey) -> dict[str, Any]:
    """Return the line and the coordinates of a patch's middle, and the strength there."""
    middle = (location.row + patch[0] // 2, location.column + patch[1] // 2)
    coordinates = {
        dim: round(float(values[min(at, len(values) - 1)]), 3)
        for (dim, values), at in zip(survey.axes(location.line).items(), middle, strict=True)
    }
    return {"line": survey.names[location.line], **coordinates, "strength": round(location.value, 4)}


def _notes(found: Factorisation, survey: Survey, layer: str) -> list[str]:
    notes = list(survey.network.notes)
    if found.is_signed:
        notes.append(
            f"Activations of '{layer}' are negative in places: its positive and its negative parts were factorised as "
            "channels of their own."
        )
    return notes


def _counter(progress: Progress, step: str, total: int) -> Callable[[int], None]:
    done = [0]

    def count(n: int) -> None:
        done[0] += n
        progress(step, min(done[0], total), total)

    return count
