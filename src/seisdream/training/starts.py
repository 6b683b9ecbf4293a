"""Weights to start from: those of a network that was trained before."""

from __future__ import annotations

from typing import Any

import torch

from seisdream.errors import SeisdreamError
from seisdream.nets.registry import load_network


def start_from(network: str) -> tuple[dict[str, Any], dict[str, torch.Tensor], tuple[str, ...]]:
    """Return what of a recipe a network settles, its weights and its classes.

    Parameters
    ----------
    network : str
        Of those that seisdream trained, as `load_network` takes it.

    Returns
    -------
    changes : dict
        The settings of its architecture, for `TrainingRecipe`; they go on as they are, but for the number of classes.
    weights : dict of Tensor
        For `Training`.
    classes : tuple of str
        In the order of their codes.

    Raises
    ------
    SeisdreamError
        If it is another kind of network.
    """
    loaded = load_network(network)
    settings = getattr(loaded.module, "settings", None)
    if not isinstance(settings, dict):
        raise SeisdreamError(
            f"{network} is no network that seisdream trained; --start takes facies, or a FILE.safetensors of a run."
        )
    kept = {name: value for name, value in settings.items() if name != "n_classes"}
    return {"settings": kept}, dict(loaded.module.state_dict()), tuple(loaded.classes or ())
