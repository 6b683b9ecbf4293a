"""Sections encoded for the browser: every amplitude, axis and class comes back."""

import base64
import json
import zlib

import numpy as np
import pytest
import xarray as xr

from seisdream.seismic.sections import make_section
from seisdream.viewer.encoding import ABSENT, encode_classes, encode_section


def _amplitudes(encoded):
    samples = np.frombuffer(encoded.samples, "<i2").reshape(encoded.header["shape"]).astype(float)
    samples[samples == ABSENT] = np.nan
    return samples / 32767 * encoded.header["limit"]


def test_amplitudes_come_back_to_half_a_step_and_missing_ones_are_absent():
    values = np.random.default_rng(0).normal(size=(30, 20)).astype(np.float32)
    values[4, 5] = np.nan
    encoded = encode_section(make_section(values, dt_ms=4.0))
    np.testing.assert_allclose(_amplitudes(encoded), values, atol=encoded.header["limit"] / 32767 / 2 * 1.001)


def test_axes_start_where_the_survey_starts():
    section = make_section(
        np.ones((3, 4)) * np.arange(4),
        dims=("time", "crossline"),
        coords={"time": [100.0, 104.0, 108.0], "crossline": [300, 302, 304, 306], "inline": 205},
    )
    header = encode_section(section).header
    assert header["down"] == {"name": "time", "unit": "ms", "first": 100.0, "step": 4.0}
    assert header["across"] == {"name": "crossline", "unit": "", "first": 300.0, "step": 2.0}
    assert header["line"] == {"inline": 205.0}


def test_a_line_of_a_file_keeps_its_number():
    section = make_section(np.eye(3), dt_ms=4.0, selection="inline 205 of 200 to 220")
    assert encode_section(section).header["line"] == {"inline": 205.0}


def test_uneven_lines_keep_every_number():
    section = make_section(np.eye(3), dims=("time", "crossline"), coords={"crossline": [1, 2, 9]}, dt_ms=2.0)
    assert encode_section(section).header["across"]["values"] == [1.0, 2.0, 9.0]


def test_a_section_of_a_page_is_its_header_with_compressed_samples():
    encoded = encode_section(make_section(np.eye(4), dt_ms=4.0), title="Unit")
    page = json.loads(json.dumps(encoded.inline()))
    assert zlib.decompress(base64.b64decode(page.pop("samples"))) == encoded.samples
    assert page.pop("compression") == "deflate"
    assert page == encoded.header


@pytest.mark.parametrize("title", ["", "ä", "a line of another length"])
def test_the_samples_of_a_body_are_aligned(title):
    encoded = encode_section(make_section(np.eye(4), dt_ms=4.0), title=title)
    body = encoded.body()
    length = int.from_bytes(body[:4], "little")
    assert (4 + length) % 8 == 0
    assert json.loads(body[4 : 4 + length]) == encoded.header
    assert body[4 + length :] == encoded.samples


def test_a_large_section_is_averaged_over_blocks():
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    section = make_section(values, dims=("time", "trace"), coords={"trace": np.arange(6) + 10}, dt_ms=4.0)
    encoded = encode_section(section.assign_coords(cdp=("trace", np.arange(6) * 2)), most_samples=8)
    blocks = values.reshape(2, 2, 3, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(_amplitudes(encoded)[:, :3], blocks[:, : encoded.header["shape"][1]], rtol=1e-3)
    assert (encoded.header["down"]["first"], encoded.header["down"]["step"]) == (2.0, 8.0)
    assert (encoded.header["across"]["first"], encoded.header["across"]["step"]) == (10.5, 2.0)
    assert encoded.header["along"] == {"cdp": [2, 6, 10]}
    # The spectrum is that of all samples.
    assert encoded.header["spectrum"]["interval"] == 4.0
    expected = np.abs(np.fft.rfft(values, axis=0)).mean(axis=1)
    np.testing.assert_allclose(encoded.header["spectrum"]["amplitude"], expected, rtol=1e-3)


def test_an_average_leaves_absent_samples_out():
    values = np.full((2, 2), 3.0, np.float32)
    values[0] = np.nan
    assert _amplitudes(encode_section(make_section(values, dt_ms=4.0), most_samples=1)) == pytest.approx(3.0)


def test_pictures_keep_their_range_and_their_colours():
    grey = encode_section(make_section(np.full((2, 2), 128, np.uint8)))
    assert grey.header["range"] == [0.0, 255.0]
    colour = encode_section(make_section(np.array([[[10, 20, 30]]], np.uint8)))
    assert (colour.header["dtype"], colour.samples) == ("rgba8", bytes([10, 20, 30, 255]))


def test_classes_keep_codes_names_and_colours():
    codes = xr.DataArray(
        np.array([[0, 1], [254, 255]]), dims=("time", "trace"), coords={"time": [0.0, 4.0], "trace": [1, 2]}
    )
    encoded = encode_classes(codes, ["water", "salt"], ["#0000ff", "#ff00ff"])
    assert encoded.samples == bytes([0, 1, 254, 255])
    assert encoded.header["classes"][1] == {"name": "salt", "colour": "#ff00ff"}
