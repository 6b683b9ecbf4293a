"""Many small dreams at once, such as of all channels of a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.terms import Objective
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork

BATCH = 32
"""How many small dreams go through a network at once: enough to keep it busy, few enough for a cache."""


def dream_batch(
    sections: Sequence[xr.DataArray],
    network: Network,
    objectives: Sequence[Objective],
    *,
    settings: DreamSettings | None = None,
    seeds: Sequence[int] | None = None,
    objective_mask: np.ndarray | None = None,
    reference_section: xr.DataArray | None = None,
    prepared: PreparedNetwork | None = None,
    on_step: Callable[[int], None] = lambda n_dreams: None,
) -> np.ndarray:
    """Dream of many objectives, in batches; channels or directions of one layer share a forward pass.

    Parameters
    ----------
    sections : sequence of DataArray
        ``(time, trace)``, all of one size; the same one may be repeated.
    network : Network
        From `load_network`.
    objectives : sequence of Objective
        One for each section, such as the channels of a layer.
    settings : DreamSettings, optional
        Of all dreams.
    seeds : sequence of int, optional
        One for each section; by default the settings' for all.
    objective_mask, reference_section, prepared
        As for `Dream`.
    on_step : callable, optional
        Called after each step with the number of dreams that took it.

    Returns
    -------
    array
        float32 ``(dream, time, trace)`` in the sections' own units.

    Raises
    ------
    SeisdreamError
        If there is not one objective and one seed for each section (``wrong-shape``), and as for `Dream`.
    """
    settings = settings or DreamSettings()
    seeds = [settings.seed] * len(sections) if seeds is None else seeds
    if not sections or not len(sections) == len(objectives) == len(seeds):
        raise SeisdreamError(
            f"Each dream needs a section, an objective and a seed; got {len(sections)} sections, {len(objectives)} "
            f"objectives and {len(seeds)} seeds.",
            code="wrong-shape",
        )
    dreamed = []
    for first in range(0, len(sections), BATCH):
        part = slice(first, first + BATCH)
        run = Dream(
            sections[part],
            network,
            objectives=objectives[part],
            seeds=seeds[part],
            settings=settings,
            objective_mask=objective_mask,
            reference_section=reference_section,
            prepared=prepared,
        )
        for state in run.states():
            on_step(len(state.scores))
        dreamed += [run.dreamed(number).values for number in range(len(sections[part]))]
    return np.stack(dreamed)
