"""Normalisation by the statistics of the data: z-score, clipping in standard deviations, minimum to maximum."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError

STATISTICS = ("section", "window", "volume")
"""What statistics can be measured on."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PATTERN = re.compile(
    rf"(?P<zscore>zscore(?:-clip:(?P<clip>{_NUMBER}))?)?(?P<plus>\+)?"
    rf"(?P<minmax>minmax(?::(?P<low>{_NUMBER}),(?P<high>{_NUMBER}))?)?"
)


class Statistics(NamedTuple):
    """Mean, standard deviation and extremes of samples, one value for each image of a batch.

    Attributes
    ----------
    mean, std, minimum, maximum : Tensor
        float64 ``(batch,)``; the standard deviation is that of all samples (``numpy.std``).
    """

    mean: torch.Tensor
    std: torch.Tensor
    minimum: torch.Tensor
    maximum: torch.Tensor

    @classmethod
    def of(cls, image: torch.Tensor, is_present: NDArray | None = None) -> Statistics:
        """Return the statistics of each image of a batch.

        Parameters
        ----------
        image : Tensor
            ``(batch, channel, *space)``; channels are measured together. No gradient flows through statistics.
        is_present : array, optional
            Booleans shaped as the space: the samples that count. Default, and where none is present: all.
        """
        values = image.detach().flatten(2)
        if is_present is not None and is_present.any() and not is_present.all():
            values = values[..., torch.from_numpy(np.ascontiguousarray(is_present)).flatten().to(values.device)]
        values = values.flatten(1)
        # MPS has no float64.
        wide = values.cpu().double() if values.device.type == "mps" else values.double()
        mean = wide.mean(1)
        return cls(mean, (wide - mean[:, None]).square().mean(1).sqrt(), wide.amin(1), wide.amax(1))

    def mapped(self, low: float, units_per_grey: float) -> Statistics:
        """Return the statistics of the samples after ``(sample - low) / units_per_grey``."""
        ends = [(one - low) / units_per_grey for one in (self.minimum, self.maximum)]
        if units_per_grey < 0:
            ends.reverse()
        return Statistics((self.mean - low) / units_per_grey, self.std / abs(units_per_grey), *ends)


@dataclass(frozen=True)
class Normalisation:
    """A normalisation by statistics.

    Attributes
    ----------
    is_zscore : bool
        Whether the mean is subtracted and the result divided by the standard deviation.
    clip : float or None
        Standard deviations at which z-scores are clipped.
    limits : (float, float) or None
        What the smallest and the largest value become, after all else.
    """

    is_zscore: bool
    clip: float | None
    limits: tuple[float, float] | None

    @classmethod
    def parse(cls, text: str) -> Normalisation | None:
        """Return the normalisation of a name, None for ``fixed``.

        Parameters
        ----------
        text : str
            ``fixed``, ``zscore``, ``zscore-clip:3``, ``minmax`` (-1 to 1), ``minmax:0,1``, or a z-score followed by
            a range: ``zscore-clip:3+minmax``.

        Raises
        ------
        SeisdreamError
            If the name is not known (``unknown-name``), or its numbers do not fit (``out-of-range``).
        """
        if text == "fixed":
            return None
        found = _PATTERN.fullmatch(text) if isinstance(text, str) and text else None
        if found is None or bool(found["plus"]) != bool(found["zscore"] and found["minmax"]):
            raise SeisdreamError(
                f"`normalise` is '{text}'; it must be fixed, zscore, zscore-clip:3 (clip at 3 standard deviations), "
                "minmax (-1 to 1), minmax:0,1, or a z-score and then a range, such as zscore-clip:3+minmax.",
                code="unknown-name",
                option="normalise",
            )
        clip = None if found["clip"] is None else float(found["clip"])
        limits = None
        if found["minmax"]:
            limits = (-1.0, 1.0) if found["low"] is None else (float(found["low"]), float(found["high"]))
        if clip is not None and not (0 < clip < math.inf):
            raise SeisdreamError(
                f"`normalise` is '{text}'; z-scores are clipped at a number of standard deviations above 0.",
                code="out-of-range",
                option="normalise",
            )
        if limits is not None and not (-math.inf < limits[0] < limits[1] < math.inf):
            raise SeisdreamError(
                f"`normalise` is '{text}'; the first number must be less than the second, as in minmax:0,1.",
                code="out-of-range",
                option="normalise",
            )
        return cls(bool(found["zscore"]), clip, limits)

    def __call__(self, image: torch.Tensor, statistics: Statistics) -> torch.Tensor:
        """Return an image ``(batch, channel, *space)`` normalised; the statistics are constants."""
        like = _shaped_as(image)
        low, high = statistics.minimum, statistics.maximum
        if self.is_zscore:
            std = statistics.std.clamp_min(1e-12)
            low, high = ((one - statistics.mean) / std for one in (low, high))
            image = (image - like(statistics.mean)) / like(std)
            if self.clip is not None:
                image = image.clamp(-self.clip, self.clip)
                low, high = (one.clamp(-self.clip, self.clip) for one in (low, high))
        if self.limits is not None:
            first, last = self.limits
            # A constant image becomes the middle of the range.
            is_flat = high == low
            factor = torch.where(is_flat, 0.0, (last - first) / torch.where(is_flat, 1.0, high - low))
            start = torch.where(is_flat, (first + last) / 2, first)
            image = (image - like(low)) * like(factor) + like(start)
        return image


def _shaped_as(image: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function that shapes one number for each image so that it broadcasts over a batch of images."""
    return lambda numbers: numbers.to(image.device, image.dtype).reshape(-1, *(1,) * (image.ndim - 1))
