"""Smoothing of the gradient at several scales, so that a step does not draw what no survey records.

The gradient of a network is strong near the Nyquist wavenumbers, at which seismic has little energy. A weighted mean of
the gradient's Gaussian averages at three scales weakens these wavenumbers and keeps the larger structures.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

# Standard deviations relative to the middle one, and the weight of each.
_SCALES = ((0.5, 1.0), (1.0, 2.0), (2.0, 4.0))
# Half the length of a kernel in standard deviations.
_TRUNCATE = 4.0


def smooth_gradient(gradient: torch.Tensor, sigma: float) -> torch.Tensor:
    """Return the weighted mean of a gradient's Gaussian averages at half, one and two times a scale.

    Parameters
    ----------
    gradient : Tensor
        ``(batch, channel, *space)``. At edges it is mirrored.
    sigma : float
        Standard deviation of the middle Gaussian in samples, above 0; the weights of the three are 1, 2 and 4.
    """
    total = torch.zeros_like(gradient)
    weights = sum(weight for _, weight in _SCALES)
    for scale, weight in _SCALES:
        smoothed = gradient
        for axis in range(2, gradient.ndim):
            smoothed = _smooth_along(smoothed, axis, scale * sigma)
        total += smoothed * (weight / weights)
    return total


def _smooth_along(values: torch.Tensor, axis: int, sigma: float) -> torch.Tensor:
    size = values.shape[axis]
    reach = min(max(1, round(_TRUNCATE * sigma)), size - 1)
    if reach == 0:
        return values
    offsets = torch.arange(-reach, reach + 1, device=values.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(values.dtype)
    along = values.movedim(axis, -1)
    rows = along.reshape(-1, 1, size)
    averaged = F.conv1d(F.pad(rows, (reach, reach), mode="reflect"), kernel.view(1, 1, -1))
    return averaged.reshape(along.shape).movedim(-1, axis)
