"""Networks of torchvision with random weights."""

import numpy as np
import torch

import seisdream as sd
from network_packages import package
from seisdream.models.preprocessing import Preprocessing

models = package("torchvision.models")
torch.set_num_threads(1)


def test_the_layers_and_classes_of_a_network_are_found():
    torch.manual_seed(0)
    network = sd.load_network(models.resnet18(weights=None), preprocessing=Preprocessing("rgb"))
    assert network.class_layer == "fc"
    assert network.layer("layer3").stride == (16, 16)


def test_a_segmentation_network_that_returns_a_dict_predicts():
    torch.manual_seed(0)
    module = models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    section = sd.make_section(np.random.default_rng(0).standard_normal((64, 96)).astype(np.float32), dt_ms=4)
    network = sd.load_network(module, preprocessing=Preprocessing("rgb", normalise="zscore"))
    predicted = sd.predict(section, network, augmentations=0)
    image = torch.from_numpy((section.values - section.values.mean()) / section.values.std()).expand(1, 3, -1, -1)
    with torch.no_grad():
        expected = module.eval()(image)["out"][0].softmax(0)
    np.testing.assert_allclose(predicted["probabilities"], expected, atol=1e-5)


def test_patches_of_a_vision_transformer_lie_on_a_grid():
    torch.manual_seed(0)
    module = models.VisionTransformer(
        image_size=64, patch_size=16, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=4
    )
    network = sd.load_network(module, preprocessing=Preprocessing("rgb", normalise="zscore"))
    assert network.layer("encoder.layers.encoder_layer_1/patches").stride == (16, 16)
    assert not network.layer("encoder.layers.encoder_layer_1/class").has_positions
