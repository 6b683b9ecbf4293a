"""Read SEG-Y: geometry, times, sample formats, missing traces and problems."""

import json
import tracemalloc

import numpy as np
import pytest
import segyio

from errors import raises
from segy_files import KINDS, make_segy, numbered, ramp, text_header
from seisdream.io.segy import geometry as segy_geometry
from seisdream.io.segy import grid as segy_grid
from seisdream.io.segy import number_formats as segy_number_formats
from seisdream.io.segy import open_segy, read_survey, read_text_header, survey_statistics
from seisdream.io.segy import survey as segy_survey

FORMATS = [f"Format{code}{order}.sgy" for code in (1, 2, 3, 5, 8) for order in ("lsb", "msb")]


@pytest.fixture
def cube(tmp_path):
    """Inlines 100 to 106 by 2, crosslines 11 to 13; sample k of trace i is 1000 (i + 1) + k."""
    return make_segy(
        tmp_path / "cube.sgy", ramp(12, 6), words={**numbered([100, 102, 104, 106], [11, 12, 13]), 109: 40}
    )


# Known files ---------------------------------------------------------------------


def test_the_npra_line_is_recognised_as_a_2d_line(shared):
    survey = read_survey(shared / "data" / "31_81_PR.sgy")
    assert survey.kind == "2-D line"
    assert survey.inlines is None
    assert "189" in survey.confidence
    assert survey.problems == ()
    section = open_segy(shared / "data" / "31_81_PR.sgy")
    assert section.dims == ("time", "trace")
    assert section.shape == (1501, 534)
    assert section.trace.values[[0, -1]].tolist() == [1, 534]
    assert section.time.values[[0, 1, -1]].tolist() == [0.0, 4.0, 6000.0]
    assert section.trace_index.values[[0, -1]].tolist() == [0, 533]
    # Bytes 181 to 188 have other content in this file, the same in every trace.
    assert "cdp_x" not in section.coords
    with segyio.open(str(shared / "data" / "31_81_PR.sgy"), ignore_geometry=True) as file:
        np.testing.assert_array_equal(section.values[:, 77], file.trace[77])


def test_f3_opens_by_number(shared):
    path = shared / "data" / "F3_very_small.sgy"
    survey = read_survey(path)
    assert (survey.kind, survey.encoding, survey.n_missing) == ("3-D", "ascii", 0)
    assert survey.inlines.tolist() == list(range(200, 211))
    assert survey.crosslines.tolist() == list(range(400, 411))
    assert survey.text_header[0].startswith("C01  Created by: OpendTect")
    inline = open_segy(path, inline=203)
    crossline = open_segy(path, crossline=408)
    time_slice = open_segy(path, time_ms=1000)
    assert inline.dims == ("time", "crossline")
    assert crossline.dims == ("time", "inline")
    assert time_slice.dims == ("inline", "crossline")
    here = inline.sel(time=1000, crossline=408)
    assert float(here) == float(crossline.sel(time=1000, inline=203))
    assert float(here) == float(time_slice.sel(inline=203, crossline=408))
    assert float(here) != 0
    # Coordinates in decimetres, by the scalar -10.
    assert float(inline.cdp_x[0]) == pytest.approx(608254.0, abs=300)
    assert time_slice.cdp_y.shape == (11, 11)
    assert int(time_slice.trace_index.sel(inline=203, crossline=408)) == 3 * 11 + 8


def test_the_middle_inline_is_the_default(shared):
    section = open_segy(shared / "data" / "F3_very_small.sgy")
    assert section.attrs["selection"] == "inline 205"
    assert section.attrs["units"] == "amplitude"
    assert section.attrs["format"] == "SEG-Y"
    json.dumps(section.attrs)


@pytest.mark.parametrize("name", FORMATS)
def test_every_sample_format_equals_segyio(shared, name):
    path = shared / "data" / "segyio" / "multiformats" / name
    endian = "little" if "lsb" in name else "big"
    survey = read_survey(path)
    assert (survey.endian, survey.sample_format) == (endian, int(name[6]))
    section = open_segy(path, crossline=880)
    assert section.dtype == np.float32
    assert section.time.values[0] == 4.0  # delay recording time
    with segyio.open(str(path), endian=endian) as file:
        np.testing.assert_array_equal(section.values, file.xline[880].T.astype(np.float32))


def test_the_shot_gather_is_refused_as_pre_stack(shared):
    path = shared / "data" / "segyio" / "shot-gather.sgy"
    assert read_survey(path).kind == "pre-stack"
    with raises("not-supported"):
        open_segy(path)


def test_the_interval_of_the_binary_header_is_used_if_traces_have_none(shared):
    survey = read_survey(shared / "data" / "segyio" / "small.sgy")
    assert survey.dt_ms == 4.0
    assert survey.inlines.tolist() == [1, 2, 3, 4, 5]


# Made files ---------------------------------------------------------------------


@pytest.mark.parametrize("endian", ["big", "little"])
@pytest.mark.parametrize("sample_format", sorted(set(KINDS) - {1}))
def test_formats_without_real_examples(tmp_path, sample_format, endian):
    samples = np.arange(24).reshape(4, 6)
    samples[2, 3] = 120
    path = make_segy(tmp_path / "f.sgy", samples, sample_format=sample_format, endian=endian)
    np.testing.assert_array_equal(open_segy(path).values, samples.T.astype(np.float32))


def test_lines_are_selected_by_number_and_not_by_index(cube):
    np.testing.assert_array_equal(open_segy(cube, inline=102).values[0], [4000, 5000, 6000])
    np.testing.assert_array_equal(open_segy(cube, crossline=13).values[1], [3001, 6001, 9001, 12001])
    time_slice = open_segy(cube, time_ms=49.0)  # 40 + 2 x 4, to within half a sample
    np.testing.assert_array_equal(time_slice.values[1], [4002, 5002, 6002])
    assert time_slice.attrs["selection"] == "time 48"
    assert open_segy(cube).attrs["selection"] == "inline 104"


@pytest.mark.parametrize(
    ("selection", "parts"),
    [
        ({"inline": 103}, ["100 to 106 in steps of 2", "102, 104"]),
        ({"inline": 99999}, ["100 to 106", "106"]),
        ({"crossline": -1}, ["11 to 13"]),
        ({"time_ms": 100}, ["40 to 60 ms every 4 ms"]),
        ({"time_ms": float("nan")}, ["nan ms"]),
    ],
)
def test_sections_that_do_not_exist_are_refused_with_what_exists(cube, selection, parts):
    with raises("not-found", next(iter(selection))) as error:
        open_segy(cube, **selection)
    assert all(part in str(error.value) for part in parts)


def test_only_one_section_is_opened(cube):
    with raises("incompatible"):
        open_segy(cube, inline=100, time_ms=44)


def test_inline_of_a_2d_line_is_refused(tmp_path):
    path = make_segy(tmp_path / "line.sgy", ramp(5, 7))
    with raises("not-found"):
        open_segy(path, crossline=3)


def test_crossline_sorted_and_descending_files(tmp_path):
    inline, crossline = np.meshgrid([7, 6, 5], [22, 20], indexing="xy")  # inline runs fastest, backwards
    words = {189: inline.ravel(), 193: crossline.ravel()}
    path = make_segy(tmp_path / "c.sgy", ramp(6, 4), words=words)
    section = open_segy(path, inline=6)
    assert section.crossline.values.tolist() == [20, 22]
    assert section.values[0].tolist() == [5000, 2000]
    assert section.trace_index.values.tolist() == [4, 1]


def test_missing_traces_are_absent(tmp_path):
    words = numbered([1, 2, 3, 4], [10, 11, 12, 13])
    kept = np.setdiff1d(np.arange(16), [5, 6, 15])
    words = {byte: numbers[kept] for byte, numbers in words.items()}
    path = make_segy(tmp_path / "gaps.sgy", ramp(13, 4), words=words)
    survey = read_survey(path)
    assert (survey.kind, survey.n_missing) == ("3-D irregular", 3)
    assert "absent" in survey.problems[0].what
    section = open_segy(path, inline=2)
    assert np.isnan(section.values).any(axis=0).tolist() == [False, True, True, False]
    assert section.trace_index.values.tolist() == [4, -1, -1, 5]
    time_slice = open_segy(path, time_ms=8)
    np.testing.assert_array_equal(np.argwhere(np.isnan(time_slice.values)), [[1, 1], [1, 2], [3, 3]])
    assert int((~np.isnan(time_slice.values)).sum()) == 13


def test_a_line_without_traces_cannot_be_opened(tmp_path):
    words = numbered([1, 2, 4, 5], [10, 11, 12])
    path = make_segy(tmp_path / "gap.sgy", ramp(12, 4), words=words)
    assert read_survey(path).inlines.tolist() == [1, 2, 3, 4, 5]
    with raises("not-found"):
        open_segy(path, inline=3)
    assert open_segy(path).attrs["selection"] == "inline 2"


def test_a_volume_truncated_between_traces_has_a_warning(cube):
    data = cube.read_bytes()
    cube.write_bytes(data[: -2 * (240 + 24)])
    assert "truncated" in read_survey(cube).problems[0].what


@pytest.mark.parametrize("pair", [(9, 21), (5, 21), (17, 13), (221, 225), (181, 185)])
def test_other_common_header_bytes_are_inferred_with_a_warning(tmp_path, pair):
    path = make_segy(tmp_path / "p.sgy", ramp(12, 4), words=numbered([3, 4, 5], [7, 8, 9, 10], *pair))
    survey = read_survey(path)
    assert (survey.inline_byte, survey.crossline_byte) == pair
    assert survey.confidence.startswith("inferred")
    assert any("`inline_byte`" in problem.fix for problem in survey.problems)
    assert open_segy(path, inline=4).crossline.values.tolist() == [7, 8, 9, 10]


def test_header_bytes_can_be_given(tmp_path):
    words = numbered([3, 4, 5], [7, 8, 9, 10], 41, 45)
    path = make_segy(tmp_path / "p.sgy", ramp(12, 4), words=words)
    assert read_survey(path).kind == "2-D line"
    survey = read_survey(path, inline_byte=41, crossline_byte=45)
    assert survey.kind == "3-D"
    assert survey.confidence.startswith("as given")
    with raises("no-geometry"):
        open_segy(path, inline_byte=41, crossline_byte=77)
    with raises("out-of-range", "inline_byte"):
        read_survey(path, inline_byte=239)
    with raises("incompatible"):
        read_survey(path, inline_byte=5, crossline_byte=5)


def test_numbers_that_make_no_grid_open_as_a_line_with_a_warning(tmp_path):
    # A crooked line through a 3-D numbering: every trace its own inline and crossline.
    words = {189: np.arange(50) * 3, 193: np.arange(50) * 7, 21: np.arange(50)}
    survey = read_survey(make_segy(tmp_path / "line.sgy", ramp(50, 4), words=words))
    assert survey.kind == "2-D line"
    assert "`inline_byte`" in survey.problems[0].fix


def test_one_damaged_header_does_not_stretch_the_survey(tmp_path):
    words = numbered(np.arange(1, 21), np.arange(30, 40))
    words[189][57] = 2**30
    survey = read_survey(make_segy(tmp_path / "stray.sgy", ramp(200, 4), words=words))
    assert (survey.kind, survey.n_missing) == ("3-D irregular", 1)
    assert survey.inlines.tolist() == list(range(1, 21))
    assert any("probably damaged" in problem.what for problem in survey.problems)
    assert survey.grid.traces(inline=5).tolist() == [*range(50, 57), -1, 58, 59]


def test_repeated_positions(tmp_path):
    words = numbered([1, 2, 3, 4], [10, 11, 12])
    words[193][4] = 10
    path = make_segy(tmp_path / "twice.sgy", ramp(12, 4), words=words)
    with raises("no-geometry"):
        open_segy(path)


@pytest.mark.parametrize(
    "words",
    [
        {
            **{byte: np.repeat(n, 3) for byte, n in numbered([1, 2], [5, 6]).items()},
            37: np.tile([0, 50, 100], 4),
        },
        {byte: np.repeat(n, 3) for byte, n in numbered([1, 2], [5, 6]).items()},
        {21: np.repeat([100, 101, 102], 4), 37: np.tile([100, 200, 300, 400], 3)},
        {9: np.repeat([1, 2, 3], 4), 13: np.tile([1, 2, 3, 4], 3)},
        {9: 1, 13: np.arange(12), 37: np.arange(12) * 25},
    ],
    ids=["3-D offsets", "3-D repeats", "CDP gathers", "shots", "one shot"],
)
def test_gathers_are_not_mistaken_for_stacks(tmp_path, words):
    path = make_segy(tmp_path / "pre.sgy", ramp(12, 4), words=words)
    with raises("not-supported"):
        open_segy(path)


@pytest.mark.parametrize(
    "words",
    [
        {21: np.arange(12) + 100, 9: np.repeat([1, 2, 3], 4), 13: np.tile([1, 2, 3, 4], 3)},
        {},
        {9: 1, 13: np.arange(12)},
    ],
    ids=["stack that kept its shot numbers", "no numbers at all", "numbered by channel"],
)
def test_stacked_lines_are_not_mistaken_for_gathers(tmp_path, words):
    assert open_segy(make_segy(tmp_path / "post.sgy", ramp(12, 4), words=words)).sizes == {
        "time": 4,
        "trace": 12,
    }


# Times ---------------------------------------------------------------------


def test_a_missing_sampling_interval_is_never_assumed(tmp_path):
    path = make_segy(tmp_path / "dt0.sgy", ramp(5, 4), dt_us=0)
    assert read_survey(path).dt_ms is None
    with raises("no-geometry"):
        open_segy(path)
    assert open_segy(path, dt_ms=2.5).time.values.tolist() == [0, 2.5, 5, 7.5]


def test_disagreeing_intervals(tmp_path):
    path = make_segy(tmp_path / "dt.sgy", ramp(5, 4), words={117: 2000})
    with raises("no-geometry"):
        open_segy(path)
    assert open_segy(path, dt_ms=2).time.values.tolist() == [0, 2, 4, 6]
    for dt_ms in (0, -4, float("nan"), float("inf")):
        with raises("out-of-range"):
            open_segy(path, dt_ms=dt_ms)


def test_the_interval_of_the_traces_is_used_if_the_binary_header_has_none(tmp_path):
    path = make_segy(tmp_path / "dt.sgy", ramp(5, 4), binary={3217: 0})
    assert read_survey(path).dt_ms == 4.0


def test_delay_is_scaled_only_from_revision_1_on(tmp_path):
    words = {109: 1005, 215: -10}
    assert read_survey(make_segy(tmp_path / "rev0.sgy", ramp(3, 4), words=words)).start_ms == 1005
    survey = read_survey(make_segy(tmp_path / "rev1.sgy", ramp(3, 4), words=words, binary={3501: 0x100}))
    assert survey.start_ms == pytest.approx(100.5)


# Text headers ---------------------------------------------------------------------


@pytest.mark.parametrize(("encoding", "codec"), [("ebcdic", "cp037"), ("ascii", "ascii")])
def test_the_encoding_of_text_headers_is_detected(tmp_path, encoding, codec):
    text = text_header({3: "Line 31-81, 4 ms, NPRA 1981"}, codec)
    path = make_segy(tmp_path / "t.sgy", ramp(3, 4), text=text)
    assert read_survey(path).encoding == encoding
    assert read_text_header(path)[2].rstrip() == "C 3 Line 31-81, 4 ms, NPRA 1981"
    other = {"ebcdic": "ascii", "ascii": "ebcdic"}[encoding]
    assert "NPRA" not in read_text_header(path, other)[2]
    assert read_survey(path, encoding=other).encoding == other
    with raises("unknown-name"):
        read_survey(path, encoding="utf-8")


def test_extended_text_headers_are_skipped(tmp_path):
    path = make_segy(tmp_path / "e.sgy", ramp(3, 4), extended=2)
    np.testing.assert_array_equal(open_segy(path).values, ramp(3, 4).T)


# NaN, statistics, size ---------------------------------------------------------------------


def test_samples_that_are_not_finite(tmp_path):
    samples = ramp(5, 4)
    samples[1, 2], samples[3, 0] = np.nan, -np.inf
    path = make_segy(tmp_path / "nan.sgy", samples)
    with raises("not-finite"):
        open_segy(path)
    section = open_segy(path, nan="absent")
    np.testing.assert_array_equal(np.argwhere(np.isnan(section.values)), [[0, 3], [2, 1]])
    with raises("unknown-name"):
        open_segy(path, nan="zero")


def test_doubles_beyond_float32_count_as_infinite(tmp_path):
    samples = ramp(3, 4).astype(np.float64)
    samples[0, 0] = 1e300
    path = make_segy(tmp_path / "f8.sgy", samples, sample_format=6)
    with raises("not-finite"):
        open_segy(path)


def test_statistics(tmp_path):
    samples = np.array([[1, -3], [0, 0], [np.nan, np.inf], [2, 2]], np.float32)
    path = make_segy(tmp_path / "s.sgy", samples)
    found = survey_statistics(read_survey(path))
    assert (found["min"], found["max"], found["n_dead"], found["n_nan"], found["n_inf"]) == (-3, 2, 1, 1, 1)
    assert found["mean"] == pytest.approx(2 / 6)
    assert found["rms"] == pytest.approx(np.sqrt(18 / 6))
    assert (found["n_traces"], found["n_samples"]) == (4, 8)
    assert survey_statistics(read_survey(path), max_traces=2)["n_traces"] == 2


def make_sparse(path, n_inlines, n_crosslines, n_samples, wrong=None):
    """Write a sparse file with headers only, so that gigabytes of samples take no space."""
    make_segy(path, np.zeros((1, n_samples), np.float32))
    trace_bytes = 240 + 4 * n_samples
    header = np.frombuffer(path.read_bytes()[3600:3840], np.uint8).copy()
    with path.open("r+b") as file:
        file.truncate(3600 + n_inlines * n_crosslines * trace_bytes)
        for trace in range(n_inlines * n_crosslines):
            inline, crossline = 100 + trace // n_crosslines, 300 + trace % n_crosslines
            if trace == wrong:
                crossline += 1000
            header[188:196] = np.array([inline, crossline], ">i4").view(np.uint8)
            file.seek(3600 + trace * trace_bytes)
            file.write(header.tobytes())
    return path


@pytest.fixture
def counted(monkeypatch):
    """Count the trace headers that are read."""
    n_read = []
    original = segy_geometry.read_header_words

    def counting(layout, words, traces):
        n_read.append(len(traces))
        return original(layout, words, traces)

    for module in (segy_geometry, segy_grid, segy_number_formats, segy_survey):
        monkeypatch.setattr(module, "read_header_words", counting)
    monkeypatch.setattr(segy_geometry, "MANY_TRACES", 1000)
    monkeypatch.setattr(segy_geometry, "_N_FIRST", 300)
    monkeypatch.setattr(segy_grid, "_N_SPREAD", 400)
    return n_read


def test_one_section_of_a_file_larger_than_memory(tmp_path, counted):
    n_inlines, n_crosslines, n_samples = 60, 50, 60000
    path = make_sparse(tmp_path / "big.sgy", n_inlines, n_crosslines, n_samples)
    with path.open("r+b") as file:
        file.seek(3600 + (17 * n_crosslines + 4) * (240 + 4 * n_samples) + 240 + 4 * 5)
        file.write(np.array([2.5], ">f4").tobytes())
    tracemalloc.start()
    section = open_segy(path, inline=117)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert section.shape == (n_samples, n_crosslines)
    assert section.values[5, 4] == 2.5
    assert np.count_nonzero(section.values) == 1
    n_bytes = n_samples * n_crosslines * 4
    assert peak < 4 * n_bytes < path.stat().st_size / 10
    assert sum(counted) < n_inlines * n_crosslines


@pytest.mark.parametrize("is_descending", [False, True])
def test_a_sampled_grid_equals_the_full_one(tmp_path, counted, is_descending):
    inlines = np.arange(200, 160, -1) if is_descending else np.arange(160, 200)
    words = numbered(inlines, np.arange(900, 850, -1))
    path = make_segy(tmp_path / "many.sgy", ramp(2000, 3), words=words)
    sampled, full = read_survey(path), read_survey(path, every_trace=True)
    assert sampled.grid.is_sampled
    assert not full.grid.is_sampled
    np.testing.assert_array_equal(sampled.inlines, full.inlines)
    np.testing.assert_array_equal(sampled.grid.traces(), full.grid.traces())
    np.testing.assert_array_equal(sampled.grid.traces(inline=3), full.grid.traces(inline=3))
    np.testing.assert_array_equal(sampled.grid.traces(crossline=7), full.grid.traces(crossline=7))


def test_a_section_whose_headers_disagree_with_the_sample_is_read_in_full(tmp_path, counted):
    path = make_sparse(tmp_path / "odd.sgy", 60, 50, 4, wrong=17 * 50 + 23)
    assert read_survey(path).grid.is_sampled
    # One trace is outside the regular numbering, which only reading all headers reveals.
    section = open_segy(path, inline=117)
    assert np.flatnonzero(section.trace_index.values < 0).tolist() == [23]
    assert open_segy(path, inline=118).sizes == {"time": 4, "crossline": 50}


def test_many_traces_with_other_header_bytes_or_pre_stack(tmp_path, counted):
    grid = numbered(np.arange(40), np.arange(50), 9, 21)
    survey = read_survey(make_segy(tmp_path / "a.sgy", ramp(2000, 3), words=grid))
    assert survey.grid.is_sampled
    assert (survey.inline_byte, survey.crossline_byte) == (9, 21)
    assert survey.confidence.startswith("inferred")
    gathers = {byte: np.repeat(n, 4) for byte, n in numbered(np.arange(20), np.arange(25)).items()}
    counted.clear()
    survey = read_survey(make_segy(tmp_path / "b.sgy", ramp(2000, 3), words={**gathers, 37: np.tile(range(4), 500)}))
    assert survey.kind == "pre-stack"
    assert sum(counted) < 1000
    survey = read_survey(make_segy(tmp_path / "c.sgy", ramp(2000, 3), words={21: np.repeat(np.arange(200), 10)}))
    assert survey.kind == "pre-stack"
    assert read_survey(make_segy(tmp_path / "d.sgy", ramp(2000, 3))).kind == "2-D line"


def test_a_volume_without_geometry_is_not_read_as_one_section(tmp_path, monkeypatch):
    monkeypatch.setattr(segy_survey, "MOST_SAMPLES", 100)
    path = make_segy(tmp_path / "v.sgy", ramp(30, 4))
    with raises("too-large"):
        open_segy(path)
