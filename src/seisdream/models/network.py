"""A network with what is needed to use it: preprocessing, layer names and classes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
import xarray as xr
from torch import nn

from seisdream.errors import SeisdreamError, near_matches
from seisdream.models.class_names import find_class
from seisdream.models.default_layer import choose_default_layer
from seisdream.models.frozen_copy import device_of, is_own, unwrapped
from seisdream.models.layers import LayerInfo
from seisdream.models.output import Activation, class_log_probabilities, class_probabilities
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.sides import Sides, SideTrials, find_n_dims, first_convolution
from seisdream.models.torchscript import update_with_code
from seisdream.models.trial import Trial, private_copy, run_trial
from seisdream.models.zoo.unet import UNet

_SCRIPT_LAYERS = (
    " {0} is TorchScript, whose inner layers cannot be reached: use its output or a class, or load the network from "
    "its Python code (PACKAGE.MODULE:FACTORY)."
)


class Network:
    """A PyTorch module with its name, preprocessing, layers and classes.

    The module is never changed: a frozen copy of it runs (`seisdream.models.prepared.PreparedNetwork`).

    Parameters
    ----------
    name : str
        The name that the user gave, such as ``googlenet``.
    module : torch.nn.Module
        Layers are addressed by the names of its submodules. A module without submodules is one layer, ``output``.
    preprocessing : Preprocessing
        From grey levels to the module's input.
    classes : sequence of str, optional
        Class names in output order. Commas separate the synonyms of one class.
    colours : sequence of str, optional
        A colour ``#rrggbb`` for each class, used in maps.
    class_layer : str, optional
        The layer with one channel for each class, before any softmax or sigmoid. Default: the layer of the logits
        that `forward` returns.
    class_activation : {"softmax", "sigmoid"}, optional
        How logits become probabilities: one class at each position, or each class by itself. Default: what the module
        applies to its logits; if that is nothing, softmax, or sigmoid for a single output.
    dims : {2, 3}, optional
        Whether the network takes sections or cubes. Default: as the module shows.
    has_classes : bool, default True
        Whether the channels that `forward` returns can be classes.
    default_layer : str, optional
        The layer to dream on when none is named. Default: as `choose_default_layer` finds it.
    credit, licence : str
        Credit and licence of the weights.
    channel_labels : dict, optional
        What each channel of a layer responds to, by layer, if it is known by design.
    survey : str, optional
        The one survey whose labels define the classes.
    is_ordered : bool, default False
        Whether classes lie below one another in the order of their codes, like intervals between horizons.
    frequencies : (float, float), optional
        Range of mean frequencies of the training sections, in cycles per sample.
    wavenumbers : (float, float), optional
        Range of their mean wavenumbers, in cycles per trace.
    runs_whole_in_bfloat16 : bool, default False
        Whether the weights themselves may be cast to bfloat16. Other modules keep float32 weights and run under
        `torch.autocast`, which leaves sensitive operations in float32.
    stem : str, optional
        The only convolution that takes the input. For grey input to a colour network it is computed on one channel.

    Attributes
    ----------
    is_loadable : bool
        Whether name, weights and options are enough to load the network again; False for a module object.
    weights : str or None
        The file of weights that was given.
    notes : list of str
        How the weights were loaded, where their names are not those of the module.
    options : dict
        The arguments of the preprocessing and the ``classes``, ``class_layer`` and ``class_activation`` that were
        given, ready for JSON.
    """

    class_kind: ClassVar[str] = "class"
    """What the classes are, for titles and names of files."""

    def __init__(
        self,
        name: str,
        module: nn.Module,
        preprocessing: Preprocessing,
        *,
        classes: Sequence[str] = (),
        colours: Sequence[str] = (),
        class_layer: str | None = None,
        class_activation: Activation | None = None,
        dims: int | None = None,
        has_classes: bool = True,
        default_layer: str | None = None,
        credit: str = "",
        licence: str = "",
        channel_labels: dict[str, tuple[str, ...]] | None = None,
        survey: str = "",
        is_ordered: bool = False,
        frequencies: tuple[float, float] | None = None,
        wavenumbers: tuple[float, float] | None = None,
        runs_whole_in_bfloat16: bool = False,
        stem: str | None = None,
    ) -> None:
        self.name = name
        self.module = unwrapped(module)
        self.preprocessing = preprocessing
        # A name is one line wherever it is shown.
        self.classes = tuple(re.sub(r"\s+", " ", name) for name in classes)
        self.colours = tuple(colours)
        self.credit = credit
        self.licence = licence
        self.survey = survey
        self.is_ordered = is_ordered
        self.frequencies = frequencies
        self.wavenumbers = wavenumbers
        self.runs_whole_in_bfloat16 = runs_whole_in_bfloat16
        self.stem = stem
        self.is_loadable = False
        self.weights: str | None = None
        self.notes: list[str] = []
        self.options: dict[str, Any] = {}
        self._class_layer = class_layer
        self._class_activation: Activation | None = class_activation
        self._has_classes = has_classes
        self._default_layer = default_layer
        self._channel_labels = channel_labels or {}
        self._dims = dims
        self._sides_by_layers: dict[frozenset[str], Sides | None] = {}

    def __repr__(self) -> str:
        return f"Network({self.name!r}, {type(self.module).__name__}, {self.preprocessing.order})"

    @cached_property
    def n_spatial_dims(self) -> int:
        """2 for networks on sections, 3 for networks on cubes ``(batch, channel, time, inline, crossline)``.

        Where it was not given: the module's attribute ``n_dims``, or what its convolutions and trial runs show.
        """
        declared = self._dims or getattr(self.module, "n_dims", None)
        if declared in (2, 3):
            return int(declared)
        if (first := first_convolution(self.module)) and "3d" not in first:
            return 2
        copy = private_copy(self.module, self.name, device_of(self.module), torch.float32)
        return find_n_dims(copy, self.preprocessing.n_channels)

    def choose_dims(self, dims: int) -> None:
        """Name the axes of the network's input: 2 for sections, 3 for cubes; before it is used."""
        if dims not in (2, 3):
            raise SeisdreamError(
                f"`dims` is {dims}; it must be 2 (sections) or 3 (cubes).", code="out-of-range", option="dims"
            )
        self._dims = dims

    def require_cubes(self) -> None:
        """Raise `SeisdreamError` if this is a network for sections."""
        if self.n_spatial_dims != 3:
            raise SeisdreamError(
                f"{self.name} is a network for sections (2-D) and the input is a cube: use a network for cubes, or one "
                "line of the cube. For a network of your own that takes cubes use `dims=3`.",
                code="not-supported",
                option="network",
            )

    def require_sections(self) -> None:
        """Raise `SeisdreamError` if this is a network for cubes."""
        if self.n_spatial_dims != 2:
            raise SeisdreamError(
                f"{self.name} is a network for cubes (3-D) and the input is a section: use a network for sections, "
                "such as `network=facies`, or open the input as a cube.",
                code="not-supported",
                option="network",
            )

    @property
    def layers(self) -> dict[str, LayerInfo]:
        """The layers by name, in the order in which they are computed.

        Raises
        ------
        SeisdreamError
            If the module runs on no input of a common size, or has no layer.
        """
        return self.trial.layers

    @cached_property
    def trial(self) -> Trial:
        """What one small run showed about the module."""
        return run_trial(self.module, self.name, self.preprocessing.n_channels, self.n_spatial_dims, self._class_layer)

    @cached_property
    def _side_trials(self) -> SideTrials:
        dtype = None if self.trial.keeps_dtype else torch.float32
        module = private_copy(self.module, self.name, device_of(self.module), dtype)
        return SideTrials(module, self.preprocessing.n_channels, self.n_spatial_dims)

    @cached_property
    def sides(self) -> Sides:
        """The sides of an input that the network takes, found by trial.

        An input of another size is extended by mirroring, or computed in overlapping windows.

        Raises
        ------
        SeisdreamError
            If the network does not run to its end on any size that is tried.
        """
        sides = self._side_trials.find()
        if sides is None:
            raise SeisdreamError(
                f"{self.name} runs to its end on none of the sizes that were tried, so the sides that it takes are not "
                "known.",
                code="network-failed",
                option="network",
            )
        return sides

    @cached_property
    def _takes_any_size(self) -> bool:
        """Whether a size needs no trial: seisdream's own U-Nets take any."""
        return isinstance(self.module, UNet) and is_own(self.module)

    def sides_up_to(self, layers: Iterable[str]) -> Sides | None:
        """Return the sides of an input on which the network runs up to some layers; None if there are none."""
        key = frozenset(layers)
        if self._takes_any_size:
            return Sides((1,) * self.n_spatial_dims, (1,) * self.n_spatial_dims)
        if key not in self._sides_by_layers:
            self._sides_by_layers[key] = self._side_trials.find(self._n_calls(key))
        return self._sides_by_layers[key]

    def _n_calls(self, layers: Iterable[str]) -> dict[str, int] | None:
        """Return how often layers are called, or None where one of them is what the whole network returns."""
        infos = [self.layer(name) for name in layers]
        return None if any(info.returned for info in infos) else {info.module: info.n_calls for info in infos}

    def note_on_size(self, size: Sequence[int], layers: Iterable[str]) -> str | None:
        """Return how an input of a size is made to fit the network up to some layers, or None if it fits."""
        layers = tuple(layers)
        if self._takes_any_size:
            return None
        if self._side_trials.takes_larger(size, self._n_calls(layers)):
            return None
        sides = self.sides_up_to(layers)
        return sides.note(size, self.name) if sides is not None else None

    def layer(self, name: str) -> LayerInfo:
        """Return one layer; raise `SeisdreamError` with near matches if it does not exist."""
        if name not in self.layers:
            close = near_matches(name, self.layers) or [*list(self.layers)[:2], "…", *list(self.layers)[-2:]]
            is_difference = any(part in self.layers for part in name.split("-"))
            raise SeisdreamError(
                f"Layer '{name}' is not in {self.name}; similar names: {', '.join(close)} "
                f"(all: seisdream layers {self.name})."
                + (_SCRIPT_LAYERS.format(self.name) if isinstance(self.module, torch.jit.ScriptModule) else "")
                + (" For a difference of layers put spaces around the minus sign." if is_difference else ""),
                code="unknown-name",
                option="layer",
            )
        return self.layers[name]

    @property
    def stages(self) -> list[str]:
        """The layers with positions that are modules of the network itself, or all with positions if none is."""
        with_positions = [name for name, info in self.layers.items() if info.has_positions]
        direct = [name for name, _ in self.module.named_children()]
        # A stage that is a list of modules is not a layer, but its modules are.
        return [name for name in with_positions if name in direct] or with_positions

    @property
    def default_layer(self) -> str:
        """The layer to dream on when none is named."""
        if self._default_layer is not None:
            return self.layer(self._default_layer).name
        return choose_default_layer(self.layers)

    def choose_classes(self, layer: str | None, activation: Activation | None) -> None:
        """Name the layer of the class logits, and how they become probabilities, where the defaults do not fit."""
        if layer is not None:
            self._class_layer, self._has_classes = layer, True
            self.__dict__.pop("trial", None)
        if activation not in (None, "softmax", "sigmoid"):
            raise SeisdreamError(
                f"`class_activation` is '{activation}'; it must be softmax or sigmoid.",
                code="unknown-name",
                option="class_activation",
            )
        self._class_activation = activation or self._class_activation

    @property
    def class_layer(self) -> str | None:
        """The layer whose channels are the class logits, before any softmax or sigmoid; None without classes.

        Raises
        ------
        SeisdreamError
            If there are class names, and the layer is not known or has another number of channels.
        """
        if not self._has_classes:
            return None
        if self._class_layer is not None:
            self.layer(self._class_layer)
        output = self.trial.output
        if output.layer is None:
            if not self.classes and self._class_layer is None:
                return None
            raise SeisdreamError(
                f"The classes of {self.name} cannot be found: {output.problem}. Name the layer with one channel for "
                f"each class before any softmax (`class_layer`; seisdream layers {self.name}).",
                code="no-labels",
                option="class_layer",
            )
        n_outputs = self.layer(output.layer).n_channels
        if self.classes and len(self.classes) != n_outputs:
            raise SeisdreamError(
                f"{self.name} has {n_outputs} output{'s' * (n_outputs != 1)} ('{output.layer}') but `classes` gives "
                f"{len(self.classes)} name{'s' * (len(self.classes) != 1)}; give one name for each output, or name "
                "the layer of the classes (`class_layer`).",
                code="incompatible",
                option="classes",
            )
        return output.layer

    @property
    def has_known_classes(self) -> bool:
        """Whether the names of the classes or their layer were given; otherwise `forward` may return features."""
        return bool(self.classes) or self._class_layer is not None

    @property
    def class_map_layer(self) -> str | None:
        """The layer of the class logits at the resolution that the network returns; None without classes."""
        return None if self.class_layer is None else self.trial.output.map_layer

    @property
    def class_activation(self) -> Activation:
        """How class logits become probabilities: "softmax", or "sigmoid" for several labels at once or one output."""
        found = self.trial.output.form.activation
        if found is not None and self._class_activation not in (None, found):
            raise SeisdreamError(
                f"{self.name} applies a {found} to its logits itself; leave out "
                f"`class_activation={self._class_activation}`.",
                code="incompatible",
                option="class_activation",
            )
        if found is not None:
            return found
        if self._class_activation is not None:
            return self._class_activation
        layer = self.class_layer
        return "sigmoid" if layer is not None and self.layer(layer).n_channels == 1 else "softmax"

    def class_probabilities(self, logits: torch.Tensor, dim: int = 1) -> torch.Tensor:
        """Return the probabilities of the classes, whose logits are along an axis."""
        return class_probabilities(logits, self.class_activation, dim)

    def class_log_probabilities(self, logits: torch.Tensor, dim: int = 1) -> torch.Tensor:
        """Return the logarithms of the probabilities of the classes, whose logits are along an axis."""
        return class_log_probabilities(logits, self.class_activation, dim)

    def class_index(self, name: str | int) -> int:
        """Return the output channel of a class.

        Parameters
        ----------
        name : str or int
            The class number, its full name, or one of its comma-separated synonyms; case does not matter.

        Raises
        ------
        SeisdreamError
            If the network has no such class (with near matches), or several of that name.
        """
        if self.class_layer is None:
            raise SeisdreamError(
                f"{self.name} has no classes; use a layer instead (seisdream layers {self.name}).", code="no-labels"
            )
        return find_class(name, self.classes, self.layer(self.class_layer).n_channels, self.name)

    def out_of_domain_reason(self, section: xr.DataArray) -> str | None:
        """Return why the classes may not apply to a section, or None.

        A reason exists if the classes were learned on one survey, and neither the section's file name nor its credit
        contains the name of that survey.
        """
        if not self.survey:
            return None
        source = Path(str(section.attrs.get("source") or "")).name
        description = " ".join((source, str(section.attrs.get("credit") or "")))
        if re.search(rf"(?<![a-z0-9]){re.escape(self.survey)}(?![a-z0-9])", description, re.IGNORECASE):
            return None
        return (
            f"{'/'.join(Path(self.name).parts[-2:])} was trained on one survey, {self.survey}, and "
            f"{source or 'this section'} does not appear to be from it: its classes have no meaning on other surveys."
        )

    def channel_labels(self, layer: str) -> tuple[str, ...] | None:
        """Return what each channel of a layer responds to, if it is known by design."""
        self.layer(layer)
        return self._channel_labels.get(layer)

    def convert_activations(self, recorded: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return what the recorded activations of layers become; subclasses may give a layer another meaning."""
        return recorded

    @property
    def sha256(self) -> str:
        """SHA-256 of the present weights: names, types, shapes and bytes, in order of name."""
        digest = hashlib.sha256()
        for name, value in sorted(self.module.state_dict().items()):
            if isinstance(value, torch.Tensor):
                digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
                digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        if isinstance(self.module, torch.jit.ScriptModule):
            update_with_code(digest, self.module)
        return digest.hexdigest()
