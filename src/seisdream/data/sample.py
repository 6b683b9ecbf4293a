"""One training sample: the image that a network receives, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.seismic.sections import UNKNOWN as UNKNOWN
from seisdream.seismic.sections import GreyMapping, fill_absent, is_colour, is_picture

# Rec. 601: the share of red, green and blue in perceived brightness.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass
class Sample:
    """One image with its labels; a quantity that is not known is None.

    Attributes
    ----------
    image : array
        float32 ``(1, time, trace)`` or ``(1, time, inline, crossline)`` from -1 (black) to 1 (white); 0 is zero
        amplitude.
    classes : array
        uint8, one label for each pixel, or one for the whole image; `UNKNOWN` where the class is not known.
    fault, dip, impedance : array, optional
        For generated earths: 1 on faults, dip in samples per trace (NaN where there is none), relative impedance.
    position : array, optional
        uint8, for unlabelled lines: depth interval and survey combined into one number; `UNKNOWN` where not known.
    """

    image: NDArray
    classes: NDArray
    fault: NDArray | None = None
    dip: NDArray | None = None
    impedance: NDArray | None = None
    position: NDArray | None = None


_MISSING = {"fault": UNKNOWN, "dip": np.nan, "impedance": np.nan, "position": UNKNOWN}


def collate(samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
    """Stack samples into a batch; a quantity that a sample lacks is `UNKNOWN` or NaN there."""
    batch = {}
    for field in fields(Sample):
        values = [getattr(sample, field.name) for sample in samples]
        if all(value is None for value in values):
            continue
        known = next(value for value in values if value is not None)
        missing = np.full_like(known, _MISSING.get(field.name, 0))
        batch[field.name] = torch.from_numpy(np.stack([missing if value is None else value for value in values]))
    return batch


def grey_image(section: xr.DataArray) -> NDArray:
    """Return a section as networks see it: float32 ``(time, trace)``, -1 black, 0 zero amplitude, 1 white, not clipped.

    Amplitudes are scaled by their 99th percentile and pictures by their range, as `GreyMapping` does for dreams.
    Colours become the grey of equal brightness, and absent samples become 0.
    """
    values, absent = fill_absent(section)
    if not is_picture(section) and not values.any():
        return values
    grey = (GreyMapping.of(section).to_grey(values) / np.float32(127.5) - np.float32(1.0)).astype(np.float32)
    if is_colour(section):
        grey = grey @ _LUMA
    grey[absent] = 0.0
    return grey
