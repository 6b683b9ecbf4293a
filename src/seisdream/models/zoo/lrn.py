"""Caffe's local response normalisation across channels, exactly, and fast forward and back.

`torch.nn.LocalResponseNorm` has the same formula, but takes three to five times as long and does not run in
bfloat16.
"""

from __future__ import annotations

import torch
from torch import nn


class LocalResponseNorm(nn.Module):
    """Divide each value by how strongly its neighbouring channels respond (Krizhevsky et al. 2012, section 3.3).

    ``x / (k + alpha / size · Σ x²) ** 0.75``, summed over the `size` channels around each. Caffe, like torch,
    divides alpha by the size; the original paper does not.

    Parameters
    ----------
    n_channels : int
        Channels of the input ``(batch, channel, row, column)``.
    size : int, odd, default 5
        How many channels, this one included, are summed over.
    alpha, k : float, defaults 1e-4 and 1
        As in the formula. The exponent is fixed at 0.75.
    """

    window: torch.Tensor
    k: torch.Tensor

    def __init__(self, n_channels: int, size: int = 5, alpha: float = 1e-4, k: float = 1.0) -> None:
        super().__init__()
        channel = torch.arange(n_channels)
        band = ((channel[:, None] - channel).abs() <= size // 2).float() * (alpha / size)
        # Settings rather than weights: not in the state dict, whose keys are the published ones.
        self.register_buffer("window", band[:, :, None, None], persistent=False)
        self.register_buffer("k", torch.full((n_channels,), k), persistent=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the normalised values ``(batch, channel, row, column)``."""
        # The sum over neighbours is a 1 × 1 convolution with a band of ones: a matrix product, whose sums are kept
        # in float32 whatever the precision, beats shifting and adding the channels one by one.
        scale = nn.functional.conv2d(values * values, self.window, self.k)
        # scale ** -0.75; two square roots are faster than a power.
        return values * torch.rsqrt(scale * scale.sqrt())
