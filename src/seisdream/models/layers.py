"""A layer of a network: name, channels, stride and receptive field, and how its output becomes activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from seisdream.models.output import ReturnedForm
from seisdream.models.tokens import TokenPart, replace_tokens, take_tokens


@dataclass(frozen=True)
class LayerInfo:
    """One layer of a network.

    Attributes
    ----------
    name : str
        Name of the module in the network. For some tokens of a sequence, ``/class``, ``/distillation``, ``/registers``
        or ``/patches`` follows.
    kind : str
        Class of the module.
    n_channels : int
        Channels of its output.
    stride : tuple of float or None
        Samples of the input between neighbouring units, along rows and columns or the axes of a cube; below 1 after
        upsampling. None if units have no known grid.
    receptive_field : tuple of int or None
        Rows and columns of the input, or samples along the axes of a cube, on which a unit can depend. None means the
        whole input.
    start : tuple of float or None
        Row and column of the input, counted from 0, at the centre of the receptive field of unit (0, 0). The centre of
        unit (i, j) is ``start + (i, j) * stride``.
    has_positions : bool
        Whether the output has rows and columns that follow those of the input.
    has_unit_per_sample : bool
        Whether there are as many units as samples, on an input of a size that needs no rounding.
    n_calls : int
        Number of calls of the module in one run; the last call counts.
    channel_axis : int
        Axis of the channels in the output of the module.
    returned : ReturnedForm or None
        Set where the layer stands for the main tensor that the network's `forward` returns; its values are logits.
    module : str
        Name of the module that computes it; empty for the whole network.
    tokens : TokenPart or None
        The tokens of a sequence that it consists of.
    """

    name: str
    kind: str
    n_channels: int
    stride: tuple[float, ...] | None
    receptive_field: tuple[int, ...] | None
    start: tuple[float, ...] | None
    has_positions: bool = True
    has_unit_per_sample: bool = False
    n_calls: int = 1
    channel_axis: int = 1
    returned: ReturnedForm | None = None
    module: str = ""
    tokens: TokenPart | None = None

    def __post_init__(self) -> None:
        module = "" if self.returned is not None else self.module or self.name
        object.__setattr__(self, "module", module)


def channels_first(output: torch.Tensor, info: LayerInfo, size: tuple[int, ...]) -> torch.Tensor:
    """Return the output of a layer as ``(batch, channel, *space)``, with size 1 for missing axes.

    Parameters
    ----------
    output : Tensor
        Of the layer's module.
    info : LayerInfo
        The layer.
    size : tuple of int
        Samples of the input along each axis of space.
    """
    if info.tokens is not None:
        stride = (info.stride[0], info.stride[1]) if info.stride else None
        output = take_tokens(output, info.tokens, stride, (size[0], size[1])).movedim(-1, 1)
    elif info.channel_axis != 1:
        output = output.movedim(info.channel_axis, 1)
    while output.ndim < 2 + len(size):
        output = output.unsqueeze(-1)
    return output


def with_activations(output: torch.Tensor, activations: torch.Tensor, info: LayerInfo) -> torch.Tensor:
    """Return the output of a layer's module computed from what `channels_first` returned, the inverse of it.

    So what is computed later depends on these activations.
    """
    if activations is output:
        return output
    if info.tokens is not None:
        tokens = activations.flatten(2).transpose(1, 2)
        return replace_tokens(output, info.tokens, tokens)
    while activations.ndim > output.ndim:
        activations = activations.squeeze(-1)
    return activations.movedim(1, info.channel_axis)


def first_tensor(output: Any) -> torch.Tensor | None:
    """Return the output of a module if it is a tensor, the first if it is a tuple or a list that starts with one."""
    if type(output) in (tuple, list) and output:
        output = output[0]
    return output if isinstance(output, torch.Tensor) else None
