"""Experiments write a folder whose page is made from its results."""

import csv
import json

import numpy as np
import pytest

from errors import raises
from seisdream.io.tables import markdown_table
from seisdream.models.registry import load_network
from seisdream.research.experiments import sight
from seisdream.research.experiments.base import MODULES, find_experiment
from seisdream.research.experiments.error_dreams import dream_on_errors
from seisdream.research.experiments.pages import format_interval, format_number, format_percent
from seisdream.research.experiments.sight_page import _compare, _describe_dreams, make_page
from seisdream.research.psychophysics.sensitivity import estimate_dprime
from seisdream.research.psychophysics.study import (
    IDEAL,
    LEVELS_DB,
    NETWORK,
    OBSERVERS,
    ROBUST,
    TrialResponses,
)
from seisdream.research.psychophysics.targets import TARGETS

N_PAIRS = sight.EXPERIMENT.quick.n_test * len(TARGETS) * len(LEVELS_DB)


def test_every_experiment_is_found_by_its_name():
    for name in MODULES:
        assert find_experiment(name).question.endswith("?")
    with raises("unknown-name", option="name"):
        find_experiment("sigth")


def test_a_table_in_markdown():
    assert markdown_table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


@pytest.fixture(scope="module")
def folder(quick_run):
    """A quick run of the experiment on sight."""
    return quick_run("sight")[1]


@pytest.mark.slow
def test_sight_writes_results_figures_and_a_page(folder):
    names = {path.name for path in folder.iterdir()}
    figures = {f"{name}.png" for name in ("psychometric", "efficiency", "roc", "artefacts", "gallery")}
    assert names == {"results.json", "page.md", "trials.csv"} | figures
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert set(results["overall"]) == set(OBSERVERS)
    assert results["overall"][IDEAL]["efficiency"] == 1.0
    assert results["overall"][NETWORK]["n_pairs"] == N_PAIRS
    with (folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * N_PAIRS
    assert sum(int(row["has_target"]) for row in rows) == N_PAIRS


@pytest.mark.slow
def test_the_page_is_made_from_the_results_alone_and_names_its_figures(folder):
    results = json.loads((folder / "results.json").read_text("utf-8"))
    page = (folder / "page.md").read_text("utf-8")
    assert make_page(results, "{}.png") == page
    for heading in ("What would change the answer", "What was not tested", "Data, credit and licence"):
        assert f"## {heading}" in page
    assert f"{results['overall'][NETWORK]['proportion_correct']:.2f}" in page
    assert "nobody has taken part" in page
    for name in ("psychometric", "efficiency", "roc", "artefacts", "gallery"):
        assert f"({name}.png)" in page


@pytest.mark.slow
def test_the_gallery_holds_false_alarms_that_attributes_do_not_share(folder):
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert len(results["gallery"]) <= 8
    for error in results["gallery"]:
        assert error["network"] > 0.5 > error["attributes"]


def test_a_robust_network_is_compared_with_the_network_on_the_same_pairs():
    rng, n = np.random.default_rng(0), 60
    without = rng.standard_normal((n, 1))
    responses = TrialResponses(
        seed=np.arange(n),
        kind=np.repeat(list(TARGETS), n // len(TARGETS)),
        snr_db=np.tile(LEVELS_DB, n // len(LEVELS_DB)),
        artefact=np.full((n, 2), ""),
        ideal_d_prime=np.full(n, 5.0),
        # The robust network is always right; the others guess.
        scores={
            name: np.hstack([without, without + 1.0 if name == ROBUST else rng.standard_normal((n, 1))])
            for name in OBSERVERS
        },
    )
    assert estimate_dprime(responses, ROBUST, n_bootstrap=10)["proportion_correct"] == 1.0
    advantage = sight._advantage(responses, ROBUST)
    assert _compare(advantage, is_other_first=True) == "better than"
    assert _compare(advantage) == "worse than"


def test_false_alarms_are_compared_with_rejections_of_the_same_kind_and_level():
    log_odds = np.array([2.0, -1.0, -3.0, 1.0, -2.0, 0.5])
    responses = TrialResponses(
        seed=np.arange(6),
        kind=np.array(["fault"] * 3 + ["channel"] * 2 + ["flat spot"]),
        snr_db=np.full(6, 4.0),
        artefact=np.full((6, 2), ""),
        ideal_d_prime=np.ones(6),
        scores={NETWORK: np.stack([log_odds, log_odds], axis=1)},
    )
    network = load_network("gabor")
    dreams = dream_on_errors(responses, network, 5)
    # There is no rejection to compare the flat spot with.
    assert (dreams["n"], dreams["layer"]) == (2, network.default_layer)
    assert dreams["difference"] == pytest.approx(dreams["false_alarms"] - dreams["correct_rejections"])
    assert dreams["difference_interval"][0] <= dreams["difference"] <= dreams["difference_interval"][1]
    assert "does not show" in _describe_dreams(dreams | {"difference_interval": [-0.1, 0.1]})
    assert "shows that dreams amplify" in _describe_dreams(dreams | {"difference_interval": [0.1, 0.2]})
    assert dream_on_errors(responses, network, 1)["n"] == 1
    assert "not measured" in _describe_dreams(dream_on_errors(responses, network, 1))


@pytest.mark.slow
def test_the_page_gives_the_command_that_repeats_the_run(folder):
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert results["command"] == "seisdream experiment sight --quick"


def test_numbers_of_a_page_have_a_true_minus_sign_and_no_negative_zero():
    assert [format_number(value) for value in (0.5, -0.5, -0.001)] == ["0.50", "−0.50", "0.00"]
    assert format_percent(0.354) == "35 %"
    assert format_interval({"gain": 0.1, "gain_interval": [-0.2, 0.3]}, "gain") == "0.10 (−0.20 to 0.30)"
