"""The sides that networks take, and inputs of other sizes: extended by mirroring, or in overlapping windows."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import seisdream as sd
from errors import raises
from seisdream.models.fitting import mirror_to
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing

torch.set_num_threads(1)
GREY = Preprocessing("grey", scale=1 / 127.5, mean=1.0)


class JoinedUNet(nn.Module):
    """A U-Net that joins skips as they are, so that sides must be multiples of the square of its factor."""

    def __init__(self, factor=2, n_classes=6):
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(n_in, 4, 3, padding=1) for n_in in (1, 4, 4))
        self.pool, self.up = nn.MaxPool2d(factor), nn.Upsample(scale_factor=factor)
        self.out = nn.Conv2d(12, n_classes, 1)

    def forward(self, values):
        a = self.a(values)
        b = self.b(self.pool(a))
        c = self.c(self.pool(b))
        return self.out(torch.cat([a, self.up(torch.cat([b, self.up(c)], 1))], 1))


class FixedPatches(nn.Module):
    """Classes of patches, for one size only, as of a transformer."""

    def __init__(self, rows=518, columns=518, patch=14, n_classes=6):
        super().__init__()
        self.size = rows, columns
        self.patch, self.out = nn.Conv2d(1, 8, patch, patch), nn.Conv2d(8, n_classes, 1)

    def forward(self, values):
        for name, side, wanted in zip(("height", "width"), values.shape[2:], self.size, strict=True):
            assert side == wanted, f"Input {name} ({side}) doesn't match model ({wanted})."
        return self.out(self.patch(values))


class Declared(FixedPatches):
    """The same with its size in an attribute, and without a message."""

    def __init__(self, rows, columns):
        super().__init__(rows, columns)
        self.img_size = (rows, columns)

    def forward(self, values):
        assert tuple(values.shape[2:]) == self.img_size
        return self.out(self.patch(values))


class Multiples(nn.Module):
    """A convolution that refuses sides that are not multiples."""

    def __init__(self, rows, columns):
        super().__init__()
        self.multiples, self.conv = (rows, columns), nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, values):
        assert all(side % n == 0 for side, n in zip(values.shape[2:], self.multiples, strict=True))
        return self.conv(values)


class SquaresOnly(nn.Module):
    """A network that arranges tokens in a square."""

    def __init__(self):
        super().__init__()
        self.patch, self.out = nn.Conv2d(1, 8, 16, 16), nn.Conv2d(8, 3, 1)

    def forward(self, values):
        tokens = self.patch(values).flatten(2)
        side = int(tokens.shape[2] ** 0.5)
        return self.out(tokens.reshape(len(values), 8, side, side))


class Positions(nn.Module):
    """Positions added to patches whose number is not checked: any arrangement of as many runs, and a single patch."""

    def __init__(self, n_patches, patch):
        super().__init__()
        self.patch, self.out = nn.Conv2d(1, 8, patch, patch), nn.Conv1d(8, 3, 1)
        self.position = nn.Parameter(torch.randn(1, 8, n_patches))

    def forward(self, values):
        return self.out(self.patch(values).flatten(2) + self.position)


class OnePosition(nn.Module):
    """Positions of rows and of columns, added one after the other."""

    def __init__(self, rows, columns):
        super().__init__()
        self.patch = nn.Conv2d(1, 4, 4, 4)
        self.down, self.across = nn.Parameter(torch.randn(rows // 4, 1)), nn.Parameter(torch.randn(columns // 4))

    def forward(self, values):
        return self.patch(values) + self.down + self.across


class PaddedPatches(nn.Module):
    """Patches of a network that extends its input to their size itself, and takes multiples of 20 only."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(1, 4, 16, 16)

    def forward(self, values):
        rows, columns = values.shape[2:]
        assert rows % 20 == 0
        assert columns % 20 == 0
        return self.patch(F.pad(values, (0, -columns % 16, 0, -rows % 16)))


def network(module, n_classes=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Network("net", module(), GREY, classes=[f"class {number}" for number in range(n_classes)])


def line(rows, columns):
    values = np.random.default_rng(0).normal(size=(rows, columns)).cumsum(0).astype(np.float32)
    return sd.make_section(values - values.mean(0), dt_ms=4.0)


def grey(rows, columns, seed=0):
    return 255 * torch.rand(1, 1, rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("module", "multiple"),
    [
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2)), (1, 1)),
        (JoinedUNet, (4, 4)),
        (lambda: JoinedUNet(3), (9, 9)),
        (lambda: JoinedUNet(8), (64, 64)),
        (lambda: Multiples(14, 14), (14, 14)),
        (lambda: Multiples(2, 32), (2, 32)),
        (lambda: Multiples(1, 6), (1, 6)),
        (lambda: Multiples(22, 22), (22, 22)),
    ],
)
def test_multiples_are_found(module, multiple):
    sides = network(module).sides
    assert (sides.multiple, sides.fixed) == (multiple, None)
    assert sides.padded((463, 131)) == tuple(-(-side // n) * n for side, n in zip((463, 131), multiple, strict=True))


@pytest.mark.parametrize(
    ("module", "size"),
    [
        (FixedPatches, (518, 518)),
        (lambda: FixedPatches(196, 308), (196, 308)),
        (lambda: Declared(210, 406), (210, 406)),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 38 * 38, 4)), (40, 40)),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(2 * 144, 4)), (97, 97)),
        (SquaresOnly, (64, 64)),
        (lambda: Positions(16, 16), (64, 64)),
        (lambda: Positions(36, 8), (48, 48)),
        (lambda: Positions(37 * 37, 14), (518, 518)),
        (lambda: OnePosition(52, 88), (52, 88)),
    ],
)
def test_one_fixed_size_is_found(module, size):
    fixed = network(module).sides.fixed
    assert fixed is not None
    if size == (97, 97):  # pooling leaves room: any size that gives 12 × 12 units
        assert all(97 <= side <= 105 for side in fixed)
    else:
        assert fixed == size


def test_the_smallest_size_is_found():
    assert network(lambda: nn.Conv2d(1, 1, 9)).sides.minimum == (9, 9)
    deep = network(lambda: nn.Sequential(*[nn.Conv2d(1, 1, 5, stride=2) for _ in range(3)]))
    assert deep.sides.minimum == (29, 29)
    assert deep.sides.padded((9, 40)) == (29, 40)


def test_layers_before_a_head_of_one_size_take_any():
    net = network(lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(2 * 32 * 32, 4)))
    assert net.sides.fixed == (32, 32)
    sides = net.sides_up_to(["0"])
    assert sides is not None
    assert sides.multiple == (1, 1)
    whole = PreparedNetwork(net).record(grey(50, 70), ["0"])["0"]
    torch.testing.assert_close(whole, PreparedNetwork(net).module[0](GREY(grey(50, 70))))


def test_a_network_that_runs_on_no_size_has_no_sides():
    net = network(lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(7, 4)))
    with raises("network-failed"):
        _ = net.sides


def test_mirroring_repeats_where_the_input_is_short():
    values = torch.rand(1, 2, 5, 3)
    expected = np.pad(values.numpy(), ((0, 0), (0, 0), (0, 18), (0, 1)), mode="reflect")
    np.testing.assert_array_equal(mirror_to(values, (23, 4)).numpy(), expected)
    np.testing.assert_array_equal(mirror_to(values[..., :1, :], (4, 3)), values[..., :1, :].expand(-1, -1, 4, -1))


def test_a_fitting_input_is_recorded_as_it_is():
    net = network(JoinedUNet)
    image = grey(96, 128)
    prepared = PreparedNetwork(net)
    recorded = prepared.record(image, ["out"])["out"]
    prepared.record(grey(95, 127), ["out"])  # once the sides are known, too
    torch.testing.assert_close(prepared.record(image, ["out"])["out"], recorded, rtol=0, atol=0)
    torch.testing.assert_close(recorded, net.module(GREY(image)))


def test_a_network_of_patches_in_no_square_has_no_sides():
    net = network(lambda: Positions(23, 16))
    with raises("network-failed"):
        _ = net.sides


@pytest.mark.parametrize(("rows", "columns"), [(70, 90), (64, 81), (80, 100), (100, 49)])
def test_units_of_patches_cover_the_input_once(rows, columns):
    recorded = PreparedNetwork(network(PaddedPatches)).record(grey(rows, columns), ["patch"])["patch"]
    assert tuple(recorded.shape[2:]) == (-(-rows // 16), -(-columns // 16))


@pytest.mark.parametrize(
    "code",
    [
        lambda values: torch.einsum("bchw,c->bhw", values, torch.zeros(2).double()),
        lambda values: values.view(1, 7, -1),
        lambda values: values + torch.zeros(5, 5),
        lambda values: values[:, [40]],
    ],
)
def test_a_network_that_fails_at_every_size_is_given_up_soon(code):
    sizes = []

    class Failing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, values):
            sizes.append(tuple(values.shape[2:]))
            return code(self.conv(values))

    net = Network("net", Failing(), GREY)
    with raises("network-failed"):
        _ = net.layers
    assert len(sizes) < 60
    assert max(max(size) for size in sizes) <= 1024


@pytest.mark.parametrize("layer", ["a", "b", "c", "out"])
def test_padding_changes_units_near_the_end_only(layer):
    net = network(JoinedUNet)
    prepared, image = PreparedNetwork(net), grey(96, 128)
    whole, part = (prepared.record(one, [layer, "out"])[layer] for one in (image, image[..., :90, :119]))
    info = net.layer(layer)
    size = [-(-side // round(stride)) for side, stride in zip((90, 119), info.stride, strict=True)]
    assert list(part.shape[2:]) == size
    centres = [info.start[axis] + info.stride[axis] * np.arange(size[axis]) for axis in (0, 1)]
    reach = [field / 2 for field in info.receptive_field]
    inside = [int((one + half < side).sum()) for one, half, side in zip(centres, reach, (90, 119), strict=True)]
    assert min(inside) >= 20
    kept = (..., slice(inside[0]), slice(inside[1]))
    torch.testing.assert_close(part[kept], whole[kept], rtol=0, atol=1e-6)


def test_gradients_have_the_size_of_the_input():
    net = PreparedNetwork(network(JoinedUNet))
    image = grey(30, 21).requires_grad_()
    extended = mirror_to(image, (32, 24))
    (gradient,) = torch.autograd.grad(net.record(image, ["out"])["out"].square().sum(), image)
    expected = net.module(GREY(extended))[..., :30, :21]
    (of_extended,) = torch.autograd.grad(expected.square().sum(), image)
    torch.testing.assert_close(gradient, of_extended)


def test_windows_of_patches_are_the_patches_of_the_whole():
    module = FixedPatches(56, 70)
    net = Network("fixed", module, GREY)
    image = grey(150, 200).requires_grad_()
    recorded = PreparedNetwork(net).record(image, ["patch", "out"])
    whole = mirror_to(image, (154, 210))
    patches = module.patch(GREY(whole))
    torch.testing.assert_close(recorded["patch"], patches, rtol=0, atol=1e-6)
    torch.testing.assert_close(recorded["out"], module.out(patches), rtol=0, atol=1e-6)
    gradients = [torch.autograd.grad(one.square().sum(), image)[0] for one in (recorded["out"], module.out(patches))]
    torch.testing.assert_close(*gradients)


def test_windows_blend_without_a_seam():
    class Window(nn.Module):
        """The depth of each sample within the window: it falls back where another window begins."""

        def __init__(self):
            super().__init__()
            self.depth = nn.Conv2d(1, 1, 1)

        def forward(self, values):
            assert values.shape[2:] == (64, 64)
            return self.depth(values * 0 + torch.arange(64.0)[:, None])

    net = Network("window", Window(), GREY)
    with torch.no_grad():
        net.module.depth.weight.fill_(1.0)
        net.module.depth.bias.zero_()
        rows = PreparedNetwork(net).record(grey(150, 64), ["depth"])["depth"][0, 0, :, 0]
    assert rows.shape == (150,)
    assert rows.diff().abs().max() < 8  # without blending it would fall by 48 or more
    assert rows[0] == 0


def test_one_output_for_the_whole_is_averaged_over_windows():
    module = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(2 * 32 * 32, 4))
    net = Network("head", module, GREY)
    image = grey(32, 56)
    recorded = PreparedNetwork(net).record(image, ["2"])["2"]
    expected = (module(GREY(image[..., :32])) + module(GREY(image[..., 24:]))) / 2
    torch.testing.assert_close(recorded[..., 0, 0], expected)


@pytest.mark.parametrize("module", [JoinedUNet, lambda: FixedPatches(56, 56)])
def test_networks_of_some_sizes_dream_and_predict_on_odd_sections(module):
    net = network(module, n_classes=6)
    section = line(93, 67)
    result = sd.dream(section, net, "class:class 0", octaves=2, steps=1)
    assert result.dream.shape == (93, 67)
    assert not np.array_equal(result.dream, section)
    prediction = sd.predict(section, net, augmentations=1)
    np.testing.assert_allclose(prediction.probabilities.sum("class"), 1.0, atol=1e-5)
    method = "integrated-gradients" if net.sides.fixed else "grad-cam"
    attribution = sd.attribute(section, net, "class:class 0", method=method)
    assert attribution.shape == (93, 67)
    assert np.isfinite(attribution).all()


def test_grad_cam_is_refused_where_a_network_runs_in_windows():
    net = network(lambda: FixedPatches(56, 56), n_classes=6)
    with raises("not-supported", "method"):
        sd.attribute(line(93, 67), net, "class:class 0", method="grad-cam")


def test_predict_equals_the_network_where_it_fits():
    net = network(JoinedUNet, n_classes=6)
    section = line(96, 64)
    prediction = sd.predict(section, net, augmentations=0)
    values = section.values
    limit = np.percentile(np.abs(values), 99)
    with torch.no_grad():
        own = net.module(torch.from_numpy(np.clip(values / limit, -1, 1))[None, None]).softmax(1)[0]
    np.testing.assert_allclose(prediction.probabilities, own, atol=1e-5)


def test_layers_of_a_network_of_one_unusual_size_are_described():
    net = network(FixedPatches, n_classes=6)
    assert net.layers["out"].stride == (14, 14)
    assert F.one_hot(torch.tensor(net.class_index("class 2")), 6).sum() == 1
