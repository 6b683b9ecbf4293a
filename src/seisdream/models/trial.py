"""One small run of a network: its layers and classes, and whether the private copy computes what the module does."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import nn

from seisdream.errors import SeisdreamError
from seisdream.models.cpu_fusion import channels_last
from seisdream.models.find_layers import find_layers
from seisdream.models.frozen_copy import cast, device_of, frozen_copy, in_evaluation_mode, is_own, plain_execution
from seisdream.models.layers import LayerInfo
from seisdream.models.module_state import ModuleState
from seisdream.models.output import ClassOutput, main_tensor

# Largest difference of two outputs, relative to the largest value: rounding, in float32 and in half precision or in
# TF32 on a GPU.
_TOLERANCE, _ROUGH_TOLERANCE = 1e-3, 5e-2


@dataclass(frozen=True)
class Trial:
    """What one small run of a network showed.

    Attributes
    ----------
    layers : dict of LayerInfo
        By name, in the order in which they are computed.
    output : ClassOutput
        Where the class logits are.
    keeps_dtype : bool
        Whether the module runs only with weights in their own precision.
    is_contiguous : bool
        Whether the module needs inputs in the default order of memory, as for a `view`.
    takes_batches : bool
        Whether the images of a batch are computed as each alone: not where statistics are those of the whole batch, or
        the module takes one image only.
    """

    layers: dict[str, LayerInfo]
    output: ClassOutput
    keeps_dtype: bool = False
    is_contiguous: bool = False
    takes_batches: bool = True


def run_trial(
    module: nn.Module, name: str, n_channels: int, n_spatial_dims: int, class_layer: str | None = None
) -> Trial:
    """Run a network once and compare its private copy with it, unless it is one of seisdream's own.

    Parameters
    ----------
    module : Module
        The user's; it is as it was afterwards.
    name : str
        For messages.
    n_channels : int
        Channels of its input.
    n_spatial_dims : int
        2 for sections, 3 for cubes.
    class_layer : str, optional
        The layer of the classes, where it was given.

    Raises
    ------
    SeisdreamError
        If the network does not run, has no layer, or its copy computes something else.
    """
    device = device_of(module)
    private, keeps_dtype = private_copy(module, name, device, torch.float32), False
    try:
        found = find_layers(private, n_channels, name, class_layer, n_spatial_dims)
    except SeisdreamError as error:
        if not _has_other_precision(module):
            raise
        private, keeps_dtype = private_copy(module, name, device, None), True
        try:
            found = find_layers(private, n_channels, name, class_layer, n_spatial_dims)
        except SeisdreamError:
            raise error from None
    if is_own(module) and not keeps_dtype:
        return Trial(found.layers, found.output)
    image = found.image
    tolerance = _TOLERANCE if device.type == "cpu" else _ROUGH_TOLERANCE
    state = ModuleState(private)
    with state.kept():
        first = _output(private, image, seed=0)
    with state.kept():
        again = _output(private, image, seed=1)
    _compare_with_original(module, name, image, first)
    if not _is_equal(first, again, tolerance):
        warnings.warn(
            f"Two runs of {name} on the same input differ: something random stays on in evaluation mode, such as "
            "dropout. Results cannot be repeated exactly.",
            stacklevel=2,
        )
    with state.kept():
        takes_batches = _takes_batches(private, image, first, tolerance)
    use_channels_last(private)
    try:
        with state.kept():
            is_contiguous = not _is_equal(first, _output(private, channels_last(image), seed=0), tolerance)
    except Exception:  # such as a view that does not fit the order of memory
        is_contiguous = True
    return Trial(found.layers, found.output, keeps_dtype, is_contiguous, takes_batches)


def private_copy(module: nn.Module, name: str, device: torch.device, dtype: torch.dtype | None) -> nn.Module:
    """Return a frozen copy of a module on a device; its weights in a precision, or in their own (None)."""
    return cast(frozen_copy(module, name), device, dtype)


def use_channels_last(module: nn.Module) -> None:
    """Store the weights of convolutions in channels_last order, which is faster on CPU and GPU."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _output(module: nn.Module, image: torch.Tensor, *, seed: int) -> torch.Tensor | None:
    devices = [image.device] if image.device.type == "cuda" else []
    with torch.no_grad(), plain_execution(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        return main_tensor(module(image.clone()), image.shape[2:])[0]


def _takes_batches(module: nn.Module, image: torch.Tensor, alone: torch.Tensor | None, tolerance: float) -> bool:
    try:
        both = _output(module, torch.cat([image, 3 * image.flip(-1)]), seed=0)
    except Exception:  # such as a view of one image
        return False
    return both is None or (len(both) == 2 and _is_equal(both[:1], alone, tolerance))


def _compare_with_original(module: nn.Module, name: str, image: torch.Tensor, copied: torch.Tensor | None) -> None:
    inputs = [image]
    dtypes = {values.dtype for values in module.parameters() if values.is_floating_point()}
    inputs += [image.to(dtype) for dtype in dtypes if dtype != image.dtype]
    for one in inputs:
        try:
            with in_evaluation_mode(module):
                original = _output(module, one, seed=0)
        except Exception:  # such as an input in another precision than the weights
            continue
        is_rough = image.device.type != "cpu" or dtypes & {torch.float16, torch.bfloat16}
        tolerance = _ROUGH_TOLERANCE if is_rough else _TOLERANCE
        if not _is_equal(copied, original, tolerance):
            raise SeisdreamError(
                f"The private copy of {name} computes something else than the module itself, so what it shows would "
                "not be about your network. Something is shared with the original, such as a hook or a variable "
                "outside the module that keeps results; make it part of the module.",
                code="network-failed",
                option="network",
            )
        return


def _is_equal(first: torch.Tensor | None, second: torch.Tensor | None, tolerance: float) -> bool:
    if first is None or second is None:
        return first is second
    if first.shape != second.shape:
        return False
    first, second = (torch.nan_to_num(_as_doubles(values)) for values in (first, second))
    return float((first - second).abs().max()) <= tolerance * max(1e-6, float(second.abs().max()))


def _as_doubles(values: torch.Tensor) -> torch.Tensor:
    values = torch.view_as_real(values.resolve_conj()) if values.is_complex() else values
    return values.detach().to("cpu", torch.float64)


def _has_other_precision(module: nn.Module) -> bool:
    return any(values.is_floating_point() and values.dtype != torch.float32 for values in module.parameters())
