"""The filters of gabor: their design, and what they respond to."""

import numpy as np
import pytest
import torch

from errors import raises
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.registry import load_network
from seisdream.models.zoo.gabor import make_fold, make_wavelet

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def gabor():
    return load_network("gabor")


def stripes(dip_deg, wavelength, size=(64, 64), bend_deg=0.0):
    """Grey levels of reflections of a dip; with a bend, the dip of the right half is larger by twice the bend."""
    row, column = np.mgrid[: size[0], : size[1]].astype(float)
    column -= size[1] / 2
    left, right = (np.tan(np.radians(dip_deg + sign * bend_deg)) for sign in (-1, 1))
    depth = row - np.where(column < 0, left, right) * column
    across = depth * np.cos(np.radians(dip_deg))
    return torch.from_numpy(127.5 + 100 * np.cos(2 * np.pi * across / wavelength)).float()[None, None]


def loudest(gabor, picture, layer, where=np.s_[:, :]):
    values = PreparedNetwork(gabor).record(picture, [layer])[layer][0].numpy()
    return gabor.channel_labels(layer)[int(np.argmax([channel[where].mean() for channel in values]))]


def test_layers_and_receptive_fields(gabor):
    layers = gabor.layers
    assert list(layers) == ["stage1/filters", "stage1/rectified", "stage1/pooled", "stage2/filters", "stage2/rectified"]
    assert layers["stage1/rectified"].receptive_field == (5, 5)
    assert layers["stage2/rectified"].receptive_field == (18, 18)
    assert layers["stage2/rectified"].stride == (2, 2)
    assert gabor.default_layer == "stage2/rectified"
    assert gabor.preprocessing.order == "grey"
    for name, info in layers.items():
        labels = gabor.channel_labels(name)
        assert len(labels) == info.n_channels == len(set(labels))


def test_filters_have_zero_mean_and_unit_norm(gabor):
    for name in ("stage1/filters", "stage2/filters"):
        weight = gabor.module.get_submodule(name).weight.double()
        assert weight.sum(dim=(1, 2, 3)).abs().max() == 0
        torch.testing.assert_close(
            weight.square().sum(dim=(1, 2, 3)), torch.ones(len(weight)).double(), atol=3e-3, rtol=0
        )


def test_constants_give_no_response(gabor):
    for level in (0.0, 127.5, 200.0):
        recorded = PreparedNetwork(gabor).record(torch.full((1, 1, 48, 48), level), list(gabor.layers))
        for name, values in recorded.items():
            # At the border the picture ends in mid-grey, so only mid-grey itself ends in nothing.
            border = 0 if level == 127.5 else 18 // gabor.layers[name].stride[0]
            inside = values[:, :, border : values.shape[2] - border, border : values.shape[3] - border]
            assert inside.abs().max() < 2e-6, name


@pytest.mark.parametrize("dip_deg", [0.0, 22.5, -45.0, 67.5, 90.0])
@pytest.mark.parametrize("wavelength", [3.0, 5.0])
def test_stage_1_responds_to_dip_and_wavelength(gabor, dip_deg, wavelength):
    row, column = np.mgrid[:64, :64]
    across = row * np.cos(np.radians(dip_deg)) - column * np.sin(np.radians(dip_deg))
    picture = torch.from_numpy(127.5 + 100 * np.cos(2 * np.pi * across / wavelength)).float()[None, None]
    middle = np.s_[8:-8, 8:-8]
    assert loudest(gabor, picture, "stage1/pooled", middle) == f"dip {dip_deg:g}°, wavelength {wavelength:g}"


@pytest.mark.parametrize(("bend_deg", "fold"), [(22.5, "anticline"), (-22.5, "syncline")])
def test_stage_2_responds_to_folds(gabor, bend_deg, fold):
    # Rows count downwards: on an anticline the left limb dips up to the right, the right limb down.
    hinge = np.s_[8:-8, 14:18]
    assert (
        loudest(gabor, stripes(0, 5.0, bend_deg=bend_deg), "stage2/rectified", hinge) == f"{fold}, dip 0°, wavelength 5"
    )


def test_straight_beds_are_not_folds(gabor):
    layer = "stage2/rectified"
    prepared = PreparedNetwork(gabor)
    recorded = {
        bend: prepared.record(stripes(0, 5.0, bend_deg=bend), [layer])[layer][..., 8:-8, 14:18].max()
        for bend in (0, 22.5)
    }
    assert recorded[0] < 0.1 * recorded[22.5]


def test_the_filters_are_the_same_on_every_machine():
    assert load_network("gabor").sha256 == load_network("gabor").sha256
    for values in (make_wavelet(22.5, 3.0, 90.0), make_fold("syncline", 0.0, 5.0)):
        assert np.array_equal(values * 2**14, np.round(values * 2**14))


def test_loading_leaves_the_global_random_state():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    load_network("gabor")
    assert torch.equal(torch.rand(2), expected)


def test_weights_are_refused(tmp_path):
    with raises("incompatible"):
        load_network("gabor", weights=tmp_path / "x.safetensors")


@pytest.mark.parametrize("size", [(5, 5), (2, 3), (31, 5)])
def test_tiny_sections_work(gabor, size):
    picture = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0)) * 255
    picture.requires_grad_()
    PreparedNetwork(gabor).record(picture, ["stage1/rectified"])["stage1/rectified"].square().mean().backward()
    assert picture.grad.abs().min() > 0


def test_bfloat16_gradients_agree(gabor):
    picture = stripes(10, 4.0)
    gradients = []
    for precision in ("float32", "bfloat16"):
        picture = picture.detach().requires_grad_()
        recorded = PreparedNetwork(gabor, "cpu", precision).record(picture, ["stage2/rectified"])["stage2/rectified"]
        recorded.float().square().mean().backward()
        gradients.append(picture.grad.flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.97
