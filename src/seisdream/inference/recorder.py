"""What a layer says about a section, on the section's own grid."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from seisdream.inference.tensors import to_image_tensor
from seisdream.models.network import Network
from seisdream.models.prepared import resolve_device, resolve_precision
from seisdream.seismic.sections import GreyMapping, check_section, fill_absent


def record_activations(
    section: xr.DataArray,
    network: Network,
    layer: str,
    *,
    percentile: float = 99.0,
    precision: str = "float32",
    device: str = "auto",
) -> xr.DataArray:
    """Return the activations of a layer.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture.
    network : Network
        From `seisdream.load_network`.
    layer : str
        One of ``network.layers``.
    percentile : float, 50 to 100, default 99
        Of absolute amplitude, for the grey mapping.

    Returns
    -------
    DataArray
        ``(channel, time, trace)`` float32. The coordinates of a unit are those of its centre in the section,
        between samples where it lies there; ``row`` and ``column`` count samples from 0. A layer that sees the
        whole section has its only unit in the middle.
    """
    check_section(section)
    info = network.layer(layer)
    device = resolve_device(device)
    values, _ = fill_absent(section)
    picture = to_image_tensor(GreyMapping.of(section, percentile).to_grey(values), device=device)
    with torch.no_grad():
        recorded = network.prepared(device, resolve_precision(precision, device)).record(picture, (layer,))
    activations = recorded[layer][0].float().cpu().numpy()
    coords: dict = {"channel": np.arange(len(activations))}
    dims = [str(dim) for dim in section.dims[:2]]
    for axis, dim in enumerate(dims):
        n_units, n_samples = activations.shape[axis + 1], section.shape[axis]
        if info.stride is None or info.start is None:
            positions = (np.arange(n_units) + 0.5) * n_samples / n_units - 0.5
        else:
            positions = info.start[axis] + info.stride[axis] * np.arange(n_units)
        coords[("row", "column")[axis]] = (dim, positions)
        if dim not in ("row", "column"):
            coords[dim] = (dim, _at(section[dim].values, positions), section[dim].attrs)
    return xr.DataArray(
        activations,
        dims=("channel", *dims),
        coords=coords,
        name=layer,
        attrs={"network": network.name, "network_sha256": network.sha256, "layer": layer},
    )


def _at(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return coordinates at fractional sample positions, carried on linearly past the ends."""
    numbers = numbers.astype(np.float64)
    n_samples = len(numbers)
    left = np.clip(np.floor(positions).astype(int), 0, max(0, n_samples - 2))
    right = np.minimum(left + 1, n_samples - 1)
    return numbers[left] + (positions - left) * (numbers[right] - numbers[left])
