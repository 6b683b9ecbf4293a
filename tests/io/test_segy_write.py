"""Write SEG-Y: byte-identical except for changed samples and one line of the text header."""

import errno
import shutil

import numpy as np
import pytest
import segyio
import segyio._segyio  # segyio.tools needs it, and leaves it to others to import
from hypothesis import given
from hypothesis import strategies as st

from errors import raises
from segy_files import KINDS, make_segy, numbered, ramp, text_header
from seisdream.errors import SeisdreamError
from seisdream.io.segy import open_segy, read_survey, read_text_header, write_segy_like
from seisdream.io.segy import samples as segy_samples
from seisdream.io.segy import writing as segy_write
from seisdream.io.segy.layout import read_layout

LINE = "DREAMED BY SEISDREAM 0.1 RECIPE 0123456789abcdef gabor"
FILES = [
    "31_81_PR.sgy",
    "F3_very_small.sgy",
    "segyio/f3.sgy",
    "segyio/f3-lsb.sgy",
    "segyio/small.sgy",
    *(f"segyio/multiformats/Format{code}{order}.sgy" for code in (1, 2, 3, 5, 8) for order in ("lsb", "msb")),
]


def selections(survey):
    if survey.grid is None:
        return [{}]
    middle = int(survey.inlines[1]), int(survey.crosslines[-1]), float(survey.times_ms[7])
    return [{"inline": middle[0]}, {"crossline": middle[1]}, {"time_ms": middle[2]}]


def without_line(data, number):
    return data[: (number - 1) * 80] + data[number * 80 :]


@pytest.mark.parametrize("name", FILES)
def test_an_unchanged_section_is_byte_identical_except_for_one_text_line(shared, tmp_path, name):
    source = shared / "data" / name
    survey = read_survey(source)
    for number, selection in enumerate(selections(survey)):
        section = open_segy(source, **selection)
        target = tmp_path / f"{number}.sgy"
        report = write_segy_like(section.copy(deep=True), section, target, line=LINE)
        assert (report.n_changed, report.n_clipped) == (0, 0)
        before, after = source.read_bytes(), target.read_bytes()
        assert before != after
        assert without_line(before, report.text_line) == without_line(after, report.text_line)
        text = read_text_header(target)
        assert text[report.text_line - 1].rstrip() == f"C{report.text_line} {LINE}"
        # Still told apart as before, and the other 39 lines say what they said.
        assert read_survey(target).encoding == survey.encoding
        assert [a for a, b in zip(survey.text_header, text, strict=True) if a == b] == [
            line for place, line in enumerate(survey.text_header, 1) if place != report.text_line
        ]


@pytest.mark.parametrize("name", FILES)
def test_only_changed_samples_change_in_the_file(shared, tmp_path, name):
    source = shared / "data" / name
    survey = read_survey(source)
    for number, selection in enumerate(selections(survey)):
        section = open_segy(source, **selection)
        changed = section.copy(deep=True)
        rng = np.random.default_rng(7)
        where = rng.random(section.shape) < 0.2
        changed.values[where] = np.clip(np.rint(changed.values[where] * 0.5 + 3), -128, 127)
        kept = changed.values.copy()
        target = tmp_path / f"{number}.sgy"
        report = write_segy_like(changed, section, target, line=LINE)
        np.testing.assert_array_equal(changed.values, kept)  # the caller's array is as it was
        again = open_segy(target, **selection)
        np.testing.assert_array_equal(again.values, kept)
        assert report.n_changed == np.count_nonzero(kept != section.values)
        # Sample by sample in the bytes: only those of the changed samples differ.
        before = np.frombuffer(without_line(source.read_bytes(), report.text_line), np.uint8)
        after = np.frombuffer(without_line(target.read_bytes(), report.text_line), np.uint8)
        n_most = report.n_changed * survey.layout.sample_bytes
        assert report.n_changed <= np.count_nonzero(before != after) <= n_most


def ibm(*words):
    return np.array([words, words], np.uint32)


@pytest.mark.parametrize("endian", ["big", "little"])
def test_unchanged_ibm_words_keep_their_bytes(tmp_path, endian):
    # 1.0 normalised and twice not, minus zero, and 2.0.
    words = ibm(0x41100000, 0x42010000, 0x43001000, 0x80000000, 0x41200000)
    source = make_segy(tmp_path / "s.sgy", words, sample_format=1, endian=endian)
    section = open_segy(source)
    np.testing.assert_array_equal(section.values[:, 0], [1, 1, 1, 0, 2])
    changed = section.copy(deep=True)
    changed.values[4, 1] = -118.625  # the textbook example of the format: C276A000
    target = tmp_path / "t.sgy"
    assert write_segy_like(changed, section, target, line=LINE).n_changed == 1
    order = {"big": ">", "little": "<"}[endian]
    written = np.frombuffer(target.read_bytes()[-20:], order + "u4")
    assert [f"{word:08X}" for word in written] == ["41100000", "42010000", "43001000", "80000000", "C276A000"]


@given(st.lists(st.floats(-(2.0**127), 2.0**127, width=32), min_size=1, max_size=40))
def test_ibm_floats_keep_21_bits(numbers):
    values = np.array(numbers, np.float32)
    words = segy_samples._encode_ibm(values.astype(np.float64)).astype(np.uint64)
    sign = np.where(words >> 31, -1.0, 1.0)
    decoded = sign * np.ldexp((words & 0xFFFFFF).astype(float), 4 * ((words >> 24) & 0x7F).astype(int) - 280)
    np.testing.assert_allclose(decoded, values, rtol=2.0**-21, atol=0)
    normal = np.abs(values) > 1e-30
    read = segyio.tools.native(words.astype(">u4").view(np.float32).copy(), 1)
    np.testing.assert_array_equal(read[normal], decoded[normal].astype(np.float32))


@pytest.mark.parametrize("endian", ["big", "little"])
@pytest.mark.parametrize("sample_format", sorted(set(KINDS) - {1, 5, 6}))
def test_integers_are_rounded_and_saturated(tmp_path, sample_format, endian):
    source = make_segy(tmp_path / "s.sgy", np.full((2, 5), 7), sample_format=sample_format, endian=endian)
    section = open_segy(source)
    changed = section.copy(deep=True)
    changed.values[:, 0] = [3e38, -3e38, 8.6, 7.4, 1.5]
    target = tmp_path / "t.sgy"
    report = write_segy_like(changed, section, target, line=LINE)
    kind = np.dtype({"big": ">", "little": "<"}[endian] + KINDS[sample_format])
    samples = np.frombuffer(target.read_bytes()[3600 + 240 :][: 5 * kind.itemsize], kind)
    limits = np.iinfo(kind)
    # The largest double that fits stands in for 2^63 - 1 and 2^64 - 1.
    assert limits.max - int(samples[0]) <= limits.max >> 53
    assert samples[1:].tolist() == [limits.min, 9, 7, 2]
    assert (report.n_changed, report.n_clipped) == (4, 2)


def test_int16_does_not_wrap(shared, tmp_path):
    source = shared / "data" / "segyio" / "f3.sgy"
    section = open_segy(source, inline=120)
    loud = section * np.float32(10)
    report = write_segy_like(loud, section, tmp_path / "t.sgy", line=LINE)
    again = open_segy(tmp_path / "t.sgy", inline=120)
    np.testing.assert_array_equal(again.values, np.clip(loud.values, -32768, 32767))
    assert report.n_clipped == np.count_nonzero(np.abs(loud.values + 0.5) > 32767.5)


def test_absent_traces_and_samples_stay_untouched(tmp_path):
    words = {byte: np.delete(numbers, 4) for byte, numbers in numbered([1, 2, 3], [5, 6, 7]).items()}
    samples = ramp(8, 6)
    samples[0, 3] = np.nan
    source = make_segy(tmp_path / "s.sgy", samples, words=words)
    for selection in ({"inline": 1}, {"inline": 2}, {"time_ms": 12.0}):
        section = open_segy(source, nan="absent", **selection)
        changed = section.copy(data=np.full(section.shape, 5.0, np.float32))  # even where nothing was
        changed.values[tuple(np.argwhere(~np.isnan(section.values))[-1])] = np.nan  # and NaN where something was
        target = tmp_path / "t.sgy"
        report = write_segy_like(changed, section, target, line=LINE, force=True)
        assert report.n_changed == np.count_nonzero(~np.isnan(section.values)) - 1
        body = np.frombuffer(target.read_bytes()[3600:], np.uint8).reshape(8, -1)
        written = np.ascontiguousarray(body[:, 240:]).view(">f4")
        np.testing.assert_array_equal(written[samples == written], samples[samples == written])
        assert np.isnan(written).sum() == 1
        assert np.isnan(written[0, 3])


def test_scope_section_writes_its_traces_only(shared, tmp_path):
    source = shared / "data" / "F3_very_small.sgy"
    section = open_segy(source, crossline=404)
    doubled = section * np.float32(2)
    target = tmp_path / "t.sgy"
    write_segy_like(doubled, section, target, line=LINE, scope="section")
    assert target.stat().st_size == 3600 + 11 * (240 + 463 * 4)
    again = open_segy(target)
    assert (again.dims, again.attrs["selection"]) == (("time", "inline"), "crossline 404")
    assert again.inline.values.tolist() == section.inline.values.tolist()
    np.testing.assert_array_equal(again.values, doubled.values)
    before, after = source.read_bytes(), target.read_bytes()
    trace_bytes = 240 + 463 * 4
    for place, trace in enumerate(section.trace_index.values):
        start, there = 3600 + place * trace_bytes, 3600 + trace * trace_bytes
        assert after[start : start + 240] == before[there : there + 240]


def test_scope_section_keeps_extended_headers(tmp_path):
    source = make_segy(tmp_path / "s.sgy", ramp(6, 4), words=numbered([1, 2, 3], [5, 6]), extended=1)
    section = open_segy(source, inline=2)
    report = write_segy_like(section, section, tmp_path / "t.sgy", line=LINE, scope="section")
    before, after = source.read_bytes(), (tmp_path / "t.sgy").read_bytes()
    assert without_line(after, report.text_line) == without_line(
        before[:6800] + before[6800 + 2 * 256 : 6800 + 4 * 256], report.text_line
    )


# The line ---------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["cp037", "ascii"])
@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ({39: "SEG Y REV1", 40: "END"}, 38),
        (dict.fromkeys(range(20, 41), "FULL"), 19),
        (dict.fromkeys(range(1, 41), "FULL"), 38),
        ({**dict.fromkeys(range(1, 41), "FULL"), 12: "DREAMED BY SEISDREAM before"}, 12),
    ],
)
def test_the_text_line_to_write_is_chosen(tmp_path, codec, lines, chosen):
    source = make_segy(tmp_path / "s.sgy", ramp(3, 4), text=text_header(lines, codec))
    section = open_segy(source)
    report = write_segy_like(section, section, tmp_path / "t.sgy", line=LINE)
    assert report.text_line == chosen
    assert read_text_header(tmp_path / "t.sgy")[chosen - 1] == f"C{chosen} {LINE}".ljust(80)


TITLE = ("A DREAM, NOT RECORDED DATA", "NOT RECORDED DATA: NETWORK a SEED 0")


@pytest.mark.parametrize("codec", ["cp037", "ascii"])
@pytest.mark.parametrize("scope", ["whole", "section"])
def test_a_title_moves_the_lines_of_the_text_header_down_into_empty_ones(tmp_path, codec, scope):
    words = {1: "CLIENT", 2: "LINE", 5: "PROCESSING", 39: "SEG Y REV1", 40: "END"}
    section = open_segy(make_segy(tmp_path / "s.sgy", ramp(3, 4), text=text_header(words, codec)))
    write_segy_like(section, section, tmp_path / "t.sgy", line=LINE, title=TITLE, scope=scope)
    text = [line[4:].strip() for line in read_text_header(tmp_path / "t.sgy")]
    assert text[:7] == [*TITLE, "CLIENT", "LINE", "", "", "PROCESSING"]
    assert text[37:] == [LINE, "SEG Y REV1", "END"]
    again = open_segy(tmp_path / "t.sgy")
    write_segy_like(again, again, tmp_path / "again.sgy", line=LINE, title=TITLE, scope=scope)
    assert read_text_header(tmp_path / "again.sgy") == read_text_header(tmp_path / "t.sgy")


def test_a_title_takes_the_last_lines_of_a_full_text_header(tmp_path):
    full = {number: f"LINE {number}" for number in range(1, 41)}
    section = open_segy(make_segy(tmp_path / "s.sgy", ramp(3, 4), text=text_header(full, "cp037")))
    write_segy_like(section, section, tmp_path / "t.sgy", line=LINE, title=TITLE)
    text = [line[4:].strip() for line in read_text_header(tmp_path / "t.sgy")]
    assert text == [*TITLE, *(f"LINE {number}" for number in range(1, 36)), LINE, "LINE 39", "LINE 40"]


def test_a_long_line_or_other_characters_fill_80_columns(tmp_path):
    section = open_segy(make_segy(tmp_path / "s.sgy", ramp(3, 4)))
    report = write_segy_like(section, section, tmp_path / "t.sgy", line="DREAMED BY SEISDREAM é\n" + "x" * 90)
    line = read_text_header(tmp_path / "t.sgy")[report.text_line - 1]
    assert line == "C38 DREAMED BY SEISDREAM ??" + "x" * 53
    assert open_segy(tmp_path / "t.sgy").shape == section.shape


# What must not happen ---------------------------------------------------------------------


@pytest.fixture
def line_and_source(tmp_path):
    source = make_segy(tmp_path / "s.sgy", ramp(3, 4))
    return open_segy(source), source


def test_the_input_is_never_changed(line_and_source):
    section, source = line_and_source
    before = source.read_bytes()
    with raises("incompatible"):
        write_segy_like(section * 2, section, source, line=LINE, force=True)
    assert source.read_bytes() == before


def test_no_file_is_overwritten_without_force(line_and_source, tmp_path):
    section, _ = line_and_source
    (tmp_path / "t.sgy").write_text("mine")
    with raises("exists"):
        write_segy_like(section, section, tmp_path / "t.sgy", line=LINE)
    assert (tmp_path / "t.sgy").read_text() == "mine"


def test_a_changed_source_is_refused(line_and_source, tmp_path):
    section, source = line_and_source
    make_segy(source, ramp(4, 4))
    with raises("changed"):
        write_segy_like(section, section, tmp_path / "t.sgy", line=LINE)
    assert not (tmp_path / "t.sgy").exists()


def test_another_shape_is_refused(line_and_source, tmp_path):
    section, _ = line_and_source
    with raises("wrong-shape"):
        write_segy_like(section[:-1], section, tmp_path / "t.sgy", line=LINE)
    with raises("out-of-range"):
        write_segy_like(section, section, tmp_path / "t.sgy", line=LINE, scope="half")
    stranger = section.copy()
    stranger.attrs = {"format": "PNG"}
    with raises("incompatible"):
        write_segy_like(section, stranger, tmp_path / "t.sgy", line=LINE)


@pytest.mark.parametrize("exception", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("scope", ["whole", "section"])
def test_a_full_disk_or_an_interrupt_leaves_no_file(line_and_source, tmp_path, monkeypatch, exception, scope):
    section, _ = line_and_source

    def fail(*arguments):
        raise exception

    monkeypatch.setattr(segy_write._Patch, "_apply", fail)
    expected = SeisdreamError if isinstance(exception, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_segy_like(section * 2, section, tmp_path / "t.sgy", line=LINE, scope=scope)
    assert [path.name for path in tmp_path.iterdir()] == ["s.sgy"]


def test_a_large_file_is_copied_without_loading_it(line_and_source, tmp_path, monkeypatch):
    section, source = line_and_source
    copied = []
    original = shutil.copyfile
    monkeypatch.setattr(segy_write.shutil, "copyfile", lambda *paths: copied.append(paths) or original(*paths))
    write_segy_like(section, section, tmp_path / "t.sgy", line=LINE)
    assert [paths[0] for paths in copied] == [read_layout(source).path]
