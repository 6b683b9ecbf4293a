"""Options that are made from declared settings, and Python's names in the words of the command line."""

import json
from dataclasses import dataclass

import click
import pytest
from click.testing import CliRunner

from seisdream.cli.command import command
from seisdream.cli.errors import CommandError, name_options
from seisdream.cli.options import NETWORK_NAMES, network_option, options_of, take, take_network_options
from seisdream.errors import SeisdreamError
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions
from seisdream.models.registry import list_networks
from seisdream.settings import Settings, setting


@dataclass(frozen=True)
class Example(Settings):
    """Settings of every kind."""

    octaves: int | None = setting(None, "Sizes.", is_primary=True, minimum=1, metavar="N", auto="4")
    octave_scale: float = setting(1.4, "Ratio between octaves.", above=1)
    clip: bool = setting(True, "Clip to the range of `percentile`.")
    colour: bool = setting(False, "In colours.")
    method: str = setting("fast", "A method.", group="Objective", choices=("fast", "exact"))
    band: tuple[float, float] | None = setting(None, "A band.", separator="-", group="Parameterization")
    percentile: float = setting(99.0, "A percentile.", group="Input", flag="--percent")
    source: str = setting("", "Set by the program.", is_hidden=True)


@command("example", examples={"Run it": "seisdream example"})
@options_of(Example)
@network_option()
@options_of(NetworkOptions)
@options_of(InputOptions)
@click.argument("data", required=False, metavar="DATA")
def example(**values):
    """Run an example."""
    if values["data"] == "fail":
        raise SeisdreamError(
            "`octave_scale` is 1 and `data` is small; use `octave_scale=1.2`, `colour=True` or `clip=False`.",
            code="too-small",
            option="octave_scale",
        )
    click.echo(json.dumps(values))


def run(*words):
    result = CliRunner().invoke(example, words, standalone_mode=False)
    if result.exception:
        raise result.exception
    return json.loads(result.output)


def test_an_option_that_is_not_given_is_none_so_that_settings_have_the_only_defaults():
    values = run()
    assert {name: values[name] for name in ("octaves", "octave_scale", "clip", "colour", "method", "band")} == {
        "octaves": None, "octave_scale": None, "clip": None, "colour": None, "method": None, "band": None
    }  # fmt: skip
    assert "source" not in values
    assert Example(**take(Example, values)) == Example()


def test_words_become_typed_values():
    values = run("--octaves", "3", "--band", "8-60", "--no-clip", "--colour", "--method", "exact", "--percent", "98")
    settings = Example(**take(Example, values))
    assert settings == Example(octaves=3, band=(8, 60), clip=False, colour=True, method="exact", percentile=98)


@pytest.mark.parametrize(
    ("words", "code", "option"),
    [
        (("--octaves", "0"), "out-of-range", "--octaves"),
        (("--octaves", "few"), "wrong-type", "--octaves"),
        (("--octave-scale", "1"), "out-of-range", "--octave-scale"),
        (("--method", "slow"), "out-of-range", "--method"),
        (("--band", "8"), "wrong-type", "--band"),
        (("--percent", "high"), "wrong-type", "--percent"),
        (("--nan", "zero"), "out-of-range", "--nan"),
        (("fail",), "too-small", "--octave-scale"),
    ],
)
def test_errors_carry_the_code_and_name_the_option(words, code, option):
    with pytest.raises(CommandError) as error:
        run(*words)
    assert (error.value.code, error.value.option) == (code, option)
    assert option in error.value.message
    assert "`" not in error.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`octave_scale` is 0.5", "--octave-scale is 0.5"),
        ("use `octaves=2`", "use --octaves 2"),
        ("use `colour=True`", "use --colour"),
        ("use `clip=False`", "use --no-clip"),
        ("leave out `clip=True`", "leave out --clip"),
        ("use `method='exact'`", "use --method exact"),
        ("use `band=(8, 60)`", "use --band 8-60"),
        ("use `time_ms=MS`", "use --time MS"),
        ("with `percentile`", "with --percent"),
        ("`data` is empty", "DATA is empty"),
        ("`unknown=3` stays", "`unknown=3` stays"),
        ("see `seisdream networks`", "see `seisdream networks`"),
    ],
)
def test_arguments_of_python_become_options(text, expected):
    assert name_options(text, example) == expected


def test_names_stay_python_where_there_is_no_command():
    assert name_options("use `tile=0`", None) == "use `tile=0`"


def test_help_lists_primary_options_and_help_all_all_of_them():
    short = CliRunner().invoke(example, ["--help"]).output
    whole = CliRunner().invoke(example, ["--help-all"]).output
    assert "--octaves N" in short
    assert "[default: 4]" in short
    assert "--octave-scale" not in short
    assert "--help-all" in short
    for text in (
        *("--octave-scale X", "[default: 1.4]", "--clip / --no-clip", "[default: --clip]", "--method [fast|exact]"),
        *("[default: fast]", "--percent X", "range of --percent"),
    ):
        assert text in " ".join(whole.split()), text
    assert "Set by the program" not in whole
    titles = [line for line in whole.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Input:", "Network:", "Objective:", "Parameterization:", "Optimization:", "Help:", "Examples:"]


def test_options_of_a_network_are_what_load_network_takes():
    values = run("--weights", "w.pt", "--input-order", "grey", "--input-mean", "104,117,123", "--input-scale", "2")
    assert take_network_options(values) == ("w.pt", {"order": "grey", "scale": 2.0, "mean": [104.0, 117.0, 123.0]})
    assert "weights" not in values


def test_completed_names_are_those_of_the_networks_with_a_name():
    assert list(NETWORK_NAMES) == [one.name for one in list_networks() if one.name.islower() and ":" not in one.name]
