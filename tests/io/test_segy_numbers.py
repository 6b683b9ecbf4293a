"""Write other quantities than amplitudes with the headers and geometry of a SEG-Y file."""

import shutil

import numpy as np
import pytest
import segyio

from errors import raises
from segy_files import make_segy, numbered, ramp
from seisdream.io.segy import SegyVolume, open_segy, read_survey, read_text_header, writing_segy_numbers
from seisdream.seismic.sections import muted_samples

LINE = "PREDICTED BY SEISDREAM 0.1 facies: probability of salt, -1 absent"
FILES = [
    "31_81_PR.sgy",
    "F3_very_small.sgy",
    "segyio/f3.sgy",
    "segyio/f3-lsb.sgy",
    "segyio/small.sgy",
    *(f"segyio/multiformats/Format{code}{order}.sgy" for code in (1, 2, 3, 5, 8) for order in ("lsb", "msb")),
]


def shares(section, seed=0):
    return section.copy(data=np.random.default_rng(seed).uniform(0, 1, section.shape).astype(np.float32))


def headers_of(path, n_traces, trace_bytes, start=3600):
    data = np.frombuffer(path.read_bytes()[start:], np.uint8).reshape(n_traces, trace_bytes)
    return data[:, :240]


@pytest.mark.parametrize("name", FILES)
def test_fractions_round_trip_in_every_format_with_the_source_headers(shared, tmp_path, name):
    source, target = shared / "data" / name, tmp_path / "numbers.sgy"
    before = read_survey(source)
    section = open_segy(source)
    with writing_segy_numbers(section, target, line=LINE) as numbers:
        numbers.put(shares(section))
    after = read_survey(target)
    is_float = before.sample_format in (1, 5, 6)
    assert after.sample_format == (before.sample_format if is_float else 5)
    assert (after.endian, after.encoding, after.kind, after.n_traces, after.n_samples, after.dt_ms, after.start_ms) == (
        before.endian, before.encoding, before.kind, before.n_traces, before.n_samples, before.dt_ms, before.start_ms,
    )  # fmt: skip
    again = open_segy(target)
    np.testing.assert_allclose(again.values, shares(section).values, rtol=2e-6)
    for coordinate in set(section.coords):
        np.testing.assert_array_equal(again[coordinate], section[coordinate])
    # Byte for byte: all trace headers, and of the file's own headers all but one line and the format's code.
    old, new = before.layout, after.layout
    np.testing.assert_array_equal(
        headers_of(target, new.n_traces, new.trace_bytes), headers_of(source, old.n_traces, old.trace_bytes)
    )
    head, new_head = bytearray(source.read_bytes()[:3600]), bytearray(target.read_bytes()[:3600])
    (line,) = [number for number, text in enumerate(read_text_header(target)) if LINE in text]
    for one in (head, new_head):
        one[line * 80 : line * 80 + 80] = bytes(80)
        one[3224:3226] = bytes(2)
    assert head == new_head


@pytest.mark.parametrize("name", ["31_81_PR.sgy", "F3_very_small.sgy", "segyio/f3.sgy", "segyio/f3-lsb.sgy"])
def test_segyio_reads_the_same_geometry_and_numbers(shared, tmp_path, name):
    source, target = shared / "data" / name, tmp_path / "numbers.sgy"
    section = open_segy(source)
    with writing_segy_numbers(section, target, line=LINE) as numbers:
        numbers.put(shares(section))
    words = {"endian": "little" if "lsb" in name else "big", "ignore_geometry": name.startswith("31")}
    with segyio.open(source, **words) as old, segyio.open(target, **words) as new:
        assert old.tracecount == new.tracecount
        assert segyio.dt(old) == segyio.dt(new)
        np.testing.assert_array_equal(old.samples, new.samples)
        if not words["ignore_geometry"]:
            np.testing.assert_array_equal(old.ilines, new.ilines)
            np.testing.assert_array_equal(old.xlines, new.xlines)
        for word in (segyio.TraceField.CDP_X, segyio.TraceField.CDP_Y, segyio.TraceField.SourceGroupScalar,
                     segyio.TraceField.INLINE_3D, segyio.TraceField.CROSSLINE_3D):  # fmt: skip
            np.testing.assert_array_equal(old.attributes(word)[:], new.attributes(word)[:])
        traces = section.trace_index.values
        np.testing.assert_allclose(new.trace.raw[:][traces], shares(section).values.T, rtol=2e-6)


def test_a_volume_is_filled_inline_by_inline_and_the_rest_is_absent(shared, tmp_path):
    source, target = shared / "data" / "segyio/f3.sgy", tmp_path / "numbers.sgy"
    volume = SegyVolume(source)
    assert volume.shape == (23, 18, 75)
    with writing_segy_numbers(volume.open(111), target, line=LINE, absent=-1.0) as numbers:
        for seed, inline in enumerate(volume.inlines[:-3]):
            numbers.put(shares(volume.open(inline), seed))
    for seed, inline in enumerate(volume.inlines):
        expected = shares(volume.open(inline), seed).values if inline in volume.inlines[:-3] else -1.0
        np.testing.assert_allclose(open_segy(target, inline=inline).values, expected, rtol=1e-6)


def test_scope_section_has_its_traces_only(shared, tmp_path):
    source, target = shared / "data" / "segyio/f3.sgy", tmp_path / "numbers.sgy"
    section = open_segy(source, crossline=880)
    with writing_segy_numbers(section, target, line=LINE, scope="section") as numbers:
        numbers.put(shares(section))
    with segyio.open(target, ignore_geometry=True) as file:
        assert set(file.attributes(segyio.TraceField.CROSSLINE_3D)[:]) == {880}
        np.testing.assert_array_equal(file.attributes(segyio.TraceField.INLINE_3D)[:], section.inline)
        np.testing.assert_allclose(file.trace.raw[:], shares(section).values.T, rtol=1e-6)


def test_a_time_slice_lies_at_its_time(shared, tmp_path):
    source, target = shared / "data" / "segyio/f3.sgy", tmp_path / "numbers.sgy"
    section = open_segy(source, time_ms=100)
    with writing_segy_numbers(section, target, line=LINE, scope="section", absent=-1.0) as numbers:
        numbers.put(shares(section))
    np.testing.assert_allclose(open_segy(target, time_ms=100).values, shares(section).values, rtol=1e-6)
    assert (open_segy(target, time_ms=104).values == -1).all()


def test_absent_samples_are_written_as_the_given_number(tmp_path):
    words = numbered([1, 2, 3], [10, 11, 12, 13])
    keep = np.arange(12) != 5
    values = ramp(12, 20)[keep]
    values[0, 3] = np.nan
    source = make_segy(tmp_path / "gap.sgy", values, words={byte: word[keep] for byte, word in words.items()})
    volume = SegyVolume(source, nan="absent")
    with writing_segy_numbers(volume.open(1), tmp_path / "out.sgy", line=LINE, absent=255) as numbers:
        for inline in volume.inlines:
            section = volume.open(inline)
            numbers.put(section.where(section.isnull(), 1.0))
    assert open_segy(tmp_path / "out.sgy", inline=1).values[3, 0] == 255
    middle = open_segy(tmp_path / "out.sgy", inline=2)
    assert np.isnan(middle.values[:, 1]).all()
    assert (middle.values[:, [0, 2, 3]] == 1).all()
    assert read_survey(tmp_path / "out.sgy").n_missing == 1


def test_extended_headers_and_doubles_are_kept(tmp_path):
    source = make_segy(tmp_path / "a.sgy", ramp(5, 30), sample_format=6, extended=2)
    section = open_segy(source)
    with writing_segy_numbers(section, tmp_path / "b.sgy", line=LINE) as numbers:
        numbers.put(shares(section))
    assert read_survey(tmp_path / "b.sgy").layout.start == 3600 + 2 * 3200
    np.testing.assert_array_equal(open_segy(tmp_path / "b.sgy").values, shares(section).values)
    assert source.read_bytes()[3600:10000] == (tmp_path / "b.sgy").read_bytes()[3600:10000]


def test_the_line_of_an_earlier_prediction_is_replaced(shared, tmp_path):
    section = open_segy(shared / "data" / "segyio/f3.sgy")
    first, second = tmp_path / "first.sgy", tmp_path / "second.sgy"
    with writing_segy_numbers(section, first, line=LINE) as numbers:
        numbers.put(shares(section))
    with writing_segy_numbers(open_segy(first), second, line=LINE.replace("salt", "mud")) as numbers:
        numbers.put(shares(section))
    (line,) = [line for line in read_text_header(second) if "SEISDREAM" in line]
    assert "mud" in line


def test_no_file_is_left_if_the_source_changed_or_writing_failed(shared, tmp_path):
    source = tmp_path / "source.sgy"
    shutil.copy(shared / "data" / "segyio/f3.sgy", source)
    source.chmod(0o644)
    section = open_segy(source)
    with pytest.raises(ZeroDivisionError), writing_segy_numbers(section, tmp_path / "out.sgy", line=LINE):
        raise ZeroDivisionError
    with (
        raises("incompatible"),
        writing_segy_numbers(section, source, line=LINE, force=True),
    ):
        pass
    source.write_bytes(source.read_bytes()[:-390])
    with raises("changed"), writing_segy_numbers(section, tmp_path / "out.sgy", line=LINE):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["source.sgy"]
    array = section.assign_attrs(format="array")
    with raises("incompatible"), writing_segy_numbers(array, tmp_path / "out.sgy", line=LINE):
        pass


def test_inlines_of_a_volume_equal_those_opened_one_by_one(shared):
    for name in ("F3_very_small.sgy", "segyio/f3.sgy"):
        path = shared / "data" / name
        volume = SegyVolume(path)
        for inline in volume.inlines[::7]:
            alone, inside = open_segy(path, inline=inline), volume.open(inline)
            np.testing.assert_array_equal(inside.values, alone.values)
            for coordinate in ("time", "crossline", "trace_index"):
                np.testing.assert_array_equal(inside[coordinate], alone[coordinate])


def test_the_grey_mapping_is_that_of_the_whole_volume(shared):
    path = shared / "data" / "segyio/f3.sgy"
    volume = SegyVolume(path)
    sections = [open_segy(path, inline=inline) for inline in volume.inlines]
    present = [section.values[~muted_samples(section)] for section in sections]
    clip = np.percentile(np.abs(np.concatenate(present)), 98)
    mapping = volume.grey_mapping(98)
    assert (mapping.low, mapping.high) == pytest.approx((-clip, clip))


def test_files_that_are_not_volumes_are_refused(shared, tmp_path):
    with raises("no-geometry"):
        SegyVolume(shared / "data" / "31_81_PR.sgy")
    with raises("not-supported"):
        SegyVolume(shared / "data" / "segyio/shot-gather.sgy")
    dead = make_segy(tmp_path / "dead.sgy", np.zeros((12, 20)), words=numbered([1, 2, 3], [10, 11, 12, 13]))
    with raises("no-signal"):
        SegyVolume(dead).grey_mapping(99)
