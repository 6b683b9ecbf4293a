"""Networks with random weights, in whole or in part."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from seisdream.errors import SeisdreamError
from seisdream.models.network import Network

_MAX_STEPS = 5


def randomize(module: nn.Module) -> None:
    """Give a module random weights, in place, as a control for training.

    Convolutions and linear layers get weights that preserve the variance of activations (He and others 2015) and zero
    biases; other layers start as they do before training.
    """
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise SeisdreamError(
            "The parts of TorchScript are not known, so they get no random weights; load the network from its Python "
            "code (PACKAGE.MODULE:FACTORY).",
            code="not-supported",
            option="network",
        )
    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif callable(reset := getattr(part, "reset_parameters", None)):
            reset()


def cascading_randomization(network: Network, layer: str | None = None) -> list[tuple[str, tuple[str, ...], bool]]:
    """Return the parts to randomise in each step of a cascade from the output to the input.

    Cascading randomisation is the sanity check of Adebayo and others (2018, "Sanity checks for saliency maps").

    Parameters
    ----------
    network : Network
        Its weights are grouped by its top-level parts (``dec1``, ``enc5``).
    layer : str, optional
        The layer to begin at. Default: the last one.

    Returns
    -------
    list of (str, tuple of str, bool)
        For each step the last part that it reaches, all parts up to there, and whether these are all parts.

    Raises
    ------
    SeisdreamError
        If there are no weights.
    """
    if isinstance(network.module, torch.jit.ScriptModule):
        randomize(network.module)  # raises
    computed = list(network.layers)
    if layer is not None:
        computed = computed[: computed.index(network.layer(layer).name) + 1]
    module, depth = network.module, 1
    parts = dict.fromkeys(network.layer(name).module for name in computed)
    weighted = [name for name in parts if _has_weights(module, name)]
    while True:
        # In the order of the last use, from the output.
        groups = list(dict.fromkeys(".".join(name.split(".")[:depth]) for name in reversed(weighted)))
        deepest = max((name.count(".") + 1 for name in weighted), default=1)
        if len(groups) > 1 or depth >= deepest:
            break
        depth += 1
    if not groups:
        raise SeisdreamError(
            f"{network.name} has no weights up to '{layer}', so none can be randomised.", code="incompatible"
        )
    ends = np.unique(np.linspace(1, len(groups), min(len(groups), _MAX_STEPS)).round().astype(int))
    return [(groups[end - 1], tuple(groups[:end]), bool(end == len(groups))) for end in ends]


def with_random_weights(network: Network, seed: int = 0) -> Network:
    """Return a copy of a network with random weights, as `randomize` draws them, called ``NAME@random:SEED``."""
    module = copy.deepcopy(network.module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        randomize(module)
    twin = Network(
        f"{network.name}@random" + (f":{seed}" if seed else ""),
        module,
        network.preprocessing,
        classes=network.classes,
        colours=network.colours,
        class_layer=network.class_layer,
    )
    twin.choose_classes(None, network.class_activation)
    return twin


def with_random_parts(network: Network, names: Iterable[str], seed: int) -> Network:
    """Return a copy of a network in which some parts have random weights, as `randomize` draws them."""
    twin = copy.copy(network)
    twin.module = copy.deepcopy(network.module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for name in names:
            part = _part(twin.module, name)
            before = [parameter.clone() for parameter in part.parameters()]
            randomize(part)
            for parameter, was in zip(part.parameters(), before, strict=True):
                # Parameters that have no initialisation are shuffled.
                if parameter.numel() > 1 and torch.equal(parameter, was):
                    parameter.copy_(was.flatten()[torch.randperm(was.numel())].reshape(was.shape))
    return twin


def _part(module: nn.Module, name: str) -> nn.Module:
    # A module without submodules is one layer, whose name is not that of a submodule.
    return module.get_submodule(name) if any(True for _ in module.children()) else module


def _has_weights(module: nn.Module, name: str) -> bool:
    return any(True for _ in _part(module, name).parameters())
