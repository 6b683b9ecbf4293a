"""`seisdream atlas`: words for what cannot be, and a folder that opens from disk."""

import json

import numpy as np
import pytest

from trained_files import write_unet

QUICK = ("--layers", "enc2", "--channels-at-most", 2, "--steps", 1, "--size", 32, "--patches", 2, "--seeds", 1)


@pytest.fixture
def array(tmp_path):
    path = tmp_path / "line.npy"
    np.save(path, np.random.default_rng(0).normal(size=(50, 60)).astype(np.float32))
    return path


def test_an_array_becomes_a_site_and_is_gone_on_with(seisdream, array, tmp_path):
    network = write_unet(tmp_path / "small.safetensors")
    out = tmp_path / "book"
    words = ("atlas", network, "--data", array, "--dt-ms", 4, *QUICK, "--out", out)
    code, said, err = seisdream(*words)
    assert code == 0, err
    assert f"open {out / 'index.html'} in a browser" in said
    assert {
        "index.html",
        "atlas.css",
        "atlas.js",
        "data",
        "dreams",
        "real",
        "scene.webp",
        "channels.csv",
        "atlas.json",
    } == {path.name for path in out.iterdir()}
    code, said, _ = seisdream(*words, "--json")
    assert code == 0
    assert json.loads(said)["settings"]["channels_at_most"] == 2
    code, _, err = seisdream(*words[:-2], "--steps", 2, "--out", out)
    assert (code, "another --steps" in err, "--force" in err) == (2, True, True)
    assert seisdream(*words, "--force", "--quiet")[:2] == (0, "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--layers", "enc9"), "stage1/filters"),
        (("--size", 8), "--size is 8"),
        (("--data", "nowhere.sgy"), "no file nowhere.sgy"),
        (("--every", 0), "--every is 0"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_left(seisdream, array, tmp_path, words, told):
    out = tmp_path / "book"
    code, _, err = seisdream("atlas", "gabor", "--data", array, *words, "--out", out)
    assert (code, told in err) == (2, True), err
    assert not out.exists()


def test_the_folder_is_named_for_the_network(seisdream, array, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert seisdream("atlas", "gabor", "--data", array, *QUICK[2:], "--layers", "stage2/*", "--quiet")[0] == 0
    assert (tmp_path / "gabor.atlas" / "dreams" / "stage2-rectified" / "000.webp").is_file()
