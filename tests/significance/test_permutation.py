"""Controls on networks and sections whose answers are known."""

import numpy as np
import pytest
from scipy import ndimage, stats

import seisdream
from errors import raises
from seisdream.dreaming.objectives.terms import Channel
from seisdream.models.checkpoints import trained_file
from seisdream.models.registry import load_network
from seisdream.results.control_result import BLOCK_COLUMNS
from seisdream.seismic.sections import make_section
from seisdream.seismic.surrogates import SURROGATES
from seisdream.significance.permutation import PermutationTest, controls
from seisdream.significance.settings import NULLS, ControlSettings
from seisdream.synthetic import FACIES, EarthSettings, make_earth
from small_networks import linear_network, pooled_network
from trained_files import write_unet

QUICK = {"random": 0, "others": False, "measure": "activation"}
needs_facies = pytest.mark.skipif(
    not trained_file("facies").exists(), reason="the facies network is not in this checkout"
)


def dipping_filter():
    """Return a filter of 15 × 15 for waves that go down to the right."""
    rows, columns = np.mgrid[-7:8, -7:8]
    return np.cos(0.9 * rows - 0.6 * columns) * np.exp(-(rows**2 + columns**2) / 25.0) / 100.0


def noise(seed, size=(128, 160)):
    values = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=size), (0.8, 1.5), mode="wrap")
    return values / values.std() * np.linspace(2.0, 0.5, size[0])[:, None]


def planted(seed=0):
    """Return noise with a patch of dipping waves, which fills two blocks of 32 samples."""
    values = noise(seed)
    rows, columns = np.mgrid[64:96, 64:128]
    values[64:96, 64:128] += 2.0 * np.cos(0.9 * rows - 0.6 * columns)
    return make_section(values, dt_ms=4.0)


@pytest.fixture(scope="module")
def dip_network():
    return linear_network(dipping_filter())


@pytest.fixture(scope="module")
def unet(tmp_path_factory):
    return write_unet(tmp_path_factory.mktemp("networks") / "small.safetensors")


def test_every_surrogate_can_be_the_null_hypothesis():
    assert NULLS == SURROGATES


def test_an_image_in_colour_is_tested_too():
    image = np.random.default_rng(0).integers(0, 255, (64, 80, 3)).astype(np.uint8)
    found = controls(image, pooled_network(3), surrogates=4, block=16, octaves=1, steps=1, others=False)
    assert found.dataset.dream.dims == ("row", "column")
    assert found.dataset.dream.attrs["units"] == "grey level"


def test_only_the_pattern_of_the_filter_is_significant(dip_network):
    found = controls(planted(), dip_network, block=32, **QUICK)
    tested = found.responses["activation"][0]
    assert np.argwhere(tested.is_significant(0.05)).tolist() == [[2, 2], [2, 3]]
    assert tested.blocks.effect[2, 2:4].min() > 5
    assert tested.blocks.section_p == pytest.approx(1 / 40)
    assert tested.section_mean > tested.surrogate_mean
    effect, q = found.dataset.activation_effect, found.dataset.activation_q
    assert effect.dims == ("time", "trace")
    assert effect[80, 96] > 5
    assert q[80, 96] < 0.05
    assert np.median(effect) < 1
    assert np.median(q) > 0.5
    assert found.dataset.activation[64:96, 64:128].mean() > 3 * found.dataset.activation[64:96, :48].mean()
    words = found.conclusion
    assert words.startswith("In 2 of 20 blocks (10 %) the activation of filter in linear exceeds")
    assert "p = 0.025 for the strongest block" in words
    assert "in the subsurface" in words


@pytest.mark.slow
def test_noise_is_not_significant(dip_network):
    n_sections, n_significant, n_exact = 30, 0, 0
    for seed in range(n_sections):
        section = make_section(noise(100 + seed, (96, 128)), dt_ms=4.0)
        tested = controls(section, dip_network, surrogates=19, **QUICK).responses["activation"][0]
        n_significant += bool(tested.is_significant(0.05).any())
        n_exact += tested.blocks.section_p <= 0.05
    for n_hits in (n_significant, n_exact):
        assert stats.binomtest(n_hits, n_sections, 0.05, alternative="greater").pvalue > 0.01


def test_a_conclusion_without_significant_blocks(dip_network):
    found = controls(make_section(noise(5), dt_ms=4.0), dip_network, surrogates=19, **QUICK)
    words = found.conclusion
    assert words.startswith("In none of 20 blocks")
    assert "in the subsurface" not in words
    assert "that takes at least 20" in words


def test_dreams_are_tested_too_and_their_seeds_are_compared(dip_network):
    section = planted()
    found = controls(section, dip_network, measure="dream", random=0, others=False, surrogates=19, octaves=1, steps=2)
    assert found.responses["dream"][0].is_significant(0.05)[2, 2:4].any()
    assert set(found.dataset) == {"dream", "dream_effect", "dream_q", "stability"}
    # With few steps on a linear network a dream is its gradient at any jitter.
    assert found.stability["section"] > 0.5
    assert found.dataset.stability.max() <= 1.0 + 1e-6
    # In the section's own units: steps of 1.5 grey levels, of which 255 span the amplitudes.
    greys = found.dataset.dream.mean() / (2 * np.percentile(np.abs(section.values), 99) / 255)
    assert 1.0 < greys < 4.0
    assert "Dreams of 3 seeds correlate at" in found.conclusion


def test_the_same_seed_gives_the_same_result_and_another_does_not(unet):
    section = make_section(noise(0, (64, 96)), dt_ms=4.0)
    words = {"surrogates": 6, "block": 16, "steps": 1, "octaves": 1, "seeds": 2}
    first, again, other = (controls(section, str(unet), seed=seed, **words) for seed in (3, 3, 4))
    for name in first.dataset:
        np.testing.assert_array_equal(first.dataset[name], again.dataset[name])
    assert not np.array_equal(first.dataset.activation_effect, other.dataset.activation_effect)
    np.testing.assert_array_equal(first.dataset.activation, other.dataset.activation)


def test_all_networks_are_evaluated_in_the_same_way(unet):
    section = make_section(noise(0, (64, 96)), dt_ms=4.0)
    evaluated = []
    run = PermutationTest(
        section,
        load_network(str(unet)),
        ControlSettings(measure="activation", surrogates=6, block=16, random=2),
        against=[load_network(str(unet)), pooled_network()],
        on_section=lambda: evaluated.append(1),
    )
    found = run()
    assert len(evaluated) == run.n_evaluations == 5 * 7 + 2 * 2
    tested, *others = found.responses["activation"]
    assert [other.role for other in others] == ["random", "random", "other", "other"]
    assert [other.network.rpartition("@")[2] for other in others[:2]] == ["random:0", "random:1"]
    np.testing.assert_array_equal(others[2].blocks.effect, tested.blocks.effect)
    assert tested.compare(others[2], 0.05)["rank_correlation"] == pytest.approx(1.0)
    assert not np.array_equal(others[0].blocks.effect, others[1].blocks.effect)
    assert set(tested.other_means) == {"noise", "traces"}
    (note,) = [note for note in found.notes if "pooled" in note]
    assert "is evaluated at" in note


def test_the_public_function_runs():
    found = seisdream.controls(planted(), "gabor", measure="activation", random=0, others=False, surrogates=4)
    assert set(found.dataset) == {"activation", "activation_effect", "activation_q"}


def test_an_objective_is_given_as_text_or_as_an_object(dip_network):
    by_text, by_object = (controls(planted(), dip_network, one, surrogates=4, **QUICK)
                          for one in ("filter:0", Channel("filter", 0)))  # fmt: skip
    np.testing.assert_array_equal(by_text.dataset.activation, by_object.dataset.activation)
    assert by_text.settings.layer == "filter:0"
    with raises("unknown-argument", "surogates"):
        controls(planted(), dip_network, surogates=9)
    with raises("incompatible", "layer"):
        controls(planted(), dip_network, "filter:0", layer="filter:1")


def test_the_result_has_its_provenance_table_and_panels(dip_network):
    found = controls(planted(), dip_network, surrogates=4, **QUICK)
    assert (found.provenance["kind"], found.provenance["network"]["name"]) == ("controls", "linear")
    assert found.provenance["result"]["conclusion"] == found.conclusion
    assert len(found.blocks) == 20
    assert set(found.blocks[0]) == {"time_first", "time_last", "trace_first", "trace_last", *BLOCK_COLUMNS}
    assert len(found.panels) == 1
    assert found.is_significant.shape == (128, 160)


def test_absent_samples_have_no_maps(dip_network):
    section = planted()
    section[:, :40] = np.nan
    found = controls(section, dip_network, **QUICK)
    assert np.isnan(found.dataset.activation_q[:, :40]).all()
    assert np.isfinite(found.dataset.activation_q[:, 40:]).all()
    assert np.isnan(found.responses["activation"][0].blocks.effect[:, 0]).all()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"layer": "filter:0@neuron"}, "not-supported"),
        ({"layer": "filter + penalty:tv"}, "not-supported"),
        ({"layer": "filtre"}, "unknown-name"),
        ({"block": 500}, "too-small"),
        ({"block": 2}, "out-of-range"),
        ({"null": "phases"}, "out-of-range"),
        ({"measure": "dreams"}, "out-of-range"),
        ({"surrogates": 3}, "out-of-range"),
        ({"q": 1.0}, "out-of-range"),
        ({"step_size": 0}, "out-of-range"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(dip_network, words, code):
    with raises(code):
        controls(planted(), dip_network, **words)


@needs_facies
@pytest.mark.parametrize("kind", ["salt", "clinoforms"])
def test_a_planted_body_is_significant_for_facies(kind):
    settings = EarthSettings(
        packages=(("parallel", 2.0), ("clinoforms", 2.0 if kind == "clinoforms" else 0.0)),
        salt=float(kind == "salt"),
        noise=(0.05, 0.1),
    )
    earth = make_earth(3, n_samples=192, n_traces=192, settings=settings)
    body = earth.facies.values == [facies.name for facies in FACIES].index(kind)
    holds = body.reshape(6, 32, 6, 32).mean((1, 3)) > 0.5
    assert holds.any()
    section = make_section(earth.seismic.values, dt_ms=4.0)
    found = controls(section, "facies", surrogates=24, **QUICK)
    assert found.responses["activation"][0].is_significant(0.05)[holds].any()
