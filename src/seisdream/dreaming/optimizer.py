"""One step of gradient ascent."""

from __future__ import annotations

import torch


def gradient_ascent_step(
    image: torch.Tensor,
    gradient: torch.Tensor,
    step_size: float,
    *,
    mask: torch.Tensor | None = None,
    clip: bool = True,
) -> torch.Tensor:
    """Return images one step along their gradients.

    The gradient is divided by its mean magnitude (over the mask, where there is one), so that `step_size` is the mean
    change of a step (Mordvintsev, Olah and Tyka 2015). Each image of a batch takes a step of its own.

    Parameters
    ----------
    image, gradient : Tensor
        ``(batch, channel, *space)`` in grey levels, and the gradient of the score, whose memory becomes the result's.
    step_size : float
        Mean change of a step in grey levels (of 255).
    mask : Tensor, optional
        ``(1, 1, *space)``, 0 where nothing may change to 1 where everything may.
    clip : bool, default True
        Keep grey levels between 0 and 255.
    """
    if mask is not None:
        gradient *= mask
    n_samples = gradient[0].numel() if mask is None else (mask.sum() * gradient.shape[1]).clamp_min(1.0)
    magnitude = torch.linalg.vector_norm(gradient, 1, dim=tuple(range(1, gradient.ndim)), keepdim=True) / n_samples
    # A gradient of zero (a channel that is active nowhere) moves nothing; NaN must come through and be detected.
    gradient *= torch.where(magnitude == 0, 0.0, step_size / magnitude)
    stepped = gradient.add_(image)
    return stepped.clamp_(0.0, 255.0) if clip else stepped
