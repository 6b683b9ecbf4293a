"""How each operation of autograd that moves or mixes positions changes the receptive field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple


class Span(NamedTuple):
    """Unit `i` along an axis depends on the input samples ``jump * i + low`` to ``jump * i + high``.

    The jump is negative where the order of units is that of a flipped input.
    """

    jump: Fraction
    low: Fraction
    high: Fraction

    def through(self, window: Window) -> Span:
        """Return the span of units that each depend on a window of these units."""
        first, last = sorted((self.jump * window.first, self.jump * window.last))
        return Span(self.jump * window.step, self.low + first, self.high + last)


class Window(NamedTuple):
    """Unit `i` after an operation depends on the units ``step * i + first`` to ``step * i + last`` before it."""

    step: Fraction | int
    first: Fraction | int
    last: Fraction | int


class Atom(NamedTuple):
    """A factor of a tensor axis: its size, and the axis of space that it follows (0 rows, 1 columns), if any."""

    size: int
    follows: int | None = None


Group = tuple[Atom, ...]


@dataclass(frozen=True)
class Footprint:
    """How a tensor relates to the image: the factors of each of its axes, and the span along each axis of space."""

    axes: tuple[Group, ...]
    spans: tuple[Span, ...]


class WholeInput(Exception):  # noqa: N818  (a finding, not an error)
    """Units depend on the whole image, or the dependence is not known."""


# fmt: off
POINTWISE = frozenset((
    "Abs", "Add", "Addcdiv", "Addcmul", "Alias", "Celu", "Clamp", "ClampMax", "ClampMin", "Clone", "Cos", "Div",
    "Elu", "Erf", "Exp", "Expand", "Expm1", "Gelu", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh",
    "LeakyRelu", "Lerp", "Log", "Log1P", "LogSigmoid", "MaskedFill", "Maximum", "Minimum", "Mish", "Mul",
    "NativeDropout", "Neg", "Pow", "Prelu", "PreluKernel", "Reciprocal", "Relu", "Rsqrt", "Rsub", "Sigmoid",
    "Silu", "Sin", "Softplus", "Softshrink", "Sqrt", "Sub", "Tanh", "Threshold", "ToCopy", "Where",
))
# fmt: on


def _follows(group: Group) -> bool:
    return any(atom.follows is not None for atom in group)


def _size(group: Group) -> int:
    return math.prod(atom.size for atom in group)


def _index(axis: int, n_axes: int) -> int:
    # Autograd returns negative axes as unsigned 64-bit numbers.
    return (axis - 2**64 if axis >= 2**63 else axis) % n_axes


def aligned(sources: Sequence[Footprint], shape: Sequence[int], except_axis: int | None = None) -> Footprint:
    """Return the footprint of operands that are combined position by position, broadcast to a shape."""
    axes: list[Group] = [(Atom(size),) for size in shape]
    for source in sources:
        for i, group in enumerate(reversed(source.axes)):
            axis = len(shape) - 1 - i
            if not _follows(group):
                continue
            if axis == except_axis or _size(group) != shape[axis]:
                raise WholeInput
            axes[axis] = group
    for source in sources:
        offset = len(shape) - len(source.axes)
        for axis, group in enumerate(axes):
            own = source.axes[axis - offset] if axis >= offset else ()
            if _follows(group) and own != group:
                raise WholeInput
    spans = []
    for both in zip(*(source.spans for source in sources), strict=True):
        if len({span.jump for span in both}) > 1:
            raise WholeInput
        spans.append(Span(both[0].jump, min(span.low for span in both), max(span.high for span in both)))
    return Footprint(tuple(axes), tuple(spans))


def _windowed(source: Footprint, shape: Sequence[int], windows: dict[int, Window]) -> Footprint:
    """Return the footprint of units that each depend on a window of units, along some axes."""
    axes: list[Group] = list(source.axes)
    spans = list(source.spans)
    for axis, window in windows.items():
        group = source.axes[axis]
        if window == (1, 0, 0) and _size(group) == shape[axis]:
            continue
        if _follows(group):
            (atom,) = group if len(group) == 1 else (None,)
            if atom is None or atom.follows is None:
                raise WholeInput  # rows and columns lie on one axis
            follows = atom.follows
            spans[follows] = spans[follows].through(window)
            axes[axis] = (Atom(shape[axis], follows),)
    axes = [group if _follows(group) else (Atom(size),) for group, size in zip(axes, shape, strict=True)]
    return Footprint(tuple(axes), tuple(spans))


def _contracted(source: Footprint, axes: Iterable[int]) -> None:
    """Raise if axes that are summed or normalised over follow the image."""
    if any(_follows(source.axes[_index(axis, len(source.axes))]) for axis in axes):
        raise WholeInput


def _convolution(node, sources, shape) -> Footprint:
    source, kernel, _bias = sources
    if source is None or kernel is not None:
        raise WholeInput
    _contracted(source, [1])
    windows = {}
    sizes = node._saved_weight.shape[2:]
    settings = zip(sizes, node._saved_stride, node._saved_padding, node._saved_dilation, strict=True)
    for axis, (size, stride, padding, dilation) in enumerate(settings, start=2):
        reach = dilation * (size - 1)
        if node._saved_transposed:
            # Output o = stride·i − padding + dilation·k, solved for i.
            windows[axis] = Window(Fraction(1, stride), Fraction(padding - reach, stride), Fraction(padding, stride))
        else:
            windows[axis] = Window(stride, -padding, reach - padding)
    return _windowed(source, shape, windows)


def _pooling(node, sources, shape) -> Footprint:
    sizes = node._saved_kernel_size
    strides = node._saved_stride or sizes
    dilations = getattr(node, "_saved_dilation", (1,) * len(sizes))
    first_axis = len(shape) - len(sizes)
    windows = {
        first_axis + i: Window(
            strides[i], -node._saved_padding[i], dilations[i] * (sizes[i] - 1) - node._saved_padding[i]
        )
        for i in range(len(sizes))
    }
    return _windowed(sources[0], shape, windows)


def _padding(node, sources, shape) -> Footprint:
    # Amounts come last axis first, before and after.
    amounts = node._saved_pad if hasattr(node, "_saved_pad") else node._saved_padding
    windows = {len(shape) - 1 - i: Window(1, -before, -before) for i, before in enumerate(amounts[::2])}
    return _windowed(sources[0], shape, windows)


def _slice(node, sources, shape) -> Footprint:
    axis = _index(node._saved_dim, len(shape))
    size = node._saved_self_sym_sizes[axis]
    start = node._saved_start or 0
    start = start - 2**64 if start >= 2**63 else start
    start = max(0, start + size if start < 0 else start)
    return _windowed(sources[0], shape, {axis: Window(node._saved_step, start, start)})


def _resampling(used: Callable[[Fraction], tuple[int, int]], offset: Fraction):
    """Return the rule of an interpolation that uses some units around a position between units."""

    def rule(node, sources, shape) -> Footprint:
        windows = {}
        scales = [getattr(node, f"_saved_scales_{axis}", None) for axis in ("d", "h", "w")][-len(shape) + 2 :]
        for axis, scale in enumerate(scales, start=2):
            before = _size(sources[0].axes[axis])
            step = 1 / Fraction(scale).limit_denominator(4096) if scale else Fraction(before, shape[axis])
            if getattr(node, "_saved_align_corners", False) and before != shape[axis]:
                raise WholeInput  # the step itself depends on the size of the image
            # Positions between units repeat after `denominator` units.
            units_at = [(used((i + offset) * step - offset), i * step) for i in range(step.denominator)]
            firsts = [units[0] - centre for units, centre in units_at]
            lasts = [units[1] - centre for units, centre in units_at]
            windows[axis] = Window(step, min(firsts), max(lasts))
        return _windowed(sources[0], shape, windows)

    return rule


def _regrouped(node, sources, shape) -> Footprint:
    """Return the footprint after a reshape: the same factors in the same order, distributed over other axes."""
    queue: list[Atom] = []
    for atom in (atom for group in sources[0].axes for atom in group):
        if atom.follows is None and queue and queue[-1].follows is None:
            queue[-1] = Atom(queue[-1].size * atom.size)
        elif atom.follows is not None and atom.size == 1:
            raise WholeInput  # it could belong to any axis
        else:
            queue.append(atom)
    axes = []
    for size in shape:
        group = []
        while size > 1:
            if not queue:
                raise WholeInput
            atom = queue.pop(0)
            if size % atom.size == 0:
                size //= atom.size
                group.append(atom)
            elif atom.follows is None and atom.size % size == 0:
                group.append(Atom(size))
                queue.insert(0, Atom(atom.size // size))
                size = 1
            else:
                raise WholeInput  # positions are split, as into patches
        axes.append(tuple(group) or (Atom(1),))
    return Footprint(tuple(axes), sources[0].spans)


def _reordered(node, sources, shape) -> Footprint:
    order = list(range(len(shape)))
    if hasattr(node, "_saved_dims"):
        order = [_index(axis, len(shape)) for axis in node._saved_dims]
    else:
        first, second = (
            (_index(node._saved_dim0, len(shape)), _index(node._saved_dim1, len(shape)))
            if hasattr(node, "_saved_dim0")
            else (0, 1)
        )
        order[first], order[second] = second, first
    return Footprint(tuple(sources[0].axes[axis] for axis in order), sources[0].spans)


def _reduction(node, sources, shape) -> Footprint:
    source = sources[0]
    if not hasattr(node, "_saved_dim"):
        raise WholeInput
    named = node._saved_dim if isinstance(node._saved_dim, tuple) else (node._saved_dim,)
    reduced = {_index(axis, len(source.axes)) for axis in named} or set(range(len(source.axes)))
    _contracted(source, reduced)
    axes = [(Atom(1),) if i in reduced else group for i, group in enumerate(source.axes)]
    if len(shape) < len(axes):
        axes = [group for i, group in enumerate(axes) if i not in reduced]
    return Footprint(tuple(axes), source.spans)


def _along_axis(node, sources, shape) -> Footprint:
    """Return the footprint after mixing, selecting or splitting along an axis that does not follow the image."""
    source = sources[0]
    _contracted(source, [node._saved_dim] if hasattr(node, "_saved_dim") else node._saved_dims)
    axes = list(source.axes)
    if len(shape) < len(axes):  # one slice was selected
        del axes[_index(node._saved_dim, len(axes))]
    return aligned([Footprint(tuple(axes), source.spans)], shape)


def _flipped(node, sources, shape) -> Footprint:
    source = sources[0]
    spans = list(source.spans)
    for axis in node._saved_dims:
        group = source.axes[_index(axis, len(shape))]
        if not _follows(group):
            continue
        if len(group) > 1 or group[0].follows is None:
            raise WholeInput  # rows and columns lie on one axis
        span = spans[group[0].follows]
        last = span.jump * (group[0].size - 1)
        spans[group[0].follows] = Span(-span.jump, span.low + last, span.high + last)
    return Footprint(source.axes, tuple(spans))


def _concatenation(node, sources, shape) -> Footprint:
    present = [source for source in sources if source is not None]
    return aligned(present, shape, except_axis=_index(node._saved_dim, len(shape)))


def _product(first_matrix: int):
    """Return the rule of a matrix product whose matrices are two neighbouring operands."""

    def rule(node, sources, shape) -> Footprint:
        left, right = sources[first_matrix : first_matrix + 2]
        if any(source is not None for source in sources[:first_matrix]):
            raise WholeInput
        if left is not None and right is None:
            source, summed, kept = left, -1, -2
        elif right is not None and left is None:
            source, summed, kept = right, -2, -1
        else:
            raise WholeInput
        _contracted(source, [summed])
        axes = [*source.axes[:-2], (Atom(shape[-2]),), (Atom(shape[-1]),)]
        axes[kept] = source.axes[kept]
        return Footprint(tuple(axes), source.spans)

    return rule


def _batch_norm(node, sources, shape) -> Footprint:
    if getattr(node, "_saved_training", True) or sources[0] is None:
        raise WholeInput
    return aligned([source for source in sources if source is not None], shape)


def _layer_norm(node, sources, shape) -> Footprint:
    _contracted(sources[0], range(-len(node._saved_normalized_shape), 0))
    return sources[0]


def _pixel_shuffle(node, sources, shape) -> Footprint:
    _contracted(sources[0], [-3])
    step = Fraction(1, node._saved_upscale_factor)
    window = Window(step, step - 1, 0)
    return _windowed(sources[0], shape, {len(shape) - 2: window, len(shape) - 1: window})


def _pixel_unshuffle(node, sources, shape) -> Footprint:
    factor = node._saved_downscale_factor
    window = Window(factor, 0, factor - 1)
    return _windowed(sources[0], shape, {len(shape) - 2: window, len(shape) - 1: window})


def _nearest(position: Fraction) -> tuple[int, int]:
    return math.floor(position), math.floor(position)


def _bilinear(position: Fraction) -> tuple[int, int]:
    return math.floor(position), math.ceil(position)


def _bicubic(position: Fraction) -> tuple[int, int]:
    return math.floor(position) - 1, math.floor(position) + 2


_HALF = Fraction(1, 2)
RULES: dict[str, Callable[[Any, Sequence[Any], tuple[int, ...]], Footprint]] = {
    "Convolution": _convolution,
    "NativeBatchNorm": _batch_norm,
    "CudnnBatchNorm": _batch_norm,
    "NativeLayerNorm": _layer_norm,
    "Cat": _concatenation,
    "Flip": _flipped,
    "Slice": _slice,
    "Permute": _reordered,
    "Transpose": _reordered,
    "T": _reordered,
    "Mm": _product(0),
    "Bmm": _product(0),
    "Addmm": _product(1),
    "PixelShuffle": _pixel_shuffle,
    "PixelUnshuffle": _pixel_unshuffle,
    **dict.fromkeys(("MaxPool2DWithIndices", "MaxPool3DWithIndices", "AvgPool2D", "AvgPool3D"), _pooling),
    **dict.fromkeys(
        ("ConstantPadNd", "ReflectionPad2D", "ReplicationPad2D", "ReflectionPad3D", "ReplicationPad3D"), _padding
    ),
    **dict.fromkeys(("View", "UnsafeView", "ReshapeAlias", "Unsqueeze", "Squeeze"), _regrouped),
    **dict.fromkeys(("Mean", "Sum", "Amax", "Amin", "Var", "Std", "LinalgVectorNorm", "Norm"), _reduction),
    **dict.fromkeys(
        (
            "Softmax",
            "LogSoftmax",
            "Cumsum",
            "Glu",
            "Select",
            "Unbind",
            "Max",
            "Min",
            "Split",
            "SplitWithSizes",
            "Roll",
        ),
        _along_axis,
    ),
    "UpsampleNearest2D": _resampling(_nearest, Fraction(0)),
    "UpsampleNearestExact2D": _resampling(lambda position: _nearest(position + _HALF), _HALF),
    "UpsampleBilinear2D": _resampling(_bilinear, _HALF),
    "UpsampleBicubic2D": _resampling(_bicubic, _HALF),
    "UpsampleNearest3D": _resampling(_nearest, Fraction(0)),
    "UpsampleNearestExact3D": _resampling(lambda position: _nearest(position + _HALF), _HALF),
    "UpsampleTrilinear3D": _resampling(_bilinear, _HALF),
}
