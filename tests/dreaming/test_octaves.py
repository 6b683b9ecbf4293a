import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given
from hypothesis import strategies as st
from seisdream.dreaming.octaves import build_octaves, check_octaves, most_octaves, octave_sizes

from seisdream.errors import SeisdreamError
from seisdream.inference.resize import resize


def test_sizes_are_those_of_the_original_recipe():
    assert octave_sizes((463, 951), 4, (1.4, 1.4)) == [(169, 346), (236, 485), (331, 679), (463, 951)]
    expected = [(463, 951)]
    picture = np.zeros((463, 951), np.float32)
    for _ in range(3):
        picture = scipy.ndimage.zoom(picture, 1 / 1.4, order=1)
        expected.append(picture.shape)
    assert octave_sizes((463, 951), 4, (1.4, 1.4)) == expected[::-1]


def test_an_axis_with_scale_one_keeps_its_samples():
    assert octave_sizes((100, 90), 3, (2.0, 1.0)) == [(25, 90), (50, 90), (100, 90)]


def test_resizing_is_that_of_the_original_recipe():
    picture = np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32)
    ours = resize(torch.from_numpy(picture)[None, None], (29, 43))[0, 0].numpy()
    assert np.abs(ours - scipy.ndimage.zoom(picture, (29 / 40, 43 / 60), order=1)).max() < 6e-5


def test_the_largest_octave_is_the_picture_itself():
    picture = torch.randn(1, 1, 30, 40)
    octaves = list(build_octaves(picture, octave_sizes((30, 40), 3, (1.4, 1.4))))
    assert octaves[-1] is picture
    assert [tuple(octave.shape[-2:]) for octave in octaves] == [(15, 21), (21, 29), (30, 40)]


def test_too_many_octaves_say_how_many_fit():
    with pytest.raises(SeisdreamError, match=r"smallest of 4 octaves would be 19 × 2; .* at least 8 × 8 .*--octaves 1"):
        check_octaves((50, 5), 4, (1.4, 1.4), (5, 5))
    check_octaves((50, 5), 1, (1.4, 1.4), (5, 5))


@given(
    rows=st.integers(1, 400),
    columns=st.integers(1, 400),
    n_octaves=st.integers(1, 8),
    scale=st.floats(1.05, 3.0),
    smallest=st.integers(2, 40),
)
def test_what_is_said_to_fit_fits(rows, columns, n_octaves, scale, smallest):
    fitting = most_octaves((rows, columns), n_octaves, (scale, scale), (smallest, smallest))
    assert 1 <= fitting <= n_octaves
    check_octaves((rows, columns), fitting, (scale, scale), (smallest, smallest))
    if fitting < n_octaves:
        with pytest.raises(SeisdreamError, match=f"--octaves {fitting}"):
            check_octaves((rows, columns), fitting + 1, (scale, scale), (smallest, smallest))
