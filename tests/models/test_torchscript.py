"""TorchScript is used where it can be: by what it returns."""

import numpy as np
import pytest
import torch
from torch import nn

from errors import raises
from grey_sections import GREY, network_input
from seisdream.attribution.attribute import attribute
from seisdream.dreaming.dream import dream
from seisdream.inference.predict import predict
from seisdream.models.randomization import with_random_weights
from seisdream.models.registry import load_network, open_network

SIX = tuple("abcdef")
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore:Integrated gradients")


def make(activation, n_outputs=6):
    torch.manual_seed(0)
    body = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, n_outputs, 1)
    return nn.Sequential(*body, *activation).eval()


def loaded(script, folder):
    torch.jit.save(script, folder / "network.pt")
    return torch.jit.load(folder / "network.pt")


WAYS = {
    "scripted": lambda module, folder: torch.jit.script(module),
    "traced": lambda module, folder: torch.jit.trace(module, torch.rand(1, 1, 32, 48)),
    "loaded": lambda module, folder: loaded(torch.jit.script(module), folder),
    "frozen": lambda module, folder: torch.jit.freeze(torch.jit.script(module)),
    "inside a module": lambda module, folder: Wrapped(torch.jit.script(module)),
}


class Wrapped(nn.Module):
    def __init__(self, script):
        super().__init__()
        self.inside = script

    def forward(self, values):
        return {"out": self.inside(values)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("activation", [(), (nn.Softmax(dim=1),), (nn.Sigmoid(),)])
def test_the_classes_of_torchscript_are_what_it_returns(way, activation, section, tmp_path):
    module = make(activation)
    network = load_network(WAYS[way](module, tmp_path), preprocessing=GREY, classes=SIX)
    assert list(network.layers) == ["output"]
    assert network.class_layer == network.default_layer == "output"
    kind = "sigmoid" if activation and isinstance(activation[0], nn.Sigmoid) else "softmax"
    assert network.class_activation == kind
    with torch.no_grad():
        own = module(network_input(section))
    own = own if activation else own.softmax(1)
    for _ in range(3):  # optimised TorchScript changes after its first runs
        found = predict(section, network, augmentations=0).probabilities.values
        np.testing.assert_allclose(found, own[0].numpy(), atol=1e-6)


def test_dreams_and_attributions_of_torchscript_are_those_of_its_module(section):
    script = load_network(torch.jit.script(make(())), preprocessing=GREY, classes=SIX)
    plain = load_network(make(()), preprocessing=GREY, classes=SIX)
    first, again, expected = (
        dream(section, network, "class:a", octaves=1, steps=2).dataset["dream"].values
        for network in (script, script, plain)
    )
    assert np.array_equal(first, again)
    np.testing.assert_allclose(first, expected, atol=0.02)
    first, expected = (attribute(section, network, "class:a", steps=8).values for network in (script, plain))
    np.testing.assert_allclose(first, expected, atol=1e-4)


def test_inner_layers_of_torchscript_are_refused_with_the_way_out(section):
    network = load_network(torch.jit.script(make(())), preprocessing=GREY, classes=SIX)
    with raises("unknown-name", "layer") as raised:
        dream(section, network, "0:3", octaves=1, steps=1)
    assert "TorchScript" in str(raised.value)
    assert "Python" in str(raised.value)


def test_a_file_of_torchscript_is_a_network(section, tmp_path):
    module = make((), n_outputs=1)
    torch.jit.save(torch.jit.script(module), tmp_path / "faults.pt")
    names = tmp_path / "classes.txt"
    names.write_text("fault\n")
    options = {"order": "grey", "scale": 1 / 127.5, "mean": 1.0, "classes": str(names)}
    network = open_network(str(tmp_path / "faults.pt"), None, options)
    assert network.is_loadable
    assert (network.class_layer, network.class_index("fault")) == ("output", 0)
    with torch.no_grad():
        own = module(network_input(section)).sigmoid()[0, 0].numpy()
    np.testing.assert_allclose(predict(section, network, augmentations=0).probabilities[1].values, own, atol=1e-6)
    with raises("untrusted", "trust"):
        open_network(str(tmp_path / "faults.pt"), None, options, trust_code=False)
    with raises("missing-argument", "preprocessing"):
        open_network(str(tmp_path / "faults.pt"))


def test_a_file_that_is_no_torchscript_says_what_to_give(tmp_path):
    torch.save(make(()).state_dict(), tmp_path / "weights.pt")
    with raises("wrong-type", "network") as raised:
        load_network(str(tmp_path / "weights.pt"), preprocessing=GREY)
    assert "`weights=" in str(raised.value)
    (tmp_path / "broken.pt").write_bytes(b"PK\x03\x04 nothing")
    with raises("corrupt", "network"):
        load_network(str(tmp_path / "broken.pt"), preprocessing=GREY)
    content = bytearray((tmp_path / "weights.pt").read_bytes())
    locator = content.rindex(b"PK\x06\x07")  # of the end of a large archive; it counts its parts
    content[locator + 16 : locator + 20] = (7).to_bytes(4, "little")
    (tmp_path / "part.pt").write_bytes(content)
    with raises("corrupt", "network"):
        load_network(str(tmp_path / "part.pt"), preprocessing=GREY)
    with raises("not-found", "network"):
        load_network(str(tmp_path / "none.pt"), preprocessing=GREY)


def test_torchscript_is_no_file_of_weights(tmp_path):
    torch.jit.save(torch.jit.script(make(())), tmp_path / "script.pt")
    with raises("incompatible", "weights") as raised:
        load_network(make(()), preprocessing=GREY, weights=tmp_path / "script.pt")
    assert "`network=" in str(raised.value)


def test_random_weights_are_refused():
    network = load_network(torch.jit.script(make(())), preprocessing=GREY)
    with raises("not-supported", "network"):
        with_random_weights(network)


def test_the_hash_tells_frozen_networks_apart(tmp_path):
    hashes = []
    for seed in (0, 1, 0):
        torch.manual_seed(seed)
        frozen = torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Conv2d(1, 2, 3)).eval()))
        hashes.append(load_network(loaded(frozen, tmp_path), preprocessing=GREY).sha256)
    assert hashes[0] == hashes[2] != hashes[1]


@pytest.mark.parametrize("method", ["occlusion", "grad-cam", "lrp"])
def test_methods_that_look_inside_are_refused(method, section):
    network = load_network(torch.jit.script(make(())), preprocessing=GREY, classes=SIX)
    if method == "occlusion":
        assert np.isfinite(attribute(section, network, "class:a", method=method).values).all()
    else:
        with raises("not-supported", "method"):
            attribute(section, network, "class:a", method=method)
