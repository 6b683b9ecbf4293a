"""Several dreams of one recipe side by side, a step of each in turn, so that they can be made unlike one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import xarray as xr

from seisdream.dreaming.dream import Dream, DreamState
from seisdream.dreaming.objectives.feature_matching import Diversity, DreamBatch
from seisdream.dreaming.objectives.parser import parse_objective
from seisdream.dreaming.objectives.terms import Objective, Sum
from seisdream.dreaming.opening import dream_from_recipe
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.registry import load_network
from seisdream.seismic.sections import make_section


class Variants:
    """Dreams that differ in their seeds, and by what their objective says of their diversity.

    Parameters
    ----------
    dreams : sequence of Dream
        Two or more, none of which has begun.
    company : Company
        That of their objective, as `in_company` returned it.

    Attributes
    ----------
    dreams : tuple of Dream
        Each is whole when `states` has run to its end.
    """

    def __init__(self, dreams: Sequence[Dream], company: DreamBatch):
        self.dreams, self._company = tuple(dreams), company

    @property
    def n_states(self) -> int:
        """How many states there will be, of all dreams together."""
        return sum(dream.n_states for dream in self.dreams)

    def states(self) -> Iterator[tuple[Dream, DreamState]]:
        """Dream, and yield after every step which dream took it and its state."""
        running = [dream.states() for dream in self.dreams]
        for _ in range(self.dreams[0].n_states):
            for turn, states in enumerate(running):
                self._company.turn = turn
                yield self.dreams[turn], next(states)
        if not self.n_states:  # A dream without a step is its start.
            for states in running:
                next(states, None)


def in_company(objective: Objective, n_dreams: int) -> tuple[Objective, DreamBatch]:
    """Return an objective for several dreams, and the company in which they will be.

    Raises
    ------
    SeisdreamError
        If there are fewer than two.
    """
    company = _company_of(n_dreams)
    terms = (replace(term, company=company) if isinstance(term, Diversity) else term for term in objective.terms())
    return Sum(tuple(terms)), company


def _company_of(n_dreams: int) -> DreamBatch:
    if n_dreams < 2:
        raise SeisdreamError(f"Variants are two dreams or more; got {n_dreams} (--variants).")
    return DreamBatch(n_dreams)


def variants_from_recipe(recipe: DreamSettings, n_dreams: int) -> Variants:
    """Open what a recipe names and return its variants, ready to run; their seeds count up from the recipe's."""
    company, objective = _company_of(n_dreams), None
    if recipe.layer is not None:
        objective, company = in_company(parse_objective(recipe.layer), n_dreams)
        recipe = replace(recipe, layer=None)
    dreams = [
        dream_from_recipe(replace(recipe, seed=recipe.seed + number), objective=objective) for number in range(n_dreams)
    ]
    return Variants(dreams, company)


def dream_variants(
    section: xr.DataArray | Sequence[xr.DataArray],
    network: Network | str,
    layer: str | None = None,
    *,
    n_dreams: int = 4,
    objective: Objective | None = None,
    **settings: Any,
) -> list[xr.DataArray]:
    """Dream several times on a section, differently each time.

    Parameters
    ----------
    section : DataArray, or a sequence of one for each dream
        ``(time, trace)`` amplitudes or a picture.
    network : Network or str
        A loaded network, or the name of one.
    layer : str, optional
        The objective in the little language, such as ``enc4:12 + 0.5*diversity:enc4``.
    n_dreams : int, default 4
        How many; their seeds count up from the setting ``seed``.
    objective : Objective, optional
        Composed in Python, instead of `layer`.
    **settings
        Any setting of `DreamSettings`.

    Returns
    -------
    list of DataArray
        In the section's own units.

    Examples
    --------
    >>> import seisdream
    >>> section = seisdream.open_section("sample:built-in").sel(time=slice(400, 700), trace=slice(200, 300))
    >>> objective = "stage2/rectified:3 + 0.5*diversity:stage2/rectified"
    >>> one, other = dream_variants(section, "gabor", objective, n_dreams=2, octaves=1, steps=2)
    >>> bool((one == other).all())
    False
    """
    if not isinstance(network, Network):
        network = load_network(network)
    company, asked = _company_of(n_dreams), objective or (None if layer is None else parse_objective(layer))
    if asked is not None:
        asked, company = in_company(asked, n_dreams)
    sections = [section] * n_dreams if isinstance(section, xr.DataArray) else list(section)
    if len(sections) != n_dreams:
        raise SeisdreamError(f"Got {len(sections)} sections for {n_dreams} dreams; give one, or one for each.")
    sections = [make_section(one) for one in sections]
    recipe = DreamSettings.from_dict(settings)
    variants = Variants(
        [
            Dream(one, network, replace(recipe, seed=recipe.seed + number), objective=asked)
            for number, one in enumerate(sections)
        ],
        company,
    )
    for _ in variants.states():
        pass
    return [dream.section for dream in variants.dreams]
