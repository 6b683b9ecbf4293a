"""A network's responses to a section as maps: its activation, and the change that a dream makes."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Channel, Layer, Neuron, Term, bind_objective, layers_of
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.survey import SurveyPart
from seisdream.errors import SeisdreamError
from seisdream.inference.cubes import cube_input
from seisdream.inference.network_input import network_input
from seisdream.inference.surroundings import Surroundings
from seisdream.inference.unit_grid import UnitGrid
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.seismic.cubes import DIMS as CUBE_DIMS
from seisdream.seismic.sections import GreyMapping, is_colour, make_section

_GREY_LEVELS = (0.0, 255.0)
_AS_IT_IS = GreyMapping(*_GREY_LEVELS)


def to_grey_section(section: xr.DataArray, mapping: GreyMapping) -> xr.DataArray:
    """Return a section as an image in grey levels, so that all networks receive it and its surrogates at one gain.

    A cube ``(time, inline, crossline)`` stays one, and is mid-grey where samples are absent.
    """
    grey = mapping.to_grey(section.values)
    if section.dims == CUBE_DIMS:
        values = np.nan_to_num(grey, nan=float(np.mean(_GREY_LEVELS))).astype(np.float32)
        return xr.DataArray(values, section.coords, section.dims, attrs={"value_range": _GREY_LEVELS})
    return make_section(grey, dims=[str(dim) for dim in section.dims], value_range=_GREY_LEVELS)


class ResponseMap:
    """Maps of one network's responses, for one objective and many sections or cubes.

    Parameters
    ----------
    network : Network
        The network.
    settings : DreamSettings
        Of the dreams; `layer` is the objective.
    around : Surroundings, optional
        The volume that cubes are blocks of, in grey levels; its statistics normalise them.

    Raises
    ------
    SeisdreamError
        If a layer has no positions, or the objective is not a sum of whole layers, channels and classes
        (``not-supported``).
    """

    def __init__(self, network: Network, settings: DreamSettings, around: Surroundings | None = None):
        self.network, self.settings, self._around = network, settings, around
        self._terms = bind_objective(parse(settings.layer or ""), network)
        for term in self._terms:
            if not isinstance(term, Layer | Channel) or isinstance(term, Neuron):
                raise SeisdreamError(
                    f"'{term}' in '{settings.layer}' has no response at each position of a section; use layers, "
                    "channels, classes and sums of them.",
                    code="not-supported",
                    option="layer",
                )
            if not network.layer(term.layer).has_positions:
                raise SeisdreamError(
                    f"'{term.layer}' of {network.name} has no positions, so there is no map of it; use an earlier "
                    f"layer (seisdream layers {network.name}).",
                    code="not-supported",
                    option="layer",
                )
        self._device = resolve_device(settings.device, network)
        self._prepared = PreparedNetwork(network, self._device, "float32")

    def activation(self, section: xr.DataArray) -> NDArray:
        """Return the activation at each sample of a grey section or cube, linear between units.

        Of a layer it is the mean square over its channels, of a channel or class its value; the objective is the mean
        of this map.
        """
        is_cube = section.dims == CUBE_DIMS
        prepared, image = (
            self._cube_input(section)
            if is_cube
            else network_input(self._prepared, section, _AS_IT_IS, device=self._device)
        )
        image = self.network.preprocessing.clip(image) if self.settings.clip else image
        with torch.no_grad():
            recorded = prepared.record(image, layers_of(self._terms))
        size = tuple(section.shape[: 3 if is_cube else 2])
        total = np.zeros(size)
        for term in self._terms:
            units = _response(term, recorded[term.layer]).cpu().double()
            grid = UnitGrid.of(self.network.layer(term.layer), tuple(units.shape), size)
            total += term.weight * grid.to_samples(units, size).numpy()
        return total

    def dream_change(self, section: xr.DataArray, seed: int) -> NDArray:
        """Return the change that a dream makes, in grey levels; in colour the mean over colours."""
        survey = SurveyPart(around=self._around)
        dream = Dream(section, self.network, settings=self.settings, seed=seed, survey=survey).run()
        change = np.nan_to_num(dream.section.values - section.values)
        return change.mean(axis=-1) if is_colour(section) else change

    def _cube_input(self, cube: xr.DataArray) -> tuple[PreparedNetwork, torch.Tensor]:
        """Return the network with the statistics of the volume, and a cube as an image."""
        statistics = None if self._around is None else self._around.statistics
        is_present = np.ones(cube.shape, bool)
        return cube_input(self._prepared, cube, is_present, _AS_IT_IS, statistics=statistics, device=self._device)


def _response(term: Term, activations: torch.Tensor) -> torch.Tensor:
    """Return the response of each unit, ``(row, column)`` or of a cube, whose mean is the term."""
    if isinstance(term, Channel):
        return activations[0, term.channel].float()
    return activations[0].float().square().mean(dim=0)
