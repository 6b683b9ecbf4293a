"""One step uphill: the recipe's normalised gradient, inside a mask and within the valid range."""

from __future__ import annotations

import torch


def gradient_ascent_step(
    picture: torch.Tensor,
    gradient: torch.Tensor,
    step_size: float,
    *,
    mask: torch.Tensor | None = None,
    clip: bool = True,
) -> torch.Tensor:
    """Return the picture one step further along its gradient.

    The gradient is divided by its mean magnitude (over the mask, where there is one), so that `step_size` is the
    mean change a step makes (Mordvintsev, Olah and Tyka 2015). Each picture of a batch takes a step of its own.

    Parameters
    ----------
    picture, gradient : Tensor
        ``(picture, channel, row, column)``, or cubes, in grey levels, and the score's gradient there, whose memory
        becomes the result's.
    step_size : float
        Mean change of a step in grey levels (of 255).
    mask : Tensor, optional
        ``(1, 1, row, column)``, 0 where nothing may change to 1 where all may.
    clip : bool, default True
        Keep grey levels between 0 and 255.
    """
    if mask is not None:
        gradient *= mask
    n_free = gradient[0].numel() if mask is None else (mask.sum() * gradient.shape[1]).clamp_min(1.0)
    magnitude = torch.linalg.vector_norm(gradient, 1, dim=tuple(range(1, gradient.ndim)), keepdim=True) / n_free
    # A gradient of zero (a channel that fires nowhere) moves nothing; a NaN must come through and be seen.
    gradient *= torch.where(magnitude == 0, 0.0, step_size / magnitude)
    stepped = gradient.add_(picture)
    return stepped.clamp_(0.0, 255.0) if clip else stepped
