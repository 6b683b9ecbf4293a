"""Training and validation lines that do not lie beside one another."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from seisdream.data.segy_lines import LabelledLines, Line
from seisdream.errors import SeisdreamError

MOST_GUARD = 20
"""Line numbers that the guard band has unless told otherwise; in smaller surveys a tenth of the range of numbers.

Measured on F3, inline 362: traces that are neighbours correlate at 0.95, five apart at 0.60, twenty apart at 0.13.
"""

# What is left of a crossline beside the guard band must be worth a window.
_FEWEST_TRACES = 16

RANDOM_WARNING = (
    "Lines are split at random: each validation line has a training line beside it, and neighbours correlate at 0.9 "
    "or more, so that the scores say how well lines were remembered. Split by blocks of lines instead."
)


def split_lines(
    data: LabelledLines,
    held_out: float = 0.2,
    *,
    guard: int | None = None,
    seed: int = 0,
    is_last: bool = False,
    is_random: bool = False,
) -> tuple[LabelledLines, LabelledLines]:
    """Split lines into some for training and a block of neighbours held out for validation.

    Parameters
    ----------
    data : LabelledLines
        Each survey in it is split by itself. Of inlines and crosslines the block is one of the more numerous; the
        others are cut where they cross it. A single line is cut into two stretches of traces. Lines without numbers
        count in the order in which they come.
    held_out : float, default 0.2
        Share of the lines in the block.
    guard : int, optional
        Width of the band on both sides of the block whose lines (or traces) are left out altogether, in line numbers;
        by default `MOST_GUARD`, or a tenth of the range of numbers where that is less.
    seed : int
        Chooses where the block lies.
    is_last : bool, default False
        Let the block be the last lines (or traces), wherever the seed would have it.
    is_random : bool, default False
        Hold out lines at random instead, without a guard band; warns.

    Returns
    -------
    training, validation : LabelledLines

    Raises
    ------
    SeisdreamError
        If nothing is left for one of the two, or crossing lines do not say the numbers of their traces.
    """
    if not 0.0 < held_out < 1.0:
        raise SeisdreamError(f"The share that is held out lies between 0 and 1; got {held_out:g}.")
    if guard is not None and guard < 0:
        raise SeisdreamError(f"The guard band is a number of lines from 0; got {guard}.")
    rng = np.random.default_rng([seed, 4])
    if is_random:
        warnings.warn(RANDOM_WARNING, UserWarning, stacklevel=2)
        training, validation = _at_random(data.lines, held_out, rng)
    else:
        training, validation = [], []
        for survey in dict.fromkeys(line.survey for line in data.lines):
            of_survey = [line for line in data.lines if line.survey == survey]
            for lines, part in zip(
                (training, validation), _by_block(of_survey, held_out, guard, rng, is_last), strict=True
            ):
                lines.extend(part)
    for lines, what in ((training, "training"), (validation, "validation")):
        if not lines:
            raise SeisdreamError(
                f"{data.name}: of {len(data.lines)} lines none is left for {what} with a share of {held_out:g} held "
                f"out and a guard band of {'its usual width' if guard is None else guard}; make the guard band "
                "narrower, hold out another share, or bring more lines."
            )
    return data.with_lines(tuple(training), "training"), data.with_lines(tuple(validation), "validation")


Parts = tuple[list[Line], list[Line]]


def _at_random(lines: tuple[Line, ...], held_out: float, rng: np.random.Generator) -> Parts:
    chosen = set(rng.permutation(len(lines))[: _share(len(lines), held_out)].tolist())
    return [lines[n] for n in range(len(lines)) if n not in chosen], [lines[n] for n in sorted(chosen)]


def _share(n: int, held_out: float) -> int:
    return min(max(round(held_out * n), 1), n - 1)


def _by_block(lines: list[Line], held_out: float, guard: int | None, rng: np.random.Generator, is_last: bool) -> Parts:
    if len(lines) == 1:
        return _by_traces(lines[0], held_out, guard, rng, is_last)
    counts = {axis: sum(line.axis == axis for line in lines) for axis in ("inline", "crossline", "")}
    axis = max(counts, key=lambda name: counts[name])
    along, crossing = [line for line in lines if line.axis == axis], [line for line in lines if line.axis != axis]
    is_counted = not axis or any(line.number is None for line in along)
    if is_counted:
        # Nothing says where these lie: their order is all there is, so names that count should count in it.
        along = [replace(line, number=place) for place, line in enumerate(along)]
    numbers = np.array(sorted({line.number for line in along if line.number is not None}))
    if numbers.size < 2:  # One inline and one crossline, say: each is cut.
        parts = [_by_traces(line, held_out, guard, rng, is_last) for line in lines]
        return [line for part in parts for line in part[0]], [line for part in parts for line in part[1]]
    n_held_out = _share(numbers.size, held_out)
    start = numbers.size - n_held_out if is_last else int(rng.integers(numbers.size - n_held_out + 1))
    first, last = int(numbers[start]), int(numbers[start + n_held_out - 1])
    # A few pictures that are merely counted may be of anywhere; a band between them would leave none.
    width = _guard(guard, int(numbers[-1] - numbers[0]), least=0 if is_counted else 1)
    training = [line for line in along if line.number is not None and not first - width <= line.number <= last + width]
    validation = [line for line in along if line.number is not None and first <= line.number <= last]
    for line in crossing:
        if not axis or not line.axis:
            training.append(line)
            continue
        if line.traces is None:
            raise SeisdreamError(
                f"{line.name} crosses the {axis}s, and its file does not say the numbers of its traces, so it cannot "
                "be cut where it crosses the held-out block; keep inlines and crosslines in folders of their own."
            )
        _cut(line, (first, last), width, training, validation)
    return training, validation


def _cut(line: Line, block: tuple[int, int], guard: int, training: list[Line], validation: list[Line]) -> None:
    """Add what of a crossing line lies in the block to the validation lines, what lies beside it to the others."""
    assert line.traces is not None
    low, high = line.traces
    for lines, first, last in (
        (training, low, min(high, block[0] - guard - 1)),
        (validation, max(low, block[0]), min(high, block[1])),
        (training, max(low, block[1] + guard + 1), high),
    ):
        if last - first + 1 >= (_FEWEST_TRACES if lines is training else 1):
            lines.append(line if (first, last) == line.traces else line.keep(first, last))


def _by_traces(line: Line, held_out: float, guard: int | None, rng: np.random.Generator, is_last: bool) -> Parts:
    if line.traces is None:  # It lies alone, so that it may be opened to see.
        section, _ = line.open()
        along = section[section.dims[1]].values
        line = replace(line, traces=(int(along.min()), int(along.max())))
    assert line.traces is not None
    low, high = line.traces
    n = high - low + 1
    n_held_out, width = max(1, round(held_out * n)), _guard(guard, n)
    is_first = bool(rng.integers(2)) and not is_last
    block = (low, low + n_held_out - 1) if is_first else (high - n_held_out + 1, high)
    parts: Parts = ([], [])
    _cut(line, block, width, *parts)
    return parts


def _guard(guard: int | None, span: int, least: int = 1) -> int:
    return min(MOST_GUARD, max(least, span // 10)) if guard is None else guard
