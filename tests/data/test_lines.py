"""Lines are opened when needed, turned into grey images, and cut into repeatable patches."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from errors import raises
from seisdream.data.augment import DEFAULT_AUGMENTATION
from seisdream.data.classes import as_codes, distinct_colours, read_folder_classes
from seisdream.data.lines import LabelledLines, Line
from seisdream.data.lru_cache import BytesLRUCache
from seisdream.data.patches import LinePatches, WholeLines
from seisdream.data.sample import UNKNOWN, collate, grey_image
from seisdream.seismic.sections import GreyMapping, make_section


def opened(section, labels):
    return section, labels


def line(values, labels, name="inline 300", number=300, **fields):
    section = make_section(values, dims=("time", "crossline"), coords={"crossline": 400 + np.arange(values.shape[1])})
    return Line(name, "inline", number, partial(opened, section, np.asarray(labels)), **fields)


def ramps(n_rows=60, n_columns=80):
    """Return amplitudes, and labels of four layers."""
    values = np.random.default_rng(0).normal(size=(n_rows, n_columns)).astype(np.float32)
    return values, np.repeat(np.arange(4, dtype=np.uint8), n_rows // 4)[:, None] * np.ones(n_columns, np.uint8)


@pytest.fixture
def data():
    values, labels = ramps()
    lines = tuple(line(values * scale, labels, f"inline {n}", n) for n, scale in ((300, 1.0), (310, 50.0), (320, 1e4)))
    return LabelledLines("made", ("a", "b", "c", "d"), lines)


def test_grey_images_are_those_of_dreams():
    values, _ = ramps()
    values[3, 4] = np.nan
    section = make_section(values, dt_ms=4.0)
    grey = grey_image(section)
    wanted = GreyMapping.of(section).to_grey(np.nan_to_num(values)) / 127.5 - 1.0
    np.testing.assert_allclose(grey, wanted, atol=1e-6)
    assert grey[3, 4] == 0.0
    clip = np.percentile(np.abs(values[np.isfinite(values)]), 99)
    np.testing.assert_allclose(grey[0], values[0] / clip, atol=1e-5)


def test_pictures_keep_their_range_and_colours_their_brightness():
    image = np.array([[0, 255], [51, 102]], np.uint8)
    np.testing.assert_allclose(grey_image(make_section(image)), [[-1, 1], [-0.6, -0.2]], atol=1e-6)
    colour = np.zeros((1, 2, 3), np.uint8)
    colour[0, 1] = 255, 0, 0
    np.testing.assert_allclose(grey_image(make_section(colour)), [[-1, 2 * 0.299 - 1]], atol=1e-6)


def test_a_dead_line_is_grey_without_a_warning():
    assert not grey_image(make_section(np.zeros((3, 4), np.float32))).any()


def test_absent_samples_have_no_known_class():
    values, labels = ramps()
    values[:, 7] = np.nan
    _, opened_labels = line(values, labels).open()
    assert (opened_labels[:, 7] == UNKNOWN).all()
    assert (np.delete(opened_labels, 7, 1) == np.delete(labels, 7, 1)).all()


def test_muted_samples_have_no_known_class_and_do_not_change_the_scale():
    values, labels = ramps()
    values[:30] = 0.0
    section, opened_labels = line(values, labels).open()
    assert (opened_labels[:30] == UNKNOWN).all()
    assert (opened_labels[30:] == labels[30:]).all()
    grey = grey_image(section)
    assert (grey[:30] == 0.0).all()
    np.testing.assert_array_equal(grey[30:], grey_image(section[30:]))


def test_lines_are_cropped_by_trace_number():
    values, labels = ramps()
    section, cut = line(values, labels).crop(410, 419).open()
    assert section.crossline.values.tolist() == list(range(410, 420))
    np.testing.assert_array_equal(section.values, values[:, 10:20])
    assert cut.shape == (60, 10)
    with raises("not-found"):
        line(values, labels).crop(900, 950).open()


def test_labels_that_do_not_match_are_refused(data):
    values, labels = ramps()
    with raises("wrong-shape"):
        line(values, labels[1:]).open()
    few = replace(data, classes=("a", "b", "c"), colours=())
    with raises("no-labels"):
        few.lines[0].open()
    with raises("no-labels"):
        replace(data, lines=())
    with raises("no-labels"):
        replace(data, classes=("a", "b", "a", "d"))


def test_patches_are_repeatable_in_any_order_and_process(data):
    patches = LinePatches(data, 5, size=32)
    some = [patches[number] for number in (4, 0, 9)]
    again = pickle.loads(pickle.dumps(LinePatches(data, 5, size=32, cache_mb=0)))
    for patch, number in zip(reversed(some), (9, 0, 4), strict=True):
        np.testing.assert_array_equal(patch.image, again[number].image)
        np.testing.assert_array_equal(patch.classes, again[number].classes)
    assert (LinePatches(data, 6, size=32)[0].image != again[0].image).any()


@pytest.mark.parametrize("augmentation", [DEFAULT_AUGMENTATION, None])
@pytest.mark.parametrize("size", [32, (48, 24), 150])
def test_patches_have_their_size_for_any_line(data, augmentation, size):
    patches = LinePatches(data, 1, size=size, augmentation=augmentation)
    batch = collate([patches[number] for number in range(6)])
    shape = (size, size) if isinstance(size, int) else size
    assert batch["image"].shape == (6, 1, *shape)
    assert batch["classes"].shape == (6, *shape)
    assert str(batch["image"].dtype) == "torch.float32"
    assert batch["image"].abs().max() <= 1.0
    assert set(np.unique(batch["classes"])) <= {0, 1, 2, 3, UNKNOWN}


def test_a_patch_without_augmentation_is_a_window_with_its_labels():
    rows = np.arange(60, dtype=np.float32)[:, None] * np.ones(80, np.float32)
    data = LabelledLines("made", tuple("abcd"), (line(rows, ramps()[1]),))
    patch = LinePatches(data, 2, size=16, augmentation=None)[3]
    row = np.rint(patch.image[0] * np.percentile(rows, 99)).astype(int)
    np.testing.assert_array_equal(patch.classes, np.minimum(row, 59) // 15)


def test_a_short_line_is_mirrored():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    data = LabelledLines("made", ("a", "b", "c"), (line(values, np.array([[0], [1], [2]]) * np.ones(4, int)),))
    patch = LinePatches(data, 0, size=8, augmentation=None)[0]
    assert patch.classes[:, 0].tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
    np.testing.assert_array_equal(patch.image[0, :, 4:], patch.image[0, :, 3::-1])


def test_top_and_base_are_sampled_and_unknown_beyond():
    labels = np.ones((200, 80), np.uint8)
    labels[:10], labels[-10:] = 0, 2
    data = LabelledLines("made", ("top", "middle", "bottom"), (line(np.ones((200, 80), np.float32), labels),))
    patches = LinePatches(data, 0, size=64)
    frequency = np.mean([[(patches[n].classes == code).any() for code in range(3)] for n in range(60)], axis=0)
    assert (frequency[[0, 2]] > 0.1).all()


def test_the_overhang_does_not_make_a_line_sparse(monkeypatch):
    seen = []
    monkeypatch.setattr("seisdream.data.patches._draw_window", lambda rng, labels, size, is_sparse: (
        seen.append(is_sparse) or (slice(0, len(labels)), slice(0, 40))))  # fmt: skip
    known = np.zeros((40, 60), np.uint8)
    whole = LabelledLines("whole", ("a", "b"), (line(np.ones((40, 60), np.float32), known),))
    LinePatches(whole, size=96)[0]
    known = np.full((40, 60), UNKNOWN, np.uint8)
    known[10, 10] = 1
    LinePatches(LabelledLines("few", ("a", "b"), (line(np.ones((40, 60), np.float32), known),)), size=96)[0]
    assert seen == [False, True]


def test_patches_of_sparse_lines_hold_labels():
    values = np.random.default_rng(1).normal(size=(400, 500)).astype(np.float32)
    labels = np.full(values.shape, UNKNOWN, np.uint8)
    labels[200:206, 300:310] = 1
    patches = LinePatches(LabelledLines("scribbled", ("a", "b"), (line(values, labels),)), 0, size=64)
    assert all((patches[number].classes == 1).any() for number in range(20))
    bare = LabelledLines("bare", ("a", "b"), (line(values, np.full(values.shape, UNKNOWN)),))
    assert (LinePatches(bare, 0, size=64)[0].classes == UNKNOWN).all()


def test_inlines_and_crosslines_are_equally_frequent():
    def reader(code):
        section = make_section(np.random.default_rng(code).normal(size=(40, 40)), dt_ms=4.0)
        return lambda: (section, np.full(section.shape, code, np.uint8))

    lines = [Line(f"crossline {code}", "crossline", code, reader(code)) for code in range(9)]
    lines.append(Line("inline 9", "inline", 9, reader(9)))
    patches = LinePatches(LabelledLines("d", tuple("abcdefghij"), tuple(lines)), size=16, augmentation=None)
    frequency = np.bincount([patches[number].classes[0, 0] for number in range(400)], minlength=10)
    assert 160 < frequency[9] < 240
    assert (frequency[:9] > 8).all()


def test_whole_lines_start_over_after_the_last(data):
    whole = WholeLines(data)
    assert len(whole) == 3
    assert whole[4].image.shape == (1, 60, 80)
    np.testing.assert_array_equal(whole[4].image, whole[1].image)
    # Each line is scaled by itself: three volumes of the same rock look alike.
    np.testing.assert_allclose(whole[0].image, whole[2].image, atol=1e-5)
    np.testing.assert_array_equal(whole[0].classes, ramps()[1])


def test_the_cache_keeps_the_most_recently_used_arrays():
    memory, made = BytesLRUCache(1e-6 * 2 * 800), []

    def make(key):
        made.append(key)
        return (np.zeros(100),)

    for key in ("a", "b", "a", "c", "a", "b"):
        memory.get(key, lambda key=key: make(key))
    assert made == ["a", "b", "c", "b"]
    assert memory.get("large", lambda: (np.zeros(1000),))[0].size == 1000
    assert memory.get("b", lambda: make("again"))[0].size == 100
    assert made[-1] == "b"


def test_class_names_are_read_from_a_file(tmp_path):
    assert read_folder_classes(tmp_path) is None
    (tmp_path / "classes.json").write_text('{"1": "shale", "0": "water"}')
    assert read_folder_classes(tmp_path) == ("water", "shale")
    (tmp_path / "classes.json").write_text('["water", "channel fill"]')
    assert read_folder_classes(tmp_path) == ("water", "channel fill")
    (tmp_path / "classes.txt").write_text("\ufeffwater\n\n channel fill \n", encoding="utf-8")
    assert read_folder_classes(tmp_path) == ("water", "channel fill")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("classes.json", '{"0": "a", "2": "b"}', r"codes are \[0, 2\], not 0 to 1"),
        ("classes.json", "[1, 2]", "no list of names"),
        ("classes.json", "{", "does not name classes"),
        ("classes.txt", "a\nb\na\n", "a twice"),
        ("classes.txt", "\n", "names 0 classes"),
    ],
)
def test_invalid_class_names_are_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with raises("no-labels"):
        read_folder_classes(tmp_path)


def test_codes_of_any_type_become_uint8():
    wanted = np.array([[0, 7, UNKNOWN]], np.uint8)
    for values in ([[0.0, 7.0, np.nan]], [[0, 7, -1]], [[0, 7, 255]]):
        codes = as_codes(np.array(values), "x")
        assert codes.dtype == np.uint8
        np.testing.assert_array_equal(codes, wanted)
    for values in ([[0.5]], [[256]]):
        with raises("no-labels"):
            as_codes(np.array(values), "x")


def test_colours_are_distinct_and_those_of_the_facies():
    assert len(set(distinct_colours([f"class {n}" for n in range(40)]))) == 40
    assert distinct_colours(["a", "salt"])[1] == "#e38fb1"
