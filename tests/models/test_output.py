"""The classes of a network are what its `forward` returns."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from errors import raises
from grey_sections import GREY, network_input
from seisdream.attribution.attribute import attribute
from seisdream.dreaming.dream import dream
from seisdream.inference.class_maps import NO_CLASS
from seisdream.inference.predict import predict
from seisdream.models.network import Network
from seisdream.models.output import ReturnedForm, class_log_probabilities, class_probabilities
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping

SIX = tuple("abcdef")


class Net(nn.Module):
    """A body of one convolution, and a head that a test gives."""

    def __init__(self, forward, head):
        super().__init__()
        self.body = nn.Conv2d(1, 8, 3, padding=1)
        self.head = head
        self.rest = forward

    def forward(self, values):
        return self.rest(self, torch.relu(self.body(values)))


def make(forward=lambda net, values: net.head(values), head=None, n_outputs=6):
    torch.manual_seed(0)
    net = Net(forward, head or nn.Conv2d(8, n_outputs, 1)).eval()
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.Conv2d) and part.out_channels == n_outputs:
                part.weight *= 8
    return net


@dataclass
class ModelOutput:
    loss: torch.Tensor | None
    logits: torch.Tensor
    hidden_states: torch.Tensor


class Pair(NamedTuple):
    features: torch.Tensor
    out: torch.Tensor


def enlarge(values, **options):
    return functional.interpolate(values, scale_factor=4, mode="bilinear", **options)


def coarse(net, values):
    return net.head(functional.avg_pool2d(values, 4))


def softmax_head():
    return nn.Sequential(nn.Conv2d(8, 6, 1), nn.Softmax(dim=1))


def upsampling_head():
    return nn.Sequential(nn.Conv2d(8, 6, 1), nn.UpsamplingBilinear2d(scale_factor=2))


# The module, its class layer, the layer of its map, and its own probabilities from what it returns.
SOFTMAX = lambda returned: returned.softmax(1)  # noqa: E731
AS_IT_IS = lambda returned: returned  # noqa: E731
NETWORKS = {
    "logits": (make(), "head", "head", SOFTMAX),
    "a softmax inside the head": (make(head=softmax_head()), "head.0", "head.0", AS_IT_IS),
    "a nested head": (make(head=nn.Sequential(softmax_head(), nn.Identity())), "head.0.0", "head.0.0", AS_IT_IS),
    "a functional softmax": (make(lambda net, x: net.head(x).softmax(1)), "head", "head", AS_IT_IS),
    "a softmax of a temperature": (make(lambda net, x: (net.head(x) / 3).softmax(1)), "output", "output", AS_IT_IS),
    "log_softmax": (make(lambda net, x: net.head(x).log_softmax(1)), "head", "head", torch.exp),
    "the exponential of log_softmax": (make(lambda net, x: net.head(x).log_softmax(1).exp()), "head", "head", AS_IT_IS),
    "the logarithm of a softmax": (make(lambda net, x: net.head(x).softmax(1).log()), "head", "head", torch.exp),
    "upsampled logits": (make(lambda net, x: enlarge(coarse(net, x))), "head", "output", SOFTMAX),
    "a softmax of upsampled logits": (
        make(lambda net, x: enlarge(coarse(net, x)).softmax(1)), "head", "output", AS_IT_IS,
    ),
    "an upsampled softmax": (make(lambda net, x: enlarge(coarse(net, x).softmax(1))), "head", "output", AS_IT_IS),
    "corners aligned": (make(lambda net, x: enlarge(coarse(net, x), align_corners=True)), "head", "output", SOFTMAX),
    "upsampled and cut": (
        make(lambda net, x: enlarge(coarse(net, functional.pad(x, (0, 4, 0, 4))))[..., :-4, :-4]),
        "head", "output", SOFTMAX,
    ),
    "an upsampling module": (
        make(lambda net, x: net.head(functional.avg_pool2d(x, 2)), upsampling_head()), "head.0", "head.1", SOFTMAX,
    ),
    "out of a dict": (
        make(lambda net, x: OrderedDict(out=net.head(x), aux=x)), "head", "head", lambda r: r["out"].softmax(1),
    ),
    "logits of a dataclass": (
        make(lambda net, x: ModelOutput(None, net.head(x), x)), "head", "head", lambda r: r.logits.softmax(1),
    ),
    "out of a named tuple": (make(lambda net, x: Pair(x, net.head(x))), "head", "head", lambda r: r.out.softmax(1)),
    "the first of a tuple": (make(lambda net, x: (net.head(x), x)), "head", "head", lambda r: r[0].softmax(1)),
    "deep supervision": (
        make(lambda net, x: [coarse(net, x), net.head(x)]), "head", "head", lambda r: r[1].softmax(1),
    ),
    "a mean of two softmaxes": (
        make(lambda net, x: (net.head(x).softmax(1) + net.head(-x).softmax(1)) / 2), "output", "output", AS_IT_IS,
    ),
    "a softmax by hand": (
        make(lambda net, x: net.head(x).exp() / net.head(x).exp().sum(1, keepdim=True)), "output", "output", AS_IT_IS,
    ),
    "a sum of two heads": (make(lambda net, x: net.head(x) + net.head(-x)), "output", "output", SOFTMAX),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_map_is_the_networks_own(name, section):
    module, layer, map_layer, own = NETWORKS[name]
    network = load_network(module, preprocessing=GREY, classes=SIX)
    assert (network.class_layer, network.class_map_layer, network.class_activation) == (layer, map_layer, "softmax")
    prediction = predict(section, network, augmentations=0)
    with torch.no_grad():
        expected = own(module(network_input(section)))[0].numpy()
    np.testing.assert_allclose(prediction.probabilities.values, expected, atol=1e-6)
    assert np.array_equal(prediction.classes.values, expected.argmax(0))


ONE = {
    "one logit": (make(n_outputs=1), "head", torch.sigmoid),
    "a sigmoid": (make(lambda net, x: torch.sigmoid(net.head(x)), n_outputs=1), "head", AS_IT_IS),
    "the logarithm of a sigmoid": (
        make(lambda net, x: functional.logsigmoid(net.head(x)), n_outputs=1), "head", torch.exp,
    ),
    "no axis of channels": (make(lambda net, x: net.head(x).sigmoid().squeeze(1), n_outputs=1), "head", AS_IT_IS),
    "the channel of a product": (
        make(lambda net, x: torch.sigmoid(net.head(x) * 2)[:, 0], n_outputs=1), "output", AS_IT_IS,
    ),
    "one channel of a softmax": (
        make(lambda net, x: torch.cat([-net.head(x), net.head(x)], 1).softmax(1)[:, 1:], n_outputs=1),
        "output", AS_IT_IS,
    ),
    "a clamped sigmoid": (
        make(lambda net, x: net.head(x).sigmoid().clamp(1e-4, 1 - 1e-4), n_outputs=1), "output", AS_IT_IS,
    ),
    "no axis at all": (make(lambda net, x: net.head(x).squeeze(), n_outputs=1), "head", torch.sigmoid),
    "a sigmoid module": (
        make(head=nn.Sequential(nn.Conv2d(8, 1, 1), nn.Sigmoid()), n_outputs=1), "head.0", AS_IT_IS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_one_output_is_one_class_against_background(name, section):
    module, layer, own = ONE[name]
    network = load_network(module, preprocessing=GREY, classes=["fault"])
    assert (network.class_layer, network.class_activation) == (layer, "sigmoid")
    prediction = predict(section, network, augmentations=1)
    with torch.no_grad():
        fault = own(module(network_input(section))).reshape(24, 32).numpy()
    alone = predict(section, network, augmentations=0)
    assert list(prediction["class"].values) == ["background", "fault"]
    np.testing.assert_allclose(alone.probabilities.values, [1 - fault, fault], atol=1e-6)
    assert np.array_equal(alone.classes.values, fault > 0.5)
    share = np.clip(alone.probabilities.values.astype(np.float64), 1e-30, 1)
    np.testing.assert_allclose(alone.entropy.values, -(share * np.log2(share)).sum(0), atol=1e-5)
    assert prediction.uncertainty.max() > 0


def sigmoid_head():
    return nn.Sequential(nn.Conv2d(8, 6, 1), nn.Sigmoid())


@pytest.mark.parametrize(
    "module",
    [
        make(head=sigmoid_head()),
        make(lambda net, x: net.head(x).sigmoid()),
        make(lambda net, x: enlarge(coarse(net, x).sigmoid())),
    ],
)
def test_several_labels_at_once_have_probabilities_of_their_own(module, section):
    network = load_network(module, preprocessing=GREY, classes=SIX)
    assert network.class_activation == "sigmoid"
    prediction = predict(section, network, augmentations=0)
    with torch.no_grad():
        own = module(network_input(section))[0].double().numpy()
    np.testing.assert_allclose(prediction.probabilities.values, own, atol=1e-6)
    expected = np.where((own > 0.5).any(0), own.argmax(0), NO_CLASS)
    assert np.array_equal(prediction.classes.values, expected)
    assert prediction.classes.attrs["none"] == NO_CLASS
    entropy = -(own * np.log2(own) + (1 - own) * np.log2(1 - own)).mean(0)
    np.testing.assert_allclose(prediction.entropy.values, entropy, atol=1e-4)
    with raises("incompatible", "stratigraphic_order"):
        predict(section, network, augmentations=0, stratigraphic_order="down")


def test_logits_of_several_labels_are_named_so(section):
    module = make()
    network = load_network(module, preprocessing=GREY, classes=SIX, class_activation="sigmoid")
    with torch.no_grad():
        own = module(network_input(section)).sigmoid()[0].numpy()
    np.testing.assert_allclose(predict(section, network, augmentations=0).probabilities.values, own, atol=1e-6)
    assert network.options["class_activation"] == "sigmoid"
    with raises("incompatible", "class_activation"):
        _ = load_network(make(head=softmax_head()), preprocessing=GREY, class_activation="sigmoid").class_activation
    with raises("unknown-name", "class_activation"):
        load_network(module, preprocessing=GREY, class_activation="tanh")


@pytest.mark.parametrize("module", [ONE["a sigmoid"][0], make(head=sigmoid_head()), make(head=softmax_head())])
@pytest.mark.filterwarnings("ignore:Integrated gradients")
def test_logits_are_dreamed_on_and_attributed(module, section):
    n_outputs = 1 if module is ONE["a sigmoid"][0] else 6
    network = load_network(module, preprocessing=GREY, classes=SIX[:n_outputs])
    prepared = PreparedNetwork(network)
    grey = torch.from_numpy(GreyMapping.of(section).to_grey(section.values)).float()[None, None].clamp(0, 255)
    with torch.no_grad():
        logits = prepared.record(grey, [network.class_layer])[network.class_layer]
        own = module(network.preprocessing(grey))
    torch.testing.assert_close(network.class_probabilities(logits), own, rtol=0, atol=1e-6)
    for objective in ("class:a", "probability:a"):
        result = dream(section, network, objective, octaves=1, steps=1)
        assert np.isfinite(result.dataset["dream"].values).all()
    for kind, expected in (("logit", logits), ("probability", own)):
        found = attribute(section, network, "class:a", steps=8, score=kind)
        assert found.attrs["score"] == pytest.approx(float(expected[:, 0].mean()), abs=1e-4)


def test_names_must_be_as_many_as_outputs():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU())
            self.head = nn.Conv2d(8, 7, 1)

        def forward(self, values):
            return self.head(self.body(values))

    for n_names in (8, 6):
        with raises("incompatible", "classes") as raised:
            _ = load_network(Hidden(), preprocessing=GREY, classes=list("abcdefgh")[:n_names]).class_layer
        assert f"7 outputs ('head') but `classes` gives {n_names} names" in str(raised.value)
    named = load_network(Hidden(), preprocessing=GREY, classes=list("abcdefgh"), class_layer="body")
    assert (named.class_layer, named.class_index("c"), named.options["class_layer"]) == ("body.1", 2, "body")


def test_classes_without_names_are_numbered(section):
    network = load_network(make(), preprocessing=GREY)
    assert network.class_layer == "head"
    assert list(predict(section, network, augmentations=0)["class"].values) == [f"class {i}" for i in range(6)]
    assert np.isfinite(dream(section, network, "class:3", octaves=1, steps=1).dataset["dream"].values).all()
    numbered = load_network(NETWORKS["log_softmax"][0], preprocessing=GREY, class_layer="head")
    assert numbered.class_index("5") == 5


@pytest.mark.parametrize(
    ("forward", "part"),
    [
        (lambda net, x: net.head(x).argmax(1), "int64 numbers"),
        (lambda net, x: (net.head(x) > 0).float(), "no gradient"),
        (lambda net, x: {"a": net.head(x), "b": x}, "a dict with a, b"),
        (lambda net, x: None, "NoneType"),
        (lambda net, x: torch.fft.rfft2(net.head(x)), "complex64 numbers"),
    ],
)
def test_outputs_without_logits_are_refused_by_name(forward, part, section):
    network = load_network(make(forward), preprocessing=GREY, classes=SIX)
    with raises("no-labels", "class_layer") as raised:
        predict(section, network, augmentations=0)
    assert part in str(raised.value)
    assert network.layer("body").n_channels == 8  # the rest can be used
    if part != "NoneType":
        named = load_network(make(forward), preprocessing=GREY, classes=SIX, class_layer="head")
        assert predict(section, named, augmentations=0).sizes["class"] == 6


def test_a_softmax_over_positions_is_not_one_over_classes(section):
    network = load_network(make(lambda net, x: net.head(x).softmax(-1)), preprocessing=GREY, classes=SIX)
    with raises("no-labels", "class_layer"):
        predict(section, network, augmentations=0)


def test_a_vector_of_classes_makes_no_map_but_can_be_attributed(section):
    pooled = make(lambda net, x: net.head(functional.adaptive_avg_pool2d(x, 1)).flatten(1).softmax(1))
    network = load_network(pooled, preprocessing=GREY, classes=SIX)
    assert network.class_layer == "head"
    with raises("not-supported"):
        predict(section, network, augmentations=0)
    assert network.class_index("b") == 1
    with torch.no_grad():
        own = pooled(network_input(section)).argmax()
    assert attribute(section, network, steps=8).attrs["target"] == f"class:{SIX[own]}"


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_probabilities_are_turned_back_to_logits_with_the_same_probabilities(activation):
    logits = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)) * 6
    own = class_probabilities(logits, activation)
    torch.testing.assert_close(class_log_probabilities(logits, activation).exp(), own)
    for is_log in (False, True):
        back = ReturnedForm(activation, is_log).to_logits(own.log() if is_log else own)
        torch.testing.assert_close(class_probabilities(back, activation), own, rtol=1e-4, atol=1e-6)
    edges = ReturnedForm("sigmoid").to_logits(torch.tensor([0.0, 1.0]))
    assert edges.isfinite().all()


def test_a_network_may_have_no_classes(section):
    network = Network("filters", make(), GREY, has_classes=False)
    assert network.class_layer is None
    with raises("not-supported"):
        predict(section, network)
