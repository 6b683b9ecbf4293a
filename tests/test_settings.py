"""Declared settings: their types, ranges, words and records; the one error and its codes."""

import dataclasses
import re
from dataclasses import dataclass

import pytest

from errors import raises
from seisdream.errors import CODES, SeisdreamError, near_matches, unknown_argument
from seisdream.settings import GROUPS, Settings, setting


def is_rising(values):
    return None if values[0] < values[1] else "numbers that increase"


@dataclass(frozen=True)
class Example(Settings):
    """Settings of every kind."""

    name: str | None = setting(None, "A name.", group="Input")
    steps: int = setting(10, "Steps.", minimum=0)
    ratio: float = setting(1.4, "A ratio.", above=1)
    share: float = setting(0.5, "A share.", minimum=0, below=1)
    is_clipped: bool = setting(True, "Clip.", flag="--clip")
    method: str = setting("fast", "A method.", choices=("fast", "exact"))
    band: tuple[float, float] | None = setting(None, "A band.", separator="-", above=0, check=is_rising)
    words: tuple[str, ...] = setting((), "Words.", choices=("a", "b"))
    amounts: dict[str, float] = setting({}, "Amounts.")
    source: str = setting("", "Where it comes from.", is_hidden=True)


def declared(name):
    return next(one for one in Example.declared() if one.name == name)


def test_values_become_the_declared_type():
    settings = Example(ratio=2, band=[8, 60], words=["a"], amounts={"gain": 1})
    assert (settings.ratio, type(settings.ratio)) == (2.0, float)
    assert settings.band == (8.0, 60.0)
    assert settings.words == ("a",)
    assert settings.amounts == {"gain": 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 2.5),
        ("steps", "many"),
        ("ratio", "wide"),
        ("is_clipped", "yes"),
        ("band", (8, 20, 60)),
        ("band", "8-60"),
        ("words", "a"),
        ("amounts", 3),
        ("name", 3),
    ],
)
def test_a_value_of_another_type_is_refused(name, value):
    with raises("wrong-type", option=name):
        Example(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", -1),
        ("ratio", 1.0),
        ("ratio", float("nan")),
        ("ratio", float("inf")),
        ("share", 1.0),
        ("share", -0.1),
        ("method", "slow"),
        ("band", (60, 8)),
        ("band", (0, 8)),
        ("words", ("a", "c")),
    ],
)
def test_a_value_outside_its_range_is_refused(name, value):
    with raises("out-of-range", option=name):
        Example(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("ratio", 1.0001), ("share", 0.0), ("band", (0.1, 0.2))])
def test_bounds_are_allowed_or_not_as_declared(name, value):
    assert getattr(Example(**{name: value}), name) == value


def test_none_is_allowed_only_where_the_type_says_so():
    assert Example(name=None, band=None).band is None
    with raises("missing-argument", option="steps"):
        Example(steps=None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("steps", "0 or more"),
        ("ratio", "above 1"),
        ("share", "at least 0 and below 1"),
        ("method", "one of fast, exact"),
        ("words", "some of a, b"),
        ("name", "text"),
    ],
)
def test_the_expected_range_in_words(name, expected):
    assert declared(name).expected == expected


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "12", 12),
        ("ratio", "1.5", 1.5),
        ("band", "8-60", (8.0, 60.0)),
        ("words", "a, b", ("a", "b")),
        ("words", "", ()),
        ("name", "line.sgy", "line.sgy"),
    ],
)
def test_words_of_the_command_line_become_values(name, text, value):
    assert declared(name).from_text(text) == value


def test_a_flag_is_the_name_with_dashes_unless_declared():
    assert declared("is_clipped").flag == "--clip"
    assert declared("steps").flag == "--steps"
    assert dataclasses.replace(declared("steps"), name="octave_scale").flag == "--octave-scale"


def test_settings_are_equal_to_what_their_json_says():
    settings = Example(band=(8, 60), words=("b",), amounts={"gain": 0.5})
    assert Example.from_dict(settings.to_dict()) == settings
    assert settings.to_dict()["band"] == [8.0, 60.0]
    assert settings.sha256() == Example.from_dict(settings.to_dict()).sha256()
    assert settings.sha256() != settings.replace(steps=1).sha256()


def test_overrides_replace_single_settings():
    base = Example(steps=3)
    assert Example.of(base, {"ratio": 2}).replace(ratio=1.4) == base
    assert Example.of(None, {}) == Example()
    with raises("unknown-argument", option="stepz"):
        Example.of(None, {"stepz": 3})


def test_an_unknown_name_brings_near_matches():
    with raises("unknown-argument") as error:
        Example.from_dict({"step": 3})
    assert "steps" in str(error.value)
    assert "ratio" not in str(error.value)
    assert near_matches("gabbor", ["gabor", "facies"]) == ["gabor"]
    assert len(near_matches("enc", ["enc1", "enc2", "enc3", "enc4"])) == 3
    assert "'x'" in str(unknown_argument("x", ["percentile", "tile"], "predict"))


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Example().steps = 3


def test_defaults_that_can_be_changed_are_not_shared():
    Example().amounts["gain"] = 1.0
    assert Example().amounts == {}


def test_codes_are_plain_words_and_errors_carry_one():
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) and meaning for code, meaning in CODES.items())
    assert SeisdreamError("It is wrong.").code == "invalid"
    assert GROUPS == (
        "Input",
        "Network",
        "Objective",
        "Parameterization",
        "Optimization",
        "Volume",
        "Display",
        "Output",
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("steps", 3, ["--steps", "3"]),
        ("ratio", 1.5, ["--ratio", "1.5"]),
        ("ratio", 0.1 + 0.2 + 1, ["--ratio", "1.3"]),
        ("band", (8.0, 62.5), ["--band", "8-62.5"]),
        ("words", ("a", "b"), ["--words", "a,b"]),
        ("name", "-wide", ["--name=-wide"]),
        ("is_clipped", False, ["--no-clip"]),
        ("amounts", {"gain": 0.5, "band": 3.0}, ["--amounts", "gain=0.5,band=3"]),
    ],
)
def test_words_on_a_command_line_give_a_field_its_value(name, value, words):
    one = declared(name)
    assert one.to_words(value) == words
    if one.type not in (bool, dict[str, float]):
        assert one.from_text(words[-1].partition("=")[2] or words[-1]) == value
