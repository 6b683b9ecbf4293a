"""An attribution's folder: the map, its SEG-Y, its figure, and the randomization test."""

import base64
import json
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from errors import raises
from seisdream.attribution.target import point_mask
from seisdream.io.segy import open_segy, read_text_header
from seisdream.results.attribution_result import ABSENT_ATTRIBUTION, AttributionResult
from seisdream.results.load import load_result

RESULT = {
    "target": "class:salt",
    "target_score": "logit",
    "score": 2.5,
    "window_rows": [4, 20],
    "window_columns": [0, 5],
}


@pytest.fixture
def result(segy_section, make_record):
    map_ = segy_section.copy(data=np.random.default_rng(0).normal(size=segy_section.shape).astype(np.float32))
    map_[:, 1] = np.nan
    record = make_record("attribution", segy_section, result=RESULT)
    return AttributionResult(map_.to_dataset(name="attribution"), record, [], segy_section)


def test_the_map_is_written_as_an_array_a_figure_and_segy(result, tmp_path):
    files = result.save(tmp_path / "out")
    names = ["attribution.json", "attribution.npy", "attribution.sgy", "figure.png", "index.html"]
    assert sorted(path.name for path in files) == names
    written = open_segy(tmp_path / "out" / "attribution.sgy")
    assert (written.values[:, 1] == ABSENT_ATTRIBUTION).all()
    np.testing.assert_array_equal(written.values[:, 2], result.dataset["attribution"].values[:, 2])
    lines = " ".join(read_text_header(tmp_path / "out" / "attribution.sgy"))
    assert "ATTRIBUTED BY SEISDREAM" in lines
    assert "salt, integrated-gradients, gabor" in lines


def test_it_is_read_back_and_drawn_alike(result, tmp_path):
    result.save(tmp_path / "out", segy="none")
    loaded = load_result(tmp_path / "out")
    assert loaded.summary()["result"] == RESULT
    (title,) = (text.get_text() for text in loaded.plot().texts if text.get_text())
    assert "attribution of class:salt in gabor" in title
    assert loaded.plot().axes[0].get_ylim() == result.plot().axes[0].get_ylim()


def test_the_page_has_a_ring_at_the_point_that_is_explained(result, tmp_path):
    result.target_mask = point_mask((7, 20), result.source)
    result.save(tmp_path / "out", segy="none")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert data["point"] == [7, 20]


def test_the_page_shows_nothing_outside_the_receptive_field(result, tmp_path):
    result.save(tmp_path / "out", segy="none")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    payload = data["after"][0]["section"]
    samples = np.frombuffer(zlib.decompress(base64.b64decode(payload["samples"])), "<i2").reshape(payload["shape"])
    present = np.delete(samples, 1, axis=1)
    assert not present[:4].any()
    assert not present[20:].any()
    assert present[4:20].all()


@pytest.mark.drawn
def test_the_randomization_test_is_written_and_drawn(result, tmp_path):
    maps = {"trained": result.dataset["attribution"], "all, seed 1": result.dataset["attribution"]}
    rows = (SimpleNamespace(name="all, seed 1", signed=1.0, strength=1.0),)
    result.randomization = SimpleNamespace(
        maps=maps, rows=rows, sentence="The map depends on nothing.", as_dict=lambda: {"outcome": "does not"}
    )
    result.save(tmp_path / "out")
    assert (tmp_path / "out" / "sanity.png").exists()
    record = json.loads((tmp_path / "out" / "attribution.json").read_text("utf-8"))
    assert record["result"] == RESULT | {"randomization": {"outcome": "does not"}}


def test_the_traces_of_a_whole_file_are_refused(result, tmp_path):
    with raises("out-of-range", "segy"):
        result.save(tmp_path / "out", segy="whole")
    assert not (tmp_path / "out").exists()


def test_a_map_of_another_shape_is_refused(result, tmp_path):
    result.source = result.source[:-1]
    with raises("wrong-shape", "section"):
        result.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()
