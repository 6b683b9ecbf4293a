"""Undefined values: one number, such as -999.25 or 1e30, that stands for samples without an amplitude."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError

WORDS = ("error", "auto", "present")
"""Values of the option ``undefined``, besides numbers."""

# Numbers that programs write for undefined samples, also within the range of amplitudes.
_KNOWN = (-999.25, -999.0, -9999.0, -9999.25, -99999.0, -999999.0, 999.25, 999.0, 9999.0, 99999.0, 999999.0)
# An outlier is a mark if so many samples have exactly its value, by how many times it exceeds all other amplitudes.
_COUNTS = ((1e6, 1e20, 1), (1e3, 90.0, 2), (10.0, 90.0, 8))  # (ratio, least magnitude, count)
_FEWEST_KNOWN, _TO_NEIGHBOURS = 8, 10
_MOST_VALUES = 4


def parse_undefined(given: Any) -> str | tuple[float, ...]:
    """Return the option ``undefined`` as one of `WORDS` or as numbers; None is "error".

    Raises
    ------
    SeisdreamError
        If it is neither (``unknown-name``).
    """
    if given is None:
        return "error"
    if isinstance(given, str) and given in WORDS:
        return given
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, Sequence) else [given]
    try:
        values = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        values = ()
    if not values or not np.isfinite(values).all():
        raise SeisdreamError(
            f"`undefined` is {given!r}; it must be {', '.join(WORDS)}, or one or more numbers such as -999.25.",
            code="unknown-name",
            option="undefined",
        )
    return values


def find_undefined(values: np.ndarray) -> tuple[float, ...]:
    """Return the numbers that mark undefined samples: extreme outliers of one value, and those that programs use.

    An outlier counts if several samples have exactly its value and it is at least 10 times larger than all other
    amplitudes. Numbers such as -999.25 also count within the range of amplitudes, if they are much more frequent than
    their neighbours.

    Parameters
    ----------
    values : array
        Amplitudes of any shape, float32 or integers.

    Returns
    -------
    tuple of float
        At most a few numbers; usually none.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(size=(60, 5))
    >>> values[:20, 0] = 1e30
    >>> find_undefined(values)
    (1e+30,)
    """
    found: list[float] = []
    while len(found) < _MOST_VALUES and (outliers := _outliers(values, found)):
        found += outliers
    return tuple(found + _known(values, found))


def is_undefined(values: np.ndarray, undefined: Sequence[float]) -> np.ndarray:
    """Return which samples have one of some values, to the precision of a 4-byte float, as booleans."""
    found = np.zeros(values.shape, bool)
    for one in undefined:
        # IBM floats have 21 bits, and the largest numbers are given with few digits.
        tolerance = abs(one) * (1e-3 if abs(one) >= 1e10 else 1e-6)
        with np.errstate(over="ignore"):
            found |= (values >= one - tolerance) & (values <= one + tolerance)
    return found


def blank_undefined(
    values: np.ndarray, source: str | os.PathLike[str], undefined: Any, known: Sequence[float] = ()
) -> np.ndarray:
    """Refuse undefined samples, or make them absent (NaN).

    Parameters
    ----------
    values : array
        Amplitudes; not changed.
    source : path
        Where they come from, for the message.
    undefined : {"error", "auto", "present"}, number or sequence of numbers, optional
        Refuse undefined samples (None: this too), make those that `find_undefined` finds absent, use them as
        amplitudes, or make the samples with these values absent.
    known : sequence of float
        Values that were found in other parts of the file.

    Raises
    ------
    SeisdreamError
        If there are undefined samples that the option does not name (``not-finite``).
    """
    stated = parse_undefined(undefined)
    if stated == "present":
        return values
    if not isinstance(stated, str):
        values = _blank(values, stated)
    found = tuple(dict.fromkeys([*known, *find_undefined(values)]))
    is_marked = is_undefined(values, found) if found else np.zeros(0, bool)
    if not is_marked.any():
        return values
    if stated == "auto":
        return _blank(values, found)
    present = [one for one in found if is_undefined(values, [one]).any()]
    more = "" if isinstance(stated, str) else " more"
    raise SeisdreamError(
        f"{source}: {describe_undefined(present, int(is_marked.sum()), values.size, more)} "
        "Make them absent (`undefined='auto'`, or the value itself; NaN in an array), or use them as amplitudes "
        "(`undefined='present'`).",
        code="not-finite",
        option="undefined",
    )


def describe_undefined(found: Sequence[float], n_found: int, n_samples: int, more: str = "") -> str:
    """Return a sentence that names undefined values and their number."""
    named = " or ".join(f"{one:.8g}" for one in found)
    return f"{n_found} of {n_samples}{more} samples are {named}, which looks like a mark of undefined samples."


def _blank(values: np.ndarray, undefined: Sequence[float]) -> np.ndarray:
    is_marked = is_undefined(values, undefined)
    return np.where(is_marked, np.float32(np.nan), values.astype(np.float32, copy=False)) if is_marked.any() else values


def _range(values: np.ndarray) -> tuple[float, float]:
    """Return the smallest and largest finite value; (0, 0) without any."""
    low, high = float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, axis=None))
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return low, high


def _outliers(values: np.ndarray, found: Sequence[float]) -> list[float]:
    """Return the largest magnitude as a mark, with its negative if that is one too; nothing if it is an amplitude."""
    if not values.size:
        return []
    if found:
        values = values[~is_undefined(values, found)]
        if not values.size:
            return []
    low, high = _range(values)
    largest = max(-low, high)
    if largest < _COUNTS[-1][1]:
        return []
    is_top = (values > largest / 2) | (values < -largest / 2)
    others = values[~is_top]
    if not others.size:  # All samples are as large as the largest, or infinite.
        return []
    rest_low, rest_high = _range(others)
    rest = max(-rest_low, rest_high)
    if rest == 0 or largest < _COUNTS[-1][0] * rest:
        return []
    top = values[is_top & np.isfinite(values)].astype(np.float64)
    marks = []
    for part in (top[top > 0], top[top < 0]):
        if not part.size:
            continue
        one = float(part[0])
        fewest = next(count for ratio, least, count in _COUNTS if largest >= ratio * rest and largest >= least)
        if part.size < fewest or not is_undefined(part, [one]).all():
            return []
        marks.append(one)
    return marks


def _known(values: np.ndarray, found: Sequence[float]) -> list[float]:
    low, high = _range(values) if values.size else (0.0, 0.0)
    marks = []
    for one in _KNOWN:
        if not low <= one <= high or is_undefined(np.asarray(found), [one]).any():
            continue
        if values.dtype.kind != "f" and one % 1:
            continue
        n = int(np.count_nonzero(values == one))
        if n < _FEWEST_KNOWN or n == values.size:
            continue
        width = 0.01 * abs(one)
        near = values[(values >= one - width) & (values <= one + width)]
        _, counts = np.unique(near[near != one], return_counts=True)
        if n >= _TO_NEIGHBOURS * counts.max(initial=0):
            marks.append(one)
    return marks
