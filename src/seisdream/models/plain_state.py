"""Numbers and flags that a forward pass leaves on its modules, and how they are put back."""

from __future__ import annotations

from torch import nn

_KINDS = (type(None), bool, int, float, str, tuple)


class PlainState:
    """Plain public attributes of a module and its parts, as they are now.

    Some networks change themselves as they run: Swin of transformers shrinks its windows for good on an input that is
    smaller than a window. Put back after each run, such changes do not reach the next input.

    Parameters
    ----------
    module : nn.Module
        The module.
    """

    def __init__(self, module: nn.Module) -> None:
        self._attributes = [
            (vars(part), name, value)
            for part in module.modules()
            for name, value in vars(part).items()
            if not name.startswith("_") and type(value) in _KINDS
        ]

    def restore(self) -> None:
        """Put back what has changed."""
        for namespace, name, value in self._attributes:
            if namespace.get(name) is not value:
                namespace[name] = value
