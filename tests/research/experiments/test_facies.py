"""The experiment on facies: gains and agreement of known cases, and a quick run."""

import csv

import numpy as np
import pytest

from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.research.experiments import facies
from seisdream.research.experiments.dream_ratings import ATTRIBUTE_TREES, INDEPENDENT_NETWORK
from seisdream.research.experiments.facies_gains import measure_agreement, measure_gains
from seisdream.research.experiments.facies_page import make_page
from seisdream.seismic.sections import make_section

N = len(facies.CLASSES)


def test_gains_are_those_of_the_target_class():
    gains = np.full((2, N, N), -0.1)
    gains[0, np.arange(N), np.arange(N)] = 0.3
    gains[1, np.arange(N), np.arange(N)] = 0.1
    gains[1, :, 0] = 0.2  # In the second section the first class gains most whatever the target.
    row = measure_gains({"classifier": gains}, seed=0)["classifier"]
    assert row["gain"] == pytest.approx((0.3 + (0.1 * (N - 1) + 0.2) / N) / 2)
    # With other targets a class gains -0.1, except for the first class in the second section.
    assert row["specific_gain"] == pytest.approx((0.4 + (0.2 * (N - 1) + 0.0) / N) / 2)
    assert row["increased"] == 1.0
    assert row["largest"] == pytest.approx((1.0 + 1 / N) / 2)
    assert row["largest_interval"][0] <= row["largest"] <= row["largest_interval"][1]


def test_classifiers_agree_where_both_see_the_same_class_grow():
    first, second = np.zeros((4, N)), np.zeros((4, N))
    first[:, 3] = [0.2, 0.2, 0.2, 0.01]
    second[:, 3] = [0.1, 0.1, 0.0, 0.1]
    second[2, 5] = 0.1
    row = measure_agreement([first, second], facies.CLASSES, seed=0)
    assert row["agreement"] == 0.5
    assert row["by_chance"] == pytest.approx(0.75)
    assert row["facies"] == {facies.CLASSES[3]: 2}


def test_networks_without_these_facies_are_refused():
    with raises("incompatible", option="network"):
        facies.open_dreamers("f3-intervals", None)


def _unavailable(*args, **options):
    raise SeisdreamError("It cannot be fetched.", code="download-failed")


def test_without_its_weights_googlenet_is_left_out_with_a_note(monkeypatch):
    loaded = facies.load_network
    monkeypatch.setattr(
        facies, "load_network", lambda name, **o: _unavailable() if name == facies.GOOGLENET else loaded(name, **o)
    )
    dreamers, (note,) = facies.open_dreamers("facies-robust", None)
    assert facies.GOOGLENET not in dreamers
    assert "GoogLeNet is left out" in note
    with raises("download-failed"):
        facies.open_dreamers("facies-robust", "weights.safetensors")


@pytest.mark.slow
def test_a_quick_run_writes_results_figures_and_a_page_made_from_them(quick_run):
    results, folder = quick_run("facies")
    names = {path.name for path in folder.iterdir()}
    assert names == {"results.json", "page.md", "gains.csv", "sheet.png", "gains.png"}
    networks = ["facies-robust", "facies", "facies-robust@random", "f3-intervals", facies.GOOGLENET]
    assert list(results["networks"]) == networks
    of_facies = ["facies-robust", "facies-robust, preset 2015", "facies", "facies, preset 2015"]
    assert list(results["by_dreamer"]) == list(results["by_facies"]) == [*of_facies, networks[2]]
    assert list(results["undirected"]) == [*of_facies, *networks[2:]]
    assert list(results["by_steps"]) == ["1", "20"]
    assert results["notes"] == []
    assert "F3 is not available" not in results["line"]
    assert set(results["by_layer"]) == {"enc2", "enc4", "enc6"}
    assert all(len(channels) == N for channels in results["channels"].values())
    for by_classifier in (
        *results["by_dreamer"].values(),
        *results["by_steps"].values(),
        *results["by_layer"].values(),
    ):
        assert set(by_classifier) == {ATTRIBUTE_TREES, INDEPENDENT_NETWORK}
    with (folder / "gains.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5 * 2 * N
    page = (folder / "page.md").read_text("utf-8")
    assert make_page(results, "{}.png") == page
    for heading in ("What would change the answer", "What was not tested", "Data, credit and licence"):
        assert f"## {heading}" in page


def test_without_the_real_line_the_built_in_section_is_used(monkeypatch):
    def open_one(name):
        if name == facies.DEFAULT_LINE:
            raise SeisdreamError("It cannot be fetched.", code="download-failed")
        return make_section(np.ones((40, 50)), dt_ms=4.0, source=name)

    monkeypatch.setattr(facies, "open_section", open_one)
    title, section = facies._open_line(None, facies.EXPERIMENT.quick)
    assert "built-in" in title
    assert section.attrs["source"] == "sample:built-in"
    with raises("download-failed"):
        facies._open_line(facies.DEFAULT_LINE, facies.EXPERIMENT.quick)
