"""`seisdream atlas`: a folder that opens from disk, resumed runs, errors."""

import json

import pytest

from trained_files import write_unet

QUICK = (
    "--layers",
    "enc2",
    "--channels-at-most",
    2,
    "--steps",
    1,
    "--size",
    32,
    "--patches",
    2,
    "--seeds",
    1,
    "--concepts",
    "none",
)


def test_an_atlas_of_an_array_is_a_site_and_is_resumed(seisdream, refused, array, tmp_path):
    network = write_unet(tmp_path / "small.safetensors")
    out = tmp_path / "atlas"
    words = ("atlas", network, "--data", array, "--dt-ms", 4, *QUICK, "--out", out)
    code, printed, err = seisdream(*words)
    assert code == 0, err
    assert f"open {out / 'index.html'} in a browser" in printed
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
    code, printed, _ = seisdream(*words, "--json")
    assert code == 0
    assert json.loads(printed)["settings"]["channels_at_most"] == 2
    changed = (*words[:-2], "--steps", 2, "--out", out)
    refused(*changed)
    err = seisdream(*changed)[2]
    assert ("--steps" in err, "--force" in err) == (True, True)
    assert seisdream(*words, "--force", "--quiet")[:2] == (0, "")


@pytest.mark.parametrize(
    ("words", "code", "option"),
    [
        (("--layers", "enc9"), None, None),
        (("--size", 8), "out-of-range", "--size"),
        (("--data", "nowhere.sgy"), "not-found", None),
        (("--every", 0), "out-of-range", "--every"),
    ],
)
def test_an_atlas_that_cannot_be_built_is_refused_and_nothing_is_written(array, tmp_path, refused, words, code, option):
    out = tmp_path / "atlas"
    found = refused("atlas", "gabor", "--data", array, *words, "--out", out)
    assert found == (code or found[0], option or found[1])
    assert not out.exists()


@pytest.mark.slow
def test_the_folder_is_named_after_the_network(seisdream, array, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert seisdream("atlas", "gabor", "--data", array, *QUICK[2:], "--layers", "stage2/*", "--quiet")[0] == 0
    assert (tmp_path / "gabor.atlas" / "dreams" / "stage2-rectified" / "000.webp").is_file()
