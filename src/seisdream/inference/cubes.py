"""Cubes as input of a network: opened, in grey levels, with the statistics that normalise them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.io.inputs import open_segy_volume
from seisdream.models.network import Network
from seisdream.models.normalisation import Statistics
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.cubes import DIMS, make_cube, traces_of
from seisdream.seismic.sections import GreyMapping
from seisdream.seismic.volumes import Volume as StoredVolume

Volume = xr.DataArray | StoredVolume


def as_volume(data: Volume | str | os.PathLike[str], network: Network, **options: Any) -> Volume:
    """Return a volume for a network for cubes, opened with options of `open_segy_volume` where a path is given.

    Raises
    ------
    SeisdreamError
        If the data are a section (``not-supported``), or the file is not a SEG-Y volume.
    """
    if isinstance(data, str | os.PathLike):
        try:
            return open_segy_volume(data, **options)
        except SeisdreamError as error:
            if error.code not in ("no-geometry", "not-supported"):
                raise
            raise SeisdreamError(
                f"{network.name} is a network for cubes; use a network for sections, such as `network=facies`, or give "
                f"a SEG-Y volume. {error}",
                code=error.code,
                option="network",
            ) from error
    if not isinstance(data, StoredVolume) and set(getattr(data, "dims", DIMS)) != set(DIMS):
        network.require_sections()
    return data if isinstance(data, StoredVolume) else make_cube(data)


def size_of(volume: Volume) -> tuple[int, ...]:
    """Return the samples, inlines and crosslines of a volume."""
    if isinstance(volume, StoredVolume):
        n_inlines, n_crosslines, n_samples = volume.shape
        return n_samples, n_inlines, n_crosslines
    return tuple(volume.sizes[dim] for dim in DIMS)


def line_of_volume(volume: Volume) -> xr.DataArray:
    """Return what carries the attributes of a volume: its middle inline, or the cube itself."""
    return volume.open(volume.middle) if isinstance(volume, StoredVolume) else volume


def open_cube(volume: Volume, percentile: float) -> tuple[xr.DataArray, NDArray[np.bool_], GreyMapping]:
    """Return a cube ``(time, inline, crossline)``, where it has samples, and its mapping to grey levels."""
    if isinstance(volume, StoredVolume):
        cube, present = volume.read_cube()
        # Missing traces must not make the rest of the volume louder.
        return cube, present > 0, volume.grey_mapping(percentile)
    return volume, np.ones(volume.shape, bool), GreyMapping.of(traces_of(volume), percentile)


def cube_input(
    prepared: PreparedNetwork,
    cube: xr.DataArray,
    is_present: NDArray[np.bool_],
    mapping: GreyMapping,
    *,
    statistics: Statistics | None = None,
    device: str = "cpu",
) -> tuple[PreparedNetwork, torch.Tensor]:
    """Return a network bound to the statistics of a cube, and the cube in grey levels that are not clipped.

    Parameters
    ----------
    prepared : PreparedNetwork
        The network.
    cube : DataArray
        ``(time, inline, crossline)``; NaN becomes zero amplitude.
    is_present : array
        Booleans: the samples that count.
    mapping : GreyMapping
        From amplitudes to grey levels.
    statistics : Statistics, optional
        Of the volume that the cube is a block of, in its own units, instead of those of the cube.
    device : str, default "cpu"
        Where the image is needed.

    Returns
    -------
    PreparedNetwork
        Normalises this cube and every part of it alike.
    Tensor
        ``(1, 1, time, inline, crossline)``.
    """
    grey = np.ascontiguousarray(mapping.to_grey(np.nan_to_num(cube.values, nan=0.0)), np.float32)
    image = torch.from_numpy(grey)[None, None].to(device)
    if statistics is not None:
        return prepared.with_statistics(statistics.mapped(mapping.low, mapping.units_per_grey)), image
    if prepared.network.preprocessing.is_bound_once:
        prepared = prepared.with_statistics(Statistics.of(image, is_present))
    return prepared, image
