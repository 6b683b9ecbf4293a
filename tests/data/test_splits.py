"""Held-out lines form a block, and no training line is its neighbour."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from errors import raises
from seisdream.data.lines import LabelledLines, Line
from seisdream.data.splits import MAX_GUARD, split_lines
from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import make_section


def opened(n):
    dims = ("time", "inline")
    section = make_section(np.ones((5, n), np.float32), dims=dims, coords={"inline": 100 + np.arange(n)})
    return section, np.zeros((5, n), np.uint8)


def lines(axis, numbers, traces=None, **fields):
    n = traces[1] - traces[0] + 1 if traces else 8
    return tuple(Line(f"{axis} {n_}", axis, n_, partial(opened, n), traces, **fields) for n_ in numbers)


def data(*parts):
    return LabelledLines("made", ("a", "b"), sum(parts, ()))


def numbers(part, axis="inline"):
    return [line.number for line in part.lines if line.axis == axis]


def test_a_block_of_neighbours_is_held_out_behind_a_guard_band():
    training, held_out = split_lines(data(lines("inline", range(100, 500))), 0.2, seed=1)
    inside = numbers(held_out)
    assert inside == list(range(inside[0], inside[0] + 80))
    gaps = [min(abs(number - other) for other in inside) for number in numbers(training)]
    assert min(gaps) == MAX_GUARD + 1
    assert training.name == "made (training)"
    assert training.classes == held_out.classes == ("a", "b")
    assert numbers(split_lines(data(lines("inline", range(100, 500))), 0.2, seed=1)[1]) == inside
    starts = {numbers(split_lines(data(lines("inline", range(100, 500))), seed=seed)[1])[0] for seed in range(8)}
    assert len(starts) > 4


@given(
    st.sets(st.integers(1, 900), min_size=4, max_size=60),
    st.floats(0.05, 0.6),
    st.integers(0, 30),
    st.integers(0, 50),
)
def test_no_training_line_is_ever_within_the_guard_band(some, held_out, guard, seed):
    whole = data(lines("crossline", sorted(some)))
    try:
        training, rest = split_lines(whole, held_out, guard=guard, seed=seed)
    except SeisdreamError:
        reject()  # A guard band wider than what there is.
    trained, inside = numbers(training, "crossline"), numbers(rest, "crossline")
    assert set(trained) | set(inside) <= some
    assert all(number < inside[0] - guard or number > inside[-1] + guard for number in trained)
    assert inside == sorted(number for number in some if inside[0] <= number <= inside[-1])


def test_crossing_lines_are_cut_where_they_cross_the_block():
    inlines, crosslines = lines("inline", range(100, 300)), lines("crossline", range(40, 140), (100, 299))
    training, held_out = split_lines(data(inlines, crosslines), 0.25, guard=10, seed=3)
    first, last = min(numbers(held_out)), max(numbers(held_out))
    for line in (line for line in held_out.lines if line.axis == "crossline"):
        section, _ = line.open()
        assert (section.inline.min(), section.inline.max()) == (first, last)
    trained = [line for line in training.lines if line.axis == "crossline"]
    assert trained
    for line in trained:
        along = line.open()[0].inline.values
        assert ((along < first - 10) | (along > last + 10)).all()
        assert along.size >= 16
    assert len({line.name for line in training.lines}) == len(training.lines)


def test_the_more_numerous_lines_make_the_block():
    training, held_out = split_lines(
        data(lines("inline", [362], (300, 1250)), lines("crossline", range(300, 900, 30))), guard=0
    )
    assert numbers(held_out, "crossline")
    assert 362 in numbers(training)
    assert all(line.trace_range for line in held_out.lines if line.axis == "inline")


def test_crossing_lines_without_trace_numbers_are_refused():
    with raises("no-geometry"):
        split_lines(data(lines("inline", range(100, 200)), lines("crossline", [40])))


def test_a_single_line_is_cut_into_two_stretches():
    for seed in range(4):
        training, held_out = split_lines(data(lines("inline", [7], (100, 299))), 0.3, guard=12, seed=seed)
        spans = sorted(line.trace_range for part in (training, held_out) for line in part.lines)
        assert spans[1][0] - spans[0][1] == 13
        assert held_out.lines[0].open()[0].sizes["inline"] == 60
    with raises("too-small"):  # It is opened to see its eight traces.
        split_lines(data(lines("inline", [7])))


def test_lines_without_numbers_count_in_their_order():
    unnumbered = tuple(replace(line, axis="", number=None) for line in lines("", range(30)))
    training, held_out = split_lines(data(unnumbered), 0.2, guard=1)
    inside = [
        unnumbered.index(replace(line, number=None, n_classes=unnumbered[0].n_classes)) for line in held_out.lines
    ]
    assert len(inside) == inside[-1] - inside[0] + 1 == 6
    assert len(training.lines) in (22, 23)


def test_each_survey_is_split_by_itself():
    two = data(lines("inline", range(100, 200), survey="f3"), lines("inline", range(100, 140), survey="penobscot"))
    training, held_out = split_lines(two, 0.2)
    assert [sum(line.survey == name for line in held_out.lines) for name in ("f3", "penobscot")] == [20, 8]
    assert {line.survey for line in training.lines} == {"f3", "penobscot"}


def test_a_random_split_warns():
    whole = data(lines("inline", range(100, 200)))
    with pytest.warns(UserWarning, match=r"neighbours correlate at 0\.9"):
        training, held_out = split_lines(whole, 0.2, is_random=True, seed=2)
    assert len(held_out.lines) == 20
    assert set(numbers(training)) | set(numbers(held_out)) == set(range(100, 200))
    assert max(np.diff(numbers(held_out))) > 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        split_lines(whole)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"held_out": 1.0}, "out-of-range"),
        ({"guard": -1}, "out-of-range"),
        ({"guard": 500}, "too-small"),
    ],
)
def test_impossible_splits_are_refused(options, code):
    with raises(code, option=next(iter(options))):
        split_lines(data(lines("inline", range(100, 200))), **options)


def test_real_neighbours_correlate_as_the_guard_band_supposes(shared):
    amplitude = np.load(shared / "data" / "f3_inline362.npz")["amplitude"].astype(float)

    def at(lag):
        return np.corrcoef(amplitude[:, :-lag].ravel(), amplitude[:, lag:].ravel())[0, 1]

    assert at(1) > 0.9
    assert at(MAX_GUARD) < 0.2


@pytest.mark.parametrize("n_pictures", [1, 2, 3])
def test_a_few_pictures_can_be_split(n_pictures):
    pictures = tuple(Line(f"p{n}", "", None, partial(opened, 60)) for n in range(n_pictures))
    training, held_out = split_lines(data(pictures))
    assert len(training.lines) == max(1, n_pictures - 1)
    assert len(held_out.lines) == 1
    if n_pictures == 1:
        columns = [line.open()[0].inline.values for part in (training, held_out) for line in part.lines]
        assert not set(columns[0]) & set(columns[1])
