"""Octaves, and the zoom between levels."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given
from hypothesis import strategies as st

from errors import raises
from seisdream.dreaming.schedule import (
    check_octaves,
    image_at_octave,
    n_fitting_octaves,
    octave_sizes,
    zoom_in,
    zoom_in_positions,
)
from seisdream.inference.tensors import resize


def test_octave_sizes_are_those_of_the_original_recipe():
    assert octave_sizes((463, 951), 4, (1.4, 1.4)) == [(169, 346), (236, 485), (331, 679), (463, 951)]
    expected = [(463, 951)]
    image = np.zeros((463, 951), np.float32)
    for _ in range(3):
        image = scipy.ndimage.zoom(image, 1 / 1.4, order=1)
        expected.append(image.shape)
    assert octave_sizes((463, 951), 4, (1.4, 1.4)) == expected[::-1]


def test_an_axis_with_scale_one_keeps_its_samples():
    assert octave_sizes((100, 90), 3, (2.0, 1.0)) == [(25, 90), (50, 90), (100, 90)]


def test_resizing_is_that_of_the_original_recipe():
    image = np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32)
    resized = resize(torch.from_numpy(image)[None, None], (29, 43))[0, 0].numpy()
    assert np.abs(resized - scipy.ndimage.zoom(image, (29 / 40, 43 / 60), order=1)).max() < 6e-5


def test_the_largest_octave_is_the_image_itself_and_each_is_made_from_the_next_larger():
    image, sizes = torch.randn(1, 1, 30, 40), octave_sizes((30, 40), 3, (1.4, 1.4))
    octaves = [image_at_octave(image, sizes, number) for number in range(3)]
    assert octaves[-1] is image
    assert [tuple(octave.shape[-2:]) for octave in octaves] == [(15, 21), (21, 29), (30, 40)]
    assert torch.equal(octaves[0], resize(octaves[1], (15, 21)))


def test_too_many_octaves_are_refused_with_the_number_that_fits():
    with raises("too-small", "octaves") as error:
        check_octaves((50, 5), 4, (1.4, 1.4), (5, 5))
    assert "`octaves=1`" in str(error.value)
    check_octaves((50, 5), 1, (1.4, 1.4), (5, 5))


@given(
    rows=st.integers(1, 400),
    columns=st.integers(1, 400),
    n_octaves=st.integers(1, 8),
    scale=st.floats(1.05, 3.0),
    smallest=st.integers(2, 40),
)
def test_the_number_of_octaves_that_fits_is_accepted_and_one_more_is_refused(rows, columns, n_octaves, scale, smallest):
    fitting = n_fitting_octaves((rows, columns), n_octaves, (scale, scale), (smallest, smallest))
    assert 1 <= fitting <= n_octaves
    check_octaves((rows, columns), fitting, (scale, scale), (smallest, smallest))
    if fitting < n_octaves:
        with raises("too-small", "octaves") as error:
            check_octaves((rows, columns), fitting + 1, (scale, scale), (smallest, smallest))
        assert f"`octaves={fitting}`" in str(error.value)


def test_zoom_enlarges_the_middle_as_the_original_does():
    values = np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32)
    expected = scipy.ndimage.affine_transform(values, [0.95, 0.95], [40 * 0.05 / 2, 60 * 0.05 / 2], order=1)
    assert np.allclose(zoom_in(values, 0.05), expected, atol=1e-6)
    assert np.array_equal(zoom_in(values, 0.0), values)


def test_positions_after_a_zoom_are_those_of_the_samples_shown():
    ramp = np.arange(40.0)[:, None] + np.zeros((40, 3))
    assert zoom_in_positions(np.arange(40.0), 0.1) == pytest.approx(zoom_in(ramp, 0.1)[:, 1])
