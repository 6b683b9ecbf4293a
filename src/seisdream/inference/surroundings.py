"""The volume that a section is from: the lines next to it, and the statistics of all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.inputs import line_numbers, open_section
from seisdream.models.normalisation import Statistics
from seisdream.seismic.sections import fill_absent

# Lines that are kept in memory, because neighbouring sections share them.
_N_KEPT = 8


class Surroundings:
    """The parallel lines of a volume.

    Parameters
    ----------
    numbers : sequence of float
        Numbers of the lines that have traces, in order.
    open_line : callable
        From a number to the line ``(time, trace)``.
    statistics : Statistics, optional
        Of all samples, where they are known.
    """

    def __init__(
        self,
        numbers: Sequence[float],
        open_line: Callable[[Any], xr.DataArray],
        statistics: Statistics | None = None,
    ):
        self.numbers = list(numbers)
        self._open = lru_cache(_N_KEPT)(open_line)
        self._known = statistics

    def neighbours(self, number: float, n_lines: int) -> list[xr.DataArray]:
        """Return the lines around one, itself in the middle; beyond the edge of the volume, the last line again."""
        position = int(np.argmin(np.abs(np.asarray(self.numbers, float) - number)))
        around = range(position - n_lines // 2, position + n_lines // 2 + 1)
        return [self._open(self.numbers[min(max(one, 0), len(self.numbers) - 1)]) for one in around]

    @cached_property
    def statistics(self) -> Statistics:
        """The statistics of all samples that are present, in the units of the volume; every line is read once."""
        if self._known is not None:
            return self._known
        n, mean, squares, low, high = 0, 0.0, 0.0, np.inf, -np.inf
        for number in self.numbers:
            values, absent = fill_absent(self._open.__wrapped__(number))
            values = values[~absent].astype(np.float64)
            if not values.size:
                continue
            # Chan, Golub and LeVeque (1979): the mean and the squares of two parts together.
            difference, total = values.mean() - mean, n + values.size
            squares += values.var() * values.size + difference**2 * n * values.size / total
            mean += difference * values.size / total
            n, low, high = total, min(low, values.min()), max(high, values.max())
        std = np.sqrt(squares / max(1, n))
        return Statistics(*(torch.tensor([float(one)], dtype=torch.float64) for one in (mean, std, low, high)))


def surroundings_of(section: xr.DataArray) -> Surroundings | None:
    """Return the lines parallel to a section in the file that it was opened from; None where it stands alone."""
    axis, _ = line_of(section)
    opened = section.attrs.get("opened")
    if not axis or not opened:
        return None
    try:
        path = json.loads(opened)["input"]
        stamp = Path(path).stat().st_mtime_ns if Path(path).exists() else 0
        return _of_file(str(opened), axis, stamp)
    except (SeisdreamError, ValueError, KeyError, TypeError, OSError):
        # The file is gone or has changed, or the record is not ours.
        return None


def line_of(section: xr.DataArray) -> tuple[str, float]:
    """Return the axis that a section was selected along and its number there; "" where it stands alone."""
    axis, _, number = str(section.attrs.get("selection") or "").partition(" ")
    try:
        return (axis, float(number)) if axis in ("inline", "crossline", "time", "depth") else ("", 0.0)
    except ValueError:
        return "", 0.0


@lru_cache(2)
def _of_file(opened: str, axis: str, _stamp: int) -> Surroundings:
    record = json.loads(opened)
    selecting = "time_ms" if axis in ("time", "depth") else axis
    options = {
        name: value for name, value in record["options"].items() if name not in ("inline", "crossline", "time_ms")
    }
    numbers = line_numbers(record["input"], axis, **options)
    return Surroundings(numbers, lambda number: open_section(record["input"], **options, **{selecting: number}))
