"""Volumes ``(inline, crossline, time)`` that are read block by block, whatever they are stored in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.seismic.amplitude_statistics import AmplitudeStatistics
from seisdream.seismic.cubes import make_cube
from seisdream.seismic.sections import MOST_SAMPLES, GreyMapping, fill_absent, make_section

Box = tuple[slice, slice, slice]
"""A block of a volume: positions along inline, crossline and time."""


class Volume(ABC):
    """A survey of inlines and crosslines, of which only the blocks that are read are in memory.

    Attributes
    ----------
    dims : (str, str, str)
        ``("inline", "crossline", "time")``, or ``"depth"`` instead of ``"time"``.
    coords : dict
        Numbers along each of `dims`, 1-D arrays; times in ms, depths in m or ft.
    source : str
        Path or URL from which `seisdream.open_volume` opens the volume again; "" for an array in memory.
    options : dict
        Arguments with which it was opened.
    attrs : dict
        ``units``, ``source``, ``credit``, ``licence`` and so on, as of a section.
    muted : {"absent", "present"}
        Whether zeros at the edges of a section are absent samples or amplitudes.
    """

    dims: tuple[str, str, str]
    coords: dict[str, np.ndarray]
    source: str
    options: dict[str, Any]
    attrs: dict[str, Any]
    muted: str = "absent"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of inlines, crosslines and samples."""
        n_inlines, n_crosslines, n_samples = (self.coords[dim].size for dim in self.dims)
        return n_inlines, n_crosslines, n_samples

    @property
    def sampling(self) -> float:
        """The sampling interval in ms, or in m or ft for depth."""
        along = self.coords[self.dims[2]]
        return float(along[-1] - along[0]) / (along.size - 1) if along.size > 1 else 1.0

    @property
    def chunks(self) -> tuple[int, int, int] | None:
        """Samples of a chunk of the store along each axis; None where there are no chunks."""
        return None

    def read(
        self, inlines: slice = slice(None), crosslines: slice = slice(None), samples: slice = slice(None)
    ) -> np.ndarray:
        """Read a block.

        Parameters
        ----------
        inlines, crosslines, samples : slice, default all
            Positions along the axes from 0, in steps of 1; not numbers or times.

        Returns
        -------
        float32 array ``(inline, crossline, time)``
            NaN where a trace or a sample is absent.

        Raises
        ------
        SeisdreamError
            If a step is not 1, or the source has changed or is damaged.
        """
        return self._read(self.box(inlines, crosslines, samples))

    def box(self, inlines: slice, crosslines: slice, samples: slice) -> Box:
        """Return slices with a start and a stop within the volume."""
        given = (inlines, crosslines, samples)
        bounds = [one.indices(n) for one, n in zip(given, self.shape, strict=True)]
        if any(step != 1 for _, _, step in bounds):
            raise SeisdreamError(
                "A block of a volume is read in steps of 1; use slices without a step.", code="invalid"
            )
        first, second, third = (slice(start, max(start, stop)) for start, stop, _ in bounds)
        return first, second, third

    @abstractmethod
    def _read(self, box: Box) -> np.ndarray: ...

    @cached_property
    def trace_mask(self) -> np.ndarray:
        """Booleans ``(inline, crossline)``: where there is a trace."""
        return self._find_mask()

    @abstractmethod
    def _find_mask(self) -> np.ndarray: ...

    def read_places(self, inlines: slice = slice(None), crosslines: slice = slice(None)) -> dict[str, np.ndarray]:
        """Return ``cdp_x`` and ``cdp_y`` of a block, float64 ``(inline, crossline)``, if there are any."""
        return {}

    @cached_property
    def statistics(self) -> AmplitudeStatistics:
        """Amplitudes of the whole volume: as stored with it, otherwise measured once on evenly spaced traces."""
        return self._read_statistics()

    def _read_statistics(self) -> AmplitudeStatistics:
        return AmplitudeStatistics.of(self._measured)

    @cached_property
    def _measured(self) -> np.ndarray:
        """Traces ``(time, trace)`` on which amplitudes are measured; some of them may be absent."""
        return self._read_measured()

    @abstractmethod
    def _read_measured(self) -> np.ndarray: ...

    @cached_property
    def fingerprint(self) -> str:
        """Hash that changes with the data and the geometry."""
        return self._hash()

    @abstractmethod
    def _hash(self) -> str: ...

    def is_unchanged(self) -> bool:
        """Return whether the source is still as it was when it was opened; True for an array in memory."""
        return True

    @property
    def inlines(self) -> tuple[int, ...]:
        """The inline numbers. `has_traces` returns which of them have traces."""
        return tuple(self.coords["inline"].tolist())

    def has_traces(self, inline: int) -> bool:
        """Return whether there is any trace of an inline."""
        return bool(self.trace_mask[self._position(inline)].any())

    def _position(self, inline: int) -> int:
        found = np.flatnonzero(self.coords["inline"] == inline)
        if not found.size:
            numbers = self.coords["inline"]
            raise SeisdreamError(
                f"{self.source or 'The volume'} has no inline {inline}: they are {numbers.min():g} to "
                f"{numbers.max():g}.",
                code="not-found",
                option="inline",
            )
        return int(found[0])

    @property
    def middle(self) -> int:
        """Number of the middle one of the inlines that have traces."""
        live = self.coords["inline"][self.trace_mask.any(axis=1)].tolist()
        if not live:
            raise SeisdreamError(f"{self.source or 'The volume'} has no traces.", code="no-signal")
        return live[len(live) // 2]

    def open(self, inline: int) -> xr.DataArray:
        """Return an inline as a section ``(time, crossline)``."""
        position = self._position(inline)
        values = self.read(slice(position, position + 1))[0].T
        vertical = self.dims[2]
        coords = {vertical: self.coords[vertical], "crossline": self.coords["crossline"]}
        attrs = {**self.attrs, "selection": f"inline {inline}", "muted": self.muted}
        return make_section(values, dims=(vertical, "crossline"), coords=coords, **attrs)

    def read_cube(self) -> tuple[xr.DataArray, np.ndarray]:
        """Read the whole volume.

        Returns
        -------
        cube : DataArray
            float32 ``(time, inline, crossline)``, 0 where there is no sample.
        present : array
            float32 of the same shape: 1 where there is a sample, else 0.

        Raises
        ------
        SeisdreamError
            If the volume has too many samples for memory, or no signal.
        """
        n_samples = int(np.prod(self.shape, dtype=np.int64))
        if n_samples > MOST_SAMPLES:
            raise SeisdreamError(
                f"{self.source or 'The volume'} has {n_samples:.3g} samples; a cube has at most {MOST_SAMPLES:.3g}. "
                "Cut the volume, or dream on its sections with a network for sections.",
                code="too-large",
            )
        values, absent = zip(*(fill_absent(self.open(inline)) for inline in self.inlines), strict=True)
        middle = self.open(self.middle)
        # The vertical axis of a cube is called time; that of depth carries its own name and units.
        names = {"long_name": "Depth", "units": self.attrs.get("vertical_units", "m")} if "depth" in self.dims else {}
        coords = {
            "time": ("time", self.coords[self.dims[2]], names),
            "inline": list(self.inlines),
            "crossline": self.coords["crossline"],
        }
        cube = xr.DataArray(np.stack(values, 1), dims=("time", "inline", "crossline"), coords=coords)
        kept = ("source", "format", "opened", "notes", "undefined", "credit", "licence")
        cube = make_cube(cube, **{name: middle.attrs[name] for name in kept if name in middle.attrs})
        return cube, np.where(np.stack(absent, 1), np.float32(0), np.float32(1))

    def grey_mapping(self, percentile: float) -> GreyMapping:
        """Return one grey mapping for the whole volume, measured on evenly spaced traces.

        Parameters
        ----------
        percentile : float, 50 to 100
            As for `GreyMapping.of`.
        """
        values = self._measured
        if not np.nan_to_num(values).any():
            raise SeisdreamError(
                f"All {values.shape[1]} traces of {self.source or 'the volume'} on which amplitudes were measured are "
                "dead or absent; use another file, or one section at a time (`inline`).",
                code="no-signal",
            )
        return GreyMapping.of(xr.DataArray(values, dims=("time", "trace"), attrs={"muted": self.muted}), percentile)
