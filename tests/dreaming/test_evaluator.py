"""Scores of objectives and their gradients: exact, in tiles too, and through transforms."""

import numpy as np
import pytest
import torch

import small_networks
from errors import raises
from seisdream.dreaming.evaluator import ObjectiveEvaluator
from seisdream.dreaming.objectives.binding import group_by_network, open_networks
from seisdream.dreaming.objectives.feature_matching import Direction
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Channel, Neuron, bind_objective
from seisdream.dreaming.regularizers import Penalties
from seisdream.dreaming.transforms import Jitter, RandomSeismicTransform, Transform
from seisdream.inference.tiling import receptive_halo
from seisdream.io.concept_vectors import write_concept_vectors
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing

CLASSES = ("salt", "chaotic", "parallel", "divergent", "mound", "channel fill", "clinoforms", "hummocky")
IDENTITY = Transform(Jitter((0, 0), "mirror"))
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


def image(seed, rows=88, columns=120):
    return 255 * torch.rand(1, 1, rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(autouse=True)
def directions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    write_concept_vectors("direction.npz", {"only": random.normal(size=8)})
    write_concept_vectors("other.npz", {"a": random.normal(size=9), "b": random.normal(size=9)})


def evaluator_of(text, first, *, tile=0, guide=None, region=None, own=None):
    own = own or network()
    objective = parse(text) if isinstance(text, str) else text
    others = open_networks(objective, own, {"other": network(seed=1, name="other")})
    terms = bind_objective(objective, own, others)
    bound = group_by_network(terms, own, others)
    halos = [receptive_halo(one.network, one.layers) if tile else None for one in bound]
    return ObjectiveEvaluator(bound, prepared(bound), halos, tile, Penalties(terms), first, guide=guide, region=region)


def prepared(bound):
    return [PreparedNetwork(one.network, precision="float64") for one in bound]


def assert_gradient_is_exact(evaluate, at, transform=IDENTITY):
    score, gradient = evaluate(at, transform)
    assert np.isfinite(score)
    assert gradient.norm() > 0
    generator = torch.Generator().manual_seed(5)
    along = gradient / gradient.norm() + torch.randn(at.shape, generator=generator, dtype=at.dtype) / at.numel() ** 0.5
    step = 1e-4
    slope = (evaluate(at + step * along, transform)[0] - evaluate(at - step * along, transform)[0]) / (2 * step)
    assert float((gradient * along).sum()) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("text", OBJECTIVES)
def test_the_gradient_is_that_of_the_score(text):
    assert_gradient_is_exact(evaluator_of(text, image(0)), image(1), Transform(Jitter((5, -9), "mirror")))


@pytest.mark.parametrize("text", ["last", "style:last + class:salt", "inversion:branches"])
def test_the_gradient_is_exact_with_a_guide_a_region_and_transforms(text):
    variation = RandomSeismicTransform(shear=0.05, stretch=1.1, gain=0.9, tilt_db=2.0)
    region = torch.zeros(1, 1, 88, 120, dtype=torch.float64)
    region[..., 20:50, 30:90] = 1.0
    evaluate = evaluator_of(text, image(0), guide=image(2), region=None if "style" in text else region)
    assert_gradient_is_exact(evaluate, image(1), Transform(Jitter((5, -9), "wrap"), variation))


@pytest.mark.parametrize("text", OBJECTIVES)
def test_tiled_equals_whole(text):
    now, transform = image(1), Transform(Jitter((5, -9), "mirror"))
    (score, gradient), (tiled_score, tiled) = (
        evaluator_of(text, image(0), tile=tile)(now, transform) for tile in (0, 32)
    )
    assert tiled_score == pytest.approx(score, rel=1e-9)
    assert (tiled - gradient).norm() <= 1e-9 * gradient.norm()


def test_tiled_equals_whole_in_a_region():
    region = torch.zeros(1, 1, 88, 120, dtype=torch.float64)
    region[..., 20:50, 30:90] = 1.0
    (score, gradient), (tiled_score, tiled) = (
        evaluator_of("class:salt + caricature:branches", image(0), tile=tile, region=region)(image(1), IDENTITY)
        for tile in (0, 32)
    )
    assert tiled_score == pytest.approx(score, rel=1e-9)
    assert (tiled - gradient).norm() <= 1e-9 * gradient.norm()


def test_a_direction_along_one_channel_is_the_channel():
    one_hot = np.eye(8)[3]
    by_direction = evaluator_of(Direction("last", vector=one_hot), image(0))(image(1), IDENTITY)
    by_channel = evaluator_of(Channel("last", 3), image(0))(image(1), IDENTITY)
    assert by_direction[0] == pytest.approx(by_channel[0], rel=1e-12)
    assert torch.allclose(by_direction[1], by_channel[1], rtol=1e-9, atol=0)


def test_the_power_of_the_cosine_favours_vectors_along_the_direction():
    parallel, oblique = torch.tensor([2.0, 0.0]), torch.tensor([2.0, 2.0])
    activations = torch.stack([parallel, oblique], dim=1)[None, :, None]
    direction = Direction("a", power=2.0, vector=torch.tensor([1.0, 0.0]))
    plain = Direction("a", vector=torch.tensor([1.0, 0.0]))
    assert plain.scores(activations, None).tolist() == [[[2.0, 2.0]]]
    assert direction.scores(activations, None)[0, 0].tolist() == pytest.approx([2.0, 1.0]), "cos² 45° is a half"


def test_a_caricature_scores_the_input_itself_1_and_its_exaggeration_higher():
    evaluate = evaluator_of("caricature:last^3.0", image(0))
    assert evaluate(image(0), Transform(Jitter((3, 4), "wrap")))[0] == pytest.approx(1.0, rel=1e-12)
    score, gradient = evaluate(image(0), IDENTITY)
    assert evaluate(image(0) + gradient / gradient.abs().max(), IDENTITY)[0] > score


def test_inversion_recovers_what_a_linear_network_keeps():
    """By gradient descent with the best step along each gradient, because the score is quadratic there."""
    kernel = np.outer(*[np.hanning(7)[1:-1]] * 2)
    target, now = image(0, 32, 40), torch.full((1, 1, 32, 40), 127.5, dtype=torch.float64)
    evaluate = evaluator_of("inversion:filter", now, guide=target, own=small_networks.linear_network(kernel))
    assert evaluate(target, IDENTITY)[0] == 0.0
    assert evaluate(now, IDENTITY)[0] == pytest.approx(-1.0), "mid-grey does not activate the filter"
    for _ in range(200):
        score, gradient = evaluate(now, IDENTITY)
        slope, rise = float(gradient.square().sum()), evaluate(now + gradient, IDENTITY)[0] - score
        now = now + gradient * slope / (2 * (slope - rise))
    assert evaluate(now, IDENTITY)[0] > -1e-3


def test_style_does_not_depend_on_positions():
    def own(kernel_size=1):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Conv2d(1, 5, kernel_size), torch.nn.Tanh())
        return Network("pointwise", module, Preprocessing("grey", 1 / 255, (0.5,), (0.25,)), default_layer="1")

    first = image(0, 40, 50)
    shuffled = first.flatten()[torch.randperm(2000, generator=torch.Generator().manual_seed(1))].view(1, 1, 40, 50)
    evaluate = evaluator_of("style:1", first, own=own())
    assert evaluate(shuffled, IDENTITY)[0] == pytest.approx(0.0, abs=1e-20)
    assert evaluate(image(0, 40, 50) * 0.5, IDENTITY)[0] < -1e-3
    inversion = evaluator_of("inversion:1", first, own=own())
    assert inversion(shuffled, IDENTITY)[0] < -0.5, "inversion does"


def test_a_neuron_stays_over_its_position():
    first, own = image(0, 60, 70), small_networks.linear_network(np.ones((3, 3)))
    for transform in (
        IDENTITY,
        Transform(Jitter((7, -5), "mirror")),
        Transform(Jitter((0, 0), "wrap"), RandomSeismicTransform(gain=2.0)),
    ):
        _, gradient = evaluator_of("filter:0@20,30", first, own=own)(first, transform)
        rows, columns = np.nonzero(gradient[0, 0].numpy())
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (19, 21, 29, 31)
    assert evaluator_of("filter:0@20,30", first, own=own)(first, IDENTITY)[0] == pytest.approx(
        float(first[..., 19:22, 29:32].sum() - 9 * 127.5)
    )
    assert Neuron("filter", 0, (20, 30)) == parse("filter:0@20,30").terms()[0]
    _, gradient = evaluator_of("filter:0@20,30", first, own=own)(
        first, Transform(Jitter((0, 0), "wrap"), RandomSeismicTransform(0.1, 1.1))
    )
    at = (gradient[0, 0] * torch.arange(60)[:, None]).sum() / gradient.sum()
    assert float(at) == pytest.approx(20, abs=1), "through shear and stretch too"


def test_the_objective_counts_in_its_region_alone():
    first, own = image(0, 60, 70), small_networks.linear_network(np.ones((3, 3)))
    region = torch.zeros(1, 1, 60, 70, dtype=torch.float64)
    region[..., 10:20, 40:50] = 1.0
    score, gradient = evaluator_of("filter:0", first, own=own, region=region)(
        first, Transform(Jitter((6, 6), "mirror"))
    )
    rows, columns = np.nonzero(gradient[0, 0].numpy())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 20, 39, 50)
    window = PreparedNetwork(own, precision="float64").record(first, ["filter"])["filter"][..., 10:20, 40:50]
    assert score == pytest.approx(float(window.mean()))


def test_networks_are_compared_in_their_own_standard_deviations():
    """The same network with activations a hundred times as large: nothing that one sees and the other does not."""
    own, loud = network(), network(name="other")
    with torch.no_grad():
        loud.module.last.weight.mul_(100.0)
        loud.module.last.bias.mul_(100.0)
    objective = Channel("last", 2, network="pooled") - Channel("last", 2, network="other")
    others = {"pooled": own, "other": loud}
    bound = group_by_network(bind_objective(objective, own, others), own, others)
    both = ObjectiveEvaluator(bound, prepared(bound), (None, None), 0, Penalties(()), image(0))
    alone = ObjectiveEvaluator(bound[:1], prepared(bound[:1]), (None,), 0, Penalties(()), image(0))
    assert both(image(1), IDENTITY)[0] == pytest.approx(0.0, abs=1e-6)
    assert alone(image(0), IDENTITY)[0] == pytest.approx(0.0, abs=1e-9), "from the mean over the section"
    at_start = PreparedNetwork(own, precision="float64").record(image(0), ["last"])["last"][0, 2]
    now = PreparedNetwork(own, precision="float64").record(image(1), ["last"])["last"][0, 2]
    expected = (now.mean() - at_start.mean()) / at_start.std(correction=0)
    assert alone(image(1), IDENTITY)[0] == pytest.approx(float(expected))


def test_networks_whose_activations_are_constant_cannot_be_compared():
    own = small_networks.linear_network(np.zeros((3, 3)))
    with raises("no-signal", "layer"):
        evaluator_of("linear::filter:0", image(0), own=own)


def test_a_layer_that_is_inactive_has_no_caricature():
    evaluate = evaluator_of("caricature:filter", image(0), own=small_networks.linear_network(np.zeros((3, 3))))
    with raises("no-signal", "layer"):
        evaluate(image(1), IDENTITY)
