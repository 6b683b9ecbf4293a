"""Classes, probabilities and uncertainty of sections and volumes; tiled equals whole."""

import json
import math

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import small_networks
from errors import raises
from segy_files import make_segy, numbered
from seisdream.errors import SeisdreamError
from seisdream.inference import tiling
from seisdream.inference.class_maps import ABSENT_CLASS
from seisdream.inference.predict import predict
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.inference.section_source import open_sections
from seisdream.inference.tensors import resize, to_image_tensor
from seisdream.inference.tta import InputAugmentation, sample_augmentations
from seisdream.io.inputs import open_section
from seisdream.io.segy import SegyVolume
from seisdream.models.checkpoints import trained_file
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.registry import load_network
from seisdream.seismic.sections import MID_GREY, GreyMapping, make_section
from trained_files import CLASSES, COLOURS, make_unet

GREY = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))


def unet_network(**words):
    return Network("u", make_unet(**words), GREY, classes=CLASSES, colours=COLOURS, class_layer="logits")


def noise(n_rows, n_columns, seed=0):
    values = np.random.default_rng(seed).normal(size=(n_rows, n_columns))
    return make_section(values, dt_ms=4.0)


class Threshold(torch.nn.Module):
    """Tells white from black by one sample: the logits are plus and minus its value."""

    def __init__(self, sharpness=1.0, stride=1):
        super().__init__()
        self.logits = torch.nn.Conv2d(1, 2, stride, stride=stride, bias=False)
        with torch.no_grad():
            self.logits.weight[:] = sharpness / stride**2
            self.logits.weight[1] *= -1

    def forward(self, values):
        return self.logits(values)


def threshold_network(**words):
    return Network("threshold", Threshold(**words), GREY, classes=("white", "black"), class_layer="logits")


def predict_with(section, network, mapping, **settings):
    return Predictor(network, PredictionSettings(**settings))(section, mapping)


def assert_alike(whole, tiled):
    np.testing.assert_allclose(tiled.probabilities, whole.probabilities, atol=2e-5)
    np.testing.assert_allclose(tiled.entropy, whole.entropy, atol=2e-5)
    if "uncertainty" in whole:
        np.testing.assert_allclose(tiled.uncertainty, whole.uncertainty, atol=2e-5)
    two = np.sort(whole.probabilities.values, axis=0)[-2:]
    is_close = two[1] - two[0] < 1e-4
    assert ((tiled.classes == whole.classes) | is_close).all()


def test_probabilities_are_the_softmax_of_the_logits():
    section, network = noise(40, 50), unet_network()
    prediction = predict(section, network, augmentations=0)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))
    logits = PreparedNetwork(network).record(picture, ("logits",))["logits"][0]
    np.testing.assert_allclose(prediction.probabilities, logits.softmax(0), atol=1e-6)
    assert np.array_equal(prediction.classes, logits.argmax(0))
    assert prediction.probabilities.dims == ("class", "time", "trace")
    assert (prediction.classes.dtype, prediction.probabilities.dtype, prediction.entropy.dtype) == (
        np.uint8,
        np.float32,
        np.float32,
    )
    assert prediction["class"].values.tolist() == list(CLASSES)
    assert prediction.colour.values.tolist() == list(COLOURS)
    assert np.array_equal(prediction.time, section.time)
    assert "uncertainty" not in prediction


def test_entropy_is_0_where_a_class_is_certain_and_1_where_all_are_equal():
    section = noise(20, 30)
    uniform = predict(section, threshold_network(sharpness=0.0))
    assert np.allclose(uniform.entropy, 1.0)
    signs = section.copy(data=np.where(section > 0, 1.0, -1.0))
    certain = predict(signs, threshold_network(sharpness=100.0), augmentations=0)
    assert np.allclose(certain.entropy, 0.0)
    prediction = predict(section, unet_network())
    shares = prediction.probabilities.values.astype(np.float64)
    expected = -(shares * np.log(shares)).sum(0) / math.log(4)
    np.testing.assert_allclose(prediction.entropy, expected, atol=1e-5)
    assert np.array_equal(prediction.classes, prediction.probabilities.argmax("class"))
    np.testing.assert_allclose(prediction.probabilities.sum("class"), 1.0, atol=1e-5)


def test_uncertainty_is_the_disagreement_between_augmented_copies():
    section = noise(40, 60)
    network = unet_network()
    predictor = Predictor(network, PredictionSettings(augmentations=3))
    prediction = predictor(section)
    mapping = GreyMapping.of(section)
    copies = []
    for augmentation in predictor.augmentations:
        picture = augmentation.apply(to_image_tensor(mapping.to_grey(section.values), clip=False)).clamp(0, 255)
        shares = PreparedNetwork(network).record(picture, ("logits",))["logits"].softmax(1)
        # Back to the section's grid, by coordinates in the mirrored and stretched copy.
        rows = augmentation.positions(0, 0, 40, (40, 60)) / (picture.shape[-2] - 1) * 2 - 1
        columns = augmentation.positions(1, 0, 60, (40, 60)) / (picture.shape[-1] - 1) * 2 - 1
        grid = torch.tensor(np.stack(np.broadcast_arrays(columns[None, :], rows[:, None]), -1), dtype=torch.float32)
        copies.append(torch.nn.functional.grid_sample(shares, grid[None], align_corners=True)[0].numpy())
    mean = np.mean(copies, axis=0)
    # Probabilities are interpolated here and logits there, so they agree but for what lies between samples.
    assert np.abs(mean - prediction.probabilities.values).mean() < 0.03

    def entropy(shares):
        return -(shares * np.log(shares)).sum(0) / math.log(4)

    expected = entropy(mean) - np.mean([entropy(copy) for copy in copies], axis=0)
    assert np.corrcoef(expected.ravel(), prediction.uncertainty.values.ravel())[0, 1] > 0.95
    assert (prediction.uncertainty <= prediction.entropy + 1e-5).all()
    assert (prediction.uncertainty >= 0).all()


def test_a_network_that_no_augmentation_changes_is_not_uncertain():
    # A sign is the same at any gain and mirrored; each half is constant, so stretched and shifted too.
    values = np.ones((80, 60), np.float32)
    values[40:] = -1.0
    prediction = predict(make_section(values, dt_ms=4.0), threshold_network(sharpness=50.0), augmentations=6)
    assert prediction.uncertainty[[*range(30), *range(50, 80)]].max() < 1e-5
    assert (prediction.classes[:38] == 0).all()
    assert (prediction.classes[42:] == 1).all()


@pytest.mark.parametrize(
    "augmentation",
    [
        InputAugmentation(),
        *sample_augmentations(5),
        InputAugmentation(is_mirrored=True),
        InputAugmentation(shift=(50, 70)),
    ],
)
def test_positions_in_a_copy_are_where_its_samples_are(augmentation):
    rows, columns = np.meshgrid(np.arange(40.0), np.arange(60.0), indexing="ij")
    picture = torch.tensor(127.5 + (2 * rows + columns - 90), dtype=torch.float32)[None, None]
    seen = augmentation.apply(picture)[0, 0]
    assert tuple(seen.shape) == augmentation.size((40, 60))
    down, across = augmentation.positions(0, 3, 37, (40, 60)), augmentation.positions(1, 5, 55, (40, 60))
    grid = np.stack(np.meshgrid(across / (seen.shape[1] - 1) * 2 - 1, down / (seen.shape[0] - 1) * 2 - 1), -1)
    back = torch.nn.functional.grid_sample(
        seen[None, None], torch.tensor(grid, dtype=torch.float32)[None], align_corners=True
    )[0, 0]
    expected = (picture[0, 0, 3:37, 5:55] - 127.5) * augmentation.gain + 127.5
    np.testing.assert_allclose(back, expected, atol=0.02)
    assert (np.diff(down) > 0).all(), "time still runs down"


@pytest.mark.parametrize("augmentation", [InputAugmentation(), *sample_augmentations(4)])
def test_a_window_of_an_augmented_copy_is_that_of_the_whole_copy(augmentation):
    picture = to_image_tensor(np.random.default_rng(0).uniform(0, 255, (40, 60)).astype(np.float32))
    rows, columns = augmentation.size((40, 60))
    whole = augmentation.apply(picture)
    for window in (((0, 7), (0, 9)), ((5, 30), (20, 50)), ((rows - 3, rows), (columns - 4, columns))):
        expected = whole[..., slice(*window[0]), slice(*window[1])]
        np.testing.assert_allclose(augmentation.apply(picture, window), expected, atol=1e-4)
    resized = resize(picture.flip(-1) if augmentation.is_mirrored else picture, augmentation._stretched((40, 60)))
    down, across = augmentation.shift
    expected = (resized - MID_GREY) * augmentation.gain + MID_GREY
    np.testing.assert_allclose(whole[..., down:, across:], expected, atol=1e-2)


def test_augmentations_stay_within_their_ranges_and_are_always_the_same():
    augmentations = sample_augmentations(40)
    assert augmentations[:4] == sample_augmentations(4)
    assert {augmentation.is_mirrored for augmentation in augmentations} == {True, False}
    assert all(1 / 1.25 <= augmentation.gain <= 1.25 for augmentation in augmentations)
    assert all(1 / 1.1 <= factor <= 1.1 for augmentation in augmentations for factor in augmentation.stretch)
    assert sample_augmentations(0) == []


@pytest.mark.parametrize("augmentations", [0, 3])
def test_a_section_sampled_twice_as_finely_is_predicted_alike_at_half_its_samples(augmentations):
    coarse = open_section("sample:built-in")[:160, :120]
    values = torch.from_numpy(coarse.values.copy())[None, None]
    fine = torch.nn.functional.interpolate(values, (319, 120), mode="bilinear", align_corners=True)[0, 0].numpy()
    network = load_network("facies")
    mapping = GreyMapping.of(coarse)
    alone = predict_with(coarse, network, mapping, augmentations=augmentations)
    prediction = predict_with(
        make_section(fine, dt_ms=2.0), network, mapping, augmentations=augmentations, scale=(160 / 319, 1.0)
    )
    assert prediction.classes.shape == fine.shape
    assert prediction.attrs["scale"] == (160 / 319, 1.0)
    assert (prediction.classes[::2].values == alone.classes.values).mean() > 0.9
    as_it_is = predict_with(make_section(fine, dt_ms=2.0), network, mapping, augmentations=augmentations)
    assert (as_it_is.classes[::2].values == alone.classes.values).mean() < 0.8


def test_sampling_that_differs_from_training_is_noted_with_a_scale_to_use():
    network = unet_network()
    network.frequencies = (0.1, 0.2)
    slow = np.tile(np.sin(2 * np.pi * np.arange(400) / 25)[:, None], (1, 300))
    (note,) = Predictor(network).notes_on(make_section(slow, dt_ms=2.0))
    assert "0.04 cycles per sample" in note
    assert "`scale=0.3x1`" in note
    assert Predictor(network, PredictionSettings(scale=(0.3, 1.0))).notes_on(make_section(slow, dt_ms=2.0)) == []
    assert Predictor(network).notes_on(make_section(slow[::4], dt_ms=8.0)) == []


@pytest.mark.slow
@settings(max_examples=15)
@given(
    rows=st.integers(3, 110),
    columns=st.integers(3, 110),
    tile=st.sampled_from([8, 20, 33, 64]),
    augmentations=st.sampled_from([0, 2]),
)
def test_tiled_equals_whole_on_any_size(rows, columns, tile, augmentations):
    section, network = noise(rows, columns, seed=rows), unet_network(widths=(4, 4, 4, 4))
    whole = predict(section, network, tile=0, augmentations=augmentations)
    assert_alike(whole, predict(section, network, tile=tile, augmentations=augmentations))


@pytest.mark.parametrize(("name", "options"), [("f3_inline362.npz", {"key": "amplitude"}), ("31_81_PR.sgy", {})])
def test_tiled_equals_whole_on_real_sections(shared, name, options):
    section, network = open_section(shared / "data" / name, **options), unet_network(widths=(4, 6, 8, 8))
    whole = predict(section, network, tile=0, augmentations=1)
    tiled = predict(section, network, tile=250, augmentations=1)
    assert len(np.unique(whole.classes)) > 1
    assert (whole.attrs["tile"], tiled.attrs["tile"]) == (0, 250)
    assert_alike(whole, tiled)


class Strided(torch.nn.Module):
    """Logits at every fourth sample without padding: units lie between samples and end before the edge."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.down = torch.nn.Conv2d(1, 6, 9, stride=4)
        self.logits = torch.nn.Conv2d(6, 4, 5)

    def forward(self, values):
        return 20 * self.logits(torch.relu(self.down(values)))


@pytest.mark.parametrize("size", [(70, 90), (64, 101), (97, 55)])
def test_coarse_logits_are_interpolated_and_tiled_alike(size):
    network = Network("strided", Strided(), GREY, classes=CLASSES, class_layer="logits")
    section = noise(*size)
    whole = predict(section, network, tile=0, augmentations=2)
    assert whole.classes.shape == size
    for tile in (8, 16, 40):
        assert_alike(whole, predict(section, network, tile=tile, augmentations=2))


def test_a_coarse_map_is_aligned_with_the_section():
    values = np.repeat([-1.0, 1.0, -1.0], [37, 24, 39])[:, None] * np.ones((1, 50))
    prediction = predict(make_section(values, dt_ms=4.0), threshold_network(sharpness=30.0, stride=4), augmentations=0)
    white = np.flatnonzero((prediction.classes == 0).all("trace"))
    assert abs(white[0] - 37) <= 2
    assert abs(white[-1] - 60) <= 2


def test_a_decoders_unit_counts_for_its_own_sample():
    # Its receptive field reaches further up and left than down and right.
    module = small_networks.ResizingUNet()
    network = Network("resizing", module, GREY, classes=CLASSES, class_layer="up")
    assert network.layer("up").start != (0, 0)
    section = noise(40, 52)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))
    logits = PreparedNetwork(network).record(picture, ("up",))["up"][0]
    prediction = predict(section, network, augmentations=0)
    np.testing.assert_allclose(prediction.probabilities, logits.softmax(0), atol=1e-6)


def test_absent_samples_are_absent_in_every_map():
    section = noise(40, 50)
    section[:, 10:14] = np.nan
    prediction = predict(section, unet_network())
    assert (prediction.classes[:, 10:14] == ABSENT_CLASS).all()
    assert (prediction.classes.where(section.notnull(), 0) < 4).all()
    for name in ("probabilities", "entropy", "uncertainty"):
        is_absent = prediction[name].isnull()
        is_absent = is_absent.any("class") if "class" in is_absent.dims else is_absent
        assert np.array_equal(is_absent, section.isnull())


def test_muted_samples_are_absent_in_every_map():
    section = noise(60, 50)
    section[:20, :30] = 0.0
    section[:, 40] = 0.0
    muted = section.values == 0.0
    prediction = predict(section, unet_network())
    assert np.array_equal(prediction.classes == ABSENT_CLASS, muted)
    for name in ("entropy", "uncertainty"):
        assert np.array_equal(np.isnan(prediction[name]), muted)
    assert np.isnan(prediction.probabilities.values[:, muted]).all()
    # Muted samples do not change the grey mapping.
    assert prediction.attrs["grey_high"] == pytest.approx(np.percentile(np.abs(section.values[~muted]), 99))
    assert (predict(section.assign_attrs(muted="present"), unet_network()).classes < 4).all()


def test_limits_of_a_prediction_are_noted():
    network = unet_network()
    field = network.layer("logits").receptive_field
    assert field is not None
    predictor = Predictor(network)
    assert predictor.notes_on(noise(*field)) == []
    (small,) = predictor.notes_on(noise(field[0], field[1] - 1))
    assert f"receptive field of u ({field[0]} × {field[1]})" in small
    section = noise(*field)
    section[:12] = 0.0
    network.survey = "F3"
    assert len(predictor.notes_on(section)) == 2, "muted, and of another survey"
    assert len(predictor.notes_on(section.assign_attrs(source="f3.sgy", muted="present"))) == 0


def test_a_grey_mapping_of_the_volume_is_used():
    section, network = noise(30, 30), threshold_network()
    quiet = predict_with(section, network, GreyMapping(-100.0, 100.0), augmentations=0)
    assert np.abs(quiet.probabilities - 0.5).max() < 0.05
    assert (quiet.attrs["grey_low"], quiet.attrs["grey_high"]) == (-100.0, 100.0)
    dead = section.copy(data=np.zeros_like(section))
    assert (predict_with(dead, network, GreyMapping(-1.0, 1.0)).classes == ABSENT_CLASS).all()
    silent = dead.assign_attrs(muted="present")
    assert (predict_with(silent, network, GreyMapping(-1.0, 1.0)).entropy > 0.99).all()
    with pytest.raises(SeisdreamError):
        predict(dead, network)


def test_images_in_colour_are_predicted_too():
    values = np.random.default_rng(0).uniform(0, 255, (30, 40, 3))
    prediction = predict(make_section(values, value_range=(0, 255)), unet_network())
    assert prediction.classes.dims == ("row", "column")


def test_a_time_slice_is_predicted_with_a_note():
    section = make_section(np.random.default_rng(0).normal(size=(30, 40)), dims=("inline", "crossline"))
    prediction = predict(section, unet_network(), augmentations=0)
    assert any("time slice" in note for note in json.loads(prediction.attrs["provenance"])["notes"])


def test_networks_that_make_no_map_are_refused(shared):
    googlenet = load_network("googlenet", weights=shared / "weights" / "bvlc_googlenet.safetensors")
    with raises("not-supported"):
        predict(noise(30, 30), googlenet)
    with raises("incompatible"):
        predict(noise(30, 30), Network("u", make_unet(4), GREY, classes=CLASSES[:3], class_layer="logits"))


class NormalisedMap(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.norm = torch.nn.GroupNorm(1, 4)
        self.logits = torch.nn.Conv2d(4, 4, 1)

    def forward(self, values):
        return self.logits(self.norm(self.first(values)))


def test_tiles_that_would_differ_from_the_whole_are_refused(monkeypatch):
    normalised = Network("normalised", NormalisedMap(), GREY, classes=CLASSES, class_layer="logits")
    # Differs in tiles where a section is no multiple of its stride.
    module = small_networks.ResizingUNet()
    torch.nn.init.normal_(module.down.weight, generator=torch.Generator().manual_seed(0))
    resizing = Network("resizing", module, GREY, classes=CLASSES, class_layer="up")
    for network in (normalised, resizing):
        section = noise(63, 61)
        with raises("not-supported", "tile"):
            predict(section, network, tile=32, augmentations=0)
        assert predict(section, network, tile=0, augmentations=0).classes.shape == (63, 61)
        # By default a large section is then computed whole, with a warning.
        monkeypatch.setattr(tiling, "AUTO_TILE_THRESHOLD", 100)
        monkeypatch.setattr(tiling, "AUTO_TILE_SIZE", 32)
        with pytest.warns(UserWarning, match="whole section"):
            assert predict(section, network, augmentations=0).attrs["tile"] == 0
        monkeypatch.undo()


def test_large_sections_are_tiled_by_default(monkeypatch):
    monkeypatch.setattr(tiling, "AUTO_TILE_THRESHOLD", 1000)
    monkeypatch.setattr(tiling, "AUTO_TILE_SIZE", 32)
    seen = []
    predictor = Predictor(unet_network(), PredictionSettings(augmentations=1), on_tile=lambda: seen.append(1))
    assert predictor(noise(60, 70)).attrs["tile"] == 32
    assert len(seen) == predictor.n_tiles((60, 70)) == 2 * 2 * 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("percentile", 20),
        ("tile", -1),
        ("augmentations", -1),
        ("precision", "float16"),
        ("stratigraphic_order", "up"),
        ("scale", (0.01, 1.0)),
        ("scale", (1.0, float("nan"))),
    ],
)
def test_values_out_of_range_name_their_argument(name, value):
    with raises("out-of-range", name):
        PredictionSettings(**{name: value})


def test_scale_is_read_from_one_or_two_numbers():
    scale = next(one for one in PredictionSettings.declared() if one.name == "scale")
    assert scale.from_text("0.5x1") == (0.5, 1.0)
    assert scale.from_text("0.5") == (0.5, 0.5)
    with raises("wrong-type", "scale"):
        scale.from_text("half")


def test_an_unknown_keyword_is_refused_with_near_matches():
    with raises("unknown-argument", "augmentation") as error:
        predict(noise(30, 30), unet_network(), augmentation=1)
    assert "augmentations" in str(error.value)


def make_volume():
    values = np.random.default_rng(0).normal(size=(3, 40, 50)).astype(np.float32)
    values[1] = np.nan
    coords = {"inline": [100, 102, 104], "crossline": np.arange(300, 340), "time": 4.0 * np.arange(50)}
    return xr.DataArray(values, coords, ("inline", "crossline", "time"))


def test_a_volume_is_predicted_inline_by_inline_through_one_grey_mapping():
    volume, network = make_volume(), unet_network()
    network.is_ordered = True
    prediction = predict(volume, network, augmentations=1)
    assert prediction.classes.dims == ("inline", "crossline", "time")
    assert prediction.probabilities.dims == ("class", "inline", "crossline", "time")
    assert prediction.horizons.dims == ("horizon", "inline", "crossline")
    assert prediction.inline.values.tolist() == [100, 102, 104]
    assert prediction.classes.dtype == np.uint8
    assert (prediction.classes.sel(inline=102) == ABSENT_CLASS).all()
    assert prediction.probabilities.sel(inline=102).isnull().all()
    source = open_sections(volume)
    alone = Predictor(network, PredictionSettings(augmentations=1))(source.open(1), source.mapping)
    for name in ("classes", "probabilities", "entropy", "uncertainty", "horizons"):
        np.testing.assert_array_equal(
            prediction[name].sel(inline=104).transpose(*alone[name].dims), alone[name], err_msg=name
        )
    record = json.loads(prediction.attrs["provenance"])
    assert record["input"]["shape"] == [3, 40, 50]


def test_a_segy_volume_and_its_array_are_predicted_alike(tmp_path):
    samples = np.random.default_rng(0).standard_normal((4 * 32, 40)).astype(np.float32)
    path = make_segy(tmp_path / "volume.sgy", samples, words=numbered(range(10, 14), range(300, 332)))
    volume = SegyVolume(path)
    array = xr.DataArray(
        samples.reshape(4, 32, 40),
        {"inline": list(volume.inlines), "crossline": np.arange(300, 332), "time": volume.open(10).time.values},
        ("inline", "crossline", "time"),
    )
    network = unet_network()
    of_file, of_array = (predict(one, network, augmentations=0) for one in (volume, array))
    np.testing.assert_array_equal(of_file.classes, of_array.classes)
    np.testing.assert_allclose(of_file.probabilities, of_array.probabilities, atol=1e-6)


def test_the_provenance_is_complete():
    section, network = noise(30, 30), unet_network()
    prediction = predict(section, network, augmentations=2)
    record = json.loads(prediction.attrs["provenance"])
    assert record["kind"] == "prediction"
    assert record["settings"]["augmentations"] == len(record["result"]["augmentations"]) == 2
    assert record["settings"]["tile"] == 0
    assert record["network"]["sha256"] == network.sha256
    assert record["input"]["grey_mapping"]["high"] == prediction.attrs["grey_high"]


def test_the_users_network_is_not_changed():
    network = unet_network()
    before = network.sha256
    network.module.train()
    predict(noise(30, 30), network)
    assert network.module.training
    assert network.sha256 == before


@pytest.mark.slow
@pytest.mark.skipif(not trained_file("facies").exists(), reason="the facies network is not in this checkout")
def test_facies_finds_the_salt_dome_of_f3(shared):
    section = open_section(shared / "data" / "f3_inline362.npz", key="amplitude")
    prediction = predict(section, load_network("facies"))
    # The core of the dome below its top reflection, and the layers high above it.
    dome = prediction.sel(time=slice(1580, 1800), crossline=slice(830, 900))
    above = prediction.sel(time=slice(250, 1000), crossline=slice(830, 900))
    salt = {"class": "salt"}
    assert dome.probabilities.sel(salt).mean() > 2 * above.probabilities.sel(salt).mean()
