import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from errors import raises
from seisdream.errors import near_matches
from seisdream.io.inputs import open_section
from seisdream.seismic.sections import (
    GreyMapping,
    absent_samples,
    check_finite,
    check_section,
    describe_absent,
    fill_absent,
    is_colour,
    is_picture,
    make_section,
    muted_samples,
)


def test_default_axes_of_arrays():
    assert make_section(np.ones((3, 4))).dims == ("row", "column")
    timed = make_section(np.ones((3, 4)), dt_ms=2.0)
    assert timed.dims == ("time", "trace")
    assert timed.time.values.tolist() == [0.0, 2.0, 4.0]
    assert timed.trace.values.tolist() == [1, 2, 3, 4]
    colour = make_section(np.ones((3, 4, 3)), value_range=(0, 255))
    assert colour.dims == ("row", "column", "colour")
    assert is_colour(colour)
    assert is_picture(colour)
    assert not is_picture(timed)
    assert timed.dtype == np.float32


def test_labelled_arrays_keep_their_labels():
    array = xr.DataArray(np.ones((2, 3)), dims=("time", "inline"), coords={"inline": [5, 7, 9]}, attrs={"units": "m/s"})
    section = make_section(array, credit="us")
    assert section.inline.values.tolist() == [5, 7, 9]
    assert section.attrs == {"units": "m/s", "credit": "us"}
    assert make_section(torch.ones(2, 3)).shape == (2, 3)


@pytest.mark.parametrize(
    ("dtype", "value_range"),
    [("u1", (0, 255)), (">u2", (0, 65535)), ("bool", (0, 1)), ("u4", None), ("i2", None), ("f4", None)],
)
def test_the_types_of_pictures_are_grey_levels_and_others_amplitudes(dtype, value_range):
    values = np.eye(4).astype(dtype)
    units = "grey level" if value_range else "amplitude"
    for section in (make_section(values), make_section(xr.DataArray(values))):
        assert section.attrs.get("value_range") == value_range
        assert section.attrs["units"] == units
    stated = make_section(values, value_range=(0, 7), units="facies")
    assert stated.attrs == {"value_range": (0.0, 7.0), "units": "facies"}
    assert make_section(stated.astype(dtype).assign_attrs(stated.attrs)).attrs == stated.attrs


def test_bytes_in_a_tensor_are_grey_levels_in_colour_too():
    section = make_section(torch.full((4, 5, 3), 255, dtype=torch.uint8))
    assert GreyMapping.of(section).to_grey(section.values).max() == 255


@pytest.mark.parametrize(
    ("given", "turned"),
    [
        ("trace time", "time trace"),
        ("crossline depth", "depth crossline"),
        ("column row", "row column"),
        ("crossline inline", "inline crossline"),
        ("colour row column", "row column colour"),
        ("trace colour time", "time trace colour"),
        ("time inline", "time inline"),
        ("offset angle", "offset angle"),
    ],
)
def test_rows_go_down_and_colours_come_last(given, turned):
    lengths = dict(zip(turned.split(), (4, 5, 3), strict=False))
    upright = make_section(np.arange(np.prod([*lengths.values()])).reshape(*lengths.values()), dims=turned.split())
    upright = upright.assign_coords(cdp_x=(turned.split()[1], np.arange(5) * 25.0))
    sideways = upright.transpose(*given.split())
    assert make_section(sideways).identical(upright)
    plain = make_section(sideways.values, dims=given.split())
    assert plain.dims == upright.dims
    np.testing.assert_array_equal(plain, upright)


def test_samples_that_are_not_finite_are_counted_or_absent():
    values = np.array([[1.0, np.nan], [-np.inf, 1e300], [np.nan, 2.0]])
    is_present = np.array([[True, True], [True, True], [False, True]])
    with raises("not-finite"):
        check_finite(values, "a.sgy", "error", is_present=is_present)
    absent = check_finite(values, "a.sgy", "absent", is_present=is_present)
    assert absent.dtype == np.float32
    np.testing.assert_array_equal(absent, [[1, np.nan], [np.nan, np.nan], [np.nan, 2]])
    assert values[1, 0] == -np.inf
    integers = np.eye(2, dtype=np.uint8)
    assert check_finite(integers, "a.npy", "error") is integers
    with raises("unknown-name"):
        check_finite(values, "a.sgy", "zero")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.ones(5), "wrong-shape"),
        (np.ones((4, 5, 6)), "wrong-shape"),
        (xr.DataArray(np.ones((4, 5, 3)), dims=("inline", "crossline", "time")), "wrong-shape"),
        (np.ones((2, 2), complex), "wrong-type"),
    ],
)
def test_other_arrays_are_not_sections(values, code):
    with raises(code):
        make_section(values)


def test_a_valid_section_passes():
    check_section(make_section(np.eye(3)))


def test_amplitudes_map_symmetrically_and_pictures_by_their_range():
    section = make_section(np.linspace(-10, 100, 1001).reshape(7, 143), dt_ms=4.0)
    mapping = GreyMapping.of(section, 99.0)
    assert mapping.low == -mapping.high
    assert mapping.high == pytest.approx(np.percentile(np.abs(section.values), 99))
    assert mapping.to_grey(np.array([0.0])) == pytest.approx(127.5)
    assert GreyMapping.of(make_section(np.eye(3), value_range=(0, 65535))) == GreyMapping(0.0, 65535.0)


def test_a_mostly_dead_section_is_scaled_by_its_largest_amplitude():
    values = np.zeros((100, 100))
    values[3, 4] = -8.0
    assert GreyMapping.of(make_section(values, muted="present")).high == 8.0
    assert GreyMapping.of(make_section(np.zeros((100, 100)))).high == 0.0


@given(low=st.floats(-1e6, 0), width=st.floats(1e-3, 1e6), share=st.floats(0, 1))
def test_grey_levels_are_linear(low, width, share):
    mapping = GreyMapping(low, low + width)
    assert mapping.to_grey(np.array([low + share * width])) == pytest.approx(255 * share, abs=1e-2)
    assert mapping.units_per_grey == pytest.approx(((low + width) - low) / 255)


def test_absent_samples_are_nan_and_are_filled_with_the_middle():
    values = np.ones((3, 4))
    values[:, 1] = np.nan
    filled, absent = fill_absent(make_section(values))
    assert absent[:, 1].all()
    assert absent.sum() == 3
    assert filled[:, 1].tolist() == [0, 0, 0]
    picture = make_section(np.where(np.isnan(values), np.nan, 7.0)[..., None].repeat(3, -1), value_range=(0, 255))
    assert absent_samples(picture).tolist() == absent.tolist()
    assert fill_absent(picture)[0][0, 1].tolist() == [127.5] * 3


def test_near_matches_come_best_first():
    assert (
        near_matches("inception_4c/outptu", ["conv1", "inception_4c/output", "inception_4c/pool"])[0]
        == "inception_4c/output"
    )
    assert near_matches("4c", ["conv1", "inception_4c/output"]) == ["inception_4c/output"]
    assert near_matches("xyz", ["conv1"]) == []


def ragged(n_rows=60):
    """Return a section with every kind of mute, and where they are."""
    values, muted = np.random.default_rng(0).normal(size=(n_rows, 12)), np.zeros((n_rows, 12), bool)
    for trace, length in enumerate((20, 14, 8)):
        muted[:length, trace] = True
    muted[-10:, 3] = muted[:, 6] = True
    values[muted] = 0.0
    # Zeros that are none: crossings at both ends, a run that is too short, and a hole.
    values[0, 8] = values[-1, 8] = values[30, 8] = 0.0
    values[:7, 9] = 0.0
    values[25:40, 10] = 0.0
    return values, muted


def test_mutes_are_zeros_from_an_edge_and_zero_crossings_are_not():
    values, muted = ragged()
    # A gap inside one trace in eleven counts as the usual length of runs of zeros.
    assert not muted_samples(make_section(values, dt_ms=4.0))[:, :4].any()
    values[25:40, 10] = 1.0
    section = make_section(values, dt_ms=4.0)
    np.testing.assert_array_equal(muted_samples(section), muted)
    np.testing.assert_array_equal(absent_samples(section), muted)
    np.testing.assert_array_equal(muted_samples(make_section(-values[:, ::-1], dt_ms=4.0)), muted[:, ::-1])
    assert not muted_samples(section.assign_attrs(muted="present")).any()
    assert describe_absent(section.assign_attrs(muted="present")) is None
    assert "16 % of the section is muted" in (describe_absent(section) or "")
    assert "1 of 12 traces completely" in (describe_absent(section) or "")
    filled, absent = fill_absent(section)
    np.testing.assert_array_equal(filled, section.values)
    np.testing.assert_array_equal(absent, muted)


def test_a_mute_may_begin_below_missing_samples_and_missing_ones_make_none():
    values = np.random.default_rng(1).normal(size=(50, 4))
    values[:20, 0], values[20:30, 0] = np.nan, 0.0
    values[:20, 1], values[20, 1] = np.nan, 0.0
    muted = muted_samples(make_section(values, dt_ms=4.0))
    assert np.flatnonzero(muted.any(axis=0)).tolist() == [0]
    assert np.flatnonzero(muted[:, 0]).tolist() == list(range(20, 30))


@given(top=st.integers(8, 40), bottom=st.integers(8, 40), sides=st.integers(0, 5), seed=st.integers(0, 99))
def test_padding_is_muted_and_does_not_change_the_grey_mapping(top, bottom, sides, seed):
    values = np.random.default_rng(seed).normal(size=(30, 9))
    padded = make_section(np.pad(values, ((top, bottom), (sides, sides))), dt_ms=2.0)
    inside = np.pad(np.ones_like(values, bool), ((top, bottom), (sides, sides)))
    np.testing.assert_array_equal(muted_samples(padded), ~inside)
    assert GreyMapping.of(padded) == GreyMapping.of(make_section(values, dt_ms=2.0))


def test_pictures_have_no_mutes_and_time_slices_have_them_on_all_sides():
    values, _ = ragged()
    picture = make_section(np.pad(np.full((20, 20), 200, np.uint8), 20))
    assert not muted_samples(picture).any()
    assert not muted_samples(make_section(np.zeros((9, 9, 3)), value_range=(0, 255))).any()
    values = np.random.default_rng(0).normal(size=(30, 30))
    across = np.add.outer(np.arange(30), np.arange(30)) < 25
    values[across] = 0.0
    values[15:, :9] = 0.0
    found = muted_samples(make_section(values, dims=("inline", "crossline")))
    assert found[15:, :9].all()
    assert found[across].mean() > 0.8
    assert not found[values != 0].any()


def test_mutes_of_real_lines_are_found(shared):
    line = muted_samples(open_section(shared / "data" / "f3_inline362.npz"))
    # The first 48 ms of the survey, and up to 100 ms in some traces.
    assert line[:13].all()
    assert np.percentile(line.sum(axis=0), 99) < 30
    npra = muted_samples(open_section(shared / "data" / "31_81_PR.sgy"))
    lengths = npra[:400].sum(axis=0)
    assert lengths[0] > 160 > 40 > lengths[250]
    assert np.corrcoef(lengths[:40], np.arange(40))[0, 1] < -0.9


@pytest.mark.parametrize("n_levels", [1, 2, 3, 5, 10, 30])
def test_amplitudes_of_few_levels_keep_their_zeros(shared, n_levels):
    values = open_section(shared / "data" / "f3_inline362.npz").values[30:]
    few = np.round(values / np.percentile(np.abs(values), 99) * n_levels)
    assert (few == 0).mean() > 0.05
    assert muted_samples(make_section(few, dt_ms=4.0)).mean() < 3e-4
    few[:80] = 0.0
    found = muted_samples(make_section(few, dt_ms=4.0))
    assert found[80:].mean() < 2e-3
    # Below that, a mute of 80 samples is no longer than zeros last anyway.
    assert found[:80].all() or n_levels < 5
