"""Networks by name: built in, from collections, and the user's own."""

import enum
import json
import sys
import types

import pytest
import torch
from torch import nn

from errors import raises
from seisdream.models.caffe_networks import CAFFE_NETWORKS
from seisdream.models.checkpoints import SHIPPED
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import as_network, list_networks, load_network, open_network
from seisdream.models.weights import PublicWeights

GREY = Preprocessing("grey")


def test_listed_networks_load():
    listed = {one.name: one for one in list_networks()}
    assert [name for name in listed if name not in SHIPPED][:3] == ["gabor", "googlenet", "squeezenet1_1"]
    assert not listed["gabor"].needs_weights
    assert load_network("gabor").default_layer == listed["gabor"].default_layer
    assert all(one.description for one in listed.values())


@pytest.mark.parametrize(
    ("name", "part"), [("gogglenet", "Did you mean googlenet"), ("", "seisdream networks"), ("zzz", "'zzz'")]
)
def test_unknown_networks_are_refused(name, part):
    with raises("unknown-name", "network") as error:
        load_network(name)
    assert part in str(error.value)


def test_networks_are_taken_by_name_or_as_they_are():
    network = as_network("gabor")
    assert network.name == "gabor"
    assert as_network(network) is network


def test_published_weights_are_downloaded_if_none_are_given(monkeypatch, tmp_path, shared):
    folder = shared / "weights"
    monkeypatch.setattr(PublicWeights, "fetch", lambda self, progress: folder / "squeezenet1_1.safetensors")
    network = load_network("squeezenet1_1")
    assert network.class_index("tench") == 0
    assert network.licence == "BSD-2-Clause"


def test_published_weights_are_verified(tmp_path):
    assert CAFFE_NETWORKS["googlenet"].weights.sha1 == "405fc5acd08a3bb12de8ee5e23a96bec22f08204"
    wrong = tmp_path / "x"
    wrong.write_bytes(b"something else")
    verify = CAFFE_NETWORKS["squeezenet1_1"].weights.verify
    assert verify is not None
    assert not verify(wrong)


def test_a_users_module_is_wrapped():
    module = nn.Sequential(nn.Conv2d(1, 2, 3))
    network = load_network(module, preprocessing=GREY, classes=["salt", "shale"])
    assert network.module is module
    assert network.class_index("shale") == 1
    assert network.class_layer == "0"


def test_preprocessing_of_a_users_network_must_be_given():
    with raises("missing-argument"):
        load_network(nn.Conv2d(1, 1, 1))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with a module of networks in it."""
    (tmp_path / "my_networks.py").write_text(
        "from torch import nn\n"
        "import torch\n"
        "def factory():\n    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())\n"
        "def number():\n    return 3\n"
        "def failing():\n    raise RuntimeError('no GPU here')\n"
        "ready = nn.Sequential(nn.Conv2d(1, 2, 3))\n"
    )
    (tmp_path / "broken_networks.py").write_text("import a_package_that_is_not_there\n")
    (tmp_path / "failing_networks.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("my_networks", "broken_networks", "failing_networks"):
        sys.modules.pop(name, None)


def test_a_factory_in_the_current_folder(folder):
    path = list(sys.path)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    network = load_network("my_networks:factory", preprocessing=GREY)
    assert network.name == "my_networks:factory"
    assert sys.path == path
    assert torch.equal(torch.rand(1), expected)
    assert network.sha256 == load_network("my_networks:factory", preprocessing=GREY).sha256
    assert network.sha256 != load_network("my_networks:factory", preprocessing=GREY, seed=1).sha256
    assert load_network("my_networks:ready", preprocessing=GREY).layers.keys() == {"0"}


def test_a_network_keeps_what_is_needed_to_load_it_again(folder):
    preprocessing = Preprocessing("grey", scale=1 / 255, mean=0.5, std=0.25)
    torch.save(nn.Sequential(nn.Conv2d(1, 2, 3)).state_dict(), folder / "w.pt")
    network = load_network(
        "my_networks:factory", weights=folder / "w.pt", preprocessing=preprocessing, classes=("salt", "shale")
    )
    assert network.is_loadable
    assert network.weights == str(folder / "w.pt")
    stated = {"order": "grey", "scale": 1 / 255, "mean": [0.5], "std": [0.25], "classes": ["salt", "shale"]}
    assert network.options == json.loads(json.dumps(network.options)) == stated
    classes = network.options.pop("classes")
    again = load_network(
        network.name, weights=network.weights, preprocessing=Preprocessing(**network.options), classes=classes
    )
    assert (again.sha256, again.preprocessing, again.classes) == (network.sha256, preprocessing, network.classes)


def test_options_that_were_not_given_are_not_kept(folder):
    gabor = load_network("gabor")
    assert (gabor.is_loadable, gabor.weights, gabor.options) == (True, None, {})
    (folder / "names.txt").write_text("salt\nshale\n")
    handed_over = load_network(nn.Conv2d(1, 2, 3), preprocessing=GREY, classes=folder / "names.txt")
    assert not handed_over.is_loadable
    assert handed_over.options["classes"] == str(folder / "names.txt")
    assert handed_over.classes == ("salt", "shale")


def test_weights_of_a_factory_load_strictly(folder):
    state = nn.Sequential(nn.Conv2d(1, 2, 3)).state_dict()
    torch.save(state, folder / "w.pt")
    network = load_network("my_networks:factory", weights=folder / "w.pt", preprocessing=GREY)
    assert torch.equal(network.module.state_dict()["0.weight"], state["0.weight"])
    state.pop("0.bias")
    torch.save(state, folder / "w.pt")
    with raises("incompatible"):
        load_network("my_networks:factory", weights=folder / "w.pt", preprocessing=GREY)


@pytest.mark.parametrize(
    ("name", "code", "part"),
    [
        ("my_networks:factroy", "unknown-name", "'factroy'; it defines factory"),
        ("my_networks.py", "unknown-name", "my_networks.py:FUNCTION"),
        ("no_such_networks:factory", "unknown-name", "'no_such_networks'"),
        ("my_networks:number", "wrong-type", "int"),
        ("my_networks:failing", "network-failed", "RuntimeError: no GPU here"),
        ("broken_networks:factory", "network-failed", "a_package_that_is_not_there"),
        ("failing_networks:factory", "network-failed", "ZeroDivisionError"),
        (":factory", "unknown-name", "'factory'"),
        ("my_networks:", "unknown-name", "''"),
    ],
)
def test_factories_that_fail_are_refused(folder, name, code, part):
    with raises(code, "network") as error:
        load_network(name, preprocessing=GREY)
    assert part in str(error.value)


@pytest.mark.parametrize("collection", ["timm", "torchvision"])
def test_a_missing_collection_names_its_extra(monkeypatch, collection):
    for name in ("timm", "torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, name, None)
    with raises("missing-extra"):
        load_network(f"{collection}:resnet18")


def make_classifier():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def fake_timm(asked):
    def create_model(name, pretrained):
        asked.append((name, pretrained))
        if pretrained and name == "resnet50":
            raise OSError("cannot reach the hub")
        module = make_classifier()
        module.pretrained_cfg = {
            "input_size": (3, 224, 224),
            "mean": (0.5, 0.4, 0.3),
            "std": (0.2, 0.2, 0.1),
            "license": "mit",
        }
        return module

    return types.SimpleNamespace(
        __version__="1.0", list_models=lambda: ["resnet18", "resnet50"], create_model=create_model
    )


def test_timm_networks_have_their_published_preprocessing(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setitem(sys.modules, "timm", fake_timm(asked))
    network = load_network("timm:resnet18.a1_in1k")
    assert network.preprocessing == Preprocessing("rgb", scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1))
    assert network.licence == "mit"
    torch.save(make_classifier().state_dict(), tmp_path / "w.pth")
    load_network("timm:resnet18", weights=tmp_path / "w.pth")
    assert asked == [("resnet18.a1_in1k", True), ("resnet18", False)]
    with raises("unknown-name"):
        load_network("timm:resnet81")
    with raises("network-failed"):
        load_network("timm:resnet50")


class FakeWeights(enum.Enum):
    V1 = "v1"
    DEFAULT = "v1"

    @property
    def meta(self):
        return {"categories": ["salt", "shale"]}

    def transforms(self):
        return types.SimpleNamespace(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


def test_torchvision_networks_have_their_preprocessing_and_classes(monkeypatch, tmp_path):
    asked = []

    def get_model(name, weights):
        asked.append((name, weights))
        return make_classifier()

    models = types.ModuleType("torchvision.models")
    models.__dict__.update(
        list_models=lambda: ["resnet18", "squeezenet1_1"],
        get_model_weights=lambda name: FakeWeights,
        get_model=get_model,
    )
    package = types.ModuleType("torchvision")
    package.__dict__.update(models=models)
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    network = load_network("torchvision:resnet18")
    assert network.preprocessing.scale == 1 / 255
    assert network.preprocessing.mean == (0.485, 0.456, 0.406)
    assert network.class_index("shale") == 1
    assert network.class_layer == "3"
    torch.save(make_classifier().state_dict(), tmp_path / "w.pth")
    load_network("torchvision:resnet18", weights=tmp_path / "w.pth")
    assert asked == [("resnet18", FakeWeights.V1), ("resnet18", None)]
    with raises("unknown-name"):
        load_network("torchvision:resnet19")


@pytest.mark.parametrize(
    ("options", "code"),
    [({"class_layer": 5}, "wrong-type"), ({"classes": {"a": 1}}, "wrong-type"), ({"dims": "3"}, "wrong-type"),
     ({"order": "grey", "std": ["x"]}, "wrong-type"), ({"order": "grey", "lines": 3.0}, "wrong-type"),
     ({"order": "grey", "factory": "os:system"}, "unknown-argument"), ({"lines": 999_999_999}, "out-of-range")],
)  # fmt: skip
def test_options_that_a_recipe_states_wrongly_are_refused(options, code):
    with raises(code):
        open_network("gabor", options=options)


NET = """
from torch import nn
import {helper}


def make():
    return nn.Sequential(nn.Conv2d(1, {helper}.CHANNELS, 3), nn.Conv2d({helper}.CHANNELS, 2, 3))
"""


def test_a_network_in_a_file_elsewhere_finds_the_modules_next_to_it(tmp_path, monkeypatch):
    (tmp_path / "nets").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "nets" / "channels_of_file.py").write_text("CHANNELS = 5\n")
    (tmp_path / "nets" / "net_in_file.py").write_text(NET.format(helper="channels_of_file"))
    monkeypatch.chdir(tmp_path / "here")
    network = load_network("../nets/net_in_file.py:make", preprocessing=Preprocessing("grey"))
    assert [layer.n_channels for layer in network.layers.values()] == [5, 2]
    with raises("not-found", "network"):
        load_network("../nets/other.py:make", preprocessing=Preprocessing("grey"))
    (tmp_path / "here" / "net_in_file.py").write_text("make = None\n")
    with raises("incompatible", "network"):
        load_network("net_in_file.py:make", preprocessing=Preprocessing("grey"))
