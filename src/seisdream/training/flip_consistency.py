"""Mirror images: a network is to say the same of a section and of its mirror image, mirrored.

Which way beds dip, and which flank of a dome they lie on, is no matter of facies. Mirrored items alone teach that to
the classes; here it is asked of the stages themselves, so that a plane through them tells a dip to the left by what it
was shown of dips to the right.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

FIRST_STAGE = 3
"""Stages on coarser grids, from this one on, say the same of mirror images; finer ones may tell left from right."""


def with_mirror_images(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a batch, as `labels.collate` makes it, followed by the mirror images of its items; dips change sign."""
    mirrored = {name: values.flip(-1) for name, values in batch.items()}
    if "dip" in mirrored:
        mirrored["dip"] = -mirrored["dip"]
    return {name: torch.cat([values, mirrored[name]]) for name, values in batch.items()}


def flip_consistency_loss(said: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return how differently stages speak of items and of their mirror images: 0 not at all, 1 as of strangers.

    Parameters
    ----------
    said : mapping of str to Tensor
        What each stage says of items followed by their mirror images, ``(2 * item, channel, ...)``, by its name; those
        before `FIRST_STAGE` are passed over.

    Returns
    -------
    Tensor
        The mean over stages, items and channels of the mean squared difference over twice the variance along the item.
        No item has a part in another's.
    """
    losses = []
    for name, values in said.items():
        if int(name.removeprefix("enc").removeprefix("dec")) < FIRST_STAGE:
            continue
        first, second = values.float().chunk(2)
        along = tuple(range(2, values.ndim))
        variance = 0.5 * (first.var(along) + second.var(along))
        # A channel that is silent in an item says nothing different, however small the little that it says.
        floor = 1e-3 * variance.mean(1, keepdim=True) + 1e-12
        losses.append((((first - second.flip(-1)) ** 2).mean(along) / (2.0 * (variance + floor))).mean())
    return torch.stack(losses).mean()
