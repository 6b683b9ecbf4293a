"""Photographs in one folder per class: samples are parts of them, with one label for the whole image."""

import numpy as np
import pytest
import torch
from PIL import Image

from errors import raises
from seisdream.data.photos import PhotoAugmentation, PhotoPatches, WholePhotos, open_photos, split_photos
from seisdream.data.sample import collate
from seisdream.evaluation.confusion import ConfusionCounter
from seisdream.training.loop import class_weights


@pytest.fixture
def rocks(tmp_path):
    rng = np.random.default_rng(0)
    for name, level in (("shale", 60), ("limestone", 200)):
        folder = tmp_path / "rocks" / name
        folder.mkdir(parents=True)
        for number in range(1, 12):
            pixels = np.clip(rng.normal(level, 10, (40 + number, 60, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}_{number}.{'png' if number % 2 else 'jpg'}")
    (tmp_path / "rocks" / "shale" / "notes.txt").write_text("no image")
    (tmp_path / "rocks" / ".cache").mkdir()
    return tmp_path / "rocks"


def test_folders_are_classes_in_the_order_of_their_names(rocks):
    photos = open_photos(rocks)
    assert photos.classes == ("limestone", "shale")
    assert [photo.path.stem for photo in photos.photos[:3]] == ["limestone_1", "limestone_2", "limestone_3"]
    assert [photo.code for photo in photos.photos] == [0] * 11 + [1] * 11
    assert len(set(photos.colours)) == 2


def test_samples_are_grey_and_have_one_label(rocks):
    patches = PhotoPatches(open_photos(rocks), 0, size=24)
    samples = [patches[number] for number in range(16)]
    batch = collate(samples)
    assert batch["image"].shape == (16, 1, 24, 24)
    assert batch["image"].dtype == torch.float32
    assert batch["classes"].shape == (16,)
    assert batch["classes"].dtype == torch.uint8
    bright = batch["image"].mean((1, 2, 3)) > 0
    assert (bright == (batch["classes"] == 0)).float().mean() > 0.9
    again = PhotoPatches(open_photos(rocks), 0, size=24, cache_mb=0)
    np.testing.assert_array_equal(again[7].image, samples[7].image)


def test_photographs_can_be_weighted_and_scored(rocks):
    photos = WholePhotos(open_photos(rocks), size=16)
    weights = class_weights(photos, 0.5, n_samples=len(photos))
    torch.testing.assert_close(weights, torch.ones(2))
    counter = ConfusionCounter(photos.classes)
    batch = collate([photos[number] for number in range(22)])
    counter.update(torch.nn.functional.one_hot(batch["classes"].long(), 2).float(), batch["classes"])
    assert counter.scores().mean_iou == 1.0


def test_validation_uses_the_middle_square(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    pixels = np.zeros((30, 50), np.uint8)
    pixels[:, 10:40] = np.arange(30)[:, None] * 8
    Image.fromarray(pixels).save(tmp_path / "a" / "1.png")
    Image.fromarray(pixels).save(tmp_path / "b" / "1.png")
    whole = WholePhotos(open_photos(tmp_path), size=30)
    np.testing.assert_allclose(whole[2].image[0], pixels[:, 10:40] / 127.5 - 1, atol=1e-6)
    patches = PhotoPatches(open_photos(tmp_path), size=30, augmentation=None)
    np.testing.assert_array_equal(patches[5].image, whole[0].image)


def test_photographs_stay_upright_unless_flipped_vertically(tmp_path):
    ramp = np.arange(64, dtype=np.uint8)[:, None] * np.ones((1, 64), np.uint8) * 4
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(ramp).save(tmp_path / name / "1.png")

    def upright(**options):
        patches = PhotoPatches(open_photos(tmp_path), size=32, augmentation=PhotoAugmentation(**options))
        return {bool(patches[n].image[0, -1].mean() > patches[n].image[0, 0].mean()) for n in range(24)}

    assert upright() == {True}
    assert upright(flip_vertical=0.5) == {True, False}


def test_a_photograph_stays_in_its_part_when_others_are_added(rocks):
    training, held_out = split_photos(open_photos(rocks), 0.3)
    names = {photo.path.stem for photo in held_out.photos}
    assert names.isdisjoint(photo.path.stem for photo in training.photos)
    (rocks / "shale" / "shale_1.png").rename(rocks / "shale" / "shale_99.png")
    later = {photo.path.stem for photo in split_photos(open_photos(rocks), 0.3)[1].photos}
    assert later - {"shale_99"} == names - {"shale_1"}


def test_a_block_is_the_last_of_each_class(rocks):
    training, held_out = split_photos(open_photos(rocks), 0.3, by="block")
    assert [photo.path.stem for photo in held_out.photos[:3]] == ["limestone_9", "limestone_10", "limestone_11"]
    # One is left out between.
    assert [photo.path.stem for photo in training.photos][6:8] == ["limestone_7", "shale_1"]


def test_splits_that_leave_nothing_are_refused(rocks):
    photos = open_photos(rocks)
    with raises("too-small"):
        split_photos(photos, 0.0001)
    with raises("unknown-name"):
        split_photos(photos, by="line")
    with pytest.warns(UserWarning, match="No photograph of shale is left for validation"):
        lopsided = split_photos(type(photos)(photos.name, photos.classes, photos.photos[:13]), 0.2, by="block")
    assert lopsided[1].photos


def test_folders_without_classes_are_refused(rocks, tmp_path):
    (tmp_path / "one" / "shale").mkdir(parents=True)
    Image.new("L", (4, 4)).save(tmp_path / "one" / "shale" / "a.png")
    with raises("no-labels"):
        open_photos(tmp_path / "one")
    with raises("not-found"):
        open_photos(tmp_path / "missing")
