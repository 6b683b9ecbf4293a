import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seisdream.models.cpu_fusion import channels_last, keep_memory, speed_up_halving
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
from seisdream.models.zoo.googlenet import RectifiedConvolution
from seisdream.models.zoo.lrn import LocalResponseNorm
from seisdream.models.zoo.unet import UNet


class Branches(nn.Module):
    """A stem, and after it whatever was drawn, with two branches side by side."""

    def __init__(self, stem, normalised, pool, stride):
        super().__init__()
        self.stem = stem
        self.norm = LocalResponseNorm(stem.out_channels, k=2.0) if normalised else nn.Identity()
        self.pool = {"max": nn.MaxPool2d, "mean": nn.AvgPool2d}[pool](3, stride, ceil_mode=True)
        self.left = nn.Conv2d(stem.out_channels, 5, 3, padding=1)
        self.right = nn.Conv2d(stem.out_channels, 3, 1)
        self.last = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, values):
        values = self.pool(self.norm(self.stem(values)))
        return self.last(torch.cat([self.left(values), self.right(values)], 1).relu())


@st.composite
def networks(draw):
    torch.manual_seed(draw(st.integers(0, 1000)))
    size = draw(st.integers(1, 7))
    kind = draw(st.sampled_from([nn.Conv2d, RectifiedConvolution]))
    stem = kind(3, 6, size, draw(st.integers(1, 3)), draw(st.integers(0, size // 2)), bias=draw(st.booleans()))
    module = Branches(stem, draw(st.booleans()), draw(st.sampled_from(["max", "mean"])), draw(st.integers(1, 2)))
    order = draw(st.sampled_from(["rgb", "bgr"]))
    preprocessing = Preprocessing(order, draw(st.sampled_from([1.0, 1 / 255])), (104.0, 117.0, 123.0), (1.0, 0.5, 2.0))
    return Network("random", module.eval(), preprocessing, stem="stem")


def said_and_gradient(network, picture, precision, *, optimize):
    prepared = PreparedNetwork(network, "cpu", precision, optimize=optimize)
    leaf = picture.clone().requires_grad_(True)
    recorded = prepared.record(leaf, ["last"])["last"]
    (gradient,) = torch.autograd.grad(recorded.square().sum(), leaf)
    return recorded.detach(), gradient


@given(networks(), st.integers(20, 41), st.integers(20, 41), st.sampled_from([1, 3]), st.integers(1, 2))
@settings(max_examples=30)
def test_optimized_networks_have_the_same_output_and_gradient(network, rows, columns, n_channels, batch):
    picture = 255 * torch.rand(batch, n_channels, rows, columns, dtype=torch.float64)
    quick = said_and_gradient(network, picture, "float64", optimize=True)
    plain = said_and_gradient(network, picture, "float64", optimize=False)
    for one, other in zip(quick, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9 * float(other.abs().max()))


@given(networks(), st.integers(20, 41), st.integers(20, 41))
@settings(max_examples=20)
def test_a_grey_stem_is_as_accurate_in_bfloat16(network, rows, columns):
    picture = 255 * torch.rand(1, 1, rows, columns)

    def stem_of(precision, optimize):
        prepared = PreparedNetwork(network, "cpu", precision, optimize=optimize)
        return prepared.record(picture.double() if precision == "float64" else picture, ["stem"])["stem"].double()

    exact = stem_of("float64", False)
    errors = [float((stem_of("bfloat16", optimize) - exact).norm()) for optimize in (True, False)]
    # Its arithmetic is float32's, so what is left is the rounding of the output: half of 2 ** -8 at most.
    assert errors[0] <= max(errors[1], 2**-9 * float(exact.norm())) * 1.2


@given(st.integers(1, 21), st.integers(1, 21), st.sampled_from([torch.float64, torch.bfloat16]))
def test_faster_halving_equals_the_original(rows, columns, dtype):
    plain, quick = UNet(2, (2, 3)), UNet(2, (2, 3))
    speed_up_halving(quick)
    values = torch.randn(2, 3, rows, columns, dtype=dtype).contiguous(memory_format=torch.channels_last)
    results = []
    for network in (plain, quick):
        leaf = values.clone().requires_grad_(True)
        halved = network.halve(leaf)
        results.append((halved, *torch.autograd.grad(halved, leaf, torch.ones_like(halved) * 3)))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_a_network_without_a_stem_is_not_changed():
    torch.manual_seed(0)
    module = Branches(nn.Conv2d(3, 6, 7, 2, 3), True, "max", 2).eval()
    network = Network("mine", module, Preprocessing("rgb"))
    picture = 255 * torch.rand(1, 1, 40, 41, dtype=torch.float64)
    quick, plain = (said_and_gradient(network, picture, "float64", optimize=optimize) for optimize in (True, False))
    torch.testing.assert_close(quick, plain)


def test_optimizing_does_not_change_the_original():
    torch.manual_seed(0)
    network = Network("mine", Branches(nn.Conv2d(3, 6, 3), True, "max", 2).eval(), Preprocessing("rgb"), stem="stem")
    before = network.sha256
    PreparedNetwork(network, "cpu", "bfloat16")
    assert network.sha256 == before
    assert "_conv_forward" not in vars(network.module.stem)
    assert "forward" not in vars(network.module.norm)


@pytest.mark.parametrize("n_channels", [1, 3])
def test_channels_last_works_for_one_channel(n_channels):
    values = torch.rand(2, n_channels, 5, 7)
    turned = channels_last(values)
    assert torch.equal(turned, values)
    assert turned.stride() == (35 * n_channels, 1, 7 * n_channels, n_channels)


def test_a_grey_network_computes_its_first_layer_in_channels_last():
    prepared = PreparedNetwork(load_network("facies"), "cpu", "float32")
    finest = prepared.record(torch.rand(1, 1, 40, 50), ["enc1.relu1"])["enc1.relu1"]
    assert finest.stride(1) == 1


def test_memory_is_kept_if_the_system_can():
    assert keep_memory() in (True, False)
    assert keep_memory() is keep_memory()
