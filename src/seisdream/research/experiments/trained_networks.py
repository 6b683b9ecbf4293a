"""Networks that experiments train for themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch

from seisdream.models.checkpoints import ModelMetadata, write_trained
from seisdream.models.network import Network
from seisdream.models.registry import load_network
from seisdream.training.loop import Items, Training, TrainingSettings


def train_network(
    recipe: TrainingSettings,
    items: Items,
    folder: str | os.PathLike[str],
    *,
    title: str,
    default_layer: str,
    colours: tuple[str, ...] = (),
    start: dict[str, torch.Tensor] | None = None,
    device: str = "cpu",
    on_step: Callable[[], None] = lambda: None,
) -> Network:
    """Train a network to the end of its recipe, and load it from its file, as a user would.

    Parameters
    ----------
    recipe : TrainingRecipe
        Every number.
    items : Items
        To learn from.
    folder : path
        Empty; of the checkpoint and the file.
    title, default_layer, colours
        As in `ModelMetadata`.
    start : dict of Tensor, optional
        Weights to start from.
    device : str, default "cpu"
        Where to train.
    on_step : callable, optional
        Called after each step.
    """
    training = Training(recipe, items, items, 1, folder, device=device, start=start)
    for _ in training.states():
        on_step()
    story = ModelMetadata(
        architecture=recipe.architecture,
        settings=training.network.settings,
        classes=tuple(items.classes),
        colours=colours,
        title=title,
        default_layer=default_layer,
    )
    file = Path(folder) / "network.safetensors"
    write_trained(training.network, story, file)
    return load_network(str(file))
