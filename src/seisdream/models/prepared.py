"""A network ready to run: a frozen copy on its device, in its precision, that records activations."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn
from torch.overrides import TorchFunctionMode

from seisdream.errors import SeisdreamError
from seisdream.models.cpu_fusion import channels_last, keep_memory, optimize_for_inference
from seisdream.models.failures import describe_error
from seisdream.models.fitting import record_fitted
from seisdream.models.frozen_copy import device_of, is_own, plain_execution
from seisdream.models.layers import LayerInfo, channels_first, first_tensor, with_activations
from seisdream.models.module_state import ModuleState
from seisdream.models.network import Network
from seisdream.models.normalisation import Statistics
from seisdream.models.output import main_tensor
from seisdream.models.sides import Sides
from seisdream.models.trial import private_copy, use_channels_last
from seisdream.models.zoo.unet import UNet

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


class PreparedNetwork:
    """A copy of a network in evaluation mode: frozen, on its device, in its precision.

    Parameters
    ----------
    network : Network
        It is not changed.
    device : str, default "cpu"
        As for `torch.device`; see `resolve_device` for "auto".
    precision : {"float32", "bfloat16", "float64"}, default "float32"
        Precision of the layers; see `resolve_precision` for "auto".
    optimize : bool, default True
        Replace operations by faster equivalents (`seisdream.models.cpu_fusion`); False runs the module as it is.
    """

    def __init__(
        self, network: Network, device: str = "cpu", precision: str = "float32", *, optimize: bool = True
    ) -> None:
        if precision not in _DTYPES:
            raise _unknown_precision(precision)
        self.network = network
        self._statistics: Statistics | None = None
        self.device = torch.device(device)
        self._is_on_cpu = self.device.type == "cpu"
        self._sides: dict[tuple[str, ...], Sides] = {}
        if self._is_on_cpu:
            keep_memory()
        self.dtype = _DTYPES[precision]
        self._is_exact = precision != "bfloat16"
        self._is_autocast = precision == "bfloat16" and not network.runs_whole_in_bfloat16
        if self._is_autocast:
            self.dtype = torch.float32
        trial = network.trial
        if trial.keeps_dtype:  # its input is float32
            self.dtype, self._is_autocast = torch.float32, False
        self.module = private_copy(network.module, network.name, self.device, None if trial.keeps_dtype else self.dtype)
        # Faster on CPU and GPU; `_ContiguousNormGradients` keeps gradients right.
        self._is_channels_last = not trial.is_contiguous
        if self._is_channels_last:
            use_channels_last(self.module)
        # Autocast would not reach into the replacement of a stem.
        is_plain = network.preprocessing.is_fixed and not network.preprocessing.constants
        self._takes_grey = (
            optimize and network.stem is not None and is_plain and self._is_on_cpu and not self._is_autocast
        )
        self._can_compute_part = isinstance(self.module, UNet) and is_own(self.module)
        if optimize and self._is_on_cpu:
            optimize_for_inference(self.module, network.stem if self._takes_grey else None, network.preprocessing)
        self._state = ModuleState(self.module)

    def exactly(self) -> AbstractContextManager[None]:
        """Return a context in which a GPU computes in full float32 and deterministically.

        `record` enters it by itself; put the backward pass inside it too. On a CPU, and in bfloat16, it does nothing.
        """
        return _without_tf32() if self._is_exact and self.device.type == "cuda" else nullcontext()

    def with_statistics(self, of: torch.Tensor | Statistics, is_present: NDArray | None = None) -> PreparedNetwork:
        """Return the same network, whose normalisation uses the statistics of a section or volume from now on.

        Tiles, octaves and changed copies of a section are then normalised alike. Where the preprocessing is fixed, or
        its statistics are those of each window, the network itself is returned.

        Parameters
        ----------
        of : Tensor or Statistics
            The section in grey levels that are not clipped, ``(batch, channel, *space)``, or its statistics.
        is_present : array, optional
            Booleans shaped as the space: the samples that count.
        """
        if not self.network.preprocessing.is_bound_once:
            return self
        bound = copy.copy(self)
        bound._statistics = of if isinstance(of, Statistics) else Statistics.of(of, is_present)
        return bound

    def normalised(self, image: torch.Tensor) -> torch.Tensor:
        """Return the input of the network for an image in grey levels, in the image's precision."""
        return self.network.preprocessing(image, self._statistics)

    def record(self, image: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Run the network up to the deepest of some layers and return their activations.

        An image of a size that the network does not take is extended by mirroring and the activations are cut, or it is
        computed in overlapping windows (`seisdream.models.fitting`).

        Parameters
        ----------
        image : Tensor
            ``(batch, 1 or 3 RGB, row, column)``, or ``(batch, 1, time, inline, crossline)`` for a network for cubes;
            float32 grey levels 0 to 255, or beyond where the network is normalised by statistics. The activations are
            differentiable with respect to it.
        layers : sequence of str
            Names of layers. If a module is called several times, its last call counts.

        Returns
        -------
        dict of Tensor
            ``(batch, channel, row, column)`` in the prepared precision, by layer. A layer without positions has
            one row and one column. The patches of a transformer lie on their grid; other tokens form one column.

        Raises
        ------
        SeisdreamError
            If a layer does not exist, or the network does not run on an input of this size.
        """
        return self.network.convert_activations(self._record(image, layers))

    def _record(self, image: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        if image.ndim == 4:
            self.network.require_sections()
        else:
            self.network.require_cubes()
        infos = {name: self.network.layer(name) for name in layers}
        key = tuple(sorted(infos))
        sides, error = self._sides.get(key), None
        with self.exactly():
            try:
                if sides is None:
                    return self._run(self._input(image), infos)
            except SeisdreamError:
                raise
            except Exception as caught:  # a user's module can raise anything
                if self._is_autocast and "BFloat16" in str(caught):
                    self._is_autocast = False  # one of its operations exists in float32 only
                    return self._record(image, layers)
                error = caught
            if sides is None and "memory" not in str(error):
                # Most networks take any size, so what sizes they take is found when the first is refused.
                sides = self.network.sides_up_to(key)
            if sides is None or (error is not None and sides.takes(image.shape[2:])):
                raise self._failure(error, image, layers) from error
            self._sides[key] = sides
            try:
                return self._run_fitted(image, infos, sides)
            except Exception as caught:
                raise self._failure(caught, image, layers) from caught

    def record_part(
        self, image: torch.Tensor, layer: str, part: Sequence[tuple[int, int]]
    ) -> tuple[torch.Tensor, Sequence[tuple[int, int]]]:
        """Return the activations of a layer over a part of an image, or over more where the network saves nothing.

        Parameters
        ----------
        image, layer
            As for `record`.
        part : sequence of (int, int)
            Half-open ranges of samples along each axis of the image.

        Returns
        -------
        Tensor
            ``(batch, channel, row, column)``.
        part : sequence of (int, int)
            The samples that they are of.
        """
        if not (self._can_compute_part and layer == "logits"):
            return self.record(image, (layer,))[layer], [(0, side) for side in image.shape[2:]]
        try:
            with self.exactly():
                recorded = self._run(self._input(image), {layer: self.network.layer(layer)}, part=part)
                return self.network.convert_activations(recorded)[layer], part
        except Exception as caught:
            raise self._failure(caught, image, (layer,)) from caught

    def _input(self, image: torch.Tensor) -> torch.Tensor:
        """Return the input of the module for an image in grey levels."""
        values = image.to(self.device)
        if self._takes_grey and values.shape[1] == 1:
            return values
        return self.normalised(values).to(self.dtype)

    def _run(self, values: torch.Tensor, infos: Mapping[str, LayerInfo], **options: Any) -> dict[str, torch.Tensor]:
        """Run the module on its input and return the activations of layers, channels first."""
        if len(values) > 1 and not self.network.trial.takes_batches:
            alone = [self._run(one, infos, **options) for one in values.split(1)]
            return {name: torch.cat([one[name] for one in alone]) for name in infos}
        recorded: dict[str, torch.Tensor] = {}
        autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=self._is_autocast)
        size = tuple(values.shape[2:])
        hooks = _hooked(self.module, infos.values(), recorded, size)
        values = channels_last(values) if self._is_channels_last else values.contiguous()
        with self._state.kept(), suppress(_AllRecorded), hooks, _ContiguousNormGradients(), plain_execution(), autocast:
            self.module(values, **options)
        for name, activations in recorded.items():
            if len(activations) != len(values):
                raise SeisdreamError(
                    f"Layer '{name}' of {self.network.name} has {len(activations)} outputs for {len(values)} image(s) "
                    f"of {' × '.join(map(str, size))} samples, such as the windows of attention; use another layer "
                    f"(seisdream layers {self.network.name}).",
                    code="not-supported",
                    option="layer",
                )
        return {name: recorded[name] for name in infos}

    def _run_fitted(self, image: torch.Tensor, infos: Mapping[str, LayerInfo], sides: Sides) -> dict[str, torch.Tensor]:
        """Run the module on an image of a size that it does not take."""
        preprocessing = self.network.preprocessing
        if sides.fixed is None or preprocessing.is_fixed or preprocessing.is_bound_once:
            return record_fitted(partial(self._run, infos=infos), self._input(image), infos, sides)
        # Each window is normalised by its own statistics.
        return record_fitted(lambda part: self._run(self._input(part), infos), image, infos, sides)

    def _failure(self, error: Exception | None, image: torch.Tensor, layers: Sequence[str]) -> SeisdreamError:
        reason = describe_error(error) if error else "it takes no input of this size"
        is_memory = "memory" in reason
        size = " × ".join(map(str, image.shape[2:]))
        return SeisdreamError(
            f"{self.network.name} does not run on {size} samples up to layer '{', '.join(layers)}': "
            f"{reason}. "
            + (
                "Compute it in smaller tiles (`tile`)."
                if is_memory
                else "Use an earlier layer (`layer`), a larger section or fewer octaves (`octaves`)."
            ),
            code="too-large" if is_memory else "network-failed",
            option="tile" if is_memory else "layer",
        )


class _ContiguousNormGradients(TorchFunctionMode):
    """Makes gradients contiguous before the backward pass of instance normalisation.

    torch 2.13 misreads channels_last gradients on the CPU for a batch of one: the forward pass is exact and the
    gradient is wrong. It is a function mode and not a module hook because the function can be called from anywhere.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        if func in (torch.instance_norm, nn.functional.instance_norm) and output.requires_grad:
            output.register_hook(torch.Tensor.contiguous)
        return output


@contextmanager
def _without_tf32() -> Iterator[None]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    settings: list[tuple[Any, str, Any]] = [(cudnn, "benchmark", False), (cudnn, "deterministic", True)]
    # torch 2.9 renamed the switch of TF32; it refuses to read the old name where a user has set the new one.
    if hasattr(matmul, "fp32_precision"):
        units = (matmul, *(getattr(cudnn, unit) for unit in ("conv", "rnn")))
        settings += [(unit, "fp32_precision", "ieee") for unit in units]
    else:
        settings += [(unit, "allow_tf32", False) for unit in (matmul, cudnn)]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in settings]
    try:
        for owner, name, value in settings:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


class _AllRecorded(BaseException):
    """Ends the forward pass early; not an `Exception`, so that no network's own `except` catches it."""


@contextmanager
def _hooked(
    module: nn.Module, infos: Collection[LayerInfo], recorded: dict[str, torch.Tensor], size: tuple[int, ...]
) -> Iterator[None]:
    """Record the activations of layers on an input of a size inside the block; all hooks are removed afterwards."""
    layers: dict[str, list[LayerInfo]] = {}
    for info in infos:
        layers.setdefault(info.module, []).append(info)
    n_left = {name: computed[0].n_calls for name, computed in layers.items()}
    handles = []

    def hook_of(name: str):
        def record(_module, _inputs, output):
            returned = layers[name][0].returned
            values = first_tensor(output) if returned is None else main_tensor(output, size)[0]
            assert values is not None  # as when the layers were found
            values = values if returned is None else returned.to_logits(values)
            for info in layers[name]:
                recorded[info.name] = channels_first(values, info, size)
                values = with_activations(values, recorded[info.name], info)
            n_left[name] -= 1
            if all(n_calls <= 0 for n_calls in n_left.values()):
                raise _AllRecorded
            if returned is not None:
                return output
            # Later operations may work in place and must not change the record.
            values = values.clone()
            return values if isinstance(output, torch.Tensor) else type(output)((values, *output[1:]))

        return record

    try:
        handles += [module.get_submodule(name).register_forward_hook(hook_of(name)) for name in layers]
        yield
    finally:
        for handle in handles:
            handle.remove()


def resolve_device(device: str = "auto", network: Network | None = None) -> str:
    """Return the device to run on.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"} or "cuda:N", default "auto"
        "auto" uses a GPU if there is one.
    network : Network, optional
        Where its module is on a GPU, "auto" is this one.

    Raises
    ------
    SeisdreamError
        If the device does not exist on this machine.
    """
    is_there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        own = torch.device("cpu") if network is None else device_of(network.module)
        if is_there.get(own.type, False) and own.type != "cpu":
            return str(own)
        return next(name for name in ("cuda", "mps", "cpu") if is_there[name])
    kind, _, number = device.partition(":")
    if not is_there.get(kind, False) or (number and not number.isdecimal()):
        here = ", ".join(name for name, there in is_there.items() if there)
        raise SeisdreamError(
            f"Device '{device}' is not available; this machine has: {here}. Use `device=auto`.",
            code="not-found",
            option="device",
        )
    if kind == "cuda" and number and int(number) >= torch.cuda.device_count():
        raise SeisdreamError(
            f"Device '{device}' is not available; this machine has {torch.cuda.device_count()} GPUs, numbered from 0.",
            code="not-found",
            option="device",
        )
    return device


def resolve_precision(precision: str = "auto", device: str = "cpu") -> str:
    """Return the precision to compute in.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}, default "auto"
        "auto" uses bfloat16 where the hardware multiplies it natively (AVX-512 BF16 or AMX on a CPU, CUDA GPUs
        from Ampere on), and float32 elsewhere.
    device : str, default "cpu"
        A resolved device.
    """
    if precision != "auto":
        if precision not in _DTYPES:
            raise _unknown_precision(precision)
        return precision
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    # torch has no public name for these queries yet; without them, use float32.
    queries = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    is_native = device == "cpu" and any(getattr(torch.cpu, query, bool)() for query in queries)
    return "bfloat16" if is_native else "float32"


def _unknown_precision(precision: str) -> SeisdreamError:
    return SeisdreamError(
        f"`precision` is '{precision}'; choose auto, float32 or bfloat16.", code="unknown-name", option="precision"
    )
