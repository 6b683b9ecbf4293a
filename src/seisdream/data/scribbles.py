"""Scribbles: polygons and strokes that label a few samples of a few lines."""

from __future__ import annotations

import csv
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from seisdream.data.sample import UNKNOWN
from seisdream.errors import SeisdreamError
from seisdream.io.texts import parse_json, read_text

STROKE_WIDTH = 5.0
"""Default width of a stroke, in samples."""

_AXES = {
    "inline": "inline",
    "il": "inline",
    "crossline": "crossline",
    "xline": "crossline",
    "xl": "crossline",
    "line": "",
}


@dataclass(frozen=True)
class Scribble:
    """One polygon or stroke on one line.

    Attributes
    ----------
    axis, number : str, int
        The line: ("inline", 300), or ("", 0) for a 2-D file.
    label : str
        Name of a class, or its code in digits.
    points : tuple of (float, float)
        Trace number and time in ms. A last point equal to the first closes a polygon, whose inside is labelled.
    width : float
        Width of a stroke, in samples.
    """

    axis: str
    number: int
    label: str
    points: tuple[tuple[float, float], ...]
    width: float = STROKE_WIDTH

    @property
    def is_polygon(self) -> bool:
        """Whether it is closed, and so labels the area inside."""
        return len(self.points) > 3 and self.points[0] == self.points[-1]


def open_scribbles(path: str | os.PathLike[str]) -> tuple[Scribble, ...]:
    """Open scribbles from a text, CSV or JSON file.

    Parameters
    ----------
    path : path
        In text and CSV: a line such as ``inline 300 salt`` (or ``crossline``; ``line 0`` for a 2-D file; a class by
        name, in quotes where it has spaces, or by code), then its points, in the same line or in those below, as pairs
        of trace number and time in ms. In JSON: a list of
        ``{"inline": 300, "class": "salt", "points": [[450, 800.0], ...]}``; strokes may have a ``"width"`` in samples.

    Returns
    -------
    tuple of Scribble
        In the order of the file; later ones overwrite earlier ones.

    Raises
    ------
    SeisdreamError
        If the file is not in one of these formats, or is empty.
    """
    return _open(str(path), Path(path).stat().st_mtime_ns if Path(path).exists() else 0)


@lru_cache(maxsize=4)
def _open(name: str, changed_ns: int) -> tuple[Scribble, ...]:
    path = Path(name)
    try:
        text = read_text(path)
        scribbles = _from_json(parse_json(text)) if path.suffix.lower() == ".json" else _from_text(text)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, csv.Error) as error:
        raise SeisdreamError(
            f"{path} holds no scribbles ({error}); write a line such as 'inline 300 salt', and its points below, two "
            'numbers a line, or JSON such as [{"inline": 300, "class": "salt", "points": [[450, 800], [460, 820]]}].',
            code="no-labels",
        ) from error
    if not scribbles:
        raise SeisdreamError(f"{path} is empty; it labels nothing.", code="no-labels")
    return tuple(scribbles)


def draw_scribbles(scribbles: Iterable[Scribble], classes: Sequence[str], traces: NDArray, times: NDArray) -> NDArray:
    """Draw the scribbles of one line as labels.

    Parameters
    ----------
    scribbles : iterable of Scribble
    classes : sequence of str
        Names by code.
    traces, times : array
        Trace numbers of the line, ascending, and times of its samples in ms.

    Returns
    -------
    array
        uint8 ``(time, trace)``, `UNKNOWN` where nothing is drawn.
    """
    labels = np.full((times.size, traces.size), UNKNOWN, np.uint8)
    for scribble in scribbles:
        code = int(scribble.label) if scribble.label.isdigit() else classes.index(scribble.label)
        points = np.array(scribble.points)
        # In samples from here on: a width needs one unit for both axes.
        vertices = np.stack([_sample_position(points[:, 0], traces), _sample_position(points[:, 1], times)], 1)
        if scribble.is_polygon:
            here, columns, rows = _neighbourhood(vertices, 1.0, labels.shape)
            # The even-odd rule, with a small tolerance so that samples on the outline count.
            positions = np.stack([columns.ravel(), rows.ravel()], 1)
            inside = [Outline(vertices).contains_points(positions, radius=radius) for radius in (1e-6, -1e-6)]
            labels[here][np.logical_or(*inside).reshape(rows.shape)] = code
            continue
        for start, end in zip(vertices, vertices[1:] if len(vertices) > 1 else vertices, strict=False):
            here, columns, rows = _neighbourhood(np.stack([start, end]), scribble.width / 2.0, labels.shape)
            labels[here][_distance(start, end, columns, rows) <= scribble.width / 2.0] = code
    return labels


def _neighbourhood(
    points: NDArray, reach: float, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], NDArray, NDArray]:
    """Return the window around some points, and the columns and rows of its samples."""
    low, high = np.floor(points.min(0) - reach), np.ceil(points.max(0) + reach) + 1
    # Clipped before they become whole numbers, which hold no number of any size.
    here = tuple(slice(*np.clip((low[axis], high[axis]), 0, shape[1 - axis]).astype(int)) for axis in (1, 0))
    rows, columns = np.mgrid[here]
    return (here[0], here[1]), columns, rows


def _sample_position(numbers: NDArray, along: NDArray) -> NDArray:
    """Return the positions of numbers along an axis, in samples from the first; extrapolated beyond its ends."""
    if along.size < 2:
        return numbers - along[0]
    step = (along[-1] - along[0]) / (along.size - 1)
    return (numbers - along[0]) / step


def _distance(start: NDArray, end: NDArray, columns: NDArray, rows: NDArray) -> NDArray:
    """Return the distance of samples from a straight stroke, in samples."""
    direction = end - start
    length = float(direction @ direction) or 1.0
    along = np.clip(((columns - start[0]) * direction[0] + (rows - start[1]) * direction[1]) / length, 0.0, 1.0)
    return np.hypot(columns - start[0] - along * direction[0], rows - start[1] - along * direction[1])


def _from_json(content: Any) -> list[Scribble]:
    if isinstance(content, dict):
        content = content["scribbles"]
    scribbles = []
    for entry in content:
        axis = next((key for key in ("inline", "crossline", "line") if key in entry), None)
        if axis is None:
            raise ValueError(f"{entry} names no inline, crossline or line")
        scribbles.append(
            _scribble(axis, entry[axis], str(entry["class"]), entry["points"], float(entry.get("width", STROKE_WIDTH)))
        )
    return scribbles


def _from_text(text: str) -> list[Scribble]:
    heads: list[tuple[str, str, str]] = []
    points: list[list[tuple[float, float]]] = []
    for n_line, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        words = [word.strip() for word in (next(csv.reader([line])) if "," in line else shlex.split(line))]
        words = [word for word in words if word]
        try:
            if words[0].lower() in _AXES:
                heads.append((words[0].lower(), words[1], words[2]))
                points.append([])
                words = words[3:]
            if len(words) % 2 or not heads:
                raise ValueError
            numbers = [float(word) for word in words]
        except (ValueError, IndexError):
            raise ValueError(f"line {n_line}: '{line}' is neither a line and a class nor pairs of numbers") from None
        points[-1].extend(zip(numbers[::2], numbers[1::2], strict=True))
    return [_scribble(*head, own) for head, own in zip(heads, points, strict=True)]


def _scribble(axis: str, number: Any, label: str, points: Any, width: float = STROKE_WIDTH) -> Scribble:
    pairs = tuple((float(trace), float(time)) for trace, time in points)
    if not pairs or not np.isfinite(pairs).all():
        raise ValueError(f"{axis} {number} {label} has no points, or points that are not numbers")
    return Scribble(_AXES[axis], int(number), label, pairs, width)
