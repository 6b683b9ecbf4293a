from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisdream.dreaming.objectives.feature_matching import Caricature, Direction, Guide, Inversion, Style
from seisdream.dreaming.objectives.parser import files_of, is_in_words, parse_objective, with_files
from seisdream.dreaming.objectives.terms import (
    Channel,
    ClassLogit,
    Layer,
    Neuron,
    Probability,
    Window,
    bind_objective,
)
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network, Preprocessing


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
        ("class:salt", [ClassLogit("salt")]),
        ("class:parallel-high", [ClassLogit("parallel-high")]),
        ("class:channel fill", [ClassLogit("channel fill")]),
        ("0.7*enc2 - 0.3*enc4:5", [Layer("enc2", weight=0.7), Channel("enc4", 5, weight=-0.3)]),
        ("-enc2+2 * class:salt", [Layer("enc2", weight=-1.0), ClassLogit("salt", weight=2.0)]),
        (".5*enc2 + 1e-3*enc3", [Layer("enc2", weight=0.5), Layer("enc3", weight=1e-3)]),
        ('class:"slope + fan" - enc2', [ClassLogit("slope + fan"), Layer("enc2", weight=-1.0)]),
        ("0.12345678*enc2", [Layer("enc2", weight=0.12345678)]),
        ("enc2:3@40,80", [Neuron("enc2", 3, (40, 80))]),
        ("probability:salt", [Probability("salt")]),
        ("direction:enc2@salt.npy", [Direction("enc2", "salt.npy")]),
        ("direction:enc2@probe.npz#salt^2.0", [Direction("enc2", "probe.npz#salt", 2.0)]),
        ('direction:enc2@"a + b.npy"^2.0', [Direction("enc2", "a + b.npy", 2.0)]),
        ("caricature:enc2 - 0.5*inversion:enc1", [Caricature("enc2"), Inversion("enc1", weight=-0.5)]),
        ("caricature:enc2^3.0", [Caricature("enc2", 3.0)]),
        ("style:enc1", [Style("enc1")]),
        (
            "facies::enc5 - 2.0*facies@random::class:salt",
            [Layer("enc5", network="facies"), ClassLogit("salt", network="facies@random", weight=-2.0)],
        ),
        ('"my + net"::enc5:3@neuron', [Neuron("enc5", 3, network="my + net")]),
        ('package.module:factory::class:"a::b"', [ClassLogit("a::b", network="package.module:factory")]),
    ],
)
def test_the_language_says_what_it_means(text, terms):
    parsed = parse_objective(text)
    assert list(parsed.terms()) == terms
    assert list(parse_objective(str(parsed)).terms()) == terms, "what is printed reads back the same"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "enc2:",
        "enc2:x",
        "enc2@neuron",
        "enc2:1@unit",
        "class:",
        "2**enc",
        "enc2 + ",
        ":3",
        "0*enc2",
        "enc2:1@4",
        "enc2@4,5",
        "probability:",
        "direction:enc2",
        "direction:@a.npy",
        "facies::penalty:tv",
        "facies::",
        "klass:salt",
    ],
)
def test_what_cannot_be_read_is_refused_with_the_text(text):
    with pytest.raises(SeisdreamError, match="objective"):
        parse_objective(text)


def test_objectives_add_and_scale_like_numbers():
    composed = 0.7 * Layer("enc1") - Channel("enc2", 1) * 2 + (-ClassLogit("salt"))
    assert list(composed.terms()) == [
        Layer("enc1", weight=0.7),
        Channel("enc2", 1, weight=-2.0),
        ClassLogit("salt", weight=-1.0),
    ]
    assert sum([Layer("enc1"), Layer("enc2")]).terms() == (Layer("enc1"), Layer("enc2"))


def test_binding_checks_layers_channels_and_classes():
    network = small_network()
    (term,) = bind_objective(parse_objective("2*class:channel fill"), network)
    assert term == Channel("head", 2, weight=2.0)
    with pytest.raises(SeisdreamError, match=r"'enc9' is not in small; near it: .*enc2"):
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


_WORDS = st.text("abcXYZ0123_./-", min_size=1, max_size=8).filter(lambda word: word.strip("-") == word)
# Class names may hold anything but a quotation mark.
_NAMES = st.text("ab +*-:^@#0.", min_size=1, max_size=8).filter(lambda name: name == name.strip() and name)
_POWERS = st.floats(0.0, 8.0).map(lambda power: round(power, 3))
_ONE_TERM = st.one_of(
    st.builds(Layer, _WORDS),
    st.builds(Channel, _WORDS, st.integers(0, 4000)),
    st.builds(Neuron, _WORDS, st.integers(0, 99), st.none() | st.tuples(st.integers(0, 999), st.integers(0, 999))),
    st.builds(ClassLogit, _NAMES),
    st.builds(Probability, _NAMES),
    st.builds(Direction, _WORDS, _NAMES, _POWERS),
    st.builds(Caricature, _WORDS, _POWERS),
    st.builds(Inversion, _WORDS),
    st.builds(Style, _WORDS),
)
_TERMS = st.builds(
    lambda term, weight, network: replace(term, weight=weight, network=network),
    _ONE_TERM,
    st.floats(-1e3, 1e3).filter(lambda weight: abs(weight) > 1e-9),
    st.sampled_from(["", "facies", "facies@random", "package.module:factory"]),
)


@given(st.lists(_TERMS, min_size=1, max_size=4))
def test_every_objective_reads_back_from_its_words(terms):
    objective = sum(terms)
    assert parse_objective(str(objective)).terms() == objective.terms()
    assert is_in_words(objective)


def test_what_words_cannot_say_is_known():
    assert not is_in_words(Direction("enc1", vector=np.ones(4)))
    assert not is_in_words(Guide("enc1", torch.ones(1, 4)))


def test_files_in_words_are_found_and_moved():
    text = 'enc1 - 2.0*direction:enc2@here/a.npz#salt^2.0 + direction:enc2@"b + c.npy"'
    assert files_of(parse_objective(text).terms()) == ("here/a.npz", "b + c.npy")
    moved = with_files(text, lambda name: "there/" + name)
    assert moved == 'enc1 - 2.0*direction:enc2@there/here/a.npz#salt^2.0 + direction:enc2@"there/b + c.npy"'


def test_another_network_is_refused_where_only_one_is_asked():
    with pytest.raises(SeisdreamError, match="another network than small"):
        bind_objective(parse_objective("enc1 - facies::enc1"), small_network())


def test_the_logarithm_of_a_probability():
    (term,) = bind_objective(parse_objective("probability:salt"), small_network())
    logits = torch.tensor([[2.0, 2.0], [0.0, 2.0], [0.0, 2.0]]).reshape(1, 3, 1, 2)
    scores = term.scores(logits, Window(0, 0, (1, 2)))[0, 0]
    assert scores.exp().tolist() == pytest.approx([np.exp(2) / (np.exp(2) + 2), 1 / 3])


@pytest.mark.parametrize(
    ("vector", "error"),
    [(np.ones(5), r"has the shape \(5,\); layer 'enc2' of small has 6"), (np.zeros(6), "points nowhere")],
)
def test_a_direction_must_be_one_of_its_layer(vector, error, tmp_path):
    np.save(tmp_path / "direction.npy", vector)
    with pytest.raises(SeisdreamError, match=error):
        bind_objective(parse_objective(f"direction:enc2@{tmp_path}/direction.npy"), small_network())
