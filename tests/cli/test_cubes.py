"""Networks for cubes on the command line: a SEG-Y volume in, arrays, figures and SEG-Y out."""

import json

import numpy as np
import pytest

from segy_files import make_segy, ramp
from small_cubes import write_cube_network, write_volume


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_volume(tmp_path / "volume.sgy", size=(20, 6, 8))
    write_cube_network(tmp_path / "cubes.safetensors")
    return tmp_path


NETWORK = ("--network", "cubes.safetensors")


def test_a_volume_is_predicted_as_a_cube(seisdream, files):
    code, printed, err = seisdream("predict", "volume.sgy", *NETWORK, "--augmentations", "0", "--json")
    assert code == 0, err
    summary = json.loads(printed)
    assert set(summary["result"]["shares"]) == {"a", "salt"}
    folder = files / "volume.sgy.predict"
    assert np.load(folder / "classes.npy").shape == (6, 8, 20)
    assert (folder / "slices.png").is_file()
    assert (folder / "probability-salt.sgy").stat().st_size == (files / "volume.sgy").stat().st_size


def test_a_point_of_a_volume_is_explained(seisdream, files):
    words = ("--class", "salt", "--at", "102,10,20", "--method", "grad-cam", "--quiet")
    code, _, err = seisdream("attribute", "volume.sgy", *NETWORK, *words)
    assert code == 0, err
    assert np.load(files / "volume.sgy.attribute" / "attribution.npy").shape == (6, 8, 20)


def test_activations_of_a_volume_are_written(seisdream, files):
    code, printed, err = seisdream("activations", "volume.sgy", *NETWORK, "--layer", "enc2", "--out", "enc2.npy")
    assert code == 0, err
    assert "channel, time, inline, crossline" in printed
    assert np.load(files / "enc2.npy").shape == (4, 10, 3, 4)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("predict", "volume.sgy", "--inline", "102"), "--inline"),
        (("predict", "volume.sgy", "--scale", "0.5"), "--scale"),
        (("attribute", "volume.sgy", "--sanity"), "--sanity"),
        (("attribute", "volume.sgy", "--target-mask", "time=0:20"), "--target-mask"),
        (("attribute", "volume.sgy", "--at", "1"), "--at"),
        (("activations", "volume.sgy", "--crossline", "9"), "--crossline"),
    ],
)
def test_options_that_do_not_work_for_cubes_are_named(seisdream, files, words, named):
    code, _, err = seisdream(*words, *NETWORK)
    assert code == 2
    assert named in err


@pytest.mark.parametrize("command", ["predict", "attribute", "activations", "dream"])
def test_a_section_is_refused_with_advice(seisdream, files, command):
    make_segy(files / "line.sgy", ramp(12, 40))
    out = ("--layer", "enc2", "--out", "a.npy") if command == "activations" else ()
    code, _, err = seisdream(command, "line.sgy", *NETWORK, *out)
    assert code == 2
    assert "cubes.safetensors is a network for cubes" in err
    code, _, err = seisdream(command, "sample:built-in", *NETWORK, *out)
    assert code == 2
    assert "use a network for sections" in err


@pytest.mark.slow
def test_the_shipped_network_for_cubes_needs_no_options(seisdream, files):
    code, printed, err = seisdream("predict", "volume.sgy", "--network", "faults", "--augmentations", "0", "--json")
    assert code == 0, err
    assert set(json.loads(printed)["result"]["shares"]) == {"background", "fault"}
    assert (files / "volume.sgy.predict" / "slices.png").is_file()
    code, _, err = seisdream(
        "dream", "volume.sgy", "--network", "faults", "--steps", "1", "--octaves", "1", "--no-film", "--quiet"
    )
    assert code == 0, err
    assert (files / "volume.sgy.dream" / "dream-slices.png").is_file()
