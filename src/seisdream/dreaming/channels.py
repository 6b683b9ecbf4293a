"""Many small dreams at once, such as of all channels of a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.terms import Channel, Objective
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork

BATCH = 32
"""How many small dreams go through a network at once: enough to keep it busy, few enough for a cache."""


def dream_channels(
    sections: Sequence[xr.DataArray],
    network: Network,
    layer: str,
    channels: Sequence[int],
    *,
    settings: DreamSettings | None = None,
    seeds: Sequence[int] | None = None,
    reference_section: xr.DataArray | None = None,
    prepared: PreparedNetwork | None = None,
    on_step: Callable[[int], None] = lambda n_dreams: None,
) -> np.ndarray:
    """Dream of many channels of one layer, in batches.

    Parameters
    ----------
    sections : sequence of DataArray
        ``(time, trace)``, all of one size; the same one may be repeated.
    network : Network
        From `load_network`.
    layer : str
        One of its layers; of its class layer, the channels are the classes.
    channels : sequence of int
        One for each section.
    settings : DreamSettings, optional
        Of all dreams.
    seeds : sequence of int, optional
        One for each section; by default the settings' for all.
    reference_section, prepared
        As for `Dream`.
    on_step : callable, optional
        Called after each step with the number of dreams that took it.

    Returns
    -------
    array
        float32 ``(dream, time, trace)`` in the sections' own units.
    """
    objectives = [Channel(layer, channel) for channel in channels]
    return dream_objectives(
        sections, network, objectives, settings=settings, seeds=seeds, reference_section=reference_section,
        prepared=prepared, on_step=on_step,
    )  # fmt: skip


def dream_objectives(
    sections: Sequence[xr.DataArray],
    network: Network,
    objectives: Sequence[Objective],
    *,
    settings: DreamSettings | None = None,
    seeds: Sequence[int] | None = None,
    reference_section: xr.DataArray | None = None,
    prepared: PreparedNetwork | None = None,
    on_step: Callable[[int], None] = lambda n_dreams: None,
) -> np.ndarray:
    """Dream of many objectives, in batches; parameters and result are those of `dream_channels`.

    Parameters
    ----------
    sections, network, settings, seeds, reference_section, prepared, on_step
        As for `dream_channels`.
    objectives : sequence of Objective
        One for each section.
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
            reference_section=reference_section,
            prepared=prepared,
        )
        for state in run.states():
            on_step(len(state.scores))
        dreamed += [run.dreamed(number).values for number in range(len(sections[part]))]
    return np.stack(dreamed)
