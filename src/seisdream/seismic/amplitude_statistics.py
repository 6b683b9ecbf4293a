"""Amplitudes of a volume in numbers: count, sum, sum of squares, range and histogram, block by block."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Sign, exponent and four bits of the fraction of a 4-byte float: 16 bins an octave, whatever the scale.
_SHIFT, _N_BINS = 19, 1 << 13
# In the cache of a processor, and in memory that is used again.
_SAMPLES_AT_A_TIME = 2**14


@dataclass
class AmplitudeStatistics:
    """The statistics that MDIO v1 stores as ``statsV1``, of the finite samples that are not zero.

    Attributes
    ----------
    count : int
        Number of samples.
    sum, sum_squares : float
        Sums of the amplitudes and of their squares.
    min, max : float
        Range; NaN without samples.
    centers, counts : arrays
        Histogram: amplitudes at the middle of each bin, ascending, and samples in it. Empty if it was not measured.

    Examples
    --------
    >>> statistics = AmplitudeStatistics.of(np.arange(-100.0, 101.0))
    >>> statistics.count, statistics.max, statistics.percentile(100)
    (200, 100.0, 100.0)
    """

    count: int = 0
    sum: float = 0.0
    sum_squares: float = 0.0
    min: float = math.nan
    max: float = math.nan
    centers: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)

    @classmethod
    def of(cls, values: np.ndarray) -> AmplitudeStatistics:
        """Return the statistics of an array of any shape."""
        counter = AmplitudeCounter()
        counter.add(values)
        return counter.statistics()

    @classmethod
    def from_mdio(cls, stored: str | Mapping[str, Any]) -> AmplitudeStatistics:
        """Return what an attribute ``statsV1`` holds, as text or as a mapping."""
        known = dict(json.loads(stored) if isinstance(stored, str) else stored)
        histogram = known.get("histogram") or {}
        centers = np.asarray(histogram.get("bin_centers", histogram.get("binCenters", [])), np.float64)
        counts = np.asarray(histogram.get("counts", []), np.int64)
        if centers.size != counts.size:
            centers, counts = np.zeros(0), np.zeros(0, np.int64)
        squares = known.get("sum_squares", known.get("sumSquares", math.nan))
        low, high = float(known["min"]), float(known["max"])
        return cls(int(known["count"]), float(known["sum"]), float(squares), low, high, centers, counts)

    def to_mdio(self) -> str:
        """Return the statistics as the text of an attribute ``statsV1``."""
        histogram = {"counts": self.counts.tolist(), "bin_centers": self.centers.tolist()}
        low, high = (0.0, 0.0) if self.count == 0 else (self.min, self.max)
        known = {"count": self.count, "sum": self.sum, "sum_squares": self.sum_squares, "min": low, "max": high}
        return json.dumps(known | {"histogram": histogram})

    @property
    def rms(self) -> float:
        """Root mean square of the samples that are not zero; 0 without any."""
        return math.sqrt(self.sum_squares / self.count) if self.count else 0.0

    def percentile(self, percentile: float) -> float:
        """Return a percentile of absolute amplitude from the histogram, to about a percent; 0 without samples.

        Parameters
        ----------
        percentile : float
            0 to 100.
        """
        if not self.counts.size:
            return 0.0
        magnitudes = np.abs(self.centers)
        order = np.argsort(magnitudes, kind="stable")
        counts = self.counts[order]
        middle = np.cumsum(counts) - counts / 2
        largest = max(abs(self.min), abs(self.max))
        ranks, values = np.append(middle, counts.sum()), np.append(np.minimum(magnitudes[order], largest), largest)
        return float(np.interp(percentile / 100 * counts.sum(), ranks, values))


class AmplitudeCounter:
    """Adds up the statistics of blocks."""

    def __init__(self) -> None:
        self._count, self._sum, self._squares = 0, 0.0, 0.0
        self._low, self._high = math.inf, -math.inf
        self._bins = np.zeros(_N_BINS, np.int64)

    def add(self, values: np.ndarray) -> None:
        """Count the samples of a block; NaN, infinite and zero samples are left out."""
        flat = np.ascontiguousarray(values, np.float32).reshape(-1)
        for start in range(0, flat.size, _SAMPLES_AT_A_TIME):
            self._add(flat[start : start + _SAMPLES_AT_A_TIME])

    def _add(self, part: np.ndarray) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            exact = part.astype(np.float64)
            total = float(exact.sum())
            if not math.isfinite(total):
                part = part[np.isfinite(part)]
                exact = part.astype(np.float64)
                total = float(exact.sum())
        # Not a scalar product, which would start threads for a small array.
        squares = float(np.square(exact, out=exact).sum())
        if not part.size:
            return
        n_zero = int(part.size - np.count_nonzero(part))
        if n_zero == part.size:
            return
        if n_zero:
            part = part[part != 0]
        self._bins += np.bincount(part.view(np.uint32) >> _SHIFT, minlength=_N_BINS)
        self._count += part.size
        self._sum += total
        self._squares += squares
        self._low, self._high = min(self._low, float(part.min())), max(self._high, float(part.max()))

    def statistics(self) -> AmplitudeStatistics:
        """Return the statistics of all blocks so far."""
        if not self._count:
            return AmplitudeStatistics()
        known = np.flatnonzero(self._bins)
        edges = (known.astype(np.uint32) << _SHIFT).view(np.float32).astype(np.float64)
        centers = ((known.astype(np.uint32) << _SHIFT) | (1 << (_SHIFT - 1))).view(np.float32).astype(np.float64)
        centers = np.where(np.isfinite(centers), centers, edges)
        order = np.argsort(centers, kind="stable")
        return AmplitudeStatistics(
            self._count, self._sum, self._squares, self._low, self._high, centers[order], self._bins[known][order]
        )
