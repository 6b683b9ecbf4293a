import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seisdream.dreaming.seismic_transforms import RandomSeismicTransform

import small_networks
from seisdream.dreaming.evaluator import ObjectiveEvaluator, group_by_network, open_networks
from seisdream.dreaming.objectives.feature_matching import Direction
from seisdream.dreaming.objectives.parser import parse_objective
from seisdream.dreaming.objectives.terms import Channel, Neuron, bind_objective
from seisdream.dreaming.regularizers import Penalties
from seisdream.dreaming.transforms import Jitter, Transform
from seisdream.errors import SeisdreamError
from seisdream.inference.tiling import receptive_halo
from seisdream.io.concept_vectors import write_concept_vectors
from seisdream.models.network import Network, Preprocessing

CLASSES = ("salt", "chaotic", "parallel", "divergent", "mound", "channel fill", "clinoforms", "hummocky")
STILL = Transform(Jitter((0, 0), "mirror"))
OBJECTIVES = (
    "last",
    "branches:3",
    "last:1@neuron",
    "last:1@37,61",
    "class:salt",
    "probability:salt",
    "direction:last@direction.npz",
    "direction:branches@other.npz#b^2.0",
    "caricature:last",
    "caricature:branches^2.0",
    "inversion:last",
    "style:branches",
    "style:pool - 0.5*class:salt + 2.0*last:1@10,20",
    "pooled::class:salt - other::class:salt",
    "pooled::last:2@neuron - 0.5*other::caricature:last",
)


def network(seed=0, name="pooled"):
    made = small_networks.pooled_network(seed=seed)
    return Network(name, made.module, made.preprocessing, classes=CLASSES, class_layer="last", default_layer="last")


def picture(seed, rows=88, columns=120):
    return 255 * torch.rand(1, 1, rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(autouse=True)
def directions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    write_concept_vectors("direction.npz", {"only": random.normal(size=8)})
    write_concept_vectors("other.npz", {"a": random.normal(size=9), "b": random.normal(size=9)})


def looks_of(text, first, *, tile=0, guide=None, region=None, own=None):
    own = own or network()
    objective = parse_objective(text) if isinstance(text, str) else text
    others = open_networks(objective, own, {"other": network(seed=1, name="other")})
    terms = bind_objective(objective, own, others)
    asked = group_by_network(terms, own, others)
    reaches = [receptive_halo(one.network, one.layers) if tile else None for one in asked]
    return ObjectiveEvaluator(
        asked, reaches, tile, Penalties(terms), first, precision="float64", guide=guide, region=region
    )


def assert_uphill_is_the_gradient(looks, at, glance=STILL):
    score, uphill = looks(at, glance)
    assert np.isfinite(score)
    assert uphill.norm() > 0
    generator = torch.Generator().manual_seed(5)
    along = uphill / uphill.norm() + torch.randn(at.shape, generator=generator, dtype=at.dtype) / at.numel() ** 0.5
    step = 1e-4
    slope = (looks(at + step * along, glance)[0] - looks(at - step * along, glance)[0]) / (2 * step)
    assert float((uphill * along).sum()) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("text", OBJECTIVES)
def test_uphill_is_the_gradient_of_the_score(text):
    assert_uphill_is_the_gradient(looks_of(text, picture(0)), picture(1), Transform(Jitter((5, -9), "mirror")))


@pytest.mark.parametrize("text", ["last", "style:last + class:salt", "inversion:branches"])
def test_uphill_is_the_gradient_with_a_guide_a_region_and_changes(text):
    change = RandomSeismicTransform(shear=0.05, stretch=1.1, gain=0.9, tilt_db=2.0)
    region = torch.zeros(1, 1, 88, 120, dtype=torch.float64)
    region[..., 20:50, 30:90] = 1.0
    looks = looks_of(text, picture(0), guide=picture(2), region=None if "style" in text else region)
    assert_uphill_is_the_gradient(looks, picture(1), Transform(Jitter((5, -9), "wrap"), change))


@pytest.mark.parametrize("text", OBJECTIVES)
def test_tiled_equals_whole(text):
    now, glance = picture(1), Transform(Jitter((5, -9), "mirror"))
    (score, uphill), (tiled_score, tiled) = (looks_of(text, picture(0), tile=tile)(now, glance) for tile in (0, 32))
    assert tiled_score == pytest.approx(score, rel=1e-9)
    assert (tiled - uphill).norm() <= 1e-9 * uphill.norm()


def test_tiled_equals_whole_in_a_region():
    region = torch.zeros(1, 1, 88, 120, dtype=torch.float64)
    region[..., 20:50, 30:90] = 1.0
    (score, uphill), (tiled_score, tiled) = (
        looks_of("class:salt + caricature:branches", picture(0), tile=tile, region=region)(picture(1), STILL)
        for tile in (0, 32)
    )
    assert tiled_score == pytest.approx(score, rel=1e-9)
    assert (tiled - uphill).norm() <= 1e-9 * uphill.norm()


def test_a_direction_along_one_channel_is_the_channel():
    one_hot = np.eye(8)[3]
    by_direction = looks_of(Direction("last", vector=one_hot), picture(0))(picture(1), STILL)
    by_channel = looks_of(Channel("last", 3), picture(0))(picture(1), STILL)
    assert by_direction[0] == pytest.approx(by_channel[0], rel=1e-12)
    assert torch.allclose(by_direction[1], by_channel[1], rtol=1e-9, atol=0)


def test_the_cosine_favours_vectors_that_point_there():
    along, astray = torch.tensor([2.0, 0.0]), torch.tensor([2.0, 2.0])
    activations = torch.stack([along, astray], dim=1)[None, :, None]
    direction = Direction("a", power=2.0, vector=torch.tensor([1.0, 0.0]))
    plain = Direction("a", vector=torch.tensor([1.0, 0.0]))
    assert plain.scores(activations, None).tolist() == [[[2.0, 2.0]]]
    assert direction.scores(activations, None)[0, 0].tolist() == pytest.approx([2.0, 1.0]), "cos² 45° is a half"


def test_a_caricature_of_the_input_itself_is_1_and_exaggerating_is_more():
    looks = looks_of("caricature:last^3.0", picture(0))
    assert looks(picture(0), Transform(Jitter((3, 4), "wrap")))[0] == pytest.approx(1.0, rel=1e-12)
    score, uphill = looks(picture(0), STILL)
    assert looks(picture(0) + uphill / uphill.abs().max(), STILL)[0] > score


def test_inversion_finds_what_a_linear_network_can_tell():
    """By gradient descent with the best step along each gradient, because the score is quadratic there."""
    kernel = np.outer(*[np.hanning(7)[1:-1]] * 2)
    wanted, now = picture(0, 32, 40), torch.full((1, 1, 32, 40), 127.5, dtype=torch.float64)
    looks = looks_of("inversion:filter", now, guide=wanted, own=small_networks.linear_network(kernel))
    assert looks(wanted, STILL)[0] == 0.0
    assert looks(now, STILL)[0] == pytest.approx(-1.0), "of mid-grey the filter says nothing"
    for _ in range(200):
        score, uphill = looks(now, STILL)
        slope, bend = float(uphill.square().sum()), looks(now + uphill, STILL)[0] - score
        now = now + uphill * slope / (2 * (slope - bend))
    assert looks(now, STILL)[0] > -1e-3


def test_style_knows_not_where_things_are():
    def own(kernel_size=1):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Conv2d(1, 5, kernel_size), torch.nn.Tanh())
        return Network("pointwise", module, Preprocessing("grey", 1 / 255, (0.5,), (0.25,)), default_layer="1")

    first = picture(0, 40, 50)
    shuffled = first.flatten()[torch.randperm(2000, generator=torch.Generator().manual_seed(1))].view(1, 1, 40, 50)
    looks = looks_of("style:1", first, own=own())
    assert looks(shuffled, STILL)[0] == pytest.approx(0.0, abs=1e-20)
    assert looks(picture(0, 40, 50) * 0.5, STILL)[0] < -1e-3
    mirrored = looks_of("inversion:1", first, own=own())
    assert mirrored(shuffled, STILL)[0] < -0.5, "inversion does"


def test_a_neuron_stays_over_its_place():
    first, own = picture(0, 60, 70), small_networks.linear_network(np.ones((3, 3)))
    for glance in (
        STILL,
        Transform(Jitter((7, -5), "mirror")),
        Transform(Jitter((0, 0), "wrap"), RandomSeismicTransform(gain=2.0)),
    ):
        _, uphill = looks_of("filter:0@20,30", first, own=own)(first, glance)
        rows, columns = np.nonzero(uphill[0, 0].numpy())
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (19, 21, 29, 31)
    assert looks_of("filter:0@20,30", first, own=own)(first, STILL)[0] == pytest.approx(
        float(first[..., 19:22, 29:32].sum() - 9 * 127.5)
    )
    assert Neuron("filter", 0, (20, 30)) == parse_objective("filter:0@20,30").terms()[0]
    _, uphill = looks_of("filter:0@20,30", first, own=own)(
        first, Transform(Jitter((0, 0), "wrap"), RandomSeismicTransform(0.1, 1.1))
    )
    at = (uphill[0, 0] * torch.arange(60)[:, None]).sum() / uphill.sum()
    assert float(at) == pytest.approx(20, abs=1), "through shear and stretch too"


def test_the_objective_counts_in_its_region_alone():
    first, own = picture(0, 60, 70), small_networks.linear_network(np.ones((3, 3)))
    region = torch.zeros(1, 1, 60, 70, dtype=torch.float64)
    region[..., 10:20, 40:50] = 1.0
    score, uphill = looks_of("filter:0", first, own=own, region=region)(first, Transform(Jitter((6, 6), "mirror")))
    rows, columns = np.nonzero(uphill[0, 0].numpy())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 20, 39, 50)
    window = own.prepared(precision="float64").record(first, ["filter"])["filter"][..., 10:20, 40:50]
    assert score == pytest.approx(float(window.mean()))


def test_networks_are_compared_in_their_own_spread():
    """The same network, its answers a hundredfold: nothing that it sees and the other does not."""
    own, loud = network(), network(name="other")
    with torch.no_grad():
        loud.module.last.weight.mul_(100.0)
        loud.module.last.bias.mul_(100.0)
    objective = Channel("last", 2, network="pooled") - Channel("last", 2, network="other")
    others = {"pooled": own, "other": loud}
    asked = group_by_network(bind_objective(objective, own, others), own, others)
    looks = ObjectiveEvaluator(asked, (None, None), 0, Penalties(()), picture(0), precision="float64")
    alone = ObjectiveEvaluator(asked[:1], (None,), 0, Penalties(()), picture(0), precision="float64")
    assert looks(picture(1), STILL)[0] == pytest.approx(0.0, abs=1e-6)
    assert alone(picture(0), STILL)[0] == pytest.approx(0.0, abs=1e-9), "from the mean over the section"
    said = own.prepared(precision="float64").record(picture(0), ["last"])["last"][0, 2]
    louder = own.prepared(precision="float64").record(picture(1), ["last"])["last"][0, 2]
    expected = (louder.mean() - said.mean()) / said.std(correction=0)
    assert alone(picture(1), STILL)[0] == pytest.approx(float(expected))


def test_networks_that_say_one_thing_everywhere_cannot_be_compared():
    own = small_networks.linear_network(np.zeros((3, 3)))
    with pytest.raises(SeisdreamError, match="no spread to compare networks by"):
        looks_of("linear::filter:0", picture(0), own=own)


def test_a_silent_layer_has_nothing_to_exaggerate():
    looks = looks_of("caricature:filter", picture(0), own=small_networks.linear_network(np.zeros((3, 3))))
    with pytest.raises(SeisdreamError, match="'filter' is silent"):
        looks(picture(1), STILL)


@settings(max_examples=25, deadline=None)
@given(
    shear=st.floats(-0.1, 0.1),
    stretch=st.floats(0.8, 1.25),
    gain=st.floats(0.5, 2.0),
    tilt=st.floats(-6.0, 6.0),
    offsets=st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
)
def test_what_comes_back_is_the_adjoint(shear, stretch, gain, tilt, offsets):
    """Where the change is linear (gain, and moves about mid-grey) it is its own slope."""
    glance = Transform(Jitter(offsets, "mirror"), RandomSeismicTransform(shear, stretch, gain, 0.0))
    one, other = picture(3, 24, 30), picture(4, 24, 30)
    leaf = one.clone().requires_grad_(True)
    (back,) = torch.autograd.grad(glance.look(leaf), leaf, other)
    zero = glance.look(torch.full_like(one, 127.5))
    assert float(((glance.look(one) - zero) * other).sum()) == pytest.approx(
        float((back * (one - 127.5)).sum()), rel=1e-9, abs=1e-6
    )
    # Of a tilt the middle depends on the section: by its slope.
    leaf = one.clone().requires_grad_(True)
    (back,) = torch.autograd.grad(RandomSeismicTransform(tilt_db=tilt)(leaf), leaf, other)
    before, after = (RandomSeismicTransform(tilt_db=tilt)(one + step * other) for step in (-1e-3, 1e-3))
    slope = float(((after - before) / 2e-3 * other).sum())
    assert float((back * other).sum()) == pytest.approx(slope, rel=1e-4)


def test_changes_do_what_they_say():
    rows = torch.arange(81.0)[:, None].expand(81, 61)
    line = 127.5 + 100 * torch.exp(-(((rows - 40) / 3) ** 2))[None, None]
    sheared = RandomSeismicTransform(shear=0.2)(line)[0, 0].argmax(0)
    assert sheared[[0, 30, 60]].tolist() == [34, 40, 46], "0.2 samples down for each trace, about the middle"
    deep = 127.5 + 100 * torch.exp(-(((rows - 60) / 3) ** 2))[None, None]
    assert RandomSeismicTransform(stretch=1.25)(deep)[0, 0, :, 5].argmax() == 65, "20 below the middle becomes 25"
    assert torch.allclose(RandomSeismicTransform(gain=2.0)(line) - 127.5, 2 * (line - 127.5), atol=1e-4)
    noise = picture(0, 128, 40)
    power = [
        torch.fft.rfft(one - 127.5, dim=-2).abs().square().sum((0, 1, 3))
        for one in (noise, RandomSeismicTransform(tilt_db=3)(noise))
    ]
    gain_db = 10 * torch.log10(power[1] / power[0])
    assert float(gain_db[30:34].mean() - gain_db[15:17].mean()) == pytest.approx(3.0, abs=0.3), "an octave apart"
