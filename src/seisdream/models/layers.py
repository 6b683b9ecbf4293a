"""The layers of a network: their names, channels, and what part of a picture one unit of each looks at."""

from __future__ import annotations

import itertools
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from seisdream.errors import SeisdreamError
from seisdream.models.receptive_field import footprint_of

# Two sizes tell axes that follow the picture from channels; networks of one fixed size take one of the squares.
_SIZES = ((64, 96), (96, 128), (128, 192), (160, 224), (256, 320), (320, 416))
_CUBE = 64
_SQUARES = (224, 256, 384, 299, 336, 448, 512, 128, 32)


@dataclass(frozen=True)
class LayerInfo:
    """One layer of a network.

    Attributes
    ----------
    name : str
        The module's name in the network.
    kind : str
        The module's class.
    n_channels : int
        Channels of its output.
    stride : (float, float) or None
        Samples of the input between neighbouring units, along rows and columns; below 1 after upsampling. None
        where units do not follow positions.
    receptive_field : (int, int) or None
        Rows and columns of the input that a unit can depend on. None means the whole input.
    start : (float, float) or None
        Row and column of the input, counted from 0, at the centre of the receptive field of unit (0, 0). Unit
        (i, j) looks at ``start + (i, j) * stride``.
    has_positions : bool
        Whether the output has rows and columns that follow the input's.
    n_calls : int
        How often the module is called in one run; the last call is what counts.
    channel_axis : int
        Which axis of the module's own output holds the channels.
    """

    name: str
    kind: str
    n_channels: int
    stride: tuple[float, float] | None
    receptive_field: tuple[int, int] | None
    start: tuple[float, float] | None
    has_positions: bool = True
    n_calls: int = 1
    channel_axis: int = 1


def channels_first(output: torch.Tensor, info: LayerInfo) -> torch.Tensor:
    """Return a layer's output as ``(batch, channel, row, column)``, with 1 for the axes that it lacks."""
    if info.channel_axis != 1:  # What needs no turning stays the very tensor that the layers behind it came from.
        output = output.movedim(info.channel_axis, 1)
    while output.ndim < 4:
        output = output.unsqueeze(-1)
    return output


class _Sighting(NamedTuple):
    """What was seen of one module in one run: its last output's shape and origin, and its number of calls."""

    shape: tuple[int, ...]
    edge: GradientEdge
    n_calls: int


def find_layers(module: nn.Module, n_channels: int, network: str) -> dict[str, LayerInfo]:
    """Run a module on small random pictures and describe its layers.

    Parameters
    ----------
    module : nn.Module
        Frozen and in evaluation mode, on the CPU.
    n_channels : int
        Of its input.
    network : str
        The name for messages.

    Returns
    -------
    dict of LayerInfo
        By name, in the order in which they are computed; those before the point of failure where the module runs
        on no picture to its end (a head made for another size). Modules whose output is not one tensor of numbers for
        each picture, or does not depend on the picture, are left out.

    Raises
    ------
    SeisdreamError
        If the module does not run on a picture of any size that was tried, or has no layer.
    """
    error: Exception | None = None
    pairs = [*itertools.pairwise(_SIZES), *(((side, side), None) for side in _SQUARES)]
    for size, other_size in pairs:
        try:
            picture, sightings = _watch(module, n_channels, size)
            others = _watch(module, n_channels, other_size)[1] if other_size else None
        except Exception as caught:  # a user's module can raise anything
            error = error or caught
            continue
        layers = _describe(module, picture, sightings, others, other_size)
        if not layers:
            raise SeisdreamError(
                f"{network} has no layer to dream on: none of its modules gives one tensor of numbers for a picture. "
                "Wrap what it computes in a module that does."
            )
        return layers
    # A head for one size only, say: what is computed before it can be dreamed on all the same.
    (size, other_size), *_ = pairs
    picture, sightings = _watch(module, n_channels, size, may_fail=True)
    layers = _describe(module, picture, sightings, _watch(module, n_channels, other_size, may_fail=True)[1], other_size)
    if layers:
        return layers
    message = str(error).splitlines()[0] if str(error) else type(error).__name__
    raise SeisdreamError(
        f"{network} does not run on pictures with {n_channels} channel(s), from 32 to 512 samples on a side: "
        f"{message}. Check the number of input channels (--input-order)."
    ) from error


def find_cube_layers(module: nn.Module, n_channels: int) -> dict[str, LayerInfo]:
    """Run a module for cubes on a small one and describe its layers: what part of it a unit sees is not found out."""
    _, sightings = _watch(module, n_channels, (_CUBE,) * 3)
    return {
        name: LayerInfo(
            name=name,
            kind=type(module.get_submodule(name)).__name__,
            n_channels=sighting.shape[1],
            stride=None,
            receptive_field=None,
            start=None,
            n_calls=sighting.n_calls,
        )
        for name, sighting in sightings.items()
        if len(sighting.shape) == 5
    }


def _watch(
    module: nn.Module, n_channels: int, size: tuple[int, ...], *, may_fail: bool = False
) -> tuple[torch.Tensor, dict[str, _Sighting]]:
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand((1, n_channels, *size), generator=generator).requires_grad_()
    sightings: dict[str, _Sighting] = {}

    def watch(name: str):
        def see(_module, _inputs, output):
            before = sightings.pop(name, None)  # so that the order is that of the last calls
            if isinstance(output, torch.Tensor) and output.requires_grad:
                # Now, because what follows may work in place and so give the output another origin.
                n_calls = before.n_calls + 1 if before else 1
                sightings[name] = _Sighting(tuple(output.shape), get_gradient_edge(output), n_calls)

        return see

    handles = [part.register_forward_hook(watch(name)) for name, part in module.named_modules() if name]
    try:
        with torch.enable_grad(), suppress(Exception) if may_fail else nullcontext():
            module(picture.clone())  # a clone, because a leaf cannot be worked on in place
    finally:
        for handle in handles:
            handle.remove()
    return picture, sightings


def _describe(
    module: nn.Module,
    picture: torch.Tensor,
    sightings: dict[str, _Sighting],
    others: dict[str, _Sighting] | None,
    other_size: tuple[int, int] | None,
) -> dict[str, LayerInfo]:
    layers = {}
    seen: dict = {}
    for name, sighting in sightings.items():
        shape = sighting.shape
        other = others[name].shape if others and name in others else None
        if not 2 <= len(shape) <= 4 or shape[0] != 1 or (others and (other is None or len(other) != len(shape))):
            continue
        varying = [axis for axis in range(1, len(shape)) if other and other[axis] != shape[axis]]
        channel_axis = _channel_axis(shape, varying)
        spatial = [axis for axis in range(1, len(shape)) if axis != channel_axis]
        has_positions = bool(varying) if other else any(shape[axis] > 1 for axis in spatial)
        stride = receptive_field = start = None
        footprint = footprint_of(sighting.edge, picture, seen)
        if footprint is not None:
            rows, columns = footprint.spans
            stride = (_plain(rows.jump), _plain(columns.jump))
            # Positions are whole numbers: at most this many lie between two bounds that need not be.
            receptive_field = (int(rows.high - rows.low) + 1, int(columns.high - columns.low) + 1)
            start = (_plain((rows.low + rows.high) / 2), _plain((columns.low + columns.high) / 2))
        elif len(shape) == 4 and has_positions and other and other_size and len(varying) == 2:
            # Units see everything and yet lie on a grid: its spacing shows in how the output grows.
            strides = [
                Fraction(after - before, other[axis] - shape[axis])
                for axis, before, after in zip(spatial, picture.shape[2:], other_size, strict=True)
            ]
            stride = (_plain(strides[0]), _plain(strides[1]))
            start = ((stride[0] - 1) / 2, (stride[1] - 1) / 2)
        layers[name] = LayerInfo(
            name=name,
            kind=type(module.get_submodule(name)).__name__,
            n_channels=shape[channel_axis],
            stride=stride,
            receptive_field=receptive_field,
            start=start,
            has_positions=has_positions,
            n_calls=sighting.n_calls,
            channel_axis=channel_axis,
        )
    return layers


def _channel_axis(shape: tuple[int, ...], varying: list[int]) -> int:
    """Return the axis of channels: the one that stays the same whatever the picture's size."""
    fixed = [axis for axis in range(1, len(shape)) if axis not in varying]
    if len(fixed) == 1:
        return fixed[0]
    if len(shape) == 3:
        return 2  # a transformer's tokens
    # A network of one fixed size was run on a square, so that rows and columns are alike.
    return 3 if len(shape) == 4 and shape[1] == shape[2] != shape[3] else 1


def _plain(number: Fraction) -> float:
    return int(number) if number.denominator == 1 else float(number)
