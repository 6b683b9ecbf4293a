"""Flip consistency: a loss that makes a network's stages activate equally for a section and for its mirror image.

The direction in which beds dip, and the flank of a dome on which they lie, do not change their facies. With mirrored
samples alone, only the classes become independent of them; with this loss the stages do as well, so that a linear probe
of a stage cannot separate dips to the left from dips to the right.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from seisdream.training.settings import FIRST_CONSISTENT_STAGE


def with_mirror_images(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a batch, as `collate` makes it, followed by the mirror images of its samples; dips change sign."""
    mirrored = {name: values.flip(-1) for name, values in batch.items()}
    if "dip" in mirrored:
        mirrored["dip"] = -mirrored["dip"]
    return {name: torch.cat([values, mirrored[name]]) for name, values in batch.items()}


def flip_consistency_loss(activations: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return how different activations are for samples and for their mirror images.

    Parameters
    ----------
    activations : mapping of str to Tensor
        Activations of each stage, by its name, for samples followed by their mirror images,
        ``(2 * sample, channel, ...)``. Stages before `FIRST_CONSISTENT_STAGE` are ignored;
        on their finer grids, left and right may differ.

    Returns
    -------
    Tensor
        Mean over stages, samples and channels of the mean squared difference, divided by twice the variance within the
        sample: 0 for equal activations, 1 for independent ones.
    """
    losses = []
    for name, values in activations.items():
        if int(name.removeprefix("enc").removeprefix("dec")) < FIRST_CONSISTENT_STAGE:
            continue
        first, second = values.float().chunk(2)
        along = tuple(range(2, values.ndim))
        variance = 0.5 * (first.var(along) + second.var(along))
        # Without a floor, differences of a channel that is practically silent in a sample would dominate.
        floor = 1e-3 * variance.mean(1, keepdim=True) + 1e-12
        losses.append((((first - second.flip(-1)) ** 2).mean(along) / (2.0 * (variance + floor))).mean())
    return torch.stack(losses).mean()
