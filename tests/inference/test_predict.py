"""What each sample is, with numbers that mean what they say; tiled equals whole."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import small_networks
from seisdream.errors import SeisdreamError
from seisdream.inference.predict import ABSENT_CLASS, Predictor, predict_section
from seisdream.inference.settings import PredictionSettings
from seisdream.inference.tensors import to_image_tensor
from seisdream.inference.tta import InputAugmentation, sample_augmentations
from seisdream.io.inputs import open_section
from seisdream.models.checkpoints import trained_file
from seisdream.models.network import Network, Preprocessing
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping, make_section
from trained_files import CLASSES, COLOURS, make_unet

GREY = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))


def unet_network(**words):
    return Network("u", make_unet(**words), GREY, classes=CLASSES, colours=COLOURS, class_layer="logits")


def noise(n_rows, n_columns, seed=0):
    values = np.random.default_rng(seed).normal(size=(n_rows, n_columns))
    return make_section(values, dt_ms=4.0)


class Threshold(torch.nn.Module):
    """Knows black from white, by one sample: logits of plus and minus its value."""

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


def assert_alike(whole, tiled):
    np.testing.assert_allclose(tiled.probabilities, whole.probabilities, atol=2e-5)
    np.testing.assert_allclose(tiled.entropy, whole.entropy, atol=2e-5)
    if "uncertainty" in whole:
        np.testing.assert_allclose(tiled.uncertainty, whole.uncertainty, atol=2e-5)
    two = np.sort(whole.probabilities.values, axis=0)[-2:]
    is_close = two[1] - two[0] < 1e-4
    assert ((tiled.classes == whole.classes) | is_close).all()


def test_probabilities_are_the_softmax_of_what_the_network_says():
    section, network = noise(40, 50), unet_network()
    said = predict_section(section, network, views=0)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))
    logits = network.prepared().record(picture, ("logits",))["logits"][0]
    np.testing.assert_allclose(said.probabilities, logits.softmax(0), atol=1e-6)
    assert np.array_equal(said.classes, logits.argmax(0))
    assert said.probabilities.dims == ("class", "time", "trace")
    assert (said.classes.dtype, said.probabilities.dtype, said.entropy.dtype) == (np.uint8, np.float32, np.float32)
    assert said["class"].values.tolist() == list(CLASSES)
    assert said.colour.values.tolist() == list(COLOURS)
    assert np.array_equal(said.time, section.time)
    assert "uncertainty" not in said


def test_entropy_runs_from_sure_to_undecided():
    section = noise(20, 30)
    undecided = predict_section(section, threshold_network(sharpness=0.0))
    assert np.allclose(undecided.entropy, 1.0)
    signs = section.copy(data=np.where(section > 0, 1.0, -1.0))
    sure = predict_section(signs, threshold_network(sharpness=100.0), views=0)
    assert np.allclose(sure.entropy, 0.0)
    said = predict_section(section, unet_network())
    shares = said.probabilities.values.astype(np.float64)
    expected = -(shares * np.log(shares)).sum(0) / math.log(4)
    np.testing.assert_allclose(said.entropy, expected, atol=1e-5)
    assert np.array_equal(said.classes, said.probabilities.argmax("class"))
    np.testing.assert_allclose(said.probabilities.sum("class"), 1.0, atol=1e-5)


def test_uncertainty_is_what_the_views_contradict_each_other_in():
    section = noise(40, 60)
    network = unet_network()
    predictor = Predictor(network, PredictionSettings(views=3))
    said = predictor(section)
    mapping = GreyMapping.of(section)
    looks = []
    for variant in predictor.variants:
        picture = variant.apply(to_image_tensor(mapping.to_grey(section.values), clip=False)).clamp(0, 255)
        shares = network.prepared().record(picture, ("logits",))["logits"].softmax(1)
        # Back to the section's grid, by coordinates of a mirrored and stretched picture.
        rows = variant.positions(0, 0, 40, (40, 60)) / (picture.shape[-2] - 1) * 2 - 1
        columns = variant.positions(1, 0, 60, (40, 60)) / (picture.shape[-1] - 1) * 2 - 1
        grid = torch.tensor(np.stack(np.broadcast_arrays(columns[None, :], rows[:, None]), -1), dtype=torch.float32)
        looks.append(torch.nn.functional.grid_sample(shares, grid[None], align_corners=True)[0].numpy())
    mean = np.mean(looks, axis=0)
    # Shares are interpolated here and logits there, so they agree to what lies between samples.
    assert np.abs(mean - said.probabilities.values).mean() < 0.03

    def entropy(shares):
        return -(shares * np.log(shares)).sum(0) / math.log(4)

    expected = entropy(mean) - np.mean([entropy(look) for look in looks], axis=0)
    assert np.corrcoef(expected.ravel(), said.uncertainty.values.ravel())[0, 1] > 0.95
    assert (said.uncertainty <= said.entropy + 1e-5).all()
    assert (said.uncertainty >= 0).all()


def test_a_network_that_no_view_disturbs_is_not_uncertain():
    # A sign says the same at any gain and mirrored; each half is constant, so stretched and moved too.
    values = np.ones((80, 60), np.float32)
    values[40:] = -1.0
    said = predict_section(make_section(values, dt_ms=4.0), threshold_network(sharpness=50.0), views=6)
    assert said.uncertainty[[*range(30), *range(50, 80)]].max() < 1e-5
    assert (said.classes[:38] == 0).all()
    assert (said.classes[42:] == 1).all()


@pytest.mark.parametrize(
    "variant",
    [
        InputAugmentation(),
        *sample_augmentations(5),
        InputAugmentation(is_mirrored=True),
        InputAugmentation(shift=(50, 70)),
    ],
)
def test_a_variants_positions_are_where_its_samples_are(variant):
    rows, columns = np.meshgrid(np.arange(40.0), np.arange(60.0), indexing="ij")
    picture = torch.tensor(127.5 + (2 * rows + columns - 90), dtype=torch.float32)[None, None]
    seen = variant.apply(picture)[0, 0]
    assert tuple(seen.shape) == variant.size((40, 60))
    down, across = variant.positions(0, 3, 37, (40, 60)), variant.positions(1, 5, 55, (40, 60))
    grid = np.stack(np.meshgrid(across / (seen.shape[1] - 1) * 2 - 1, down / (seen.shape[0] - 1) * 2 - 1), -1)
    back = torch.nn.functional.grid_sample(
        seen[None, None], torch.tensor(grid, dtype=torch.float32)[None], align_corners=True
    )[0, 0]
    expected = (picture[0, 0, 3:37, 5:55] - 127.5) * variant.gain + 127.5
    np.testing.assert_allclose(back, expected, atol=0.02)
    assert (np.diff(down) > 0).all(), "time still runs down"


def test_variants_stay_within_what_is_promised_and_are_always_the_same():
    variants = sample_augmentations(40)
    assert variants[:4] == sample_augmentations(4)
    assert {variant.is_mirrored for variant in variants} == {True, False}
    assert all(1 / 1.25 <= variant.gain <= 1.25 for variant in variants)
    assert all(1 / 1.1 <= factor <= 1.1 for variant in variants for factor in variant.stretch)
    assert sample_augmentations(0) == []


@pytest.mark.parametrize("views", [0, 3])
def test_a_section_sampled_twice_as_finely_is_told_alike_at_half_its_samples(views):
    coarse = open_section("sample:built-in")[:160, :120]
    values = torch.from_numpy(coarse.values.copy())[None, None]
    fine = torch.nn.functional.interpolate(values, (319, 120), mode="bilinear", align_corners=True)[0, 0].numpy()
    network = load_network("facies")
    mapping = GreyMapping.of(coarse)
    alone = predict_section(coarse, network, mapping=mapping, views=views)
    said = predict_section(make_section(fine, dt_ms=2.0), network, mapping=mapping, views=views, scale=(160 / 319, 1.0))
    assert said.classes.shape == fine.shape
    assert said.attrs["scale"] == (160 / 319, 1.0)
    assert (said.classes[::2].values == alone.classes.values).mean() > 0.9
    as_it_is = predict_section(make_section(fine, dt_ms=2.0), network, mapping=mapping, views=views)
    assert (as_it_is.classes[::2].values == alone.classes.values).mean() < 0.8


def test_sampling_unlike_what_was_learned_is_noted_with_its_mend():
    network = unet_network()
    network.frequencies = (0.1, 0.2)
    slow = np.tile(np.sin(2 * np.pi * np.arange(400) / 25)[:, None], (1, 300))
    (note,) = Predictor(network).notes_on(make_section(slow, dt_ms=2.0))
    assert "mean frequency is 0.04 cycles a sample" in note
    assert "--scale 0.3x1" in note
    assert Predictor(network, PredictionSettings(scale=(0.3, 1.0))).notes_on(make_section(slow, dt_ms=2.0)) == []
    assert Predictor(network).notes_on(make_section(slow[::4], dt_ms=8.0)) == []


@settings(max_examples=15)
@given(
    rows=st.integers(3, 110),
    columns=st.integers(3, 110),
    tile=st.sampled_from([8, 20, 33, 64]),
    views=st.sampled_from([0, 2]),
)
def test_tiled_equals_whole_on_any_size(rows, columns, tile, views):
    section, network = noise(rows, columns, seed=rows), unet_network(widths=(4, 4, 4, 4))
    whole = predict_section(section, network, tile=0, views=views)
    assert_alike(whole, predict_section(section, network, tile=tile, views=views))


@pytest.mark.parametrize(("name", "options"), [("f3_inline362.npz", {"key": "amplitude"}), ("31_81_PR.sgy", {})])
def test_tiled_equals_whole_on_real_sections(shared, name, options):
    section, network = open_section(shared / "data" / name, **options), unet_network(widths=(4, 6, 8, 8))
    whole = predict_section(section, network, tile=0, views=1)
    tiled = predict_section(section, network, tile=250, views=1)
    assert len(np.unique(whole.classes)) > 1
    assert (whole.attrs["tile"], tiled.attrs["tile"]) == (0, 250)
    assert_alike(whole, tiled)


class Strided(torch.nn.Module):
    """Logits at every fourth sample, of a network that does not pad: units lie off the samples and end before them."""

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
    whole = predict_section(section, network, tile=0, views=2)
    assert whole.classes.shape == size
    for tile in (8, 16, 40):
        assert_alike(whole, predict_section(section, network, tile=tile, views=2))


def test_a_coarse_map_lies_where_the_section_does():
    values = np.repeat([-1.0, 1.0, -1.0], [37, 24, 39])[:, None] * np.ones((1, 50))
    said = predict_section(make_section(values, dt_ms=4.0), threshold_network(sharpness=30.0, stride=4), views=0)
    white = np.flatnonzero((said.classes == 0).all("trace"))
    assert abs(white[0] - 37) <= 2
    assert abs(white[-1] - 60) <= 2


def test_a_decoders_units_are_their_samples_own():
    # It sees further up and left than down and right, and yet says what its own sample is.
    module = small_networks.ResizingUNet()
    network = Network("resizing", module, GREY, classes=CLASSES, class_layer="up")
    assert network.layer("up").start != (0, 0)
    section = noise(40, 52)
    picture = to_image_tensor(GreyMapping.of(section).to_grey(section.values))
    logits = network.prepared().record(picture, ("up",))["up"][0]
    said = predict_section(section, network, views=0)
    np.testing.assert_allclose(said.probabilities, logits.softmax(0), atol=1e-6)


def test_absent_samples_are_absent_in_every_map():
    section = noise(40, 50)
    section[:, 10:14] = np.nan
    said = predict_section(section, unet_network())
    assert (said.classes[:, 10:14] == ABSENT_CLASS).all()
    assert (said.classes.where(section.notnull(), 0) < 4).all()
    for name in ("probabilities", "entropy", "uncertainty"):
        assert np.array_equal(said[name].isnull().any("class") if name == "probabilities" else said[name].isnull(),
                              section.isnull())  # fmt: skip


def test_muted_samples_are_absent_in_every_map_and_in_shares():
    section = noise(60, 50)
    section[:20, :30] = 0.0
    section[:, 40] = 0.0
    muted = section.values == 0.0
    said = predict_section(section, unet_network())
    assert np.array_equal(said.classes == ABSENT_CLASS, muted)
    for name in ("entropy", "uncertainty"):
        assert np.array_equal(np.isnan(said[name]), muted)
    assert np.isnan(said.probabilities.values[:, muted]).all()
    # What is muted tells nothing of how loud the rest is.
    assert said.attrs["grey_high"] == pytest.approx(np.percentile(np.abs(section.values[~muted]), 99))
    assert (predict_section(section.assign_attrs(muted="present"), unet_network()).classes < 4).all()


def test_what_a_map_cannot_show_is_noted():
    network = unet_network()
    field = network.layer("logits").receptive_field
    assert field is not None
    predictor = Predictor(network)
    assert predictor.notes_on(noise(*field)) == []
    (small,) = predictor.notes_on(noise(field[0], field[1] - 1))
    assert f"smaller than what u sees around a sample ({field[0]} × {field[1]})" in small
    section = noise(*field)
    section[:12] = 0.0
    network.survey = "F3"
    muted, foreign = predictor.notes_on(section)
    assert "is muted" in muted
    assert "nothing says that this section is of it" in foreign
    assert len(predictor.notes_on(section.assign_attrs(source="f3.sgy", muted="present"))) == 0


def test_a_mapping_from_outside_is_used():
    section, network = noise(30, 30), threshold_network()
    quiet = predict_section(section, network, mapping=GreyMapping(-100.0, 100.0), views=0)
    assert np.abs(quiet.probabilities - 0.5).max() < 0.05
    assert (quiet.attrs["grey_low"], quiet.attrs["grey_high"]) == (-100.0, 100.0)
    dead = section.copy(data=np.zeros_like(section))
    assert (predict_section(dead, network, mapping=GreyMapping(-1.0, 1.0)).classes == ABSENT_CLASS).all()
    silent = dead.assign_attrs(muted="present")
    assert (predict_section(silent, network, mapping=GreyMapping(-1.0, 1.0)).entropy > 0.99).all()
    with pytest.raises(SeisdreamError, match="zero"):
        predict_section(dead, network)


def test_pictures_in_colour_are_predicted_too():
    values = np.random.default_rng(0).uniform(0, 255, (30, 40, 3))
    said = predict_section(make_section(values, value_range=(0, 255)), unet_network())
    assert said.classes.dims == ("row", "column")


def test_a_time_slice_is_predicted_with_a_word_of_caution():
    values = np.random.default_rng(0).normal(size=(30, 40))
    with pytest.warns(UserWarning, match="time slice"):
        predict_section(make_section(values, dims=("inline", "crossline")), unet_network())


def test_networks_that_make_no_map_are_refused(shared):
    with pytest.raises(SeisdreamError, match="pooled has no classes"):
        predict_section(noise(30, 30), small_networks.pooled_network())
    googlenet = load_network("googlenet", weights=shared / "weights" / "bvlc_googlenet.safetensors")
    with pytest.raises(SeisdreamError, match="no positions"):
        predict_section(noise(30, 30), googlenet)
    for names, message in ((("one",), "2 to 254"), (CLASSES[:3], "but 3 names")):
        n_classes = 1 if len(names) == 1 else 4
        network = Network("u", make_unet(n_classes), GREY, classes=names, class_layer="logits")
        with pytest.raises(SeisdreamError, match=message):
            predict_section(noise(30, 30), network)


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
        with pytest.raises(SeisdreamError, match="--tile 0"):
            predict_section(section, network, tile=32, views=0)
        assert predict_section(section, network, tile=0, views=0).classes.shape == (63, 61)
        # Unasked, large sections are looked at whole instead, and that is said.
        monkeypatch.setattr("seisdream.inference.predict.COMFORTABLE_SAMPLES", 100)
        monkeypatch.setattr("seisdream.inference.predict.COMFORTABLE_TILE", 32)
        with pytest.warns(UserWarning, match="whole section at once"):
            assert predict_section(section, network, views=0).attrs["tile"] == 0
        monkeypatch.undo()


def test_large_sections_are_tiled_unasked(monkeypatch):
    monkeypatch.setattr("seisdream.inference.predict.COMFORTABLE_SAMPLES", 1000)
    monkeypatch.setattr("seisdream.inference.predict.COMFORTABLE_TILE", 32)
    seen = []
    predictor = Predictor(unet_network(), PredictionSettings(views=1), on_tile=lambda: seen.append(1))
    assert predictor(noise(60, 70)).attrs["tile"] == 32
    assert len(seen) == predictor.n_tiles((60, 70)) == 2 * 2 * 3


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"percentile": 20}, "--percentile"),
        ({"tile": -1}, "--tile"),
        ({"views": -1}, "--views"),
        ({"precision": "float16"}, "--precision"),
        ({"scale": (0.01, 1.0)}, "--scale"),
        ({"scale": (1.0, float("nan"))}, "--scale"),
    ],
)
def test_numbers_out_of_range_name_their_option(numbers, message):
    with pytest.raises(SeisdreamError, match=message):
        PredictionSettings(**numbers)


def test_the_users_network_is_left_alone():
    network = unet_network()
    before = network.sha256
    network.module.train()
    predict_section(noise(30, 30), network)
    assert network.module.training
    assert network.sha256 == before


@pytest.mark.skipif(not trained_file("facies").exists(), reason="the facies network is not in this checkout")
def test_facies_finds_the_salt_dome_of_f3(shared):
    section = open_section(shared / "data" / "f3_inline362.npz", key="amplitude")
    said = predict_section(section, load_network("facies"))
    # The dome's core, as its top reflection shows it, and the layers high above it.
    dome = said.sel(time=slice(1580, 1800), crossline=slice(830, 900))
    above = said.sel(time=slice(250, 1000), crossline=slice(830, 900))
    salt = {"class": "salt"}
    assert dome.probabilities.sel(salt).mean() > 2 * above.probabilities.sel(salt).mean()
