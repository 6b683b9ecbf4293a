"""Occlusion (Zeiler and Fergus 2014), with captum: how much the score falls when a patch is hidden."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from seisdream.attribution.settings import AttributionSettings
from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.inference.unit_grid import Size


def occlusion(
    score: Callable[[torch.Tensor], torch.Tensor],
    image: torch.Tensor,
    baselines: Sequence[torch.Tensor],
    patch: Size,
    stride: Size,
    *,
    batch: int = 1,
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Return the fall of a score where patches are replaced by a baseline, averaged over baselines.

    Parameters
    ----------
    score : callable
        From images ``(batch, channel, row, column)`` to scores ``(batch,)``.
    image : Tensor
        ``(1, channel, row, column)``.
    baselines : sequence of Tensor
        Each shaped as the image.
    patch, stride : (int, int)
        Rows and columns of a patch, and between patches.
    batch : int, default 1
        Images that are computed at once.

    Returns
    -------
    map : Tensor
        ``(1, channel, row, column)``.
    info : dict
        ``baseline_score``.
    """
    method = require_extra("captum.attr", "attribution", "Attribution").Occlusion(score)
    n_channels = image.shape[1]
    total, baseline_score = torch.zeros_like(image), 0.0
    with torch.no_grad():
        for baseline in baselines:
            total += method.attribute(
                image,
                sliding_window_shapes=(n_channels, *patch),
                strides=(n_channels, *stride),
                baselines=baseline,
                perturbations_per_eval=batch,
            ) / len(baselines)
            baseline_score += float(score(baseline)) / len(baselines)
    # A patch hides all colours of a sample at once, and captum assigns the whole fall to each of them.
    return total / n_channels, {"baseline_score": baseline_score}


def fit_patch(settings: AttributionSettings, section_size: Size, window_size: Size) -> tuple[Size, Size]:
    """Return patch and stride, cut to the window that the score depends on.

    Raises
    ------
    SeisdreamError
        If a patch is given that is larger than the section (``too-small``).
    """
    patch, stride = settings.patch_or_default, settings.stride_or_default
    if settings.patch and any(long > side for long, side in zip(patch, section_size, strict=True)):
        raise SeisdreamError(
            f"`patch` is {patch[0]}x{patch[1]}; it must fit into the section of {section_size[0]}x{section_size[1]} "
            "samples.",
            code="too-small",
            option="patch",
        )
    patch = min(patch[0], window_size[0]), min(patch[1], window_size[1])
    return patch, (min(stride[0], patch[0]), min(stride[1], patch[1]))


def n_patches(window_size: Size, patch: Size, stride: Size) -> int:
    """Return the number of patches that cover a window."""
    down, across = (math.ceil((n - side) / step) + 1 for n, side, step in zip(window_size, patch, stride, strict=True))
    return down * across
