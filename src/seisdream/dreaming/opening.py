"""From the words of a recipe to a dream that is ready to run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import xarray as xr

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.evaluator import open_networks
from seisdream.dreaming.objectives.parser import parse_objective
from seisdream.dreaming.objectives.terms import Objective
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.io.inputs import open_section
from seisdream.io.masks import open_mask
from seisdream.io.noise import PREFIX as NOISE
from seisdream.models.network import Network, Preprocessing
from seisdream.models.registry import load_network
from seisdream.seismic.sections import check_section


def open_network(
    name: str, weights: str | None = None, options: dict[str, Any] | None = None, *, trust_code: bool = True
) -> Network:
    """Load a network from plain words.

    Parameters
    ----------
    name : str
        As `seisdream networks` lists it, or ``package.module:factory``.
    weights : str, optional
        File of weights.
    options : dict, optional
        ``classes`` (a file), and what the network's input is where it does not say so itself: ``order``, ``scale``,
        ``mean``, ``std`` of `Preprocessing`.
    trust_code : bool, default True
        As for `load_network`: False where the name comes from a file.
    """
    options = dict(options or {})
    classes = options.pop("classes", None)
    if options and "order" not in options:
        raise SeisdreamError(
            f"Got {', '.join('--input-' + name for name in options)} without --input-order; state grey, rgb or bgr too."
        )
    preprocessing = Preprocessing(**options) if options else None
    return load_network(name, weights=weights, preprocessing=preprocessing, classes=classes, trust_code=trust_code)


def dream_from_recipe(
    recipe: DreamSettings, *, objective: Objective | None = None, trusted: Collection[str] | None = None
) -> Dream:
    """Open what a recipe names and return the dream, ready to run.

    Parameters
    ----------
    recipe : Recipe
        With an input and a network.
    objective : Objective, optional
        Instead of the recipe's layer.
    trusted : collection of str, optional
        Networks that may be Python code (``package.module:factory``), where the recipe comes from a file. By default
        all may be, because the user wrote the recipe.

    Raises
    ------
    SeisdreamError
        If the input, network, guide, survey or mask cannot be opened, or they do not fit together.
    """
    if recipe.input is None or recipe.network is None:
        raise SeisdreamError("The recipe names no input or no network; both are needed to run it.")
    options = dict(recipe.input_options)
    if recipe.input.startswith(NOISE):
        options.setdefault("seed", recipe.seed)
    section = open_section(recipe.input, **options)
    network = open_network(
        recipe.network, recipe.weights, recipe.network_options, trust_code=trusted is None or recipe.network in trusted
    )
    networks = None
    if trusted is not None and recipe.layer:
        networks = open_networks(parse_objective(recipe.layer), network, trusted=trusted)
    guide = _open_beside(recipe.guide, "guide") if recipe.guide else None
    survey = _open_beside(recipe.survey, "survey") if recipe.survey else None
    mask = open_mask(recipe.mask, section) if recipe.mask else None
    where = open_mask(recipe.where, section, option="objective_mask") if recipe.where else None
    return Dream(
        section,
        network,
        recipe,
        objective=objective,
        guide=guide,
        mask=mask,
        where=where,
        survey=survey,
        networks=networks,
    )


def _open_beside(name: str, option: str) -> xr.DataArray:
    """Open a section that goes along with the input; an error says which of them it is."""
    try:
        section = open_section(name)
        check_section(section)
    except SeisdreamError as error:
        raise SeisdreamError(f"The {option} cannot be used (--{option} {name}): {error}") from error
    return section
