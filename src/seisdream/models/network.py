"""A network that dreams can be asked of: a module with its preprocessing, its layer names and its classes."""

from __future__ import annotations

import copy
import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import nn
from torch.overrides import TorchFunctionMode

from seisdream.errors import SeisdreamError, near_matches
from seisdream.models.cpu_fusion import channels_last, keep_memory, optimize_for_inference
from seisdream.models.layers import LayerInfo, channels_first, find_cube_layers, find_layers
from seisdream.models.preprocessing import Preprocessing

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_backward_hooks",
    "_backward_pre_hooks",
)

# A module without submodules is one layer, of this name.
_ONLY_LAYER = "output"
# Up to this many classes are all named where one is mistyped.
_MOST_LISTED = 20


class Network:
    """A named module with everything that a dream needs to know about it.

    The module is never changed: what runs is a private copy (`prepared`).

    Parameters
    ----------
    name : str
        The name that the user gave, such as ``googlenet``.
    module : torch.nn.Module
        Layers are addressed by the names of its submodules; a module that has none is one layer, ``output``.
    preprocessing : Preprocessing
        From grey levels to the module's input.
    classes : sequence of str, optional
        Names of the classes in output order; synonyms in one name are separated by commas.
    colours : sequence of str, optional
        A colour ``#rrggbb`` for each class, for maps.
    class_layer : str, optional
        The layer that holds one channel for each class, before any softmax. By default the last layer, other than
        a softmax, with as many channels as there are classes.
    default_layer : str, optional
        The layer to dream on if none is asked for. By default the last one on the coarsest grid of at most every
        16th sample (the grid of the original's ``inception_4c``, the bottom of a U-Net), and where all layers are
        as fine as the picture, or hardly any lies on a known grid, the one two thirds of the way.
    credit, licence : str
        Of the weights.
    channel_labels : dict, optional
        What each channel of a layer responds to, by layer, where that is known.
    survey : str, optional
        The one survey on whose labelled lines its classes were learned.
    is_ordered : bool, default False
        Whether its classes lie one below another in the order of their codes, as intervals between horizons do.
    frequencies : (float, float), optional
        Between which mean frequencies sections lie that are sampled like those that it learned from, in cycles a
        sample.
    runs_whole_in_bfloat16 : bool, default False
        Whether the weights themselves can be cast to bfloat16. Other modules keep float32 weights and run under
        `torch.autocast`, which leaves in float32 what needs it.
    stem : str, optional
        The convolution that alone sees the input, and sees it once: on grey pictures a network for colours then starts
        from one channel.

    Attributes
    ----------
    is_loadable : bool
        Whether its name, weights and options are enough to load it again; False for a module handed over.
    weights : str or None
        The file of weights that was given.
    options : dict
        What was stated of its input and its classes, ready for JSON: ``order``, ``scale``, ``mean`` and ``std`` of
        its preprocessing, and ``classes``.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        preprocessing: Preprocessing,
        *,
        classes: Sequence[str] = (),
        colours: Sequence[str] = (),
        class_layer: str | None = None,
        default_layer: str | None = None,
        credit: str = "",
        licence: str = "",
        channel_labels: dict[str, tuple[str, ...]] | None = None,
        survey: str = "",
        is_ordered: bool = False,
        frequencies: tuple[float, float] | None = None,
        runs_whole_in_bfloat16: bool = False,
        stem: str | None = None,
    ) -> None:
        self.name = name
        self.module = module
        self.preprocessing = preprocessing
        self.classes = tuple(classes)
        self.colours = tuple(colours)
        self.credit = credit
        self.licence = licence
        self.survey = survey
        self.is_ordered = is_ordered
        self.frequencies = frequencies
        self.runs_whole_in_bfloat16 = runs_whole_in_bfloat16
        self.stem = stem
        self.is_loadable = False
        self.weights: str | None = None
        self.options: dict[str, Any] = {}
        self._class_layer = class_layer
        self._default_layer = default_layer
        self._channel_labels = channel_labels or {}

    def __repr__(self) -> str:
        return f"Network({self.name!r}, {type(self.module).__name__}, {self.preprocessing.order})"

    @property
    def sees_cubes(self) -> bool:
        """Whether it looks at cubes ``(batch, 1, time, inline, crossline)`` instead of sections."""
        return getattr(self.module, "n_dims", 2) == 3

    def check_sees_sections(self) -> None:
        """Raise `SeisdreamError` where the network looks at cubes."""
        if self.sees_cubes:
            raise SeisdreamError(
                f"{self.name} looks at cubes (3-D), and this is for sections: choose a network for sections, such as "
                "--network facies, or train one. In Python seisdream.dreaming.cubes.dream_cube dreams with it."
            )

    @cached_property
    def layers(self) -> dict[str, LayerInfo]:
        """The layers by name, in the order in which they are computed.

        Raises
        ------
        SeisdreamError
            If the module does not run on a picture of any common size, or nothing in it is a layer.
        """
        if self.sees_cubes:
            return find_cube_layers(_private_copy(self.module, self.name).float(), self.preprocessing.n_channels)
        return find_layers(_private_copy(self.module, self.name).float(), self.preprocessing.n_channels, self.name)

    def layer(self, name: str) -> LayerInfo:
        """Return one layer; raise `SeisdreamError` with near matches if there is none of this name."""
        if name not in self.layers:
            close = near_matches(name, self.layers) or [*list(self.layers)[:2], "…", *list(self.layers)[-2:]]
            is_difference = any(part in self.layers for part in name.split("-"))
            raise SeisdreamError(
                f"Layer '{name}' is not in {self.name}; near it: {', '.join(close)} "
                f"(all: seisdream layers {self.name})."
                + (" Is it a difference? A minus sign stands between spaces." if is_difference else "")
            )
        return self.layers[name]

    @property
    def default_layer(self) -> str:
        """The layer to dream on if none is asked for."""
        if self._default_layer is not None:
            return self.layer(self._default_layer).name
        maps = [name for name, info in self.layers.items() if info.has_positions] or list(self.layers)
        strides = {name: max(stride) for name in maps if (stride := self.layers[name].stride)}
        coarse = max((stride for stride in strides.values() if stride <= 16), default=1)
        # In a transformer of one fixed size hardly a layer has a known grid.
        if coarse > 1 and 2 * len(strides) > len(maps):
            return [name for name, stride in strides.items() if stride == coarse][-1]
        return maps[2 * (len(maps) - 1) // 3]

    @property
    def class_layer(self) -> str | None:
        """The layer whose channels are the classes' logits, before any softmax; None without classes."""
        if self._class_layer is not None:
            return self.layer(self._class_layer).name
        if not self.classes:
            return None
        fitting = [
            name
            for name, info in self.layers.items()
            if info.n_channels == len(self.classes) and "softmax" not in info.kind.lower()
        ]
        return fitting[-1] if fitting else None

    def class_index(self, name: str | int) -> int:
        """Return the output channel of a class.

        Parameters
        ----------
        name : str or int
            The class's number, its full name, or any one of its comma-separated synonyms, in any case.

        Raises
        ------
        SeisdreamError
            If the network has no such class (with near matches), or several of that name.
        """
        if self.class_layer is None:
            raise SeisdreamError(f"{self.name} has no classes; ask for a layer instead (seisdream layers {self.name}).")
        n_classes = self.layer(self.class_layer).n_channels
        text = str(name).strip()
        if text.isdecimal():
            if int(text) < n_classes:
                return int(text)
            raise SeisdreamError(f"{self.name} has no class {text}; its classes are numbered 0 to {n_classes - 1}.")
        if not self.classes:
            raise SeisdreamError(
                f"The names of {self.name}'s classes are not at hand, so '{text}' means nothing; give the class's "
                f"number, 0 to {n_classes - 1}, or a file of names, one a line (--classes FILE)."
            )
        wanted = text.casefold()
        matches = [i for i, names in enumerate(self.classes) if wanted == names.casefold()]
        matches = matches or [
            i for i, names in enumerate(self.classes) if wanted in {n.strip().casefold() for n in names.split(",")}
        ]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise SeisdreamError(
                f"'{text}' names several classes of {self.name}; give the number of one: "
                + "; ".join(f"{i} ({self.classes[i]})" for i in matches)
                + "."
            )
        synonyms = dict.fromkeys(synonym.strip() for names in self.classes for synonym in names.split(","))
        if len(self.classes) <= _MOST_LISTED:
            there = f"its classes are {'; '.join(self.classes)}"
            if close := near_matches(text, synonyms):
                there += f" (nearest: {close[0]})"
        elif close := near_matches(text, synonyms):
            there = f"near it are {', '.join(close)}"
        else:
            there = f"it has {n_classes}, and none has a name like it"
        raise SeisdreamError(
            f"{self.name} has no class '{text}'; {there}. A class's number works too (0 to {n_classes - 1})."
        )

    def out_of_domain_reason(self, section: xr.DataArray) -> str | None:
        """Return why the classes may mean nothing on a section, or None.

        They may where they were learned on one survey, and neither the name of the section's file nor its credit names
        that survey.
        """
        if not self.survey:
            return None
        source = Path(str(section.attrs.get("source") or "")).name
        told = " ".join((source, str(section.attrs.get("credit") or "")))
        if re.search(rf"(?<![a-z0-9]){re.escape(self.survey)}(?![a-z0-9])", told, re.IGNORECASE):
            return None
        return (
            f"{'/'.join(Path(self.name).parts[-2:])} learned its classes on one survey, {self.survey}, and nothing "
            f"says that {source or 'this section'} is of it: elsewhere it names them all the same, and they mean "
            "nothing."
        )

    def channel_labels(self, layer: str) -> tuple[str, ...] | None:
        """Return what each channel of a layer responds to, where that is known by construction."""
        self.layer(layer)
        return self._channel_labels.get(layer)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the weights as they are now: names, types, shapes and bytes, in order of name."""
        digest = hashlib.sha256()
        for name, value in sorted(self.module.state_dict().items()):
            if isinstance(value, torch.Tensor):
                digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
                digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def prepared(self, device: str = "cpu", precision: str = "float32", *, is_quick: bool = True) -> PreparedNetwork:
        """Return a private, frozen copy of the network that is ready to run.

        Parameters
        ----------
        device : str, default "cpu"
            As `torch.device` understands it; see `resolve_device` for "auto".
        precision : {"float32", "bfloat16", "float64"}, default "float32"
            What the layers compute in; see `resolve_precision` for "auto".
        is_quick : bool, default True
            Replace what has a quicker equal (`nets.quick`); False runs the module as it is.
        """
        return PreparedNetwork(self, device, precision, is_quick=is_quick)


class PreparedNetwork:
    """A private copy of a network: in evaluation mode, frozen, on its device, in its precision."""

    def __init__(self, network: Network, device: str, precision: str, *, is_quick: bool = True) -> None:
        if precision not in _DTYPES:
            raise SeisdreamError(f"Precision '{precision}' is not known; choose float32 or bfloat16 (--precision).")
        self.network = network
        self.device = torch.device(device)
        self._is_on_cpu = self.device.type == "cpu"
        if self._is_on_cpu:
            keep_memory()
        self.dtype = _DTYPES[precision]
        self._is_exact = precision != "bfloat16"
        self._is_autocast = precision == "bfloat16" and not network.runs_whole_in_bfloat16
        if self._is_autocast:
            self.dtype = torch.float32
        self.module = _private_copy(network.module, network.name).to(self.device, self.dtype)
        # channels_last pays for convolutions on CPU and GPU alike, and with `_RightGradients` changes nothing else.
        for parameter in self.module.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        # Autocast would not reach into what replaces a stem.
        self._takes_grey = is_quick and network.stem is not None and self._is_on_cpu and not self._is_autocast
        if is_quick and self._is_on_cpu:
            optimize_for_inference(self.module, network.stem if self._takes_grey else None, network.preprocessing)

    def exactly(self) -> AbstractContextManager[None]:
        """Return a context in which a GPU computes what float32 says, and the same each time.

        `record` is inside it already; put what differentiates the record inside it too. On a CPU, and in bfloat16,
        it does nothing.
        """
        return _without_tf32() if self._is_exact and self.device.type == "cuda" else nullcontext()

    def record(self, picture: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Run the network as far as the deepest layer asked for, and return what the layers say.

        Parameters
        ----------
        picture : Tensor
            ``(batch, 1 or 3 RGB, row, column)``, or a cube where it sees cubes, float32 grey levels 0 to 255. What is
            returned is differentiable with respect to it.
        layers : sequence of str
            Names of layers; where a module is called several times, the last call counts.

        Returns
        -------
        dict of Tensor
            ``(batch, channel, row, column)`` in the prepared precision, by layer. A layer without positions has
            one row and one column; a transformer's tokens are one column of positions.

        Raises
        ------
        SeisdreamError
            If a layer does not exist, or the picture has a size that the network cannot take.
        """
        if picture.ndim == 4:
            self.network.check_sees_sections()
        infos = {name: self.network.layer(name) for name in layers}
        recorded: dict[str, torch.Tensor] = {}
        with _hooked(self.module, infos, recorded), self.exactly(), _RightGradients():
            try:
                values = picture.to(self.device)
                if not (self._takes_grey and picture.shape[1] == 1):
                    values = self.network.preprocessing(values).to(self.dtype)
                values = channels_last(values)
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self._is_autocast):
                    self.module(values)
            except _AllRecorded:
                pass
            except (RuntimeError, AssertionError, ValueError) as error:
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                hint = (
                    "Look at it in smaller tiles (--tile)"
                    if "memory" in reason
                    else "Choose an earlier layer, a larger section or fewer octaves (--layer, --octaves)"
                )
                raise SeisdreamError(
                    f"{self.network.name} cannot look at {' × '.join(map(str, picture.shape[2:]))} samples as far as "
                    f"'{', '.join(infos)}': {reason.rstrip('.')}. {hint}."
                ) from error
        return {name: channels_first(recorded[name], info) for name, info in infos.items()}


class _RightGradients(TorchFunctionMode):
    """Keeps channels_last away from the backward pass of instance normalisation while inside.

    torch 2.13 misreads such gradients on the CPU for a batch of one: the forward pass is exact, and the gradient
    points nowhere. Here rather than on modules, because the function can be called from anywhere.
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
    """Leaves the forward pass early; not an `Exception`, so that no network's own `except` catches it."""


@contextmanager
def _hooked(module: nn.Module, infos: dict[str, LayerInfo], recorded: dict[str, torch.Tensor]) -> Iterator[None]:
    """Record the named layers' outputs while inside; every hook is gone outside, whatever happened."""
    awaited = {name: info.n_calls for name, info in infos.items()}
    handles = []

    def hook_of(name: str):
        def record(_module, _inputs, output):
            recorded[name] = output
            awaited[name] -= 1
            if all(n_calls <= 0 for n_calls in awaited.values()):
                raise _AllRecorded
            # What follows may work in place; the record must stay what this layer said.
            return output.clone()

        return record

    try:
        handles += [module.get_submodule(name).register_forward_hook(hook_of(name)) for name in infos]
        yield
    finally:
        for handle in handles:
            handle.remove()


def _private_copy(module: nn.Module, name: str) -> nn.Module:
    try:
        private = copy.deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise SeisdreamError(
            f"{name} cannot be copied ({str(error).splitlines()[0]}), and the original is never worked on; detach "
            "tensors kept on the module, and remove old-style weight_norm or spectral_norm first."
        ) from error
    for part in private.modules():
        # The user's hooks are for the user's runs. Those before the forward pass stay: weight_norm computes in one.
        for kind in _HOOKS:
            getattr(part, kind).clear()
    if not any(True for _ in private.children()):
        private = nn.Sequential(OrderedDict({_ONLY_LAYER: private}))
    return private.eval().requires_grad_(False)


def resolve_device(device: str = "auto") -> str:
    """Return the device to run on.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"} or "cuda:N", default "auto"
        "auto" takes a GPU where there is one.

    Raises
    ------
    SeisdreamError
        If the device does not exist here.
    """
    is_there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if is_there[name])
    kind, _, number = device.partition(":")
    if not is_there.get(kind, False) or (number and not number.isdecimal()):
        here = ", ".join(name for name, there in is_there.items() if there)
        raise SeisdreamError(f"Device '{device}' is not available; here there is: {here} (--device auto).")
    if kind == "cuda" and number and int(number) >= torch.cuda.device_count():
        raise SeisdreamError(f"Device '{device}' is not available; there are {torch.cuda.device_count()} GPUs.")
    return device


def resolve_precision(precision: str = "auto", device: str = "cpu") -> str:
    """Return the precision to compute in.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}, default "auto"
        "auto" takes bfloat16 where the hardware multiplies it natively (AVX-512 BF16 or AMX on a CPU, CUDA GPUs
        from Ampere on), float32 elsewhere.
    device : str, default "cpu"
        A resolved device.
    """
    if precision != "auto":
        if precision not in _DTYPES:
            raise SeisdreamError(
                f"Precision '{precision}' is not known; choose auto, float32 or bfloat16 (--precision)."
            )
        return precision
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    # These queries have no public name yet; where a version of torch lacks them, exactness wins.
    queries = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    is_native = device == "cpu" and any(getattr(torch.cpu, query, bool)() for query in queries)
    return "bfloat16" if is_native else "float32"
