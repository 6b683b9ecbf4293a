"""Damaged SEG-Y: every fault is a `SeisdreamError`, whatever the file contains."""

import bz2
import gzip
import io
import lzma
import math
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import raises
from segy_files import make_segy, numbered, ramp
from seisdream.errors import SeisdreamError
from seisdream.io.segy import open_segy, read_survey, read_text_header, survey_statistics


@pytest.fixture
def cube(tmp_path):
    return make_segy(tmp_path / "cube.sgy", ramp(6, 5), words=numbered([1, 2], [7, 8, 9]))


def patch(path, offset, *values):
    data = bytearray(path.read_bytes())
    data[offset - 1 : offset - 1 + len(values)] = bytes(values)
    path.write_bytes(bytes(data))
    return path


def zipped(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("line.sgy", data)
    return file.getvalue()


def refused(path, code, *parts, **options):
    """Assert that a file is refused with a code, and that the message has its path and some parts."""
    with raises(code) as error:
        open_segy(path, **options)
    assert all(part in str(error.value) for part in (str(path), *parts))


def test_missing_and_other_files_are_refused(tmp_path):
    refused(tmp_path / "nowhere.sgy", "not-found")
    refused(tmp_path, "wrong-type")
    (tmp_path / "empty.sgy").touch()
    refused(tmp_path / "empty.sgy", "corrupt", "0 bytes")
    (tmp_path / "prose.sgy").write_text("This is a letter, not a line.\n" * 500)
    refused(tmp_path / "prose.sgy", "unreadable", "text file")
    (tmp_path / "short.sgy").write_text("time,amplitude\n0,1\n")
    refused(tmp_path / "short.sgy", "unreadable", "text file")
    (tmp_path / "noise.sgy").write_bytes(np.random.default_rng(3).bytes(9000))
    refused(tmp_path / "noise.sgy", "unreadable", "sample format code")
    with raises("corrupt"):
        read_text_header(tmp_path / "short.sgy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.sgy")
    refused(tmp_path / "pipe.sgy", "unreadable", "regular file")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(cube):
    cube.chmod(0)
    refused(cube, "unreadable")


def test_truncated_at_every_byte(cube):
    data = cube.read_bytes()
    trace_bytes = 240 + 20
    lengths = {*range(0, len(data), 37), *range(3190, 3900), *range(len(data) - 300, len(data))}
    for length in sorted(lengths):
        cube.write_bytes(data[:length])
        if length > 3600 and (length - 3600) % trace_bytes == 0:
            # Truncation between traces leaves a valid, smaller file.
            assert open_segy(cube).size
            continue
        if length > 3600 + trace_bytes:
            # Whole traces are read; the rest is reported.
            (problem,) = [one for one in read_survey(cube).problems if "bytes follow the last of" in one.what]
            assert (problem.is_noted, problem.is_fatal) == (True, False)
            continue
        with raises("corrupt") as caught:
            open_segy(cube)
        message = str(caught.value)
        if length == 0:
            assert "empty" in message
        elif length < 3200:
            assert "inside its text header" in message
        elif length < 3600:
            assert "inside its binary header" in message
        elif length == 3600:
            assert "no traces" in message
        else:
            assert f"inside trace {(length - 3600) // trace_bytes + 1}" in message
            assert "`endian" not in message


def test_wrong_endian_is_not_called_truncation(cube, shared):
    refused(cube, "incompatible", "`endian='big'`", endian="little")
    refused(shared / "data/segyio/f3-lsb.sgy", "incompatible", "`endian='little'`", endian="big")
    with raises("unknown-name"):
        read_survey(cube, endian="middle")
    assert read_survey(cube, endian="big").n_traces == 6


def test_two_byte_orders_in_one_file(cube):
    data = bytearray(cube.read_bytes())
    for trace in range(6):
        start = 3600 + trace * 260 + 114
        data[start : start + 2] = data[start : start + 2][::-1]
    cube.write_bytes(bytes(data))
    refused(cube, "not-supported", "byte order")


@pytest.mark.parametrize("code", [4, 7, 15])
def test_unsupported_sample_formats_are_refused(cube, code):
    refused(patch(cube, 3225, 0, code), "not-supported", f"sample format {code}")


@pytest.mark.parametrize("code", [0, 17, 0x101])
def test_sample_formats_that_do_not_exist_are_refused(cube, code):
    refused(patch(cube, 3225, *code.to_bytes(2, "big")), "unreadable")


@pytest.mark.parametrize("stated", [0, 9, 4])
def test_the_trace_headers_state_the_samples_where_the_binary_header_is_wrong(cube, stated):
    values = open_segy(cube).values
    (problem,) = read_survey(patch(cube, 3221, 0, stated)).problems
    assert (problem.is_noted, problem.is_fatal) == (True, False)
    np.testing.assert_array_equal(open_segy(cube), values)


def test_a_number_of_samples_that_fits_nothing_is_refused(cube):
    data = bytearray(cube.read_bytes())
    for trace in range(6):
        data[3600 + trace * 260 + 115] = 7
    cube.write_bytes(bytes(data))
    refused(patch(cube, 3221, 0, 0), "corrupt", "0 samples")
    refused(patch(cube, 3221, 0, 9), "corrupt", "9 samples")


@pytest.mark.parametrize("n_zeros", [1, 100, 260 * 3 + 7])
def test_zeros_that_fill_up_a_file_are_no_traces(cube, n_zeros):
    data = cube.read_bytes()
    values = open_segy(cube).values
    cube.write_bytes(data + bytes(n_zeros))
    (problem,) = read_survey(cube).problems
    assert f"{n_zeros} zero bytes" in problem.what
    np.testing.assert_array_equal(open_segy(cube), values)


@pytest.mark.parametrize(
    ("pack", "word"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2"), (lzma.compress, "xz"), (zipped, "ZIP")]
)
def test_packed_files_under_the_name_of_segy_are_named(cube, pack, word):
    cube.write_bytes(pack(np.random.default_rng(0).bytes(9000)))
    refused(cube, "unreadable", word)


def test_the_end_of_a_seismic_unix_file_that_is_cut_is_left_out(tmp_path, cube):
    data = cube.read_bytes()[3600:]
    path = tmp_path / "a.su"
    path.write_bytes(data[:-7])
    survey = read_survey(path)
    assert (survey.n_traces, survey.layout.is_seismic_unix) == (5, True)
    assert "253 bytes follow" in survey.problems[0].what


def test_missing_extended_headers_are_refused(cube):
    refused(patch(cube, 3505, 0, 3), "corrupt", "3 extended text headers")
    refused(patch(cube, 3505, 0xFF, 0xFF), "not-supported", "-1 extended text headers")


def test_revision_2_layouts(cube):
    patch(cube, 3501, 2, 0)
    assert open_segy(cube).size
    # Bytes 3507–3510 state the largest number of additional headers, and these traces have none.
    assert open_segy(patch(cube, 3507, 0, 0, 0, 1)).size


def test_one_trace_and_one_sample_open(tmp_path):
    assert open_segy(make_segy(tmp_path / "one.sgy", ramp(1, 5))).shape == (5, 1)
    assert open_segy(make_segy(tmp_path / "flat.sgy", ramp(5, 1))).shape == (1, 5)


def test_file_that_shrinks_while_it_is_read(cube):
    survey = read_survey(cube)
    cube.write_bytes(cube.read_bytes()[:-100])
    with raises("changed"):
        survey_statistics(survey)


# Random damage --------------------------------------------------------------------------

FILES = ["F3_very_small.sgy", "segyio/f3-lsb.sgy", "segyio/small.sgy", "segyio/shot-gather.sgy"]
FILES += [f"segyio/multiformats/Format{name}.sgy" for name in ("1lsb", "5msb", "8msb")]

# Damage is concentrated in the binary header and in the words of trace headers that are read.
WORDS = [9, 13, 21, 37, 71, 109, 115, 117, 181, 185, 189, 193, 215]
BINARY = [3213, 3217, 3221, 3225, 3269, 3273, 3501, 3505, 3507, 3521, 3529]


@st.composite
def damages(draw):
    in_binary = st.tuples(st.sampled_from(BINARY), st.binary(min_size=1, max_size=8))
    anywhere = st.tuples(st.integers(1, 3600), st.binary(min_size=1, max_size=8))
    in_trace = st.tuples(st.just(0), st.integers(0, 413), st.sampled_from(WORDS), st.binary(min_size=1, max_size=4))
    return draw(st.lists(st.one_of(in_binary, in_trace, anywhere), min_size=1, max_size=5))


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, shared):
    open_segy(shared / "data" / "segyio" / "small.sgy")  # so that imports on first use do not count as memory
    return tmp_path_factory.mktemp("damaged") / "damaged.sgy"


@pytest.mark.slow
@given(
    name=st.sampled_from(FILES),
    damage=damages(),
    kept=st.one_of(st.none(), st.floats(0, 1)),
    selection=st.sampled_from([{}, {"inline": 120}, {"crossline": 22}, {"time_ms": 40.0}]),
    options=st.sampled_from([{}, {"endian": "little"}, {"dt_ms": 2.0}, {"inline_byte": 9, "crossline_byte": 21}]),
)
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_damaged_headers_raise_only_seisdream_errors(shared, damaged, name, damage, kept, selection, options):
    data = bytearray((shared / "data" / name).read_bytes())
    trace_bytes = 240 + int.from_bytes(data[3220:3222], "little" if "lsb" in name else "big") * {
        "F3_very_small.sgy": 4, "segyio/f3-lsb.sgy": 2, "segyio/small.sgy": 4, "segyio/shot-gather.sgy": 4
    }.get(name, 1 if "8msb" in name else 4)  # fmt: skip
    for place in damage:
        offset = place[0] if len(place) == 2 else 3600 + place[1] * trace_bytes + place[2]
        data[offset - 1 : offset - 1 + len(place[-1])] = place[-1] if offset < len(data) - 8 else b""
    data = bytes(data) if kept is None else bytes(data[: math.ceil(kept * len(data))])
    damaged.write_bytes(data)
    for action in (
        lambda: open_segy(damaged, nan="absent", **selection, **options),
        lambda: survey_statistics(read_survey(damaged, **options)),
    ):
        tracemalloc.start()
        try:
            action()
        except SeisdreamError:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        # One-byte samples become four bytes, twice for a moment; a grid has up to 20 positions of 4 bytes per trace.
        assert peak < 40 * len(data) + 2_000_000
