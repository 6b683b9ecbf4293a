"""`seisdream controls` on what people have: the fixed names, SEG-Y with the source's geometry, words for errors."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import segyio

from segy_files import make_segy, numbered
from seisdream.io.segy import read_text_header
from seisdream.seismic.sections import make_section
from seisdream.significance import path_reference
from seisdream.significance.permutation import PermutationTest
from trained_files import write_unet

QUICK = ("--surrogates", 4, "--block", 16, "--octaves", 1, "--steps", 1, "--seeds", 2, "--no-others")
MAPS = {"activation", "activation-effect", "activation-q", "dream", "dream-effect", "dream-q", "stability"}
FILES = {f"{name}.npy" for name in MAPS} | {"regions.csv", "figure.png", "controls.json", "index.html"}


@pytest.fixture
def array(tmp_path):
    path = tmp_path / "line.npy"
    np.save(path, np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_unet(tmp_path_factory.mktemp("networks") / "small.safetensors")


def names_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.drawn
def test_an_array_leaves_the_fixed_names(seisdream, refused, array, network):
    words = ("controls", array, "--network", network, "--against", network, "--dt-ms", 4, *QUICK)
    code, out, err = seisdream(*words)
    folder = Path(f"{array}.controls")
    assert code == 0, err
    assert names_in(folder) == FILES
    assert all(str(folder / name) in out for name in FILES)
    record = json.loads((folder / "controls.json").read_text())
    assert record["result"]["conclusion"] in out
    assert record["settings"]["surrogates"] == 4
    roles = ["tested", "random", "other"]
    for measure in ("activation", "dream"):
        assert [row["role"] for row in record["result"]["measures"][measure]] == roles
        assert np.load(folder / f"{measure}-q.npy").shape == (50, 64)
    with (folder / "regions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 4 * len(roles) * 2
    assert (rows[0]["time_first"], rows[0]["trace_first"]) == ("0", "1")
    assert {row["significant"] for row in rows} <= {"0", "1"}
    assert sum(int(row["significant"]) for row in rows) == sum(
        row["significant"] for found in record["result"]["measures"].values() for row in found
    )
    assert refused(*words)[0] == "exists"
    assert seisdream(*words, "--measure", "activation", "--force", "--quiet")[:2] == (0, "")
    assert names_in(folder) == {f"activation{end}.npy" for end in ("", "-effect", "-q")} | {
        "regions.csv", "figure.png", "controls.json", "index.html"}  # fmt: skip


@pytest.mark.drawn
def test_the_path_check_leaves_a_table_and_a_figure(seisdream, array, network, monkeypatch):
    noise = np.random.default_rng(1).normal(size=(10, 32, 32)).astype(np.float32)
    monkeypatch.setattr(path_reference, "_earths", lambda: [make_section(one, dt_ms=4.0) for one in noise])
    words = ("controls", array, "--network", network, "--dt-ms", 4, *QUICK, "--measure", "activation", "--path")
    code, out, err = seisdream(*words, "--layer", "enc2", "--random", 0)
    assert code == 0, err
    folder = Path(f"{array}.controls")
    path = json.loads((folder / "controls.json").read_text())["result"]["path"]
    with (folder / "path.csv").open() as file:
        assert (
            [row["layer"] for row in csv.DictReader(file)]
            == [row["layer"] for row in path["layers"]]
            == ["enc1", "enc2"]
        )
    assert (folder / "path.png").is_file()
    assert path["n_real"] == 11
    assert f"as to 11 real patches {path['where']}" in out.replace("\n", " ")


def test_a_line_comes_back_with_its_geometry_and_its_gap(seisdream, network, tmp_path):
    words, keep = numbered([7], np.arange(100, 140)), np.arange(40) != 17
    values = np.random.default_rng(0).normal(size=(40, 48))
    make_segy(tmp_path / "line.sgy", values[keep], words={byte: word[keep] for byte, word in words.items()})
    folder = tmp_path / "p"
    code, out, err = seisdream("controls", tmp_path / "line.sgy", "--network", network, *QUICK, "--json", "--out",
                               folder)  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["out"] == str(folder)
    assert names_in(folder) == FILES | {f"{name}.sgy" for name in MAPS}
    for name in MAPS:
        map_ = np.load(folder / f"{name}.npy")
        with segyio.open(folder / f"{name}.sgy", ignore_geometry=True) as after:
            assert [header[193] for header in after.header[:]] == np.arange(100, 140)[keep].tolist()
            np.testing.assert_allclose(after.trace.raw[:].T, map_[:, ~np.isnan(map_).all(0)], rtol=2e-6)
        (line,) = [line for line in read_text_header(folder / f"{name}.sgy") if "CONTROLLED BY SEISDREAM" in line]
        assert f"{name} of small.safetensors" in line
    assert seisdream("controls", tmp_path / "line.sgy", "--network", network, *QUICK, "--no-segy", "--random", 0,
                     "--quiet", "--out", tmp_path / "q")[0] == 0  # fmt: skip
    assert names_in(tmp_path / "q") == FILES


def test_a_time_slice_of_a_volume_comes_back_in_its_place(seisdream, shared, network, tmp_path):
    source, folder = shared / "data" / "segyio" / "f3.sgy", tmp_path / "p"
    code, _, err = seisdream("controls", source, "--time", 100, "--network", network, "--measure", "activation",
                             "--layer", "enc2", "--block", 8, "--surrogates", 4, "--quiet", "--out",
                             folder)  # fmt: skip
    assert code == 0, err
    q = np.load(folder / "activation-q.npy")
    with segyio.open(folder / "activation-q.sgy", ignore_geometry=True) as file:
        samples = file.trace.raw[:]
    rows = np.flatnonzero((samples != 1.0).any(axis=0))
    assert len(rows) <= 1
    assert samples.shape[0] >= q.size


def test_noise_is_an_input(seisdream, tmp_path):
    words = ("--network", "gabor", "--measure", "activation", "--surrogates", 24, "--no-others", "--random", 0)
    code, out, err = seisdream("controls", "noise:96x96", *words, "--out", tmp_path / "p")
    assert code == 0, err
    assert "In none of 9 blocks" in out


def test_an_interrupt_leaves_nothing(seisdream, array, network, tmp_path, monkeypatch):
    def interrupted(self, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(PermutationTest, "__call__", interrupted)
    code, _, err = seisdream("controls", array, "--network", network, *QUICK, "--out", tmp_path / "p")
    assert (code, "Interrupted" in err) == (130, True)
    assert names_in(tmp_path) == {"line.npy"}


@pytest.mark.parametrize(
    ("words", "code", "option"),
    [
        (("--q", 0), "out-of-range", "--q"),
        (("--surrogates", 1), "out-of-range", "--surrogates"),
        (("--null", "phases"), "out-of-range", "--null"),
        (("--percentile", 0), "out-of-range", "--percentile"),
        (("--block", 2), "out-of-range", "--block"),
    ],
)
def test_settings_outside_their_range_are_refused_and_nothing_is_written(
    array, network, tmp_path, refused, words, code, option
):
    assert refused("controls", array, "--network", network, *words, "--out", tmp_path / "p") == (code, option)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("words", [("--block", 64), ("--layer", "enc99"), ("--against", "facie")])
def test_what_does_not_fit_the_section_or_the_network_is_refused(array, network, tmp_path, refused, words):
    refused("controls", array, "--network", network, *words, "--out", tmp_path / "p")
    assert not (tmp_path / "p").exists()
