"""Networks of transformers with random weights: ViT, DINOv2, Swin, SegFormer and UperNet."""

import numpy as np
import pytest
import torch

import seisdream as sd
from network_packages import package
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing

transformers = package("transformers")
torch.set_num_threads(1)
ZSCORE = Preprocessing(normalise="zscore")
SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
SWIN = {"num_channels": 1, "image_size": 112, "embed_dim": 12, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2]}


@pytest.fixture(scope="module")
def section():
    amplitudes = np.random.default_rng(0).standard_normal((70, 90)).astype(np.float32)
    return sd.make_section(amplitudes, dt_ms=4)


def explain(section, network, target):
    return sd.attribute(section, network, target, method="occlusion", patch=(32, 32), stride=(32, 32))


def loaded(module, **settings):
    return sd.load_network(module.eval(), preprocessing=ZSCORE, **settings)


def vit():
    torch.manual_seed(0)
    config = transformers.ViTConfig(**SMALL, image_size=64, patch_size=16, num_channels=1, num_labels=4)
    return transformers.ViTForImageClassification(config)


def segformer():
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        num_channels=1, hidden_sizes=[8, 16, 16, 24], depths=[1, 1, 1, 1], decoder_hidden_size=16, num_labels=4,
        num_attention_heads=[1, 1, 2, 2],
    )  # fmt: skip
    return transformers.SegformerForSemanticSegmentation(config)


def upernet():
    torch.manual_seed(0)
    backbone = transformers.SwinConfig(**SWIN, out_features=["stage1", "stage2", "stage3", "stage4"])
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=16, num_labels=4, use_auxiliary_head=False
    )
    return transformers.UperNetForSemanticSegmentation(config)


def test_a_vision_transformer_has_class_token_and_patches(section):
    module = vit()
    network = loaded(module, classes=["salt", "shale", "sand", "chalk"])
    assert network.class_layer == "classifier"
    image = torch.rand(1, 1, 64, 64)
    recorded = PreparedNetwork(network).record(image, ["vit.layernorm/class", "vit.layernorm/patches"])
    with torch.no_grad():
        tokens = module.vit(ZSCORE(image)).last_hidden_state
    torch.testing.assert_close(recorded["vit.layernorm/class"][..., 0, 0], tokens[:, 0])
    torch.testing.assert_close(recorded["vit.layernorm/patches"].flatten(2), tokens[:, 1:].transpose(1, 2))
    result = sd.dream(section, network, "class:sand", octaves=2, steps=1)
    assert np.isfinite(result.dataset["dream"]).all()


@pytest.mark.parametrize("name", ["Dinov2", "Dinov2WithRegisters"])
def test_dinov2_takes_any_section(name, section):
    torch.manual_seed(0)
    settings = {key: value for key, value in SMALL.items() if key != "intermediate_size"}
    config = getattr(transformers, f"{name}Config")(**settings, image_size=98, patch_size=14, num_channels=1)
    network = loaded(getattr(transformers, f"{name}Model")(config))
    assert network.layer("encoder.layer.1/patches").stride == (14, 14)
    assert ("encoder.layer.1/registers" in network.layers) == (name == "Dinov2WithRegisters")
    activations = sd.record_activations(section, network, "encoder.layer.1/patches")
    assert activations.shape == (24, 5, 6)


def test_swin_has_maps_and_no_windows(section):
    torch.manual_seed(0)
    module = transformers.SwinModel(transformers.SwinConfig(**SWIN, window_size=4))
    network = loaded(module)
    assert network.layer("encoder.layers.0.blocks.0").stride == (4, 4)
    assert network.layer(network.default_layer).stride == (16, 16)
    assert not [name for name in network.layers if name.endswith(("q_proj", "attention.query"))]
    prepared, image = PreparedNetwork(network), torch.rand(1, 1, 112, 112)
    before = prepared.record(image, ["layernorm"])["layernorm"]
    with torch.no_grad():
        expected = module(ZSCORE(image)).last_hidden_state
    torch.testing.assert_close(before.flatten(2), expected.transpose(1, 2), rtol=1e-4, atol=1e-4)
    # A smaller input changes the windows of the network for good, but not for the next input.
    prepared.record(torch.rand(1, 1, 64, 64), ["encoder.layers.0.blocks.0"])
    assert torch.equal(prepared.record(image, ["layernorm"])["layernorm"], before)
    assert explain(section, network, "encoder.layers.0:3").shape == section.shape


@pytest.mark.parametrize("make", [segformer, upernet])
def test_a_segmentation_network_predicts_what_it_returns(make, section):
    module = make()
    network = loaded(module, classes=["salt", "shale", "sand", "chalk"])
    part = section[:64, :64]
    predicted = sd.predict(part, network, augmentations=0)
    image = torch.from_numpy((part.values - part.values.mean()) / part.values.std())[None, None]
    with torch.no_grad():
        returned = module.eval()(image).logits
    logits = PreparedNetwork(network).record(torch.from_numpy(part.values)[None, None], [network.class_layer])
    assert logits[network.class_layer].shape[1] == 4
    if returned.shape[2:] == part.shape:
        np.testing.assert_allclose(predicted["probabilities"], returned[0].softmax(0), atol=1e-5)
    else:  # logits of every fourth sample
        assert returned.shape[2:] == (16, 16)
        inside = predicted["probabilities"][:, 2:-2:4, 2:-2:4].values
        assert np.abs(inside - returned[0, :, : inside.shape[1], : inside.shape[2]].softmax(0).numpy()).max() < 0.05
    np.testing.assert_allclose(predicted["probabilities"].sum("class"), 1, atol=1e-5)
    assert explain(part, network, "class:sand").shape == part.shape
