"""Training and validation lines that are not neighbours of one another."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from seisdream.data.lines import LabelledLines, Line
from seisdream.errors import SeisdreamError

MAX_GUARD = 20
"""Default width of the guard band in line numbers; in small surveys a tenth of the range of numbers.

Measured on F3, inline 362: neighbouring traces correlate at 0.95, five apart at 0.60, twenty apart at 0.13.
"""

# A part of a crossline that is shorter is not worth a training patch.
_MIN_TRACES = 16

RANDOM_WARNING = (
    "Lines are split at random: each validation line has a training line next to it, and neighbours correlate at 0.9 "
    "or more, so the scores measure how well lines were remembered. Split by blocks of lines instead."
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
    """Split lines into training lines and a block of neighbouring lines held out for validation.

    Parameters
    ----------
    data : LabelledLines
        Each survey is split by itself. The block is one of inlines or of crosslines, whichever are more numerous; the
        others are cut where they cross it. A single line is cut into two stretches of traces. Lines without numbers
        count in the order in which they come.
    held_out : float, default 0.2
        Share of the lines in the block, between 0 and 1.
    guard : int, optional
        Width of the band on either side of the block whose lines (or traces) are used for neither, in line numbers;
        by default `MAX_GUARD`, or a tenth of the range of numbers where that is less.
    seed : int
        Chooses the location of the block.
    is_last : bool, default False
        Hold out the last lines (or traces), whatever the seed.
    is_random : bool, default False
        Hold out single lines at random instead, without a guard band; warns.

    Returns
    -------
    training, validation : LabelledLines

    Raises
    ------
    SeisdreamError
        If nothing is left for one of the two, or a crossing line does not number its traces.
    """
    if not 0.0 < held_out < 1.0:
        raise SeisdreamError(
            f"`held_out` is {held_out:g}; it must be between 0 and 1.", code="out-of-range", option="held_out"
        )
    if guard is not None and guard < 0:
        raise SeisdreamError(f"`guard` is {guard}; it must be 0 or more.", code="out-of-range", option="guard")
    rng = np.random.default_rng([seed, 4])
    if is_random:
        warnings.warn(RANDOM_WARNING, UserWarning, stacklevel=2)
        training, validation = _split_at_random(data.lines, held_out, rng)
    else:
        training, validation = [], []
        for survey in dict.fromkeys(line.survey for line in data.lines):
            own = [line for line in data.lines if line.survey == survey]
            for lines, part in zip(
                (training, validation), _split_by_block(own, held_out, guard, rng, is_last), strict=True
            ):
                lines.extend(part)
    for lines, purpose in ((training, "training"), (validation, "validation")):
        if not lines:
            width = "of the default width" if guard is None else f"of {guard}"
            raise SeisdreamError(
                f"{data.name}: of {len(data.lines)} lines none is left for {purpose} with `held_out={held_out:g}` and "
                f"a guard band {width}; use a smaller `guard`, hold out another share, or add lines.",
                code="too-small",
                option="guard",
            )
    return data.with_lines(tuple(training), "training"), data.with_lines(tuple(validation), "validation")


Parts = tuple[list[Line], list[Line]]
"""Training lines and validation lines."""


def _split_at_random(lines: tuple[Line, ...], held_out: float, rng: np.random.Generator) -> Parts:
    chosen = set(rng.permutation(len(lines))[: _n_held_out(len(lines), held_out)].tolist())
    return [lines[n] for n in range(len(lines)) if n not in chosen], [lines[n] for n in sorted(chosen)]


def _n_held_out(n: int, held_out: float) -> int:
    return min(max(round(held_out * n), 1), n - 1)


def _split_by_block(
    lines: list[Line], held_out: float, guard: int | None, rng: np.random.Generator, is_last: bool
) -> Parts:
    if len(lines) == 1:
        return _split_by_traces(lines[0], held_out, guard, rng, is_last)
    counts = {axis: sum(line.axis == axis for line in lines) for axis in ("inline", "crossline", "")}
    axis = max(counts, key=lambda name: counts[name])
    along, crossing = [line for line in lines if line.axis == axis], [line for line in lines if line.axis != axis]
    is_counted = not axis or any(line.number is None for line in along)
    if is_counted:
        # Without numbers, the order of the lines is all that is known of their location.
        along = [replace(line, number=index) for index, line in enumerate(along)]
    numbers = np.array(sorted({line.number for line in along if line.number is not None}))
    if numbers.size < 2:  # For example one inline and one crossline: each is cut.
        parts = [_split_by_traces(line, held_out, guard, rng, is_last) for line in lines]
        return [line for part in parts for line in part[0]], [line for part in parts for line in part[1]]
    n_held_out = _n_held_out(numbers.size, held_out)
    start = numbers.size - n_held_out if is_last else int(rng.integers(numbers.size - n_held_out + 1))
    first, last = int(numbers[start]), int(numbers[start + n_held_out - 1])
    # A few pictures without numbers may be of unrelated locations; a guard band between them would leave none.
    width = _guard_width(guard, int(numbers[-1] - numbers[0]), least=0 if is_counted else 1)
    training = [line for line in along if line.number is not None and not first - width <= line.number <= last + width]
    validation = [line for line in along if line.number is not None and first <= line.number <= last]
    for line in crossing:
        if not axis or not line.axis:
            training.append(line)
            continue
        if line.traces is None:
            raise SeisdreamError(
                f"{line.name} crosses the {axis}s, and its file does not number its traces, so it cannot be cut where "
                "it crosses the held-out block; put inlines and crosslines into separate folders.",
                code="no-geometry",
            )
        _cut(line, (first, last), width, training, validation)
    return training, validation


def _cut(line: Line, block: tuple[int, int], guard: int, training: list[Line], validation: list[Line]) -> None:
    """Add the part of a crossing line inside the block to the validation lines, the parts outside to the others."""
    assert line.traces is not None
    low, high = line.traces
    for lines, first, last in (
        (training, low, min(high, block[0] - guard - 1)),
        (validation, max(low, block[0]), min(high, block[1])),
        (training, max(low, block[1] + guard + 1), high),
    ):
        if last - first + 1 >= (_MIN_TRACES if lines is training else 1):
            lines.append(line if (first, last) == line.traces else line.crop(first, last))


def _split_by_traces(line: Line, held_out: float, guard: int | None, rng: np.random.Generator, is_last: bool) -> Parts:
    if line.traces is None:  # A single line is quickly opened.
        section, _ = line.open()
        numbers = section[section.dims[1]].values
        line = replace(line, traces=(int(numbers.min()), int(numbers.max())))
    assert line.traces is not None
    low, high = line.traces
    n = high - low + 1
    n_held_out, width = max(1, round(held_out * n)), _guard_width(guard, n)
    is_first = bool(rng.integers(2)) and not is_last
    block = (low, low + n_held_out - 1) if is_first else (high - n_held_out + 1, high)
    parts: Parts = ([], [])
    _cut(line, block, width, *parts)
    return parts


def _guard_width(guard: int | None, span: int, least: int = 1) -> int:
    return min(MAX_GUARD, max(least, span // 10)) if guard is None else guard
