"""Augmentation moves labels and dips with the image."""

from dataclasses import replace

import numpy as np
import pytest

from seisdream.data.augment import DEFAULT_AUGMENTATION, Augmentation, augment, scale_to_grey
from seisdream.data.sample import UNKNOWN

NOTHING = Augmentation(
    flip=0.0,
    rotation_deg=0.0,
    shear=0.0,
    stretch_time=(1.0, 1.0),
    stretch_trace=(1.0, 1.0),
    gain=0.0,
    clip=0.0,
    phase_deg=0.0,
    band=0.0,
    noise=0.0,
    erase=0.0,
)
WARPS = replace(NOTHING, flip=0.5, rotation_deg=8.0, shear=0.3, stretch_time=(0.7, 1.4), stretch_trace=(0.7, 1.4))


def rng(seed=0):
    return np.random.default_rng(seed)


def some(shape=(60, 50), seed=1):
    return rng(seed).uniform(-0.9, 0.9, shape).astype(np.float32)


def labels_of(shape=(60, 50)):
    return rng(2).integers(0, 5, shape).astype(np.uint8)


def test_without_any_probability_an_image_stays_as_it_is():
    image, labels = some(), labels_of()
    got, maps = augment(rng(), image, {"classes": labels}, NOTHING, (60, 50))
    np.testing.assert_allclose(got, image, atol=1e-5)
    assert np.array_equal(maps["classes"], labels)


@pytest.mark.parametrize("change", [{"fold": 6.0}, {"thickness": 0.1}, {"fold": 6.0, "thickness": 0.1, "anchor": 1.0}])
def test_folds_move_labels_and_dips_with_the_image(change):
    """A straight bed stays one bed, and its dip is its slope after the warp."""
    rows = np.arange(200, dtype=np.float32)[:, None] - 0.3 * np.arange(160, dtype=np.float32)
    maps = {"age": rows, "classes": (rows > 60).astype(np.uint8), "dip": np.full(rows.shape, 0.3, np.float32)}
    _, known = augment(rng(4), some(rows.shape), maps, replace(NOTHING, **change), (200, 160))
    age, inside = known["age"], np.s_[40:160, 20:140]
    assert np.abs(age - rows)[inside].max() > 3.0
    is_clear = np.abs(age - 60.5)[inside] > 1.0
    assert np.array_equal(known["classes"][inside][is_clear], (age > 60)[inside][is_clear])
    slope = -np.gradient(age, axis=1) / np.gradient(age, axis=0)
    np.testing.assert_allclose(known["dip"][inside], slope[inside], atol=0.02)


def test_beds_thicken_and_thin_where_thickness_varies():
    rows = np.broadcast_to(np.arange(200, dtype=np.float32)[:, None], (200, 160))
    _, known = augment(rng(3), some(rows.shape), {"age": rows}, replace(NOTHING, thickness=0.4), (200, 160))
    steps = np.diff(known["age"], axis=0)
    assert np.nanmin(steps) > 0.0
    assert np.nanmax(steps) > 1.5 * np.nanmin(steps)


@pytest.mark.parametrize("seed", range(5))
def test_anchored_patches_begin_at_the_top_of_the_section(seed):
    """The uppermost samples stay where they are, those below move, and none lies above one over it."""
    top, rows = 30, np.broadcast_to(np.arange(260, dtype=np.float32)[:, None], (260, 300))
    changes = replace(NOTHING, fold=20.0, thickness=0.3, stretch_time=(0.8, 1.25), anchor=1.0)
    _, known = augment(rng(seed), some(rows.shape), {"age": rows}, changes, (200, 160), top)
    np.testing.assert_allclose(known["age"][:18], top + np.broadcast_to(np.arange(18.0)[:, None], (18, 160)), atol=0.01)
    assert np.nanmax(np.abs(known["age"] - top - np.arange(200)[:, None])) > 5.0
    assert np.nanmin(np.diff(known["age"], axis=0)) >= -0.01


def test_a_flip_mirrors_labels_and_negates_dips():
    image, labels = some(), labels_of()
    dip = some(seed=3)
    maps = {"classes": labels, "dip": dip, "impedance": image}
    got, known = augment(rng(), image, maps, replace(NOTHING, flip=1.0), (60, 50))
    np.testing.assert_allclose(got, image[:, ::-1], atol=1e-5)
    assert np.array_equal(known["classes"], labels[:, ::-1])
    np.testing.assert_allclose(known["dip"], -dip[:, ::-1], atol=1e-5)
    np.testing.assert_allclose(known["impedance"], image[:, ::-1], atol=1e-5)


def test_a_flipped_cube_negates_dips_only_along_its_traces():
    cube, dip = some((20, 8, 24)), some((20, 8, 24), 3)
    got, known = augment(rng(), cube, {"dip": dip}, replace(NOTHING, flip=1.0), (20, 8, 24))
    np.testing.assert_allclose(got, cube[:, ::-1, ::-1], atol=1e-5)  # Each axis has its own chance, here 1.
    np.testing.assert_allclose(known["dip"], -dip[:, ::-1, ::-1], atol=1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_labels_stay_with_the_image(seed):
    # A bright square that is labelled as such: where it is bright afterwards it is labelled, whatever was done.
    image, labels = np.zeros((200, 200), np.float32), np.zeros((200, 200), np.uint8)
    image[90:112, 85:117], labels[90:112, 85:117] = 0.8, 3
    got, maps = augment(rng(seed), image, {"classes": labels}, WARPS, (150, 150))
    bright = got > 0.4
    assert 300 < bright.sum() < 1600
    assert set(np.unique(maps["classes"])) <= {0, 3, UNKNOWN}
    assert (bright != (maps["classes"] == 3)).sum() < 0.02 * bright.sum() + 8


@pytest.mark.parametrize("dip", [-0.4, 0.0, 0.35])
@pytest.mark.parametrize("seed", range(5))
def test_dips_after_a_warp_are_those_of_the_image(dip, seed):
    # A plane wave down t - dip x: analytic truth before, and the phase's own gradient after.
    t, x = np.meshgrid(np.arange(240.0), np.arange(240.0), indexing="ij")
    phase = 2 * np.pi * (t - dip * x) / 24.0
    known = {
        "dip": np.full(t.shape, dip, np.float32),
        "cosine": np.cos(phase).astype(np.float32),
        "sine": np.sin(phase).astype(np.float32),
    }
    _, maps = augment(rng(seed), known["cosine"], known, WARPS, (120, 120))
    angle = np.unwrap(np.unwrap(np.arctan2(maps["sine"], maps["cosine"]), axis=0), axis=1)
    measured = -np.gradient(angle, axis=1) / np.gradient(angle, axis=0)
    assert np.ptp(maps["dip"]) < 1e-5
    assert np.median(measured) == pytest.approx(float(maps["dip"].mean()), abs=0.01)
    assert maps["dip"].dtype == np.float32


def test_sides_are_mirrored_with_their_dips_and_nothing_is_above_or_below():
    t, x = np.meshgrid(np.arange(40.0), np.arange(40.0), indexing="ij")
    known = {"dip": np.full(t.shape, 0.5, np.float32), "classes": labels_of(t.shape)}
    got, maps = augment(rng(), np.sin((t - 0.5 * x) / 3).astype(np.float32), known, NOTHING, (80, 80))
    inside, outside = slice(20, 60), np.r_[0:20, 60:80]
    assert (maps["dip"][inside, inside] == 0.5).all()
    assert (maps["dip"][inside, :20] == -0.5).all()
    assert np.isnan(maps["dip"][outside]).all()
    assert (maps["classes"][outside] == UNKNOWN).all()
    assert (maps["classes"][inside] < 5).all()
    assert (got[outside] == 0.0).all()
    # And for a cube, line by line.
    cube = {"dip": np.full((40, 4, 40), 0.5, np.float32)}
    _, maps = augment(rng(), np.zeros((40, 4, 40), np.float32), cube, NOTHING, (80, 4, 80))
    assert maps["dip"].shape == (80, 4, 80)
    assert (maps["dip"][inside, :, :20] == -0.5).all()


def test_unknown_dips_stay_unknown():
    dip = np.full((60, 50), 0.2, np.float32)
    dip[20:40] = np.nan
    _, maps = augment(rng(), some(), {"dip": dip}, NOTHING, (60, 50))
    assert np.isnan(maps["dip"][20:40]).all()
    assert np.isfinite(maps["dip"][:18]).all()


@pytest.mark.parametrize("seed", range(25))
def test_sections_are_never_upside_down(seed):
    ramp = np.repeat(np.linspace(-0.9, 0.9, 120, dtype=np.float32)[:, None], 110, 1)
    _, maps = augment(rng(seed), ramp, {"depth": ramp}, replace(DEFAULT_AUGMENTATION, flip=0.5), (80, 80))
    steps = np.diff(maps["depth"], axis=0)
    assert (steps[np.isfinite(steps)] >= 0).all()


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_polarity_changes_only_with_its_probability(chance):
    quiet = replace(
        DEFAULT_AUGMENTATION, phase_deg=0.0, band=0.0, noise=0.0, erase=0.0, clip=0.0, flip=0.0, polarity=chance
    )
    image = np.full((60, 60), 0.5, np.float32)
    for seed in range(20):
        got, _ = augment(rng(seed), image, {}, quiet, (40, 40))
        assert (got < 0).all() if chance else (got > 0).all()


@pytest.mark.parametrize("shape", [(300, 280), (224, 224), (40, 300), (16, 9)])
def test_the_result_has_the_requested_size(shape):
    got, maps = augment(rng(), some(shape), {"classes": labels_of(shape)}, DEFAULT_AUGMENTATION, (224, 160))
    assert got.shape == maps["classes"].shape == (224, 160)
    assert got.dtype == np.float32
    assert maps["classes"].dtype == np.uint8
    assert got.flags.c_contiguous
    assert set(np.unique(maps["classes"])) <= {*range(5), UNKNOWN}  # Of labels, none is made up.


@pytest.mark.parametrize("shape", [(40, 20, 44), (40, 5, 44), (20, 3, 9)])
def test_a_cube_has_the_requested_size(shape):
    got, maps = augment(rng(), some(shape), {"classes": labels_of(shape)}, DEFAULT_AUGMENTATION, (32, 16, 32))
    assert got.shape == maps["classes"].shape == (32, 16, 32)


def test_samples_come_from_all_parts_of_a_larger_image():
    where = np.arange(100 * 90).reshape(100, 90).astype(np.float32) / 9000
    seen = np.concatenate([augment(rng(seed), where, {"at": where}, NOTHING, (40, 40))[1]["at"] for seed in range(60)])
    assert seen.min() < 0.1
    assert seen.max() > 0.9


def test_results_depend_on_the_seed_alone():
    image, maps = some(), {"classes": labels_of()}
    loud = replace(DEFAULT_AUGMENTATION, noise=1.0, band=1.0, erase=1.0, clip=0.5)
    one, same, other = (augment(rng(seed), image, maps, loud, (48, 48)) for seed in (5, 5, 6))
    assert np.array_equal(one[0], same[0])
    assert np.array_equal(one[1]["classes"], same[1]["classes"])
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize("seed", range(10))
def test_results_are_between_black_and_white(seed):
    harsh = replace(DEFAULT_AUGMENTATION, clip=1.0, noise=1.0, band=1.0, gain=2.0)
    got, _ = augment(rng(seed), 3.0 * some(), {}, harsh, (60, 50))
    assert np.abs(got).max() <= 1.0
    assert np.isfinite(got).all()


def test_a_dead_image_stays_finite():
    got, _ = augment(
        rng(), np.zeros((60, 50), np.float32), {}, replace(DEFAULT_AUGMENTATION, band=1.0, noise=1.0), (60, 50)
    )
    assert np.isfinite(got).all()


def test_inputs_are_not_modified():
    image, labels = some(), labels_of()
    before, labels_before = image.copy(), labels.copy()
    augment(rng(), image, {"classes": labels}, replace(DEFAULT_AUGMENTATION, erase=1.0), (60, 50))
    assert np.array_equal(image, before)
    assert np.array_equal(labels, labels_before)


def test_a_phase_rotation_keeps_amplitude_and_frequency():
    t = np.arange(256)
    wave = np.cos(2 * np.pi * t / 16)[:, None].astype(np.float32).repeat(8, 1)
    turned = replace(NOTHING, phase_deg=90.0)
    image, _ = augment(rng(3), 0.5 * wave, {}, turned, (256, 8))
    # The angle is drawn; whatever it is, the wave keeps its strength and its frequency.
    assert image.std() == pytest.approx(float((0.5 * wave).std()), rel=1e-3)
    spectrum = np.abs(np.fft.rfft(image[:, 0]))
    assert spectrum.argmax() == 16
    assert abs(np.corrcoef(image[:, 0], wave[:, 0])[0, 1]) < 0.999


def test_the_99th_percentile_becomes_white():
    values = rng().standard_normal((100, 100)).astype(np.float32)
    grey = scale_to_grey(7.0 * values)
    assert (np.abs(grey) > 1.0).mean() == pytest.approx(0.01, abs=0.001)
    np.testing.assert_allclose(scale_to_grey(values), grey, rtol=1e-5)
    assert not scale_to_grey(np.zeros((4, 4), np.float32)).any()
    spike = np.zeros((100, 100), np.float32)
    spike[0, 0] = -3.0
    assert scale_to_grey(spike).min() == -1.0


def test_a_quarter_turn_exchanges_inlines_and_crosslines_with_their_labels():
    cube, labels = some((20, 16, 16)), labels_of((20, 16, 16))
    got, maps = augment(rng(), cube, {"classes": labels}, replace(NOTHING, quarter_turn=1.0), cube.shape)
    np.testing.assert_allclose(got, cube.transpose(0, 2, 1), atol=1e-5)
    assert np.array_equal(maps["classes"], labels.transpose(0, 2, 1))
