"""Inputs of any size for networks that take some sizes only: mirrored and cut, or in overlapping windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch.utils.checkpoint import checkpoint

from seisdream.models.layers import LayerInfo
from seisdream.models.sides import Sides, Size

# Neighbouring windows share at least this part of their length.
_SHARED = 0.25
# Strides that are no whole numbers are rounded.
_ROUNDING = 1e-6

Activations = dict[str, torch.Tensor]


def record_fitted(
    record: Callable[[torch.Tensor], Activations],
    values: torch.Tensor,
    infos: Mapping[str, LayerInfo],
    sides: Sides,
) -> Activations:
    """Return the activations of layers on an input whose size a network does not take.

    The input is extended at its end by mirroring to a size that the network takes, and the units beyond the input are
    cut. A network of one fixed size is run in overlapping windows, whose units are blended smoothly.

    Parameters
    ----------
    record : callable
        From inputs of a size that the network takes to the activations of layers, ``(batch, channel, *units)``.
    values : Tensor
        ``(batch, channel, *space)``.
    infos : mapping of LayerInfo
        The layers. Layers without positions are not cut; of several windows, the mean is returned, and the tokens of a
        whole sequence follow one another.
    sides : Sides
        Of the network up to these layers.
    """
    size, windows = tuple(values.shape[2:]), [(0,)] * (values.ndim - 2)
    whole = sides.padded(size)
    if sides.fixed is not None:
        windows = [
            _starts(*both, _common_stride(infos, axis)) for axis, both in enumerate(zip(size, whole, strict=True))
        ]
        whole = tuple(starts[-1] + side for starts, side in zip(windows, whole, strict=True))
    values = mirror_to(values, whole)
    places = list(itertools.product(*windows))
    if len(places) == 1:
        activations = record(values)
    else:
        assert sides.fixed is not None
        activations = _blended(record, values, infos, sides.fixed, places)
    return {name: _cut(one, infos[name], size, whole) for name, one in activations.items()}


def mirror_to(values: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Extend ``(batch, channel, *space)`` values at the end of each axis by mirroring, as often as it takes."""
    for axis, wanted in enumerate(size, start=2):
        side = values.shape[axis]
        if side >= wanted:
            continue
        period = max(1, 2 * (side - 1))
        beyond = torch.arange(side, wanted, device=values.device) % period
        mirrored = torch.where(beyond < side, beyond, period - beyond)
        values = torch.cat([values, values.index_select(axis, mirrored)], dim=axis)
    return values


def _starts(side: int, window: int, stride: int) -> tuple[int, ...]:
    """Return where windows start along an axis: evenly, on the grid of the units, and one of them covers the end."""
    n_steps = math.ceil((side - window) / (window * (1 - _SHARED))) if side > window else 0
    if not n_steps:
        return (0,)
    step = math.ceil((side - window) / n_steps / stride) * stride
    return tuple(number * step for number in range(n_steps + 1))


def _common_stride(infos: Mapping[str, LayerInfo], axis: int) -> int:
    strides = (stride[axis] for info in infos.values() if (stride := _grid_stride(info)) is not None)
    return math.lcm(*(max(1, math.ceil(stride)) for stride in strides))


def _grid_stride(info: LayerInfo) -> tuple[float, ...] | None:
    return info.stride if info.has_positions else None


def _blended(
    record: Callable[[torch.Tensor], Activations],
    values: torch.Tensor,
    infos: Mapping[str, LayerInfo],
    window: Size,
    places: Sequence[Size],
) -> Activations:
    """Return the activations of windows as those of the whole: blended, averaged or one after another."""
    names = list(infos)
    totals: dict[str, torch.Tensor] = {}
    weights: dict[str, torch.Tensor] = {}
    lists: dict[str, list[torch.Tensor]] = {name: [] for name in names}

    def run(part: torch.Tensor) -> tuple[torch.Tensor, ...]:
        recorded = record(part)
        return tuple(recorded[name] for name in names)

    for place in places:
        part = values[(..., *(slice(first, first + side) for first, side in zip(place, window, strict=True)))]
        # Only one window's graph is in memory at a time.
        recorded = checkpoint(run, part, use_reentrant=False) if torch.is_grad_enabled() else run(part)
        for name, units in zip(names, recorded, strict=True):
            stride = _grid_stride(infos[name])
            if stride is None:
                lists[name].append(units)
                continue
            first = [round(start / step) for start, step in zip(place, stride, strict=True)]
            if name not in totals:
                last = (round(start / step) for start, step in zip(places[-1], stride, strict=True))
                space = [start + count for start, count in zip(last, units.shape[2:], strict=True)]
                totals[name] = units.new_zeros((*units.shape[:2], *space))
                weights[name] = units.new_zeros(space)
            where = tuple(slice(start, start + count) for start, count in zip(first, units.shape[2:], strict=True))
            weight = _taper(units)
            totals[name][(..., *where)] += units * weight
            weights[name][where] += weight
    blended = {name: total / weights[name] for name, total in totals.items()}
    for name, parts in lists.items():
        if parts:
            is_sequence = parts[0].shape[2] > 1
            blended[name] = torch.cat(parts, dim=2) if is_sequence else torch.stack(parts).mean(0)
    return {name: blended[name] for name in names}


def _taper(units: torch.Tensor) -> torch.Tensor:
    """Return the weight of each unit of a window: 1 in its middle, falling smoothly towards its edges."""
    weight = units.new_ones(units.shape[2:])
    for axis, count in enumerate(units.shape[2:]):
        centres = (torch.arange(count, device=units.device, dtype=torch.float32) + 0.5) / count
        along = torch.sin(torch.pi / 2 * (torch.minimum(centres, 1 - centres) / _SHARED).clamp(max=1.0)) ** 2
        weight = weight * along.to(units.dtype).reshape([-1 if other == axis else 1 for other in range(weight.ndim)])
    return weight


def _cut(units: torch.Tensor, info: LayerInfo, size: Size, whole: Size) -> torch.Tensor:
    """Cut the units that lie beyond an input of a size, of those that were computed on a larger one."""
    strides = _grid_stride(info)
    if strides is None:
        return units
    axes = zip(units.shape[2:], size, whole, strides, strict=True)
    return units[(..., *(slice(_n_kept(*axis)) for axis in axes))]


def _n_kept(n_units: int, side: int, padded: int, stride: float) -> int:
    """Return how many units lie over an input along an axis, of those computed on one that was extended at its end."""
    n_whole = math.floor((padded - side) / stride + _ROUNDING)
    # Where the stride does not divide the extension, a unit in part beyond the input may be one too many.
    on_input, on_padded = (math.ceil(length / stride - _ROUNDING) for length in (side, padded))
    return max(1, min(n_units - n_whole, on_input + max(0, n_units - on_padded)))
