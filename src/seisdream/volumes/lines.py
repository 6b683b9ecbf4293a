"""The sections of a volume along one direction, as networks for sections receive them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.inference.surroundings import Surroundings
from seisdream.volumes.plan import Block, Reach, Shape, align_shard, slices
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.volume import Volume

Item = TypeVar("Item")

_SHARD_SAMPLES = 2**24
"""Samples of a shard of whole sections."""
_N_SHARDS = 8
# A volume has at least so many shards, where it has so many sections.


class Lines:
    """All inlines, or all crosslines, of a volume.

    Parameters
    ----------
    volume : Volume
        The volume.
    direction : {"inline", "crossline"}
        Of the sections.
    scale : AmplitudeScale
        Of the volume.

    Raises
    ------
    SeisdreamError
        If a section has a single trace or sample (``too-small``).

    Attributes
    ----------
    axis : int
        0 for inlines, 1 for crosslines.
    has_traces : array
        Booleans for each section.
    """

    def __init__(self, volume: Volume, direction: str, scale: AmplitudeScale) -> None:
        self._volume, self._scale = volume, scale
        self.axis = 0 if direction == "inline" else 1
        self.has_traces: NDArray = np.any(volume.trace_mask, axis=1 - self.axis)
        n_traces, n_samples = volume.shape[1 - self.axis], volume.shape[2]
        if min(n_traces, n_samples) < 2:
            raise SeisdreamError(
                f"The {direction}s of the volume have {n_traces} traces of {n_samples} samples; a section has at least "
                "2 of each. Use the other `direction`, or a larger volume.",
                code="too-small",
                option="direction",
            )

    def reach(self, n_around: int = 0) -> tuple[Reach, Reach, Reach]:
        """Return what a shard of whole sections needs around it.

        Parameters
        ----------
        n_around : int, default 0
            Neighbouring sections on each side.
        """
        along, whole = Reach(halo=n_around), Reach(is_whole=True)
        return (along, whole, whole) if self.axis == 0 else (whole, along, whole)

    def shard(self, block: Shape | None, most: int | None = None) -> Shape:
        """Return a shard of whole sections.

        Parameters
        ----------
        block : (int, int, int), optional
            With as many sections; by default those of about 16 million samples.
        most : int, optional
            The most sections by default.
        """
        shape = self._volume.shape
        n_lines = shape[self.axis]
        n_each = math.prod(shape) // n_lines
        usual = min(_SHARD_SAMPLES // n_each, -(-n_lines // _N_SHARDS), most or n_lines)
        n_together = block[self.axis] if block else usual
        n_together = max(1, n_together)
        sides = (n_together, *shape[1:]) if self.axis == 0 else (shape[0], n_together, shape[2])
        return align_shard(sides, shape, self.reach())

    def at(self, position: int) -> tuple[Any, ...]:
        """Return the index of a section in an array ``(inline, crossline, time)``."""
        return (position,) if self.axis == 0 else (slice(None), position)

    def section(self, values: NDArray[np.float32], block: Block, position: int) -> xr.DataArray:
        """Return a section ``(time, trace)`` of a block that is in memory."""
        volume, lateral = self._volume, 1 - self.axis
        plane = values[self.at(position - block[self.axis][0])]
        coords = {volume.dims[2]: self._numbers(2), volume.dims[lateral]: self._numbers(lateral)}
        selection = f"{volume.dims[self.axis]} {self._numbers(self.axis)[position]}"
        attrs = {**attributes_of(volume), "selection": selection, "muted": volume.muted}
        return xr.DataArray(np.ascontiguousarray(plane.T), coords, tuple(coords), attrs=attrs)

    def read(self, position: int) -> xr.DataArray:
        """Return a section ``(time, trace)``, read from the volume."""
        spans = [(position, position + 1) if axis == self.axis else (0, n) for axis, n in enumerate(self._volume.shape)]
        block: Block = (spans[0], spans[1], spans[2])
        return self.section(self._volume.read(*slices(block)), block, position)

    def find_signal(self, share: float) -> int | None:
        """Return the position of the section with a signal that is nearest to a share of those that have traces.

        Parameters
        ----------
        share : float
            Of the sections with traces: 0 (the first one) to 1.
        """
        live = np.flatnonzero(self.has_traces).tolist()
        return next((one for one in nearest_first(live, share) if has_signal(self.read(one))), None)

    @cached_property
    def middle(self) -> xr.DataArray:
        """The middle one of the sections that have traces; where it is dead, the nearest one that is not."""
        live, position = np.flatnonzero(self.has_traces), self.find_signal(0.5)
        return self.read(int(live[len(live) // 2]) if position is None else position)

    def surroundings(
        self, values: NDArray[np.float32] | None = None, block: Block = ((0, 0), (0, 0), (0, 0))
    ) -> Surroundings:
        """Return the lines of the volume, those of a block that is in memory from there."""
        numbers = self._numbers(self.axis)
        positions = {float(number): position for position, number in enumerate(numbers)}
        first, stop = block[self.axis]

        def open_line(number: float) -> xr.DataArray:
            position = positions[float(number)]
            if values is not None and first <= position < stop:
                return self.section(values, block, position)
            return self.read(position)

        return Surroundings(numbers[self.has_traces].tolist(), open_line, self._scale.statistics)

    def _numbers(self, axis: int) -> NDArray:
        return np.asarray(self._volume.coords[self._volume.dims[axis]])


def attributes_of(volume: Volume) -> dict[str, Any]:
    """Return the attributes of a part of a volume."""
    return {"source": volume.source or None, **volume.attrs, "fingerprint": volume.fingerprint}


def nearest_first(items: Sequence[Item], share: float) -> list[Item]:
    """Return all items, ordered by their distance from the one at a share of their number (0 to 1)."""
    centre = int(len(items) * share)
    return [items[position] for position in sorted(range(len(items)), key=lambda position: abs(position - centre))]


def has_signal(section: xr.DataArray) -> bool:
    """Return whether the present samples of a section or a cube are not all equal."""
    present = section.values[np.isfinite(section.values)]
    return bool(present.size and present.min() < present.max())
