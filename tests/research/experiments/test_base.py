"""Experiments leave a folder whose page says what its results say."""

import csv
import json

import numpy as np
import pytest

from seisdream.errors import SeisdreamError
from seisdream.io.tables import markdown_table
from seisdream.models.registry import load_network
from seisdream.research.experiments import sight
from seisdream.research.experiments.base import MODULES, find_experiment, run_experiment
from seisdream.research.experiments.dreamed_errors import about_dreams, dream_on_errors
from seisdream.research.psychophysics.study import IDEAL, NETWORK, OBSERVERS, TrialResponses


def test_every_experiment_is_found_by_its_name_and_others_are_not():
    for name in MODULES:
        assert find_experiment(name).question.endswith("?")
    with pytest.raises(SeisdreamError, match="no experiment 'sigth'; did you mean sight"):
        find_experiment("sigth")


def test_a_table_in_markdown():
    assert markdown_table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The experiment on sight, as small as it can be."""
    path = tmp_path_factory.mktemp("run") / "sight"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sight, "QUICK", sight.Size(1, 1))
        run_experiment("sight", path, is_quick=True, seed=2)
    return path


def test_sight_writes_results_figures_and_a_page(folder):
    names = {path.name for path in folder.iterdir()}
    figures = {f"{name}.png" for name in ("psychometric", "efficiency", "roc", "illusions", "gallery")}
    assert names == {"results.json", "page.md", "trials.csv"} | figures
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert set(results["overall"]) == set(OBSERVERS)
    assert results["overall"][IDEAL]["efficiency"] == 1.0
    assert results["overall"][NETWORK]["n_pairs"] == 25
    with (folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 50
    assert sum(int(row["has_target"]) for row in rows) == 25


def test_the_page_is_made_of_the_results_alone_and_names_its_figures(folder):
    results = json.loads((folder / "results.json").read_text("utf-8"))
    page = (folder / "page.md").read_text("utf-8")
    assert sight.page(results, "{}.png") == page
    for heading in ("What would change the answer", "What was not tested", "Data, credit and licence"):
        assert f"## {heading}" in page
    assert f"{results['overall'][NETWORK]['share_correct']:.2f}" in page
    assert "no person has taken part" in page
    for name in ("psychometric", "efficiency", "roc", "illusions", "gallery"):
        assert f"({name}.png)" in page


def test_errors_of_the_gallery_are_errors_that_attributes_do_not_make(folder):
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert len(results["gallery"]) <= 8
    for error in results["gallery"]:
        assert error["network"] > 0.5 > error["attributes"]


def test_dreams_on_errors_are_set_beside_those_on_rejections_of_the_same_kind_and_level():
    said = np.array([2.0, -1.0, -3.0, 1.0, -2.0, 0.5])
    watched = TrialResponses(
        seed=np.arange(6),
        kind=np.array(["fault"] * 3 + ["channel"] * 2 + ["flat spot"]),
        snr_db=np.full(6, 4.0),
        illusion=np.full((6, 2), ""),
        ideal_d_prime=np.ones(6),
        scores={NETWORK: np.stack([said, said], axis=1)},
    )
    network = load_network("gabor")
    told = dream_on_errors(watched, network, 5)
    # The flat spot has nothing beside it but itself.
    assert (told["n"], told["layer"]) == (2, network.default_layer)
    assert told["difference"] == pytest.approx(told["errors"] - told["rejections"])
    assert told["difference_interval"][0] <= told["difference"] <= told["difference_interval"][1]
    assert "is not shown" in about_dreams(told | {"difference_interval": [-0.1, 0.1]})
    assert "do grow" in about_dreams(told | {"difference_interval": [0.1, 0.2]})
    assert dream_on_errors(watched, network, 1)["n"] == 1
    for nothing in (None, dream_on_errors(watched, network, 1)):
        assert "was not measured" in about_dreams(nothing)


def test_the_command_makes_the_same_numbers_again(folder):
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert results["command"] == "seisdream experiment sight --quick --seed 2"
