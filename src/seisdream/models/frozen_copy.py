"""The private copy of a user's module that runs: the original is never changed."""

from __future__ import annotations

import copy
from collections import OrderedDict

from torch import nn

from seisdream.errors import SeisdreamError

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_backward_hooks",
    "_backward_pre_hooks",
)

# Name of the only layer of a module without submodules.
_ONLY_LAYER = "output"


def frozen_copy(module: nn.Module, name: str) -> nn.Module:
    """Return a copy of a module in evaluation mode, without gradients and without the user's hooks."""
    try:
        private = copy.deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise SeisdreamError(
            f"{name} cannot be copied ({str(error).splitlines()[0]}), and the original must stay as it is; detach "
            "tensors kept on the module, and remove old-style weight_norm or spectral_norm first.",
            code="network-failed",
            option="network",
        ) from error
    for part in private.modules():
        # Hooks before the forward pass stay: weight_norm computes in one.
        for kind in _HOOKS:
            getattr(part, kind).clear()
    if not any(True for _ in private.children()):
        private = nn.Sequential(OrderedDict({_ONLY_LAYER: private}))
    return private.eval().requires_grad_(False)
