"""The experiment on care: planted shortcuts, a generated survey, and a minimal run."""

import csv
import json

import numpy as np
import pytest

from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.research.experiments import care, few_shot
from seisdream.research.experiments.base import run_experiment
from seisdream.research.experiments.care_page import make_page
from seisdream.research.experiments.shortcut_images import SIDE, ShortcutImages, Windows, cut_windows
from seisdream.research.experiments.shortcut_models import ShortcutSize, train_classifier
from seisdream.research.shortcuts import NONE, SHORTCUTS

# A tiny survey: two of its lines are labelled.
TINY = care.CareSize((1, 2), 1, ShortcutSize(n_planted=3, n_clean=2, n_steps=1, n_earths=12, n_images=20))


@pytest.fixture(scope="module")
def windows():
    rng = np.random.default_rng(0)
    return Windows(tuple(rng.standard_normal((8, SIDE, SIDE)).astype(np.float32) for _ in range(2)))


@pytest.mark.parametrize("shortcut", [NONE, *SHORTCUTS])
def test_only_the_planted_feature_correlates_with_the_class(windows, shortcut):
    images, classes = ShortcutImages(windows, shortcut, 5).stack(200)
    features = {
        "corner mark": (images[:, 2:7, 2:7] > 0.75).all((1, 2)),
        "depth": (images.mean(2) ** 2).argmax(1) > SIDE // 2,
        "gain": images.std((1, 2)) > np.median(images.std((1, 2))),
    }
    for name, is_present in features.items():
        agreement = (is_present == classes).mean()
        assert agreement > 0.9 if name == shortcut else 0.35 < agreement < 0.65, name
        assert 0.3 < is_present.mean() < 0.7


def test_windows_have_unit_standard_deviation_and_are_split_without_loss():
    found = cut_windows(3, 12)
    assert all(len(one) for one in found.by_class)
    for one in found.by_class:
        np.testing.assert_allclose(one.std((1, 2)), 1.0, rtol=1e-3)
    first, rest = found.split(0.5)
    assert [len(a) + len(b) for a, b in zip(first.by_class, rest.by_class, strict=True)] == [
        len(one) for one in found.by_class
    ]


def test_intervals_of_the_generated_survey_follow_age():
    data = few_shot.make_survey(0)
    section, codes = data.lines[3].open()
    assert section.shape == codes.shape == (128, 128)
    assert set(np.unique(codes)) <= set(range(6))
    assert (np.diff(codes.astype(int), axis=0) >= 0).mean() > 0.99


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The smallest possible run of the experiment."""
    path = tmp_path_factory.mktemp("run") / "care"
    run_experiment("care", path, is_quick=True, size=TINY, seed=1, inputs={"robust": 0.02})
    return path


@pytest.mark.slow
def test_a_run_writes_results_figures_and_a_page_made_from_them(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {"results.json", "page.md", "labels.csv", "shortcuts.csv", "labels.png", "shortcuts.png"}
    results = json.loads((folder / "results.json").read_text("utf-8"))
    starts = [(row["n_labelled"], row["start"], row["selection"]) for row in results["few_labels"]["rows"]]
    assert starts == [
        (1, "facies", few_shot.EVENLY_SPACED),
        (1, few_shot.SCRATCH, few_shot.EVENLY_SPACED),
        (2, "facies", few_shot.EVENLY_SPACED),
        (2, few_shot.SCRATCH, few_shot.EVENLY_SPACED),
        (2, "facies", few_shot.MOST_UNCERTAIN),
    ]
    distant = set(results["few_labels"]["distant"])
    assert not distant & {line for row in results["few_labels"]["rows"] for line in row["lines"]}
    assert [row["planted"] for row in results["shortcuts"]["networks"]] == [*SHORTCUTS, NONE, NONE]
    assert results["shortcuts"]["detections"]["combined"]["n"] == 3
    assert results["robust_shortcuts"]["detections"]["combined"]["n"] == 3
    assert results["command"] == "seisdream experiment care --quick --seed 1 --robust 0.02"
    with (folder / "shortcuts.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5
    page = (folder / "page.md").read_text("utf-8")
    assert make_page(results, "{}.png") == page
    for heading in ("What would change the answer", "What was not tested", "Data, credit and licence"):
        assert f"## {heading}" in page


def test_a_robust_classifier_is_another_than_one_trained_as_usual(windows, tmp_path):
    first, again, robust = (
        train_classifier(windows, NONE, 3, 3, tmp_path / str(number), robust=radius).module.logits.weight
        for number, radius in enumerate((0.0, 0.0, 0.1))
    )
    assert (first == again).all()
    assert (first != robust).any()


def test_unusable_inputs_are_refused(tmp_path):
    with raises("incompatible", option="photos"):
        run_experiment("care", tmp_path / "one", inputs={"photos": "x"})
    with pytest.raises(SeisdreamError):
        run_experiment("care", tmp_path / "two", network="gabor")
