"""The private copy of a user's module that runs: it computes the same, and the original is never changed."""

from __future__ import annotations

import copy
import itertools
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from seisdream.errors import SeisdreamError
from seisdream.models.module_state import ModuleState

_FORWARD_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_BACKWARD_HOOKS = ("_backward_hooks", "_backward_pre_hooks")
_COMPLEX = {torch.float64: torch.complex128}

# Name of the only layer of a module without submodules.
_ONLY_LAYER = "output"


class OneLayer(nn.Sequential):
    """A module whose inside has no layers, as the only layer ``output``."""


class _Script(nn.Module):
    """TorchScript, which takes no hooks itself."""

    def __init__(self, script: torch.jit.ScriptModule):
        super().__init__()
        self.script = script

    def forward(self, values):
        """Return what the script returns."""
        return self.script(values)


def layer_modules(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules whose outputs are layers, by name."""
    for name, part in module.named_modules():
        if name and not isinstance(part, torch.jit.ScriptModule):
            yield name, part


def device_of(module: nn.Module) -> torch.device:
    """Return the device of a module's weights; the CPU where it has none."""
    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the user's module inside `torch.compile`, DataParallel or DistributedDataParallel."""
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(inside := getattr(module, "_orig_mod", None), nn.Module):
            module = inside
        else:
            return module


def is_own(module: nn.Module) -> bool:
    """Return whether a module is of seisdream's own architectures as they are, so that what it computes is known."""
    own, allowed = "seisdream.models.zoo.", ("seisdream.models.zoo.", "torch.nn.modules.")
    return type(module).__module__.startswith(own) and all(
        type(part).__module__.startswith(allowed)
        and "forward" not in vars(part)
        and not any(getattr(part, kind) for kind in _FORWARD_HOOKS)
        for part in module.modules()
    )


def frozen_copy(module: nn.Module, name: str) -> nn.Module:
    """Return a copy of a module in evaluation mode, without gradients of its weights.

    Forward hooks are part of it; hooks on the backward pass are not. Compiled parts are replaced by what they were
    compiled from.

    Parameters
    ----------
    module : Module
        The user's; it is not changed.
    name : str
        For messages.

    Raises
    ------
    SeisdreamError
        If the module cannot be copied, or a lazy layer has no weights yet.
    """
    if lazy := next((key for key, value in module.named_parameters() if is_lazy(value)), None):
        raise SeisdreamError(
            f"{name} has a lazy layer without weights ('{lazy}'). Run the network once on an input of the right number "
            "of channels, or load its weights, before it is used here.",
            code="network-failed",
            option="network",
        )
    memo: dict[int, Any] = {}
    try:
        with _CopiesOfAnyTensor():
            for part in module.modules():
                if unwrapped(part) is not part:
                    memo[id(part)] = copy.deepcopy(unwrapped(part), memo)
            private = copy.deepcopy(unwrapped(module), memo)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SeisdreamError(
            f"{name} cannot be copied ({reason}), and the original must stay as it is; "
            "keep nothing on the module that cannot be copied.",
            code="network-failed",
            option="network",
        ) from error
    parts = {id(part): memo[id(part)] for part in module.modules() if id(part) in memo}
    for part in private.modules():
        if isinstance(part, torch.jit.ScriptModule):
            continue
        for kind in _FORWARD_HOOKS:
            hooks = getattr(part, kind)
            hooks.update({key: _with_copies(hook, parts) for key, hook in hooks.items()})
        for kind in _BACKWARD_HOOKS:
            getattr(part, kind).clear()
    private.eval()  # in a statement of its own, because a module's own `train` may return nothing
    for parameter in private.parameters():
        parameter.detach_()
    if isinstance(private, torch.jit.ScriptModule):
        private = _Script(private)
    if not any(not isinstance(part, torch.jit.ScriptModule) for part in private.children()):
        private = OneLayer(OrderedDict({_ONLY_LAYER: private}))
        private.training = False
    return private


def cast(module: nn.Module, device: torch.device, dtype: torch.dtype | None) -> nn.Module:
    """Move a module to a device and, unless `dtype` is None, its weights to a precision; complex stays complex."""

    def convert(values: torch.Tensor) -> torch.Tensor:
        if dtype is not None and values.is_floating_point():
            return values.to(device, dtype)
        if dtype is not None and values.is_complex():
            return values.to(device, _COMPLEX.get(dtype, torch.complex64))
        return values.to(device)

    return module._apply(convert)


class _CopiesOfAnyTensor(TorchFunctionMode):
    """Lets `copy.deepcopy` copy tensors that a module kept from an earlier run, which are results of others."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.__deepcopy__ and not args[0].is_leaf:
            values, memo = args
            if id(values) not in memo:
                memo[id(values)] = values.detach().clone()
            return memo[id(values)]
        return func(*args, **(kwargs or {}))


def _with_copies(hook: Any, parts: dict[int, nn.Module]) -> Any:
    """Return a hook whose enclosed variables are the copied modules where they were modules of the original."""
    if not isinstance(hook, types.FunctionType):
        return hook  # methods and partial functions are copied with their objects
    cells = hook.__closure__ or ()
    inside = [_content(cell) for cell in cells]
    defaults = tuple(parts.get(id(value), value) for value in hook.__defaults__ or ())
    if not any(id(value) in parts for value in (*inside, *(hook.__defaults__ or ()))):
        return hook
    closure = tuple(
        types.CellType(parts[id(value)]) if id(value) in parts else cell
        for cell, value in zip(cells, inside, strict=True)
    )
    twin = types.FunctionType(hook.__code__, hook.__globals__, hook.__name__, defaults or None, closure or None)
    twin.__kwdefaults__ = hook.__kwdefaults__
    return twin


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


@contextmanager
def plain_execution() -> Iterator[None]:
    """Run TorchScript unoptimised and activation checkpoints as plain functions inside the block.

    Optimised TorchScript changes after its first runs. Checkpoints save memory in training: the reentrant kind does
    not support gradients of chosen tensors, and the other kind runs parts again, hooks included.
    """
    with torch.jit.optimized_execution(False), _without_checkpoints():  # pyright: ignore[reportPrivateImportUsage]
        yield


@contextmanager
def _without_checkpoints() -> Iterator[None]:
    module = sys.modules.get("torch.utils.checkpoint")
    if module is None:
        yield
        return
    names = ("CheckpointFunction", "_checkpoint_without_reentrant_generator")
    before = {name: getattr(module, name, None) for name in names}
    try:
        module.CheckpointFunction = _PlainCall  # pyright: ignore[reportAttributeAccessIssue]
        module._checkpoint_without_reentrant_generator = _nothing  # pyright: ignore[reportAttributeAccessIssue]
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


class _PlainCall:
    @staticmethod
    def apply(function, _preserve, *args):
        return function(*args)


def _nothing(*_args, **_kwargs) -> Iterator[None]:
    yield


@contextmanager
def in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Let the user's module run in evaluation mode inside the block; afterwards it is as it was."""
    scripts = [part for part in module.modules() if isinstance(part, torch.jit.ScriptModule)]
    modes = [getattr(script, "training", None) for script in scripts]
    buffers = [(part._buffers, dict(part._buffers)) for part in module.modules() if part not in scripts]
    values = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    try:
        with ModuleState(module).kept():
            for part in module.modules():
                if not isinstance(part, torch.jit.ScriptModule):
                    part.training = False
            for script, mode in zip(scripts, modes, strict=True):
                if mode:  # of a frozen one there is none
                    script.training = False
            yield
    finally:
        for script, mode in zip(scripts, modes, strict=True):
            if mode:
                script.training = True
        for owner, before in buffers:
            owner.update(before)  # the same tensors
        with torch.no_grad():
            for buffer, before in values:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)
