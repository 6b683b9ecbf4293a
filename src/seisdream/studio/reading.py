"""What a reader does: describe a source before it is used, and cut sections from it for the browser."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.description import describe_input
from seisdream.io.inputs import line_numbers, open_section
from seisdream.studio.control import Control
from seisdream.studio.sources import Sources
from seisdream.viewer.encoding import encode_section
from seisdream.volumes.volume import open_volume

_LINES = {"inline": "inline", "crossline": "crossline", "time": "time_ms"}
"""The axes along which a volume is cut, and the option of opening that selects a section."""
_N_BINS = 64
_MOST_TRACES = 2000


class Reader:
    """Opens sources; its tasks return values that JSON knows.

    Parameters
    ----------
    sources : Sources
        What may be opened.
    """

    def __init__(self, sources: Sources):
        self._sources = sources

    def open(self, *, source: str, options: dict[str, Any], control: Control) -> dict[str, Any]:
        """Describe a source: its facts, axes, amplitudes and geometry."""
        path = self._sources.resolve(source)
        facts = describe_input(path, options)
        axes = _axes(path, options)
        line = {}
        if axes:
            line = {"inline": axes["inline"].pop("middle")}
        facts["source"] = source
        described: dict[str, Any] = {"kind": "volume" if axes else "section", "axes": axes, "line": line}
        try:
            section = open_section(path, **options, **line)
        except SeisdreamError as error:
            # The page shows the facts all the same, so that options can be corrected.
            problem = {"what": str(error), "fix": "", "is_fatal": True}
            problems = facts["problems"] if any(one["is_fatal"] for one in facts["problems"]) else [
                *facts["problems"], problem
            ]  # fmt: skip
            return described | {"facts": facts | {"problems": problems}, "histogram": None, "geometry": None}
        return described | {
            "facts": facts,
            "histogram": _histogram(section),
            "geometry": _places(path, options) if axes else _places_of_line(section),
        }

    def samples(
        self, *, source: str, options: dict[str, Any], line: dict[str, float], title: str, out: str, control: Control
    ) -> None:
        """Write a section as the viewer reads it."""
        section = open_section(self._sources.resolve(source), **options, **line_options(line))
        encoded = encode_section(section, title=title)
        partial = Path(f"{out}.partial")
        partial.write_bytes(encoded.body())
        partial.replace(out)


def line_options(line: dict[str, float]) -> dict[str, Any]:
    """Return the options of opening that select a section of a volume, such as ``{"inline": 362}``."""
    for name in line:
        if name not in _LINES:
            raise SeisdreamError(
                f"A section of a volume is selected by {', '.join(_LINES)}; got '{name}'.",
                code="unknown-name",
                option="line",
            )
    return {_LINES[name]: float(value) if name == "time" else int(value) for name, value in line.items()}


def _axes(path: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the axes of a volume by name; none of a section."""
    axes: dict[str, Any] = {}
    for name in ("inline", "crossline", "time", "depth"):
        try:
            numbers = line_numbers(path, name, **options)
        except (SeisdreamError, KeyError):
            if name == "inline":
                return {}
            continue
        axes["time" if name == "depth" else name] = _axis(numbers, {"time": "ms", "depth": "m"}.get(name, ""))
        if name == "inline":
            axes[name]["middle"] = int(numbers[len(numbers) // 2])
    return axes


def _axis(numbers: list[float], unit: str) -> dict[str, Any]:
    """Return the numbers of an axis by its ends and its step, or one by one where they are uneven."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    axis = {"first": numbers[0], "last": numbers[-1], "step": step, "count": len(numbers), "unit": unit}
    is_even = np.allclose(np.diff(numbers), step, rtol=1e-3) if len(numbers) > 1 else True
    return axis if is_even else axis | {"numbers": numbers}


def _histogram(section: xr.DataArray) -> dict[str, list[float]] | None:
    """Return how often amplitudes occur, between the extremes."""
    values = section.values[np.isfinite(section.values)].astype(np.float64)
    if not values.size:
        return None
    counts, edges = np.histogram(values, bins=_N_BINS)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _places(path: str, options: dict[str, Any]) -> dict[str, list[float]] | None:
    """Return where traces of a volume lie, evenly thinned; None where that is not known."""
    with suppress(SeisdreamError):
        volume = open_volume(path, **options)
        every = slice(None, None, max(1, round(math.sqrt(volume.shape[0] * volume.shape[1] / _MOST_TRACES))))
        places = volume.read_places(every, every)
        if places:
            return _thinned(places["cdp_x"].ravel(), places["cdp_y"].ravel())
    return None


def _places_of_line(section: xr.DataArray) -> dict[str, list[float]] | None:
    if not {"cdp_x", "cdp_y"} <= set(section.coords):
        return None
    return _thinned(section["cdp_x"].values, section["cdp_y"].values)


def _thinned(x: np.ndarray, y: np.ndarray) -> dict[str, list[float]] | None:
    is_known = np.isfinite(x) & np.isfinite(y)
    x, y = x[is_known].astype(float), y[is_known].astype(float)
    every = max(1, -(-x.size // _MOST_TRACES))
    return {"x": x[::every].tolist(), "y": y[::every].tolist()} if x.size else None
