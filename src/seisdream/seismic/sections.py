"""What a section is: a labelled array with a vertical and a horizontal axis, and its grey mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError

VERTICAL_DIMS = ("time", "depth", "row")
COLOUR_DIM = "colour"


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
        do not exist (missing traces) are NaN.
    dims : sequence of str, optional
        Names of the axes; by default ``(time, trace)`` where ``dt_ms`` is given, else ``(row, column)``, and
        ``(row, column, colour)`` for three-dimensional values.
    coords : dict, optional
        Coordinates by name, as for `xarray.DataArray`. A missing coordinate counts from 0 (``trace``: from 1).
    dt_ms : float, optional
        Sampling interval in ms of the time axis.
    value_range : (float, float), optional
        The range a picture's values can take; absent for amplitudes, which are open-ended.
    **attrs
        ``units``, ``source``, ``credit``, ``licence`` and whatever else should travel with the section.

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
    is_colour = values.ndim == 3 and values.shape[-1] == 3
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
    if value_range is not None:
        attrs["value_range"] = tuple(float(bound) for bound in value_range)
    return xr.DataArray(values.astype(np.float32), dims=tuple(dims), coords=coords, attrs=attrs)


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
