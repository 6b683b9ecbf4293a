"""Attribution with known answers: linear networks, planted patterns, completeness, relevance."""

import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

import small_networks
from errors import raises
from seisdream.attribution import attributor, integrated_gradients, target
from seisdream.attribution.attribute import attribute
from seisdream.attribution.attributor import Attributor
from seisdream.attribution.baselines import make_baselines
from seisdream.attribution.lrp import separate_operations
from seisdream.attribution.settings import AttributionSettings
from seisdream.attribution.target import bind_target, point_mask, unit_weights
from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import to_image_tensor
from seisdream.io.inputs import open_section
from seisdream.io.masks import open_mask
from seisdream.models.checkpoints import trained_file
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
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


def weights_of_unit(row, column, shape=(40, 48)):
    """The weight of each sample of the section in the filter's output at (row, column)."""
    padded = np.zeros((shape[0] + 4, shape[1] + 6), np.float32)
    padded[row : row + 5, column : column + 7] = KERNEL
    return padded[2:-2, 3:-3]


@pytest.mark.parametrize("baseline", ["zero", "blurred"])
def test_a_linear_networks_attribution_is_weight_times_difference_from_the_baseline(baseline):
    section, network = noise(), small_networks.linear_network(KERNEL)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))
    difference = (picture - make_baselines(picture, baseline)[0])[0, 0].numpy()
    expected = weights_of_unit(20, 30) * difference
    attribution = attribute(section, network, "filter:0", at=(330, 180), baseline=baseline)
    np.testing.assert_allclose(attribution, expected, atol=1e-4 * np.abs(expected).max())
    assert attribution.attrs["attributed"] == pytest.approx(expected.sum(), rel=1e-4)
    assert attribution.attrs["completeness_error"] < 1e-4
    assert (attribution.dims, attribution.dtype) == (section.dims, np.float32)
    assert np.array_equal(attribution.crossline, section.crossline)


def test_occlusion_of_a_linear_network_is_the_contribution_of_the_patch():
    section, network = noise(), small_networks.linear_network(KERNEL)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))[0, 0].numpy()
    expected = weights_of_unit(20, 30) * (picture - MID_GREY)
    attribution = attribute(section, network, "filter:0", at=(330, 180), method="occlusion", patch=(1, 1))
    np.testing.assert_allclose(attribution, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("words", [{"at": (320, 160)}, {"target_mask": "time=150:180"}, {}])
def test_integrated_gradients_are_complete_to_one_percent(words):
    section = noise()
    if "target_mask" in words:
        words = {"target_mask": open_mask(words["target_mask"], section)}
    attribution = attribute(section, unet_network(), "class:salt", **words)
    assert attribution.attrs["completeness_error"] < 0.01
    change = attribution.attrs["score"] - attribution.attrs["baseline_score"]
    assert abs(attribution.attrs["attributed"] - change) < 0.01 * abs(change)


def test_integrated_gradients_of_a_probability_against_noise_are_complete_too():
    attribution = attribute(
        noise(), unet_network(), "class:beds", at=(320, 160), score="probability", baseline="noise", seed=4
    )
    change = attribution.attrs["score"] - attribution.attrs["baseline_score"]
    assert attribution.attrs["attributed"] == pytest.approx(change, rel=0.02)
    assert 0 <= attribution.attrs["score"] <= 1


def test_too_few_steps_are_warned_of():
    with pytest.warns(UserWarning, match="`steps`"):
        attribute(planted(), Network("d", Detector(), GREY), "near:0", at=(31, 80), percentile=100, steps=1)


@pytest.mark.filterwarnings("ignore:Integrated gradients")  # A few steps are linear in the target, but not complete.
def test_a_difference_of_classes_is_the_difference_of_their_maps():
    section, network = noise(), unet_network()
    one, other, both = (
        attribute(section, network, target, at=(320, 160), steps=4)
        for target in ("class:salt", "class:beds", "class:salt - 0.5*class:beds")
    )
    np.testing.assert_allclose(both, one - 0.5 * other, atol=1e-4 * float(np.abs(one).max()))


class Detector(nn.Module):
    """Detects a black-white-black stripe of three samples, at every second sample; then sums over the surroundings."""

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
def test_a_planted_pattern_is_found(method, words):
    network = Network("detector", Detector(), GREY, default_layer="near")
    attribution = attribute(planted(), network, "near:0", at=(31, 80), method=method, percentile=100, **words).values
    inside = np.zeros(attribution.shape, bool)
    inside[17:24, 26:36] = True
    assert np.unravel_index(np.abs(attribution).argmax(), attribution.shape) in list(
        zip(*np.nonzero(inside), strict=True)
    )
    assert np.abs(attribution[inside]).sum() > 0.9 * np.abs(attribution).sum()
    assert attribution[inside].sum() > 0


def test_grad_cam_is_the_layer_weighted_by_its_mean_gradient():
    section, network = planted(), Network("detector", Detector(), GREY)
    attribution = attribute(section, network, "near:0", method="grad-cam", cam_layer="relu", percentile=100)
    picture = to_image_tensor(GreyMapping.of(section, 100).to_grey(section.values))
    units = PreparedNetwork(network).record(picture, ("relu",))["relu"][0]
    leaf = units.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network.module.near(leaf[None])[0, 0].mean(), leaf)
    expected = (gradient.mean((1, 2), keepdim=True) * units).sum(0).detach().numpy()
    # Units lie at every second sample from the first.
    np.testing.assert_allclose(attribution[::2, ::2], expected, atol=1e-6)


def test_grad_cam_takes_the_last_coarse_layer():
    attributor = Attributor(
        noise(), unet_network(widths=(4, 4, 4, 4, 4)), "class:salt", settings=AttributionSettings(method="grad-cam")
    )
    assert attributor.settings.cam_layer == "dec4"


@pytest.mark.parametrize("size", [(40, 48), (37, 45)])
def test_relevance_by_the_epsilon_rule_is_gradient_times_input(size):
    section, network = noise(*size), unet_network()
    attribution = attribute(section, network, "class:salt", at=(320, 160), method="lrp", gamma=0.0)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values)).double().requires_grad_()
    prepared = PreparedNetwork(network, "cpu", "float64")
    values = network.preprocessing(picture)
    score = prepared.record(picture, ("logits",))["logits"][0, 2, 15, 20]
    (gradient,) = torch.autograd.grad(score, picture)
    expected = (gradient * 127.5 * values)[0, 0].detach().numpy()
    np.testing.assert_allclose(attribution, expected, atol=1e-4 * np.abs(expected).max())


def test_relevance_is_conserved_where_there_are_no_biases():
    network = unet_network()
    for part in network.module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.zeros_(part.bias)
    for gamma in (0.0, 0.25):
        attribution = attribute(noise(), network, "class:salt", at=(320, 160), method="lrp", gamma=gamma)
        assert attribution.attrs["attributed"] == pytest.approx(attribution.attrs["score"], rel=1e-3)


def test_the_unet_with_separate_operations_computes_the_same():
    module, picture = make_unet(), torch.rand(1, 1, 37, 45)
    torch.testing.assert_close(separate_operations(module)(picture), module(picture))


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
    with raises("not-supported", "method"):
        attribute(noise(), Network("r", nn.Sequential(Residual(), nn.Conv2d(4, 2, 1)), GREY), "1:0", method="lrp")
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(1, 4), nn.Conv2d(4, 2, 1))
    with raises("not-supported", "method"):
        attribute(noise(), Network("normed", module, GREY), "2:0", method="lrp")


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion", "lrp"])
def test_samples_outside_the_receptive_field_are_left_out_without_a_change(method, monkeypatch):
    section, network = noise(96, 120), unet_network(widths=(4, 4))
    words = {"method": method} | ({"patch": (16, 16), "stride": (16, 16)} if method == "occlusion" else {})
    attributor = Attributor(section, network, "class:salt", at=(360, 300), settings=AttributionSettings(**words))
    rows, columns = attributor.window
    assert rows[1] - rows[0] < 96
    assert columns[1] - columns[0] < 120
    attribution = attributor()
    monkeypatch.setattr(Attributor, "_crop", lambda self, *_: None)
    whole = attribute(section, network, "class:salt", at=(360, 300), **words)
    assert whole.attrs["window_rows"] == (0, 96)
    if method == "occlusion":  # the grid of patches begins elsewhere
        assert attribution.attrs["score"] == pytest.approx(whole.attrs["score"], rel=1e-5)
        return
    np.testing.assert_allclose(attribution, whole, atol=1e-4 * float(np.abs(whole).max()))


def test_a_network_that_differs_on_a_part_is_computed_whole():
    network = Network("resizing", small_networks.ResizingUNet(), GREY, classes=CLASSES, class_layer="up")
    torch.nn.init.normal_(network.module.down.weight, generator=torch.Generator().manual_seed(0))
    section = noise(63, 101)
    attribution = attribute(section, network, "class:salt", at=(310, 120))
    assert attribution.attrs["completeness_error"] < 0.01


def test_absent_samples_are_absent_in_the_map():
    section = noise()
    section[:, 10:14] = np.nan
    attribution = attribute(section, unet_network(), "class:salt", at=(320, 160))
    assert np.array_equal(np.isnan(attribution), np.isnan(section))


def test_the_most_probable_class_is_explained_by_default():
    section, network = noise(), unet_network()
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))
    code = int(PreparedNetwork(network).record(picture, ("logits",))["logits"][0, :, 15, 20].argmax())
    assert Attributor(section, network, at=(320, 160)).target.text == f"class:{CLASSES[code]}"


def test_a_classifier_is_explained_on_the_whole_image():
    module = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    network = Network("classifier", module, GREY, classes=("a", "b", "c"), class_layer="4")
    section = noise()
    assert attribute(section, network, "class:b").attrs["completeness_error"] < 0.01
    # Relevance starts from the logit.
    for method in ("lrp", "grad-cam"):
        assert np.isfinite(attribute(section, network, "class:b", method=method)).all()
    with raises("incompatible"):
        attribute(section, network, "class:b", at=(320, 160))


def test_images_in_colour_have_one_map():
    values = np.random.default_rng(0).uniform(0, 255, (32, 40, 3))
    section = make_section(values, value_range=(0, 255))
    network = small_networks.pooled_network(3)
    for words in ({}, {"method": "occlusion", "patch": (16, 16)}, {"method": "grad-cam"}):
        attribution = attribute(section, network, "last:2", **words)
        assert (attribution.dims, attribution.shape) == (("row", "column"), (32, 40))


def test_noise_baselines_have_the_spectrum_of_the_section():
    picture = to_image_tensor(GreyMapping(-4.0, 4.0).to_grey(noise().values))
    for surrogate in make_baselines(picture, "noise", seed=1):
        ours, theirs = (np.abs(np.fft.rfft2(one[0, 0].numpy() - MID_GREY)) for one in (surrogate, picture))
        np.testing.assert_allclose(ours, theirs, atol=0.02 * theirs.max())
        assert abs(np.corrcoef(surrogate.flatten(), picture.flatten())[0, 1]) < 0.2


def test_units_count_for_the_samples_nearest_to_them():
    section, network = noise(), unet_network()
    dense = unit_weights(network.layer("logits"), (40, 48), point_mask((301.2, 111), section), (40, 48))
    assert np.argwhere(dense).tolist() == [[3, 1]]
    coarse = unit_weights(
        network.layer("enc3"), (10, 12), open_mask("time=116:128,crossline=304:307", section), (40, 48)
    )
    assert np.argwhere(coarse).tolist() == [[1, 1]]
    assert coarse.sum() == 1


@pytest.mark.parametrize(
    ("target", "words", "code"),
    [
        ("enc3", {}, "not-supported"),
        ("enc3:1@neuron", {}, "not-supported"),
        ("enc3:1 + enc2:1", {}, "incompatible"),
        ("class:sallt", {}, "unknown-name"),
        ("class:salt", {"at": (1, 160)}, "out-of-range"),
        ("class:salt", {"at": (320, 999)}, "out-of-range"),
        ("class:salt", {"at": (320,)}, "wrong-shape"),
        ("enc3:1", {"score": "probability"}, "incompatible"),
        ("class:salt", {"score": "probability", "method": "lrp"}, "incompatible"),
        ("class:salt", {"method": "grad-cam", "cam_layer": "logits"}, "incompatible"),
        ("enc1.conv1:0", {"method": "grad-cam"}, "not-supported"),
        ("class:salt", {"method": "occlusion", "patch": (99, 2)}, "too-small"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(target, words, code):
    with raises(code):
        attribute(noise(), unet_network(), target, **words)


def test_a_channel_that_does_not_exist_is_refused():
    with pytest.raises(SeisdreamError):
        attribute(noise(), unet_network(), "enc3:99")


def test_point_mask_and_classes_must_fit():
    section = noise()
    with raises("incompatible"):
        attribute(section, unet_network(), at=(320, 160), target_mask=point_mask((320, 160), section))
    with raises("wrong-shape", "target_mask"):
        attribute(section, unet_network(), target_mask=point_mask((320, 160), section)[:10])
    with raises("missing-argument", "target"):
        attribute(section, Network("filters", nn.Conv2d(1, 4, 3), GREY, has_classes=False))


@pytest.mark.parametrize(
    ("values", "code", "name"),
    [
        ({"method": "shap"}, "out-of-range", "method"),
        ({"score": "loss"}, "out-of-range", "score"),
        ({"baseline": "black"}, "out-of-range", "baseline"),
        ({"steps": 0}, "out-of-range", "steps"),
        ({"method": "occlusion", "patch": (0, 4)}, "out-of-range", "patch"),
        ({"method": "occlusion", "patch": (4, 4), "stride": (8, 4)}, "incompatible", "stride"),
        ({"method": "lrp", "gamma": -1.0}, "out-of-range", "gamma"),
        ({"method": "lrp", "baseline": "zero"}, "incompatible", "baseline"),
        ({"cam_layer": "enc3"}, "incompatible", "cam_layer"),
        ({"percentile": 10}, "out-of-range", "percentile"),
        ({"seed": -1}, "out-of-range", "seed"),
    ],
)
def test_wrong_settings_name_their_argument(values, code, name):
    with raises(code, name):
        AttributionSettings(**values)


def test_an_unknown_keyword_is_refused_with_near_matches():
    with raises("unknown-argument", "stepps"):
        attribute(noise(), unet_network(), "class:salt", stepps=3)


def test_without_captum_the_extra_is_named_before_the_network_runs(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    passes, network = [], unet_network()
    network.module.register_forward_hook(lambda *_: passes.append(1))
    for method in ("integrated-gradients", "occlusion", "grad-cam", "lrp"):
        with raises("missing-extra"):
            attribute(noise(), network, "class:salt", at=(320, 160), method=method)
    assert not passes


def test_the_provenance_is_complete():
    section, network = noise(), unet_network()
    attribution = attribute(section, network, "class:salt", at=(320, 160))
    record = json.loads(attribution.attrs["provenance"])
    assert (record["kind"], record["result"]["target"]) == ("attribution", "class:salt")
    assert record["result"]["score"] == attribution.attrs["score"]
    assert set(record["others"]) == {"target_mask"}
    assert record["network"]["sha256"] == network.sha256


def test_the_users_network_is_not_changed():
    network = unet_network()
    before = network.sha256
    for method in ("integrated-gradients", "grad-cam", "lrp"):
        attribute(noise(), network, "class:salt", at=(320, 160), method=method)
    assert network.sha256 == before
    assert not any(hasattr(part, "rule") for part in network.module.modules())
    assert not any(part._forward_hooks for part in network.module.modules())


def test_a_target_knows_its_layer_and_weights():
    target = bind_target("class:salt - 0.5*class:beds", unet_network())
    assert (target.layer, target.channels, target.weights) == ("logits", (2, 0), (1.0, -0.5))


@pytest.mark.slow
@pytest.mark.skipif(not trained_file("facies").exists(), reason="the facies network is not in this checkout")
def test_facies_detects_salt_by_the_flanks_and_the_top_of_the_dome(shared):
    section = open_section(shared / "data" / "f3_inline362.npz", key="amplitude")
    part = section.sel(crossline=slice(700, 1020), time=slice(1000, 1848))
    network = load_network("facies")
    attribution = attribute(
        part, network, "class:salt", at=(859, 1660), method="occlusion", patch=(48, 48), stride=(48, 48)
    )
    dome = attribution.sel(time=slice(1400, 1848), crossline=slice(780, 940))
    above = attribution.sel(time=slice(1000, 1250))
    assert float(dome.mean()) > 10 * float(np.abs(above).mean())


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, 2.0])
def test_a_mask_without_samples_or_outside_0_to_1_is_refused(value):
    section = planted()
    mask = section.copy(data=np.full(section.shape, value, np.float32))
    with pytest.raises(SeisdreamError) as error:
        attribute(section, Network("d", Detector(), GREY), "near:0", target_mask=mask)
    assert error.value.option == "target_mask"


def test_parts_of_the_path_are_halved_with_several_baselines_too(monkeypatch):
    monkeypatch.setattr(integrated_gradients, "MAX_COMPLETENESS_ERROR", -1.0)  # The error is always larger.
    monkeypatch.setattr(integrated_gradients, "_MAX_STEPS", 128)
    section = noise()
    with pytest.warns(UserWarning, match="differ from the change of the score"):
        map_ = attribute(section, unet_network(), "class:salt", at=(320, 160), baseline="noise")
    assert 64 < map_.attrs["steps"] <= 128
    assert map_.attrs["completeness_error"] < 0.05


@pytest.mark.filterwarnings("ignore:Integrated gradients")
@pytest.mark.parametrize("target", ["class:salt", "enc3:2", None])
@pytest.mark.parametrize("words", [{"at": (360, 400)}, {"target_mask": "time=350:420"}])
def test_a_point_of_a_large_section_is_explained_without_computing_the_whole(monkeypatch, target, words):
    section, network, sizes = noise(300, 260), unet_network(), []
    if "target_mask" in words:
        words = {"target_mask": open_mask(words["target_mask"], section)}
    expected = attribute(section, network, target, steps=4, **words)
    record = PreparedNetwork.record

    def counted(prepared, image, layers):
        sizes.append(image.shape[2] * image.shape[3])
        return record(prepared, image, layers)

    monkeypatch.setattr(attributor, "AUTO_TILE_THRESHOLD", 1000)
    monkeypatch.setattr(attributor, "check_tiles", lambda *_: None)
    monkeypatch.setattr(PreparedNetwork, "record", counted)
    found = attribute(section, network, target, steps=4, **words)
    assert max(sizes) < section.size
    assert found.attrs["target"] == expected.attrs["target"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * float(abs(expected).max()))


def test_a_class_that_is_not_predicted_there_draws_a_note_with_both_probabilities():
    section, network = noise(), unet_network()
    logits = torch.zeros(1, 4, 40, 48)
    logits[:, 2] = np.log(3.0)
    weights = torch.zeros(40, 48)
    weights[20, 30] = 1.0
    note = target.note_on_prediction(network, bind_target("class:beds", network), logits, weights)
    # Probabilities 1/6, 1/6, 1/2 and 1/6.
    assert "does not predict beds there: its probability is 0.17, that of salt 0.5." in note
    assert target.note_on_prediction(network, bind_target("class:salt", network), logits, weights) is None
    notes = [
        [one for one in Attributor(section, network, f"class:{name}", at=(330, 180)).notes if "does not predict" in one]
        for name in CLASSES
    ]
    assert sorted(map(len, notes)) == [0, 1, 1, 1], "one class is predicted"
