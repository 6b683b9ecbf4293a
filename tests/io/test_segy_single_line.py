"""A SEG-Y file with one inline or crossline of a survey has the numbers along it as its axis, as in the volume."""

import json

import numpy as np
import pytest

from errors import raises
from segy_files import make_segy, ramp
from seisdream import open_section, open_volume
from seisdream.cli.report import notes_on_choice
from seisdream.data.segy_labels import open_labelled_segy
from seisdream.io.inputs import line_numbers
from seisdream.io.masks import open_mask
from seisdream.io.segy import open_segy, read_survey, write_segy_like, writing_segy_numbers
from seisdream.viewer.encoding import encode_section

CROSSLINES = np.arange(300, 320)
N_SAMPLES = 6
TEXT_BYTES = 3200


# Both signs, as recorded amplitudes have.
SAMPLES = ramp(20, N_SAMPLES) - 10_000


def line_file(path, words):
    return make_segy(path, SAMPLES, words=words)


@pytest.fixture
def inline(tmp_path):
    """Inline 104, crosslines 300 to 319; sample k of trace i is 1000 (i - 9) + k."""
    return line_file(tmp_path / "inline.sgy", {189: 104, 193: CROSSLINES, 21: CROSSLINES})


def test_a_single_inline_has_crosslines_as_its_axis(inline):
    survey = read_survey(inline)
    assert (survey.kind, survey.n_missing, survey.problems) == ("single inline", 0, ())
    assert "189 (inline 104) and 193 (crossline 300–319)" in survey.confidence
    section = open_section(inline)
    assert (section.dims, section.attrs["selection"]) == (("time", "crossline"), "inline 104")
    assert section.crossline.values.tolist() == CROSSLINES.tolist()
    assert section.cdp.values.tolist() == CROSSLINES.tolist()
    np.testing.assert_array_equal(section.values, SAMPLES.T)
    assert notes_on_choice(section, str(inline), {}) == []


def test_a_single_crossline_has_inlines_as_its_axis(tmp_path):
    section = open_section(line_file(tmp_path / "a.sgy", {189: np.arange(100, 140, 2), 193: 305}))
    assert (section.dims, section.attrs["selection"]) == (("time", "inline"), "crossline 305")
    assert section.inline.values.tolist() == list(range(100, 140, 2))
    assert section.attrs["segy_kind"] == "single crossline"


@pytest.mark.parametrize("scope", ["whole", "section"])
@pytest.mark.parametrize(
    "crosslines",
    [CROSSLINES, CROSSLINES[::-1], np.where(CROSSLINES < 310, CROSSLINES, CROSSLINES + 7)],
    ids=["ascending", "descending", "gap"],
)
def test_a_single_line_is_written_byte_for_byte(tmp_path, crosslines, scope):
    path = line_file(tmp_path / "a.sgy", {189: 104, 193: crosslines})
    section = open_section(path)
    written = tmp_path / "b.sgy"
    report = write_segy_like(section.copy(deep=True), section, written, line="A LINE", scope=scope)
    assert (report.n_changed, report.n_clipped) == (0, 0)
    assert written.read_bytes()[TEXT_BYTES:] == path.read_bytes()[TEXT_BYTES:]
    changed = section.copy(deep=True)
    changed.loc[{"crossline": crosslines[3]}] += 0.5
    write_segy_like(changed, section, written, line="A LINE", scope=scope, force=True)
    again = open_section(written)
    assert again.dims == ("time", "crossline")
    np.testing.assert_array_equal(again, changed)
    assert again.sel(crossline=crosslines[3]).values.tolist() == [-6000 + k + 0.5 for k in range(N_SAMPLES)]


def test_numbers_run_up_the_axis_and_traces_that_are_missing_are_absent(tmp_path):
    falling = open_segy(line_file(tmp_path / "a.sgy", {189: 104, 193: CROSSLINES[::-1]}))
    assert falling.crossline.values.tolist() == CROSSLINES.tolist()
    assert falling.trace_index.values.tolist() == list(range(19, -1, -1))
    numbers = np.delete(np.arange(300, 322), [5, 6])
    gap = open_segy(line_file(tmp_path / "b.sgy", {189: 104, 193: numbers}))
    assert np.flatnonzero(np.isnan(gap.values).all(axis=0)).tolist() == [5, 6]
    assert gap.crossline.values.tolist() == list(range(300, 322))
    assert gap.sel(crossline=307).values.tolist() == [-4000 + k for k in range(N_SAMPLES)]


@pytest.mark.parametrize(
    "words",
    [
        {21: np.arange(101, 121)},
        {189: 0, 193: CROSSLINES, 21: CROSSLINES},
        {189: 104, 193: np.repeat(CROSSLINES[::2], 2), 21: CROSSLINES},
        {189: 104, 193: np.roll(CROSSLINES, 1), 21: CROSSLINES},
        {189: 104, 193: CROSSLINES**2, 21: CROSSLINES},
        {189: np.arange(20), 193: CROSSLINES * 7, 21: CROSSLINES},
    ],
    ids=["CDPs alone", "no inline number", "repeats", "not in order", "mostly gaps", "crooked line"],
)
def test_other_lines_are_numbered_by_trace(tmp_path, words):
    path = line_file(tmp_path / "a.sgy", words)
    assert read_survey(path).kind == "2-D line"
    section = open_segy(path)
    assert section.dims == ("time", "trace")
    assert section.trace.values.tolist() == list(range(1, 21))
    assert "cdp" in section.coords


def test_given_bytes_name_the_numbers_of_a_single_line(tmp_path):
    path = line_file(tmp_path / "a.sgy", {9: 104, 21: CROSSLINES})
    assert open_segy(path).dims == ("time", "trace")
    section = open_segy(path, inline_byte=9, crossline_byte=21)
    assert (section.dims, section.attrs["selection"]) == (("time", "crossline"), "inline 104")
    with raises("no-geometry"):
        open_segy(path, inline_byte=9, crossline_byte=41)


def test_only_the_line_that_a_file_holds_can_be_selected(inline):
    np.testing.assert_array_equal(open_segy(inline, inline=104), open_segy(inline))
    for selection in ({"inline": 105}, {"crossline": 304}, {"time_ms": 8.0}):
        with raises("not-found", next(iter(selection))):
            open_segy(inline, **selection)
    with raises("no-geometry"):
        open_volume(inline)
    with raises("no-geometry"):
        line_numbers(str(inline), "inline")


def test_masks_the_viewer_and_files_of_numbers_follow_the_axis(inline, tmp_path):
    section = open_section(inline)
    mask = open_mask("crossline=305:308", section)
    assert np.flatnonzero(mask.values.any(axis=0)).tolist() == [5, 6, 7, 8]
    header = encode_section(section).header
    assert (header["across"]["name"], header["across"]["first"], header["line"]) == (
        "crossline",
        300.0,
        {"inline": 104},
    )
    with writing_segy_numbers(section, tmp_path / "numbers.sgy", line="A LINE", mark="A MARK") as numbers:
        numbers.put(section)
    np.testing.assert_array_equal(open_section(tmp_path / "numbers.sgy"), section)


def test_labels_name_a_single_line_as_in_the_volume(inline):
    stroke = {"inline": 104, "class": "salt", "points": [[302, 4], [306, 4]], "width": 1}
    inline.with_name("inline_scribbles.json").write_text(json.dumps([stroke]))
    (line,) = open_labelled_segy(inline).lines
    section, codes = line.open()
    assert (line.name, line.axis, line.number, line.traces) == ("inline 104", "inline", 104, (300, 319))
    assert section.crossline.values[np.flatnonzero((codes == 0).any(axis=0))].tolist() == [302, 303, 304, 305, 306]
