"""Masks of a section: from a picture, polygons, or a window in its coordinates."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.arrays import ARRAY_ENDINGS, open_array
from seisdream.io.images import IMAGE_ENDINGS, open_image
from seisdream.io.texts import read_text
from seisdream.seismic.sections import is_colour


def open_mask(spec: str | os.PathLike[str], section: xr.DataArray, *, option: str = "mask") -> xr.DataArray:
    """Open a mask for a section.

    Parameters
    ----------
    spec : str or path
        One of

        - a picture or an array of the size of the section: white is 1, black is 0, grey in between. If it has only
          zero and one other value, the other is 1;
        - a text file of polygons: two numbers per line, horizontal and vertical, in the coordinates of the section
          (such as crossline and ms), with an empty line between polygons. A first line of column names and ``#``
          comments are skipped. The mask is 1 inside any polygon;
        - a window, ``time=800:1200,crossline=400:600``, with both ends included. Either end may be left out
          (``time=800:``), and an axis that is left out is used whole.
    section : DataArray
        ``(time, trace)`` or ``(row, column, colour)``.
    option : str, default "mask"
        Name of the argument that gave the mask, for errors.

    Returns
    -------
    DataArray
        float32, 0 (outside) to 1 (inside), with the first two axes of the section.

    Raises
    ------
    SeisdreamError
        If the mask does not fit the section, or is 0 everywhere.
    """
    name = os.fspath(spec)
    suffix = Path(name).suffix.lower()
    if "=" in name and not Path(name).exists():
        values = _window(name, section, option)
    elif not Path(name).exists():
        raise SeisdreamError(
            f"There is no mask file {name}; `{option}` is a picture, a text file of polygons, or a window such as "
            f"{section.dims[0]}=10:20.",
            code="not-found",
            option=option,
        )
    elif suffix in (*IMAGE_ENDINGS, *ARRAY_ENDINGS):
        values = _picture(name, section, open_image if suffix in IMAGE_ENDINGS else open_array, option)
    else:
        values = _polygons(name, section, option)
    if not values.any():
        raise SeisdreamError(f"`{option}` {name} is 0 everywhere: {_extent(section)}.", code="no-signal", option=option)
    base = section.isel({section.dims[-1]: 0}, drop=True) if is_colour(section) else section
    return base.copy(data=values.astype(np.float32)).assign_attrs(source=name)


def _extent(section: xr.DataArray) -> str:
    ranges = (f"{dim} {section[dim].values.min():g} to {section[dim].values.max():g}" for dim in section.dims[:2])
    return "the section covers " + " and ".join(ranges)


def _picture(name: str, section: xr.DataArray, open_file, option: str) -> np.ndarray:
    mask = open_file(name)
    if mask.shape[:2] != section.shape[:2]:
        # A stretched mask would no longer lie on the same reflections.
        raise SeisdreamError(
            f"`{option}` {name} is {mask.shape[1]} × {mask.shape[0]} pixels (width × height) and the section "
            f"{section.shape[1]} × {section.shape[0]}; the mask must have one pixel for each sample.",
            code="wrong-shape",
            option=option,
        )
    values = mask.values.mean(axis=-1) if is_colour(mask) else mask.values
    if np.unique(values).size == 2 and values.min() == 0:
        return (values != 0).astype(np.float32)
    low, high = mask.attrs.get("value_range", (0.0, 1.0))
    if values.min() < low or values.max() > high:
        raise SeisdreamError(
            f"`{option}` {name} has values from {values.min():g} to {values.max():g}; it must be a picture, or have "
            "values from 0 (outside) to 1 (inside).",
            code="out-of-range",
            option=option,
        )
    return (values - low) / (high - low)


def check_mask(
    mask: xr.DataArray | np.ndarray, section: xr.DataArray, option: str = "mask", *, may_be_empty: bool = True
) -> np.ndarray:
    """Return the values of a mask as float32 after checking that it fits a section.

    Parameters
    ----------
    mask : DataArray or array
        ``(time, trace)``, 0 (outside) to 1 (inside).
    section : DataArray
        ``(time, trace)`` or ``(row, column, colour)``.
    option : str, default "mask"
        Name of the argument that gave the mask, for errors.
    may_be_empty : bool, default True
        Whether the mask may be 0 everywhere.

    Raises
    ------
    SeisdreamError
        If shape or values are wrong, or it is 0 everywhere and may not be.
    """
    values = np.asarray(mask, np.float32)
    if values.shape != section.shape[:2]:
        raise SeisdreamError(
            f"`{option}` has the shape {values.shape} and the section {section.shape[:2]}; they must be equal.",
            code="wrong-shape",
            option=option,
        )
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise SeisdreamError(
            f"`{option}` has values outside 0 (outside the mask) to 1 (inside); make it with open_mask.",
            code="out-of-range",
            option=option,
        )
    if not may_be_empty and not values.any():
        raise SeisdreamError(
            f"`{option}` is 0 everywhere; it must select at least one sample.", code="no-signal", option=option
        )
    return values


def _window(spec: str, section: xr.DataArray, option: str) -> np.ndarray:
    shape, (vertical, horizontal) = section.shape[:2], section.dims[:2]
    inside = np.ones(shape, bool)
    for part in spec.split(","):
        match = re.fullmatch(r"\s*(\w+)\s*=\s*([^:\s]*)\s*(:?)\s*([^:\s]*)\s*", part)
        if match is None or not (match[2] or match[4]):
            raise SeisdreamError(
                f"'{part}' in `{option}` is not a window; write it as {vertical}=800:1200,{horizontal}=10:20.",
                code="invalid",
                option=option,
            )
        name, first, is_range, last = match.groups()
        axes = {
            str(axis): coord for axis, coord in section.coords.items() if coord.dims in ((vertical,), (horizontal,))
        }
        if name not in axes:
            near = near_matches(name, axes) or list(axes)
            hint = (
                ", or give the sampling interval of the array (`dt_ms`)" if (name, vertical) == ("time", "row") else ""
            )
            raise SeisdreamError(
                f"The section has no axis '{name}' for `{option}`; use one of {', '.join(near)}{hint}.",
                code="unknown-name",
                option=option,
            )
        numbers = axes[name].values
        low = _number(first, part, option) if first else -np.inf
        high = _number(last, part, option) if last else (np.inf if is_range else low)
        low, high = min(low, high), max(low, high)
        within = (numbers >= low) & (numbers <= high)
        if not within.any():
            raise SeisdreamError(
                f"`{option}` has no sample in {part.strip()}: {name} goes from {numbers.min():.12g} to "
                f"{numbers.max():.12g}.",
                code="out-of-range",
                option=option,
            )
        inside &= within[:, None] if axes[name].dims == (vertical,) else within[None, :]
    return inside


def _number(word: str, part: str, option: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise SeisdreamError(
            f"'{word}' in `{option}` '{part.strip()}' is not a number.", code="invalid", option=option
        ) from None


def _polygons(name: str, section: xr.DataArray, option: str) -> np.ndarray:
    across, down = (section[section.dims[axis]].values.astype(float) for axis in (1, 0))
    inside = np.zeros((down.size, across.size), bool)
    for polygon in _read_polygons(name, option):
        inside |= _inside(polygon, across, down)
    return inside


def _read_polygons(name: str, option: str) -> list[np.ndarray]:
    try:
        lines = read_text(name).splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise SeisdreamError(
            f"`{option}` {name} is neither a picture nor a text file of polygons ({error}).",
            code="unreadable",
            option=option,
        ) from error
    polygons: list[list[tuple[float, float]]] = [[]]
    is_header_allowed = True
    for n_line, line in enumerate(lines, start=1):
        words = re.split(r"[,;\s]+", line.partition("#")[0].strip())
        if words == [""]:
            if not line.strip():
                polygons.append([])
            continue
        try:
            horizontal, vertical = (float(word) for word in words if word)
            if not np.isfinite([horizontal, vertical]).all():
                raise ValueError
        except ValueError:
            if not is_header_allowed:
                raise SeisdreamError(
                    f"`{option}` {name}, line {n_line}: '{line.strip()}' is not two numbers, horizontal and vertical, "
                    "such as 450, 800.0.",
                    code="unreadable",
                    option=option,
                ) from None
        else:
            polygons[-1].append((horizontal, vertical))
        is_header_allowed = False
    whole = [np.array(polygon) for polygon in polygons if polygon]
    if not whole or any(len(polygon) < 3 for polygon in whole):
        raise SeisdreamError(
            f"`{option}` {name} must have polygons of three points or more, one point per line, with an empty line "
            f"between polygons; it has {len(whole)} polygons of {[len(polygon) for polygon in whole]} points.",
            code="too-small",
            option=option,
        )
    return whole


def _inside(polygon: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Return the samples inside a polygon, by the even-odd rule, as booleans ``(vertical, horizontal)``."""
    x, y = polygon.T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    inside = np.zeros((down.size, across.size), bool)
    for row, level in enumerate(down):
        # Half-open edges: a corner at this level counts once, not twice.
        crossed = (y <= level) != (next_y <= level)
        slope = (next_x[crossed] - x[crossed]) / (next_y[crossed] - y[crossed])
        crossings = np.sort(x[crossed] + slope * (level - y[crossed]))
        inside[row] = np.searchsorted(crossings, across, side="right") % 2 == 1
    return inside
