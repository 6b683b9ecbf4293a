"""Faster equivalents of some operations on a CPU, with the same results."""

from __future__ import annotations

import ctypes
import sys
from functools import cache, partial
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from seisdream.models.zoo.lrn import LocalResponseNorm
from seisdream.models.zoo.unet import UNet

if TYPE_CHECKING:
    from seisdream.models.preprocessing import Preprocessing

# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# Activations of a tile are smaller than this. A larger block is as large as a section, and goes back at once: the heap
# would keep several of its size in pieces.
_LARGE, _MOST_KEPT = 2**28, 2**30


@cache
def keep_memory() -> bool:
    """Let this process keep freed memory for the next step; return whether its C library can.

    Each step allocates and frees the same activations. By default glibc returns blocks of this size to the system,
    which zeroes the pages again: a third to a half of the time of a step.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, _LARGE) and mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT))


def release_memory() -> None:
    """Return to the system what `keep_memory` kept, where a large computation has ended."""
    if keep_memory():
        ctypes.CDLL(None).malloc_trim(0)


def channels_last(values: torch.Tensor) -> torch.Tensor:
    """Return ``(batch, channel, row, column)`` values in channels_last memory order; cubes are returned unchanged.

    Unlike ``contiguous`` this also works for one channel. There both orders have the same strides, and torch would
    compute the output of the first convolution in the other order, with two more passes over the finest activations.
    """
    if values.ndim != 4:
        return values
    if values.shape[1] == 1:
        return values.reshape(len(values), *values.shape[2:], 1).permute(0, 3, 1, 2)
    return values.contiguous(memory_format=torch.channels_last)


def optimize_for_inference(module: nn.Module, stem: str | None, preprocessing: Preprocessing) -> None:
    """Replace operations of a frozen module by equivalents with faster forward and backward passes.

    Parameters
    ----------
    module : Module
        In evaluation mode, in its precision and in `channels_last`; changed in place.
    stem : str, optional
        The only convolution that takes the input of the module. It then also takes grey levels
        ``(batch, 1, row, column)``.
    preprocessing : Preprocessing
        From grey levels to the input of the module.
    """
    for part in module.modules():
        if isinstance(part, LocalResponseNorm):
            part.forward = partial(_LocalResponseNorm.apply, part.window, part.k)
        if isinstance(part, UNet):
            speed_up_halving(part)
    if stem is not None:
        convolution = module.get_submodule(stem)
        assert isinstance(convolution, nn.Conv2d)
        convolution._conv_forward = GreyStem(convolution, preprocessing)  # pyright: ignore[reportAttributeAccessIssue]


def speed_up_halving(network: UNet) -> None:
    """Halve the cost of downsampling in a U-Net for sections, in training too."""
    if network.n_dims == 2:
        network.halve = partial(_Halved.apply, network.halve)


class GreyStem:
    """The first convolution of a colour network, computed on grey levels.

    Three equal channels are one channel with the sum of the weights. The mean that preprocessing subtracts becomes a
    second channel of ones, because padding is zero after preprocessing and not before. The forward pass is float32 in
    every precision: in bfloat16, grey levels would be rounded to whole numbers.

    Parameters
    ----------
    convolution : Conv2d
        With three input channels and a square kernel, not dilated.
    preprocessing : Preprocessing
        Of the network.
    """

    def __init__(self, convolution: nn.Conv2d, preprocessing: Preprocessing) -> None:
        self._convolution = convolution
        weight = convolution.weight.detach()
        weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
        scale, mean, std = (
            torch.tensor(values, dtype=weight.dtype, device=weight.device)[None, :, None, None]
            for values in ((preprocessing.scale,) * 3, preprocessing.mean, preprocessing.std)
        )
        self._weight = torch.stack([(weight * factor).sum(1) for factor in (scale / std, -mean / std)], 1)
        self._bias = None if convolution.bias is None else convolution.bias.detach().to(weight.dtype)
        self._back = _by_phase(self._weight[:, :1], convolution.stride[0]).to(convolution.weight.dtype)

    def __call__(self, values: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Return the convolution of grey levels, ``(batch, 1, row, column)``, or of preprocessed colours."""
        if values.shape[1] == 3:
            return nn.Conv2d._conv_forward(self._convolution, values, weight, bias)
        return _GreyConvolution.apply(values, self)

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        """Return the convolution of ``(batch, 1, row, column)``."""
        values = channels_last(torch.cat([grey, torch.ones_like(grey)], 1).to(self._weight.dtype))
        like = self._convolution
        return functional.conv2d(values, self._weight, self._bias, like.stride, like.padding).to(like.weight.dtype)

    def backward(self, gradient: torch.Tensor, size: torch.Size) -> torch.Tensor:
        """Return the gradient with respect to an image from that of its convolution.

        Convolutions to few channels are slow. So the gradients of all ``stride²`` phases of the image are computed as
        channels of one convolution, in four quarters of the kernel, and then interleaved.
        """
        half, stride, padding = self._back.shape[-1], self._convolution.stride[0], int(self._convolution.padding[0])
        quarters = functional.conv2d(gradient, self._back, padding=half - 1)
        rows, columns = quarters.shape[2:]
        shape = (len(gradient), stride**2, rows + half, columns + half)
        phases = channels_last(torch.zeros(shape, dtype=self._weight.dtype, device=gradient.device))
        for number, quarter in enumerate(quarters.split(stride**2, 1)):
            down, across = half * (number // 2), half * (number % 2)
            phases[..., down : down + rows, across : across + columns] += quarter
        image = functional.pixel_shuffle(phases, stride)
        # No unit depends on samples beyond the last stride.
        missing = [max(0, padding + n - had) for n, had in zip(size, image.shape[2:], strict=True)]
        image = functional.pad(image, (0, missing[1], 0, missing[0])) if any(missing) else image
        return image[..., padding : padding + size[0], padding : padding + size[1]]


def _by_phase(weight: torch.Tensor, stride: int) -> torch.Tensor:
    """Return backward weights ``(quarter * phase, channel, half, half)`` for weights ``(channel, 1, tap, tap)``."""
    half = -(-weight.shape[-1] // (2 * stride))
    missing = 2 * half * stride - weight.shape[-1]
    taps = functional.pad(weight[:, 0], (0, missing, 0, missing))
    # Along each axis, tap = stride * (half * quarter + step) + phase; the gradient needs the steps reversed.
    split = taps.reshape(len(taps), 2, half, stride, 2, half, stride).flip(2, 5)
    return split.permute(1, 4, 3, 6, 0, 2, 5).reshape(4 * stride**2, len(taps), half, half)


class _GreyConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, grey, stem):
        ctx.stem, ctx.size = stem, grey.shape[2:]
        return stem.forward(grey)

    @staticmethod
    def backward(ctx, gradient):  # pyright: ignore[reportIncompatibleMethodOverride]
        return ctx.stem.backward(gradient, ctx.size), None


class _LocalResponseNorm(torch.autograd.Function):
    """`LocalResponseNorm` with a backward pass that takes half the passes over memory of autograd's."""

    @staticmethod
    def forward(ctx, window, k, values):
        scale = functional.conv2d(values * values, window, k)
        power = scale.sqrt().mul_(scale).rsqrt_()
        ctx.save_for_backward(window, values, scale, power)
        return values * power

    @staticmethod
    def backward(ctx, gradient):  # pyright: ignore[reportIncompatibleMethodOverride]
        window, values, scale, power = ctx.saved_tensors
        straight = gradient * power
        across = functional.conv2d((straight * values).div_(scale), window)  # The window is symmetric.
        return None, None, straight.sub_(across.mul_(values), alpha=1.5)


class _Halved(torch.autograd.Function):
    """`UNet.halve` with a backward pass that copies each value instead of summing over windows."""

    @staticmethod
    def forward(ctx, halve, values):
        ctx.size = values.shape[2:]
        return halve(values)

    @staticmethod
    def backward(ctx, gradient):  # pyright: ignore[reportIncompatibleMethodOverride]
        shared = gradient * 0.25
        for axis, n_samples in enumerate(ctx.size, start=2):
            if n_samples % 2:  # The last window has one sample.
                shared.select(axis, -1).mul_(2.0)
        spread = functional.interpolate(shared, scale_factor=2.0, mode="nearest")
        return None, spread[..., : ctx.size[0], : ctx.size[1]]
