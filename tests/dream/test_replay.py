"""Dreams made in Python are replayed as those of the command line are."""

import numpy as np
import pytest
import xarray as xr

import seisdream
import small_networks
from seisdream.dream.replay import read_story, replay
from seisdream.errors import SeisdreamError

QUICK = seisdream.Recipe(octaves=1, steps=1, jitter=2)


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
