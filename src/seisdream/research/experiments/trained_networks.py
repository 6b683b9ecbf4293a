"""Small networks that experiments train for themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch

from seisdream.data.dataset import Dataset
from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.network import Network
from seisdream.models.registry import load_network
from seisdream.training.loop import Training
from seisdream.training.settings import TrainingSettings


def train_network(
    settings: TrainingSettings,
    data: Dataset,
    folder: str | os.PathLike[str],
    *,
    title: str,
    default_layer: str,
    colours: tuple[str, ...] = (),
    start: dict[str, torch.Tensor] | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> Network:
    """Train a network and load it from its weights file, as a user would.

    Parameters
    ----------
    settings : TrainingSettings
        Settings of the training.
    data : Dataset
        Training samples.
    folder : path
        Empty folder for the checkpoint and the weights.
    title, default_layer, colours
        As in `ModelMetadata`.
    start : dict of Tensor, optional
        Initial weights.
    on_step : callable, optional
        Called after each step.
    """
    training = Training(settings, data, data, 1, folder, start=start)
    for _ in training.states():
        on_step()
    metadata = ModelMetadata(
        architecture=settings.architecture,
        settings=training.network.settings,
        classes=tuple(data.classes),
        colours=colours,
        title=title,
        default_layer=default_layer,
    )
    file = Path(folder) / "network.safetensors"
    write_trained(training.network, metadata, file)
    return load_network(str(file))
