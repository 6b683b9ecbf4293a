"""The arrays of a file by name, unread, and the numbers along their axes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seisdream.io.axes import axis_named

_MAX_COORDINATE_LENGTH = 10_000_000


@dataclass
class Contents:
    """The arrays of a file.

    Attributes
    ----------
    format : str
        Name of the file format.
    arrays : dict
        Arrays by name, with ``shape`` and ``dtype``; ``array[indices]`` reads only that part.
    dims : dict
        Axis names of an array, if the file has them.
    coords : dict
        Coordinates by axis name; times in ms.
    doubts : list of str
        What looks wrong in the file, and what to do.
    """

    format: str
    arrays: dict[str, Any] = field(default_factory=dict)
    dims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    coords: dict[str, np.ndarray] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    def add(self, name: str, array: Any, dims: tuple[str, ...] | None = None) -> None:
        """Add an array, or the coordinates of an axis."""
        axis = axis_named(name)
        if len(array.shape) == 1 and axis and array.shape[0] <= _MAX_COORDINATE_LENGTH:
            numbers = np.asarray(array[:])
            if numbers.dtype.kind in "fiu" and np.isfinite(numbers).all():
                attrs = getattr(array, "attrs", {})
                self.coords[axis] = in_ms(numbers, name, attrs) if axis == "time" else numbers
        elif len(array.shape) >= 2:
            self.arrays[name] = array
            if dims:
                self.dims[name] = tuple(axis_named(dim) or dim for dim in dims)


def in_ms(times: np.ndarray, name: str, attrs: Any) -> np.ndarray:
    """Return times in ms; they are in seconds according to their units, or to the name of the axis."""
    units = str(attrs.get("units", "s" if name.lower().endswith("_s") else "ms")).lower()
    return times * 1000.0 if units in ("s", "sec", "second", "seconds") else times
