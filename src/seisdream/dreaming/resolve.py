"""What a recipe leaves open, settled for one section and one network; and whether the two fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from scipy.ndimage import distance_transform_cdt

from seisdream.dreaming.evaluator import BoundObjective, group_by_network
from seisdream.dreaming.objectives.feature_matching import PairedActivationTerm, StatefulTerm
from seisdream.dreaming.objectives.parser import parse_objective
from seisdream.dreaming.objectives.terms import Layer, Neuron, Objective, Term, bind_objective
from seisdream.dreaming.octaves import check_octaves, most_octaves, octave_sizes
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.tiled_gradient import check_tiles
from seisdream.errors import SeisdreamError
from seisdream.inference.tiling import AUTO_TILE_SIZE, AUTO_TILE_THRESHOLD, Halo, receptive_halo
from seisdream.models.network import Network
from seisdream.models.prepared import resolve_device, resolve_precision
from seisdream.seismic.sections import is_picture


def resolve_settings(
    recipe: DreamSettings,
    section: xr.DataArray,
    network: Network,
    objective: Objective | None,
    notes: list[str],
    others: Mapping[str, Network] | None = None,
) -> tuple[DreamSettings, Objective]:
    """Settle what a recipe leaves open, and read the objective.

    Parameters
    ----------
    recipe, section, network
        What is to be dreamed.
    objective : Objective or None
        Used instead of the recipe's words.
    notes : list of str
        Gets a sentence for each default that this section forces to be another than usual.
    others : mapping of Network, optional
        Further networks that the objective names.

    Returns
    -------
    Recipe, Objective
        The recipe without a None that matters, and its objective.
    """
    size = (section.shape[0], section.shape[1])
    layer = recipe.layer
    if objective is not None and layer is not None:
        raise SeisdreamError(f"Got an objective and the layer '{layer}'; give one of them.")
    if objective is None and layer is None:
        layer = deepest_fitting_layer(network, size, network.default_layer) or network.default_layer
        if layer != network.default_layer:
            field = network.layer(network.default_layer).receptive_field
            sees = f", whose units see {field[0]} × {field[1]}" if field else ""
            notes.append(
                f"The section is {size[0]} × {size[1]}: dreaming at '{layer}', not '{network.default_layer}'{sees}. "
                "Shallow layers draw textures, so expect little."
            )
    objective = objective or parse_objective(layer or "")
    others = others or {}
    asked = group_by_network(bind_objective(objective, network, others), network, others)
    if not asked:
        raise SeisdreamError(
            f"The objective '{objective}' asks nothing of the network; add a layer, a channel or a class (--layer)."
        )
    octaves = recipe.octaves
    if octaves is None:
        octaves = most_octaves(size, 4, recipe.octave_scales, smallest_octave(asked))
        if octaves < 4:
            notes.append(f"The section is {size[0]} × {size[1]}: {octaves} octaves, not 4.")
    has_geometry = not is_picture(section) and section.dims[0] != "row"
    # What has a spectrum or a wavelet cannot be enlarged.
    is_of_pixels = recipe.parameterization == "pixel" and not recipe.kept
    device = resolve_device(recipe.device)
    settled = replace(
        recipe,
        layer=str(objective),
        octaves=octaves,
        edges=recipe.edges or ("wrap" if is_picture(section) else "mirror"),
        zoom=recipe.zoom if recipe.zoom is not None else 0.05 if is_of_pixels and not has_geometry else 0.0,
        precision=resolve_precision(recipe.precision, device),
        device=device,
    )
    return settled, objective


def resolve_tiling(
    recipe: DreamSettings, section: xr.DataArray, asked: Sequence[BoundObjective], notes: list[str]
) -> tuple[DreamSettings, tuple[Halo | None, ...]]:
    """Settle whether to dream in tiles: where asked, or where the section is large and tiles equal the whole.

    Raises
    ------
    SeisdreamError
        If tiles were asked for and would not give the gradient of the whole.
    """
    size = (section.shape[0], section.shape[1])
    tile = recipe.tile
    if tile is None:
        tile = AUTO_TILE_SIZE if size[0] * size[1] > AUTO_TILE_THRESHOLD else 0
    if not tile:
        return replace(recipe, tile=0), (None,) * len(asked)
    sizes = octave_sizes(size, recipe.octaves or 1, recipe.octave_scales)
    try:
        reaches = tuple(receptive_halo(one.network, one.layers) for one in asked)
        for one, reach in zip(asked, reaches, strict=True):
            check_tiles(one.network, one.layers, [size for size in sizes if max(size) > tile], reach)
    except SeisdreamError as error:
        if recipe.tile is not None:
            raise
        notes.append(f"{error} Dreaming on the whole section at once.")
        return replace(recipe, tile=0), (None,) * len(asked)
    return replace(recipe, tile=tile), reaches


def smallest_octave(asked: Sequence[BoundObjective]) -> tuple[int, int]:
    """Return how small an octave may get: one stride of the coarsest layer."""
    strides = [one.network.layer(layer).stride or (1, 1) for one in asked for layer in one.layers]
    return max(round(rows) for rows, _ in strides), max(round(columns) for _, columns in strides)


def deepest_fitting_layer(network: Network, size: tuple[int, ...], limit: str) -> str | None:
    """Return a layer, or where the section is too small for it the deepest before it whose units fit."""
    names = list(network.layers)
    for name in names[names.index(limit) :: -1]:
        field = network.layers[name].receptive_field
        if field is not None and field[0] <= size[0] and field[1] <= size[1]:
            return name
    return None


def check_size(recipe: DreamSettings, section: xr.DataArray, network: Network, layers: tuple[str, ...]) -> None:
    """Raise `SeisdreamError` where a section is too small for a layer's receptive field or for the octaves.

    Smaller octaves than the receptive field are the rule (the original's smallest is 169 × 346 for a field of
    299), but a whole section that no unit sees without blank margins is more likely a mistake.
    """
    size = (section.shape[0], section.shape[1])
    for layer in layers:
        field = network.layer(layer).receptive_field
        if field is not None and not recipe.allow_small and (size[0] < field[0] or size[1] < field[1]):
            fitting = deepest_fitting_layer(network, size, layer)
            raise SeisdreamError(
                f"The section is {size[0]} × {size[1]}, smaller than what one unit of '{layer}' in {network.name} sees "
                f"({field[0]} × {field[1]}); "
                + (f"choose a shallower layer (up to --layer {fitting}), " if fitting else "choose ")
                + "a larger section, or let units see the blank beyond its edges with --allow-small."
            )
    smallest = smallest_octave([BoundObjective("", network, tuple(Layer(layer) for layer in layers))])
    check_octaves(size, recipe.octaves or 1, recipe.octave_scales, smallest)


def check_region(
    recipe: DreamSettings, asked: Sequence[BoundObjective], free: np.ndarray | None, counts: np.ndarray | None
) -> None:
    """Raise `SeisdreamError` where what may change lies beyond what the units that count see, in every octave.

    Parameters
    ----------
    recipe, asked
        Of the dream.
    free, counts : array or None
        ``(time, trace)``, not 0 where samples may change, and where the objective counts.
    """
    fields = [one.network.layer(layer).receptive_field for one in asked for layer in one.layers]
    if free is None or counts is None or not free.any() or None in fields:
        return
    away = np.asarray(distance_transform_cdt(counts == 0, metric="chessboard"))[free > 0].min()
    coarsest = max(recipe.octave_scales) ** ((recipe.octaves or 1) - 1)
    # Half a field to each side, in samples of the coarsest octave, and as much again for what resizing spreads.
    seen = max(max(field) for field in fields if field) * coarsest
    if away > seen:
        raise SeisdreamError(
            f"What may change lies {away} samples or more from where the objective counts, and its units see at most "
            f"{math.ceil(seen)} there, so nothing would change; bring the two nearer (--mask, --where), or take a "
            "deeper layer."
        )


def check_objective(
    asked: Sequence[BoundObjective], section: xr.DataArray, guide: xr.DataArray | None, *, has_region: bool
) -> None:
    """Raise `SeisdreamError` where what is asked does not go with the section, the guide or the region."""
    terms = [term for one in asked for term in one.terms]
    if guide is not None and not any(isinstance(term, Layer | StatefulTerm) for term in terms):
        raise SeisdreamError(
            f"A guide needs whole layers; '{terms[0]}' is not one (write LAYER alone, or caricature:LAYER, "
            "inversion:LAYER or style:LAYER)."
        )
    for term in terms:
        if isinstance(term, PairedActivationTerm) and guide is not None and guide.shape[:2] != section.shape[:2]:
            raise SeisdreamError(
                f"'{term}' compares with the guide position by position, but the guide is {guide.shape[0]} × "
                f"{guide.shape[1]} and the section {section.shape[0]} × {section.shape[1]}; give both alike (--guide)."
            )
        if isinstance(term, Neuron) and term.at is not None and not _is_inside(term.at, section):
            raise SeisdreamError(
                f"'{term}' lies outside the section of {section.shape[0]} × {section.shape[1]}; samples are counted "
                f"0 to {section.shape[0] - 1} and traces 0 to {section.shape[1] - 1}."
            )
    is_compared = any(one.name for one in asked)
    for one in asked:
        for term in one.terms:
            has_scores = type(term).scores is not Term.scores
            if is_compared and not (has_scores or isinstance(term, StatefulTerm)):
                raise SeisdreamError(
                    f"'{term}' says nothing of single positions; networks are compared by what they say there."
                )
            if not has_region:
                continue
            if isinstance(term, Neuron) or not has_scores or not one.network.layer(term.layer).has_positions:
                raise SeisdreamError(
                    f"'{term}' has no score of its own at each position, so it cannot be asked for in a region alone; "
                    "leave out --where, or ask for a layer, a channel or a class that has (seisdream layers "
                    f"{one.network.name})."
                )


def _is_inside(at: tuple[int, int], section: xr.DataArray) -> bool:
    return all(0 <= place < n_samples for place, n_samples in zip(at, section.shape[:2], strict=True))
