"""Pictures keep their values, colours and orientation; damaged and oversized files are refused."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.io.images import open_image, read_png_text, write_png, write_tiff
from seisdream.seismic.sections import make_section

RAMP = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8) * 5
COLOURS = np.stack([RAMP, RAMP[::-1], 255 - RAMP], axis=-1)


def save(path, values, mode=None, **options):
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_grey_and_colour_keep_their_values(tmp_path, ending):
    grey = open_image(save(tmp_path / f"g.{ending}", RAMP))
    assert grey.dims == ("row", "column")
    assert grey.dtype == np.float32
    assert grey.attrs["value_range"] == (0, 255)
    np.testing.assert_array_equal(grey, RAMP)
    colour = open_image(save(tmp_path / f"c.{ending}", COLOURS))
    assert colour.dims == ("row", "column", "colour")
    assert list(colour.colour.values) == ["red", "green", "blue"]
    np.testing.assert_array_equal(colour, COLOURS)
    assert colour.attrs["source"] == str(tmp_path / f"c.{ending}")
    assert colour.attrs["format"] == {"png": "PNG", "tif": "TIFF", "bmp": "BMP"}[ending]


def test_jpeg_is_close(tmp_path):
    smooth = np.linspace(20, 230, 64 * 64).reshape(64, 64).astype(np.uint8)
    section = open_image(save(tmp_path / "a.jpg", smooth, quality=95))
    assert section.attrs["format"] == "JPEG"
    assert np.abs(section.values - smooth).max() <= 4


def test_sixteen_bits_keep_every_level(tmp_path):
    deep = (np.arange(6 * 8, dtype=np.uint32).reshape(6, 8) * 1365).astype(np.uint16)
    for name in ("a.png", "a.tif"):
        section = open_image(save(tmp_path / name, deep))
        np.testing.assert_array_equal(section, deep)
        assert section.attrs["value_range"] == (0, 65535)
    tifffile.imwrite(tmp_path / "big.tif", deep.astype(">u2"), byteorder=">")
    np.testing.assert_array_equal(open_image(tmp_path / "big.tif"), deep)
    Image.fromarray(deep).save(tmp_path / "z.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(open_image(tmp_path / "z.tif"), deep)
    colours = np.stack([deep, deep[::-1], deep[:, ::-1]], axis=-1)
    tifffile.imwrite(tmp_path / "c.tif", colours, photometric="rgb")
    section = open_image(tmp_path / "c.tif")
    assert section.attrs["value_range"] == (0, 255)
    np.testing.assert_allclose(section, colours / 257.0, rtol=1e-6)


def test_float_tiff_is_amplitude(tmp_path):
    amplitudes = np.random.default_rng(0).normal(0, 3000, (9, 11)).astype(np.float32)
    for compression in (None, "tiff_deflate"):
        Image.fromarray(amplitudes).save(tmp_path / "a.tif", compression=compression)
        section = open_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(section, amplitudes)
        assert "value_range" not in section.attrs
        assert section.attrs["units"] == "amplitude"
    tifffile.imwrite(tmp_path / "i.tif", amplitudes.astype(np.int16))
    assert "value_range" not in open_image(tmp_path / "i.tif").attrs
    np.testing.assert_array_equal(open_image(tmp_path / "i.tif"), amplitudes.astype(np.int16))


def test_float_colours_are_scaled(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", (COLOURS / 255.0).astype(np.float32), photometric="rgb")
    np.testing.assert_allclose(open_image(tmp_path / "a.tif"), COLOURS, atol=1e-4)
    tifffile.imwrite(tmp_path / "a.tif", COLOURS.astype(np.float32) - 99, photometric="rgb")
    with raises("out-of-range"):
        open_image(tmp_path / "a.tif")


def test_planes_stored_one_after_another(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(COLOURS, -1, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(open_image(tmp_path / "a.tif"), COLOURS)


def test_missing_samples_of_a_float_tiff(tmp_path):
    values = np.ones((4, 4), np.float32)
    values[0, :2], values[1, 1] = np.nan, np.inf
    tifffile.imwrite(tmp_path / "a.tif", values)
    with raises("not-finite"):
        open_image(tmp_path / "a.tif")
    assert np.isnan(open_image(tmp_path / "a.tif", nan="absent").values).sum() == 3


def test_palette_and_one_bit_and_cmyk(tmp_path):
    palette = Image.frombytes("P", (8, 6), (RAMP // 100).tobytes())
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(tmp_path / "p.png")
    expected = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.float32)[RAMP // 100]
    np.testing.assert_array_equal(open_image(tmp_path / "p.png"), expected)
    for name in ("b.png", "b.tif"):
        one_bit = open_image(save(tmp_path / name, RAMP > 100))
        np.testing.assert_array_equal(one_bit, np.where(RAMP > 100, 255, 0))
    red = np.full((16, 16, 3), (255, 0, 0), np.uint8)
    section = open_image(save(tmp_path / "c.jpg", red, mode="CMYK", quality=100))
    assert np.abs(section.values - red).max() < 8
    np.testing.assert_array_equal(open_image(save(tmp_path / "c.tif", red, mode="CMYK")), red)


def test_transparency_is_blended_with_white(tmp_path):
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[:, :, 0] = 200
    rgba[:, 0, 3], rgba[:, 1, 3] = 255, 51
    for name in ("a.png", "a.tif"):
        pixels = open_image(save(tmp_path / name, rgba)).values[0]
        np.testing.assert_array_equal(pixels[0], [200, 0, 0])
        np.testing.assert_allclose(pixels[1], [244, 204, 204], atol=1)
        np.testing.assert_array_equal(pixels[2], [255, 255, 255])


def test_a_file_in_rgb_is_in_colour_and_a_palette_of_greys_is_not(tmp_path):
    section = open_image(save(tmp_path / "a.png", np.repeat(RAMP[..., None], 3, axis=-1)))
    assert section.dims == ("row", "column", "colour")
    greys = Image.fromarray(RAMP).convert("P")
    greys.save(tmp_path / "p.png")
    Image.fromarray(RAMP).convert("LA").save(tmp_path / "la.png")
    for name in ("p.png", "la.png"):
        np.testing.assert_array_equal(open_image(tmp_path / name), RAMP)


def test_white_is_zero_in_some_tiffs(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", 255 - RAMP, photometric="miniswhite")
    np.testing.assert_array_equal(open_image(tmp_path / "a.tif"), RAMP)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(tmp_path, orientation):
    upright = COLOURS // 8 * 8
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),  # the camera was turned: a quarter turn clockwise sets it right
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    save(tmp_path / "a.png", np.ascontiguousarray(stored), exif=exif)
    np.testing.assert_array_equal(open_image(tmp_path / "a.png"), upright)
    tifffile.imwrite(
        tmp_path / "a.tif", np.ascontiguousarray(stored), photometric="rgb",
        extratags=[(274, "H", 1, orientation, True)],
    )  # fmt: skip
    np.testing.assert_array_equal(open_image(tmp_path / "a.tif"), upright)
    save(tmp_path / "z.tif", np.ascontiguousarray(stored), exif=exif, compression="tiff_lzw")
    np.testing.assert_array_equal(open_image(tmp_path / "z.tif"), upright)


def png_that_declares(width, height):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_a_picture_that_declares_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(png_that_declares(side, side))
    with raises("too-large"):
        open_image(tmp_path / "bomb.png")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((4, 4), np.uint8))
    content = bytearray(buffer.getvalue())
    for tag in (256, 257):  # width and length
        position = content.find(struct.pack("<HH", tag, 4)) if struct.pack("<HH", tag, 4) in content else -1
        position = position if position >= 0 else content.find(struct.pack("<HH", tag, 3))
        content[position : position + 12] = struct.pack("<HHII", tag, 4, 1, side)
    (tmp_path / "bomb.tif").write_bytes(content)
    with raises("too-large"):
        open_image(tmp_path / "bomb.tif")


def test_the_limit_is_on_pixels(tmp_path):
    save(tmp_path / "a.png", RAMP)
    assert open_image(tmp_path / "a.png", max_pixels=48).size == 48
    with raises("too-large"):
        open_image(tmp_path / "a.png", max_pixels=47)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "z.tif", "f.tif"])
def test_damaged_pictures_are_refused(tmp_path, name):
    noise = np.random.default_rng(1).integers(0, 255, (40, 50), np.uint8)
    options = {"compression": "tiff_lzw"} if name == "z.tif" else {}
    save(tmp_path / name, noise.astype(np.float32) if name == "f.tif" else noise, **options)
    whole = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(2)
    for n_kept in [0, 1, 4, 8, 20, *rng.integers(0, len(whole) * 9 // 10, 12)]:
        (tmp_path / name).write_bytes(whole[:n_kept])
        with pytest.raises(SeisdreamError) as error:
            open_image(tmp_path / name)
        assert error.value.code in ("corrupt", "unreadable")
        assert name in str(error.value)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(["png", "jpeg", "tiff", "ftiff"]))
def test_corrupt_bytes_never_crash(data, name, tmp_path_factory):
    buffer = io.BytesIO()
    values = RAMP.astype(np.float32) if name == "ftiff" else COLOURS
    Image.fromarray(values).save(buffer, format=name.removeprefix("f"))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"corrupt.{name}"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            section = open_image(path)
        except SeisdreamError:
            return
    assert section.size <= 80_000_000 * 3


def test_other_files_are_not_pictures(tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    with raises("unreadable"):
        open_image(tmp_path / "notes.png")
    with raises("not-found"):
        open_image(tmp_path / "absent.png")


def test_png_keeps_texts_and_pixels(tmp_path):
    texts = {"seisdream": '{"layer": "inception_4c/output", "credit": "TNO – dGB 地震"}', "Title": "x" * 5000}
    for values in (RAMP, COLOURS):
        write_png(values, tmp_path / "a.png", text=texts)
        assert read_png_text(tmp_path / "a.png") == texts
        np.testing.assert_array_equal(open_image(tmp_path / "a.png"), values)
    write_png(RAMP, tmp_path / "b.png")
    assert read_png_text(tmp_path / "b.png") == {}
    with pytest.raises(ValueError, match="uint8"):
        write_png(RAMP.astype(float), tmp_path / "c.png")
    (tmp_path / "c.png").write_bytes(b"nothing")
    with raises("unreadable"):
        read_png_text(tmp_path / "c.png")


def test_tiff_round_trip_keeps_amplitudes(tmp_path):
    amplitudes = np.random.default_rng(0).normal(0, 3000, (9, 11)).astype(np.float32)
    write_tiff(make_section(amplitudes, dt_ms=4), tmp_path / "a.tif", description='{"credit": "Überlieferung"}')
    np.testing.assert_array_equal(open_image(tmp_path / "a.tif"), amplitudes)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages.first.tags["ImageDescription"].value == '{"credit": "Überlieferung"}'
    write_tiff(make_section(COLOURS), tmp_path / "c.tif")
    np.testing.assert_array_equal(open_image(tmp_path / "c.tif"), COLOURS)


@pytest.mark.parametrize("name", ["huge.png", "huge.jpg", "huge.bmp"])
def test_a_picture_that_declares_more_than_its_bytes_hold_takes_no_memory(tmp_path, name):
    path = tmp_path / name
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    data = bytearray(path.read_bytes())
    if name.endswith("png"):
        data[16:24] = struct.pack(">II", 8000, 8000)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif name.endswith("jpg"):
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 8000, 8000)
    else:
        data[18:26] = struct.pack("<ii", 8000, 8000)
    path.write_bytes(data)
    with raises("corrupt"):
        open_image(path)
