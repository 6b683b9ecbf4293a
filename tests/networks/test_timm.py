"""Transformers and other networks of timm with random weights: layers, dreams, activations and attributions."""

import numpy as np
import pytest
import torch

import seisdream as sd
from network_packages import package
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing

timm = package("timm")
torch.set_num_threads(1)
ZSCORE = Preprocessing(normalise="zscore")
# Name of the model, its settings, a layer of patches, its stride, and a layer that is not listed.
MODELS = {
    "vit": ("vit_tiny_patch16_224", {}, "blocks.1/patches", 16, "blocks.1.attn.q_norm"),
    "any size": ("vit_tiny_patch16_224", {"dynamic_img_size": True}, "blocks.1/patches", 16, "blocks.1.attn.q_norm"),
    "dinov2": ("vit_small_patch14_reg4_dinov2", {"img_size": 126}, "blocks.1/patches", 14, "blocks.1.attn.k_norm"),
    "relative positions": ("vit_relpos_small_patch16_224", {}, "blocks.1", 16, "blocks.1.attn.q_norm"),
    "beit": ("beit_base_patch16_224", {"embed_dim": 48, "num_heads": 3}, "blocks.1/patches", 16, "blocks.1.attn_drop"),
}


@pytest.fixture(scope="module")
def section():
    amplitudes = np.random.default_rng(0).standard_normal((70, 90)).astype(np.float32)
    return sd.make_section(amplitudes, dt_ms=4)


def explain(section, network, target):
    return sd.attribute(section, network, target, method="occlusion", patch=(32, 32), stride=(32, 32))


def create(name, **settings):
    torch.manual_seed(0)
    return timm.create_model(name, in_chans=1, num_classes=5, **settings)


@pytest.mark.parametrize("model", MODELS)
def test_patches_of_a_vision_transformer_lie_on_a_grid(model, section):
    name, settings, layer, stride, hidden = MODELS[model]
    network = sd.load_network(create(name, depth=2, **settings), preprocessing=ZSCORE)
    assert network.layer(layer).stride == (stride, stride)
    assert hidden not in network.layers
    assert network.class_layer == "head"
    activations = sd.record_activations(section, network, layer)
    assert activations.dims == ("channel", "time", "trace")
    assert np.ptp(np.diff(activations["row"])) == 0
    result = sd.dream(section, network, layer, octaves=2, steps=1)
    assert np.isfinite(result.dataset["dream"]).all()


def test_the_patches_and_the_class_token_are_those_of_forward_features():
    module = create("vit_small_patch14_reg4_dinov2", img_size=126, depth=2, class_token=True).eval()
    network = sd.load_network(module, preprocessing=Preprocessing("grey"))
    image = torch.rand(1, 1, 126, 126)
    recorded = PreparedNetwork(network).record(image, ["norm/class", "norm/registers", "norm/patches"])
    with torch.no_grad():
        tokens = module.forward_features(image)
    assert module.num_prefix_tokens == 5
    torch.testing.assert_close(recorded["norm/class"][..., 0, 0], tokens[:, 0])
    torch.testing.assert_close(recorded["norm/registers"][..., 0], tokens[:, 1:5].transpose(1, 2))
    torch.testing.assert_close(recorded["norm/patches"].flatten(2), tokens[:, 5:].transpose(1, 2))


def test_swin_has_maps_and_no_windows(section):
    module = create(
        "swin_tiny_patch4_window7_224", embed_dim=24, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8), img_size=112
    )
    network = sd.load_network(module, preprocessing=ZSCORE)
    assert network.default_layer == "layers.2"
    assert network.layer("layers.0").stride == (4, 4)
    assert network.layer("layers.0.blocks.0.mlp").stride == (4, 4)
    assert not [name for name in network.layers if name.endswith(("attn.qkv", "attn.proj", "attn.softmax"))]
    image = torch.rand(1, 1, 112, 112)
    recorded = PreparedNetwork(network).record(image, ["layers.0"])["layers.0"]
    with torch.no_grad():
        expected = module.eval().layers[0](module.patch_embed(ZSCORE(image)))
    torch.testing.assert_close(recorded.movedim(1, -1), expected, rtol=1e-4, atol=1e-4)
    attribution = explain(section, network, "layers.2:3")
    assert attribution.shape == section.shape


def test_a_class_of_a_vision_transformer_is_explained(section):
    network = sd.load_network(create("vit_tiny_patch16_224", depth=1), preprocessing=ZSCORE, classes=list("abcde"))
    attribution = explain(section, network, "class:b")
    assert float(np.abs(attribution).max()) > 0


@pytest.mark.parametrize(("name", "head"), [("resnet18", "fc"), ("convnext_atto", "head.fc")])
def test_convolutional_networks_are_described(name, head):
    network = sd.load_network(timm.create_model(name, pretrained=False), preprocessing=Preprocessing("rgb"))
    assert [info for info in network.layers.values() if info.receptive_field is not None]
    assert network.layer(head).n_channels == 1000
    assert network.class_layer == head
