"""Activations of several layers as features of every sample of a section."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.inference.network_input import network_input
from seisdream.inference.unit_grid import UnitGrid, interpolate_axis, neighbours
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.models.registry import as_network
from seisdream.seismic.sections import GreyMapping, check_section

Maps = tuple[tuple[torch.Tensor, UnitGrid], ...]
"""Activations ``(channel, row, column)`` of each layer, and where its units lie."""


def probe_layers(network: Network) -> tuple[str, ...]:
    """Return the layers that a probe uses together: the last one on each of a network's grids.

    These are the stages of a U-Net, ``enc1`` to ``encN`` and back to ``dec1``; of other networks the last layer before
    each change of stride, without that of the classes.

    Raises
    ------
    SeisdreamError
        If no layer has positions (``not-supported``).
    """
    layers = network.layers
    stages = tuple(name for name in layers if re.fullmatch(r"(enc|dec)\d+", name))
    if stages:
        return stages
    classes = network.class_layer if network.has_known_classes else None
    maps = [
        name
        for name, info in layers.items()
        if info.has_positions and info.stride and name != classes and not info.returned
    ]
    if not maps:
        raise SeisdreamError(
            f"No layer of {network.name} has units at known positions, so none can be probed sample by sample; use "
            f"another network, or name `layers` (seisdream layers {network.name}).",
            code="not-supported",
            option="network",
        )
    ends = [one for one, next_one in itertools.pairwise(maps) if layers[one].stride != layers[next_one].stride]
    return (*ends, maps[-1])


class LayerReader:
    """Reads the activations of layers at every sample of a section.

    Parameters
    ----------
    network : Network or str
        A network or its name.
    layers : sequence of str, optional
        By default `probe_layers`.
    percentile : float, default 99
        Clip amplitudes at this percentile of absolute amplitude before the network sees them.
    device : str, default "auto"
        Where to run.
    mirror : bool, default True
        Average the features of a section and of its mirror image, so that they do not depend on which way beds dip.

    Raises
    ------
    SeisdreamError
        If a layer has no positions (``not-supported``).
    """

    def __init__(
        self,
        network: Network | str,
        layers: Sequence[str] | None = None,
        *,
        percentile: float = 99.0,
        device: str = "auto",
        mirror: bool = True,
    ):
        self.network = network = as_network(network)
        self.layers = tuple(layers or probe_layers(network))
        for name in self.layers:
            if not network.layer(name).has_positions:
                raise SeisdreamError(
                    f"Layer '{name}' of {network.name} has one output for a whole section, so it cannot be probed "
                    f"sample by sample; use some of {', '.join(probe_layers(network))}.",
                    code="not-supported",
                    option="layers",
                )
        self.percentile = percentile
        self.mirror = mirror
        self.device = resolve_device(device, network)
        self._prepared = PreparedNetwork(network, self.device)
        self._last: tuple[xr.DataArray, LayerFeatures] | None = None

    @property
    def n_features(self) -> int:
        """The number of channels of all layers together."""
        return sum(self.network.layer(name).n_channels for name in self.layers)

    def read(self, section: xr.DataArray) -> LayerFeatures:
        """Return the features of a section; those of the last section are kept, because probes read it repeatedly."""
        if self._last is None or self._last[0] is not section:
            check_section(section)
            mapping = GreyMapping.of(section, self.percentile)
            prepared, image = network_input(self._prepared, section, mapping, device=self.device)
            image = self.network.preprocessing.clip(image)
            size = (section.shape[0], section.shape[1])
            mirrored = self._maps(prepared, image.flip(-1), size) if self.mirror else None
            self._last = (section, LayerFeatures(self._maps(prepared, image, size), size, mirrored))
        return self._last[1]

    def _maps(self, prepared: PreparedNetwork, image: torch.Tensor, size: tuple[int, int]) -> Maps:
        with torch.no_grad():
            recorded = prepared.record(image, self.layers)
        maps = []
        for name in self.layers:
            activations = recorded[name][0].float().cpu()
            shape = (activations.shape[1], activations.shape[2])
            maps.append((activations, UnitGrid.of(self.network.layer(name), shape, size)))
        return tuple(maps)


@dataclass(frozen=True)
class LayerFeatures:
    """Activations of layers on a section, bilinear between units.

    Attributes
    ----------
    maps : tuple of (Tensor, UnitGrid)
        ``(channel, row, column)`` of each layer, and where its units lie.
    size : (int, int)
        Rows and columns of the section.
    mirrored : tuple of (Tensor, UnitGrid), optional
        The same of the section's mirror image; features are then the mean of both.
    """

    maps: Maps
    size: tuple[int, int]
    mirrored: Maps | None = None

    def at(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return the features of some samples, float32 ``(sample, channel of all layers)``."""
        features = self._at(self.maps, rows, columns)
        if self.mirrored is not None:
            features = (features + self._at(self.mirrored, rows, self.size[1] - 1 - columns)) / 2
        return features.numpy()

    def _at(self, maps: Maps, rows: NDArray, columns: NDArray) -> torch.Tensor:
        features = []
        for activations, grid in maps:
            upper, lower, down = neighbours(grid.positions(0, rows), grid.shape[0])
            left, right, across = neighbours(grid.positions(1, columns), grid.shape[1])
            above = torch.lerp(activations[:, upper, left], activations[:, upper, right], across)
            below = torch.lerp(activations[:, lower, left], activations[:, lower, right], across)
            features.append(torch.lerp(above, below, down))
        return torch.cat(features).T

    def weighted_sums(self, weights: torch.Tensor) -> torch.Tensor:
        """Return sums of features at every sample, ``(sum, time, trace)``, for weights ``(sum, channel)``.

        Summing and interpolating are both linear, so units are summed first: all features at all samples together
        would need far more memory.
        """
        sums = self._weighted_sums(self.maps, weights)
        if self.mirrored is not None:
            sums = (sums + self._weighted_sums(self.mirrored, weights).flip(-1)) / 2
        return sums

    def _weighted_sums(self, maps: Maps, weights: torch.Tensor) -> torch.Tensor:
        total, first = torch.zeros(()), 0
        for activations, grid in maps:
            part = weights[:, first : first + len(activations)]
            first += len(activations)
            sums = torch.einsum("sc,cij->sij", part, activations)
            for axis in (0, 1):
                sums = interpolate_axis(sums, axis + 1, grid.positions(axis, np.arange(self.size[axis])))
            total = total + sums
        return total
