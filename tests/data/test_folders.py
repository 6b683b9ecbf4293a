"""Folders of labelled sections are recognised by the names of their files."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from errors import raises
from seisdream.data.folders import open_labelled_folder, read_mask
from seisdream.data.patches import LinePatches
from seisdream.data.sample import UNKNOWN
from seisdream.data.splits import split_lines
from seisdream.seismic.sections import muted_samples

RNG = np.random.default_rng(0)
SECTION = RNG.integers(0, 256, (12, 9)).astype(np.uint8)
MASK = RNG.integers(0, 3, (12, 9)).astype(np.uint8)


def write_pair(folder, name, *, section=SECTION, mask=MASK, masks="masks", ending=""):
    for part in ("images", masks):
        (folder / part).mkdir(exist_ok=True)
    Image.fromarray(section).save(folder / "images" / f"{name}.png")
    Image.fromarray(mask).save(folder / masks / f"{name}{ending}.png")


@pytest.mark.parametrize("ending", ["", "_mask"])
def test_pictures_and_masks_in_two_folders(tmp_path, ending):
    for number in (30, 4):
        write_pair(tmp_path, f"inline_{number}", ending=ending)
    data = open_labelled_folder(tmp_path)
    assert [(line.axis, line.number) for line in data.lines] == [("inline", 30), ("inline", 4)]
    section, labels = data.lines[0].open()
    np.testing.assert_array_equal(section.values, SECTION)
    assert section.attrs["value_range"] == (0, 255)
    np.testing.assert_array_equal(labels, MASK)
    assert data.classes == ("class 0", "class 1", "class 2")


def test_pictures_and_masks_in_one_folder_and_amplitudes_as_tiff(tmp_path):
    amplitudes = RNG.normal(size=(12, 9)).astype(np.float32)
    tifffile.imwrite(tmp_path / "crossline_7.tiff", amplitudes)
    Image.fromarray(MASK).save(tmp_path / "crossline_7_mask.png")
    (tmp_path / "._crossline_7_mask.png").write_bytes(b"what macOS leaves behind")
    (tmp_path / "classes.txt").write_text("water\nsand\nshale\nsalt\n")
    data = open_labelled_folder(tmp_path)
    section, labels = data.lines[0].open()
    np.testing.assert_array_equal(section.values, amplitudes)
    assert "value_range" not in section.attrs
    np.testing.assert_array_equal(labels, MASK)
    assert data.classes == ("water", "sand", "shale", "salt")
    assert len(set(data.colours)) == 4


def test_a_picture_without_mask_is_left_out_with_a_warning(tmp_path):
    write_pair(tmp_path, "a")
    Image.fromarray(SECTION).save(tmp_path / "images" / "b.png")
    with pytest.warns(UserWarning, match=r"1 pictures in .* have no mask and are left out, b\.png"):
        assert [line.name for line in open_labelled_folder(tmp_path).lines] == ["a"]


def test_masks_are_read_as_they_are_stored(tmp_path):
    codes = MASK.copy()
    codes[0, 0] = UNKNOWN
    palette = Image.fromarray(codes).convert("P")
    palette.putpalette([0, 0, 255, 255, 0, 0, 9, 9, 9] + [0] * 759)
    palette.putdata(codes.ravel().tolist())
    palette.save(tmp_path / "palette.png")
    Image.fromarray(np.stack([codes] * 3, -1)).save(tmp_path / "grey.png")
    Image.fromarray(MASK > 1).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "palette.png"), codes)
    np.testing.assert_array_equal(read_mask(tmp_path / "grey.png"), codes)
    np.testing.assert_array_equal(read_mask(tmp_path / "bits.png"), MASK > 1)
    Image.fromarray(RNG.integers(0, 255, (4, 4, 3)).astype(np.uint8)).save(tmp_path / "colour.png")
    with raises("no-labels"):
        read_mask(tmp_path / "colour.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "grey.png").read_bytes()[:40])
    with raises("unreadable"):
        read_mask(tmp_path / "torn.png")


def test_a_code_without_a_class_name_is_refused(tmp_path):
    write_pair(tmp_path, "inline_1")
    (tmp_path / "classes.txt").write_text("water\nsand\n")
    with raises("no-labels"):
        open_labelled_folder(tmp_path).lines[0].open()


def test_a_mask_of_another_size_is_refused(tmp_path):
    write_pair(tmp_path, "inline_1", mask=MASK[1:])
    with raises("wrong-shape"):
        open_labelled_folder(tmp_path)


@pytest.mark.parametrize(("section", "labels"), [("amplitude", "interval"), ("seismic", "labels"), ("Image", "Facies")])
def test_one_line_in_an_array_file(tmp_path, section, labels):
    amplitudes = RNG.normal(size=(12, 9)).astype(np.float32)
    np.savez(
        tmp_path / "inline_12.npz",
        **{section: amplitudes, labels: MASK, "crossline": 50 + np.arange(9), "time_ms": 4.0 * np.arange(12)},
    )
    (line,) = open_labelled_folder(tmp_path).lines
    assert (line.name, line.axis, line.number, line.traces) == ("inline_12", "inline", 12, (50, 58))
    opened, opened_labels = line.open()
    assert opened.dims == ("time", "crossline")
    np.testing.assert_array_equal(opened.values, amplitudes)
    np.testing.assert_array_equal(opened_labels, MASK)


def test_an_array_of_traces_is_transposed_with_its_labels(tmp_path):
    amplitudes = RNG.normal(size=(9, 12)).astype(np.float32)
    np.savez(
        tmp_path / "a.npz", amplitude=amplitudes, labels=MASK.T, crossline=np.arange(9), time_ms=4.0 * np.arange(12)
    )
    section, labels = open_labelled_folder(tmp_path).lines[0].open()
    np.testing.assert_array_equal(section.values, amplitudes.T)
    np.testing.assert_array_equal(labels, MASK)


def test_stacked_lines_keep_their_numbers_and_their_order(tmp_path):
    stack = RNG.normal(size=(3, 12, 9)).astype(np.float32)
    codes = RNG.integers(0, 4, (3, 12, 9)).astype(np.uint8)
    path = tmp_path / "lines.npz"
    np.savez(path, amplitude=stack, facies=codes, inline=[310, 302, 305], crossline=40 + np.arange(9))
    data = open_labelled_folder(path)
    assert [line.number for line in data.lines] == [310, 302, 305]
    section, labels = data.lines[1].open()
    np.testing.assert_array_equal(section.values, stack[1])
    np.testing.assert_array_equal(labels, codes[1])
    assert section.dims == ("row", "crossline")
    assert data.lines[1].crop(42, 44).open()[0].shape == (12, 3)


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({"amplitude": np.zeros((4, 5))}, "not-found"),
        ({"labels": np.zeros((4, 5), int), "foo": np.zeros((4, 5))}, "not-found"),
        ({"amplitude": np.zeros((4, 5)), "labels": np.zeros((4, 6), int)}, "wrong-shape"),
        (
            {"amplitude": np.zeros((3, 4, 5)), "labels": np.zeros((3, 4, 5), int)},
            "wrong-shape",
        ),
        ({"amplitude": np.ones((4, 5)), "labels": np.full((4, 5), 0.5)}, "no-labels"),
    ],
)
def test_arrays_that_are_not_labelled_lines_are_refused(tmp_path, arrays, code):
    np.savez(tmp_path / "a.npz", **arrays)
    with raises(code):
        open_labelled_folder(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with raises("no-labels"):
        open_labelled_folder(tmp_path)
    with raises("not-found"):
        open_labelled_folder(tmp_path / "missing")


def test_real_crosslines_in_their_published_form(shared):
    data = open_labelled_folder(shared / "data" / "f3_crosslines_intervals.npz")
    stored = np.load(shared / "data" / "f3_crosslines_intervals.npz")
    assert [line.number for line in data.lines] == stored["crossline"].tolist()
    assert len(data.classes) == 10
    section, labels = data.lines[5].open()
    np.testing.assert_array_equal(section.values, stored["image"][5])
    np.testing.assert_array_equal(labels, stored["interval"][5])
    training, held_out = split_lines(data)
    assert len(held_out.lines) == 5
    item = LinePatches(training, 0, size=96)[0]
    # Eight bits, hard-clipped: nearly all black or white.
    assert item.image.shape == (1, 96, 96)
    assert set(np.unique(item.classes)) <= set(range(10)) | {UNKNOWN}


def test_a_real_inline_in_its_published_form(shared):
    (line,) = open_labelled_folder(shared / "data" / "f3_inline362.npz").lines
    assert (line.axis, line.number, line.traces) == ("inline", 362, (300, 1250))
    section, labels = line.open()
    assert section.dims == ("time", "crossline")
    assert section.shape == labels.shape == (463, 951)
    assert section.time.values[-1] == 1848.0
    muted = muted_samples(section)
    assert (labels[muted] == UNKNOWN).all()
    assert 0.0 < (labels[~muted] == UNKNOWN).mean() < 0.2
