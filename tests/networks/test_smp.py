"""Networks of segmentation_models_pytorch and timm on sections of odd sides: dreamed, predicted and explained."""

import numpy as np
import pytest
import torch

import seisdream as sd
from network_packages import package

torch.set_num_threads(1)
GREY = sd.Preprocessing("grey", scale=1 / 127.5, mean=1.0)


def line(rows=133, columns=77):
    values = np.random.default_rng(0).normal(size=(rows, columns)).cumsum(0).astype(np.float32)
    return sd.make_section(values - values.mean(0), dt_ms=4.0)


@pytest.mark.parametrize(
    ("name", "multiple"),
    [("UnetPlusPlus", 32), ("FPN", 32), ("DeepLabV3Plus", 16), ("Segformer", 32), ("Unet", 1), ("Linknet", 32)],
)
def test_segmentation_models_take_sections_of_odd_sides(name, multiple):
    models = package("segmentation_models_pytorch")
    torch.manual_seed(0)
    module = getattr(models, name)(encoder_name="resnet18", encoder_weights=None, in_channels=1, classes=4)
    network, section = sd.load_network(module, preprocessing=GREY, classes=list("abcd")), line()
    assert network.sides.multiple == (multiple, multiple)
    dreamed = sd.dream(section, network, "class:b", octaves=2, steps=1, allow_undersized=True)
    assert dreamed.dream.shape == section.shape
    assert not np.array_equal(dreamed.dream, section)
    prediction = sd.predict(section, network, augmentations=1)
    np.testing.assert_allclose(prediction.probabilities.sum("class"), 1.0, atol=1e-5)
    attribution = sd.attribute(section, network, "class:b", at=(40, 200), method="grad-cam")
    assert attribution.shape == section.shape


def test_a_segmentation_model_predicts_what_it_computes_where_the_section_fits():
    models = package("segmentation_models_pytorch")
    torch.manual_seed(0)
    module = models.FPN(encoder_name="resnet18", encoder_weights=None, in_channels=1, classes=4).eval()
    network, section = sd.load_network(module, preprocessing=GREY, classes=list("abcd")), line(96, 64)
    values = np.clip(section.values / np.percentile(np.abs(section.values), 99), -1, 1)
    with torch.no_grad():
        own = module(torch.from_numpy(values)[None, None]).softmax(1)[0].numpy()
    np.testing.assert_allclose(sd.predict(section, network, augmentations=0).probabilities, own, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "fixed", "multiple"),
    [
        ("vit_tiny_patch16_224", {"depth": 2}, 224, 1),
        ("vit_tiny_patch16_224", {"depth": 2, "dynamic_img_size": True}, None, 16),
        ("vit_small_patch14_dinov2", {"depth": 1}, 518, 1),
        ("swin_tiny_patch4_window7_224", {"depths": (1, 1, 1, 1)}, 224, 1),
        ("resnet18", {}, None, 1),
    ],
)
def test_transformers_take_sections_of_odd_sides(name, options, fixed, multiple):
    timm = package("timm")
    torch.manual_seed(0)
    module = timm.create_model(name, pretrained=False, in_chans=1, num_classes=4, **options)
    network, section = sd.load_network(module, preprocessing=GREY), line()
    assert network.sides.fixed == (None if fixed is None else (fixed, fixed))
    assert network.sides.multiple == (multiple, multiple)
    dreamed = sd.dream(section, network, octaves=2, steps=1, allow_undersized=True)
    assert dreamed.dream.shape == section.shape
    assert not np.array_equal(dreamed.dream, section)
