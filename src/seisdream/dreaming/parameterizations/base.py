"""What every parameterization is: something that is free to change, and the section that follows from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy.ndimage import convolve1d, minimum_filter1d


class Parameterization(ABC):
    """What is free to change in a dream, and the section that follows from it.

    All sections here are tensors ``(1, channel, row, column)`` in the section's own units, or cubes ``(1, 1, time,
    inline, crossline)``; `pixel`, `fourier`, `phase` and `bandlimited` take several of one size at once, ``(section,
    channel, row, column)``. The gradient that arrives
    at the section is carried back to what is free by automatic differentiation through `render`, so a dream cannot
    leave what `render` can say.

    Attributes
    ----------
    name : str
        As ``--parameterization`` names it.
    start : Tensor
        The section that the dream starts from, ``(1, channel, row, column)``.
    free : Tensor
        What is free, as it is at the start.
    """

    name: ClassVar[str]

    def __init__(self, start: torch.Tensor):
        self.start = start
        self.free = torch.zeros_like(start)

    @abstractmethod
    def render(self, free: torch.Tensor) -> torch.Tensor:
        """Return the section that follows from what is free, differentiably."""

    def approach(self, free: torch.Tensor, section: torch.Tensor) -> torch.Tensor | None:
        """Return what is free moved so that its section comes near this one; None where that is not possible."""
        return None

    def uphill(self, free: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Return the direction of a step for a gradient over what is free; by default the gradient itself."""
        return gradient

    def settle(self, free: torch.Tensor) -> torch.Tensor:
        """Return what is free after a step, back within its bounds and priors; by default as it is."""
        return free

    @property
    def wavelet(self) -> np.ndarray | None:
        """The wavelet that the section is convolved with, float32 in its units; None where there is none."""
        return None

    def byproducts(self, free: torch.Tensor) -> dict[str, Byproduct]:
        """Return what else a dream found beside the section: the reflectivity, the rock."""
        return {}


@dataclass(frozen=True)
class Byproduct:
    """An array that belongs to a dreamed section: its reflectivity or its rock.

    Attributes
    ----------
    values : array
        float32 ``(time, trace)``.
    units : str
        Of the values; empty for a ratio.
    long_name : str
        What it is, for figures.
    """

    values: np.ndarray
    units: str
    long_name: str


def shrink_mask(mask: np.ndarray, n_samples: int) -> np.ndarray:
    """Return a mask that fades in time within itself, over a filter's half length, so that no filter is cut off.

    Parameters
    ----------
    mask : array
        ``(time, trace)``, 0 to 1.
    n_samples : int
        Over how many samples it fades from 0; what is narrower than twice that fades less far.

    Returns
    -------
    array
        float32, nowhere above `mask`.
    """
    half = max(1, n_samples // 2)
    window = np.hanning(2 * half + 3)[1:-1]
    eroded = minimum_filter1d(mask, 2 * half + 1, axis=0, mode="nearest")
    return np.minimum(convolve1d(eroded, window / window.sum(), axis=0, mode="nearest"), mask).astype(np.float32)


def smooth_across(values: torch.Tensor, sigma: float) -> torch.Tensor:
    """Return ``(1, 1, time, lateral...)`` through a Gaussian window over traces; beyond the ends the edge goes on."""
    for axis in range(3, values.ndim):
        reach = min(round(3 * sigma), values.shape[axis] - 1)
        at = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
        window = torch.exp(-0.5 * (at / sigma) ** 2)
        values = filter_across(values, axis, window / window.sum())
    return values


def filter_across(values: torch.Tensor, axis: int, window: torch.Tensor) -> torch.Tensor:
    """Return values through an odd window along a lateral axis; beyond the ends the edge goes on."""
    reach = len(window) // 2
    turned = values.movedim(axis, -1)
    rows = turned.reshape(len(values) * values.shape[1], 1, -1, values.shape[axis])
    padded = torch.nn.functional.pad(rows, (reach, reach, 0, 0), mode="replicate")
    return torch.nn.functional.conv2d(padded, window[None, None, None]).reshape(turned.shape).movedim(-1, axis)


def along_time(matrix: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return a matrix ``(time, time)`` times each trace of ``(1, 1, time, lateral...)``."""
    return (matrix @ values.flatten(3)).reshape(values.shape)


def as_plane(tensor: torch.Tensor) -> np.ndarray:
    """Return ``(1, 1, time, lateral...)`` as a float32 array without the first two axes."""
    return tensor.detach()[0, 0].cpu().numpy().astype(np.float32)
