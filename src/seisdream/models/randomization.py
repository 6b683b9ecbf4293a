"""Networks whose weights are random, in whole or in part."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from seisdream.errors import SeisdreamError
from seisdream.models.checkpoints import randomize
from seisdream.models.network import Network

_MOST_CASCADES = 5


def cascading_randomization(network: Network, layer: str | None = None) -> list[tuple[str, tuple[str, ...], bool]]:
    """Return what to make random, step by step from the output downwards.

    Parameters
    ----------
    network : Network
        Its weights are grouped by the parts that it is made of (``dec1``, ``enc5``).
    layer : str, optional
        Where to begin; by default at the last layer.

    Returns
    -------
    list of (name, names, bool)
        The last part that each step reaches, all parts up to it, and whether those are all.

    Raises
    ------
    SeisdreamError
        If there are no weights.
    """
    computed = list(network.layers)
    if layer is not None:
        computed = computed[: computed.index(network.layer(layer).name) + 1]
    module, depth = network.module, 1
    weighted = [name for name in computed if _has_weights(module, name)]
    while True:
        # In the order of the last use, from the output.
        groups = list(dict.fromkeys(".".join(name.split(".")[:depth]) for name in reversed(weighted)))
        deepest = max((name.count(".") + 1 for name in weighted), default=1)
        if len(groups) > 1 or depth >= deepest:
            break
        depth += 1
    if not groups:
        raise SeisdreamError(f"{network.name} has no weights up to '{layer}', so none can be made random.")
    ends = np.unique(np.linspace(1, len(groups), min(len(groups), _MOST_CASCADES)).round().astype(int))
    return [(groups[end - 1], tuple(groups[:end]), bool(end == len(groups))) for end in ends]


def with_random_parts(network: Network, names: Iterable[str], seed: int) -> Network:
    """Return a network in which the named parts have random weights, as `randomize` gives them."""
    twin = copy.copy(network)
    twin.module = copy.deepcopy(network.module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for name in names:
            part = _part(twin.module, name)
            before = [parameter.clone() for parameter in part.parameters()]
            randomize(part)
            for parameter, was in zip(part.parameters(), before, strict=True):
                # What knows no way to begin anew is shuffled.
                if parameter.numel() > 1 and torch.equal(parameter, was):
                    parameter.copy_(was.flatten()[torch.randperm(was.numel())].reshape(was.shape))
    return twin


def _part(module: nn.Module, name: str) -> nn.Module:
    # A module without submodules is one layer, which the network names itself.
    return module.get_submodule(name) if any(True for _ in module.children()) else module


def _has_weights(module: nn.Module, name: str) -> bool:
    return any(True for _ in _part(module, name).parameters())
