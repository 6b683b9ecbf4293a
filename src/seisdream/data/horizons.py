"""Horizon picks in text files, and labels for the intervals between horizons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seisdream.data.sample import UNKNOWN
from seisdream.errors import SeisdreamError
from seisdream.io.axes import axis_named
from seisdream.io.texts import read_text

_COLUMNS = ("inline", "crossline", "time")
# Names of the time column in exported horizons, besides those that arrays use.
_TIMES = ("z", "twt_ms", "time_ms", "ms")


# Picks fill a good part of a survey; coordinates (x, y) taken for line numbers would fill almost nothing of a huge one.
_MOST_EMPTY_CELLS, _MOST_CELLS_PER_PICK = 4_000_000, 200
_LARGEST_NUMBER = 2**31


@dataclass(frozen=True, eq=False)
class Horizons:
    """Picked times by inline and crossline number.

    Attributes
    ----------
    inlines, crosslines : int array
        The numbers that have picks, in ascending order.
    times : array
        float32 ``(horizon, inline, crossline)`` in ms, NaN without a pick; no horizon lies above the one before it.
    """

    inlines: NDArray
    crosslines: NDArray
    times: NDArray

    def has_picks(self, axis: str, number: int, n: int = 2) -> bool:
        """Return whether some trace of a line has picks on `n` (1 or 2) neighbouring horizons."""
        numbers = self.inlines if axis == "inline" else self.crosslines
        index = int(np.searchsorted(numbers, number))
        if index == len(numbers) or numbers[index] != number:
            return False
        picked = np.isfinite(self.times[:, index] if axis == "inline" else self.times[:, :, index])
        return bool((picked[1:] & picked[:-1]).any() if n > 1 else picked.any())

    def along(self, axis: str, number: int, traces: NDArray) -> NDArray:
        """Return the times along a line, ``(horizon, trace)``, at its trace numbers; NaN without a pick."""
        numbers, others = (self.inlines, self.crosslines) if axis == "inline" else (self.crosslines, self.inlines)
        index = int(np.searchsorted(numbers, number))
        plane = self.times[:, index] if axis == "inline" else self.times[:, :, index]
        columns = np.searchsorted(others, traces).clip(max=len(others) - 1)
        return np.where(others[columns] == traces, plane[:, columns], np.nan)


def open_horizons(paths: tuple[str, ...]) -> Horizons:
    """Open horizons, given from top to bottom.

    Parameters
    ----------
    paths : tuple of str
        Text files with one pick per line: inline, crossline and time in ms, separated by spaces, tabs, commas or
        semicolons; ``#`` begins a comment. A first line with column names allows another order and more columns.

    Returns
    -------
    Horizons
        Where two cross, the lower one is moved down to the upper one.

    Raises
    ------
    SeisdreamError
        If there are fewer than two, one cannot be read, or they are not in order from top to bottom.
    """
    if len(paths) < 2:
        raise SeisdreamError(
            f"{len(paths)} horizons bound no interval; give two or more.", code="too-small", option="horizons"
        )
    return _open(paths, tuple(Path(path).stat().st_mtime_ns if Path(path).exists() else 0 for path in paths))


@lru_cache(maxsize=4)
def _open(paths: tuple[str, ...], changed_ns: tuple[int, ...]) -> Horizons:
    picks = [_read_picks(Path(path)) for path in paths]
    everything = np.concatenate(picks)
    inlines, crosslines = (np.unique(everything[:, column]).astype(int) for column in (0, 1))
    n_cells = len(paths) * inlines.size * crosslines.size
    if n_cells > max(_MOST_EMPTY_CELLS, _MOST_CELLS_PER_PICK * len(everything)):
        raise SeisdreamError(
            f"The picks of {', '.join(paths)} have {inlines.size:,} inline and {crosslines.size:,} crossline numbers "
            f"for only {len(everything):,} picks. Are these coordinates (x, y)? They cannot be used: export by line "
            "numbers.",
            code="unreadable",
            option="horizons",
        )
    times = np.full((len(paths), inlines.size, crosslines.size), np.nan, np.float32)
    for plane, pick in zip(times, picks, strict=True):
        plane[np.searchsorted(inlines, pick[:, 0]), np.searchsorted(crosslines, pick[:, 1])] = pick[:, 2]
    for upper, lower in zip(range(len(paths) - 1), range(1, len(paths)), strict=True):
        both = np.isfinite(times[upper]) & np.isfinite(times[lower])
        if both.any() and np.median(times[lower][both] - times[upper][both]) < 0:
            raise SeisdreamError(
                f"{paths[lower]} lies mostly above {paths[upper]}; give horizons from top to bottom (files of "
                "a folder in the order of their names: 01_top.txt, 02_base.txt).",
                code="invalid",
                option="horizons",
            )
    times = np.where(np.isfinite(times), np.fmax.accumulate(times), np.nan)
    return Horizons(inlines, crosslines, times)


def label_intervals(times: NDArray, sample_times: NDArray, *, with_ends: bool = False) -> NDArray:
    """Label the samples of a line with the interval between horizons that they lie in.

    Parameters
    ----------
    times : array
        ms, ``(horizon, trace)``, from top to bottom; NaN without a pick.
    sample_times : array
        ms, ``(time,)``.
    with_ends : bool, default False
        Whether the samples above the first horizon and below the last form intervals, too.

    Returns
    -------
    array
        uint8 ``(time, trace)``. A horizon belongs to the interval below it. `UNKNOWN` beyond the first and last
        horizon, and where one of the two horizons is not picked.
    """
    edges = times
    if with_ends:
        everywhere = np.full((1, times.shape[1]), np.inf)
        edges = np.concatenate([-everywhere, times, everywhere])
    labels = np.full((sample_times.size, times.shape[1]), UNKNOWN, np.uint8)
    at = sample_times[:, None]
    for code, (top, base) in enumerate(pairwise(edges)):
        # Comparisons with NaN are false, so an interval without one of its horizons stays unknown.
        labels[(at >= top) & (at < base)] = code
    return labels


def _read_picks(path: Path) -> NDArray:
    """Return inline, crossline and time of each pick, ``(pick, 3)``."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SeisdreamError(f"The horizon {path} is not a text file ({error}).", code="unreadable") from error
    rows, columns = [], [0, 1, 2]
    is_first = True
    for n_line, line in enumerate(text.splitlines(), start=1):
        words = [word for word in re.split(r"[,;\s]+", line.partition("#")[0].strip()) if word]
        if not words:
            continue
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            if not is_first:
                raise _invalid_pick(path, n_line, line) from None
            columns = _named_columns(path, words)
        else:
            if len(numbers) <= max(columns) or (columns == [0, 1, 2] and len(numbers) != 3 and is_first):
                raise _invalid_pick(path, n_line, line)
            rows.append([numbers[column] for column in columns])
        is_first = False
    picks = np.array(rows, float).reshape(-1, 3)
    numbers = picks[:, :2]
    if not picks.size or (numbers != np.round(numbers)).any() or not (np.abs(numbers) < _LARGEST_NUMBER).all():
        raise SeisdreamError(
            f"The horizon {path} has {len(picks)} picks, and inline and crossline must be whole numbers; a pick is a "
            "line of inline, crossline and time in ms. Coordinates (x, y) cannot be used: export by line numbers.",
            code="unreadable",
        )
    return picks


def _named_columns(path: Path, words: list[str]) -> list[int]:
    names = ["time" if word.lower() in _TIMES else axis_named(word) for word in words]
    if any(names.count(column) != 1 for column in _COLUMNS):
        raise SeisdreamError(
            f"The horizon {path} names its columns {', '.join(words)}; three of them must be inline, crossline and "
            "time.",
            code="unreadable",
        )
    return [names.index(column) for column in _COLUMNS]


def _invalid_pick(path: Path, n_line: int, line: str) -> SeisdreamError:
    return SeisdreamError(
        f"The horizon {path}, line {n_line}: '{line.strip()}' is not inline, crossline and time in ms, such as "
        "300 450 812.5; with more columns, name them in the first line.",
        code="unreadable",
    )
