"""What commands say of what they settled by themselves, and in what order they refuse."""

import json

import numpy as np
import pytest
import torch

from seisdream.models.checkpoints import ModelMetadata, rewrite_metadata, write_trained
from seisdream.models.zoo.unet import UNet
from trained_files import write_unet

QUICK = ("--octaves", 1, "--steps", 1, "--jitter", 2, "--no-film")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_unet(tmp_path_factory.mktemp("networks") / "small.safetensors")


@pytest.fixture
def line(tmp_path):
    path = tmp_path / "line.npy"
    np.save(path, np.random.default_rng(0).normal(size=(50, 60)).astype(np.float32))
    return path


def of_command(name, line, network):
    """Return the words of a command on a line, without where it writes."""
    words = {
        "dream": ("dream", line, "--network", network, "--layer", "enc2", *QUICK),
        "predict": ("predict", line, "--network", network, "--views", 0),
        "attribute": ("attribute", line, "--network", network, "--class", "salt", "--method", "lrp"),
        "activations": ("activations", line, "--network", network, "--layer", "enc2"),
    }
    return words[name]


@pytest.mark.parametrize("name", ["dream", "predict", "attribute", "activations"])
def test_options_and_input_are_refused_before_the_folder(seisdream, line, network, tmp_path, name):
    words, out = of_command(name, line, network), tmp_path / ("out.npy" if name == "activations" else "out")
    assert seisdream(*words, "--out", out)[0] == 0
    wrong = {
        "--percentile": ("--percentile", 0) if name != "activations" else ("--layer", "enc99"),
        "class": {
            "dream": ("--layer", "class:sallt"),
            "predict": ("--tile", -1),
            "attribute": ("--class", "sallt"),
            "activations": ("--layer", "enc77"),
        }[name],
        "no file": ("--weights", tmp_path / "none.safetensors"),
        "--nan absent": (),
    }
    bad = tmp_path / "nan.npy"
    np.save(bad, np.full((50, 60), np.nan, np.float32))
    for what, more in wrong.items():
        given = words if more else (words[0], bad, *words[2:])
        code, _, err = seisdream(*given, *more, "--out", out)
        assert code == 2, what
        assert "--force" not in err, what
    code, _, err = seisdream(*words, "--out", out)
    assert (code, "--force" in err) == (2, True)


def test_an_evaluation_looks_at_its_data_before_its_folder(seisdream, network, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    code, _, err = seisdream("evaluate", network, "--data", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert (code, "There is no" in err, "--force" in err) == (2, True, False)


@pytest.mark.parametrize("name", ["dream", "predict", "attribute", "activations"])
def test_what_was_picked_of_a_stack_is_said(seisdream, network, tmp_path, name):
    stack = np.random.default_rng(0).normal(size=(5, 40, 40)).astype(np.float32)
    np.savez(tmp_path / "stack.npz", amplitude=stack, crossline=np.arange(700, 705), time_ms=np.arange(40) * 4)
    out = tmp_path / "out.npy" if name == "activations" else tmp_path / "out"
    words = (*of_command(name, tmp_path / "stack.npz", network), "--out", out, "--force")
    code, _, err = seisdream(*words)
    assert code == 0, err
    assert "holds several sections; taking crossline 702, in the middle. Name another with --crossline N." in err
    code, _, err = seisdream(*words, "--crossline", 701)
    assert (code, "several sections" in err) == (0, False)


def test_a_volume_of_segy_can_be_cut_in_other_ways_too(seisdream, network, shared, tmp_path):
    words = ("predict", shared / "data/segyio/f3.sgy", "--network", network, "--views", 0, "--out", tmp_path / "p")
    code, out, err = seisdream(*words, "--json")
    assert code == 0
    assert "taking inline 122, in the middle. Name another with --inline N, or one across them with --crossline" in err
    assert any("taking inline 122" in note for note in json.loads(out)["notes"])
    assert seisdream(*words, "--quiet", "--force")[2] == ""


def test_mutes_are_said_and_come_back_as_they_were(seisdream, network, shared, tmp_path):
    source = shared / "data/segyio/f3.sgy"
    words = ("dream", source, "--network", network, "--layer", "enc2", *QUICK, "--allow-small", "--segy", "section")
    code, _, err = seisdream(*words, "--out", tmp_path / "d")
    assert code == 0, err
    assert "21 % of inline 122 is muted" in err
    import segyio

    with segyio.open(source) as before, segyio.open(tmp_path / "d" / "dream.sgy") as after:
        before, after = before.iline[122].T, after.iline[122].T
    assert (before[:12] == 0).all()
    assert (after[:12] == 0).all()
    dreamed = np.load(tmp_path / "d" / "dream.npy")
    assert (dreamed[:12] == 0.0).all()
    assert (dreamed[30:] != before[30:]).mean() > 0.8
    code, _, err = seisdream(*words, "--muted", "present", "--out", tmp_path / "e")
    assert (code, "muted" in err) == (0, False)
    assert (np.load(tmp_path / "e" / "dream.npy")[:12] != 0.0).mean() > 0.5
    assert seisdream("replay", tmp_path / "e")[1].startswith("Identical")
    out = seisdream("info", source)[1]
    assert "% (zeros from the edges inwards)" in out


def test_a_survey_of_its_own_is_said_where_classes_are_asked_for(seisdream, line, tmp_path):
    network = write_unet(tmp_path / "own.safetensors")
    rewrite_metadata(network, survey="F3")
    told = "own.safetensors learned its classes on one survey, F3, and nothing says that line.npy is of it"
    for number, (words, is_told) in enumerate(
        (
            (("predict", line, "--views", 0), True),
            (("attribute", line, "--class", "salt", "--method", "lrp"), True),
            (("attribute", line, "--layer", "enc2:1", "--method", "lrp"), False),
            (("dream", line, "--layer", "class:salt", *QUICK), True),
            (("dream", line, "--layer", "enc2", *QUICK), False),
        )
    ):
        code, _, err = seisdream(*words, "--network", network, "--out", tmp_path / f"out{number}")
        assert (code, told in err) == (0, is_told), err
    line = line.rename(tmp_path / "f3_inline362.npy")
    code, _, err = seisdream("predict", line, "--views", 0, "--network", network, "--out", tmp_path / "f3")
    assert (code, "one survey" in err) == (0, False)


def test_an_attribution_without_a_place_says_that_it_is_of_the_whole(seisdream, line, network, tmp_path):
    words = of_command("attribute", line, network)
    code, out, err = seisdream(*words, "--out", tmp_path / "a", "--json")
    assert (code, "Asking about the whole section at once; ask about one point with --at" in err) == (0, True)
    assert len(json.loads(out)["notes"]) == 1
    for number, place in enumerate((("--at", "3,4"), ("--region", "row=3:9"))):
        code, _, err = seisdream(*words, *place, "--out", tmp_path / str(number))
        assert (code, "whole section" in err) == (0, False)


@pytest.mark.parametrize("name", ["googlenet", "squeezenet1_1"])
def test_networks_of_photographs_are_refused_before_they_are_fetched(seisdream, line, monkeypatch, name):
    def fetch(*_, **__):
        raise AssertionError("nothing is fetched")

    monkeypatch.setattr("seisdream.models.weights.fetch", fetch)
    code, _, err = seisdream("predict", line, "--network", name)
    assert code == 2
    assert f"{name} was trained to name what a whole photograph shows" in err
    assert "--network facies" in err


def test_networks_for_volumes_are_refused_in_words(seisdream, line, tmp_path):
    cubes = tmp_path / "cubes.safetensors"
    story = ModelMetadata("unet", {}, ("a", "b"), ("#000000", "#ffffff"))
    with torch.random.fork_rng():
        write_trained(UNet(2, (4, 4), n_dims=3), story, cubes)
    for command in ("predict", "attribute", "controls"):
        code, _, err = seisdream(command, line, "--network", cubes)
        assert code == 2
        assert "looks at cubes (3-D), and this is for sections" in err
    code, _, err = seisdream("dream", line, "--network", cubes)
    assert (code, "looks at cubes: give it a whole SEG-Y volume" in err) == (2, True)
    assert "enc2" in seisdream("layers", cubes)[1]
