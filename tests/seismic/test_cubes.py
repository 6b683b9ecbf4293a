"""Cubes as labelled arrays."""

import numpy as np
import pytest

from errors import raises
from seisdream.seismic.cubes import make_cube, planes_of, traces_of
from seisdream.seismic.sections import make_section


def test_cubes_are_labelled_and_transposed():
    values = np.random.default_rng(0).normal(size=(8, 4, 6)).astype(np.float32)
    cube = make_cube(values, dt_ms=2.0, source="made")
    assert (cube.dims, cube.time.values[1], cube.attrs["source"]) == (("time", "inline", "crossline"), 2.0, "made")
    np.testing.assert_array_equal(make_cube(cube.transpose("inline", "crossline", "time")), cube)
    assert traces_of(cube).shape == (8, 24)
    assert [plane.shape for plane in planes_of(cube)] == [(8, 4), (8, 6)]
    section = make_section(values[:, 0], dt_ms=2.0)
    assert traces_of(section) is section
    assert planes_of(section)[0] is section


@pytest.mark.parametrize(
    ("values", "dt_ms", "code"),
    [
        (np.ones((4, 4)), 4.0, "wrong-shape"),
        (np.random.default_rng(0).normal(size=(4, 4, 4)), None, "missing-argument"),
        (np.full((4, 4, 4), np.nan), 4.0, "not-finite"),
        (np.ones((4, 4, 4)), 4.0, "no-signal"),
        (np.random.default_rng(0).normal(size=(4, 1, 4)), 4.0, "too-small"),
    ],
)
def test_arrays_that_are_no_cube_are_refused(values, dt_ms, code):
    with raises(code):
        make_cube(values, dt_ms=dt_ms)
