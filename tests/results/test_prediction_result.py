"""A prediction's folder: arrays, legend, horizons, SEG-Y, of a section and of a volume."""

import json

import numpy as np
import pytest
import xarray as xr

from errors import raises
from segy_files import make_segy, numbered, ramp
from seisdream.errors import IncompleteResultWarning
from seisdream.inference.class_maps import ABSENT_CLASS
from seisdream.io.segy import SegyVolume, open_segy
from seisdream.results.load import load_result
from seisdream.results.prediction_result import PredictionResult
from seisdream.results.prediction_writer import ABSENT_NUMBER, write_picks
from seisdream.results.result import Result

NAMES = ("upper, sand", "lower")


def predict(section):
    """Return the upper half of a section as one class and the lower half as the other, absent where it is NaN."""
    shape, dims = section.shape, section.dims
    rows = np.arange(shape[0])[:, None] >= shape[0] // 2
    absent = np.isnan(section.values)
    classes = np.where(absent, ABSENT_CLASS, np.broadcast_to(rows, shape)).astype(np.uint8)
    shares = np.where(absent, np.nan, np.stack([classes == 0, classes == 1])).astype(np.float32)
    entropy = np.where(absent, np.nan, 0.5).astype(np.float32)
    top = np.full((1, shape[1]), float(section[dims[0]].values[shape[0] // 2]), np.float32)
    variables = {
        "classes": (dims, classes),
        "probabilities": (("class", *dims), shares),
        "entropy": (dims, entropy),
        "uncertainty": (dims, entropy / 2),
        "horizons": (("horizon", dims[1]), top),
    }
    coords = {str(name): coord for name, coord in section.coords.items()}
    return xr.Dataset(variables, {**coords, "class": list(NAMES), "horizon": [NAMES[1]]})


@pytest.fixture
def prediction(segy_section, make_record):
    record = make_record("prediction", segy_section)
    return predict(segy_section).assign_attrs(provenance=json.dumps(record))


def test_a_section_has_the_fixed_files(segy_section, prediction, tmp_path):
    files = Result.of(prediction, segy_section).save(tmp_path / "out")
    assert sorted(path.name for path in files) == [
        "class.sgy",
        "classes.npy",
        "entropy.npy",
        "entropy.sgy",
        "figure.png",
        "horizon-01-lower.txt",
        "horizons.npy",
        "index.html",
        "legend.json",
        "prediction.json",
        "probabilities.npy",
        "probability-lower.sgy",
        "probability-upper.sgy",
        "uncertainty.npy",
        "uncertainty.sgy",
    ]
    legend = json.loads((tmp_path / "out" / "legend.json").read_text("utf-8"))
    assert [(one["code"], one["name"], one["share"]) for one in legend["classes"]] == [
        (0, NAMES[0], 0.5),
        (1, NAMES[1], 0.5),
    ]
    picks = (tmp_path / "out" / "horizon-01-lower.txt").read_text("utf-8").splitlines()
    assert picks[:3] == ["# top of lower", "inline crossline time", "11 5 64.000"]


def test_horizons_have_names_of_any_alphabet(segy_section, prediction, tmp_path):
    named = prediction.assign_coords({"class": ["песок", "глина"], "horizon": ["глина"]})
    Result.of(named, segy_section).save(tmp_path / "out", segy="none")
    (picks,) = (tmp_path / "out").glob("horizon-*.txt")
    assert picks.read_text("utf-8").startswith("# top of глина\n")


def test_the_input_is_opened_again_where_it_is_not_given(prediction, tmp_path):
    prediction.seisdream.save(tmp_path / "out")
    assert (tmp_path / "out" / "class.sgy").exists()
    written = open_segy(tmp_path / "out" / "probability-lower.sgy").values
    np.testing.assert_array_equal(written, prediction["probabilities"].values[1])
    assert len(load_result(tmp_path / "out").plot().axes) > 4


def test_a_changed_input_is_refused(prediction, tmp_path):
    make_segy(tmp_path / "volume.sgy", 2 * ramp(15, 32), words=numbered([10, 11, 12], [5, 6, 7, 8, 9]))
    with raises("changed", "section"):
        prediction.seisdream.plot()


def test_a_prediction_is_read_back(segy_section, prediction, tmp_path):
    result = Result.of(prediction, segy_section)
    result.save(tmp_path / "out", segy="none")
    assert not list((tmp_path / "out").glob("*.sgy"))
    loaded = load_result(tmp_path / "out")
    assert isinstance(loaded, PredictionResult)
    assert loaded.summary()["result"] == result.summary()["result"]
    assert loaded.dataset["class"].values.tolist() == list(NAMES)
    for name in prediction:
        np.testing.assert_array_equal(loaded.dataset[name].values, prediction[name].values)


@pytest.fixture
def volume(tmp_path):
    """Three inlines; the one in the middle lacks its traces."""
    words = numbered([10, 12, 13], [5, 6, 7, 8])
    samples = ramp(12, 16)
    kept = words[189] != 12
    words = {byte: numbers[kept] for byte, numbers in words.items()}
    return SegyVolume(make_segy(tmp_path / "gaps.sgy", samples[kept], words=words))


@pytest.mark.slow
def test_a_volume_is_written_line_by_line(volume, make_record, tmp_path):
    lines = [volume.open(inline) for inline in volume.inlines]
    whole = xr.concat(
        [predict(line).drop_vars("trace_index") for line in lines],
        xr.DataArray(list(volume.inlines), dims="inline", name="inline"),
    )
    record = make_record("prediction", lines[0], volume_shape=volume.shape)
    result = PredictionResult(whole, record, [], volume)
    result.save(tmp_path / "out")
    probabilities = np.load(tmp_path / "out" / "probabilities.npy")
    assert probabilities.shape == (2, *volume.shape)
    np.testing.assert_array_equal(probabilities[1, 0], whole["probabilities"].values[0, 1].T)
    assert np.load(tmp_path / "out" / "horizons.npy").shape == (1, *volume.shape[:2])
    written = open_segy(tmp_path / "out" / "class.sgy", inline=13).values
    np.testing.assert_array_equal(written, predict(volume.open(13))["classes"].values)
    loaded = load_result(tmp_path / "out")
    assert loaded.dataset["classes"].dims == ("inline", "crossline", "time")
    assert loaded.provenance["input"]["selection"] == "volume"
    loaded.plot()


def test_absent_samples_have_their_own_numbers_in_segy(segy_section, make_record, tmp_path):
    section = segy_section.copy(deep=True)
    section[4:8, 2] = np.nan
    record = make_record("prediction", section)
    PredictionResult(predict(section), record, [], section).save(tmp_path / "out")
    assert (open_segy(tmp_path / "out" / "class.sgy").values[4:8, 2] == ABSENT_CLASS).all()
    assert (open_segy(tmp_path / "out" / "entropy.sgy").values[4:8, 2] == ABSENT_NUMBER).all()


def test_a_predicted_cube_is_kept_where_its_file_is_gone(volume, make_record, tmp_path):
    lines = [predict(volume.open(inline)).drop_vars("trace_index") for inline in volume.inlines]
    whole = xr.concat(lines, xr.DataArray(list(volume.inlines), dims="inline", name="inline"))
    record = make_record("prediction", volume.open(volume.middle), volume_shape=volume.shape)
    volume.survey.path.unlink()
    with pytest.warns(IncompleteResultWarning, match="No SEG-Y"):
        PredictionResult(whole, record, [], volume).save(tmp_path / "out")
    np.testing.assert_array_equal(
        load_result(tmp_path / "out").dataset["classes"].transpose(*whole["classes"].dims), whole["classes"]
    )


def test_picks_have_x_and_y_where_the_trace_headers_have_them(tmp_path):
    line = xr.DataArray(
        [812.5, np.nan, 814.0],
        {
            "crossline": [7, 8, 9],
            "inline": 5,
            "cdp_x": ("crossline", [1e5, 2e5, 605835.5]),
            "cdp_y": ("crossline", [1, 2, 3]),
        },
        ["crossline"],
    )
    write_picks(tmp_path / "with.txt", [line], "Upper", "time")
    rows = (tmp_path / "with.txt").read_text("utf-8").splitlines()
    assert rows[1:] == ["inline crossline x y time", "5 7 100000.00 1.00 812.500", "5 9 605835.50 3.00 814.000"]
    write_picks(tmp_path / "without.txt", [line.drop_vars(["cdp_x", "cdp_y"])], "Upper", "time")
    assert (tmp_path / "without.txt").read_text("utf-8").splitlines()[1] == "inline crossline time"
