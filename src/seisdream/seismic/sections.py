"""What a section is: a labelled array with a vertical and a horizontal axis, and its grey mapping."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError

VERTICAL_DIMS = ("time", "depth", "row")
COLOUR_DIM = "colour"
UNKNOWN = 255
"""The label of samples whose class is not known; they count neither in training nor in scores."""
# More samples than this (2 GiB as float32) are a volume, not a section.
MOST_SAMPLES = 2**29

# Where an axis lies in a section: rows go down, inlines down a time slice, colours come last; others stay in order.
_PLACES = {**dict.fromkeys(VERTICAL_DIMS, 0), "crossline": 2, COLOUR_DIM: 3}
_OTHER_PLACE = 1
# White in the types that pictures come in, which amplitudes never do.
_WHITE = {"b1": 1, "u1": 255, "u2": 65535}


def make_section(
    values: Any,
    *,
    dims: Sequence[str] | None = None,
    coords: dict[str, Any] | None = None,
    dt_ms: float | None = None,
    value_range: tuple[float, float] | None = None,
    **attrs: Any,
) -> xr.DataArray:
    """Label an array as a section.

    Parameters
    ----------
    values : array, tensor or DataArray
        Amplitudes ``(time, trace)`` with rows going down, or a colour picture ``(row, column, 3)``. Samples that
        do not exist (missing traces) are NaN. Unsigned 8- and 16-bit numbers (and booleans) are grey levels.
    dims : sequence of str, optional
        Names of the axes; by default ``(time, trace)`` where ``dt_ms`` is given, else ``(row, column)``, and
        ``(row, column, colour)`` for three-dimensional values. Named in another order, ``(trace, time)``, they
        are turned so that rows go down.
    coords : dict, optional
        Coordinates by name, as for `xarray.DataArray`. A missing coordinate counts from 0 (``trace``: from 1).
    dt_ms : float, optional
        Sampling interval in ms of the time axis.
    value_range : (float, float), optional
        The range a picture's values can take; by default that of its type, (0, 255), (0, 65535) or (0, 1), and
        absent for other types: amplitudes, which are open-ended.
    **attrs
        ``units`` (by default "grey level" for pictures, else "amplitude"), ``source``, ``credit``, ``licence`` and
        whatever else should travel with the section.

    Returns
    -------
    xarray.DataArray
        float32, with every dimension named and numbered.

    Raises
    ------
    SeisdreamError
        If the values are not numbers or do not have two dimensions (three for colour).

    Examples
    --------
    >>> make_section(np.eye(3), dt_ms=4.0).time.values
    array([0., 4., 8.])
    """
    if isinstance(values, xr.DataArray):
        dims = dims or [str(dim) for dim in values.dims]
        coords = {**{str(name): coord for name, coord in values.coords.items()}, **(coords or {})}
        attrs = {**values.attrs, **attrs}
        values = values.values
    elif hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        raise SeisdreamError(f"A section holds real numbers; got {values.dtype}.")
    lengths = dict(zip(dims or ("row", "column", COLOUR_DIM), values.shape, strict=False))
    is_colour = values.ndim == 3 and lengths.get(COLOUR_DIM) == 3
    if values.ndim != 2 and not is_colour:
        raise SeisdreamError(
            f"A section has two dimensions (time, trace), or three (row, column, 3) in colour; got shape "
            f"{values.shape}. Pick one section of a volume first."
        )
    if dims is None:
        dims = ("row", "column", COLOUR_DIM) if is_colour else ("time", "trace") if dt_ms else ("row", "column")
    coords = dict(coords or {})
    for dim, n_values in zip(dims, values.shape, strict=True):
        if dim not in coords:
            coords[dim] = _default_coordinate(dim, n_values, dt_ms)
    if value_range is None and "value_range" not in attrs and values.dtype.str[1:] in _WHITE:
        value_range = (0, _WHITE[values.dtype.str[1:]])
    if value_range is not None:
        attrs["value_range"] = tuple(float(bound) for bound in value_range)
    attrs.setdefault("units", "grey level" if "value_range" in attrs else "amplitude")
    section = xr.DataArray(values.astype(np.float32), dims=tuple(dims), coords=coords, attrs=attrs)
    return section.transpose(*sorted(dims, key=lambda dim: _PLACES.get(dim, _OTHER_PLACE)))


def _default_coordinate(dim: str, n_values: int, dt_ms: float | None):
    if dim == COLOUR_DIM:
        return ["red", "green", "blue"][:n_values]
    if dim == "time" and dt_ms:
        return np.arange(n_values) * float(dt_ms)
    return np.arange(n_values) + (1 if dim == "trace" else 0)


def is_colour(section: xr.DataArray) -> bool:
    """Return whether a section is a colour picture ``(row, column, colour)``."""
    return section.dims[-1] == COLOUR_DIM


def is_picture(section: xr.DataArray) -> bool:
    """Return whether values have a known range (a picture) rather than being open-ended amplitudes."""
    return "value_range" in section.attrs


def check_section(section: xr.DataArray) -> None:
    """Raise `SeisdreamError` where nothing can be dreamed on a section: too few samples, infinite, or constant."""
    n_rows, n_columns = section.shape[:2]
    axes = f"{n_rows} × {n_columns} ({section.dims[0]} × {section.dims[1]})"
    if n_rows < 2 or n_columns < 2:
        short = section.dims[0] if n_rows < 2 else section.dims[1]
        raise SeisdreamError(
            f"The section is {axes}: with a single {short} there is nothing to see in two dimensions; "
            "choose another section or a longer file."
        )
    if np.isinf(section.values).any():
        raise SeisdreamError(
            f"The section has {int(np.isinf(section.values).sum())} infinite samples; mend them in the file, or open "
            "it with them marked as absent (--nan absent)."
        )
    present = section.values[np.isfinite(section.values)]
    if present.size == 0:
        raise SeisdreamError("Every sample of the section is absent; choose another section.")
    if not present.any():
        raise SeisdreamError("Every sample of the section is zero: dead traces, or the wrong section was picked.")
    if present.min() == present.max():
        raise SeisdreamError(
            f"Every sample of the section is {present.min():g}: a constant holds no pattern to emphasise."
        )


def check_finite(
    values: np.ndarray, source: str | os.PathLike[str], nan: str, *, is_present: np.ndarray | bool = True
) -> np.ndarray:
    """Return values whose NaN and infinite samples are refused, or NaN (absent).

    Parameters
    ----------
    values : array
        Any real numbers; left as they are.
    source : path
        Where they come from, for the message.
    nan : {"error", "absent"}
        What to do where some are not finite.
    is_present : array of bool, optional
        Which samples exist, in a shape that broadcasts to that of `values`; by default all. Others are not looked at.

    Returns
    -------
    array
        Integers as they came, floats as float32 (beyond whose range they count as infinite).
    """
    if nan not in ("error", "absent"):
        raise SeisdreamError(f"--nan is 'error' or 'absent', not '{nan}'.")
    if values.dtype.kind != "f":
        return values
    with np.errstate(over="ignore"):
        values = values.astype(np.float32, copy=False)
    bad = ~np.isfinite(values) & is_present
    if not bad.any():
        return values
    if nan == "error":
        n_nan = int(np.isnan(values[bad]).sum())
        counts = [f"{n} {name}" for n, name in ((n_nan, "NaN"), (int(bad.sum()) - n_nan, "infinite")) if n]
        raise SeisdreamError(
            f"{source} has {' and '.join(counts)} of {values.size} samples in this section; mend them in the "
            "file, or have them marked as absent and left alone with --nan absent."
        )
    return np.where(bad, np.float32(np.nan), values)


def absent_samples(section: xr.DataArray) -> np.ndarray:
    """Return where a section has no samples (missing traces), as booleans ``(time, trace)``."""
    absent = np.asarray(np.isnan(section.values))
    return np.any(absent, axis=-1) if is_colour(section) else absent


def fill_absent(section: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return a section's values with absent samples at zero amplitude (mid-grey in a picture), and where they are.

    Returns
    -------
    values : array
        float32, shaped as the section, finite wherever the section's present samples are.
    absent : array
        Booleans ``(time, trace)``.
    """
    middle = float(np.mean(section.attrs["value_range"])) if is_picture(section) else 0.0
    values = np.where(np.isnan(section.values), np.float32(middle), section.values)
    return values.astype(np.float32), absent_samples(section)


def hash_section(section: xr.DataArray) -> str:
    """Return the SHA-256 of a section's samples (shape and little-endian float32 bytes), in hexadecimal."""
    digest = hashlib.sha256(repr(section.shape).encode())
    digest.update(np.ascontiguousarray(section.values, dtype="<f4").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class GreyMapping:
    """A linear map from a section's units to the grey levels 0 to 255 in which networks look at it.

    Attributes
    ----------
    low, high : float
        The values that become black (0) and white (255).
    """

    low: float
    high: float

    @classmethod
    def of(cls, section: xr.DataArray, percentile: float = 99.0) -> GreyMapping:
        """Choose the mapping of a section: a picture's own range, or a symmetric clip of its amplitudes.

        Parameters
        ----------
        section : DataArray
            ``(time, trace)`` or ``(row, column, colour)``.
        percentile : float, 50 to 100, default 99
            The percentile of absolute amplitude that becomes black and white; zero is mid-grey (127.5).
        """
        if is_picture(section):
            return cls(*section.attrs["value_range"])
        magnitude = np.abs(section.values[np.isfinite(section.values)])
        clip = float(np.percentile(magnitude, percentile))
        # Mostly dead sections have a percentile of zero; then the largest amplitude sets the scale.
        clip = clip or float(magnitude.max())
        return cls(-clip, clip)

    @property
    def units_per_grey(self) -> float:
        """The change in a section's units that one grey level stands for."""
        return (self.high - self.low) / 255.0

    def to_grey(self, values: np.ndarray) -> np.ndarray:
        """Map values in a section's units to grey levels, unclipped, as float32."""
        return ((np.asarray(values, np.float64) - self.low) / self.units_per_grey).astype(np.float32)
