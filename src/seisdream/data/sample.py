"""What a network is shown and what is known of it: the one form in which all data reach the training loop."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from seisdream.seismic.sections import UNKNOWN as UNKNOWN


@dataclass
class Sample:
    """One picture and what is known of it; what is not known is None.

    Attributes
    ----------
    picture : array
        float32 ``(1, time, trace)`` or ``(1, time, inline, crossline)``, -1 (black) to 1 (white), 0 is no amplitude.
    classes : array
        uint8, one label a sample, or a single one for the whole picture; `UNKNOWN` where it is not known.
    fault, dip, impedance : array, optional
        Of generated earths: 1 on faults, dip in samples a trace (NaN where there is none), and relative impedance.
    place : array, optional
        uint8: which real line, and how deep in it, as one number; `UNKNOWN` where it is not told.
    """

    picture: NDArray
    classes: NDArray
    fault: NDArray | None = None
    dip: NDArray | None = None
    impedance: NDArray | None = None
    place: NDArray | None = None


_BLANK = {"fault": UNKNOWN, "dip": np.nan, "impedance": np.nan, "place": UNKNOWN}


def collate(items: list[Sample]) -> dict[str, torch.Tensor]:
    """Stack items into a batch; what only some of them know is `UNKNOWN` or NaN in the others."""
    batch = {}
    for field in fields(Sample):
        values = [getattr(item, field.name) for item in items]
        if all(value is None for value in values):
            continue
        known = next(value for value in values if value is not None)
        blank = np.full_like(known, _BLANK.get(field.name, 0))
        batch[field.name] = torch.from_numpy(np.stack([blank if value is None else value for value in values]))
    return batch
