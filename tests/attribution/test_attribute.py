"""Attribution with known answers: linear networks, planted patterns, completeness, relevance."""

import numpy as np
import pytest
import torch
from torch import nn

import small_networks
from seisdream.attribution import attribute as attribution
from seisdream.attribution.attribute import Attributor, attribute_section
from seisdream.attribution.baselines import make_baselines
from seisdream.attribution.lrp import of_modules
from seisdream.attribution.settings import AttributionSettings
from seisdream.attribution.target import bind_target, place_point, weigh_units
from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import to_image_tensor
from seisdream.io.inputs import open_section
from seisdream.io.masks import open_mask
from seisdream.models.checkpoints import trained_file
from seisdream.models.network import Network, Preprocessing
from seisdream.models.registry import load_network
from seisdream.seismic.sections import MID_GREY, GreyMapping, make_section
from trained_files import CLASSES, make_unet

GREY = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))
KERNEL = np.random.default_rng(3).normal(size=(5, 7)).astype(np.float32)


def noise(n_rows=40, n_columns=48, seed=0):
    values = np.random.default_rng(seed).normal(size=(n_rows, n_columns))
    coords = {"time": 4.0 * np.arange(n_rows) + 100, "crossline": 300 + np.arange(n_columns)}
    return make_section(values, dims=("time", "crossline"), coords=coords)


def unet_network(**words):
    return Network("u", make_unet(**words), GREY, classes=CLASSES, class_layer="logits")


def spike_of_weights(row, column, shape=(40, 48)):
    """The weights by which the filter at (row, column) sees each sample of the section."""
    padded = np.zeros((shape[0] + 4, shape[1] + 6), np.float32)
    padded[row : row + 5, column : column + 7] = KERNEL
    return padded[2:-2, 3:-3]


@pytest.mark.parametrize("baseline", ["zero", "blurred"])
def test_a_linear_networks_attribution_is_weight_times_difference_from_the_baseline(baseline):
    section, network = noise(), small_networks.linear_network(KERNEL)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))
    difference = (picture - make_baselines(picture, baseline)[0])[0, 0].numpy()
    expected = spike_of_weights(20, 30) * difference
    said = attribute_section(section, network, "filter:0", at=(330, 180), baseline=baseline)
    np.testing.assert_allclose(said, expected, atol=1e-4 * np.abs(expected).max())
    assert said.attrs["attributed"] == pytest.approx(expected.sum(), rel=1e-4)
    assert said.attrs["completeness_error"] < 1e-4
    assert (said.dims, said.dtype) == (section.dims, np.float32)
    assert np.array_equal(said.crossline, section.crossline)


def test_by_occlusion_a_linear_network_loses_what_the_window_held():
    section, network = noise(), small_networks.linear_network(KERNEL)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))[0, 0].numpy()
    expected = spike_of_weights(20, 30) * (picture - MID_GREY)
    said = attribute_section(section, network, "filter:0", at=(330, 180), method="occlusion", patch=(1, 1))
    np.testing.assert_allclose(said, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("words", [{"at": (320, 160)}, {"region": "time=150:180"}, {}])
def test_integrated_gradients_are_complete_to_one_percent(words):
    section = noise()
    if "region" in words:
        words = {"region": open_mask(words["region"], section, option="--region")}
    said = attribute_section(section, unet_network(), "class:salt", **words)
    assert said.attrs["completeness_error"] < 0.01
    change = said.attrs["score"] - said.attrs["baseline_score"]
    assert abs(said.attrs["attributed"] - change) < 0.01 * abs(change)


def test_integrated_gradients_of_a_probability_against_noise_are_complete_too():
    said = attribute_section(
        noise(), unet_network(), "class:beds", at=(320, 160), score="probability", baseline="noise", seed=4
    )
    change = said.attrs["score"] - said.attrs["baseline_score"]
    assert said.attrs["attributed"] == pytest.approx(change, rel=0.02)
    assert 0 <= said.attrs["score"] <= 1


def test_too_few_steps_are_told():
    with pytest.warns(UserWarning, match="--steps"):
        attribute_section(planted(), Network("d", Detector(), GREY), "near:0", at=(31, 80), percentile=100, steps=1)


def test_a_difference_of_classes_is_the_difference_of_their_maps():
    section, network = noise(), unet_network()
    one, other, both = (
        attribute_section(section, network, target, at=(320, 160), steps=256)
        for target in ("class:salt", "class:beds", "class:salt - 0.5*class:beds")
    )
    np.testing.assert_allclose(both, one - 0.5 * other, atol=1e-4 * float(np.abs(one).max()))


class Detector(nn.Module):
    """Answers to a black-white-black stripe of three samples, at every second sample; then adds up what is near."""

    def __init__(self):
        super().__init__()
        self.stripe = nn.Conv2d(1, 2, (3, 3), stride=2, padding=1)
        self.relu = nn.ReLU()
        self.near = nn.Conv2d(2, 2, 15, padding=7, bias=False)
        with torch.no_grad():
            self.stripe.weight[:] = torch.tensor([[-1.0], [2.0], [-1.0]]) / 3
            self.stripe.weight[1] *= -1
            self.stripe.bias[:] = -1.5
            self.near.weight.zero_()
            self.near.weight[0, 0] = self.near.weight[1, 1] = 1

    def forward(self, values):
        return self.near(self.relu(self.stripe(values)))


def planted():
    """A stripe at rows 19 to 21 and columns 28 to 33, in quiet surroundings."""
    values = np.random.default_rng(0).normal(size=(48, 64)) * 0.02
    values[19:22, 28:34] += np.array([-1.0, 1.0, -1.0])[:, None]
    return make_section(values, dt_ms=4.0)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("integrated-gradients", {}),
        ("grad-cam", {"cam_layer": "relu"}),
        ("occlusion", {"patch": (4, 4), "stride": (2, 2)}),
        ("lrp", {}),
    ],
)
def test_a_planted_thing_is_found_where_it_is(method, words):
    network = Network("detector", Detector(), GREY, default_layer="near")
    said = attribute_section(planted(), network, "near:0", at=(31, 80), method=method, percentile=100, **words).values
    inside = np.zeros(said.shape, bool)
    inside[17:24, 26:36] = True
    assert np.unravel_index(np.abs(said).argmax(), said.shape) in list(zip(*np.nonzero(inside), strict=True))
    assert np.abs(said[inside]).sum() > 0.9 * np.abs(said).sum()
    assert said[inside].sum() > 0


def test_grad_cam_is_the_layer_weighed_by_its_mean_gradient():
    section, network = planted(), Network("detector", Detector(), GREY)
    said = attribute_section(section, network, "near:0", method="grad-cam", cam_layer="relu", percentile=100)
    picture = to_image_tensor(GreyMapping.of(section, 100).to_grey(section.values))
    units = network.prepared().record(picture, ("relu",))["relu"][0]
    leaf = units.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network.module.near(leaf[None])[0, 0].mean(), leaf)
    expected = (gradient.mean((1, 2), keepdim=True) * units).sum(0).detach().numpy()
    # Units lie at every second sample from the first.
    np.testing.assert_allclose(said[::2, ::2], expected, atol=1e-6)


def test_grad_cam_takes_the_last_coarse_layer():
    attributor = Attributor(
        noise(), unet_network(widths=(4, 4, 4, 4, 4)), "class:salt", settings=AttributionSettings(method="grad-cam")
    )
    assert attributor.settings.cam_layer == "dec4"


@pytest.mark.parametrize("size", [(40, 48), (37, 45)])
def test_by_the_epsilon_rule_relevance_is_gradient_times_input(size):
    section, network = noise(*size), unet_network()
    said = attribute_section(section, network, "class:salt", at=(320, 160), method="lrp", gamma=0.0)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values)).double().requires_grad_()
    prepared = network.prepared("cpu", "float64")
    values = network.preprocessing(picture)
    score = prepared.record(picture, ("logits",))["logits"][0, 2, 15, 20]
    (gradient,) = torch.autograd.grad(score, picture)
    expected = (gradient * 127.5 * values)[0, 0].detach().numpy()
    np.testing.assert_allclose(said, expected, atol=1e-4 * np.abs(expected).max())


def test_relevance_is_conserved_where_there_are_no_biases():
    network = unet_network()
    for part in network.module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.zeros_(part.bias)
    for gamma in (0.0, 0.25):
        said = attribute_section(noise(), network, "class:salt", at=(320, 160), method="lrp", gamma=gamma)
        assert said.attrs["attributed"] == pytest.approx(said.attrs["score"], rel=1e-3)


def test_the_unet_of_modules_says_what_the_unet_says():
    module, picture = make_unet(), torch.rand(1, 1, 37, 45)
    torch.testing.assert_close(of_modules(module)(picture), module(picture))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, values):
        values = torch.relu(self.first(values))
        return values + self.second(values)


def test_relevance_that_would_be_wrong_is_refused():
    with pytest.raises(SeisdreamError, match="gradient × input"):
        attribute_section(
            noise(), Network("r", nn.Sequential(Residual(), nn.Conv2d(4, 2, 1)), GREY), "1:0", method="lrp"
        )
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(1, 4), nn.Conv2d(4, 2, 1))
    with pytest.raises(SeisdreamError, match="no rule for"):
        attribute_section(noise(), Network("normed", module, GREY), "2:0", method="lrp")


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion", "lrp"])
def test_what_cannot_be_seen_is_left_out_and_changes_nothing(method, monkeypatch):
    section, network = noise(96, 120), unet_network(widths=(4, 4))
    words = {"method": method} | ({"patch": (16, 16), "stride": (16, 16)} if method == "occlusion" else {})
    attributor = Attributor(section, network, "class:salt", at=(360, 300), settings=AttributionSettings(**words))
    rows, columns = attributor.window
    assert rows[1] - rows[0] < 96
    assert columns[1] - columns[0] < 120
    said = attributor()
    monkeypatch.setattr(Attributor, "_crop", lambda self, *_: setattr(self, "_seen_units", self._units))
    whole = attribute_section(section, network, "class:salt", at=(360, 300), **words)
    assert whole.attrs["seen_rows"] == (0, 96)
    if method == "occlusion":  # the windows' grid begins elsewhere
        assert said.attrs["score"] == pytest.approx(whole.attrs["score"], rel=1e-5)
        return
    np.testing.assert_allclose(said, whole, atol=1e-4 * float(np.abs(whole).max()))


def test_a_network_that_says_otherwise_in_part_is_looked_at_whole():
    network = Network("resizing", small_networks.ResizingUNet(), GREY, classes=CLASSES, class_layer="up")
    torch.nn.init.normal_(network.module.down.weight, generator=torch.Generator().manual_seed(0))
    section = noise(63, 101)
    said = attribute_section(section, network, "class:salt", at=(310, 120))
    assert said.attrs["completeness_error"] < 0.01


def test_absent_samples_are_absent_in_the_map():
    section = noise()
    section[:, 10:14] = np.nan
    said = attribute_section(section, unet_network(), "class:salt", at=(320, 160))
    assert np.array_equal(np.isnan(said), np.isnan(section))


def test_the_class_that_is_told_there_is_asked_about_by_default():
    section, network = noise(), unet_network()
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))
    told = int(network.prepared().record(picture, ("logits",))["logits"][0, :, 15, 20].argmax())
    assert Attributor(section, network, at=(320, 160)).target.text == f"class:{CLASSES[told]}"


def test_a_classifier_is_asked_about_the_whole_picture():
    module = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    network = Network("classifier", module, GREY, classes=("a", "b", "c"), class_layer="4")
    section = noise()
    assert attribute_section(section, network, "class:b").attrs["completeness_error"] < 0.01
    # Relevance starts from the logit, through all that is a module.
    for method in ("lrp", "grad-cam"):
        assert np.isfinite(attribute_section(section, network, "class:b", method=method)).all()
    with pytest.raises(SeisdreamError, match="leave out --at"):
        attribute_section(section, network, "class:b", at=(320, 160))


def test_pictures_in_colour_have_one_map():
    values = np.random.default_rng(0).uniform(0, 255, (32, 40, 3))
    section = make_section(values, value_range=(0, 255))
    network = small_networks.pooled_network(3)
    for words in ({}, {"method": "occlusion", "patch": (16, 16)}, {"method": "grad-cam"}):
        said = attribute_section(section, network, "last:2", **words)
        assert (said.dims, said.shape) == (("row", "column"), (32, 40))


def test_noise_has_the_spectrum_of_the_section():
    picture = to_image_tensor(GreyMapping(-4.0, 4.0).to_grey(noise().values))
    for surrogate in make_baselines(picture, "noise", seed=1):
        ours, theirs = (np.abs(np.fft.rfft2(one[0, 0].numpy() - MID_GREY)) for one in (surrogate, picture))
        np.testing.assert_allclose(ours, theirs, atol=0.02 * theirs.max())
        assert abs(np.corrcoef(surrogate.flatten(), picture.flatten())[0, 1]) < 0.2


def test_units_count_for_the_samples_nearest_to_them():
    section, network = noise(), unet_network()
    dense = weigh_units(network.layer("logits"), (40, 48), place_point((301.2, 111), section), (40, 48))
    assert np.argwhere(dense).tolist() == [[3, 1]]
    coarse = weigh_units(
        network.layer("enc3"), (10, 12), open_mask("time=116:128,crossline=304:307", section), (40, 48)
    )
    assert np.argwhere(coarse).tolist() == [[1, 1]]
    assert coarse.sum() == 1


@pytest.mark.parametrize(
    ("target", "words", "message"),
    [
        ("enc3", {}, "cannot be attributed"),
        ("enc3:1@neuron", {}, "cannot be attributed"),
        ("enc3:99", {}, "no channel 99"),
        ("enc3:1 + enc2:1", {}, "several layers"),
        ("class:sallt", {}, "its classes are beds; wavy beds; salt"),
        ("class:salt", {"at": (1, 160)}, "crossline goes from 300 to 347"),
        ("class:salt", {"at": (320, 999)}, "time goes from 100"),
        ("class:salt", {"at": (320,)}, "two numbers"),
        ("enc3:1", {"score": "probability"}, "leave out --score"),
        ("class:salt", {"score": "probability", "method": "lrp"}, "leave out --score"),
        ("class:salt", {"method": "grad-cam", "cam_layer": "logits"}, "comes before 'logits'"),
        ("enc1.conv1:0", {"method": "grad-cam"}, "has none"),
        ("class:salt", {"method": "occlusion", "patch": (99, 2)}, "larger than the section"),
    ],
)
def test_what_cannot_be_asked_says_why(target, words, message):
    with pytest.raises(SeisdreamError, match=message):
        attribute_section(noise(), unet_network(), target, **words)


def test_a_point_and_a_region_are_one_too_many():
    section = noise()
    with pytest.raises(SeisdreamError, match="one of them"):
        attribute_section(section, unet_network(), at=(320, 160), region=place_point((320, 160), section))
    with pytest.raises(SeisdreamError, match="they must be alike"):
        attribute_section(section, unet_network(), region=place_point((320, 160), section)[:10])
    with pytest.raises(SeisdreamError, match="has no classes"):
        attribute_section(section, small_networks.pooled_network())


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"method": "shap"}, "--method"),
        ({"score": "loss"}, "--score"),
        ({"baseline": "black"}, "--baseline"),
        ({"steps": 0}, "--steps"),
        ({"method": "occlusion", "patch": (0, 4)}, "--window"),
        ({"method": "occlusion", "patch": (4, 4), "stride": (8, 4)}, "gaps"),
        ({"method": "lrp", "gamma": -1.0}, "--gamma"),
        ({"method": "lrp", "baseline": "zero"}, "means nothing to lrp"),
        ({"cam_layer": "enc3"}, "--cam-layer means nothing"),
        ({"percentile": 10}, "--percentile"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_numbers_out_of_range_name_their_option(numbers, message):
    with pytest.raises(SeisdreamError, match=message):
        AttributionSettings(**numbers)


def test_the_users_network_is_left_alone():
    network = unet_network()
    before = network.sha256
    for method in ("integrated-gradients", "grad-cam", "lrp"):
        attribute_section(noise(), network, "class:salt", at=(320, 160), method=method)
    assert network.sha256 == before
    assert not any(hasattr(part, "rule") for part in network.module.modules())
    assert not any(part._forward_hooks for part in network.module.modules())


def test_a_target_knows_its_layer_and_weights():
    target = bind_target("class:salt - 0.5*class:beds", unet_network())
    assert (target.layer, target.channels, target.weights) == ("logits", (2, 0), (1.0, -0.5))


@pytest.mark.skipif(not trained_file("facies").exists(), reason="the facies network is not in this checkout")
def test_facies_tells_salt_by_the_flanks_and_the_top_of_the_dome(shared):
    section = open_section(shared / "data" / "f3_inline362.npz", key="amplitude")
    part = section.sel(crossline=slice(700, 1020), time=slice(1000, 1848))
    network = load_network("facies")
    said = attribute_section(
        part, network, "class:salt", at=(859, 1660), method="occlusion", patch=(48, 48), stride=(48, 48)
    )
    dome = said.sel(time=slice(1400, 1848), crossline=slice(780, 940))
    above = said.sel(time=slice(1000, 1250))
    assert float(dome.mean()) > 10 * float(np.abs(above).mean())


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, 2.0])
def test_a_region_that_is_none_is_refused(value):
    section = planted()
    region = section.copy(data=np.full(section.shape, value, np.float32))
    with pytest.raises(SeisdreamError, match="region"):
        attribute_section(section, Network("d", Detector(), GREY), "near:0", region=region)


def test_parts_of_the_way_are_halved_where_they_miss_with_several_baselines_too(monkeypatch):
    monkeypatch.setattr(attribution, "COMPLETE", -1.0)  # It always misses by more.
    monkeypatch.setattr(attribution, "_MOST_STEPS", 128)
    section = noise()
    with pytest.warns(UserWarning, match="add up to the score's change"):
        map_ = attribute_section(section, unet_network(), "class:salt", at=(320, 160), baseline="noise")
    assert 64 < map_.attrs["steps"] <= 128
    assert map_.attrs["completeness_error"] < 0.05
