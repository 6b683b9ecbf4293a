"""Zarr volumes with labels: matched by numbers, split by blocks of lines."""

import numpy as np
import pytest
import xarray as xr

from errors import raises
from seisdream.data.patches import LinePatches
from seisdream.data.registry import dataset_name, open_dataset
from seisdream.data.sample import UNKNOWN
from seisdream.data.splits import split_lines

INLINES, CROSSLINES, TIMES = 100 + 2 * np.arange(40), np.arange(11, 36), 4.0 * np.arange(20)
DIMS = ("inline", "crossline", "time")


def codes_of(inlines=INLINES, crosslines=CROSSLINES, times=TIMES):
    """Return class codes that identify their places."""
    values = (inlines[:, None, None] // 2 + 3 * crosslines[:, None] + times.astype(int) // 20) % 7
    coords = dict(zip(DIMS, (inlines, crosslines, times), strict=True))
    return xr.DataArray(values.astype(np.uint8), coords, DIMS)


@pytest.fixture
def survey(tmp_path):
    values = np.random.default_rng(0).normal(size=(40, 25, 20)).astype(np.float32)
    values[3] = np.nan
    path = tmp_path / "survey.zarr"
    coords = codes_of().coords
    xr.DataArray(values, coords, DIMS, name="amplitude").to_dataset().to_zarr(path, consolidated=False)
    return path


def test_labels_of_another_store_are_matched_by_number(survey):
    inlines, times = np.arange(178, 104, -2), 8.0 + TIMES[:15]
    codes_of(inlines, CROSSLINES[4:], times).to_dataset(name="facies").to_zarr(
        survey.with_name("survey_labels.zarr"), consolidated=False
    )
    data = open_dataset(str(survey))
    assert [line.number for line in data.lines if line.axis == "inline"] == [*range(108, 180, 2)]
    assert [line.number for line in data.lines if line.axis == "crossline"] == [*range(15, 36)]
    assert data.classes == tuple(f"class {code}" for code in range(7))
    section, labels = next(line for line in data.lines if line.number == 110).open()
    assert section.dims == ("time", "crossline")
    expected = codes_of().sel(inline=110).values.T.copy()
    expected[:, :4], expected[:2], expected[17:] = UNKNOWN, UNKNOWN, UNKNOWN
    np.testing.assert_array_equal(labels, expected)
    _, labels = next(line for line in data.lines if (line.axis, line.number) == ("crossline", 20)).open()
    assert (labels[:, 3] == UNKNOWN).all()
    np.testing.assert_array_equal(labels[2:17, 4:], codes_of().sel(crossline=20).values.T[2:17, 4:])


def test_a_block_of_lines_is_held_out_and_patches_are_drawn(survey):
    codes_of().to_dataset(name="labels").to_zarr(survey, mode="a", consolidated=False)
    (survey.parent / "classes.txt").write_text("\n".join("abcdefg"))
    data = open_dataset(str(survey))
    assert dataset_name(str(survey)) == "survey"
    assert data.classes == tuple("abcdefg")
    training, validation = split_lines(data, 0.2)
    trained = {line.number for line in training.lines if line.axis == "inline"}
    held_out = sorted(line.number for line in validation.lines if line.axis == "inline")
    assert max(held_out) - min(held_out) == 2 * (len(held_out) - 1)
    assert min(abs(one - other) for one in trained for other in held_out) > 2
    assert LinePatches(training, 0, size=16)[0].image.shape == (1, 16, 16)


def test_what_cannot_be_labels_is_refused(survey):
    with raises("no-labels"):
        open_dataset(str(survey))
    with raises("incompatible", "inline_byte"):
        open_dataset(str(survey), inline_byte=189)
    both = codes_of().to_dataset(name="one").assign(two=codes_of())
    both.to_zarr(survey.with_name("labels.zarr"), consolidated=False)
    with raises("no-labels"):
        open_dataset(str(survey))
