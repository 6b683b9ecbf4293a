"""What a network makes of a section, as maps: how much it fires, and what it changes in a dream."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.controls.significance import interpolate
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Channel, Layer, Neuron, Term, bind_objective, layers_of
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import to_image_tensor
from seisdream.models.network import Network
from seisdream.models.prepared import resolve_device
from seisdream.seismic.sections import GreyMapping, fill_absent, make_section

_GREY_LEVELS = (0.0, 255.0)


def as_seen(section: xr.DataArray, mapping: GreyMapping) -> xr.DataArray:
    """Return a section as a picture in grey levels, so that all networks look at all of them through one gain."""
    return make_section(
        mapping.to_grey(section.values), dims=[str(dim) for dim in section.dims], value_range=_GREY_LEVELS
    )


class ResponseMap:
    """A network that is asked one thing of many sections.

    Parameters
    ----------
    network : Network
        From `seisdream.load_network`.
    recipe : Recipe
        Of the dreams; its layer is what is asked, its device where.

    Raises
    ------
    SeisdreamError
        If the layer has no positions, or the objective is no sum of whole layers, channels and classes.
    """

    def __init__(self, network: Network, recipe: DreamSettings):
        self.network, self.recipe = network, recipe
        self._terms = bind_objective(parse(recipe.layer or ""), network)
        for term in self._terms:
            if not isinstance(term, Layer | Channel) or isinstance(term, Neuron):
                raise SeisdreamError(
                    f"'{term}' in '{recipe.layer}' says nothing at each place of a section; ask for layers, channels, "
                    "classes and sums of them (--layer)."
                )
            if not network.layer(term.layer).has_positions:
                raise SeisdreamError(
                    f"'{term.layer}' of {network.name} has no positions, so there is no map of it; choose a layer "
                    f"before it (--layer, seisdream layers {network.name})."
                )
        self._device = resolve_device(recipe.device)
        self._prepared = network.prepared(self._device, "float32")

    def activation(self, seen: xr.DataArray) -> NDArray:
        """Return how much the layer fires at each sample, ``(time, trace)``, linear between units.

        Of a layer that is the mean square over its channels, of a channel or class its value: what the objective is the
        mean of.
        """
        values, _ = fill_absent(seen)
        picture = to_image_tensor(values, clip=self.recipe.clip, device=self._device)
        with torch.no_grad():
            recorded = self._prepared.record(picture, layers_of(self._terms))
        size = (seen.shape[0], seen.shape[1])
        total = np.zeros(size)
        for term in self._terms:
            units = _density(term, recorded[term.layer]).cpu().numpy()
            total += term.weight * interpolate(units, *self._middles(term.layer, units.shape, size), size)
        return total

    def change(self, seen: xr.DataArray, seed: int) -> NDArray:
        """Return what a dream changes, ``(time, trace)`` in grey levels; in colour the mean over colours."""
        dream = Dream(seen, self.network, settings=self.recipe, seed=seed).run()
        change = np.nan_to_num(dream.section.values - seen.values)
        return change.mean(axis=-1) if change.ndim == 3 else change

    def _middles(self, layer: str, shape: tuple[int, ...], size: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """Return at which rows and columns of the section the units of a layer have their middles."""
        info = self.network.layer(layer)
        if info.stride is None or info.start is None:
            rows, columns = ((np.arange(n) + 0.5) * long / n - 0.5 for n, long in zip(shape, size, strict=True))
        else:
            rows, columns = (
                start + stride * np.arange(n) for n, start, stride in zip(shape, info.start, info.stride, strict=True)
            )
        return rows, columns


def _density(term: Term, activations: torch.Tensor) -> torch.Tensor:
    """Return what a term is the mean of, ``(row, column)`` of units."""
    if isinstance(term, Channel):
        return activations[0, term.channel].float()
    return activations[0].float().square().mean(dim=0)
