"""Dreams made in Python are replayed as those of the command line are."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import seisdream
import small_networks
from seisdream.dreaming.objectives.feature_matching import Direction
from seisdream.dreaming.replay import read_story, replay
from seisdream.errors import SeisdreamError
from seisdream.io.concept_vectors import write_concept_vectors
from seisdream.models.checkpoints import trained_file

QUICK = seisdream.DreamSettings(octaves=1, steps=1, jitter=2)


@pytest.fixture
def section(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("line.npy", np.random.default_rng(0).normal(size=(60, 70)).astype(np.float32))
    return seisdream.open_section("line.npy", dt_ms=2.0)


def dreamed(section, network, **given):
    dream = seisdream.Dream(section, network, QUICK, **given)
    list(dream.states())
    seisdream.write_dream(dream, "out", force=True)
    return dream


def test_a_dream_made_in_python_says_where_it_came_from(section):
    dreamed(section, seisdream.load_network("gabor"))
    result = replay("out")
    assert result.is_identical
    assert result.dream.recipe.input_options == {"dt_ms": 2.0}


def test_what_cannot_be_replayed_says_why(section):
    dreamed(section, small_networks.pooled_network())
    with pytest.raises(SeisdreamError, match="network was made in Python"):
        replay("out")
    dreamed(section, seisdream.load_network("gabor"), mask=xr.DataArray(np.ones((60, 70))))
    assert len(read_story("out")[0]["mask_sha256"]) == 64
    with pytest.raises(SeisdreamError, match="mask was made in Python"):
        replay("out")


def test_a_changed_result_is_not_identical(section):
    dreamed(section, seisdream.load_network("gabor"))
    np.save("out/dream.npy", np.zeros((60, 70), np.float32))
    result = replay("out")
    assert not result.is_identical
    assert "changed since" in result.differences[0]


def test_a_damaged_recipe_is_an_error_of_ours(section, tmp_path):
    (tmp_path / "recipe.json").write_text('{"recipe": {"input": "line.npy"}}')
    with pytest.raises(SeisdreamError, match="cannot be read"):
        replay(tmp_path / "recipe.json")


def test_a_dream_of_a_dream_does_not_name_the_first_input(section):
    first = dreamed(section, seisdream.load_network("gabor"))
    second = dreamed(first.section, seisdream.load_network("gabor"))
    assert second.recipe.input is None
    assert "section was made in Python" in second.why_no_replay


def test_a_result_can_be_written_to_netcdf(section):
    result = seisdream.dream_section(section, "gabor", octaves=1, steps=1)
    result.to_netcdf("result.nc", engine="h5netcdf")
    again = seisdream.open_section("result.nc")
    assert np.array_equal(again.values, result.values)


def test_every_objective_in_words_is_replayed(section):
    network = seisdream.load_network("gabor")
    n_channels = network.layer("stage1/pooled").n_channels
    write_concept_vectors("probe.npz", {"one": np.ones(n_channels), "other": np.arange(1.0, n_channels + 1)})
    objective = (
        "direction:stage1/pooled@probe.npz#other^2.0 + caricature:stage1/pooled - 0.5*style:stage1/pooled "
        "+ stage1/pooled:3@20,30 - gabor::stage1/pooled:2 - 0.1*penalty:tv"
    )
    recipe = seisdream.DreamSettings(octaves=1, steps=2, jitter=2, layer=objective, robust="mild", precision="float32")
    dream = seisdream.Dream(section, network, recipe)
    list(dream.states())
    seisdream.write_dream(dream, "out")
    assert dream.why_no_replay is None
    assert list(read_story("out")[0]["networks_sha256"]) == ["gabor"]
    Path("elsewhere").mkdir()
    for name in ("out", "probe.npz", "line.npy"):
        Path(name).rename(Path("elsewhere") / name)
    assert replay("elsewhere/out").is_identical, "files beside the folder are found"


def test_an_objective_that_words_cannot_say_is_not_replayed(section):
    network = seisdream.load_network("gabor")
    vector = np.ones(network.layer("stage1/pooled").n_channels)
    dream = dreamed(section, network, objective=Direction("stage1/pooled", vector=vector))
    assert dream.why_no_replay == "the objective was made in Python"
    with pytest.raises(SeisdreamError, match="objective was made in Python"):
        replay("out")
    dream = dreamed(section, network, where=xr.DataArray(np.ones((60, 70))))
    assert dream.why_no_replay == "the region was made in Python"


def test_a_folder_that_holds_the_network_is_not_replaced(section):
    dreamed(section, seisdream.load_network("gabor"))
    shutil.copy(trained_file("facies"), "out/mine.safetensors")
    own = replace(QUICK, network="out/mine.safetensors", layer="enc1")
    dream = seisdream.Dream(section, seisdream.load_network(own.network), own)
    list(dream.states())
    with pytest.raises(SeisdreamError, match="--force would delete it"):
        seisdream.write_dream(dream, "out", force=True)
    assert Path("out/mine.safetensors").is_file()


EVIL = """
from pathlib import Path
import torch
Path("mark").touch()
def make():
    return torch.nn.Conv2d(1, 2, 3)
"""
GREY = {"order": "grey"}


def recipe_that_names(section, **names):
    """Write a dream and put other names into its recipe, as whoever sends the file could."""
    Path("evil.py").write_text(EVIL)
    sys.modules.pop("evil", None)
    dreamed(section, seisdream.load_network("gabor"))
    file = Path("out/recipe.json")
    story = json.loads(file.read_text())
    story["recipe"] |= names
    file.write_text(json.dumps(story))


@pytest.mark.parametrize(
    "names",
    [
        {"network": "evil:make", "network_options": GREY, "layer": ""},
        {"layer": "stage1/pooled + evil:make::0"},
        {"layer": "stage1/pooled - 0.5*evil:make::style:0"},
    ],
)
def test_code_that_a_file_names_is_not_imported(section, names):
    recipe_that_names(section, **names)
    with pytest.raises(SeisdreamError, match="--trust evil:make"):
        replay("out")
    with pytest.raises(SeisdreamError, match="--trust evil:make"):
        replay("out", trust=["evil:other", "evil"])
    assert "evil" not in sys.modules
    assert not Path("mark").exists()


def test_code_that_the_user_names_is_imported(section):
    recipe_that_names(section, network="evil:make", network_options=GREY, layer="")
    assert replay("out", trust=["evil:make"]).dream.network.name == "evil:make"
    assert replay("out", network="evil:make").dream.network.name == "evil:make"
    assert replay("out", network="gabor").dream.network.name == "gabor"
    recipe_that_names(section, layer="stage1/pooled + evil:make::0")
    with pytest.raises(SeisdreamError, match="input-order"):
        replay("out", trust=["evil:make"])
    assert "evil" not in sys.modules, "its preprocessing is not known, so it is not imported"


def test_a_level_is_told_by_its_folder_as_the_dream_is(section):
    dreamed(section, seisdream.load_network("gabor"))
    assert replay("out/levels/01.png").is_identical
    np.save("out/dream.npy", np.zeros((60, 70), np.float32))
    assert not replay("out/levels/01.png").is_identical
