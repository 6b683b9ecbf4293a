"""The U-Net: named stages, any size, and the same output in tiles."""

import pytest
import torch
from torch import nn

from errors import raises
from seisdream.dreaming.objectives.terms import Layer
from seisdream.dreaming.tiled_gradient import TiledGradient
from seisdream.inference.tiling import check_tiles, receptive_halo
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.zoo.unet import Classifier, UNet, fold_batch_norm

SIX = (4, 4, 6, 6, 8, 8)
STAGES = [*(f"enc{n}" for n in range(1, 7)), *(f"dec{n}" for n in range(5, 0, -1))]
GREY = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))


def random_network(make=UNet, *args, seed=0, **settings):
    """Return a network whose batch normalisation has seen something and whose weights keep what passes alive."""
    torch.manual_seed(seed)
    network = make(*args, **settings)
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0.0, 0.1)
            part.running_mean.normal_(0.0, 0.2)
            part.running_var.uniform_(0.5, 2.0)
    return network


@pytest.mark.parametrize("size", [(64, 96), (61, 83), (1, 1), (3, 2), (7, 200), (33, 32)])
def test_a_section_of_any_size_has_a_logit_at_each_sample(size):
    network = random_network(UNet, 5, SIX).eval()
    with torch.no_grad():
        recorded = network(torch.randn(2, 1, *size))
    assert recorded.shape == (2, 5, *size)
    assert recorded.isfinite().all()


@pytest.mark.parametrize("size", [(16, 8, 24), (9, 5, 11), (2, 1, 3)])
def test_a_volume_of_any_size_has_a_logit_at_each_sample(size):
    network = random_network(UNet, 3, (4, 6, 8), n_dims=3).eval()
    with torch.no_grad():
        assert network(torch.randn(1, 1, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize(
    ("n_dims", "size", "part"),
    [
        (2, (70, 93), ((20, 41), (33, 60))),
        (2, (64, 64), ((0, 1), (63, 64))),
        (2, (61, 83), ((0, 61), (5, 6))),
        (3, (20, 11, 30), ((7, 12), (0, 11), (13, 30))),
    ],
)
def test_logits_of_a_part_are_those_of_the_whole(n_dims, size, part):
    network, seen = random_network(UNet, 5, SIX if n_dims == 2 else (4, 6, 8), n_dims=n_dims).eval(), []
    network.dec1.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape[2:].numel()))
    image = torch.randn(1, 1, *size)
    with torch.no_grad():
        expected = network(image)[(..., *(slice(*span) for span in part))]
        torch.testing.assert_close(network(image, part), expected)
    assert seen[1] < seen[0], "the decoder computes less"


def test_stages_have_names_and_halve_the_grid():
    network = random_network(UNet, 10, SIX).eval()
    with torch.no_grad():
        recorded = network.stages(torch.randn(1, 1, 96, 70))
    assert list(recorded) == STAGES
    assert [tuple(recorded[f"enc{n}"].shape[1:]) for n in range(1, 7)] == [
        (4, 96, 70), (4, 48, 35), (6, 24, 18), (6, 12, 9), (8, 6, 5), (8, 3, 3)
    ]  # fmt: skip
    assert all(recorded[f"dec{n}"].shape == recorded[f"enc{n}"].shape for n in range(1, 6))
    layers = Network("unet", network, GREY).layers
    assert {*STAGES, "logits"} <= set(layers)
    assert layers["enc6"].stride == (32, 32)
    assert layers["logits"].n_channels == 10


def test_the_receptive_field_of_the_deepest_stage_is_over_200_samples():
    network = random_network(UNet, 1, SIX, normalisation="none").eval()
    halo = as_network(network).layers["enc6"].receptive_field
    assert min(halo) >= 200
    # The same, seen from the gradient of one unit in the middle.
    picture = torch.randn(1, 1, 512, 512, requires_grad=True)
    network.encode(picture)[-1][0, :, 8, 8].sum().backward()
    seen = picture.grad[0, 0].abs() > 0
    assert [int(seen.any(1 - axis).sum()) for axis in (0, 1)] == list(halo)
    assert halo == (284, 284)


def as_network(module):
    return Network("unet", module, GREY)


@pytest.mark.parametrize(
    ("make", "settings", "size"),
    [(UNet, {}, (37, 50)), (UNet, {"n_dims": 3}, (12, 9, 14)), (Classifier, {}, (40, 33))],
)
def test_folding_batch_norm_equals_evaluation_mode(make, settings, size):
    network = random_network(make, 4, (4, 6, 8), **settings).train()
    plain = fold_batch_norm(network)
    assert network.training
    assert all(part.training for part in network.modules())
    assert not any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in plain.modules())
    picture = torch.randn(2, 1, *size)
    with torch.no_grad():
        torch.testing.assert_close(plain(picture), network.eval()(picture), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(fold_batch_norm(plain)(picture), plain(picture), rtol=0, atol=0)


@pytest.mark.parametrize(("layer", "size"), [("logits", (417, 611)), ("enc6", (700, 450))])
def test_tiles_equal_the_whole(layer, size):
    network = as_network(random_network(UNet, 3, (2, 2, 2, 2, 3, 3), normalisation="none").eval())
    halo = receptive_halo(network, [layer])
    assert halo.alignment == (32, 32)
    check_tiles(network, [layer], [size], halo)
    picture = 255 * torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(1))
    prepared = PreparedNetwork(network)
    whole, tiled = (TiledGradient(prepared, (Layer(layer),), *how)(picture) for how in ((), (96, halo)))
    assert tiled[0] == pytest.approx(whole[0], rel=1e-5)
    assert (tiled[1] - whole[1]).norm() <= 1e-5 * whole[1].norm()


def test_activations_do_not_depend_on_the_size_of_the_section():
    network = random_network(UNet, 3, (4, 4, 4)).eval()
    picture = torch.randn(1, 1, 96, 96)
    with torch.no_grad():
        whole, part = network(picture)[..., :32, :32], network(picture[..., :64, :64])[..., :32, :32]
    torch.testing.assert_close(part, whole, rtol=1e-5, atol=1e-5)
    # Nor could it, even in training: nothing but batch normalisation, which `fold_batch_norm` takes away.
    kinds = (nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm)
    for make in (UNet, Classifier):
        for normalisation in ("batch", "none"):
            parts = make(2, normalisation=normalisation).modules()
            assert not any(isinstance(part, kinds) for part in parts)


def test_settings_make_the_same_architecture():
    for network in (
        UNet(3, (4, 6), n_dims=3, normalisation="none"),
        UNet(2),
        Classifier(4, (4, 6, 8)),
    ):
        again = type(network)(**network.settings)
        assert {name: value.shape for name, value in again.state_dict().items()} == {
            name: value.shape for name, value in network.state_dict().items()
        }
        assert again.settings == network.settings


def test_a_classifier_has_the_stages_of_a_unet():
    network = random_network(Classifier, 6, SIX).eval()
    with torch.no_grad():
        assert network(torch.randn(2, 1, 50, 71)).shape == (2, 6)
    encoder = {name for name in UNet(6, SIX).state_dict() if name.startswith("enc")}
    assert {name for name in network.state_dict() if name.startswith("enc")} == encoder


@pytest.mark.parametrize("wrong", [{"n_dims": 1}, {"normalisation": "group"}, {"widths": (4,)}])
def test_impossible_settings_are_refused(wrong):
    with raises("out-of-range"):
        UNet(2, **wrong)
