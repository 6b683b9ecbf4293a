"""The experiment on care: what is planted is what is told apart, and a tiny run says all."""

import csv
import json

import numpy as np
import pytest

from seisdream.errors import SeisdreamError
from seisdream.research.experiments import care
from seisdream.research.experiments import few_shot as few_labels
from seisdream.research.experiments.base import run_experiment
from seisdream.research.experiments.shortcut_models import SIDE, Plan, Planted, Windows, cut_windows
from seisdream.research.shortcuts import NONE, SHORTCUTS

# A tiny survey: two of its lines are labelled.
TINY = care.Size((1, 2), 1, Plan(n_planted=3, n_honest=2, n_steps=1, n_earths=12, n_pictures=20))


@pytest.fixture(scope="module")
def windows():
    rng = np.random.default_rng(0)
    return Windows(tuple(rng.standard_normal((8, SIDE, SIDE)).astype(np.float32) for _ in range(2)))


@pytest.mark.parametrize("shortcut", [NONE, *SHORTCUTS])
def test_only_the_planted_thing_goes_with_the_class(windows, shortcut):
    pictures, kinds = Planted(windows, shortcut, 5).stack(200)
    shown = {
        "corner mark": (pictures[:, 2:7, 2:7] > 0.75).all((1, 2)),
        "depth": (pictures.mean(2) ** 2).argmax(1) > SIDE // 2,
        "gain": pictures.std((1, 2)) > np.median(pictures.std((1, 2))),
    }
    for name, says in shown.items():
        agrees = (says == kinds).mean()
        assert agrees > 0.9 if name == shortcut else 0.35 < agrees < 0.65, name
        assert 0.3 < says.mean() < 0.7


def test_windows_are_of_one_kind_and_unit_deviation():
    found = cut_windows(3, 12)
    assert all(len(one) for one in found.of_kind)
    for one in found.of_kind:
        np.testing.assert_allclose(one.std((1, 2)), 1.0, rtol=1e-3)
    first, rest = found.split(0.5)
    assert [len(a) + len(b) for a, b in zip(first.of_kind, rest.of_kind, strict=True)] == [
        len(one) for one in found.of_kind
    ]


def test_a_survey_is_made_whose_intervals_follow_age():
    data = few_labels.make_survey(0)
    section, codes = data.lines[3].open()
    assert section.shape == codes.shape == (128, 128)
    assert set(np.unique(codes)) <= set(range(6))
    assert (np.diff(codes.astype(int), axis=0) >= 0).mean() > 0.99


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The experiment as small as it can be."""
    path = tmp_path_factory.mktemp("run") / "care"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(care, "QUICK", TINY)
        run_experiment("care", path, is_quick=True, seed=1)
    return path


def test_a_run_writes_results_figures_and_a_page_that_is_made_of_them(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {"results.json", "page.md", "labels.csv", "planted.csv", "labels.png", "shortcuts.png"}
    results = json.loads((folder / "results.json").read_text("utf-8"))
    starts = [(row["n_labelled"], row["start"], row["chosen"]) for row in results["labels"]["rows"]]
    assert starts == [
        (1, "facies", few_labels.EVENLY),
        (1, few_labels.SCRATCH, few_labels.EVENLY),
        (2, "facies", few_labels.EVENLY),
        (2, few_labels.SCRATCH, few_labels.EVENLY),
        (2, "facies", few_labels.DOUBTFUL),
    ]
    far = set(results["labels"]["far"])
    assert not far & {line for row in results["labels"]["rows"] for line in row["lines"]}
    assert [row["planted"] for row in results["shortcuts"]["networks"]] == [*SHORTCUTS, NONE, NONE]
    assert results["shortcuts"]["shares"]["together"]["n"] == 3
    with (folder / "planted.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5
    page = (folder / "page.md").read_text("utf-8")
    assert care.page(results, "{}.png") == page
    for heading in ("What would change the answer", "What was not tested", "Data, credit and licence"):
        assert f"## {heading}" in page


def test_what_it_has_no_use_for_is_refused(tmp_path):
    with pytest.raises(SeisdreamError, match=r"care has no use for --photos"):
        run_experiment("care", tmp_path / "one", inputs={"photos": "x"})
    with pytest.raises(SeisdreamError, match="gabor is no network that seisdream trained"):
        run_experiment("care", tmp_path / "two", network="gabor")
