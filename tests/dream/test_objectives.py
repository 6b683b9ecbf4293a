import pytest
import torch

from seisdream.dream.objectives import (
    Channel,
    Class,
    Guide,
    Layer,
    Neuron,
    Window,
    bind_objective,
    parse_objective,
)
from seisdream.errors import SeisdreamError
from seisdream.nets.network import Network, Preprocessing


def small_network(classes=("salt", "parallel-high", "channel fill")):
    torch.manual_seed(0)
    module = torch.nn.Sequential()
    module.add_module("enc1", torch.nn.Conv2d(1, 4, 3, padding=1))
    module.add_module("enc2", torch.nn.Conv2d(4, 6, 3, padding=1))
    module.add_module("head", torch.nn.Conv2d(6, 3, 1))
    return Network("small", module, Preprocessing("grey"), classes=classes, class_layer="head", default_layer="enc2")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("inception_4c/output", [Layer("inception_4c/output")]),
        ("enc3:12", [Channel("enc3", 12)]),
        ("enc3:12@neuron", [Neuron("enc3", 12)]),
        ("class:salt", [Class("salt")]),
        ("class:parallel-high", [Class("parallel-high")]),
        ("class:channel fill", [Class("channel fill")]),
        ("0.7*enc2 - 0.3*enc4:5", [Layer("enc2", weight=0.7), Channel("enc4", 5, weight=-0.3)]),
        ("-enc2+2 * class:salt", [Layer("enc2", weight=-1.0), Class("salt", weight=2.0)]),
        (".5*enc2 + 1e-3*enc3", [Layer("enc2", weight=0.5), Layer("enc3", weight=1e-3)]),
        ('class:"slope + fan" - enc2', [Class("slope + fan"), Layer("enc2", weight=-1.0)]),
        ("0.12345678*enc2", [Layer("enc2", weight=0.12345678)]),
    ],
)
def test_the_language_says_what_it_means(text, terms):
    parsed = parse_objective(text)
    assert list(parsed.terms()) == terms
    assert list(parse_objective(str(parsed)).terms()) == terms, "what is printed reads back the same"


@pytest.mark.parametrize(
    "text", ["", "enc2:", "enc2:x", "enc2@neuron", "enc2:1@unit", "class:", "2**enc", "enc2 + ", ":3", "0*enc2"]
)
def test_what_cannot_be_read_is_refused_with_the_text(text):
    with pytest.raises(SeisdreamError, match="objective"):
        parse_objective(text)


def test_objectives_add_and_scale_like_numbers():
    composed = 0.7 * Layer("enc1") - Channel("enc2", 1) * 2 + (-Class("salt"))
    assert list(composed.terms()) == [
        Layer("enc1", weight=0.7),
        Channel("enc2", 1, weight=-2.0),
        Class("salt", weight=-1.0),
    ]
    assert sum([Layer("enc1"), Layer("enc2")]).terms() == (Layer("enc1"), Layer("enc2"))


def test_binding_checks_layers_channels_and_classes():
    network = small_network()
    (term,) = bind_objective(parse_objective("2*class:channel fill"), network)
    assert term == Channel("head", 2, weight=2.0)
    with pytest.raises(SeisdreamError, match=r"'enc9' is not in small; choose one of .*enc2"):
        bind_objective(parse_objective("enc9"), network)
    with pytest.raises(SeisdreamError, match=r"no channel 6; its 6 channels are numbered 0 to 5"):
        bind_objective(parse_objective("enc2:6"), network)
    with pytest.raises(SeisdreamError, match="salt"):
        bind_objective(parse_objective("class:salty"), network)
    with pytest.raises(SeisdreamError, match="no classes"):
        bind_objective(
            parse_objective("class:salt"),
            Network("bare", network.module, Preprocessing("grey"), default_layer="enc2"),
        )


def test_scores_of_known_activations():
    activations = torch.arange(12.0).reshape(1, 2, 2, 3)
    whole = Window(0, 0, (2, 3))
    assert Layer("a").total(activations, whole) / 6 == pytest.approx(float(activations.square().mean()))
    assert Channel("a", 1).total(activations, whole) / 6 == pytest.approx(8.5)
    assert Neuron("a", 1).total(activations, whole) == 10.0, "row 1 of 2, column 1 of 3"
    assert Neuron("a", 1).total(activations[..., :1, :], Window(0, 0, (2, 3))) == 0.0, "not in this window"


def test_a_guide_pulls_each_position_to_its_best_match():
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    activations = torch.tensor([[3.0, 1.0], [1.0, 2.0]]).reshape(1, 2, 1, 2).requires_grad_(True)
    guide = Guide("a", features=features)
    total = guide.total(activations, Window(0, 0, (1, 2)))
    (gradient,) = torch.autograd.grad(total, activations)
    assert total.item() == 5.0
    assert gradient[0, :, 0].T.tolist() == [[1.0, 0.0], [0.0, 1.0]], "the gradient is the matching vector"
    with pytest.raises(SeisdreamError, match="same network"):
        Guide("a", features=torch.ones(1, 3)).total(activations, Window(0, 0, (1, 2)))
