import json

import numpy as np
import pytest

from errors import raises
from seisdream.io.inputs import open_section
from seisdream.io.noise import is_noise


def test_noise_has_the_given_size_sampling_and_seed():
    section = open_section("noise:48x64", dt_ms=2.0, seed=3)
    assert section.sizes == {"time": 48, "trace": 64}
    assert section.time[1] == 2.0
    assert is_noise(section)
    assert np.array_equal(section, open_section("noise:48x64", seed=3, dt_ms=2.0))
    assert not np.array_equal(section, open_section("noise:48x64", seed=4))
    assert abs(float(section.std()) - 1) < 0.05
    assert json.loads(open_section("noise:48x64").attrs["opened"])["options"] == {"seed": 0}


@pytest.mark.parametrize("name", ["noise:", "noise:48", "noise:1x50", "noise:axb", "noise:999999x999999"])
def test_invalid_sizes_are_refused(name):
    with raises("invalid"):
        open_section(name)


def test_noise_takes_no_options_of_files():
    with raises("incompatible"):
        open_section("noise:48x64", inline=3)


@pytest.mark.parametrize(
    ("seed", "code"), [(-1, "out-of-range"), (1.5, "out-of-range"), ("1", "wrong-type"), ([1], "wrong-type")]
)
def test_seeds_that_are_no_counts_are_refused(seed, code):
    with raises(code, "seed"):
        open_section("noise:8x8", seed=seed)


def test_endless_sizes_are_refused():
    with raises("invalid", "input"):
        open_section("noise:" + "9" * 5000 + "x8")
