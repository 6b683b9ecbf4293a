"""Controls on networks and sections whose answers are known."""

import numpy as np
import pytest
from scipy import ndimage, stats

from seisdream.controls.permutation import Controls, permutation_controls
from seisdream.controls.report import summarize
from seisdream.controls.settings import NULLS, ControlSettings
from seisdream.errors import SeisdreamError
from seisdream.models.checkpoints import trained_file
from seisdream.models.registry import load_network
from seisdream.seismic.sections import make_section
from seisdream.seismic.surrogates import SURROGATES
from seisdream.synthetic import FACIES, EarthSettings, make_earth
from small_networks import linear_network, pooled_network
from trained_files import write_unet

QUICK = {"random": 0, "others": False, "of": "activation"}
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
    """Return noise with a patch of dipping waves, which fills two regions of 32 samples."""
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


def test_a_picture_in_colour_is_controlled_too():
    picture = np.random.default_rng(0).integers(0, 255, (64, 80, 3)).astype(np.uint8)
    found = permutation_controls(picture, pooled_network(3), surrogates=4, block=16, octaves=1, steps=1, others=False)
    assert found.maps.dream.dims == ("row", "column")
    assert found.maps.dream.attrs["units"] == "grey level"


def test_what_the_network_looks_for_is_called_and_nothing_else(dip_network):
    found = permutation_controls(planted(), dip_network, block=32, **QUICK)
    asked = found.reactions["activation"][0]
    assert np.argwhere(asked.called(0.05)).tolist() == [[2, 2], [2, 3]]
    assert asked.regions.effect[2, 2:4].min() > 5
    assert asked.regions.section_p == pytest.approx(1 / 40)
    assert asked.section_mean > asked.surrogate_mean
    effect, q = found.maps.activation_effect, found.maps.activation_q
    assert effect.dims == ("time", "trace")
    assert effect[80, 96] > 5
    assert q[80, 96] < 0.05
    assert np.median(effect) < 1
    assert np.median(q) > 0.5
    assert found.maps.activation[64:96, 64:128].mean() > 3 * found.maps.activation[64:96, :48].mean()
    words = summarize(found)
    assert "In 2 of 20 regions (10%) filter of linear fires more than in its phase-scrambled surrogates" in words
    assert "p = 0.025 for the strongest region of a whole section" in words
    assert "None of this says that what a dream paints is in the ground." in words


def test_noise_is_not_called(dip_network):
    n_sections, n_called, n_exact = 30, 0, 0
    for seed in range(n_sections):
        section = make_section(noise(100 + seed, (96, 128)), dt_ms=4.0)
        asked = permutation_controls(section, dip_network, surrogates=19, **QUICK).reactions["activation"][0]
        n_called += bool(asked.called(0.05).any())
        n_exact += asked.regions.section_p <= 0.05
    for n_hits in (n_called, n_exact):
        assert stats.binomtest(n_hits, n_sections, 0.05, alternative="greater").pvalue > 0.01


def test_nothing_found_is_said_so(dip_network):
    found = permutation_controls(make_section(noise(5), dt_ms=4.0), dip_network, surrogates=19, **QUICK)
    words = summarize(found)
    assert words.startswith("Nowhere in 20 regions does it show")
    assert "in the ground" not in words
    assert "With 19 surrogates no region can be called alone at 0.05; for that it takes 20 or more" in words


def test_a_dream_is_controlled_too_and_its_seeds_are_compared(dip_network):
    section = planted()
    found = permutation_controls(
        section, dip_network, of="dream", random=0, others=False, surrogates=19, octaves=1, steps=2
    )
    assert found.reactions["dream"][0].called(0.05)[2, 2:4].any()
    assert set(found.maps) == {"dream", "dream_effect", "dream_q", "stability"}
    # With few steps of a linear network a dream is its gradient, whatever the jitter.
    assert found.stability["section"] > 0.5
    assert found.maps.stability.max() <= 1.0 + 1e-6
    # In the section's own units: steps of 1.5 grey levels, of which 255 span the amplitudes.
    greys = found.maps.dream.mean() / (2 * np.percentile(np.abs(section.values), 99) / 255)
    assert 1.0 < greys < 4.0
    assert "Dreams of 3 seeds correlate at" in summarize(found)


def test_the_same_seed_gives_the_same_and_another_does_not(unet):
    section = make_section(noise(0, (64, 96)), dt_ms=4.0)
    words = {"surrogates": 6, "block": 16, "steps": 1, "octaves": 1, "seeds": 2}
    first, again, other = (permutation_controls(section, str(unet), seed=seed, **words) for seed in (3, 3, 4))
    for name in first.maps:
        np.testing.assert_array_equal(first.maps[name], again.maps[name])
    assert not np.array_equal(first.maps.activation_effect, other.maps.activation_effect)
    np.testing.assert_array_equal(first.maps.activation, other.maps.activation)


def test_all_networks_are_asked_the_same(unet):
    section = make_section(noise(0, (64, 96)), dt_ms=4.0)
    looks = []
    run = Controls(
        section,
        load_network(str(unet)),
        ControlSettings(of="activation", surrogates=6, block=16, random=2),
        against=[load_network(str(unet)), pooled_network()],
        on_look=lambda: looks.append(1),
    )
    found = run()
    assert len(looks) == run.n_looks == 5 * 7 + 2 * 2
    asked, *others = found.reactions["activation"]
    assert [other.role for other in others] == ["random", "random", "other", "other"]
    assert [other.network.rpartition("@")[2] for other in others[:2]] == ["random:0", "random:1"]
    np.testing.assert_array_equal(others[2].regions.effect, asked.regions.effect)
    assert found.shared("activation", others[2])["rank_correlation"] == pytest.approx(1.0)
    assert not np.array_equal(others[0].regions.effect, others[1].regions.effect)
    assert set(asked.others) == {"noise", "traces"}
    (note,) = [note for note in found.notes if "pooled" in note]
    assert "is asked at" in note


def test_absent_samples_have_no_maps(dip_network):
    section = planted()
    section[:, :40] = np.nan
    found = permutation_controls(section, dip_network, **QUICK)
    assert np.isnan(found.maps.activation_q[:, :40]).all()
    assert np.isfinite(found.maps.activation_q[:, 40:]).all()
    assert np.isnan(found.reactions["activation"][0].regions.effect[:, 0]).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"layer": "filter:0@neuron"}, "says nothing at each place"),
        ({"layer": "filter + penalty:tv"}, "says nothing at each place"),
        ({"layer": "filtre"}, "filter"),
        ({"block": 500}, "--region"),
        ({"block": 2}, "--region"),
        ({"null": "phases"}, "phase, noise, traces"),
        ({"of": "dreams"}, "--of"),
        ({"surrogates": 3}, "--surrogates"),
        ({"q": 1.0}, "--q"),
        ({"step_size": 0}, "step size 0"),
    ],
)
def test_what_cannot_be_asked_says_why(dip_network, words, message):
    with pytest.raises(SeisdreamError, match=message):
        permutation_controls(planted(), dip_network, **words)


@needs_facies
@pytest.mark.parametrize("kind", ["salt", "clinoforms"])
def test_facies_calls_a_planted_body(kind):
    recipe = EarthSettings(
        packages=(("parallel", 2.0), ("clinoforms", 2.0 if kind == "clinoforms" else 0.0)),
        salt=float(kind == "salt"),
        noise=(0.05, 0.1),
    )
    earth = make_earth(3, n_samples=192, n_traces=192, recipe=recipe)
    body = earth.facies.values == [facies.name for facies in FACIES].index(kind)
    holds = body.reshape(6, 32, 6, 32).mean((1, 3)) > 0.5
    assert holds.any()
    section = make_section(earth.seismic.values, dt_ms=4.0)
    found = permutation_controls(section, "facies", surrogates=24, **QUICK)
    assert found.reactions["activation"][0].called(0.05)[holds].any()
