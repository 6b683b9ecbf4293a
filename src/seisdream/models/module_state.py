"""What a forward pass leaves on its modules, and how it is put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn

# Dicts of a module whose contents change in place.
_DICTS = ("_buffers", "_forward_hooks", "_forward_pre_hooks")


class _Buffer(NamedTuple):
    """A buffer of a module: in which dict and under which name, and its values before any run."""

    owner: dict[str, torch.Tensor | None]
    name: str
    values: torch.Tensor


class ModuleState:
    """Attributes, buffers and forward hooks of a module and its parts.

    Some networks change themselves as they run: Swin of transformers shrinks its windows for good on an input that is
    smaller than a window, and others count their runs or keep results. Where they are put back, the next input is not
    affected.

    Parameters
    ----------
    module : nn.Module
        The module.
    """

    def __init__(self, module: nn.Module) -> None:
        parts = [vars(part) for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)]
        self._dicts = [*parts, *(part[kind] for part in parts for kind in _DICTS if kind in part)]
        self._buffers = [
            _Buffer(part["_buffers"], name, values.detach().clone())
            for part in parts
            for name, values in part.get("_buffers", {}).items()
            if values is not None
        ]

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put back after the block what has changed inside it."""
        states = [(one, one.copy()) for one in self._dicts]
        versions = [_version(one) for one in self._buffers]
        try:
            yield
        finally:
            for now, before in states:
                # Not at once by `clear`, because other threads may read.
                for name, value in before.items():
                    if now.get(name) is not value:
                        now[name] = value
                if len(now) > len(before):
                    for name in now.keys() - before.keys():
                        del now[name]
            for one, version in zip(self._buffers, versions, strict=True):
                if _version(one) != version:
                    # Another tensor, because gradients may need the one that was changed.
                    one.owner[one.name] = one.values.clone()


def _version(buffer: _Buffer) -> int:
    """Return how often a buffer was changed in place."""
    values = buffer.owner[buffer.name]
    return -1 if values is None or values.is_inference() else values._version
