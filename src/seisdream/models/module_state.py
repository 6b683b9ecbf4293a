"""What a forward pass leaves on its modules, and how it is put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


class ModuleState:
    """Attributes and forward hooks of a module and its parts.

    Some networks change themselves as they run: Swin of transformers shrinks its windows for good on an input that is
    smaller than a window, and others keep results. Where they are put back, the next input is not affected.

    Parameters
    ----------
    module : nn.Module
        The module.
    """

    def __init__(self, module: nn.Module) -> None:
        parts = [vars(part) for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)]
        # Hooks are in dicts whose contents change in place.
        self._dicts = [*parts, *(part[kind] for part in parts for kind in _HOOKS if kind in part)]

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put back after the block what has changed inside it."""
        states = [(one, one.copy()) for one in self._dicts]
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
