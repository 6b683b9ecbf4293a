"""`seisdream attribute` on what people have: the fixed names, SEG-Y with the source's geometry, words for errors."""

import json
from pathlib import Path

import numpy as np
import pytest
import segyio

from segy_files import make_segy, numbered
from seisdream.attribution.attribute import attribute
from seisdream.io.inputs import open_section
from seisdream.io.segy import open_segy, read_text_header
from seisdream.models.checkpoints import trained_file
from seisdream.models.registry import load_network
from trained_files import write_unet

FILES = {"attribution.npy", "figure.png", "attribution.json", "index.html"}


@pytest.fixture
def array(tmp_path):
    path = tmp_path / "line.npy"
    np.save(path, np.random.default_rng(0).normal(size=(50, 60)).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_unet(tmp_path_factory.mktemp("networks") / "small.safetensors")


def names_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.filterwarnings("ignore:Integrated gradients")
@pytest.mark.drawn
def test_an_array_leaves_the_fixed_names(seisdream, refused, array, network):
    words = ("attribute", array, "--network", network, "--class", "salt", "--at", "30,80", "--dt-ms", 4, "--steps", 16)
    code, out, err = seisdream(*words)
    folder = Path(f"{array}.attribute")
    assert code == 0, err
    assert names_in(folder) == FILES
    assert all(str(folder / name) in out for name in FILES)
    attribution = attribute(
        open_section(array, dt_ms=4.0), load_network(str(network)), "class:salt", at=(30, 80), steps=16
    )
    np.testing.assert_array_equal(np.load(folder / "attribution.npy"), attribution)
    record = json.loads((folder / "attribution.json").read_text())
    result = record["result"]
    assert (result["target"], result["layer"], result["target_score"]) == ("class:salt", "logits", "logit")
    assert result["target_mask"] == "30,80"
    assert record["settings"]["method"] == "integrated-gradients"
    assert record["settings"]["baseline"] == "zero"
    assert record["result"]["completeness_error"] == attribution.attrs["completeness_error"]
    assert record["result"]["score"] == pytest.approx(attribution.attrs["score"])
    assert record["network"]["sha256"] == load_network(str(network)).sha256
    assert "torch" in record["machine"]["versions"]
    assert refused(*words)[0] == "exists"
    assert seisdream(*words, "--force", "--quiet")[:2] == (0, "")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("segyio/f3.sgy", ["--inline", "120"]),
        ("segyio/f3-lsb.sgy", ["--crossline", "880"]),
        ("segyio/f3.sgy", ["--time", "100"]),
        ("segyio/multiformats/Format8msb.sgy", []),
    ],
)
def test_segy_comes_back_as_segy_of_the_same_traces(seisdream, shared, network, tmp_path, name, options):
    source, folder = shared / "data" / name, tmp_path / "p"
    code, _, err = seisdream("attribute", source, "--network", network, "--class", "wavy beds", "--steps", "8",
                             *options, "--quiet", "--out", folder)  # fmt: skip
    assert code == 0, err
    assert names_in(folder) == FILES | {"attribution.sgy"}
    selection = {options[0].strip("-").replace("time", "time_ms"): float(options[1])} if options else {}
    section = open_segy(source, **selection)
    map_, endian = np.load(folder / "attribution.npy"), section.attrs["segy_endian"]
    with segyio.open(folder / "attribution.sgy", ignore_geometry=True, endian=endian) as file:
        traces, samples = section.trace_index.values.ravel(), file.trace.raw[:]
        if "--time" in options:
            at = section.attrs["segy_sample"]
            assert (np.delete(samples, at, axis=1) == 0).all()
            np.testing.assert_allclose(samples[traces, at].reshape(section.shape), np.nan_to_num(map_), rtol=2e-6)
            return
        np.testing.assert_allclose(samples.T, np.nan_to_num(map_), rtol=2e-6)
        with segyio.open(source, ignore_geometry=True, endian=endian) as before:
            for row, trace in enumerate(traces.tolist()):
                assert dict(before.header[trace]) == dict(file.header[row])
    (line,) = [line for line in read_text_header(folder / "attribution.sgy") if "ATTRIBUTED BY SEISDREAM" in line]
    assert "wavy-beds, integrated-gradients" in line


def test_a_line_made_here_comes_back_with_its_geometry_and_its_gap(seisdream, network, tmp_path):
    words, keep = numbered([7], np.arange(100, 140)), np.arange(40) != 17
    values = np.random.default_rng(0).normal(size=(40, 48))
    make_segy(tmp_path / "line.sgy", values[keep], words={byte: word[keep] for byte, word in words.items()})
    folder = tmp_path / "p"
    code, _, err = seisdream("attribute", tmp_path / "line.sgy", "--network", network, "--class", "salt", "--at",
                             "120,80", "--method", "lrp", "--quiet", "--out", folder)  # fmt: skip
    assert code == 0, err
    with segyio.open(folder / "attribution.sgy", ignore_geometry=True) as after:
        assert [header[193] for header in after.header[:]] == np.arange(100, 140)[keep].tolist()
        map_ = np.load(folder / "attribution.npy")
        np.testing.assert_allclose(after.trace.raw[:].T, map_[:, ~np.isnan(map_).all(0)], rtol=2e-6)
    assert seisdream("attribute", tmp_path / "line.sgy", "--network", network, "--no-segy", "--method", "grad-cam",
                     "--quiet", "--out", tmp_path / "q")[0] == 0  # fmt: skip
    assert names_in(tmp_path / "q") == FILES


@pytest.mark.slow
def test_the_randomization_test_is_written_drawn_and_printed(seisdream, array, network, tmp_path):
    words = ("attribute", array, "--network", network, "--class", "salt", "--at", "30,20", "--method", "grad-cam",
             "--sanity")  # fmt: skip
    code, out, err = seisdream(*words, "--out", tmp_path / "p")
    assert code == 0, err
    assert names_in(tmp_path / "p") == FILES | {"sanity.png"}
    record = json.loads((tmp_path / "p" / "attribution.json").read_text())
    test = record["result"]["randomization"]
    assert test["sentence"] in out
    assert test["rows"][0]["name"] == "down to logits"
    code, out, _ = seisdream(*words, "--json", "--out", tmp_path / "q")
    assert json.loads(out)["result"]["randomization"] == test


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (
            ("--layer", "enc2:3", "--target-mask", "row=10:20,column=5:9"),
            {"target": "enc2:3", "target_score": "activation"},
        ),
        (("--layer", "class:salt - class:beds"), {"target": "class:salt - class:beds", "target_mask": None}),
        (("--class", "2", "--score", "probability"), {"target_score": "probability"}),
    ],
)
def test_the_target_is_in_the_provenance(seisdream, array, network, tmp_path, words, keys):
    code, _, err = seisdream("attribute", array, "--network", network, *words, "--steps", 4, "--quiet", "--out",
                             tmp_path / "p")  # fmt: skip
    assert code == 0, err
    result = json.loads((tmp_path / "p" / "attribution.json").read_text())["result"]
    assert keys.items() <= result.items()


def test_occlusion_takes_its_patch(seisdream, array, network, tmp_path):
    code, _, err = seisdream("attribute", array, "--network", network, "--method", "occlusion", "--patch", "16x8",
                             "--stride", "16x8", "--baseline", "blurred", "--out", tmp_path / "p")  # fmt: skip
    assert code == 0, err
    settings = json.loads((tmp_path / "p" / "attribution.json").read_text())["settings"]
    assert (settings["patch"], settings["stride"], settings["baseline"]) == ([16, 8], [16, 8], "blurred")
    map_ = np.load(tmp_path / "p" / "attribution.npy")
    assert len(np.unique(map_[:16, :8])) == 1


@pytest.mark.parametrize(
    ("words", "code", "option"),
    [
        (("--class", "salt", "--layer", "enc2:1"), "incompatible", "--class"),
        (("--at", "3,4", "--target-mask", "row=1:2"), "incompatible", "--at"),
        (("--at", "3"), "wrong-type", "--at"),
        (("--patch", "16x16"), "incompatible", "--patch"),
        (("--patch", "a"), "wrong-type", "--patch"),
        (("--method", "occlusion", "--patch", "8", "--stride", "16"), "incompatible", "--stride"),
        (("--method", "shap"), "out-of-range", "--method"),
        (("--percentile", 0), "out-of-range", "--percentile"),
    ],
)
def test_what_cannot_be_explained_is_refused_and_nothing_is_written(
    array, network, tmp_path, refused, words, code, option
):
    assert refused("attribute", array, "--network", network, *words, "--out", tmp_path / "p") == (code, option)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    "words", [("--at", "3,4000"), ("--target-mask", "rwo=1:2"), ("--class", "sallt"), ("--network", "gabor")]
)
def test_a_target_that_does_not_exist_is_refused(array, network, tmp_path, refused, words):
    words = words if "--network" in words else ("--network", network, *words)
    refused("attribute", array, *words, "--out", tmp_path / "p")
    assert not (tmp_path / "p").exists()


@pytest.mark.skipif(not trained_file("facies").exists(), reason="the facies network is not in this checkout")
def test_facies_and_its_predicted_class_are_the_defaults(seisdream, array, tmp_path):
    code, out, _ = seisdream("attribute", array, "--at", "30,20", "--method", "grad-cam", "--json")
    summary = json.loads(out)
    assert (code, set(summary)) == (0, {"kind", "out", "files", "notes", "settings", "result"})
    assert summary["result"]["target"].removeprefix("class:") in load_network("facies").classes
