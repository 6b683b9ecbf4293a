"""What an attribution asks about: channels of one layer, with weights, at a point or in a region of a section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Channel, Objective, bind_objective
from seisdream.errors import SeisdreamError
from seisdream.models.layers import LayerInfo
from seisdream.models.network import Network


@dataclass(frozen=True)
class Target:
    """A weighted sum of channels of one layer.

    Attributes
    ----------
    text : str
        In the little language: ``class:salt``, ``enc5:12``, ``class:salt - class:divergent``.
    layer : str
        Where the channels are.
    channels : tuple of int
        Their numbers.
    weights : tuple of float
        One for each channel.
    """

    text: str
    layer: str
    channels: tuple[int, ...]
    weights: tuple[float, ...]

    def of(self, said: torch.Tensor) -> torch.Tensor:
        """Return the sum ``(batch, row, column)`` of what a layer says, ``(batch, channel, row, column)``."""
        picked = said[:, list(self.channels)]
        return (picked * picked.new_tensor(self.weights).view(1, -1, 1, 1)).sum(1)


def bind_target(target: str | Objective, network: Network) -> Target:
    """Read what is asked about and check it against a network.

    Parameters
    ----------
    target : str or Objective
        A class or a channel in the little language of objectives, or a sum of such of one layer: with
        ``class:salt - class:divergent`` one asks what speaks for the one rather than for the other.
    network : Network
        What is asked.

    Raises
    ------
    SeisdreamError
        If the text cannot be read, a layer, class or channel does not exist, a term is a whole layer or its one
        centre unit, or terms are of several layers.
    """
    objective = parse(target) if isinstance(target, str) else target
    terms = bind_objective(objective, network)
    for term in terms:
        if type(term) is not Channel:
            raise SeisdreamError(
                f"'{term}' cannot be attributed; name a class (class:NAME) or one channel of a layer (LAYER:CHANNEL), "
                "and the place by --at or --region."
            )
    channels = [term for term in terms if isinstance(term, Channel)]
    layers = list(dict.fromkeys(term.layer for term in channels))
    if len(layers) > 1:
        raise SeisdreamError(
            f"'{objective}' is of several layers ({', '.join(layers)}); attribute one at a time, because only within "
            "one layer do channels share a grid."
        )
    return Target(
        target.strip() if isinstance(target, str) else str(objective),
        layers[0],
        tuple(term.channel for term in channels),
        tuple(term.weight for term in channels),
    )


def place_point(at: Sequence[float], section: xr.DataArray) -> xr.DataArray:
    """Return the region that is one sample.

    Parameters
    ----------
    at : (float, float)
        Horizontal and vertical coordinate, in the section's own numbers (crossline and ms).
    section : DataArray
        ``(time, trace)`` or a picture.

    Returns
    -------
    DataArray
        float32, 1 at the sample nearest to the point and 0 elsewhere, as `seisdream.io.masks.open_mask` gives regions.

    Raises
    ------
    SeisdreamError
        If the point lies outside the section.
    """
    if len(at) != 2:
        raise SeisdreamError(f"A point is two numbers, across and down; got {len(at)} (--at).")
    region = np.zeros(section.shape[:2], np.float32)
    place = []
    for number, dim in zip(reversed(at), section.dims[:2], strict=True):
        numbers = np.asarray(section[dim].values, np.float64)
        spacing = float(np.median(np.abs(np.diff(numbers))))
        if not numbers.min() - spacing / 2 <= number <= numbers.max() + spacing / 2:
            raise SeisdreamError(
                f"{dim} {number:.12g} is not in the section, whose {dim} goes from {numbers.min():.12g} to "
                f"{numbers.max():.12g}; a point is {section.dims[1]},{section.dims[0]} (--at)."
            )
        place.append(int(np.abs(numbers - number).argmin()))
    region[tuple(place)] = 1.0
    base = section.isel({section.dims[-1]: 0}, drop=True) if section.ndim == 3 else section
    return base.copy(data=region).assign_attrs(source=f"{at[0]:g},{at[1]:g}")


def weigh_units(
    info: LayerInfo, size: tuple[int, int], region: xr.DataArray | None, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return how much each unit of a layer counts for a region: ``(row, column)``, in sum 1.

    Each sample of the region counts for the unit that is nearest to it.

    Parameters
    ----------
    info : LayerInfo
        Of the layer.
    size : (int, int)
        Its rows and columns of units.
    region : DataArray or None
        ``(time, trace)``, 0 to 1; None: everywhere, each unit alike.
    shape : (int, int)
        Rows and columns of the section.

    Raises
    ------
    SeisdreamError
        If there is a region, and the layer's units do not lie in rows and columns.
    """
    if region is None:
        return np.full(size, 1.0 / (size[0] * size[1]), np.float32)
    if not info.has_positions or info.stride is None or info.start is None:
        raise SeisdreamError(
            f"'{info.name}' gives one answer for a whole picture and has no positions; leave out --at and --region."
        )
    nearest_units = []
    for axis in (0, 1):
        # A unit for each sample is that sample's own, as in maps of classes.
        is_dense = info.stride[axis] == 1 and size[axis] == shape[axis]
        start = 0.0 if is_dense else info.start[axis]
        units = np.rint((np.arange(shape[axis]) - start) / info.stride[axis])
        nearest_units.append(np.clip(units, 0, size[axis] - 1).astype(np.int64))
    flat = nearest_units[0][:, None] * size[1] + nearest_units[1]
    total = np.bincount(flat.ravel(), region.values.ravel().astype(np.float64), size[0] * size[1]).reshape(size)
    return (total / total.sum()).astype(np.float32)
