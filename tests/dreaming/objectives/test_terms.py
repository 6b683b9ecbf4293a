"""Terms of objectives, and objective syntax."""

import contextlib
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from errors import raises
from seisdream.dreaming.objectives.feature_matching import Caricature, Direction, Guide, Inversion
from seisdream.dreaming.objectives.parser import files_of, is_parsable, parse, with_files
from seisdream.dreaming.objectives.terms import (
    Channel,
    ClassLogit,
    Layer,
    Neuron,
    Probability,
    Window,
    bind_objective,
)
from seisdream.dreaming.objectives.textures import Style
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing


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
        ('class:":0" + class:":"', [ClassLogit(":0"), ClassLogit(":")]),
        ('"my + net"::enc5:3@neuron', [Neuron("enc5", 3, network="my + net")]),
        ('package.module:factory::class:"a::b"', [ClassLogit("a::b", network="package.module:factory")]),
    ],
)
def test_text_is_parsed_and_printed_back(text, terms):
    parsed = parse(text)
    assert list(parsed.terms()) == terms
    assert list(parse(str(parsed)).terms()) == terms, "what is printed reads back the same"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "enc2:",
        "enc2:x",
        "enc2@neuron",
        "enc2:1@unit",
        "class:",
        "class: :salt",
        "inversion: :enc1",
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
def test_text_that_cannot_be_parsed_is_refused(text):
    with raises("invalid", "layer"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ['class:a"b', '"enc2', "1e999*enc2", "enc2:" + "1" * 5000, "enc2:1@1," + "9" * 5000, 'style:"x"', 'class:"a"b"'],
)
def test_stray_quotes_and_endless_numbers_are_refused(text):
    with raises("invalid", "layer"):
        parse(text)


def test_an_endless_objective_is_refused_and_its_message_is_short():
    with raises("too-large", "layer") as raised:
        parse("enc1 + " * 1_000_000)
    assert len(str(raised.value)) < 500


def test_signs_inside_a_name_survive_printing():
    text = 'class:"a + -b" - 2.0*class:"c - d"'
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "piece", ["enc1 + ", "1", " ", "^2", "a::", "1*", ":", '"', '"a" - ', "class:", "@1,", ".npz#", "\t- ", "-"]
)
def test_the_time_to_parse_grows_with_the_length_alone(piece):
    def seconds(n):
        text, spent = f"direction:enc1@x{piece * n}y", []
        for _ in range(3):
            began = time.process_time()
            with contextlib.suppress(SeisdreamError):
                parse(text)
            spent.append(time.process_time() - began)
        return min(spent)

    # Eight times the length takes eight times as long; with a square it would be 64 times.
    assert seconds(8000) < 24 * seconds(1000) + 0.01


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
    (term,) = bind_objective(parse("2*class:channel fill"), network)
    assert term == Channel("head", 2, weight=2.0)
    with raises("unknown-name") as error:
        bind_objective(parse("enc9"), network)
    assert "enc2" in str(error.value)
    with raises("unknown-name", "layer"):
        bind_objective(parse("enc2:6"), network)
    with raises("unknown-name") as error:
        bind_objective(parse("class:salty"), network)
    assert "salt" in str(error.value)
    with raises("no-labels", "classes"):
        bind_objective(
            parse("class:salt"),
            Network("bare", network.module, Preprocessing("grey"), default_layer="enc2"),
        )


def test_scores_of_known_activations():
    activations = torch.arange(12.0).reshape(1, 2, 2, 3)
    whole = Window(0, 0, (2, 3))
    assert Layer("a").total(activations, whole) / 6 == pytest.approx(float(activations.square().mean()))
    assert Channel("a", 1).total(activations, whole) / 6 == pytest.approx(8.5)
    assert Neuron("a", 1).total(activations, whole) == 10.0, "row 1 of 2, column 1 of 3"
    assert Neuron("a", 1).total(activations[..., :1, :], Window(0, 0, (2, 3))) == 0.0, "not in this window"


def test_a_guide_attracts_each_position_to_its_best_match():
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    activations = torch.tensor([[3.0, 1.0], [1.0, 2.0]]).reshape(1, 2, 1, 2).requires_grad_(True)
    guide = Guide("a", features=features)
    total = guide.total(activations, Window(0, 0, (1, 2)))
    (gradient,) = torch.autograd.grad(total, activations)
    assert total.item() == 5.0
    assert gradient[0, :, 0].T.tolist() == [[1.0, 0.0], [0.0, 1.0]], "the gradient is the matching vector"
    with raises("wrong-shape", "guide"):
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
def test_every_objective_is_parsed_back_from_its_text(terms):
    objective = sum(terms)
    assert parse(str(objective)).terms() == objective.terms()
    assert is_parsable(objective)


def test_objectives_that_text_does_not_define_are_known():
    assert not is_parsable(Direction("enc1", vector=np.ones(4)))
    assert not is_parsable(Guide("enc1", torch.ones(1, 4)))


def test_files_in_text_are_found_and_moved():
    text = 'enc1 - 2.0*direction:enc2@here/a.npz#salt^2.0 + direction:enc2@"b + c.npy"'
    assert files_of(parse(text).terms()) == ("here/a.npz", "b + c.npy")
    moved = with_files(text, lambda name: "there/" + name)
    assert moved == 'enc1 - 2.0*direction:enc2@there/here/a.npz#salt^2.0 + direction:enc2@"there/b + c.npy"'


def test_another_network_is_refused_where_there_is_only_one():
    with raises("not-supported", "layer"):
        bind_objective(parse("enc1 - facies::enc1"), small_network())


def test_a_probability_is_scored_by_its_logarithm():
    (term,) = bind_objective(parse("probability:salt"), small_network())
    logits = torch.tensor([[2.0, 2.0], [0.0, 2.0], [0.0, 2.0]]).reshape(1, 3, 1, 2)
    scores = term.scores(logits, Window(0, 0, (1, 2)))[0, 0]
    assert scores.exp().tolist() == pytest.approx([np.exp(2) / (np.exp(2) + 2), 1 / 3])


@pytest.mark.parametrize(
    ("vector", "code"),
    [(np.ones(5), "wrong-shape"), (np.zeros(6), "not-finite")],
)
def test_a_direction_must_fit_its_layer(vector, code, tmp_path):
    np.save(tmp_path / "direction.npy", vector)
    with raises(code, "layer"):
        bind_objective(parse(f"direction:enc2@{tmp_path}/direction.npy"), small_network())
