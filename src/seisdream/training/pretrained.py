"""Weights of an earlier network from which training starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from seisdream.errors import SeisdreamError
from seisdream.models.registry import load_network
from seisdream.models.zoo.googlenet import GoogLeNet

FINE_TUNING: dict[str, Any] = {"steps": 200, "learning_rate": 1e-4}
"""Defaults for training that starts from GoogLeNet, which has no normalisation and is trained already."""


@dataclass(frozen=True)
class Pretrained:
    """A trained network as the start of training.

    Attributes
    ----------
    architecture : dict
        Settings of its architecture, for `TrainingSettings`.
    weights : dict of Tensor
        Its state dict.
    classes : tuple of str
        In the order of their codes.
    """

    architecture: dict[str, Any]
    weights: dict[str, torch.Tensor]
    classes: tuple[str, ...]

    def weights_for(self, classes: tuple[str, ...]) -> dict[str, torch.Tensor]:
        """Return the weights to start from, without those of the last layer where the classes are different ones."""
        if classes == self.classes:
            return self.weights
        return {name: value for name, value in self.weights.items() if not name.startswith("logits.")}


def load_pretrained(network: str, *, weights: str | None = None) -> Pretrained:
    """Load a network to start training from.

    Parameters
    ----------
    network : str
        A network that seisdream trained, by name or file, or ``googlenet`` (for photographs).
    weights : path, optional
        Weights of ``googlenet``.

    Raises
    ------
    SeisdreamError
        If it is another kind of network.
    """
    if weights is not None and network != "googlenet":
        raise SeisdreamError(
            "`weights` belong to `start=googlenet`; other networks come with their weights, so leave it out.",
            code="incompatible",
            option="weights",
        )
    loaded = load_network(network, weights=weights)
    if isinstance(loaded.module, GoogLeNet):
        architecture: dict[str, Any] = {"architecture": "googlenet"}
    else:
        options = getattr(loaded.module, "settings", None)
        if not isinstance(options, dict):
            raise SeisdreamError(
                f"{network} is not a network that seisdream trained; start from facies, from the "
                "network.safetensors of a run or, for photographs, from googlenet.",
                code="not-supported",
                option="start",
            )
        architecture = {name: value for name, value in options.items() if name != "n_classes"}
    return Pretrained(architecture, dict(loaded.module.state_dict()), tuple(loaded.classes or ()))
