"""The samples are checked against the headers: formats, undefined values, lengths, line numbers and intervals."""

import numpy as np
import pytest

from errors import raises
from segy_files import ibm_words, make_segy, numbered, text_header, wiggles
from seisdream.io.segy import open_segy, read_survey, survey_statistics, write_segy_like, writing_segy_numbers
from seisdream.io.segy.sample_check import doubt_format, read_sample_block

GRID = numbered(np.arange(100, 108), np.arange(300, 320))
D = wiggles(160, 128)
INLINE_104 = D.reshape(8, 20, 128)[4].T

# Words by what they are: (values as words, format of the words, byte order).
WORDS = {
    "ibm": (ibm_words(D), 10, "big"),
    "ieee": (D, 5, "big"),
    "int32": (D.astype("i4"), 2, "big"),
    "ibm-little": (ibm_words(D).byteswap(), 10, "big"),
    "ieee-little": (D.view("u4").byteswap(), 10, "big"),
    "int32-little": (D.astype("i4").view("u4").byteswap(), 10, "big"),
    "int16": (D.astype("i2"), 3, "big"),
    "int16-little": (D.astype("i2").view("u2").byteswap(), 11, "big"),
    "int8": ((D / 50).astype("i1"), 8, "big"),
    "uint8": ((D / 50 + 128).astype("u1"), 16, "big"),
    "float64-little": (D.astype("f8").view("u8").byteswap(), 12, "big"),
}
CODES = {"ibm": 1, "ieee": 5, "int32": 2, "int16": 3, "uint16": 11, "int8": 8, "uint8": 16, "float64": 6}


def file_of(path, true, stated, **options):
    words, kind, endian = WORDS[true]
    binary = {3225: CODES[stated], **options.pop("binary", {})}
    return make_segy(path, words, sample_format=kind, endian=endian, words=GRID, binary=binary, **options)


def about(survey, option):
    return [problem for problem in survey.problems if f"`{option}" in problem.fix or problem.option == option]


# Sample formats --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "true"),
    [(stated, true) for stated in ("ibm", "ieee", "int32") for true in list(WORDS)[:6]]
    + [("int16", "int16"), ("int16", "int16-little"), ("uint16", "int16"), ("int8", "int8"), ("int8", "uint8")]
    + [("uint8", "int8"), ("uint8", "uint8"), ("float64", "float64-little")],
)
def test_samples_of_another_format_draw_a_remark_with_the_right_one(tmp_path, stated, true):
    path = file_of(tmp_path / "a.sgy", true, stated)
    survey = read_survey(path)
    found = about(survey, "sample_format")
    if stated == true:
        assert found == []
        return
    (problem,) = found
    assert f"`sample_format='{true}'`" in problem.fix
    assert (problem.is_noted, problem.is_fatal) == (True, False)
    assert any("sample_format" in note for note in survey.notes)
    section = open_segy(path, inline=104, sample_format=true)
    scale, step = (50, 50) if "int8" in true else (1, 1) if "int" in true else (1, 1e-2)
    values = section.values - (128 if true == "uint8" else 0)
    np.testing.assert_allclose(values * scale, INLINE_104, atol=step)
    assert about(read_survey(path, sample_format=true), "sample_format") == []


@pytest.mark.parametrize("scale", [0.2, 3, 8])
def test_rough_integers_of_2_bytes_in_the_wrong_order_draw_a_remark(tmp_path, scale):
    whole = np.clip(np.rint(wiggles(160, 384)[:, ::3] * scale), -32768, 32767).astype("i2")
    for words, found in ((whole, 0), (whole.byteswap(), 1), (whole // 64 * 64, 0), (whole >> 8 << 8, 0)):
        survey = read_survey(make_segy(tmp_path / "a.sgy", words, sample_format=3, words=GRID))
        assert ["'int16-little'" in one.fix for one in about(survey, "sample_format")] == [True] * found


@pytest.mark.parametrize("true", ["ibm", "ieee", "ibm-little", "ieee-little", "int32", "int32-little"])
@pytest.mark.parametrize("stated", ["ibm", "ieee", "int32"])
def test_whole_and_rough_amplitudes_are_not_taken_for_integers(tmp_path, stated, true):
    # As in F3: whole numbers, so that the last bytes of floats are 0, at an interval at which neighbours differ.
    whole = np.rint(wiggles(160, 384)[:, ::3] * 3)
    words = {"ibm": ibm_words(whole), "ieee": whole.astype("f4").view("u4"), "int32": whole.astype("i4").view("u4")}
    kind, _, order = true.partition("-")
    words = words[kind].byteswap() if order else words[kind]
    path = make_segy(tmp_path / "a.sgy", words, sample_format=10, words=GRID, binary={3225: CODES[stated]})
    found = about(read_survey(path), "sample_format")
    assert [f"`sample_format='{true}'`" in problem.fix for problem in found] == [True] * (stated != true)


def test_a_format_that_is_given_is_not_doubted(tmp_path):
    path = file_of(tmp_path / "a.sgy", "ieee", "ibm")
    assert read_survey(path, sample_format="ibm").problems == ()
    assert read_survey(path, sample_format=5).sample_format == 5
    for wrong in ("float128", "ibm-middle", 4):
        with raises("unknown-name", "sample_format"):
            read_survey(path, sample_format=wrong)


@pytest.mark.parametrize("code", [0, 4, 7, 200])
@pytest.mark.parametrize("true", ["ibm", "ieee", "int16"])
def test_a_code_that_is_not_known_is_read_as_the_option_states(tmp_path, code, true):
    path = file_of(tmp_path / "a.sgy", true, true, binary={3225: code})
    with raises("not-supported" if code in (4, 7) else "unreadable", "sample_format") as error:
        open_segy(path)
    if code in (0, 200):
        assert f"`sample_format='{true}'`" in str(error.value)
    np.testing.assert_allclose(open_segy(path, inline=104, sample_format=true), INLINE_104, atol=1)


def test_samples_of_another_length_than_stated_are_named(tmp_path):
    path = file_of(tmp_path / "a.sgy", "int16", "ibm")
    with raises("corrupt", "sample_format") as error:
        read_survey(path)
    assert "`sample_format='int16'`" in str(error.value)
    assert read_survey(path, sample_format="int16").n_traces == 160


def test_quiet_noisy_and_coarse_files_are_not_doubted(tmp_path):
    rng = np.random.default_rng(1)
    noise = rng.normal(size=D.shape).astype("f4")
    decaying = (D * np.exp(-np.arange(128) / 2)).astype("f4")
    few_levels = np.sign(D) * 127
    for number, (words, kind) in enumerate(
        [
            (noise, 5),
            (ibm_words(noise), 1),
            (decaying, 5),
            (ibm_words(decaying), 1),
            (few_levels.astype("i1"), 8),
            (rng.integers(-30000, 30000, D.shape), 3),
            (D * 1e5, 2),
            (np.zeros(D.shape), 5),
            (np.where(D > 0, 3, 1), 16),
            (1500 + D / 10, 5),
        ]
    ):
        survey = read_survey(make_segy(tmp_path / f"{number}.sgy", words, sample_format=kind, words=GRID))
        assert survey.problems == (), number


def test_public_files_draw_no_remark(shared):
    for path in sorted((shared / "data").rglob("*.sgy")):
        problems = read_survey(path).problems
        assert [problem.is_fatal for problem in problems] == [True] * ("shot-gather" in path.name), path


def test_a_dream_is_written_in_the_true_format_and_the_headers_stay(tmp_path):
    path = file_of(tmp_path / "a.sgy", "ieee", "ibm")
    original = open_segy(path, inline=104, sample_format="ieee")
    changed = original.copy(data=original.values + 7)
    write_segy_like(changed, original, tmp_path / "b.sgy", line="A DREAM")
    assert (tmp_path / "b.sgy").read_bytes()[3200:3600] == path.read_bytes()[3200:3600]
    np.testing.assert_array_equal(open_segy(tmp_path / "b.sgy", inline=104, sample_format="ieee"), changed)
    with writing_segy_numbers(original, tmp_path / "c.sgy", line="SHARES", scope="section") as numbers:
        numbers.put(original.copy(data=np.full(original.shape, 0.25)))
    assert (read_survey(tmp_path / "c.sgy").sample_format, read_survey(tmp_path / "c.sgy").problems) == (5, ())
    assert (open_segy(tmp_path / "c.sgy") == 0.25).all()


# Undefined values ------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1e30, -999.25, 3.4028235e38, 9999.0, -1e20, 12345678.0])
@pytest.mark.parametrize("code", ["ibm", "ieee"])
def test_undefined_samples_are_refused_and_made_absent_by_option(tmp_path, value, code):
    samples = D.copy()
    samples[80:90, :40] = value  # Half of inline 104.
    samples[3, 30:100] = value
    if code == "ibm" and value > 1e38:
        value = samples[80, 0] = 2.0**127
        samples[80:90, :40] = samples[3, 30:100] = value
    words = ibm_words(samples) if code == "ibm" else samples
    path = make_segy(tmp_path / "a.sgy", words, sample_format=CODES[code], words=GRID)
    survey = read_survey(path)
    (problem,) = about(survey, "undefined")
    assert problem.is_fatal
    assert f"{value:.8g}"[:5] in problem.what
    with raises("not-finite", "undefined"):
        open_segy(path)
    is_undefined = np.isclose(samples.reshape(8, 20, 128)[4].T, value, rtol=1e-5)
    for option in ("auto", value, str(value), [value]):
        section = open_segy(path, inline=104, undefined=option)
        np.testing.assert_array_equal(np.isnan(section), is_undefined)
    assert np.isfinite(open_segy(path, inline=104, undefined="present")).all()
    statistics = survey_statistics(survey)
    assert statistics["n_undefined"] == 10 * 40 + 70
    assert statistics["n_nan"] == 0
    assert statistics["max"] < 6000
    with raises("not-finite", "undefined"):
        open_segy(path, undefined=5.0)
    with raises("unknown-name", "undefined"):
        open_segy(path, undefined="nothing")


def test_undefined_samples_keep_their_bytes_in_a_dream(tmp_path):
    samples = D.copy()
    samples[80:90, :40] = -999.25
    path = make_segy(tmp_path / "a.sgy", samples, words=GRID)
    original = open_segy(path, inline=104, undefined="auto")
    write_segy_like(original + 1, original, tmp_path / "b.sgy", line="A DREAM")
    written = open_segy(tmp_path / "b.sgy", inline=104, undefined="present").values
    assert (written[:40, :10] == np.float32(-999.25)).all()
    np.testing.assert_allclose(written[40:], INLINE_104[40:] + 1, atol=1e-3)


# Revision 2 ------------------------------------------------------------------------------


@pytest.mark.parametrize("endian", ["big", "little"])
@pytest.mark.parametrize(
    "words", [{3221: 0}, {3221: 40000}, {3221: 70000 & 0xFFFF}, {3221: 0, 3501: 0}], ids=["0", "40000", "low", "rev 0"]
)
def test_long_traces_of_revision_2(tmp_path, endian, words):
    samples = wiggles(3, 70000)
    binary = {3269: (70000, "i"), 3297: (16909060, "i"), 3501: 0x200, **words}
    path = make_segy(tmp_path / "a.sgy", samples, endian=endian, binary=binary)
    survey = read_survey(path)
    assert (survey.n_samples, survey.n_traces, survey.endian) == (70000, 3, endian)
    np.testing.assert_array_equal(open_segy(path).values, samples.T)


def test_an_interval_of_revision_2_is_a_double(tmp_path):
    path = make_segy(tmp_path / "a.sgy", D, dt_us=333, binary={3273: (333.3333, "d"), 3501: 0x200}, words=GRID)
    assert read_survey(path).dt_ms == pytest.approx(0.3333333)


def test_trailers_and_trace_counts_of_revision_2(tmp_path):
    for stanzas in (2, -1):
        binary = {3501: 0x200, 3529: (stanzas, "i"), 3513: (160, "Q")}
        path = make_segy(tmp_path / "a.sgy", D, binary=binary, words=GRID)
        path.write_bytes(path.read_bytes() + text_header() * 2)
        survey = read_survey(path)
        assert survey.n_traces == 160
        assert survey.problems == ()
        original = open_segy(path, inline=104)
        np.testing.assert_array_equal(original, INLINE_104)
        write_segy_like(original + 1, original, tmp_path / "whole.sgy", line="x", force=True)
        assert (tmp_path / "whole.sgy").stat().st_size == path.stat().st_size
        write_segy_like(original + 1, original, tmp_path / "section.sgy", line="x", scope="section", force=True)
        assert (read_survey(tmp_path / "section.sgy").n_traces, read_survey(tmp_path / "section.sgy").notes) == (20, [])


def test_additional_trace_headers_of_revision_2(tmp_path):
    path = make_segy(tmp_path / "a.sgy", D, binary={3501: 0x200, 3507: (1, "i")}, words=GRID)
    data = path.read_bytes()
    path.write_bytes(data[:3600] + with_second_headers(data, bytes(range(240))))
    original = open_segy(path, inline=104)
    np.testing.assert_array_equal(original, INLINE_104)
    write_segy_like(original + 1, original, tmp_path / "b.sgy", line="x", scope="section")
    np.testing.assert_array_equal(open_segy(tmp_path / "b.sgy"), INLINE_104 + 1)


def with_second_headers(data, second=None):
    traces = [data[at : at + 240 + 4 * 128] for at in range(3600, len(data), 240 + 4 * 128)]
    return b"".join(trace[:240] + (second or trace[:240]) + trace[240:] for trace in traces)


def test_a_variable_number_of_extended_headers(tmp_path):
    path = make_segy(tmp_path / "a.sgy", D, binary={3505: (-1, "h")}, words=GRID)
    data = path.read_bytes()
    last = "((SEG: EndText))".ljust(3200).encode("cp037")
    path.write_bytes(data[:3600] + text_header() + last + data[3600:])
    np.testing.assert_array_equal(open_segy(path, inline=104), INLINE_104)


# Stray bytes -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text twice", "headers twice", "text not counted", "trace headers twice", "rest"])
def test_stray_bytes_are_skipped_with_a_remark(tmp_path, kind):
    path = make_segy(tmp_path / "a.sgy", D, words=GRID)
    data = path.read_bytes()
    path.write_bytes(
        {
            "text twice": data[:3200] + data,
            "headers twice": data[:3600] + data,
            "text not counted": data[:3600] + text_header() + data[3600:],
            "trace headers twice": data[:3600] + with_second_headers(data),
            "rest": data + data[3600:4000],
        }[kind]
    )
    survey = read_survey(path)
    assert survey.n_traces == 160
    assert len(survey.notes) == 1
    original = open_segy(path, inline=104)
    np.testing.assert_array_equal(original, INLINE_104)
    write_segy_like(original + 1, original, tmp_path / "b.sgy", line="x")
    np.testing.assert_array_equal(open_segy(tmp_path / "b.sgy", inline=104), INLINE_104 + 1)
    with writing_segy_numbers(original, tmp_path / "c.sgy", line="x") as numbers:
        numbers.put(original * 0 + 3)
    assert (open_segy(tmp_path / "c.sgy", inline=104) == 3).all()


@pytest.mark.parametrize("stray", ["trace header", "file headers"])
def test_headers_among_the_traces_are_found(tmp_path, stray):
    path = make_segy(tmp_path / "a.sgy", D, words=GRID)
    data, at = path.read_bytes(), 3600 + 77 * 752
    path.write_bytes(data[:at] + (data[at : at + 240] if stray == "trace header" else data[:3600]) + data[at:])
    with raises("corrupt") as error:
        read_survey(path)
    assert f"at byte {at + 1}" in str(error.value)


# Line numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("endian", ["big", "little"])
@pytest.mark.parametrize("kind", ["i2", "f4", "ibm"])
def test_line_numbers_of_two_bytes_or_floats(tmp_path, endian, kind):
    words = {}
    for byte, numbers in GRID.items():
        words[byte] = {
            "i2": numbers << 16 if endian == "big" else numbers,
            "f4": numbers.astype("f4").view("i4"),
            "ibm": ibm_words(numbers + 0.0).view("i4"),
        }[kind]
    path = make_segy(tmp_path / "a.sgy", D, words=words, endian=endian)
    survey = read_survey(path)
    assert survey.inlines.tolist() == list(range(100, 108))
    assert survey.crosslines.tolist() == list(range(300, 320))
    assert len(about(survey, "inline_byte")) == (0 if (endian, kind) == ("little", "i2") else 1)
    word = {"i2": "int16", "f4": "float", "ibm": "ibm"}[kind]
    stated = {"inline_byte": f"189:{word}", "crossline_byte": f"193:{word}"}
    assert read_survey(path, **stated).problems == ()
    np.testing.assert_array_equal(open_segy(path, inline=104, **stated), INLINE_104)
    if kind != "i2":
        whole = read_survey(path, inline_byte="189:int32", crossline_byte="193:4")
        assert whole.inlines is None or whole.inlines[0] > 1e6
    with raises("wrong-type", "inline_byte"):
        read_survey(path, inline_byte="189:double")


def test_damaged_headers_that_repeat_are_left_out(tmp_path):
    words = {byte: numbers.copy() for byte, numbers in GRID.items()}
    for trace in (50, 51, 120):
        words[189][trace] = words[193][trace] = 0
    survey = read_survey(make_segy(tmp_path / "a.sgy", D, words=words))
    assert survey.inlines.tolist() == list(range(100, 108))
    assert (survey.n_missing, len(about(survey, "inline_byte"))) == (3, 1)
    words = {byte: numbers.copy() for byte, numbers in GRID.items()}
    words[193][51] = words[193][50]
    survey = read_survey(make_segy(tmp_path / "b.sgy", D, words=words))
    assert survey.grid.traces(inline=2).tolist() == [*range(40, 51), -1, *range(52, 60)]
    assert len(about(survey, "inline_byte")) == 1


def test_cdps_and_the_line_numbers_of_a_2d_line_are_kept(tmp_path):
    words = {189: np.arange(20) * 3, 193: np.arange(300, 320), 21: np.arange(7000, 7020)}
    section = open_segy(make_segy(tmp_path / "a.sgy", INLINE_104.T, words=words))
    assert section.dims == ("time", "trace")
    assert section.inline.values.tolist() == list(range(0, 60, 3))
    assert section.crossline.values.tolist() == list(range(300, 320))
    assert section.cdp.values.tolist() == list(range(7000, 7020))
    plain = open_segy(make_segy(tmp_path / "b.sgy", INLINE_104.T))
    assert {"cdp", "inline", "crossline"}.isdisjoint(plain.coords)


# Intervals and depth ---------------------------------------------------------------------


@pytest.mark.parametrize(("dt_us", "proposed"), [(-4000, "4"), (4, "4"), (2, "2"), (-2000, "2")])
def test_implausible_intervals_draw_a_remark(tmp_path, dt_us, proposed):
    path = make_segy(tmp_path / "a.sgy", D, dt_us=dt_us, words=GRID)
    (problem,) = about(read_survey(path), "dt_ms")
    assert problem.is_noted
    assert f"`dt_ms={proposed}`" in problem.fix
    assert read_survey(path, dt_ms=4).problems == ()


def test_an_interval_of_a_second_and_of_0(tmp_path):
    path = make_segy(tmp_path / "a.sgy", D, dt_us=0, binary={3273: (1e6, "d"), 3501: 0x200}, words=GRID)
    assert about(read_survey(path), "dt_ms")
    (problem,) = about(read_survey(make_segy(tmp_path / "b.sgy", D, dt_us=0, words=GRID)), "dt_ms")
    assert problem.is_fatal


@pytest.mark.parametrize(("system", "units"), [(1, "m"), (2, "ft"), (0, "m")])
def test_depth(tmp_path, system, units):
    path = make_segy(tmp_path / "a.sgy", D, dt_us=5000, binary={3255: system}, words={**GRID, 109: 20})
    section = open_segy(path, inline=104, vertical="depth")
    assert section.dims == ("depth", "crossline")
    assert section.depth.values[[0, 1, -1]].tolist() == [20, 25, 20 + 5 * 127]
    assert section.depth.attrs["units"] == units
    at_30 = open_segy(path, time_ms=30, vertical="depth")
    assert at_30.attrs["selection"] == "depth 30"
    assert open_segy(path, inline=104, vertical="depth", dt_ms=2.5).depth.values[1] == 22.5
    write_segy_like(section + 1, section, tmp_path / "b.sgy", line="x")
    np.testing.assert_array_equal(open_segy(tmp_path / "b.sgy", inline=104), INLINE_104 + 1)
    with raises("unknown-name", "vertical"):
        open_segy(path, vertical="velocity")


def test_the_check_reads_few_traces(tmp_path):
    survey = read_survey(make_segy(tmp_path / "a.sgy", np.tile(D, (20, 1))))
    assert read_sample_block(survey.layout).shape == (32, 128 * 4)


def test_samples_that_are_all_minus_zero_are_not_doubted():
    block = np.full((8, 100), -0.0, ">f4").view(np.uint8)
    assert doubt_format(block, 5, "big") is None
