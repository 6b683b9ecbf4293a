"""Name and number the axes of an array, and find a section in a volume."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import VERTICAL_DIMS

# Common names of the axes of seismic data, in lower case.
_AXIS_NAMES = {
    "inline": (
        "inline",
        "inlines",
        "iline",
        "ilines",
        "il",
        "iln",
        "in_line",
        "inline_number",
        "inline_no",
        "inline_3d",
    ),
    "crossline": (
        "crossline",
        "crosslines",
        "xline",
        "xlines",
        "xl",
        "xln",
        "x_line",
        "cross_line",
        "crossline_number",
        "xline_number",
        "xline_no",
        "crossline_no",
        "crossline_3d",
    ),
    "time": (
        "time",
        "time_ms",
        "times",
        "twt",
        "twt_ms",
        "twtt",
        "twt_s",
        "tt",
        "t",
        "time_s",
        "two_way_time",
        "twoway_time",
        "sample",
        "samples",
    ),
    "depth": ("depth", "depth_m", "depth_ft", "depths", "z", "tvd", "tvdss"),
    "trace": (
        "trace",
        "traces",
        "trace_number",
        "tracl",
        "tracr",
        "cdp",
        "cdps",
        "cmp",
        "ensemble",
        "shotpoint",
        "sp",
    ),
    "row": ("row", "rows"),
    "column": ("column", "columns"),
    "colour": ("colour", "color", "channel", "rgb", "band"),
}
_AXES = {alias: name for name, aliases in _AXIS_NAMES.items() for alias in aliases}

# Positions at which an axis of matching length is looked for, the usual one first.
_POSITIONS_IN_A_SECTION = {
    "time": (0, 1),
    "depth": (0, 1),
    "crossline": (1, 0),
    "inline": (1, 0),
    "trace": (1, 0),
}
_POSITIONS_IN_A_VOLUME = {"inline": (0, 1, 2), "crossline": (1, 0, 2), "time": (2, 0, 1), "depth": (2, 0, 1)}

_IN_NAMES = re.compile(r"(?<![a-z])(inline|iline|il|crossline|xline|xl)[ _-]?(\d+)(?!\d)", re.IGNORECASE)


def axis_named(name: str) -> str | None:
    """Return the standard name of an axis, such as ``inline`` for ``iline``; None if it is not known."""
    return _AXES.get(name.lower())


def parse_axes(axes: str | Sequence[str], shape: tuple[int, ...], what: str) -> tuple[str, ...]:
    """Return the standard names of the axes of an array, as stated by a user.

    Parameters
    ----------
    axes : str or sequence of str
        Such as ``trace,time``, one for each axis longer than 1, or for each.
    shape : tuple of int
        Shape of the array.
    what : str
        Name of the array, for messages.
    """
    words = [word.strip() for word in (axes.split(",") if isinstance(axes, str) else axes)]
    names = [axis_named(word) for word in words]
    known = ", ".join(_AXIS_NAMES)
    if None in names or len(set(names)) < len(names):
        raise SeisdreamError(
            f"`axes` is {','.join(words)}; it must be different names of {known}, in the order in which the array is "
            "stored.",
            code="unknown-name",
            option="axes",
        )
    full = [str(name) for name in names]
    if len(full) == sum(n > 1 for n in shape) < len(shape):
        rest = iter(full)
        full = [next(rest) if n > 1 else f"axis_{number}" for number, n in enumerate(shape)]
    if len(full) != len(shape):
        raise SeisdreamError(
            f"`axes` is {','.join(words)}, but {what} is {' × '.join(map(str, shape))}; name each of its axes.",
            code="wrong-shape",
            option="axes",
        )
    return tuple(full)


def line_in_name(name: str) -> tuple[str, int | None]:
    """Return the line in a file name: ("inline", 362) for ``f3_inline362``, ("", None) if there is none."""
    found = _IN_NAMES.findall(name)
    if len(found) != 1:
        return "", None
    return ("inline" if found[0][0].lower().startswith("i") else "crossline"), int(found[0][1])


def name_axes(
    shape: tuple[int, ...],
    stated: tuple[str, ...] | None,
    numbers: dict[str, np.ndarray],
    *,
    is_timed: bool = False,
) -> list[str]:
    """Name the axes of an array.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    stated : tuple of str, optional
        The names given in the file.
    numbers : dict
        Coordinates by axis name. Without stated names they name the axis of the same length.
    is_timed : bool, default False
        Whether a sampling interval is known, so that rows are times.

    Returns
    -------
    list of str
        A different name for every axis.
    """
    if stated is not None and len(set(stated)) == len(stated):
        names: list[str | None] = list(stated)
    elif len(shape) > 2 and 1 in shape:
        # An axis of length one has no meaning; name the others without it.
        rest = iter(name_axes(tuple(n for n in shape if n > 1), None, numbers, is_timed=is_timed))
        names = [f"axis_{number}" if n == 1 else next(rest) for number, n in enumerate(shape)]
    else:
        names = _names_by_length(shape, numbers)
    has_vertical = any(name in VERTICAL_DIMS for name in names)
    vertical, horizontal = ("time", "trace") if is_timed else ("row", "column")
    if len(shape) == 3 and (names[0] or "inline", names[1] or "crossline") == ("inline", "crossline"):
        spare = ["inline"] * (not names[0]) + ["crossline"] * (not names[1]) + [vertical]
    else:
        spare = [horizontal if not has_vertical else "trace"]
        spare = spare if has_vertical else [vertical, *spare]
    rest = iter([*spare, *(f"axis_{number}" for number in range(len(shape)))])
    full = [name or next(rest) for name in names]
    if "row" not in full and not is_timed:
        # Without coordinates or a sampling interval the spacing of rows is unknown.
        full = ["row" if name in ("time", "depth") and name not in numbers else name for name in full]
    return full


def _names_by_length(shape: tuple[int, ...], numbers: dict[str, np.ndarray]) -> list[str | None]:
    names: list[str | None] = [None] * len(shape)
    usual = {2: _POSITIONS_IN_A_SECTION, 3: _POSITIONS_IN_A_VOLUME}.get(len(shape), {})
    for name, positions in usual.items():
        along = numbers.get(name)
        # Repeated numbers are not an axis.
        if along is None or np.unique(along).size < along.size:
            continue
        for position in positions:
            if names[position] is None and shape[position] == along.size:
                names[position] = name
                break
    return names


def number_axes(
    shape: tuple[int, ...], dims: list[str], numbers: dict[str, np.ndarray], dt_ms: float | None
) -> dict[str, np.ndarray]:
    """Return the coordinates of every axis: from the file, or counted from 0 (traces: from 1)."""
    coords = {}
    for axis, n in zip(dims, shape, strict=True):
        along = numbers.get(axis)
        start = 0.0
        if along is None or along.size != n:
            along = np.arange(n) + (1 if axis == "trace" else 0)
        else:
            start = float(along[0])
        if axis in ("time", "depth") and dt_ms:
            along = start + np.arange(n) * float(dt_ms)
        if axis != "colour":
            coords[axis] = along
    return coords


def find_section(
    what: str,
    shape: tuple[int, ...],
    dims: list[str],
    coords: dict[str, np.ndarray],
    selected: dict[str, float],
) -> tuple[tuple[Any, ...], dict[str, float]]:
    """Find a section in an array.

    Parameters
    ----------
    what : str
        Name of the array, for messages.
    shape, dims, coords
        Shape, axis names and coordinates of the array.
    selected : dict
        ``inline``, ``crossline`` or ``time`` with its number; empty for the middle section of a volume.

    Returns
    -------
    indices : tuple of int and slice
        One index for each axis of the array.
    selection : dict
        The axis and number at which the section was taken; empty if the array is one section.

    Raises
    ------
    SeisdreamError
        If there is no such section.
    """
    described = " × ".join(f"{n} ({dim})" for dim, n in zip(dims, shape, strict=True))
    indices: list[Any] = [slice(None)] * len(shape)
    n_axes = len(dims) - ("colour" in dims)
    for position, n in enumerate(shape):
        if n == 1 and n_axes > 2 and dims[position] not in selected:
            indices[position] = 0
            n_axes -= 1
    if n_axes == 2:
        if selected:
            argument = _argument_of(next(iter(selected)))
            raise SeisdreamError(
                f"{what} is one section, {described}; leave out `{argument}`.", code="incompatible", option=argument
            )
        return tuple(indices), {}
    if not selected:
        selected = {dim: coords[dim][coords[dim].size // 2] for dim in dims if dim in ("inline", "crossline")}
    axis, number = next(iter(selected.items()), ("", 0.0))
    argument = _argument_of(axis)
    if axis == "time" and axis not in dims:
        axis = next((dim for dim in dims if dim in VERTICAL_DIMS), axis)
    if n_axes != 3 or axis not in dims or "colour" in dims:
        raise SeisdreamError(
            f"{what} is {described}: no section can be taken from it{f' with `{argument}`' if argument else ''}. A "
            "section has two axes, and a volume three, of which one is called inline, crossline or time. If it is a "
            "volume, name its axes, such as `axes='inline,crossline,time'`; otherwise save one section of it.",
            code="wrong-shape",
            option=argument or None,
        )
    along = coords[axis]
    position = int(np.argmin(np.abs(along - number)))
    # A time between two samples means the nearer one; a line number must exist.
    tolerance = np.abs(np.diff(along)).max() / 2 if axis in VERTICAL_DIMS else 0
    if not abs(along[position] - number) <= tolerance:
        raise SeisdreamError(
            f"{what} has no {axis} {number:g}: `{argument}` is {along.min():g} to {along.max():g}; the nearest is "
            f"{along[position]:g}.",
            code="not-found",
            option=argument,
        )
    indices[dims.index(axis)] = position
    return tuple(indices), {axis: along[position].item()}


def _argument_of(axis: str) -> str:
    """Return the argument of `open_section` that selects along an axis."""
    return "time_ms" if axis in VERTICAL_DIMS else axis
