"""Find the layers of a network, their grids and receptive fields, and its classes, by one or two small runs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from seisdream.errors import SeisdreamError
from seisdream.models.failures import forward_failure, may_depend_on_size
from seisdream.models.frozen_copy import OneLayer, device_of, is_own, layer_modules, plain_execution
from seisdream.models.layers import LayerInfo, first_tensor
from seisdream.models.module_state import ModuleState
from seisdream.models.output import NO_GRADIENT, OUTPUT, ClassOutput, main_tensor, returned_problem, trace_logits
from seisdream.models.receptive_field import find_footprint
from seisdream.models.receptive_field_rules import Footprint
from seisdream.models.sides import SideTrials
from seisdream.models.tokens import Grid, TokenPart, find_patches, prefix_parts

# Two sizes distinguish spatial axes from channels.
_SIZES = {2: ((64, 96), (96, 128)), 3: ((32, 40, 48), (40, 48, 56))}


class FoundLayers(NamedTuple):
    """What a trial run found.

    Attributes
    ----------
    layers : dict of LayerInfo
        By name, in the order in which they are computed.
    output : ClassOutput
        Where the class logits are.
    image : Tensor
        The input that the module took.
    """

    layers: dict[str, LayerInfo]
    output: ClassOutput
    image: torch.Tensor


class _Output(NamedTuple):
    """The last output of a module in one run: shape, edge in the graph of gradients, and number of calls."""

    shape: tuple[int, ...]
    edge: GradientEdge
    n_calls: int


class _Run(NamedTuple):
    """One run: its input, the outputs of the modules, and what `forward` returned or why that has no classes."""

    image: torch.Tensor
    outputs: dict[str, _Output]
    returned: _Output | None
    values: torch.Tensor | None
    problem: str


def find_layers(
    module: nn.Module, n_channels: int, network: str, class_layer: str | None = None, n_dims: int = 2
) -> FoundLayers:
    """Run a module on small random images, or cubes, and describe its layers.

    Parameters
    ----------
    module : nn.Module
        Frozen and in evaluation mode.
    n_channels : int
        Channels of its input.
    network : str
        Name of the network, for messages.
    class_layer : str, optional
        The layer of the classes, where `forward` does not return them.
    n_dims : {2, 3}, default 2
        Axes of a section or of a cube.

    Returns
    -------
    FoundLayers
        Modules whose output is not one tensor of numbers per image, or does not depend on the image, are left out.

    Raises
    ------
    SeisdreamError
        If the module fails on all sizes that are tried, or has no layer.
    """
    error: Exception | None = None
    failed: tuple[int, ...] = ()
    for size, other_size in itertools.chain([_SIZES[n_dims]], _fitting_pairs(module, n_channels, n_dims)):
        try:
            run = _run(module, n_channels, size)
            other = _run(module, n_channels, other_size) if other_size else None
        except Exception as caught:  # a user's module can raise anything
            error, failed = error or caught, failed or size
            if not may_depend_on_size(caught):
                break
            continue
        layers = _describe(module, run.image, run.outputs, other and other.outputs, other_size)
        output, returned = _find_output(module, run, other, other_size, layers, class_layer)
        if not (layers or returned):
            reason = (
                "none of its modules returns one tensor of numbers per image. Wrap a computation of it in a module "
                "that does."
                if run.outputs
                else "no gradient leads from its output back to its input. Take torch.no_grad and "
                "torch.inference_mode out of its forward, and use it as it was before it was quantised."
            )
            raise SeisdreamError(
                f"{network} has no layer to dream on: {reason}", code="network-failed", option="network"
            )
        return FoundLayers(layers | returned, output, run.image.detach())
    assert error is not None
    raise forward_failure(error, network, (1, n_channels, *failed)) from error


def _fitting_pairs(
    module: nn.Module, n_channels: int, n_dims: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...] | None]]:
    """Yield two sizes that a module takes, or its only size and None; nothing if it runs on none that are tried."""
    sides = SideTrials(module, n_channels, n_dims).find()
    if sides is None:
        return
    if sides.fixed is None:
        first, second = _SIZES[n_dims]
        size = sides.padded(first)
        yield size, sides.padded([max(other, side + 1) for side, other in zip(size, second, strict=True)])
    else:
        yield sides.fixed, None


def _find_output(
    module: nn.Module,
    run: _Run,
    other: _Run | None,
    other_size: tuple[int, ...] | None,
    layers: dict[str, LayerInfo],
    class_layer: str | None,
) -> tuple[ClassOutput, dict[str, LayerInfo]]:
    """Return where the classes are, and the layer that stands for what `forward` returns, if one is needed."""
    names: dict[tuple[Any, int], str] = {}
    for name, one in run.outputs.items():
        if name in layers:
            names.setdefault((one.edge.node, one.edge.output_nr), name)
    found = (
        ClassOutput(problem=run.problem) if run.returned is None else trace_logits(run.returned.edge, names, run.values)
    )
    if class_layer is not None and class_layer in layers:
        own = trace_logits(run.outputs[class_layer].edge, names)
        if own.layer == OUTPUT:
            problem = f"the argument of the {own.form.activation} in '{class_layer}' is not the output of a layer"
            return ClassOutput(problem=problem), {}
        if found.layer != own.layer:
            assert own.layer is not None
            return ClassOutput(own.layer, own.layer, own.form), {}
    if run.returned is None:
        return found, {}
    if found.layer != OUTPUT and layers[found.layer or ""].n_channels not in run.returned.shape:
        found = replace(found, layer=OUTPUT, map_layer=OUTPUT)
    if found.map_layer != OUTPUT and not is_own(module) and _is_cut_at_odd_sizes(module, run, found.map_layer):
        found = replace(found, map_layer=OUTPUT)
    if OUTPUT not in (found.layer, found.map_layer):
        return _checked(found, layers), {}
    name = OUTPUT if OUTPUT not in layers or isinstance(module, OneLayer) else f"{OUTPUT} of forward"
    others = None if other is None or other.returned is None else {name: other.returned}
    described = _describe(module, run.image, {name: run.returned}, others, other_size)
    if name not in described:
        return ClassOutput(problem=f"its forward returns a tensor of shape {run.returned.shape}"), {}
    info = replace(described[name], kind="forward", returned=found.form)
    layer, map_layer = (name if one == OUTPUT else one for one in (found.layer, found.map_layer))
    found = replace(found, layer=layer, map_layer=map_layer or name)
    return _checked(found, layers | {name: info}), {name: info}


def _is_cut_at_odd_sizes(module: nn.Module, run: _Run, layer: str) -> bool:
    """Return whether what `forward` returns is cut from a layer, as where an input is padded to a multiple inside."""
    if run.returned is None or len(run.returned.shape) != run.image.ndim:
        return False
    try:
        odd = _run(module, run.image.shape[1], [side + 3 for side in run.image.shape[2:]])
    except Exception:  # a network of some sizes, which pads nothing
        return False
    return odd.returned is not None and layer in odd.outputs and odd.returned.shape[2:] != odd.outputs[layer].shape[2:]


def _checked(found: ClassOutput, layers: dict[str, LayerInfo]) -> ClassOutput:
    n_channels = layers[found.layer or ""].n_channels
    if found.n_normalised not in (None, n_channels):
        return ClassOutput(problem="its softmax is over positions and not over classes")
    return found


def _run(module: nn.Module, n_channels: int, size: Sequence[int]) -> _Run:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((1, n_channels, *size), generator=generator).to(device_of(module)).requires_grad_()
    outputs: dict[str, _Output] = {}

    def hook_of(name: str):
        def record(_module, _inputs, output):
            before = outputs.pop(name, None)  # so that the order is that of the last calls
            tensor = first_tensor(output)
            if tensor is not None and tensor.requires_grad and tensor.is_floating_point():
                # At once, because a later operation in place would change the graph of the output.
                n_calls = before.n_calls + 1 if before else 1
                outputs[name] = _Output(tuple(tensor.shape), get_gradient_edge(tensor), n_calls)

        return record

    handles = [part.register_forward_hook(hook_of(name)) for name, part in layer_modules(module)]
    try:
        with ModuleState(module).kept(), torch.enable_grad(), plain_execution():
            returned = module(image.clone())  # a clone, because a leaf cannot be changed in place
            tensor, problem = main_tensor(returned, size)
            problem = returned_problem(tensor, problem, image.ndim)
            edge = None if problem or tensor is None else _Output(tuple(tensor.shape), get_gradient_edge(tensor), 1)
            if edge and find_footprint(edge.edge, image) is None:
                edge, problem = None, NO_GRADIENT
    finally:
        for handle in handles:
            handle.remove()
    return _Run(image, outputs, edge, tensor, problem)


def _describe(
    module: nn.Module,
    image: torch.Tensor,
    outputs: dict[str, _Output],
    others: dict[str, _Output] | None,
    other_size: tuple[int, ...] | None,
) -> dict[str, LayerInfo]:
    layers: dict[str, LayerInfo] = {}
    footprints: dict = {}
    grids: list[Grid] = []
    sequences: set[tuple[int, ...]] = set()
    windowed = {_without_numbers(name) for name, output in outputs.items() if output.shape[0] != 1}
    for name, output in outputs.items():
        # The shape of the output for each size that was tried.
        shapes = [output.shape, *([others[name].shape] if others and name in others else [])]
        shape = shapes[0]
        is_comparable = not others or (len(shapes) == 2 and len(shapes[1]) == len(shape))
        if not 2 <= len(shape) <= image.ndim or not is_comparable or _without_numbers(name) in windowed:
            continue
        varying = [axis for axis in range(1, len(shape)) if shapes[-1][axis] != shape[axis]]
        if len(shape) == 4 and any(tuple(one[axis] for one in shapes) in sequences for axis in (2, 3)):
            continue  # attention: its channels are heads, its rows or columns tokens
        channel_axis = _channel_axis(shape, varying)
        spatial = [axis for axis in range(1, len(shape)) if axis != channel_axis]
        has_positions = bool(varying) if others else any(shape[axis] > 1 for axis in spatial)
        stride = receptive_field = start = None
        footprint = find_footprint(output.edge, image, footprints)
        if footprint is None:
            continue
        spans = footprint.spans if isinstance(footprint, Footprint) else ()
        if any(span.jump < 0 for span in spans):
            has_positions = False  # those of a flipped input depend on its size
        elif spans:
            stride = tuple(_plain(span.jump) for span in spans)
            # The bounds may be fractions; this is the largest number of whole positions between them.
            receptive_field = tuple(int(span.high - span.low) + 1 for span in spans)
            start = tuple(_plain((span.low + span.high) / 2) for span in spans)
        elif len(shape) == image.ndim and has_positions:
            # Units depend on the whole input but lie on a grid.
            stride = _spacing(image.shape[2:], other_size, [tuple(one[axis] for axis in spatial) for one in shapes])
            start = stride and tuple((one - 1) / 2 for one in stride)
        info = LayerInfo(
            name=name,
            kind=_kind_of(module, name),
            n_channels=shape[channel_axis],
            stride=stride,
            receptive_field=receptive_field,
            start=start,
            has_positions=has_positions,
            has_unit_per_sample=tuple(shape[axis] for axis in spatial) == tuple(image.shape[2:]),
            n_calls=output.n_calls,
            channel_axis=channel_axis,
        )
        if len(shape) == 3 and channel_axis == 2 and has_positions and shape[1] > 1:
            counts = tuple(one[1] for one in shapes)
            sequences.add(counts)
            layers |= _token_layers(info, counts, grids, module)
        else:
            layers[name] = info
            if len(shape) == 4 and has_positions and stride and start:
                sides = tuple((one[spatial[0]], one[spatial[1]]) for one in shapes)
                grids.append(Grid(sides, (stride[0], stride[1]), (start[0], start[1])))
    return layers


def _token_layers(
    info: LayerInfo, counts: tuple[int, ...], grids: list[Grid], module: nn.Module
) -> dict[str, LayerInfo]:
    """Return the layers of a module that returns a sequence of tokens: its patches, and those before them by name.

    Without tokens before the patches, the module is one layer on the grid of the patches.
    """
    found = find_patches(counts, grids)
    if found is None:
        return {info.name: replace(info, stride=None, start=None, receptive_field=None, has_positions=False)}
    grid, n_before = found
    grids.append(grid)
    patches = replace(
        info,
        stride=grid.stride,
        start=grid.start,
        receptive_field=info.receptive_field if info.stride == grid.stride else None,
        tokens=TokenPart(n_before, None, is_grid=True),
    )
    if not n_before:
        return {info.name: patches}
    sequence = replace(info, stride=None, start=None, receptive_field=None, has_positions=False)
    parts = {
        name: replace(sequence, name=f"{info.name}/{name}", module=info.name, tokens=part)
        for name, part in prefix_parts(module, n_before).items()
    }
    patches = replace(patches, name=f"{info.name}/patches", module=info.name)
    return {one.name: one for one in (sequence, *parts.values(), patches)}


def _spacing(
    size: Sequence[int], other_size: Sequence[int] | None, shapes: list[tuple[int, ...]]
) -> tuple[float, ...] | None:
    """Return the stride of units on a grid: from how it grows with the input, or from how it divides a fixed input."""
    strides = []
    for axis in range(len(size)):
        n_units = [shape[axis] for shape in shapes]
        if other_size is None:
            strides.append(_plain(Fraction(size[axis], n_units[0])))
        elif n_units[0] == n_units[1]:
            return None
        else:
            strides.append(_plain(Fraction(other_size[axis] - size[axis], n_units[1] - n_units[0])))
    return tuple(strides)


def _without_numbers(name: str) -> str:
    """Return what the names of the same layer in different blocks have in common."""
    return re.sub(r"\d+(?=.*\.)", "#", name)


def _kind_of(module: nn.Module, name: str) -> str:
    try:
        return type(module.get_submodule(name)).__name__
    except AttributeError:  # what `forward` returns is not a module's output
        return ""


def _channel_axis(shape: tuple[int, ...], varying: list[int]) -> int:
    """Return the axis of channels: the one whose size does not depend on the size of the image."""
    fixed = [axis for axis in range(1, len(shape)) if axis not in varying]
    if len(fixed) == 1:
        return fixed[0]
    if len(shape) == 3:
        return 2  # a transformer's tokens
    # A network of one fixed size was run on a square, so rows and columns are equal.
    return 3 if len(shape) == 4 and shape[1] == shape[2] != shape[3] else 1


def _plain(number: Fraction) -> float:
    return int(number) if number.denominator == 1 else float(number)
