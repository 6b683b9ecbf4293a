"""What does not go together in a dream: each check refuses one kind of misfit, and names the argument."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr
from scipy.ndimage import distance_transform_cdt

from seisdream.dreaming.objectives.binding import BoundObjective
from seisdream.dreaming.objectives.feature_matching import PairedActivationTerm, StatefulTerm
from seisdream.dreaming.objectives.terms import Layer, Neuron, Term
from seisdream.dreaming.schedule import check_octaves, n_fitting_octaves
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.seismic.sections import check_section

_PLURAL = {"section": "sections", "variants": "variants", "cube": "cubes", "volume": "whole volumes"}
ARRAYS_FOR_CUBES = ("mask", "objective_mask", "reference_section")
"""Settings that name files of sections, so that cubes refuse them; as arguments in Python they may be cubes."""


def refuse_unsupported(settings: DreamSettings, kind: str) -> None:
    """Raise `SeisdreamError` (``not-supported``) for the first setting that does not work for a kind of input.

    Parameters
    ----------
    settings : DreamSettings
        Those that differ from their defaults count; 0 and False count as not given.
    kind : {"section", "variants", "cube", "volume"}
        What is dreamed on.
    """
    for one in settings.declared():
        value = getattr(settings, one.name)
        if kind in one.declared.unsupported and value != one.default and value:
            raise _unsupported(one.name, kind)


def check_input(section: xr.DataArray, network: Network, guide: xr.DataArray | None, kind: str) -> None:
    """Raise `SeisdreamError` where a network is for another kind of input, or a guide cannot be used."""
    if guide is not None:
        if kind == "cube":
            raise _unsupported("guide", kind)
        check_section(guide)
    if network.n_spatial_dims != (3 if kind == "cube" else 2):
        raise SeisdreamError(
            f"{network.name} is a network for {'cubes' if network.n_spatial_dims == 3 else 'sections'}, but the input "
            f"is a {'cube' if kind == 'cube' else 'section'} of shape {section.shape}. Use a whole volume "
            "(in Python: `seisdream.open_volume`) for a 3-D network, and a section for a 2-D network.",
            code="incompatible",
            option="network",
        )


def check_size(settings: DreamSettings, section: xr.DataArray, objective: BoundObjective) -> None:
    """Raise `SeisdreamError` where a section is too small for a layer's receptive field or for the octaves.

    Octaves smaller than the receptive field are normal (the original's smallest is 169 × 346 for a field of 299), but
    a whole section smaller than that is probably a mistake.
    """
    size, network = (section.shape[0], section.shape[1]), objective.network
    for layer in objective.layers:
        field = network.layer(layer).receptive_field
        if field is not None and not settings.allow_undersized and (size[0] < field[0] or size[1] < field[1]):
            fitting = deepest_fitting_layer(network, size, layer)
            raise SeisdreamError(
                f"The section is {size[0]} × {size[1]}, smaller than the receptive field of '{layer}' in "
                f"{network.name} ({field[0]} × {field[1]}); "
                + (f"use a shallower layer (up to {fitting}) or " if fitting else "use ")
                + "a larger section. Dreams can also be given `allow_undersized`.",
                code="too-small",
                option="layer",
            )
    smallest = smallest_octave([[objective]], is_cube=False)
    check_octaves(size, settings.octaves or 1, settings.octave_scales, smallest)


def check_objective(
    terms: Sequence[Term],
    bound: Sequence[BoundObjective],
    section: xr.DataArray,
    guide: xr.DataArray | None,
    kind: str,
    *,
    has_region: bool,
) -> None:
    """Raise `SeisdreamError` where terms are incompatible with the input, the guide or the region."""
    of_layers = [term for one in bound for term in one.terms]
    for term in terms if kind == "cube" else ():
        if not term.supports_cubes:
            raise SeisdreamError(
                f"'{term}' does not work for cubes; use a layer, a channel, a class or a direction.",
                code="not-supported",
                option="layer",
            )
    if guide is not None and not any(isinstance(term, Layer | StatefulTerm) for term in of_layers):
        raise SeisdreamError(
            f"A guide needs whole layers; '{of_layers[0]}' is not one (use LAYER, caricature:LAYER, inversion:LAYER or "
            "style:LAYER).",
            code="incompatible",
            option="guide",
        )
    for term in of_layers:
        if isinstance(term, PairedActivationTerm) and guide is not None and guide.shape[:2] != section.shape[:2]:
            raise SeisdreamError(
                f"'{term}' compares with the guide position by position, but the guide is {guide.shape[0]} × "
                f"{guide.shape[1]} and the section {section.shape[0]} × {section.shape[1]}; use a guide of the same "
                "size.",
                code="wrong-shape",
                option="guide",
            )
        if isinstance(term, Neuron) and term.at is not None and not _is_inside(term.at, section):
            raise SeisdreamError(
                f"'{term}' lies outside the section of {section.shape[0]} × {section.shape[1]}; samples are counted "
                f"0 to {section.shape[0] - 1} and traces 0 to {section.shape[1] - 1}.",
                code="out-of-range",
                option="layer",
            )
    is_compared = any(one.name for one in bound)
    for one in bound:
        for term in one.terms:
            if is_compared and not (term.has_scores or isinstance(term, StatefulTerm)):
                raise SeisdreamError(
                    f"'{term}' has no score at each position, and networks are compared by those; use a layer, a "
                    "channel or a class.",
                    code="incompatible",
                    option="layer",
                )
            if not has_region:
                continue
            if isinstance(term, Neuron) or not term.has_scores or not one.network.layer(term.layer).has_positions:
                raise SeisdreamError(
                    f"'{term}' has no score at each position, so it cannot be restricted to a region; leave out "
                    "`objective_mask`, or use a layer, a channel or a class that has positions (seisdream layers "
                    f"{one.network.name}).",
                    code="incompatible",
                    option="objective_mask",
                )


def _is_inside(at: tuple[int, int], section: xr.DataArray) -> bool:
    return all(0 <= number < n_samples for number, n_samples in zip(at, section.shape[:2], strict=True))


def check_regions(
    settings: DreamSettings,
    bound: Sequence[BoundObjective],
    mask: np.ndarray | None,
    objective_mask: np.ndarray | None,
) -> None:
    """Raise `SeisdreamError` where no sample that may change is in a receptive field of the region that counts."""
    fields = [one.network.layer(layer).receptive_field for one in bound for layer in one.layers]
    if mask is None or objective_mask is None or not mask.any() or None in fields:
        return
    away = np.asarray(distance_transform_cdt(objective_mask == 0, metric="chessboard"))[mask > 0].min()
    coarsest = max(settings.octave_scales) ** ((settings.octaves or 1) - 1)
    # Half a field to each side, in samples of the coarsest octave, and as much again for what resizing spreads.
    reach = max(max(field) for field in fields if field) * coarsest
    if away > reach:
        raise SeisdreamError(
            f"The samples that may change are {away} samples or more from the region in which the objective counts, "
            f"and receptive fields reach at most {math.ceil(reach)}, so nothing would change; move `mask` and "
            "`objective_mask` closer together, or use a deeper layer.",
            code="no-gradient",
            option="objective_mask",
        )


def deepest_fitting_layer(network: Network, size: tuple[int, ...], limit: str) -> str | None:
    """Return a layer, or the deepest one before it whose receptive field fits the section."""
    names = list(network.layers)
    for name in names[names.index(limit) :: -1]:
        field = network.layers[name].receptive_field
        if field is not None and field[0] <= size[0] and field[1] <= size[1]:
            return name
    return None


def smallest_octave(bound: Sequence[Sequence[BoundObjective]], *, is_cube: bool) -> tuple[int, ...]:
    """Return how small an octave may get: one stride of the coarsest layer."""
    if is_cube:
        return (1, 1, 1)
    layers = {(one.network, layer) for dream in bound for one in dream for layer in one.layers}
    strides = [network.layer(layer).stride or (1, 1) for network, layer in layers]
    return max(round(rows) for rows, _ in strides), max(round(columns) for _, columns in strides)


def n_octaves_for(section: xr.DataArray, networks: Iterable[Network], most: int) -> int:
    """Return how many octaves, 1 to `most`, a section is large enough for at every stage of the networks."""
    strides = [network.layer(stage).stride or (1, 1) for network in networks for stage in network.stages]
    rows, columns = (max((round(stride[axis]) for stride in strides), default=1) for axis in (0, 1))
    scales = DreamSettings().octave_scales
    return n_fitting_octaves((section.shape[0], section.shape[1]), most, scales, (rows, columns))


def _unsupported(name: str, kind: str) -> SeisdreamError:
    array = ", or in Python pass an array to `seisdream.dream`" if kind == "cube" and name in ARRAYS_FOR_CUBES else ""
    return SeisdreamError(
        f"`{name}` does not work for {_PLURAL[kind]}; leave it out{array}.", code="not-supported", option=name
    )
