"""Options of opening reach every command that opens an input, and are recorded for a replay."""

import json

import numpy as np
import pytest

from segy_files import make_segy, numbered, wiggles
from seisdream.cli.main import cli
from seisdream.cli.options import SEGY_FIELDS
from seisdream.io.inputs import open_section
from seisdream.io.options import InputOptions

GRID = numbered(np.arange(100, 108), np.arange(300, 320))


@pytest.fixture
def doubtful(tmp_path):
    """IEEE samples that are called IBM, with undefined ones, in feet of depth."""
    samples = wiggles(160, 64)
    samples[80:84, :10] = -999.25
    return make_segy(tmp_path / "a.sgy", samples, words=GRID, dt_us=5000, binary={3225: 1, 3255: 2})


@pytest.mark.parametrize("name", ["info", "dream", "predict", "attribute", "activations", "controls", "atlas"])
def test_every_command_that_opens_an_input_has_all_options(name):
    options = {param.name for param in cli.commands[name].params}
    assert {one.name for one in InputOptions.declared()} <= options


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_commands_for_labelled_segy_have_its_options(name):
    assert set(SEGY_FIELDS) <= {param.name for param in cli.commands[name].params}


def test_info_names_the_options(seisdream, doubtful):
    described = json.loads(seisdream("info", doubtful, "--json")[1])["result"]
    (problem,) = [one for one in described["problems"] if "--sample-format ieee" in one["fix"]]
    assert not problem["is_fatal"]
    how = ("--sample-format", "ieee", "--vertical", "depth")
    described = json.loads(seisdream("info", doubtful, *how, "--json")[1])["result"]
    (problem,) = described["problems"]
    assert problem["is_fatal"]
    assert "--undefined auto" in problem["fix"]
    assert described["depth"] == "0 to 315 ft every 5 ft"


def test_info_doubts_an_array_on_its_side(seisdream, tmp_path):
    np.save(tmp_path / "a.npy", open_section("sample:built-in").values.T)
    described = json.loads(seisdream("info", tmp_path / "a.npy", "--json")[1])["result"]
    assert "--axes trace,time" in described["problems"][0]["what"]
    how = ("--axes", "trace,time", "--dt-ms", 4)
    turned = json.loads(seisdream("info", tmp_path / "a.npy", *how, "--json")[1])["result"]
    assert turned["problems"] == []


def test_info_refuses_options_of_other_files(refused, doubtful, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((30, 30)))
    assert refused("info", doubtful, "--axes", "trace,time")[0] == "incompatible"
    assert refused("info", tmp_path / "a.npy", "--inline-byte", 189)[0] == "incompatible"


def test_options_are_recorded_and_a_replay_is_identical(seisdream, doubtful, tmp_path):
    options = ["--sample-format", "ieee", "--undefined", "-999.25", "--vertical", "depth", "--inline", 104]
    out = tmp_path / "out"
    seisdream(
        "dream",
        doubtful,
        *options,
        "--network",
        "gabor",
        "--steps",
        1,
        "--octaves",
        1,
        "--allow-undersized",
        "--out",
        out,
    )
    recorded = json.loads((out / "recipe.json").read_text("utf-8"))["settings"]["input_options"]
    assert recorded == {"sample_format": "ieee", "undefined": "-999.25", "vertical": "depth", "inline": 104}
    assert "Identical" in seisdream("replay", out)[1]
