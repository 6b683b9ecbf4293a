import json
from pathlib import Path

import pytest

from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError


def test_the_defaults_are_the_original_recipe():
    recipe = DreamSettings()
    assert (recipe.octave_scale, recipe.steps, recipe.step_size, recipe.jitter, recipe.clip) == (
        1.4,
        10,
        1.5,
        32,
        True,
    )


def test_a_recipe_survives_its_own_words():
    recipe = DreamSettings(
        input="line.sgy", input_options={"inline": 3}, layer="enc3:12", levels=8, zoom=0.0, octave_scale=1.3
    )
    again = DreamSettings.from_dict(recipe.to_dict())
    assert again == recipe
    assert again.sha256() == recipe.sha256()
    assert DreamSettings(levels=7).sha256() != recipe.sha256()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("octaves", 0),
        ("octave_scale", 1.0),
        ("octave_scale_vertical", 0.5),
        ("steps", -1),
        ("step_size", float("nan")),
        ("jitter", -1),
        ("edges", "reflect"),
        ("percentile", 101),
        ("levels", 0),
        ("zoom", 0.5),
        ("seed", -1),
        ("precision", "float16"),
        ("tile", -1),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_option(setting, value):
    with pytest.raises(SeisdreamError, match=f"--{setting.replace('_', '-')} is"):
        DreamSettings(**{setting: value})


def test_an_unknown_setting_gets_near_matches():
    with pytest.raises(SeisdreamError, match=r"'octave'; did you mean octaves"):
        DreamSettings.from_dict({"octave": 3})


def test_each_axis_may_have_its_own_scale():
    assert DreamSettings(octave_scale_horizontal=1.0).octave_scales == (1.4, 1.0)


def test_numpy_numbers_and_paths_become_plain_and_others_are_refused():
    import numpy as np

    recipe = DreamSettings(input=Path("line.sgy"), levels=np.int64(2), zoom=np.float32(0), input_options={"inline": 3})
    assert DreamSettings.from_dict(json.loads(recipe.to_json())) == recipe
    with pytest.raises(SeisdreamError, match=r"--levels is 1.5; it must be a int"):
        DreamSettings(levels=1.5)
