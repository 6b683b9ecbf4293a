"""The experiment on facies: a tiny run says all, and what it counts is counted rightly."""

import csv
import json

import numpy as np
import pytest

from seisdream.errors import SeisdreamError
from seisdream.research.experiments import facies
from seisdream.research.experiments.base import run_experiment
from seisdream.seismic.sections import make_section

N = len(facies.CLASSES)


def test_gains_are_those_of_the_class_that_was_asked_for():
    gains = np.full((2, N, N), -0.1)
    gains[0, np.arange(N), np.arange(N)] = 0.3
    gains[1, np.arange(N), np.arange(N)] = 0.1
    gains[1, :, 0] = 0.2  # The first class gains most whatever is asked for, in the second section.
    told = facies._directed({"judge": gains}, seed=0)["judge"]
    assert told["gain"] == pytest.approx((0.3 + (0.1 * (N - 1) + 0.2) / N) / 2)
    # Others asked for bring -0.1 along in the first section, and in the second, but for the first class, too.
    assert told["beyond"] == pytest.approx((0.4 + (0.2 * (N - 1) + 0.0) / N) / 2)
    assert told["more"] == 1.0
    assert told["most"] == pytest.approx((1.0 + 1 / N) / 2)
    assert told["most_interval"][0] <= told["most"] <= told["most_interval"][1]


def test_judges_agree_where_both_see_the_same_class_grow():
    first, second = np.zeros((4, 1, N)), np.zeros((4, 1, N))
    first[:, 0, 3] = [0.2, 0.2, 0.2, 0.01]
    second[:, 0, 3] = [0.1, 0.1, 0.0, 0.1]
    second[2, 0, 5] = 0.1
    told = facies._agreed({"one": first, "other": second}, 0, seed=0)
    assert told["agreed"] == 0.5
    assert told["by_chance"] == pytest.approx(0.75)
    assert told["towards"] == {facies.CLASSES[3]: 2}


def test_networks_without_these_facies_are_refused():
    with pytest.raises(SeisdreamError, match="f3-intervals does not tell the ten facies"):
        facies.open_dreamers("f3-intervals", None)


def _not_at_hand(*args, **options):
    raise SeisdreamError("It cannot be fetched.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The experiment as small as it can be, without what would be fetched."""
    path = tmp_path_factory.mktemp("run") / "facies"
    opened, loaded = facies.open_section, facies.load_network
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facies, "QUICK", facies.Size(1, 48, 1, 2, 3))
        patch.setattr(facies, "STEPS", (1,))
        patch.setattr(facies, "LAYERS", ("enc2", "enc3"))
        patch.setattr(facies, "open_section", lambda name, **o: opened("noise:48x64") if name != facies.REAL_LINE
                      else _not_at_hand())  # fmt: skip
        patch.setattr(facies, "load_network", lambda name, **o: _not_at_hand() if name == facies.PHOTOS
                      else loaded(name, **o))  # fmt: skip
        run_experiment("facies", path, is_quick=True, seed=1)
    return path


def test_a_run_writes_results_figures_and_a_page_that_is_made_of_them(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {"results.json", "page.md", "gains.csv", "sheet.png", "judged.png"}
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert list(results["networks"]) == ["facies", "facies@random", "f3-intervals"]
    assert "GoogLeNet was left out" in results["notes"][0]
    assert "F3 was not at hand" in results["shown"]
    assert set(results["by_depth"]) == {"enc2", "enc3"}
    assert all(len(channels) == N for channels in results["channels"].values())
    for by_judge in (*results["asked"].values(), *results["by_steps"].values(), *results["by_depth"].values()):
        assert set(by_judge) == {facies.NETWORK_JUDGE, facies.ATTRIBUTE_JUDGE}
    with (folder / "gains.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2 * 2 * N
    page = (folder / "page.md").read_text("utf-8")
    assert facies.page(results, "{}.png") == page
    for heading in ("What would change the answer", "What was not tested", "Data, credit and licence"):
        assert f"## {heading}" in page


def test_without_the_real_line_the_built_in_section_is_shown(monkeypatch):
    def open_one(name):
        if name == facies.REAL_LINE:
            raise SeisdreamError("cannot be fetched")
        return make_section(np.ones((40, 50)), dt_ms=4.0, source=name)

    monkeypatch.setattr(facies, "open_section", open_one)
    told, section = facies._shown(None, facies.QUICK)
    assert "built-in" in told
    assert section.attrs["source"] == "sample:built-in"
    with pytest.raises(SeisdreamError, match="cannot be fetched"):
        facies._shown(facies.REAL_LINE, facies.QUICK)
