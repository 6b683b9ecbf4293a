"""A forward pass that fails shows its own error and where it was raised; other causes are named only where they are."""

import pytest
import torch
from torch import nn

from errors import raises
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network

GREY = Preprocessing("grey")


class Mismatched(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 8, 3, padding=1)
        self.b = nn.Conv2d(4, 6, 1)  # 4 should be 8

    def forward(self, values):
        return self.b(torch.relu(self.a(values)))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(2, 8, 3)

    def forward(self, values, depth):
        return self.a(torch.cat([values, depth], 1))


class OwnError(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 8, 3)

    def forward(self, values):
        return self.a(values)[{}["key"]]


class Cubes(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv3d(1, 8, 3)

    def forward(self, values):
        if values.ndim != 4:
            raise ValueError("no cubes here")
        return self.a(values[None, None])


class SlicesOfCubes(nn.Module):
    """Takes cubes, slice by slice, so that its convolutions are those of a network for sections."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 8, 3)

    def forward(self, values):
        batch, n_channels, _, n_inlines, _ = values.shape
        return self.a(values.transpose(2, 3).reshape(batch * n_inlines, n_channels, values.shape[2], -1))


@pytest.mark.parametrize(
    ("module", "words", "option"),
    [
        (Mismatched(), ["expected input[1, 8,", "line", "in forward: `return self.b("], "network"),
        (TwoInputs(), ["missing 1 required positional argument: 'depth'", "takes one input"], "network"),
        (OwnError(), ["KeyError: 'key'", "test_failures.py", "return self.a(values)"], "network"),
        (nn.Sequential(nn.Conv2d(5, 8, 3), nn.ReLU()), ["takes 5 input channels", "input_lines"], "input_order"),
        (nn.Sequential(nn.Flatten(), nn.Linear(101, 3)), ["mat1 and mat2 shapes cannot be multiplied"], "network"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Unflatten(1, (3, 5))), ["unflatten"], "network"),
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU()), ["single traces"], "network"),
        (SlicesOfCubes(), ["`dims=3`"], "dims"),
    ],
)
def test_an_error_of_the_forward_pass_is_shown_in_its_own_words(module, words, option):
    network = load_network(module, preprocessing=GREY, classes=list("abcdef"))
    with raises("network-failed", option) as raised:
        _ = network.layers
    message = str(raised.value)
    assert all(word in message for word in words), message
    assert ("input_order" in message) == (option == "input_order")
    with raises("network-failed"):
        _ = network.class_layer


@pytest.mark.parametrize(
    "standardise",
    [
        lambda x: (x - x.mean()) / x.std(),
        lambda x: x / x.var(),
        lambda x: x / x.norm(),
        lambda x: x / torch.linalg.norm(x),
        lambda x: x / torch.linalg.vector_norm(x),
        lambda x: x / x.std(dim=(1, 2, 3), keepdim=True),
        lambda x: x / x.std(dim=(-2, -1), keepdim=True),
        lambda x: (x - x.amin()) / (x.amax() - x.amin()),
        lambda x: (x - x.min()) / (x.max() - x.min()),
        lambda x: x / x.abs().max(),
        lambda x: x / x.norm(dim=(2, 3), keepdim=True),
        lambda x: x / x.median(),
        lambda x: x / x.flatten().quantile(0.9),
        lambda x: x * torch.fft.rfft2(x).abs().mean(),
        lambda x: torch.cumsum(x, -1),
        lambda x: x / x.square().sum().sqrt(),
        lambda x: x / torch.std_mean(x)[0],
        lambda x: x / x.logsumexp((2, 3), keepdim=True),
        lambda x: x.sort(-1)[0],
        lambda x: torch.einsum("bchw,bcvw->bchv", x, x) @ x,
    ],
)
def test_statistics_of_the_whole_input_see_the_whole_input(standardise):
    class Standardised(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(1, 8, 3, padding=1)
            self.out = nn.Conv2d(8, 6, 1)

        def forward(self, values):
            return self.out(self.a(standardise(values)))

    layers = Network("standardised", Standardised(), GREY).layers
    assert [info.receptive_field for info in layers.values()] == [None, None]
    assert [info.stride for info in layers.values()] == [(1, 1), (1, 1)]
