"""Several dreams side by side: each is the dream of its seed, and diversity makes them unlike."""

import itertools
import json

import numpy as np
import pytest
import torch
from seisdream.dreaming.batch import Variants, dream_variants, in_company
from seisdream.dreaming.outputs import write_variants

import small_networks
from seisdream.dreaming.dream import Dream, dream_section
from seisdream.dreaming.objectives.feature_matching import Diversity, DreamBatch
from seisdream.dreaming.objectives.parser import is_in_words, parse_objective
from seisdream.dreaming.objectives.terms import Channel
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.tiled_gradient import Gradient
from seisdream.errors import SeisdreamError
from seisdream.seismic.sections import make_section

SETTINGS = {"octaves": 2, "steps": 4, "jitter": 4, "precision": "float32", "allow_small": True}


def section(n_rows=88, n_columns=96):
    return make_section(np.random.default_rng(0).normal(size=(n_rows, n_columns)), dt_ms=4.0)


def network():
    return small_networks.pooled_network()


def picture(seed):
    return 255 * torch.rand(1, 1, 40, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def likeness(dreams, layer="branches"):
    """The mean cosine between the Gram matrices of the dreams' layers."""
    prepared, units = network().prepared(), []
    for dream in dreams:
        look = torch.from_numpy(127.5 + 40 * dream.values)[None, None]
        vectors = prepared.record(look, [layer])[layer].flatten(2)[0]
        gram = vectors @ vectors.T
        units.append(gram / gram.norm())
    return np.mean([float((one * other).sum()) for one, other in itertools.combinations(units, 2)])


def test_without_diversity_each_is_the_dream_of_its_seed():
    together = dream_variants(section(), network(), "branches:1", n_dreams=3, seed=5, **SETTINGS)
    for number, dream in enumerate(together):
        alone = Dream(section(), network(), DreamSettings(layer="branches:1", seed=5 + number, **SETTINGS))
        for _ in alone.states():
            pass
        np.testing.assert_array_equal(dream, alone.section)


def test_diversity_makes_them_unlike():
    alike = dream_variants(section(), network(), "branches:1", n_dreams=3, **SETTINGS)
    unlike = dream_variants(section(), network(), "branches:1 + 1e4*diversity:branches", n_dreams=3, **SETTINGS)
    assert 1.0 - likeness(unlike) > 3.0 * (1.0 - likeness(alike))


def test_the_slope_is_that_of_the_score_and_tiles_give_the_same():
    own, company = network(), DreamBatch(2)
    prepared = own.prepared(precision="float64")
    term = Diversity("branches", company=company)
    first = Gradient(prepared, (term,))(picture(1))
    assert first[0] == 0.0
    assert not first[1].any(), "the first has nothing to differ from"
    company.turn = 1
    assert Gradient(prepared, (term,))(picture(1))[0] == pytest.approx(-1.0), "the same texture"
    score, uphill = Gradient(prepared, (term,))(picture(0))
    assert -1.0 < score < 0.0
    step = 1e-3 / float(uphill.abs().max())
    slope = (Gradient(prepared, (term,))(picture(0) + step * uphill)[0] - score) / step
    assert slope == pytest.approx(float(uphill.square().sum()), rel=1e-3)


def test_one_alone_has_no_company():
    with pytest.raises(SeisdreamError, match="this one is alone; dream several side by side"):
        Dream(section(), network(), DreamSettings(layer="branches + diversity:branches", **SETTINGS))
    with pytest.raises(SeisdreamError, match="two dreams or more; got 1"):
        dream_variants(section(), network(), "branches", n_dreams=1)
    with pytest.raises(SeisdreamError, match="Got 3 sections for 2 dreams"):
        dream_variants([section()] * 3, network(), "branches", n_dreams=2)


def test_it_is_said_in_words():
    objective = parse_objective("branches:1 + 0.5*diversity:branches")
    assert str(objective) == "branches:1 + 0.5*diversity:branches"
    assert is_in_words(objective)
    assert objective.terms() == (Channel("branches", 1) + 0.5 * Diversity("branches")).terms()


def test_a_folder_holds_them_all(tmp_path):
    objective, company = in_company(parse_objective("branches:1 + diversity:branches"), 2)
    dreams = [Dream(section(), network(), DreamSettings(seed=seed, **SETTINGS), objective=objective) for seed in (0, 1)]
    seen = [dream for dream, _ in Variants(dreams, company).states()]
    assert [seen.count(dream) for dream in dreams] == [8, 8]
    files = write_variants(dreams, tmp_path / "v")
    assert all(file.is_file() for file in files)
    assert json.loads((tmp_path / "v" / "variants.json").read_text())["seeds"] == {"1": 0, "2": 1}
    for number, dream in enumerate(dreams, start=1):
        np.testing.assert_array_equal(np.load(tmp_path / "v" / str(number) / "dream.npy"), dream.section)
        story = json.loads((tmp_path / "v" / str(number) / "recipe.json").read_text())
        assert story["why_no_replay"] is not None


def test_in_tiles_they_are_as_unlike():
    asked = "pool:1 + 1e4*diversity:pool"
    whole, tiled = (dream_variants(section(), network(), asked, n_dreams=2, **SETTINGS, tile=tile) for tile in (0, 32))
    for one, other in zip(whole, tiled, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_a_small_section_is_dreamed_at_the_layer_that_fits_it():
    small = make_section(np.random.default_rng(0).normal(size=(64, 64)), dt_ms=4.0)
    one, other = dream_variants(small, "facies", n_dreams=2, octaves=1, steps=1)
    np.testing.assert_array_equal(one, dream_section(small, "facies", octaves=1, steps=1))
    assert not np.array_equal(one, other)
