"""Networks for cubes of one's own: found, described, and used by predict, attribute and activations."""

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn
from torch.nn import functional as F

import seisdream as sd
from errors import raises
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from small_cubes import write_volume

torch.set_num_threads(1)
GREY = Preprocessing("grey", scale=1 / 127.5, mean=1.0)
AXES = ("time", "inline", "crossline")


class UNet3d(nn.Module):
    """A U-Net for cubes that joins its skip as it is: sides must be even."""

    def __init__(self):
        super().__init__()
        self.first, self.deep = nn.Conv3d(1, 3, 3, padding=1), nn.Conv3d(3, 3, 3, padding=1)
        self.out = nn.Conv3d(6, 2, 1)

    def forward(self, values):
        first = F.relu(self.first(values))
        deep = F.relu(self.deep(F.max_pool3d(first, 2)))
        return self.out(torch.cat([first, F.interpolate(deep, scale_factor=2)], 1))


class ParallelBranches(nn.Module):
    """Branches on grids of 1, 4 and 16 samples that are added at the end, as in HRNet: sides are multiples of 16."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv3d(1, 2, 3, padding=1)
        self.down = nn.ModuleList([nn.Conv3d(2, 2, 3, stride=stride, padding=1) for stride in (4, 16)])
        self.head = nn.Conv3d(2, 2, 1)

    def forward(self, values):
        fine = F.relu(self.stem(values))
        total = fine
        for convolution, factor in zip(self.down, (4, 16), strict=True):
            total = total + F.interpolate(F.relu(convolution(fine)), scale_factor=factor, mode="trilinear")
        return self.head(total)


class Pooled(nn.Module):
    """One output for each two samples along each axis."""

    def __init__(self):
        super().__init__()
        self.a, self.pool, self.b = nn.Conv3d(1, 4, 3, padding=1), nn.MaxPool3d(2), nn.Conv3d(4, 1, 1)

    def forward(self, values):
        return self.b(self.pool(torch.relu(self.a(values))))


def network(module, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Network("cubes", module(), GREY, **options)


def cube(shape=(18, 14, 16)):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    coords = {
        "time": np.arange(shape[0]) * 4.0,
        "inline": np.arange(shape[1]) + 100,
        "crossline": np.arange(shape[2]) + 7,
    }
    return xr.DataArray(values, coords, AXES)


def own_probabilities(net, data):
    limit = np.percentile(np.abs(data.values), 99)
    values = torch.from_numpy(np.clip(data.transpose(*AXES).values / limit, -1, 1))[None, None]
    with torch.no_grad():
        return net.module(values).softmax(1)[0].numpy()


@pytest.mark.parametrize("module", [UNet3d, ParallelBranches, Pooled])
def test_networks_for_cubes_are_recognised(module):
    assert network(module).n_spatial_dims == 3
    assert network(lambda: nn.Sequential(nn.Conv2d(1, 2, 3))).n_spatial_dims == 2
    with raises("out-of-range", "dims"):
        sd.load_network(module(), preprocessing=GREY, dims=4)


def test_dims_is_recorded_and_overrides_what_was_found():
    class Stacked(nn.Module):
        """Takes a section, and has a convolution of cubes inside."""

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv3d(1, 2, 3, padding=1)

        def forward(self, values):
            return self.conv(values[:, :, None]).amax(2)

    net = sd.load_network(Stacked(), preprocessing=GREY, dims=2)
    assert (net.n_spatial_dims, net.options["dims"]) == (2, 2)
    assert net.layer("output").stride == (1, 1)


def test_a_network_without_convolutions_is_recognised_by_trial():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(1, 2)

        def forward(self, values):
            return self.mix(values.permute(0, 2, 3, 4, 1)).movedim(-1, 1)

    assert network(Flat).n_spatial_dims == 3


def test_layers_of_cubes_have_strides_and_receptive_fields():
    layers = network(Pooled).layers
    assert (layers["a"].stride, layers["a"].receptive_field) == ((1, 1, 1), (3, 3, 3))
    assert (layers["b"].stride, layers["b"].receptive_field) == ((2, 2, 2), (4, 4, 4))
    assert layers["b"].start == (0.5, 0.5, 0.5)
    assert network(ParallelBranches).layer("down.1").stride == (16, 16, 16)


def test_sides_of_cubes_are_found():
    assert network(UNet3d).sides.multiple == (2, 2, 2)
    assert network(ParallelBranches).sides.multiple == (16, 16, 16)


def test_prediction_of_a_cube_is_the_output_of_the_network():
    net, data = network(UNet3d, classes=("a", "b")), cube()
    prediction = sd.predict(data.transpose("inline", "crossline", "time"), net, augmentations=0)
    assert prediction.classes.dims == ("inline", "crossline", "time")
    np.testing.assert_allclose(
        prediction.probabilities.transpose("class", *AXES), own_probabilities(net, data), atol=1e-6
    )


def test_a_cube_of_other_sides_differs_near_its_end_only():
    net, data = network(UNet3d, classes=("a", "b")), cube((18, 14, 16))
    part = data.isel(time=slice(17), inline=slice(13), crossline=slice(15))
    image = 255 * torch.rand(1, 1, *data.shape, generator=torch.Generator().manual_seed(0))
    prepared = PreparedNetwork(net)
    whole, cut = (prepared.record(one, ["out"])["out"] for one in (image, image[..., :17, :13, :15]))
    assert cut.shape == (1, 2, 17, 13, 15)
    torch.testing.assert_close(cut[..., :12, :8, :10], whole[..., :12, :8, :10])
    assert sd.predict(part, net, augmentations=0).classes.shape == (13, 15, 17)


@pytest.mark.parametrize("module", [UNet3d, ParallelBranches])
def test_blocks_give_the_same_as_the_whole(module):
    net, data = network(module, classes=("a", "b")), cube((40, 14, 16))
    whole, blocks = (sd.predict(data, net, augmentations=1, tile=tile) for tile in (0, 6))
    assert blocks.attrs["tile"] == 6
    np.testing.assert_allclose(blocks.probabilities, whole.probabilities, atol=1e-6)
    np.testing.assert_allclose(blocks.uncertainty, whole.uncertainty, atol=1e-6)


def test_augmentations_of_a_symmetric_network_agree():
    class Pointwise(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Conv3d(1, 2, 1)

        def forward(self, values):
            return self.out(torch.sign(values))

    net = network(Pointwise, classes=("a", "b"))
    prediction = sd.predict(cube(), net, augmentations=4)
    np.testing.assert_allclose(prediction.uncertainty, 0.0, atol=1e-6)


def test_the_attribution_of_a_linear_network_is_weight_times_input():
    kernel = torch.randn(3, 3, 3, generator=torch.Generator().manual_seed(1))

    def linear():
        module = nn.Sequential(nn.Conv3d(1, 1, 3, padding=1, bias=False))
        module[0].weight.data.copy_(kernel[None, None])
        return module

    net, data = network(linear), cube()
    attribution = sd.attribute(data, net, "0:0", at=(105, 12, 32.0), steps=2)
    assert attribution.dims == ("inline", "crossline", "time")
    limit = np.percentile(np.abs(data.values), 99)
    values = np.clip(data.values / limit, -1, 1)
    expected = np.zeros_like(values)
    around = (slice(7, 10), slice(4, 7), slice(4, 7))
    expected[around] = values[around] * kernel.numpy()
    np.testing.assert_allclose(attribution.transpose(*AXES), expected, atol=1e-5)


def test_grad_cam_of_a_cube_lies_on_its_samples():
    attribution = sd.attribute(
        cube(), network(UNet3d, classes=("a", "b")), "class:b", at=(105, 12, 32), method="grad-cam"
    )
    assert attribution.shape == (14, 16, 18)
    assert np.isfinite(attribution).all()


@pytest.mark.parametrize(
    ("option", "settings"),
    [("method", {"method": "lrp"}), ("method", {"method": "occlusion"}), ("baseline", {"baseline": "noise"}),
     ("target_mask", {"target_mask": cube()})],
)  # fmt: skip
def test_what_attribution_cannot_do_for_a_cube_is_refused_by_name(option, settings):
    with raises("not-supported", option):
        sd.attribute(cube(), network(UNet3d, classes=("a", "b")), "class:a", **settings)


def test_a_point_in_a_cube_has_three_numbers():
    net = network(UNet3d, classes=("a", "b"))
    with raises("wrong-shape", "at"):
        sd.attribute(cube(), net, "class:a", at=(105, 12))
    with raises("out-of-range", "at"):
        sd.attribute(cube(), net, "class:a", at=(12, 105, 32))


def test_scale_is_refused_for_cubes():
    with raises("not-supported", "scale"):
        sd.predict(cube(), network(UNet3d, classes=("a", "b")), scale=(0.5, 1.0))


def test_sections_and_cubes_are_not_confused():
    section = sd.make_section(cube().values[:, 0], dt_ms=4.0)
    with raises("not-supported", "network"):
        sd.predict(section, network(UNet3d, classes=("a", "b")))
    with raises("incompatible"):
        sd.dream(cube(), network(lambda: nn.Sequential(nn.Conv2d(1, 2, 3))), "0", octaves=1, steps=1)


def test_activations_of_a_cube_lie_at_the_centres_of_units():
    recorded = sd.record_activations(cube(), network(Pooled), "b")
    assert recorded.dims == ("channel", *AXES)
    np.testing.assert_array_equal(recorded["inline"], 100.5 + 2 * np.arange(7))
    np.testing.assert_array_equal(recorded["time"], 2.0 + 8 * np.arange(9))


def test_a_user_network_for_cubes_dreams():
    net = network(ParallelBranches)
    result = sd.dream(cube(), net, "head", octaves=2, steps=1)
    assert result.dream.shape == (18, 14, 16)
    assert not np.array_equal(result.dream, cube())
    assert any("multiples of 16" in note for note in result.notes)


def test_volumes_in_files_are_predicted_and_explained(tmp_path):
    volume = sd.open_volume(write_volume(tmp_path / "volume.sgy", size=(20, 6, 8), n_dead=3))
    net = network(UNet3d, classes=("a", "b"))
    prediction = sd.predict(volume, net, augmentations=1)
    assert prediction.classes.shape == volume.shape
    assert (prediction.classes.values.reshape(48, 20)[:3] == 255).all()
    files = {path.name for path in prediction.seisdream.save(tmp_path / "prediction")}
    assert {"class.sgy", "probability-a.sgy", "uncertainty.sgy", "figure.png"} <= files
    written = sd.open_volume(tmp_path / "prediction" / "class.sgy", undefined="present", muted="present").read_cube()[0]
    np.testing.assert_array_equal(written.values, prediction.classes.transpose(*AXES))
    attribution = sd.attribute(volume, net, "class:a", at=(103, 9, 20))
    files = {path.name for path in attribution.seisdream.save(tmp_path / "attribution")}
    assert {"attribution.sgy", "attribution.npy", "figure.png"} <= files
