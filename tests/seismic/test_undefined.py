"""Undefined values are found where they are, and nowhere else."""

import numpy as np
import pytest

from errors import raises
from seisdream.seismic.intervals import doubt_interval
from seisdream.seismic.orientation import doubt_array, is_on_its_side
from seisdream.seismic.sections import check_section, make_section
from seisdream.seismic.undefined import blank_undefined, find_undefined, is_undefined
from seisdream.synthetic import make_built_in_section

NOISE = np.random.default_rng(0).normal(size=(80, 60)).astype(np.float32)


def marked(value, n=30, scale=1.0):
    values = (NOISE * scale).astype(np.float32)
    values.ravel()[5 : 5 + n] = value
    return values


@pytest.mark.parametrize("value", [1e30, -1e30, 3.4028235e38, -999.25, 9999, -99999, 255, 12345])
def test_outliers_of_one_value_are_found(value):
    assert find_undefined(marked(value)) == pytest.approx((value,))


@pytest.mark.parametrize("value", [-999.25, 9999, -9999])
def test_known_marks_are_found_within_the_range_of_amplitudes(value):
    assert find_undefined(marked(value, scale=5000.0)) == (value,)


def test_two_marks_and_one_sample_beyond_any_amplitude():
    values = marked(1e30, 1)
    values[40:43] = -999.25
    assert find_undefined(values) == pytest.approx((1e30, -999.25))
    both = marked(1e30)
    both[50, :20] = -1e30
    assert sorted(find_undefined(both)) == pytest.approx([-1e30, 1e30])


@pytest.mark.parametrize(
    "values",
    [
        NOISE,
        NOISE * 1e6,
        marked(0.0),
        marked(1e4, n=1),
        np.clip(NOISE, -1, 1) * 127,
        np.where(NOISE > 3, 500.0, 0.0),
        np.rint(NOISE * 3000),
        np.full((20, 20), -999.25),
        np.zeros((20, 20)),
        np.cosh(NOISE * 3) * 1000,
        (NOISE * 3000).astype(np.int16),
        make_built_in_section().values,
    ],
    ids=["noise", "large", "mute", "spike", "clipped", "spikes", "whole", "all", "zeros", "heavy", "int16", "earth"],
)
def test_amplitudes_are_not_marks(values):
    assert find_undefined(np.asarray(values)) == ()


def test_marks_are_made_absent_or_refused():
    values = marked(1e30)
    is_mark = is_undefined(values, (1e30,))
    assert is_mark.sum() == 30
    for option in ("auto", 1e30, "1e30", [1e30, 5.0]):
        np.testing.assert_array_equal(np.isnan(blank_undefined(values, "a.npy", option)), is_mark)
    np.testing.assert_array_equal(blank_undefined(values, "a.npy", "present"), values)
    for option in (None, "error", 7.0):
        with raises("not-finite", "undefined"):
            blank_undefined(values, "a.npy", option)


def test_sections_in_memory_are_never_dreamed_on_with_marks():
    with raises("not-finite", "undefined"):
        check_section(make_section(marked(-999.25), dt_ms=4))
    check_section(make_section(marked(-999.25), dt_ms=4, undefined="present"))
    check_section(make_section(np.where(NOISE > 0, 255, 3).astype(np.uint8)))


@pytest.mark.parametrize("dt_ms", [0.004, 0.001, 61.536, 1000.0])
def test_intervals_of_no_seismic_are_doubted(dt_ms):
    assert "`dt_ms" in doubt_interval(dt_ms)[1]


@pytest.mark.parametrize("dt_ms", [0.025, 0.25, 1.0, 4.0, 8.0, 20.0])
def test_intervals_of_seismic_are_not(dt_ms):
    assert doubt_interval(dt_ms) is None
    assert doubt_interval(12.5, is_depth=True) is None


def test_a_section_on_its_side_is_doubted(shared):
    f3 = np.load(shared / "data" / "f3_inline362.npz")["amplitude"]
    for values in (f3, f3[200:300, 100:180], make_built_in_section().values):
        assert not is_on_its_side(make_section(values))
        assert is_on_its_side(make_section(values.T))
        (doubt,) = doubt_array(make_section(values.T))
        assert "`axes='trace,time'`" in doubt
    assert not is_on_its_side(make_section(NOISE))
    assert doubt_array(make_section(f3.T, dims=("time", "crossline"), dt_ms=4)) == []


@pytest.mark.parametrize("others", [np.nan, np.inf, -np.inf])
def test_a_section_of_only_large_and_infinite_samples_has_no_undefined_ones(others):
    values = np.full((8, 6), 3e30, np.float32)
    values[2:4] = others
    assert find_undefined(values) == ()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_section_lies_on_no_side(value):
    assert not is_on_its_side(make_section(np.full((60, 70), value, np.float32)))
