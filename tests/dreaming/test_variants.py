"""Variants: each is the dream of its seed, and diversity makes them differ."""

import itertools
import json

import numpy as np
import pytest
import torch

import small_networks
from errors import raises
from seisdream.dreaming.dream import Dream, dream
from seisdream.dreaming.objectives.parser import is_parsable, parse
from seisdream.dreaming.objectives.terms import Channel
from seisdream.dreaming.objectives.textures import Diversity, DreamBatch
from seisdream.dreaming.tiled_gradient import TiledGradient
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import make_section

SETTINGS = {"octaves": 2, "steps": 4, "jitter": 4, "precision": "float32", "allow_undersized": True}


def section(n_rows=88, n_columns=96):
    return make_section(np.random.default_rng(0).normal(size=(n_rows, n_columns)), dt_ms=4.0)


def network():
    return small_networks.pooled_network()


def image(seed):
    return 255 * torch.rand(1, 1, 40, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def variants(objective, n_dreams=3, **settings):
    return dream(section(), network(), objective, variants=n_dreams, **{**SETTINGS, **settings}).dream.values


def similarity(dreams, layer="branches"):
    """The mean cosine between the Gram matrices of the dreams' layers."""
    prepared, units = PreparedNetwork(network()), []
    for values in dreams:
        grey = torch.from_numpy(127.5 + 40 * values)[None, None]
        vectors = prepared.record(grey, [layer])[layer].flatten(2)[0]
        gram = vectors @ vectors.T
        units.append(gram / gram.norm())
    return np.mean([float((one * other).sum()) for one, other in itertools.combinations(units, 2)])


def test_without_diversity_each_is_the_dream_of_its_seed():
    for number, one in enumerate(variants("branches:1", seed=5)):
        alone = dream(section(), network(), "branches:1", seed=5 + number, **SETTINGS).dream
        np.testing.assert_array_equal(one, alone)


def test_diversity_makes_them_differ():
    objectives = "branches:1", "branches:1 + 1e4*diversity:branches"
    alike, diverse = (variants(one, parameterization="pixel", step_size=1.5) for one in objectives)
    assert 1.0 - similarity(diverse) > 3.0 * (1.0 - similarity(alike))


def test_the_gradient_of_diversity_is_that_of_its_score():
    batch = DreamBatch(2)
    evaluate = TiledGradient(PreparedNetwork(network(), precision="float64"), (Diversity("branches", batch=batch),))
    score, gradient = evaluate(image(1))
    assert score == 0.0
    assert not gradient.any(), "the first has nothing to differ from"
    batch.turn = 1
    assert evaluate(image(1))[0] == pytest.approx(-1.0), "the same texture"
    score, gradient = evaluate(image(0))
    assert -1.0 < score < 0.0
    step = 1e-3 / float(gradient.abs().max())
    slope = (evaluate(image(0) + step * gradient)[0] - score) / step
    assert slope == pytest.approx(float(gradient.square().sum()), rel=1e-3)


def test_in_tiles_they_differ_alike():
    objective = "pool:1 + 1e4*diversity:pool"
    whole, tiled = (variants(objective, 2, tile=tile) for tile in (0, 32))
    np.testing.assert_allclose(whole, tiled, atol=2e-3)


def test_diversity_needs_several_dreams():
    with raises("incompatible", "variants"):
        Dream(section(), network(), "branches + diversity:branches", **SETTINGS)
    with raises("out-of-range", "variants"):
        Dream(section(), network(), "branches", variants=1)
    with raises("wrong-shape", "variants"):
        Dream([section()] * 3, network(), "branches", variants=2)


def test_diversity_is_part_of_objective_syntax():
    objective = parse("branches:1 + 0.5*diversity:branches")
    assert str(objective) == "branches:1 + 0.5*diversity:branches"
    assert is_parsable(objective)
    assert objective.terms() == (Channel("branches", 1) + 0.5 * Diversity("branches")).terms()


def test_a_small_section_is_dreamed_at_the_layer_that_fits_it():
    small = make_section(np.random.default_rng(0).normal(size=(64, 64)), dt_ms=4.0)
    one, other = dream(small, "facies", variants=2, octaves=1, steps=1).dream.values
    np.testing.assert_array_equal(one, dream(small, "facies", octaves=1, steps=1).dream)
    assert not np.array_equal(one, other)


@pytest.mark.usefixtures("without_figures")
def test_the_result_holds_each_variant_as_a_result_of_its_own(tmp_path):
    run = Dream(section(), network(), "branches:1 + diversity:branches", variants=2, seed=4, **SETTINGS)
    states = list(run.states())
    assert [len(state.scores) for state in states] == [2] * 8
    assert states[0].score == pytest.approx(np.mean(states[0].scores))
    result = run.result()
    assert result.dataset["dream"].dims == ("variant", "time", "trace")
    assert result.dataset["variant"].values.tolist() == [1, 2]
    assert len(result.provenance["result"]["samples_sha256"]) == 2
    for number, one in enumerate(result.variants):
        assert one.settings.seed == 4 + number
        assert one.settings.variants is None
        assert [row["score"] for row in one.scores] == [state.scores[number] for state in states]
        np.testing.assert_array_equal(one.dream, result.dream[number])
    result.save(tmp_path / "v")
    record = json.loads((tmp_path / "v" / "variants.json").read_text())
    assert record["seeds"] == {"1": 4, "2": 5}
    np.testing.assert_array_equal(np.load(tmp_path / "v" / "2" / "dream.npy"), result.dream[1])
