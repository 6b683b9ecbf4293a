"""Activations of layers on a section: as one array on the section's grid, or line by line in tiles."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.inference.cubes import as_volume, cube_input, open_cube
from seisdream.inference.network_input import network_input, notes_on_input
from seisdream.inference.surroundings import Surroundings
from seisdream.inference.tiling import Size, Tile, plan_tiles, resolve_tile
from seisdream.inference.unit_grid import UnitGrid
from seisdream.io.inputs import as_section
from seisdream.models.layers import LayerInfo
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device, resolve_precision
from seisdream.models.registry import as_network
from seisdream.seismic.sections import GreyMapping, check_section
from seisdream.seismic.volumes import Volume

# Coordinates that count samples, along each axis of a section or a cube.
_POSITIONS = {2: ("row", "column"), 3: ("row", "inline_number", "crossline_number")}


def record_activations(
    section: xr.DataArray | Volume | str | os.PathLike[str],
    network: Network | str,
    layer: str | object,
    *,
    percentile: float = 99.0,
    precision: str = "float32",
    device: str = "auto",
    mapping: GreyMapping | None = None,
    around: Surroundings | None = None,
) -> xr.DataArray:
    """Return the activations of a layer.

    Parameters
    ----------
    section : DataArray or path
        ``(time, trace)`` or an image, or its path; for a network for cubes a volume.
    network : Network or str
        A network or its name.
    layer : str or objectives.Layer
        A layer of the network.
    percentile : float, 50 to 100, default 99
        Clip amplitudes at this percentile of absolute amplitude before the network sees them.
    precision : {"float32", "bfloat16", "auto"}, default "float32"
        Floating-point precision.
    device : str, default "auto"
        As for `seisdream.models.prepared.resolve_device`.
    mapping : GreyMapping, optional
        From amplitudes to grey levels, such as that of the volume that a section is from; by default the section's own.
    around : Surroundings, optional
        The volume that a section is from, for networks that take its neighbours too.

    Returns
    -------
    DataArray
        float32 ``(channel, time, trace)``. Coordinates are those of the units' centres, between samples where they
        lie there; ``row`` and ``column`` count samples from 0. A layer whose unit depends on the whole section has its
        only unit in the middle. Of a cube ``(channel, time, inline, crossline)``, where ``row``, ``inline_number`` and
        ``crossline_number`` count samples. Tokens of a transformer other than its patches are ``(channel, token)``.
        The attribute ``notes`` says how the input was made to fit the network.

    Raises
    ------
    SeisdreamError
        If the network has no such layer (``unknown-name``) or cannot take the section (``network-failed``).
    """
    network = as_network(network)
    info = network.layer(str(getattr(layer, "layer", layer)))
    device = resolve_device(device, network)
    prepared = PreparedNetwork(network, device, resolve_precision(precision, device))
    if network.n_spatial_dims == 3:
        section, is_present, of_cube = open_cube(as_volume(section, network), percentile)
        prepared, image = cube_input(prepared, section, is_present, mapping or of_cube, device=device)
        notes = [note for note in (network.note_on_size(section.shape, (info.name,)), *network.notes) if note]
    else:
        section = as_section(section)
        check_section(section)
        notes = notes_on_input(network, section, around, layers=(info.name,))
        mapping = mapping or GreyMapping.of(section, percentile)
        prepared, image = network_input(prepared, section, mapping, around, device=device)
    with torch.no_grad():
        recorded = prepared.record(network.preprocessing.clip(image), (info.name,))
    activations = recorded[info.name][0].float().cpu().numpy()
    attrs: dict = {"network": network.name, "network_sha256": network.sha256, "layer": info.name, "notes": notes}
    n_axes = network.n_spatial_dims
    if not info.has_positions and activations.shape[1] > 1 and activations.shape[2] == 1:
        channels = {"channel": np.arange(len(activations))}
        return xr.DataArray(
            activations.reshape(activations.shape[:2]),
            dims=("channel", "token"),
            coords=channels,
            name=info.name,
            attrs=attrs,
        )
    grid = UnitGrid.of(info, activations.shape[1:], section.shape[:n_axes])
    coords: dict = {"channel": np.arange(len(activations))}
    dims = [str(dim) for dim in section.dims[:n_axes]]
    for axis, dim in enumerate(dims):
        centres = grid.centres(axis)
        coords[_POSITIONS[n_axes][axis]] = (dim, centres)
        if dim not in ("row", "column"):
            coords[dim] = (dim, _coordinates_at(section[dim].values, centres), section[dim].attrs)
    return xr.DataArray(
        activations,
        dims=("channel", *dims),
        coords=coords,
        name=info.name,
        attrs=attrs,
    )


def _coordinates_at(coordinates: NDArray, positions: NDArray) -> NDArray:
    """Return coordinates at fractional sample positions, extrapolated linearly."""
    coordinates = coordinates.astype(np.float64)
    n_samples = len(coordinates)
    left = np.clip(np.floor(positions).astype(int), 0, max(0, n_samples - 2))
    right = np.minimum(left + 1, n_samples - 1)
    return coordinates[left] + (positions - left) * (coordinates[right] - coordinates[left])


@dataclass(frozen=True)
class UnitActivations:
    """Activations of a layer's units over a part of a line.

    Attributes
    ----------
    values : Tensor
        float32 ``(channel, row, column)``, on the CPU.
    grid : UnitGrid
        Where the units lie on the line.
    """

    values: torch.Tensor
    grid: UnitGrid

    def first(self, n_channels: int) -> UnitActivations:
        """Return the first channels alone."""
        return UnitActivations(self.values[:n_channels], self.grid)

    def at(self, rows: NDArray, columns: NDArray) -> torch.Tensor:
        """Return the activations of the units nearest to some samples, ``(channel, sample)``."""
        return self.values[:, self.grid.nearest(0, rows), self.grid.nearest(1, columns)]


class ActivationRecorder:
    """Records the activations of layers along lines, in tiles where lines are long.

    Parameters
    ----------
    prepared : PreparedNetwork
        The network.
    layers : sequence of str
        Layers whose units have positions.
    """

    def __init__(self, prepared: PreparedNetwork, layers: Sequence[str]):
        self.prepared, self.layers = prepared, tuple(layers)
        self._infos = {layer: prepared.network.layer(layer) for layer in layers}
        self._tiles: dict[Size, list[Tile]] = {}

    def record(
        self, line: xr.DataArray, mapping: GreyMapping, around: Surroundings | None = None
    ) -> Iterator[tuple[Tile, dict[str, UnitActivations]]]:
        """Yield the tiles of a line, and by layer the units that are centred there; each unit comes once.

        Parameters
        ----------
        line : DataArray
            ``(time, trace)``.
        mapping : GreyMapping
            From amplitudes to grey levels.
        around : Surroundings, optional
            The volume that the line is from.
        """
        size = (line.shape[0], line.shape[1])
        prepared, image = network_input(self.prepared, line, mapping, around)
        image = self.prepared.network.preprocessing.clip(image)
        for tile in self._tiles_of(size):
            window = image[..., slice(*tile.window_rows), slice(*tile.window_columns)]
            with torch.no_grad():
                recorded = prepared.record(window, self.layers)
            yield tile, {layer: _over_core(recorded[layer][0], self._infos[layer], tile, size) for layer in self.layers}

    def _tiles_of(self, size: Size) -> list[Tile]:
        if size not in self._tiles:
            tile, halo, _ = resolve_tile(self.prepared.network, self.layers, size, device=str(self.prepared.device))
            whole = ((0, size[0]), (0, size[1]))
            self._tiles[size] = plan_tiles(size, tile, halo) if halo is not None else [Tile(*whole, *whole)]
        return self._tiles[size]


def _over_core(values: torch.Tensor, info: LayerInfo, tile: Tile, size: Size) -> UnitActivations:
    spans = ((tile.core_rows, tile.window_rows), (tile.core_columns, tile.window_columns))
    sides = [window[1] - window[0] for _, window in spans]
    grid = UnitGrid.of(info, (values.shape[1], values.shape[2]), (sides[0], sides[1]))
    grid = grid.moved(tile.window_rows[0], tile.window_columns[0])
    kept = []
    for axis, (core, _) in enumerate(spans):
        centres = grid.centres(axis)
        # Units centred before the first or beyond the last sample belong to the first and the last tile.
        is_after = (centres >= core[0]) | (core[0] == 0)
        is_before = (centres < core[1]) | (core[1] == size[axis])
        inside = np.flatnonzero(is_after & is_before)
        kept.append(slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0))
    return UnitActivations(values[:, kept[0], kept[1]].float().cpu(), grid.part(kept[0], kept[1]))
