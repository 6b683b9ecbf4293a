import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from seisdream.errors import SeisdreamError, nearest
from seisdream.seismic.sections import (
    GreyMapping,
    absent_samples,
    check_finite,
    check_section,
    fill_absent,
    hash_section,
    is_colour,
    is_picture,
    make_section,
)


def test_arrays_get_the_axes_that_they_can_have():
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


def test_what_is_labelled_keeps_its_labels():
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
    with pytest.raises(SeisdreamError, match=r"a\.sgy has 1 NaN and 2 infinite of 6 .*--nan absent"):
        check_finite(values, "a.sgy", "error", is_present=is_present)
    absent = check_finite(values, "a.sgy", "absent", is_present=is_present)
    assert absent.dtype == np.float32
    np.testing.assert_array_equal(absent, [[1, np.nan], [np.nan, np.nan], [np.nan, 2]])
    assert values[1, 0] == -np.inf
    integers = np.eye(2, dtype=np.uint8)
    assert check_finite(integers, "a.npy", "error") is integers
    with pytest.raises(SeisdreamError, match="--nan is 'error' or 'absent', not 'zero'"):
        check_finite(values, "a.sgy", "zero")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(5), "two dimensions"),
        (np.ones((4, 5, 6)), "Pick one section"),
        (xr.DataArray(np.ones((4, 5, 3)), dims=("inline", "crossline", "time")), "Pick one section"),
        (np.ones((2, 2), complex), "real numbers"),
    ],
)
def test_what_is_no_section_is_refused(values, message):
    with pytest.raises(SeisdreamError, match=message):
        make_section(values)


def test_a_sound_section_passes():
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
    assert GreyMapping.of(make_section(values)).high == 8.0


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


def test_a_hash_knows_samples_and_shape_but_not_labels():
    one = make_section(np.arange(6.0).reshape(2, 3))
    assert hash_section(one) == hash_section(make_section(np.arange(6.0).reshape(2, 3), dt_ms=4.0))
    assert hash_section(one) != hash_section(make_section(np.arange(6.0).reshape(3, 2)))
    assert hash_section(one) != hash_section(one + 1)


def test_near_matches_come_best_first():
    assert (
        nearest("inception_4c/outptu", ["conv1", "inception_4c/output", "inception_4c/pool"])[0]
        == "inception_4c/output"
    )
    assert nearest("4c", ["conv1", "inception_4c/output"]) == ["inception_4c/output"]
    assert nearest("xyz", ["conv1"]) == []
