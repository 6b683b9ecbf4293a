"""`seisdream predict` on lines, volumes, arrays and pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
import segyio
from PIL import Image

from segy_files import make_segy, numbered, ramp
from seisdream.data.horizons import open_horizons
from seisdream.inference.horizons import extract_horizons
from seisdream.inference.predict import predict
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.io.images import read_png_text
from seisdream.io.inputs import open_section
from seisdream.io.segy import open_segy, read_survey, read_text_header
from seisdream.models.checkpoints import trained_file
from seisdream.models.registry import load_network
from seisdream.results.writer import TEXT_KEY, file_names
from seisdream.seismic.sections import GreyMapping
from seisdream.volumes.run import open_job_result
from trained_files import CLASSES, COLOURS, write_unet

ARRAYS = {"classes.npy", "probabilities.npy", "entropy.npy", "uncertainty.npy"}
WORDS = {"legend.json", "prediction.json", "figure.png", "index.html"}
SEGYS = {
    *("class.sgy", "entropy.sgy", "uncertainty.sgy", "probability-beds.sgy", "probability-wavy-beds.sgy"),
    *("probability-salt.sgy", "probability-channel-fill.sgy"),
}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_unet(tmp_path_factory.mktemp("networks") / "small.safetensors")


def names_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.drawn
def test_an_array_leaves_the_fixed_names(seisdream, array, network, tmp_path):
    code, out, err = seisdream("predict", array, "--network", network, "--augmentations", 2)
    folder = Path(f"{array}.predict")
    assert code == 0, err
    assert names_in(folder) == ARRAYS | WORDS
    assert all(str(folder / name) in out for name in ARRAYS | WORDS)
    predicted = predict(open_section(array), load_network(str(network)), augmentations=2)
    classes, shares = np.load(folder / "classes.npy"), np.load(folder / "probabilities.npy")
    assert (classes.dtype, classes.shape) == (np.uint8, (80, 90))
    assert (shares.dtype, shares.shape) == (np.float32, (4, 80, 90))
    assert np.array_equal(classes, predicted.classes)
    np.testing.assert_array_equal(np.load(folder / "entropy.npy"), predicted.entropy)
    np.testing.assert_array_equal(np.load(folder / "uncertainty.npy"), predicted.uncertainty)
    legend = json.loads((folder / "legend.json").read_text())
    assert [(one["code"], one["name"], one["colour"]) for one in legend["classes"]] == [
        (code, name, colour) for code, (name, colour) in enumerate(zip(CLASSES, COLOURS, strict=True))
    ]
    assert legend["absent"] == 255
    assert [one["share"] for one in legend["classes"]] == pytest.approx(
        [float((classes == code).mean()) for code in range(4)], abs=1e-5
    )
    with Image.open(folder / "figure.png") as picture:
        assert min(picture.size) > 500


def test_the_provenance_records_input_network_and_settings(seisdream, array, network, tmp_path):
    seisdream("predict", array, "--network", network, "--augmentations", 1, "--percentile", 95, "--tile", 32,
              "--scale", "0.5x1", "--quiet", "--dt-ms", 4, "--out", tmp_path / "p")  # fmt: skip
    record = json.loads((tmp_path / "p" / "prediction.json").read_text())
    assert record["input"]["source"] == str(array)
    assert record["input"]["options"] == {"dt_ms": 4.0}
    assert len(record["input"]["file_sha256"]) == len(record["input"]["samples_sha256"]) == 64
    assert record["network"]["sha256"] == load_network(str(network)).sha256
    assert (record["network"]["credit"], record["network"]["licence"]) == ("tests", "CC0-1.0")
    assert record["settings"] == {
        "percentile": 95.0, "tile": 32, "augmentations": 1, "device": "cpu", "precision": "float32",
        "stratigraphic_order": "any",
        "scale": [0.5, 1.0], "as_is": False,
    }  # fmt: skip
    assert len(record["result"]["augmentations"]) == 1
    assert record["seisdream"]
    assert {"python", "torch"} <= record["machine"]["versions"].keys()
    assert json.loads(read_png_text(tmp_path / "p" / "figure.png")[TEXT_KEY]).items() <= record.items()


def test_only_an_earlier_prediction_is_replaced_and_only_with_force(seisdream, refused, array, network, tmp_path):
    words = ("predict", array, "--network", network, "--augmentations", 0, "--quiet", "--out", tmp_path / "p")
    assert seisdream(*words) == (0, "", "")
    assert refused(*words)[0] == "exists"
    assert seisdream(*words, "--force")[0] == 0
    assert names_in(tmp_path / "p") == (ARRAYS | WORDS) - {"uncertainty.npy"}
    (tmp_path / "p" / "prediction.json").unlink()
    assert refused(*words, "--force")[0] == "not-ours"


def test_json_is_one_object_for_scripts(seisdream, array, network, tmp_path):
    code, out, _ = seisdream("predict", array, "--network", network, "--json", "--out", tmp_path / "p")
    summary = json.loads(out)
    assert code == 0
    assert set(summary) == {"kind", "out", "files", "notes", "settings", "result"}
    assert summary["kind"] == "prediction"
    assert summary["result"]["classes"] == list(CLASSES)
    assert all(Path(path).exists() for path in summary["files"])
    assert summary["settings"]["augmentations"] == 4


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
    code, _, _ = seisdream(
        "predict", source, "--network", network, "--augmentations", 1, *options, "--quiet", "--out", folder
    )
    assert code == 0
    assert names_in(folder) == ARRAYS | WORDS | SEGYS
    selection = {options[0].strip("-").replace("time", "time_ms"): float(options[1])} if options else {}
    section = open_segy(source, **selection)
    with segyio.open(folder / "class.sgy", ignore_geometry=True, endian=section.attrs["segy_endian"]) as file:
        assert segyio.dt(file) == section.attrs["segy_dt_ms"] * 1000
        traces = section.trace_index.values.ravel()
        samples = file.trace.raw[:]
        if "--time" in options:
            at = section.attrs["segy_sample"]
            assert (np.delete(samples, at, axis=1) == 255).all()
            np.testing.assert_array_equal(samples[traces, at].reshape(section.shape), np.load(folder / "classes.npy"))
            return
        np.testing.assert_array_equal(samples.T, np.load(folder / "classes.npy"))
        with segyio.open(source, ignore_geometry=True, endian=section.attrs["segy_endian"]) as before:
            for row, trace in enumerate(traces.tolist()):
                assert dict(before.header[trace]) == dict(file.header[row])
    shares = np.load(folder / "probabilities.npy")
    for code, file_name in enumerate(("beds", "wavy-beds", "salt", "channel-fill")):
        path = folder / f"probability-{file_name}.sgy"
        with segyio.open(path, ignore_geometry=True, endian=section.attrs["segy_endian"]) as file:
            np.testing.assert_allclose(file.trace.raw[:].T, np.nan_to_num(shares[code], nan=-1.0), rtol=2e-6)
        (line,) = [line for line in read_text_header(path) if "PREDICTED BY SEISDREAM" in line]
        assert f"probability of {CLASSES[code]}" in line
    for name in ("entropy", "uncertainty"):
        with segyio.open(folder / f"{name}.sgy", ignore_geometry=True, endian=section.attrs["segy_endian"]) as file:
            predicted = np.nan_to_num(np.load(folder / f"{name}.npy"), nan=-1.0)
            np.testing.assert_allclose(file.trace.raw[:].T, predicted, rtol=2e-6, atol=1e-9)


VOLUME = ("--volume", "--executor", "serial")


@pytest.mark.drawn
def test_a_volume_comes_back_whole(seisdream, shared, network, tmp_path):
    source, folder = shared / "data" / "segyio" / "f3.sgy", tmp_path / "p"
    words = (*VOLUME, "--all-probabilities", "--number-format", "float32", "--augmentations", 1, "--out", folder)
    code, _, err = seisdream("predict", source, "--network", network, *words)
    assert code == 0, err
    assert names_in(folder) >= {"class.sgy", "entropy.sgy", "probability.sgy", "uncertainty.sgy", "figure.png"}
    survey, volume = read_survey(source), open_job_result(folder)
    shape = (len(survey.inlines), len(survey.crosslines), survey.n_samples)
    assert (volume.classes.shape, volume.classes.dtype, volume.probability.dtype) == (shape, np.uint8, np.float32)
    with segyio.open(source) as before, segyio.open(folder / "class.sgy") as after:
        np.testing.assert_array_equal(after.ilines, before.ilines)
        np.testing.assert_array_equal(after.xlines, before.xlines)
        np.testing.assert_array_equal(after.samples, before.samples)
        assert all(dict(old) == dict(new) for old, new in zip(before.header[:], after.header[:], strict=True))
        np.testing.assert_array_equal(segyio.cube(after), volume.classes)
    with segyio.open(folder / "probability-salt.sgy") as after:
        expected = np.nan_to_num(volume.probability_salt.values, nan=-1.0)
        np.testing.assert_allclose(segyio.cube(after), expected, rtol=2e-6)
    # Each inline is predicted as it is alone with the volume's grey mapping.
    record = json.loads(volume.attrs["provenance"])
    assert record["input"]["selection"] == "volume"
    position = len(survey.inlines) // 3
    section = open_segy(source, inline=int(survey.inlines[position]))
    predictor = Predictor(load_network(str(network)), PredictionSettings(augmentations=1))
    alone, line = predictor(section, GreyMapping(**record["input"]["grey_mapping"])), volume.isel(inline=position)
    np.testing.assert_array_equal(line.classes.values.T, alone.classes)
    np.testing.assert_array_equal(line.probability_salt.values.T, alone.probabilities.sel({"class": "salt"}))
    np.testing.assert_array_equal(line.probability.values.T, alone.probabilities.max("class", skipna=False))
    np.testing.assert_array_equal(line.uncertainty.values.T, alone.uncertainty)


def test_a_volume_with_gaps_and_dead_inlines_is_predicted_with_both(seisdream, network, tmp_path):
    words, keep = numbered([1, 2, 3, 5], [10, 11, 12, 13, 14]), np.arange(20) != 7
    values = ramp(20, 40) * np.random.default_rng(0).normal(size=(20, 40))
    values[:5] = 0.0
    make_segy(tmp_path / "gaps.sgy", values[keep], words={byte: word[keep] for byte, word in words.items()})
    folder = tmp_path / "p"
    code, out, err = seisdream("predict", tmp_path / "gaps.sgy", "--network", network, *VOLUME, "--json",
                               "--out", folder)  # fmt: skip
    assert code == 0, err
    volume = open_job_result(folder)
    classes = volume.classes.values
    assert classes.shape == (5, 5, 40)
    is_absent = np.zeros((5, 5), bool)
    # Dead inlines have traces in the file, but no amplitudes.
    is_absent[0] = is_absent[1, 2] = is_absent[3] = True
    assert np.array_equal(classes == 255, np.broadcast_to(is_absent[..., None], classes.shape))
    assert np.array_equal(np.isnan(volume.probability.values), classes == 255)
    assert read_survey(folder / "entropy.sgy").n_missing == 6
    # Shares are of the samples that are present.
    shares = json.loads(out)["result"]["shares"]
    expected = [float((classes[classes != 255] == code).mean()) for code in range(4)]
    assert list(shares.values()) == pytest.approx(expected, abs=1e-5)


def test_segy_can_be_left_out(seisdream, shared, network, tmp_path):
    source = shared / "data" / "segyio/f3.sgy"
    words = ("predict", source, "--network", network, "--augmentations", 0, "--no-segy")
    assert seisdream(*words, "--out", tmp_path / "line")[0] == 0
    assert names_in(tmp_path / "line") == ARRAYS - {"uncertainty.npy"} | WORDS
    assert seisdream(*words, *VOLUME, "--out", tmp_path / "volume")[0] == 0
    assert names_in(tmp_path / "volume") == {
        "prediction.zarr",
        "job.json",
        "blocks",
        "lock",
        "figure.png",
        "index.html",
    }


@pytest.mark.parametrize(
    ("words", "code", "option"),
    [
        (("ARRAY", "--network", "gabor"), "not-supported", None),
        (("ARRAY", "--volume"), "not-supported", None),
        (("VOLUME", "--volume", "--inline", 120), "incompatible", "--inline"),
        (("VOLUME", "--volume", "--key", "a"), "incompatible", "--key"),
        (("LINE", "--volume"), "no-geometry", None),
        (("LINE", "--executor", "serial"), "incompatible", "--executor"),
        (("ARRAY", "--augmentations", -1), "out-of-range", "--augmentations"),
        (("ARRAY", "--scale", "half"), "wrong-type", "--scale"),
        (("ARRAY", "--scale", "1x2x3"), "wrong-type", "--scale"),
        (("ARRAY", "--scale", "9"), "out-of-range", "--scale"),
        (("ARRAY", "--percentile", 0), "out-of-range", "--percentile"),
        (("none.sgy",), "not-found", None),
    ],
)
def test_what_cannot_be_predicted_is_refused_and_nothing_is_written(
    array, network, shared, tmp_path, refused, words, code, option
):
    inputs = {"ARRAY": array, "VOLUME": shared / "data/segyio/f3.sgy", "LINE": shared / "data/31_81_PR.sgy"}
    words = (inputs.get(words[0], words[0]), "--network", network, *words[1:])
    found = refused("predict", *words, "--out", tmp_path / "p")
    assert found == (code, option or found[1])
    assert not (tmp_path / "p").exists()


def test_a_full_disk_is_noticed_before_a_volume_is_predicted(
    seisdream, refused, shared, network, tmp_path, monkeypatch
):
    usage = type("Usage", (), {"free": 10_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    source = shared / "data" / "segyio/f3.sgy"
    words = ("predict", source, "--network", network, "--volume", "--out", tmp_path / "p")
    assert refused(*words)[0] == "too-large"
    assert "--no-segy" in seisdream(*words)[2]


def test_a_picture_is_predicted_too(seisdream, network, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert seisdream("predict", tmp_path / "a.png", "--network", network, "--quiet")[0] == 0
    assert np.load(tmp_path / "a.png.predict" / "classes.npy").shape == (40, 50)


def test_classes_names_become_file_names():
    assert file_names(["Channel fill", "salt, halite", "a/b", "a b", "", "日本"]) == [
        *("channel-fill", "salt", "2-a-b", "3-a-b", "4", "5"),
    ]


@pytest.mark.skipif(not trained_file("facies").exists(), reason="the facies network is not in this checkout")
def test_facies_is_the_default(seisdream, array):
    code, out, _ = seisdream("predict", array, "--augmentations", 0, "--json")
    assert (code, len(json.loads(out)["result"]["classes"])) == (0, 10)


def test_horizons_are_written_as_training_reads_them(seisdream, network, tmp_path):
    path = make_segy(
        tmp_path / "cube.sgy",
        np.random.default_rng(0).normal(size=(240, 50)),
        words=numbered(range(1, 7), range(1, 41)),
    )
    for what, words in (("line", ["--inline", 3]), ("volume", VOLUME)):
        folder = tmp_path / what
        code, _, err = seisdream(
            "predict",
            path,
            "--network",
            network,
            "--augmentations",
            0,
            "--stratigraphic-order",
            "down",
            *words,
            "--out",
            folder,
        )
        assert code == 0, err
    volume = open_job_result(tmp_path / "volume")
    tops = np.stack([extract_horizons(line.values.T, 4, volume.time.values) for line in volume.classes], 1)
    assert tops.shape == (3, 6, 40)
    is_picked = np.isfinite(tops).any((1, 2))
    names = ["horizon-01-wavy-beds.txt", "horizon-02-salt.txt", "horizon-03-channel-fill.txt"]
    files = sorted((tmp_path / "volume").glob("horizon-*.txt"))
    assert [file.name for file in files] == [name for name, is_there in zip(names, is_picked, strict=True) if is_there]
    assert len(files) > 1
    horizons = open_horizons(tuple(map(str, files)))
    where = np.ix_(is_picked, horizons.inlines - 1, horizons.crosslines - 1)
    np.testing.assert_array_equal(horizons.times, tops[where])
    assert np.load(tmp_path / "line" / "horizons.npy").shape == (3, 40)
    first = (tmp_path / "line" / "horizon-01-wavy-beds.txt").read_text().splitlines()
    assert first[:2] == ["# top of wavy beds", "inline crossline time"]
    assert {line.split()[0] for line in first[2:]} <= {"3"}
