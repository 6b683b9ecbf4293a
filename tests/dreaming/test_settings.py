"""The settings of a dream: defaults, ranges, and what they become in JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

from errors import raises
from seisdream.dreaming.settings import DreamSettings
from seisdream.results.presets import PRESETS


def test_the_preset_2015_is_the_original_recipe():
    settings = DreamSettings(**PRESETS["2015"])
    numbers = (settings.octave_scale, settings.steps, settings.step_size, settings.jitter, settings.clip)
    assert numbers == (1.4, 10, 1.5, 32, True)
    assert (settings.parameterization, settings.smooth, settings.transforms) == ("pixel", 0.0, None)


def test_settings_round_trip_through_json():
    settings = DreamSettings(
        input="line.sgy",
        input_options={"inline": 3},
        layer="enc3:12",
        levels=8,
        zoom=0.0,
        octave_scale=1.3,
        parameterization="impedance",
        band=(8, 12, 60, 80.5),
        bounds=[2, 9],
        constraints=["band", "bounds"],
        transforms={"shear": 0.02, "band": 3},
        allow_undersized=True,
        tile=0,
    )
    again = DreamSettings.from_dict(json.loads(settings.to_json()))
    assert again == settings
    assert again.sha256() == settings.sha256()
    assert again.band == (8.0, 12.0, 60.0, 80.5)
    assert DreamSettings(levels=7).sha256() != settings.sha256()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("octaves", 0),
        ("octave_scale", 1.0),
        ("octave_scale_vertical", 0.5),
        ("steps", -1),
        ("step_size", float("nan")),
        ("jitter", -1),
        ("boundary", "reflect"),
        ("percentile", 101),
        ("levels", 0),
        ("zoom", 0.5),
        ("seed", -1),
        ("precision", "float16"),
        ("tile", -1),
        ("variants", 1),
        ("parameterization", "wavelets"),
        ("bounds", (9, 2)),
        ("transforms", {"shere": 0.1}),
        ("transforms", {"gain": 99}),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(setting, value):
    with raises("out-of-range", setting):
        DreamSettings(**{setting: value})


@pytest.mark.parametrize(
    ("setting", "value"), [("levels", 1.5), ("band", (8, 12, 60)), ("bounds", (9,)), ("transforms", "mild")]
)
def test_a_setting_of_another_type_is_refused_by_name(setting, value):
    with raises("wrong-type", setting):
        DreamSettings(**{setting: value})


def test_an_unknown_setting_gets_near_matches():
    with raises("unknown-argument") as error:
        DreamSettings.from_dict({"octave": 3})
    assert "octaves" in str(error.value)


def test_each_axis_may_have_a_scale_of_its_own():
    assert DreamSettings(octave_scale_horizontal=1.0).octave_scales == (1.4, 1.0)


def test_numpy_numbers_and_paths_become_plain_values():
    settings = DreamSettings(
        input=Path("line.sgy"), levels=np.int64(2), zoom=np.float32(0), input_options={"inline": 3}
    )
    assert DreamSettings.from_dict(json.loads(settings.to_json())) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 10**9), ("octaves", 2**62), ("levels", 10**9), ("variants", 10**9), ("jitter", 2**40), ("seed", 2**64),
     ("tile", 10**30), ("step_size", 1e300), ("octave_scale", 1e300), ("window_ms", 1e300)],
)  # fmt: skip
def test_numbers_that_no_dream_needs_are_out_of_range(name, value):
    """A damaged recipe could ask for years of work, or for lists as long as memory is large."""
    with raises("out-of-range", name):
        DreamSettings(**{name: value})
