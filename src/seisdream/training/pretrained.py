"""Weights to start from: those of a network that was trained before."""

from __future__ import annotations

import os
from typing import Any

import torch

from seisdream.errors import SeisdreamError
from seisdream.models.registry import load_network
from seisdream.models.zoo.googlenet import GoogLeNet

TUNING: dict[str, Any] = {"n_steps": 200, "learning_rate": 1e-4}
"""What is gentle enough for GoogLeNet, which has no normalisation and knows much already."""


def load_pretrained(
    network: str, *, weights: str | os.PathLike[str] | None = None, tells_photos: bool = False
) -> tuple[dict[str, Any], dict[str, torch.Tensor], tuple[str, ...]]:
    """Return what of a recipe a network settles, its weights and its classes.

    Parameters
    ----------
    network : str
        Of those that seisdream trained, as `load_network` takes it.
    weights : path, optional
        Of ``googlenet``.
    tells_photos : bool, default False
        Whether what starts tells whole photographs, so that ``googlenet`` will do.

    Returns
    -------
    changes : dict
        The settings of its architecture, for `TrainingSettings`, which go on as they are but for the number of classes;
        for GoogLeNet its architecture.
    weights : dict of Tensor
        For `Training`.
    classes : tuple of str
        In the order of their codes.

    Raises
    ------
    SeisdreamError
        If it is another kind of network.
    """
    loaded = load_network(network, weights=weights)
    is_googlenet = isinstance(loaded.module, GoogLeNet)
    if is_googlenet and tells_photos:
        return {"architecture": "googlenet"}, dict(loaded.module.state_dict()), tuple(loaded.classes or ())
    settings = getattr(loaded.module, "settings", None)
    if is_googlenet or not isinstance(settings, dict):
        raise SeisdreamError(
            f"{network} is no network that seisdream trained; --start takes facies, a FILE.safetensors of a run, or "
            "for photographs googlenet."
        )
    kept = {name: value for name, value in settings.items() if name != "n_classes"}
    return {"settings": kept}, dict(loaded.module.state_dict()), tuple(loaded.classes or ())
