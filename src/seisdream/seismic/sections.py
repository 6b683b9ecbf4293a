"""A section: a labelled array with a vertical and a horizontal axis, its absent samples and its grey mapping."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.seismic.undefined import blank_undefined

VERTICAL_DIMS = ("time", "depth", "row")
COLOUR_DIM = "colour"
MID_GREY = 127.5
"""The grey of zero amplitude, between black (0) and white (255)."""
UNKNOWN = 255
"""The label of samples of unknown class, which are ignored in training and in scores."""
# More samples than this (2 GiB as float32) are a volume, not a section.
MOST_SAMPLES = 2**29

MUTED = ("absent", "present")
"""Values of the attribute ``muted`` of a section: whether zeros at its edges are absent (default) or amplitudes."""
# A run of zeros from an edge is a mute if it has this many samples, and clearly more than runs of zeros elsewhere: data
# with few amplitude levels have runs of zeros at zero crossings.
_SHORTEST_MUTE, _MUTE_TO_CROSSING = 8, 2

# Order of the axes of a section: vertical first, crosslines after inlines, colours last; others keep their order.
_POSITIONS = {**dict.fromkeys(VERTICAL_DIMS, 0), "crossline": 2, COLOUR_DIM: 3}
_OTHER_POSITION = 1
# White in the number types of pictures, which amplitudes never have.
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
        Amplitudes ``(time, trace)`` with rows going down, or a colour picture ``(row, column, 3)``. Missing samples
        are NaN; muted samples may be zero (see `muted_samples`). Unsigned 8- and 16-bit numbers (and booleans) are grey
        levels.
    dims : sequence of str, optional
        Names of the axes. Default: ``(time, trace)`` if ``dt_ms`` is given, otherwise ``(row, column)``, and
        ``(row, column, colour)`` for three dimensions. In another order, such as ``(trace, time)``, they are transposed
        so that rows go down.
    coords : dict, optional
        Coordinates by name, as for `xarray.DataArray`. A missing coordinate counts from 0 (``trace``: from 1).
    dt_ms : float, optional
        Sampling interval of the time axis in ms.
    value_range : (float, float), optional
        Smallest and largest possible value of a picture. Default: that of its type, (0, 255), (0, 65535) or (0, 1).
        Other types are amplitudes and have no range.
    **attrs
        ``units`` (default "grey level" for pictures, otherwise "amplitude"), ``source``, ``credit``, ``licence``,
        ``muted="present"`` if zeros at the edges are amplitudes, and any other attribute of the section.

    Returns
    -------
    xarray.DataArray
        float32, with every dimension named and numbered.

    Raises
    ------
    SeisdreamError
        If the values are not numbers (``wrong-type``), or do not have two dimensions, three for colour
        (``wrong-shape``).

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
        raise SeisdreamError(f"A section has real numbers; got {values.dtype}.", code="wrong-type")
    lengths = dict(zip(dims or ("row", "column", COLOUR_DIM), values.shape, strict=False))
    is_colour = values.ndim == 3 and lengths.get(COLOUR_DIM) == 3
    if values.ndim != 2 and not is_colour:
        raise SeisdreamError(
            f"The array has the shape {values.shape}; a section has two dimensions (time, trace), or in colour three "
            "(row, column, 3). Select one section of a volume first.",
            code="wrong-shape",
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
    return section.transpose(*sorted(dims, key=lambda dim: _POSITIONS.get(dim, _OTHER_POSITION)))


def _default_coordinate(dim: str, n_values: int, dt_ms: float | None) -> list[str] | np.ndarray:
    if dim == COLOUR_DIM:
        return ["red", "green", "blue"][:n_values]
    if dim == "time" and dt_ms:
        return np.arange(n_values) * float(dt_ms)
    return np.arange(n_values) + (1 if dim == "trace" else 0)


def axis_unit(section: xr.DataArray, dim: str) -> str:
    """Return the unit of an axis: that of its coordinate, or else ms of time and m of depth; empty for numbers."""
    return str(section[dim].attrs.get("units", {"time": "ms", "depth": "m"}.get(dim, "")))


def is_colour(section: xr.DataArray) -> bool:
    """Return whether a section is a colour picture ``(row, column, colour)``."""
    return section.dims[-1] == COLOUR_DIM


def is_picture(section: xr.DataArray) -> bool:
    """Return whether a section is a picture, whose values have a known range, and not amplitudes."""
    return "value_range" in section.attrs


def check_section(section: xr.DataArray) -> None:
    """Raise `SeisdreamError` if a section cannot be dreamed on: too few samples, infinite, undefined, or constant.

    Undefined samples (see `seisdream.seismic.undefined.find_undefined`) are amplitudes only if the attribute
    ``undefined`` of the section is "present".
    """
    n_rows, n_columns = section.shape[:2]
    axes = f"{n_rows} × {n_columns} ({section.dims[0]} × {section.dims[1]})"
    if n_rows < 2 or n_columns < 2:
        short = section.dims[0] if n_rows < 2 else section.dims[1]
        raise SeisdreamError(
            f"The section is {axes}: it must have at least two samples along each axis and has a single {short}; use "
            "another section or a longer file.",
            code="too-small",
        )
    if np.isinf(section.values).any():
        raise SeisdreamError(
            f"The section has {int(np.isinf(section.values).sum())} infinite samples; correct the file, or treat them "
            "as absent (`nan='absent'`).",
            code="not-finite",
            option="nan",
        )
    if not is_colour(section) and not is_picture(section):
        source = section.attrs.get("source", "The section")
        # Sections that were opened have none; arrays in memory may.
        blank_undefined(section.values, source, section.attrs.get("undefined"))
    present = section.values[np.isfinite(section.values)]
    if present.size == 0:
        raise SeisdreamError("All samples of the section are absent; use another section.", code="no-signal")
    if not present.any():
        notes = json.loads(section.attrs.get("notes", "[]"))
        hint = "".join(f" {note}" for note in notes)
        raise SeisdreamError(
            f"All samples of the section are zero, so its traces are dead; use another section.{hint}", code="no-signal"
        )
    if present.min() == present.max():
        raise SeisdreamError(
            f"All samples of the section are {present.min():g}; a constant section has no pattern to dream on, so "
            "use another one.",
            code="no-signal",
        )


def check_finite(
    values: np.ndarray, source: str | os.PathLike[str], nan: str, *, is_present: np.ndarray | bool = True
) -> np.ndarray:
    """Refuse NaN and infinite samples, or make them absent (NaN).

    Parameters
    ----------
    values : array
        Any real numbers; not changed.
    source : path
        Where they come from, for the message.
    nan : {"error", "absent"}
        Refuse values that are not finite, or make them absent.
    is_present : array of bool, optional
        Which samples exist, in a shape that broadcasts to that of `values`. Default: all. Others are ignored.

    Returns
    -------
    array
        Integers unchanged, floats as float32 (values beyond its range count as infinite).

    Raises
    ------
    SeisdreamError
        If `nan` is "error" and values are not finite (``not-finite``), or is another word (``unknown-name``).
    """
    if nan not in ("error", "absent"):
        raise SeisdreamError(f"`nan` is '{nan}'; it must be error or absent.", code="unknown-name", option="nan")
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
            f"{source} has {' and '.join(counts)} samples among the {values.size} of this section; correct the file, "
            "or treat them as absent (`nan='absent'`).",
            code="not-finite",
            option="nan",
        )
    return np.where(bad, np.float32(np.nan), values)


def missing_samples(section: xr.DataArray) -> np.ndarray:
    """Return the missing samples (NaN, such as missing traces) as booleans ``(time, trace)``."""
    missing = np.asarray(np.isnan(section.values))
    return np.any(missing, axis=-1) if is_colour(section) else missing


def muted_samples(section: xr.DataArray) -> np.ndarray:
    """Return the muted samples, recognised as zeros at the edges, as booleans ``(time, trace)``.

    Muted samples are traces of zeros, and runs of exact zeros from the first sample of a trace downwards or from its
    last upwards (in a time slice also from its sides): top mutes, ragged edges, padding. A run must have at least 8
    zeros and be more than twice as long as runs of zeros inside the section, so that zero crossings and amplitudes with
    few levels are not mistaken for mutes. Pictures have no muted samples, because their zero is black. Neither does a
    section whose attribute ``muted`` is "present".

    Parameters
    ----------
    section : DataArray
        Recorded amplitudes ``(time, trace)``. In a difference or a map, zeros have another meaning.

    Returns
    -------
    array
        Booleans ``(time, trace)``.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(size=(60, 5))
    >>> values[:20, :3] = 0.0
    >>> muted_samples(make_section(values, dt_ms=4.0)).sum(axis=0)
    array([20, 20, 20,  0,  0])
    """
    if is_colour(section) or is_picture(section) or section.attrs.get("muted") == "present":
        return np.zeros(missing_samples(section).shape, bool)
    values = section.values
    zero, missing = np.asarray(values == 0.0), np.asarray(np.isnan(values))
    muted = _zeros_from_ends(zero, missing)
    if section.dims[0] not in VERTICAL_DIMS:
        muted |= _zeros_from_ends(zero.T, missing.T).T
    return muted


def _zeros_from_ends(zero: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return the zeros from the first or last row of each column inwards, if they are mutes."""
    blank = zero | missing
    runs = [np.logical_and.accumulate(blank, axis=0), np.logical_and.accumulate(blank[::-1], axis=0)[::-1]]
    lengths = [np.count_nonzero(run & zero, axis=0) for run in runs]
    if max(length.max(initial=0) for length in lengths) < _SHORTEST_MUTE:
        return np.zeros_like(zero)
    is_dead = runs[0][-1]
    inside = zero & ~runs[0] & ~runs[1]
    crossing = _longest_runs(inside[:, ~is_dead])
    # A high percentile, not the maximum, because a gap in a few traces is not typical.
    usual = float(np.percentile(crossing, 99)) if crossing.size else 0.0
    muted = np.zeros_like(zero)
    for run, length in zip(runs, lengths, strict=True):
        is_long = (length >= _SHORTEST_MUTE) & (is_dead | (length > _MUTE_TO_CROSSING * usual))
        muted |= run & zero & is_long
    return muted


def _longest_runs(true: np.ndarray) -> np.ndarray:
    """Return the length of the longest run of True in each column."""
    run = np.zeros(true.shape[1], np.int64)
    longest = run.copy()
    for row in true:
        run = (run + 1) * row
        np.maximum(longest, run, out=longest)
    return longest


def describe_absent(section: xr.DataArray) -> str | None:
    """Return what is missing or muted in a section and how it is treated; None if nothing is."""
    n_missing = int(missing_samples(section).sum())
    count = "1 sample is" if n_missing == 1 else f"{n_missing} samples are"
    missing = f"{count} undefined (NaN) and treated as absent." if n_missing else ""
    return " ".join(filter(None, [missing, _describe_muted(section)])) or None


def _describe_muted(section: xr.DataArray) -> str:
    muted = muted_samples(section)
    n_muted = int(muted.sum())
    if not n_muted:
        return ""
    selection = str(section.attrs.get("selection") or "")
    what = selection if selection.startswith(("inline", "crossline", "time", "depth")) else "the section"
    n_dead = int((muted | missing_samples(section)).all(axis=0).sum())
    dead = f", {n_dead} of {muted.shape[1]} traces completely" if n_dead and section.dims[0] in VERTICAL_DIMS else ""
    return (
        f"{100.0 * n_muted / muted.size:.2g} % of {what} is muted (zeros at its edges{dead}) and treated as absent; if "
        "these zeros are amplitudes, use `muted='present'`."
    )


def absent_samples(section: xr.DataArray) -> np.ndarray:
    """Return the absent samples (missing or muted) as booleans ``(time, trace)``."""
    return missing_samples(section) | muted_samples(section)


def fill_absent(section: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values with missing samples at zero amplitude (mid-grey in a picture), and the absent samples.

    Returns
    -------
    values : array
        float32, of the shape of the section. If no sample is missing these are the values of the section itself, so do
        not write into them.
    absent : array
        Booleans ``(time, trace)``.
    """
    middle = float(np.mean(section.attrs["value_range"])) if is_picture(section) else 0.0
    values, missing = np.asarray(section.values, np.float32), np.isnan(section.values)
    return np.where(missing, np.float32(middle), values) if missing.any() else values, absent_samples(section)


def magnitude_percentile(values: np.ndarray, percentile: float, is_counted: np.ndarray | bool = True) -> float:
    """Return a percentile of the magnitudes of finite values; the largest where it is zero, 0 where there are none.

    Parameters
    ----------
    values : array
        Real numbers.
    percentile : float
        0 to 100.
    is_counted : array of bool, optional
        Which values count, of the first axes of `values`; by default all.
    """
    is_counted = np.asarray(is_counted)
    is_counted = np.isfinite(values) & is_counted.reshape(is_counted.shape + (1,) * (values.ndim - is_counted.ndim))
    # One copy, which is changed in place.
    magnitudes = values[is_counted]
    if not magnitudes.size:
        return 0.0
    np.abs(magnitudes, out=magnitudes)
    # In mostly dead sections the percentile is zero.
    return float(np.percentile(magnitudes, percentile, overwrite_input=True)) or float(magnitudes.max())


_CLIPPED_SHARE, _FEWEST_CLIPPED = 1e-4, 20


def count_extreme(finite: np.ndarray) -> int:
    """Return how many samples have exactly the smallest or the largest amplitude, where these are clipped; otherwise 0.

    Amplitudes reach their extremes in a few samples. Zero, which muted samples have, and data of few levels do not
    count.
    """
    if not finite.size or np.unique(finite[:: max(1, finite.size // 4096)]).size < 32:
        return 0
    counts = [int((finite == extreme).sum()) for extreme in (finite.min(), finite.max()) if extreme != 0]
    return sum(n for n in counts if n >= max(_FEWEST_CLIPPED, _CLIPPED_SHARE * finite.size))


@dataclass(frozen=True)
class GreyMapping:
    """A linear map from the units of a section to grey levels, 0 to 255, which are the input of networks.

    Attributes
    ----------
    low, high : float
        Values of black (0) and white (255).
    """

    low: float
    high: float

    @classmethod
    def of(cls, section: xr.DataArray, percentile: float = 99.0) -> GreyMapping:
        """Return the mapping of a section: the range of a picture, or a symmetric clip of amplitudes.

        Parameters
        ----------
        section : DataArray
            ``(time, trace)`` or ``(row, column, colour)``.
        percentile : float, 50 to 100, default 99
            Percentile of absolute amplitude that becomes black and white; zero is mid-grey (127.5).
        """
        if is_picture(section):
            return cls(*section.attrs["value_range"])
        # Without muted samples, so that padding does not change the scale of the rest.
        present = np.isfinite(section.values) & ~muted_samples(section)
        clip = magnitude_percentile(section.values, percentile, present if present.any() else True)
        return cls(-clip, clip)

    @property
    def units_per_grey(self) -> float:
        """The change of amplitude that corresponds to one grey level."""
        return (self.high - self.low) / 255.0

    def to_grey(self, values: np.ndarray) -> np.ndarray:
        """Return the grey levels of values in the units of the section, not clipped, as float32."""
        values = np.asarray(values)
        grey = np.empty(values.shape, np.float32)
        n_rows = max(1, 2**20 // max(1, values[:1].size))
        # In float64, but in blocks, to save memory on large sections.
        for first in range(0, len(values), n_rows):
            part = values[first : first + n_rows].astype(np.float64)
            grey[first : first + n_rows] = (part - self.low) / self.units_per_grey
        return grey
