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
MID_GREY = 127.5
"""The grey of zero amplitude, between black (0) and white (255)."""
UNKNOWN = 255
"""The label of samples whose class is not known; they count neither in training nor in scores."""
# More samples than this (2 GiB as float32) are a volume, not a section.
MOST_SAMPLES = 2**29

MUTED = ("absent", "present")
"""What muted samples may be taken for, in a section's attribute ``muted``; absent unless it says otherwise."""
# A run of zeros from an edge is a mute if it has this many samples, and clearly more than runs between reflections do:
# data of few levels are zero for a while at many a crossing.
_SHORTEST_MUTE, _MUTE_TO_CROSSING = 8, 2

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
        do not exist (missing traces) are NaN; muted ones may stay zero (see `muted_samples`). Unsigned 8- and 16-bit
        numbers (and booleans) are grey levels.
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
        ``units`` (by default "grey level" for pictures, else "amplitude"), ``source``, ``credit``, ``licence``,
        ``muted="present"`` where zeros at the edges are amplitudes too, and whatever else should travel with the
        section.

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


def missing_samples(section: xr.DataArray) -> np.ndarray:
    """Return where a section has no number at all (missing traces), as booleans ``(time, trace)``."""
    missing = np.asarray(np.isnan(section.values))
    return np.any(missing, axis=-1) if is_colour(section) else missing


def muted_samples(section: xr.DataArray) -> np.ndarray:
    """Return where a section was muted, which zeros that begin at an edge tell, as booleans ``(time, trace)``.

    Muted are traces that are zero throughout, and runs of exact zeros from the first sample of a trace downwards or
    from its last upwards (of a time slice, from its sides too): top mutes, ragged edges, padding. A run counts from 8
    zeros on, where it is also more than twice as long as zeros last between other samples of the section, so that
    neither a zero crossing nor amplitudes of few levels are taken for a mute. Pictures have none, because their zero is
    black; nor has a section whose attribute ``muted`` is "present".

    Parameters
    ----------
    section : DataArray
        Amplitudes ``(time, trace)`` as they were recorded: in a difference or a map, zeros mean something else.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(size=(60, 5))
    >>> values[:20, :3] = 0.0
    >>> muted_samples(make_section(values, dt_ms=4.0)).sum(axis=0)
    array([20, 20, 20,  0,  0])
    """
    if is_colour(section) or is_picture(section) or section.attrs.get("muted") == "present":
        return np.zeros(section.shape[:2], bool)
    values = section.values
    zero, missing = np.asarray(values == 0.0), np.asarray(np.isnan(values))
    muted = _zeros_from_ends(zero, missing)
    if section.dims[0] not in VERTICAL_DIMS:
        muted |= _zeros_from_ends(zero.T, missing.T).T
    return muted


def _zeros_from_ends(zero: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return the zeros that reach from the first or the last row of each column inwards, where they are mutes."""
    blank = zero | missing
    runs = [np.logical_and.accumulate(blank, axis=0), np.logical_and.accumulate(blank[::-1], axis=0)[::-1]]
    lengths = [np.count_nonzero(run & zero, axis=0) for run in runs]
    if max(length.max(initial=0) for length in lengths) < _SHORTEST_MUTE:
        return np.zeros_like(zero)
    is_dead = runs[0][-1]
    inside = zero & ~runs[0] & ~runs[1]
    crossing = _longest_runs(inside[:, ~is_dead])
    # Nearly the longest there is: a hole inside a few traces says nothing of how long zeros last elsewhere.
    usual = float(np.percentile(crossing, 99)) if crossing.size else 0.0
    muted = np.zeros_like(zero)
    for run, length in zip(runs, lengths, strict=True):
        is_long = (length >= _SHORTEST_MUTE) & (is_dead | (length > _MUTE_TO_CROSSING * usual))
        muted |= run & zero & is_long
    return muted


def _longest_runs(true: np.ndarray) -> np.ndarray:
    """Return how many rows the longest run of True has in each column."""
    run = np.zeros(true.shape[1], np.int64)
    longest = run.copy()
    for row in true:
        run = (run + 1) * row
        np.maximum(longest, run, out=longest)
    return longest


def describe_muted(section: xr.DataArray) -> str | None:
    """Return a sentence on how much of a section is muted and what becomes of it; None where nothing is."""
    muted = muted_samples(section)
    n_muted = int(muted.sum())
    if not n_muted:
        return None
    selection = str(section.attrs.get("selection") or "")
    what = selection if selection.startswith(("inline", "crossline", "time")) else "the section"
    n_dead = int((muted | missing_samples(section)).all(axis=0).sum())
    dead = f", {n_dead} of {muted.shape[1]} traces wholly" if n_dead and section.dims[0] in VERTICAL_DIMS else ""
    return (
        f"{100.0 * n_muted / muted.size:.2g} % of {what} is muted (exact zeros from its edges inwards{dead}): taken "
        "as absent. Are they amplitudes? Say --muted present."
    )


def absent_samples(section: xr.DataArray) -> np.ndarray:
    """Return where a section has no samples (missing or muted), as booleans ``(time, trace)``."""
    return missing_samples(section) | muted_samples(section)


def fill_absent(section: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return a section's values with absent samples at zero amplitude (mid-grey in a picture), and where they are.

    Returns
    -------
    values : array
        float32, shaped as the section, finite wherever the section's present samples are; the section's own, not to be
        written into, where none is missing.
    absent : array
        Booleans ``(time, trace)``.
    """
    middle = float(np.mean(section.attrs["value_range"])) if is_picture(section) else 0.0
    values, missing = np.asarray(section.values, np.float32), np.isnan(section.values)
    return np.where(missing, np.float32(middle), values) if missing.any() else values, absent_samples(section)


def blank_absent(section: xr.DataArray, absent: np.ndarray | None = None) -> xr.DataArray:
    """Return a section that is NaN wherever it is absent, muted samples too, so that none is drawn as a quiet one.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture.
    absent : array, optional
        Booleans ``(time, trace)``; by default those of `absent_samples`.
    """
    absent = absent_samples(section) if absent is None else absent
    return section.where(~xr.DataArray(absent, dims=section.dims[:2])) if absent.any() else section


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
        present = np.isfinite(section.values) & ~muted_samples(section)
        # Muted samples are no quiet ones: how much of a section is padding must not change how loud the rest is.
        magnitude = np.abs(section.values[present if present.any() else np.isfinite(section.values)])
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
        values = np.asarray(values)
        grey = np.empty(values.shape, np.float32)
        n_rows = max(1, 2**20 // max(1, values[:1].size))
        # In float64, but never all of it at once: a large section must fit a few times only.
        for first in range(0, len(values), n_rows):
            part = values[first : first + n_rows].astype(np.float64)
            grey[first : first + n_rows] = (part - self.low) / self.units_per_grey
        return grey
