"""GoogLeNet with its published weights: it classifies photographs and has the published layers."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from errors import raises
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network
from seisdream.models.zoo.googlenet import BGR_MEANS, GoogLeNet, PhotoGoogLeNet

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def googlenet(shared):
    return load_network("googlenet", weights=shared / "weights" / "bvlc_googlenet.safetensors")


def photo(name):
    data = pytest.importorskip("skimage.data")
    values = torch.from_numpy(np.asarray(getattr(data, name)(), np.float32))
    values = values.permute(2, 0, 1)[None] if values.ndim == 3 else values[None, None]
    rows, columns = values.shape[2:]
    side = min(rows, columns)
    top, left = (rows - side) // 2, (columns - side) // 2
    square = values[:, :, top : top + side, left : left + side]
    return F.interpolate(square, (224, 224), mode="bilinear", antialias=True)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "content", "least"),
    [
        ("chelsea", "Egyptian cat", 0.3),
        ("coffee", "espresso", 0.8),
        ("camera", "tripod", 0.9),
        ("rocket", "missile", 0.25),
    ],
)
def test_photographs_are_classified(googlenet, name, content, least, precision):
    recorded = PreparedNetwork(googlenet, "cpu", precision).record(photo(name), ["prob"])["prob"].flatten().float()
    best = int(recorded.argmax())
    assert best == googlenet.class_index(content)
    assert recorded[best] > least
    assert recorded.sum() == pytest.approx(1, abs=0.02)


def test_colour_order_matters(googlenet):
    cup = photo("coffee")
    prepared = PreparedNetwork(googlenet)
    right, wrong = (prepared.record(picture, ["prob"])["prob"].max() for picture in (cup, cup.flip(1)))
    assert right > wrong + 0.1


def test_any_size_works(googlenet):
    recorded = PreparedNetwork(googlenet).record(torch.rand(1, 1, 100, 150) * 255, ["prob"])["prob"]
    assert recorded.shape == (1, 1000, 1, 1)


def test_layers_are_the_published_ones(googlenet):
    layers = googlenet.layers
    assert len(layers) == 7 + 2 + 9 * 8 + 3
    assert [*layers][:4] == ["conv1/7x7_s2", "pool1/3x3_s2", "pool1/norm1", "conv2/3x3_reduce"]
    deep = layers["inception_4c/output"]
    assert (deep.n_channels, deep.stride, deep.receptive_field, deep.start) == (512, (16, 16), (299, 299), (14, 14))
    assert layers["inception_5b/output"].n_channels == 1024
    assert layers["pool5/7x7_s1"].receptive_field is None
    assert googlenet.default_layer == "inception_4c/output"
    assert googlenet.class_layer == "loss3/classifier"
    with raises("unknown-name"):
        googlenet.layer("inception4c/output")


def test_the_receptive_field_of_inception_4c_is_299_columns():
    torch.manual_seed(0)
    net = GoogLeNet().eval().requires_grad_(False)
    recorded = {}
    net.get_submodule("inception_4c/output").register_forward_hook(lambda _m, _i, output: recorded.update(seen=output))
    unit = 14
    low, high = 14 + 16 * unit - 149, 14 + 16 * unit + 149
    for column, is_seen in ((low - 1, False), (low, True), (high, True), (high + 1, False)):
        picture = torch.zeros(1, 3, 40, 464)
        picture[..., column] = torch.nan
        net(picture)
        assert bool(recorded["seen"][..., unit].isnan().any()) is is_seen, column


def test_blobs_are_rectified_and_pooled_as_in_caffe(googlenet):
    picture = torch.rand(1, 3, 61, 77, generator=torch.Generator().manual_seed(0)) * 255
    names = ["conv1/7x7_s2", "pool1/3x3_s2", "pool1/norm1", "inception_3a/3x3", "inception_3a/output", "pool3/3x3_s2"]
    recorded = PreparedNetwork(googlenet).record(picture, names)
    assert recorded["conv1/7x7_s2"].min() == 0
    weights = googlenet.module.state_dict()
    grey = googlenet.preprocessing(picture)
    conv = F.conv2d(grey, weights["conv1/7x7_s2.weight"], weights["conv1/7x7_s2.bias"], stride=2, padding=3).relu()
    torch.testing.assert_close(recorded["conv1/7x7_s2"], conv, rtol=1e-4, atol=1e-2)
    # Sizes round up: 31 × 39, 15 × 19, then 8 × 10 (from 7.5) and 4 × 5.
    assert recorded["pool1/3x3_s2"].shape[2:] == (15, 19)
    assert recorded["inception_3a/output"].shape == (1, 256, 7, 9)
    assert recorded["pool3/3x3_s2"].shape == (1, 480, 3, 4)
    torch.testing.assert_close(recorded["inception_3a/output"][:, 64:192], recorded["inception_3a/3x3"])
    torch.testing.assert_close(
        recorded["pool1/norm1"],
        F.local_response_norm(recorded["pool1/3x3_s2"], 5, 1e-4, 0.75, 1.0),
        rtol=1e-5,
        atol=1e-3,
    )


def test_bfloat16_gradients_point_the_same_way(googlenet, shared):
    amplitude = np.load(shared / "data" / "f3_inline362.npz")["amplitude"][200:360, 400:640]
    clip = np.percentile(np.abs(amplitude), 99)
    section = torch.from_numpy((amplitude / clip + 1) * 127.5).float()[None, None]
    gradients = []
    for precision in ("float32", "bfloat16"):
        picture = section.clone().requires_grad_()
        layer = "inception_4c/output"
        recorded = PreparedNetwork(googlenet, "cpu", precision).record(picture, [layer])[layer]
        recorded.float().square().mean().backward()
        gradients.append(picture.grad.flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.97


def test_weights_are_read_once(googlenet, monkeypatch):
    import seisdream.models.weights as weights

    def fail(*_):
        raise AssertionError("read again")

    monkeypatch.setattr(weights, "read_weights", fail)
    prepared = PreparedNetwork(googlenet)
    for _ in range(2):
        prepared.record(torch.zeros(1, 1, 32, 32), ["conv1/7x7_s2"])
    PreparedNetwork(googlenet, "cpu", "bfloat16")


def test_other_classes_keep_all_layers_except_the_last():
    whole, own = GoogLeNet(), PhotoGoogLeNet(3)
    fits = {name: value for name, value in whole.state_dict().items() if name in own.state_dict()}
    assert set(whole.state_dict()) - set(fits) == {"loss3/classifier.weight", "loss3/classifier.bias"}
    own.load_state_dict(fits, strict=False)
    grey = torch.rand(2, 1, 64, 48)
    bgr = 255.0 * grey - torch.tensor(BGR_MEANS).reshape(1, 3, 1, 1)
    torch.testing.assert_close(own.eval()(2.0 * grey - 1.0), own.logits(whole.features(bgr)), rtol=1e-4, atol=1e-4)
