"""What `forward` returns: where the class logits are, and how they become probabilities."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.autograd.graph import GradientEdge
from torch.nn import functional

Activation = Literal["softmax", "sigmoid"]

OUTPUT = "output"
"""The layer that stands for what `forward` returns, where no module returns the same."""

NO_GRADIENT = "what its forward returns has no gradient, as after a threshold or in a quantised layer"

# Keys under which networks return their main output: torchvision, transformers and common training code.
_KEYS = ("out", "logits", "output", "pred", "prediction")

# Operations by their nodes in the graph of gradients.
_SAME_VALUES = frozenset(("Alias", "Clone", "Permute", "ReshapeAlias", "Squeeze", "ToCopy", "Transpose", "Unsqueeze",
                          "UnsafeView", "View"))  # fmt: skip
_RESIZING = frozenset(("ConstantPadNd", "ReflectionPad2D", "ReflectionPad3D", "ReplicationPad2D", "Slice"))
_LINEAR = frozenset(("Addmm", "Bmm", "Convolution", "CudnnBatchNorm", "Mm", "NativeBatchNorm"))
# After these, values have no upper bound, so they are no probabilities whatever their range on one input.
_UNBOUNDED = _LINEAR | frozenset(("Relu", "LeakyRelu", "Threshold", "Prelu", "Elu", "Gelu", "Silu", "Softplus", "Mish",
                                  "Hardswish"))  # fmt: skip
_POOLING = frozenset(("AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MaxPool2DWithIndices",
                      "MaxPool3DWithIndices", "Mean"))  # fmt: skip
# The result has no bound if one of the operands has none.
_COMBINING = frozenset(("Add", "Sub", "Rsub", "Neg", "Mul", "Cat", "Stack"))
_ACTIVATIONS: dict[str, tuple[Activation, bool]] = {
    "Softmax": ("softmax", False),
    "LogSoftmax": ("softmax", True),
    "Sigmoid": ("sigmoid", False),
    "LogSigmoid": ("sigmoid", True),
}


@dataclass(frozen=True)
class ReturnedForm:
    """What the values that `forward` returns are.

    Attributes
    ----------
    activation : {"softmax", "sigmoid"} or None
        What was applied to the logits; None if logits are returned.
    is_log : bool
        Whether logarithms of probabilities are returned.
    """

    activation: Activation | None = None
    is_log: bool = False

    def to_logits(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits whose probabilities are these values; of a softmax they are the logarithms."""
        if self.activation is None or (self.activation == "softmax" and self.is_log):
            return values
        if self.is_log:
            return values - torch.log(-torch.expm1(values.clamp(max=-torch.finfo(values.dtype).eps)))
        if self.activation == "softmax":
            return values.clamp(min=torch.finfo(values.dtype).tiny).log()
        limits = torch.finfo(values.dtype)
        values = values.clamp(limits.tiny, 1.0 - limits.eps / 2)
        return values.log() - torch.log1p(-values)


@dataclass(frozen=True)
class ClassOutput:
    """Where a network has its class logits.

    Attributes
    ----------
    layer : str or None
        The layer of logits, one channel a class; None if it cannot be known.
    map_layer : str
        The layer of logits at the resolution that `forward` returns.
    form : ReturnedForm
        What `forward` returns.
    problem : str
        Why the layer is not known.
    n_normalised : int or None
        Over how many values a softmax was taken.
    """

    layer: str | None = None
    map_layer: str = OUTPUT
    form: ReturnedForm = ReturnedForm()
    problem: str = ""
    n_normalised: int | None = None


def class_log_probabilities(logits: torch.Tensor, activation: Activation, dim: int = 1) -> torch.Tensor:
    """Return the logarithms of class probabilities, from logits with classes along an axis."""
    return functional.logsigmoid(logits) if activation == "sigmoid" else logits.log_softmax(dim)


def class_probabilities(logits: torch.Tensor, activation: Activation, dim: int = 1) -> torch.Tensor:
    """Return class probabilities, from logits with classes along an axis."""
    return logits.sigmoid() if activation == "sigmoid" else logits.softmax(dim)


def main_tensor(returned: Any, space: Sequence[int]) -> tuple[torch.Tensor | None, str]:
    """Return the tensor of class values in what `forward` returned.

    Parameters
    ----------
    returned : object
        A tensor, or a dict, dataclass, named tuple, tuple or list of such. ``out`` or ``logits`` is taken where there
        is one, otherwise the first. Of several outputs of the same number of channels (deep supervision) the largest
        is taken.
    space : sequence of int
        Size of the input along its spatial axes. An output without an axis of channels gets one.

    Returns
    -------
    (Tensor or None, str)
        ``(batch, channel, ...)``, and what was returned instead where there is no such tensor.
    """
    if isinstance(returned, torch.Tensor):
        if tuple(returned.shape) == tuple(space):
            return returned[None, None], ""
        if returned.ndim == len(space) + 1 and tuple(returned.shape[1:]) == tuple(space):
            return returned.unsqueeze(1), ""
        return returned, ""
    if dataclasses.is_dataclass(returned) and not isinstance(returned, type | Mapping):
        returned = {one.name: getattr(returned, one.name) for one in dataclasses.fields(returned)}
    elif isinstance(returned, tuple) and (as_dict := getattr(returned, "_asdict", None)) is not None:
        returned = as_dict()
    if isinstance(returned, Mapping):
        present = {str(key): value for key, value in returned.items() if value is not None}
        named = next((key for key in _KEYS if key in present), None)
        if named is None and len(present) != 1:
            return None, f"a dict with {', '.join(present) or 'nothing'}, none of which is {' or '.join(_KEYS[:2])}"
        return main_tensor(present[named or next(iter(present))], space)
    if isinstance(returned, list | tuple) and returned:
        first, problem = main_tensor(returned[0], space)
        if first is None:
            return first, problem
        others = [main_tensor(one, space)[0] for one in returned[1:]]
        alike = [
            one for one in others if one is not None and one.ndim == first.ndim and one.shape[:2] == first.shape[:2]
        ]
        return max([first, *alike], key=torch.numel), ""
    return None, f"a {type(returned).__name__}"


def returned_problem(tensor: torch.Tensor | None, problem: str, n_axes: int) -> str:
    """Return why what `forward` returned has no class logits, or nothing."""
    if tensor is None:
        return f"its forward returns {problem}"
    if not tensor.is_floating_point():
        return (
            f"its forward returns {str(tensor.dtype).removeprefix('torch.')} numbers, such as the class numbers of an "
            "argmax, which have no logits"
        )
    if not tensor.requires_grad:
        return NO_GRADIENT
    if not 2 <= tensor.ndim <= n_axes:
        return f"its forward returns a tensor of shape {tuple(tensor.shape)}, not (batch, class, ...)"
    return ""


def kind_of(node: Any) -> str:
    """Return the name of the operation of a node in the graph of gradients."""
    return re.sub(r"Backward\d*$", "", node.name().removeprefix("torch::autograd::"))


def trace_logits(
    edge: GradientEdge, layers: Mapping[tuple[Any, int], str], values: torch.Tensor | None = None
) -> ClassOutput:
    """Follow an output back to the layer of its logits.

    Copies, changes of shape, one softmax or sigmoid, resampling, padding and cropping are passed. After other
    operations the values show whether they are probabilities.

    Parameters
    ----------
    edge : GradientEdge
        Of the output.
    layers : mapping of str
        Names of layers by node and output number.
    values : Tensor, optional
        The output itself, ``(batch, class, ...)``.
    """
    node, number = edge.node, edge.output_nr
    form, map_layer, n_normalised, is_cut = ReturnedForm(), None, None, False
    while node is not None:
        kind, layer = kind_of(node), layers.get((node, number))
        if kind in ("Exp", "Log") and form.activation is None and _is_activation(node, is_log=kind == "Exp"):
            node, number = node.next_functions[0]
            form = ReturnedForm(_ACTIVATIONS[kind_of(node)][0], is_log=kind == "Log")
            map_layer, n_normalised = map_layer and OUTPUT, _n_normalised(node, number)
        elif kind in _ACTIVATIONS and form.activation is None:
            form = ReturnedForm(*_ACTIVATIONS[kind])
            map_layer, n_normalised = map_layer and OUTPUT, _n_normalised(node, number)
        elif kind in ("Slice", "Select") and _axis(node) == 1:
            is_cut = True
        elif kind.startswith("Upsample") or kind in _RESIZING:
            map_layer = map_layer or layer or OUTPUT
        elif layer is not None and not is_cut:
            if form.activation is None and not _is_unbounded(node) and (seen := _form_of(values)).activation:
                return ClassOutput(OUTPUT, OUTPUT, seen)
            return ClassOutput(layer, map_layer or layer, form, n_normalised=n_normalised)
        elif kind not in _SAME_VALUES:
            break
        node, number = node.next_functions[0]  # pyright: ignore[reportOptionalMemberAccess]
    if is_cut and form.activation == "softmax":
        # Some channels of a softmax are each the probability of one class against the others.
        return ClassOutput(OUTPUT, OUTPUT, ReturnedForm("sigmoid", form.is_log))
    if form.activation is None and not _is_unbounded(node):
        form = _form_of(values)
    return ClassOutput(OUTPUT, OUTPUT, form, n_normalised=None if is_cut else n_normalised)


def _is_unbounded(node: Any) -> bool:
    """Return whether the values of a node can be of any size, so that they are logits whatever their range."""
    seen, waiting = set(), [node]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        kind = kind_of(node)
        if kind in _UNBOUNDED:
            return True
        operands = [operand for operand, _ in node.next_functions]
        if kind in _COMBINING or (kind == "Div" and operands[-1] is None):
            waiting += operands
        elif kind in _SAME_VALUES | _POOLING | _RESIZING or kind.startswith("Upsample"):
            waiting.append(operands[0])
    return False


def _form_of(values: torch.Tensor | None) -> ReturnedForm:
    """Return what values look like: probabilities that sum to 1, each from 0 to 1, their logarithms, or logits."""
    if values is None:
        return ReturnedForm()
    values = values.detach().double()
    for is_log in (False, True):
        shares = values.exp() if is_log else values
        is_possible = bool((shares >= 0).all()) and bool((shares <= 1).all())
        if is_possible and values.shape[1] > 1 and bool(((shares.sum(1) - 1).abs() < 1e-3).all()):
            return ReturnedForm("softmax", is_log)
        if is_possible and not is_log:
            return ReturnedForm("sigmoid")
    return ReturnedForm()


def _axis(node: Any) -> int | None:
    """Return the axis on which an operation works, counted from 0."""
    axis = getattr(node, "_saved_dim", None)
    n_axes = len(node.next_functions[0][0]._input_metadata[node.next_functions[0][1]].shape) if axis is not None else 0
    return None if axis is None else (axis - 2**64 if axis >= 2**63 else axis) % n_axes


def _n_normalised(node: Any, number: int) -> int | None:
    axis = _axis(node)
    return None if axis is None else node._input_metadata[number].shape[axis]


def _is_activation(node: Any, *, is_log: bool) -> bool:
    source = node.next_functions[0][0]
    return source is not None and _ACTIVATIONS.get(kind_of(source), (None, None))[1] is is_log
