"""What is explained: channels of one layer, with weights, at a point or in a region of a section."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Channel, ClassLogit, Objective, bind_objective
from seisdream.errors import SeisdreamError
from seisdream.inference.unit_grid import Size, UnitGrid
from seisdream.models.layers import LayerInfo
from seisdream.models.network import Network
from seisdream.seismic.cubes import DIMS as CUBE_DIMS
from seisdream.seismic.cubes import VOLUME_DIMS


@dataclass(frozen=True)
class Target:
    """A weighted sum of channels of one layer.

    Attributes
    ----------
    text : str
        In the objective syntax: ``class:salt``, ``enc5:12``, ``class:salt - class:divergent``.
    layer : str
        The layer of the channels.
    channels : tuple of int
        Their numbers.
    weights : tuple of float
        One for each channel.
    """

    text: str
    layer: str
    channels: tuple[int, ...]
    weights: tuple[float, ...]

    def of(self, activations: torch.Tensor) -> torch.Tensor:
        """Return the sum ``(batch, *space)`` of a layer's activations ``(batch, channel, *space)``."""
        channels = activations[:, list(self.channels)]
        return (channels * channels.new_tensor(self.weights).view(1, -1, *(1,) * (channels.ndim - 2))).sum(1)


def bind_target(target: str | Objective, network: Network) -> Target:
    """Resolve a target for a network.

    Parameters
    ----------
    target : str or Objective
        A class or a channel in the objective syntax, or a sum of such of one layer: ``class:salt - class:divergent``
        explains why the one class rather than the other.
    network : Network
        The network.

    Raises
    ------
    SeisdreamError
        If a layer, class or channel does not exist (``unknown-name``), a term is a whole layer or a single neuron
        (``not-supported``), or terms are of several layers (``incompatible``).
    """
    objective = parse(target) if isinstance(target, str) else target
    channels = []
    for term in bind_objective(objective, network):
        if type(term) is not Channel:
            raise SeisdreamError(
                f"'{term}' cannot be attributed; name a class (class:NAME) or one channel of a layer (LAYER:CHANNEL), "
                "and its position with `at` or `target_mask`.",
                code="not-supported",
                option="target",
            )
        channels.append(term)
    layers = list(dict.fromkeys(term.layer for term in channels))
    if len(layers) > 1:
        raise SeisdreamError(
            f"'{objective}' has channels of several layers ({', '.join(layers)}), whose units lie on different grids; "
            "attribute one layer at a time.",
            code="incompatible",
            option="target",
        )
    return Target(
        target.strip() if isinstance(target, str) else str(objective),
        layers[0],
        tuple(term.channel for term in channels),
        tuple(term.weight for term in channels),
    )


def most_probable_class(network: Network, logits: torch.Tensor, weights: torch.Tensor) -> Target:
    """Return the class that is most probable on average.

    Parameters
    ----------
    network : Network
        A network with classes.
    logits : Tensor
        ``(1, class, *space)``.
    weights : Tensor
        Weight of each unit in the average, shaped as the space.
    """
    code = int(_mean_probabilities(network, logits, weights).argmax())
    # By its number, because names may repeat or be unknown.
    name = _class_name(network, code)
    return replace(bind_target(ClassLogit(str(code)), network), text=ClassLogit(name).target())


def note_on_prediction(
    network: Network, target: Target, activations: torch.Tensor, weights: torch.Tensor
) -> str | None:
    """Return that another class than the explained one is predicted, with both probabilities; None where it is not.

    Parameters
    ----------
    network : Network
        The network.
    target : Target
        What is explained.
    activations : Tensor
        Of the target's layer, ``(1, channel, *space)``.
    weights : Tensor
        Weight of each unit in the average, shaped as the space.
    """
    if target.layer != network.class_layer or len(target.channels) != 1:
        return None
    probabilities = _mean_probabilities(network, activations, weights)
    asked, predicted = target.channels[0], int(probabilities.argmax())
    if asked == predicted:
        return None
    return (
        f"{network.name} does not predict {_class_name(network, asked)} there: its probability is "
        f"{float(probabilities[asked]):.2g}, that of {_class_name(network, predicted)} "
        f"{float(probabilities[predicted]):.2g}."
    )


def _mean_probabilities(network: Network, logits: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    weights = weights.to(logits.device)
    probabilities = network.class_probabilities(logits.float())[0] * (weights / weights.sum())
    return probabilities.flatten(1).sum(1)


def _class_name(network: Network, code: int) -> str:
    return network.classes[code].partition(",")[0] if code < len(network.classes) else str(code)


def point_mask(at: Sequence[float], section: xr.DataArray) -> xr.DataArray:
    """Return the mask of a single sample.

    Parameters
    ----------
    at : (float, float)
        Horizontal and vertical coordinate, in the section's own numbers (crossline and ms); of a cube inline, crossline
        and time.
    section : DataArray
        ``(time, trace)``, an image, or a cube ``(time, inline, crossline)``.

    Returns
    -------
    DataArray
        float32, 1 at the sample nearest to the point and 0 elsewhere, as `seisdream.io.masks.open_mask` returns masks.

    Raises
    ------
    SeisdreamError
        If the point is not two numbers (``wrong-shape``) or lies outside the section (``out-of-range``).
    """
    is_cube = section.dims == CUBE_DIMS
    names = [str(dim) for dim in (VOLUME_DIMS if is_cube else section.dims[1::-1])]
    if len(at) != len(names):
        raise SeisdreamError(
            f"`at` has {len(at)} numbers; it must have {len(names)}: {', '.join(names)}.",
            code="wrong-shape",
            option="at",
        )
    numbers, dims = dict(zip(names, at, strict=True)), section.dims[: len(names)]
    mask = np.zeros(section.shape[: len(names)], np.float32)
    sample = []
    for dim in dims:
        number = numbers[str(dim)]
        coordinates = np.asarray(section[dim].values, np.float64)
        spacing = float(np.median(np.abs(np.diff(coordinates))))
        if not coordinates.min() - spacing / 2 <= number <= coordinates.max() + spacing / 2:
            raise SeisdreamError(
                f"{dim} {number:.12g} is outside the section, whose {dim} goes from {coordinates.min():.12g} to "
                f"{coordinates.max():.12g}; `at` is {', '.join(names)}.",
                code="out-of-range",
                option="at",
            )
        sample.append(int(np.abs(coordinates - number).argmin()))
    mask[tuple(sample)] = 1.0
    base = section.isel({section.dims[-1]: 0}, drop=True) if section.ndim > len(dims) else section
    return base.copy(data=mask).assign_attrs(source=",".join(f"{number:g}" for number in at))


def unit_weights(info: LayerInfo, shape: Size, target_mask: xr.DataArray | None, size: Size) -> NDArray[np.float32]:
    """Return the weight of each unit of a layer in the average over a mask, with sum 1.

    Each sample of the mask counts for the unit nearest to it.

    Parameters
    ----------
    info : LayerInfo
        Of the layer.
    shape : tuple of int
        Its units along each axis.
    target_mask : DataArray or None
        ``(time, trace)`` or shaped as a cube, 0 to 1; None: the same weight for all units.
    size : tuple of int
        Samples of the section or cube along each axis.

    Raises
    ------
    SeisdreamError
        If there is a mask, and units of the layer have no positions (``incompatible``).
    """
    if target_mask is None:
        return np.full(shape, 1.0 / math.prod(shape), np.float32)
    if not info.has_positions or info.stride is None or info.start is None:
        raise SeisdreamError(
            f"'{info.name}' has one output for the whole section and no positions; leave out `at` and `target_mask`.",
            code="incompatible",
        )
    grid = UnitGrid.of(info, shape, size, is_per_sample=True)
    nearest = np.ix_(*(grid.nearest(axis, np.arange(n_samples)) for axis, n_samples in enumerate(size)))
    units = np.ravel_multi_index(np.broadcast_arrays(*nearest), shape).ravel()
    total = np.bincount(units, target_mask.values.ravel().astype(np.float64), math.prod(shape)).reshape(shape)
    return (total / total.sum()).astype(np.float32)
