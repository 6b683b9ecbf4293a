"""A folder of controls: maps, SEG-Y, the table of blocks, the figure."""

import csv

import numpy as np
import pytest

from errors import raises
from seisdream.io.segy import open_segy, read_text_header
from seisdream.plotting.controls import ControlsPanel
from seisdream.results.control_result import BLOCK_COLUMNS, ControlResult
from seisdream.results.load import load_result

RESULT = {"conclusion": "It exceeds chance.", "stability": {"section": 0.5}, "measures": {"activation": []}}


@pytest.fixture
def result(segy_section, make_record):
    effect = segy_section.copy(data=np.full(segy_section.shape, 3.0, np.float32))
    effect[:, 1] = np.nan
    maps = effect.to_dataset(name="activation_effect").assign(activation_q=effect / 30)
    edges = {"time_first": 0, "time_last": 60, "crossline_first": 5, "crossline_last": 9}
    block = dict(zip(BLOCK_COLUMNS, ("activation", "gabor", 3.0, 0.01, 0.02, 0.03, 1), strict=True))
    record = make_record("controls", segy_section, result=RESULT)
    return ControlResult(
        maps,
        record,
        [],
        segy_section,
        stability={"section": 0.5},
        conclusion="It exceeds chance.",
        blocks=[edges | block],
        panels=[ControlsPanel("Activation, gabor", effect)],
        is_significant=np.isfinite(effect.values),
    )


def test_the_folder_has_the_fixed_files(result, tmp_path):
    files = result.save(tmp_path / "out")
    names = ["activation-effect.npy", "activation-effect.sgy", "activation-q.npy", "activation-q.sgy"]
    assert sorted(path.name for path in files) == [*names, "controls.json", "figure.png", "index.html", "regions.csv"]
    with (tmp_path / "out" / "regions.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["time_first", "time_last", "crossline_first", "crossline_last", *BLOCK_COLUMNS]
    assert row["significant"] == "1"


def test_absent_samples_are_not_significant_in_segy(result, tmp_path):
    result.save(tmp_path / "out")
    for name, absent, present in (("activation-effect", 0.0, 3.0), ("activation-q", 1.0, 0.1)):
        values = open_segy(tmp_path / "out" / f"{name}.sgy").values
        assert (values[:, 1] == absent).all()
        np.testing.assert_allclose(values[:, 2], present, rtol=1e-6)
    assert "CONTROLLED BY SEISDREAM" in " ".join(read_text_header(tmp_path / "out" / "activation-q.sgy"))


def test_it_is_summarized_and_read_back(result, tmp_path):
    result.save(tmp_path / "out", segy="none")
    assert result.summary()["result"] == RESULT
    loaded = load_result(tmp_path / "out")
    assert set(loaded.dataset) == {"activation_effect", "activation_q"}
    titles = [axes.get_title(loc="left") for axes in loaded.plot().axes if axes.images]
    assert titles == ["Section", "Activation effect"]


def test_maps_of_another_shape_are_refused(result, tmp_path):
    result.source = result.source[:-1]
    with raises("wrong-shape", "section"):
        result.save(tmp_path / "out")
