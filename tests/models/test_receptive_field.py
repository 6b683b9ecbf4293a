"""Receptive fields and strides, compared with the reach of a NaN sample."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from seisdream.models.find_layers import find_layers

torch.set_num_threads(1)


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, values):
        return self.function(values)


def info_of(*modules, n_channels=1):
    """Describe the last of these modules, run one after the other."""
    net = nn.Sequential(*modules).eval().requires_grad_(False)
    return find_layers(net, n_channels, "test").layers[str(len(modules) - 1)]


def reached(net, size, axis, is_linear):
    """Return, for each unit along an axis, which rows (or columns) of the picture it depends on.

    A sample that is not a number reaches whatever looks at it, but weights of zero let it through, too, as in an
    interpolation right on a sample. Linear networks are shown a one in a picture of zeros instead.
    """
    net = copy.deepcopy(net).double()
    sources = []
    silence = net(torch.zeros((1, 1, *size), dtype=torch.float64))
    for i in range(size[axis]):
        picture = torch.zeros((1, 1, *size), dtype=torch.float64)
        picture.select(2 + axis, i).fill_(1.0 if is_linear else torch.nan)
        change = net(picture) - silence
        is_reached = (change.abs() > 1e-12) | change.isnan()
        sources.append(is_reached.any(dim=1)[0].any(dim=1 - axis))
    dependence = torch.stack(sources)  # (input, unit)
    return [torch.nonzero(dependence[:, unit]).flatten().tolist() for unit in range(dependence.shape[1])]


def check_against_poison(net, size, *, is_linear=False):
    info = find_layers(nn.Sequential(net).eval().requires_grad_(False), 1, "test").layers["0"]
    assert info.receptive_field is not None
    n_checked = 0
    for axis in (0, 1):
        field, start, stride = info.receptive_field[axis], info.start[axis], info.stride[axis]
        for unit, rows in enumerate(reached(net, size, axis, is_linear)):
            low, high = (start + unit * stride + sign * (field - 1) / 2 for sign in (-1, 1))
            if not rows:
                continue
            assert len(rows) <= field
            if not is_linear and low >= 0 and high <= size[axis] - 1:
                n_checked += 1
                assert (rows[0], rows[-1]) == (low, high)
            elif not is_linear:
                assert low <= rows[0] <= rows[-1] <= high
            else:
                # Between bounds that need not be whole numbers there may be fewer samples.
                assert low - 1 < rows[0] <= rows[-1] < high + 1
    return n_checked


sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
strides = st.tuples(st.integers(1, 2), st.integers(1, 2))


@st.composite
def convolutions(draw):
    kernel, dilation = draw(sizes), draw(strides)
    padding = tuple(draw(st.integers(0, k)) for k in kernel)
    return nn.Conv2d(1, 1, kernel, draw(strides), padding, dilation)


@st.composite
def pools(draw):
    kernel = draw(sizes)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    kind = draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
    return kind(kernel, draw(strides), padding, ceil_mode=draw(st.booleans()))


pointwise = st.sampled_from(
    [nn.ReLU(), nn.BatchNorm2d(1), nn.GELU(), Call(lambda x: x * x + x), Call(lambda x: F.pad(x, (1, 2, 0, 3)))]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(convolutions() | pools() | pointwise, min_size=1, max_size=4), st.booleans())
def test_receptive_fields_of_random_networks_equal_the_reach_of_a_nan(modules, has_skip):
    net = nn.Sequential(*modules)
    if has_skip:
        first = nn.Conv2d(1, 1, 3, padding=1)
        net = nn.Sequential(first, Call(lambda x: torch.cat([x, F.avg_pool2d(x, 3, 1, 1)], 1).amax(1, True)), net)
    net = net.eval().requires_grad_(False)
    check_against_poison(net, (40, 44))


@settings(max_examples=40, deadline=None)
@given(
    convolutions(),
    st.sampled_from(
        [
            nn.Upsample(scale_factor=2),
            nn.Upsample(scale_factor=3, mode="bilinear"),
            nn.Upsample(scale_factor=2, mode="bicubic"),
            nn.Upsample(scale_factor=2, mode="nearest-exact"),
            nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1),
            nn.ConvTranspose2d(1, 1, (3, 2), stride=(2, 3), output_padding=1),
            nn.Sequential(nn.Conv2d(1, 4, 3), nn.PixelShuffle(2)),
        ]
    ),
    convolutions(),
)
def test_receptive_fields_of_upsampling_networks_contain_the_reach_of_a_nan(before, up, after):
    net = copy.deepcopy(nn.Sequential(before, up, after)).eval().requires_grad_(False)
    check_against_poison(net, (36, 36), is_linear=True)


def test_known_receptive_fields():
    info = info_of(nn.PixelUnshuffle(2), nn.Conv2d(4, 1, 3))
    assert (info.stride, info.receptive_field, info.start) == ((2, 2), (6, 6), (2.5, 2.5))
    info = info_of(
        nn.Conv2d(1, 2, 7, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(2, 3, 3, padding=1)
    )
    assert (info.stride, info.receptive_field, info.start, info.n_channels) == ((4, 4), (19, 19), (2, 2), 3)
    info = info_of(nn.Conv2d(1, 1, (3, 5), dilation=(2, 1)))
    assert (info.receptive_field, info.start) == ((5, 5), (2, 2))
    info = info_of(nn.Upsample(scale_factor=2))
    assert (info.stride, info.receptive_field, info.start) == ((0.5, 0.5), (1, 1), (-0.25, -0.25))
    info = info_of(nn.Upsample(scale_factor=2, mode="bilinear"))
    assert (info.receptive_field, info.start) == ((2, 2), (-0.25, -0.25))


def channels_last_norm(values):
    return F.layer_norm(values.permute(0, 2, 3, 1), (values.shape[1],)).permute(0, 3, 1, 2)


def shuffled_channels(values):
    batch, channels, rows, columns = values.shape
    return values.view(batch, 2, channels // 2, rows, columns).transpose(1, 2).reshape(values.shape)


def split_channels(values):
    first, second = values.chunk(2, 1)
    return torch.cat([second, first], 1) * torch.softmax(values, 1)


def root_mean_square(values):
    return values * torch.rsqrt(values.pow(2).mean(1, keepdim=True) + 1)


def through_tokens(values):
    batch, channels, rows, columns = values.shape
    tokens = F.layer_norm(values.flatten(2).transpose(1, 2), (channels,))
    return tokens.transpose(1, 2).reshape(batch, channels, rows, columns)


LINEAR = nn.Linear(4, 4).requires_grad_(False)


@pytest.mark.parametrize(
    "function",
    [
        channels_last_norm,
        shuffled_channels,
        split_channels,
        root_mean_square,
        through_tokens,
        nn.LocalResponseNorm(3),
        nn.PReLU(4),
        nn.Dropout(0.5),
        lambda x: x + x.mean(1, keepdim=True) - x.amax(1, keepdim=True),
        lambda x: torch.cat([x[:, 1:3], x[:, :2]], 1),
        lambda x: F.normalize(x, dim=1),
        lambda x: LINEAR(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect")[:, :, 1:-1, 1:-1],
        lambda x: torch.maximum(x, 2 * x).clamp(0, 1).to(torch.float64).float(),
        lambda x: torch.where(x > 0, x, torch.exp(x)),
    ],
)
def test_pointwise_operations_keep_the_receptive_field(function):
    info = info_of(nn.Conv2d(1, 4, 3, padding=1), Call(function))
    assert (info.receptive_field, info.stride, info.start) == ((3, 3), (1, 1), (0, 0))


def squeeze_and_excite(values):
    return values * torch.sigmoid(values.mean((2, 3), keepdim=True))


def attention(values):
    tokens = values[:, :, ::4, ::4].flatten(2).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(tokens, tokens, tokens)
    return mixed.transpose(1, 2).reshape(values[:, :, ::4, ::4].shape)


class Foreign(torch.autograd.Function):
    """Written in Python, so it may do anything."""

    @staticmethod
    def forward(ctx, values):
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class ReluBackward(torch.autograd.Function):
    """Named like something harmless."""

    forward = Foreign.forward
    backward = Foreign.backward


@pytest.mark.parametrize(
    "function",
    [
        squeeze_and_excite,
        attention,
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4),
        nn.BatchNorm2d(4, track_running_stats=False),
        nn.AdaptiveAvgPool2d(2),
        Foreign.apply,
        ReluBackward.apply,
        lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"),
        lambda x: torch.roll(x, 5, 3),
        lambda x: torch.softmax(x, 3),
        lambda x: x.cumsum(2),
        lambda x: x.flip(3),
        lambda x: F.layer_norm(x, x.shape[2:]),
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
        lambda x: x + F.interpolate(x[:, :, ::2, ::2], size=x.shape[2:])[:, :, :1],
        lambda x: x @ x.transpose(2, 3),
        lambda x: torch.cat([x, x], 2),
        lambda x: x.reshape(x.shape[0], 8, x.shape[2] // 2, x.shape[3]),
        lambda x: x[:, :, torch.arange(x.shape[2] - 1, -1, -1)],
    ],
)
def test_operations_that_mix_positions_have_the_whole_input(function):
    assert info_of(nn.Conv2d(1, 4, 3, padding=1), Call(function)).receptive_field is None


def test_a_layer_with_the_whole_input_has_a_grid():
    info = info_of(nn.Conv2d(1, 4, 3, stride=2, padding=1), Call(squeeze_and_excite))
    assert info.receptive_field is None
    assert (info.stride, info.start) == ((2, 2), (0.5, 0.5))


def test_branches_with_different_strides_have_the_whole_input():
    pieces = Call(
        lambda x: F.conv2d(x, torch.ones(1, 1, 1, 1))[:, :, ::2, ::2] + x[:, :, : x.shape[2] // 2, : x.shape[3] // 2]
    )
    assert info_of(pieces).receptive_field is None


def test_channels_are_found_on_any_axis():
    info = info_of(nn.Conv2d(1, 5, 3, padding=1), Call(lambda x: x.permute(0, 2, 3, 1)))
    assert (info.n_channels, info.channel_axis, info.receptive_field) == (5, 3, (3, 3))
    info = info_of(nn.Conv2d(1, 5, 3, padding=1), Call(lambda x: x.flatten(2).transpose(1, 2)))
    assert (info.n_channels, info.channel_axis, info.has_positions) == (5, 2, True)
    info = info_of(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 7))
    assert (info.n_channels, info.has_positions, info.receptive_field) == (7, False, None)


def test_a_network_of_one_size_runs_at_that_size():
    def only_224(values):
        assert values.shape[2:] == (224, 224), "I take 224 × 224"
        return values

    info = info_of(Call(only_224), nn.Conv2d(3, 6, 16, stride=16), n_channels=3)
    assert (info.n_channels, info.stride, info.receptive_field) == (6, (16, 16), (16, 16))
