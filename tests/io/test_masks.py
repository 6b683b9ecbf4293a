"""Masks from windows, pictures and polygons, in section coordinates."""

import numpy as np
import pytest
import zarr
from matplotlib.path import Path as Outline
from PIL import Image

from errors import raises
from seisdream.io.masks import open_mask
from seisdream.seismic.sections import make_section

SECTION = make_section(
    np.random.default_rng(0).normal(size=(50, 40)),
    dims=("time", "crossline"),
    coords={
        "time": np.arange(50) * 4.0,
        "crossline": np.arange(300, 340),
        "cdp_x": ("crossline", np.arange(40) * 25.0),
    },
)
COLOURS = make_section(np.random.default_rng(0).uniform(0, 255, (6, 8, 3)), value_range=(0, 255))


def test_a_window_includes_both_ends():
    mask = open_mask("time=20:40,crossline=310:319", SECTION)
    expected = np.zeros((50, 40))
    expected[5:11, 10:20] = 1
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == np.float32
    assert mask.dims == SECTION.dims
    np.testing.assert_array_equal(mask.time, SECTION.time)


@pytest.mark.parametrize(
    ("spec", "rows", "columns"),
    [
        ("time=180:", slice(45, 50), slice(None)),
        ("time=:16", slice(0, 5), slice(None)),
        ("crossline=305", slice(None), slice(5, 6)),
        ("crossline = 309:300", slice(None), slice(0, 10)),
        ("cdp_x=0:100", slice(None), slice(0, 5)),
        ("time=190:9999", slice(48, 50), slice(None)),
    ],
)
def test_windows_may_be_open(spec, rows, columns):
    expected = np.zeros((50, 40))
    expected[rows, columns] = 1
    np.testing.assert_array_equal(open_mask(spec, SECTION), expected)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("crosline=1:2", "unknown-name"),
        ("time=5000:6000", "out-of-range"),
        ("time=abc:6", "invalid"),
        ("time=:", "invalid"),
        ("time=1:2:3", "invalid"),
        ("nowhere.png", "not-found"),
    ],
)
def test_invalid_windows_are_refused(spec, code):
    with raises(code, "objective_mask"):
        open_mask(spec, SECTION, option="objective_mask")


def test_a_picture_is_a_mask(tmp_path):
    levels = np.zeros((50, 40), np.uint8)
    levels[10:20] = 255
    levels[20:30] = 51
    Image.fromarray(levels).save(tmp_path / "m.png")
    mask = open_mask(tmp_path / "m.png", SECTION)
    np.testing.assert_allclose(mask, levels / 255.0, atol=1e-6)
    Image.fromarray((levels > 0).astype(np.uint8)).save(tmp_path / "labels.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "labels.png", SECTION), levels > 0)
    np.save(tmp_path / "m.npy", levels / 255.0)
    np.testing.assert_allclose(open_mask(tmp_path / "m.npy", SECTION), levels / 255.0, atol=1e-6)
    np.save(tmp_path / "n.npy", levels / 25.0)
    with raises("out-of-range"):
        open_mask(tmp_path / "n.npy", SECTION)


def test_a_mask_may_be_any_array_that_opens(tmp_path):
    inside = np.zeros((50, 40), bool)
    inside[10:20] = True
    np.save(tmp_path / "m.npy", inside)
    zarr.save_array(str(tmp_path / "m.zarr"), inside)
    for name in ("m.npy", "m.zarr"):
        np.testing.assert_array_equal(open_mask(tmp_path / name, SECTION), inside)


def test_pictures_must_fit_and_must_not_be_empty(tmp_path):
    Image.fromarray(np.ones((40, 50), np.uint8)).save(tmp_path / "m.png")
    with raises("wrong-shape"):
        open_mask(tmp_path / "m.png", SECTION)
    Image.fromarray(np.zeros((50, 40), np.uint8)).save(tmp_path / "m.png")
    with raises("no-signal"):
        open_mask(tmp_path / "m.png", SECTION)


def test_a_mask_of_a_colour_picture_is_flat():
    mask = open_mask("row=2:3", COLOURS)
    assert mask.dims == ("row", "column")
    assert mask.values.sum() == 16


def test_polygons_are_in_section_coordinates(tmp_path):
    first, second = [(305.5, 30), (320.5, 30), (312, 111)], [(330, 150), (335.2, 150), (335.2, 170.5), (330, 170.5)]
    text = "crossline,time_ms\n# salt\n" + "\n".join(f"{x},{y}" for x, y in first)
    text += "\n\n" + "\n".join(f"{x}\t{y}" for x, y in second) + "\n"
    (tmp_path / "p.csv").write_text(text)
    mask = open_mask(tmp_path / "p.csv", SECTION).values
    x, y = np.meshgrid(SECTION.crossline, SECTION.time)
    points = np.column_stack([x.ravel(), y.ravel()])
    known = Outline(first).contains_points(points) | Outline(second).contains_points(points, radius=1e-9)
    differing = mask.ravel() != known
    on_an_edge = (points[:, 0] == 330) | (points[:, 1] == 150)  # both rules are right there
    assert not differing[~on_an_edge].any()
    assert 100 < mask.sum() < 300


def test_the_area_of_random_polygons_is_right(tmp_path):
    rng = np.random.default_rng(3)
    fine = make_section(np.zeros((400, 400)), dims=("row", "column"))
    for _ in range(5):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        x, y = 200 + np.cos(angles) * rng.uniform(90, 190, 9), 200 + np.sin(angles) * rng.uniform(90, 190, 9)
        np.savetxt(tmp_path / "p.txt", np.column_stack([x, y]))
        area = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
        assert open_mask(tmp_path / "p.txt", fine).values.sum() == pytest.approx(area, rel=0.01)


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("", "too-small", "three points"),
        ("1,2\n3,4\n", "too-small", "[2] points"),
        ("a,b\n1,2\nthree,4\n5,6\n", "unreadable", "line 3"),
        ("1,2,3\n1,2\n1,2,3\n", "unreadable", "line 3"),
        ("1,2\n1,nan\n5,6\n", "unreadable", "line 2"),
        ("10,10\n20,10\n20,20\n", "no-signal", "time 0 to 196 and crossline 300 to 339"),
    ],
)
def test_invalid_polygons_are_refused(tmp_path, text, code, part):
    (tmp_path / "p.csv").write_text(text)
    with raises(code, "mask") as error:
        open_mask(tmp_path / "p.csv", SECTION)
    assert part in str(error.value)


def test_other_files_are_not_masks(tmp_path):
    (tmp_path / "p.bin").write_bytes(b"\xff\xfe\x00\x81")
    with raises("unreadable"):
        open_mask(tmp_path / "p.bin", SECTION)
