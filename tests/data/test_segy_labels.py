"""Labels of SEG-Y files are matched by line numbers: label files, horizons and scribbles."""

import itertools
import json

import numpy as np
import pytest

from errors import raises
from segy_files import make_segy, numbered
from seisdream.data.folders import open_labelled_folder
from seisdream.data.horizons import label_intervals, open_horizons
from seisdream.data.patches import LinePatches
from seisdream.data.sample import UNKNOWN
from seisdream.data.scribbles import Scribble, draw_scribbles, open_scribbles
from seisdream.data.segy_labels import open_labelled_segy

INLINES, CROSSLINES, N = [100, 102, 104, 106], [11, 12, 13, 14, 15], 20
TIMES = 4.0 * np.arange(N)


def code_of(inline, crossline, sample):
    """Return a label that identifies its location."""
    return (np.asarray(inline) + 3 * np.asarray(crossline) + np.asarray(sample) // 5) % 7


def volume(path, values=None, inlines=INLINES, crosslines=CROSSLINES, **options):
    words = numbered(inlines, crosslines)
    if values is None:
        values = np.random.default_rng(0).normal(size=(len(inlines) * len(crosslines), N))
    return make_segy(path, values.astype(np.float32), words=words, **options)


def label_traces(inlines, crosslines):
    inline, crossline = np.meshgrid(inlines, crosslines, indexing="ij")
    return code_of(inline.ravel()[:, None], crossline.ravel()[:, None], np.arange(N))


def test_every_inline_and_crossline_is_a_line(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    volume(tmp_path / "cube_labels.sgy", label_traces(INLINES, CROSSLINES))
    data = open_labelled_segy(path)
    assert [line.number for line in data.lines] == INLINES + CROSSLINES
    assert [line.traces for line in data.lines[::4]] == [(11, 15), (100, 106), (100, 106)]
    assert data.classes == tuple(f"class {code}" for code in range(7))
    section, labels = data.lines[2].open()
    assert section.dims == ("time", "crossline")
    np.testing.assert_array_equal(section.crossline, CROSSLINES)
    np.testing.assert_array_equal(section.time, TIMES)
    np.testing.assert_array_equal(labels, code_of(104, np.array(CROSSLINES)[None], np.arange(N)[:, None]))
    assert LinePatches(data, 0, size=16)[0].image.shape == (1, 16, 16)


def test_labels_are_matched_by_number_and_not_by_order(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    # Another order, fewer lines, one that the seismic does not have, another start and another file type.
    inlines, crosslines = [108, 104, 102], [16, 15, 14, 13]
    codes = label_traces(inlines, crosslines)[:, 2:]
    labels = make_segy(
        tmp_path / "interpreted.sgy",
        codes,
        sample_format=3,
        words={**numbered(inlines, crosslines), 109: 8},
    )
    data = open_labelled_segy(path, labels=labels)
    assert [line.number for line in data.lines] == [102, 104, 13, 14, 15]
    _, along_inline = data.lines[0].open()
    wanted = code_of(102, np.array(CROSSLINES)[None], np.arange(N)[:, None]).astype(int)
    wanted[:, :2] = UNKNOWN
    wanted[:2] = UNKNOWN
    np.testing.assert_array_equal(along_inline, wanted)
    _, along_crossline = data.lines[3].open()
    wanted = code_of(np.array(INLINES)[None], 14, np.arange(N)[:, None]).astype(int)
    wanted[:, [0, 3]] = UNKNOWN
    wanted[:2] = UNKNOWN
    np.testing.assert_array_equal(along_crossline, wanted)


def test_a_2d_line_has_labels_trace_by_trace(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, N)).astype(np.float32)
    path = make_segy(tmp_path / "line.sgy", values)
    make_segy(tmp_path / "line_labels.sgy", np.arange(6)[:, None] * np.ones(N))
    (line,) = open_labelled_segy(path).lines
    assert (line.name, line.axis, line.number, line.traces) == ("line", "", None, (1, 6))
    section, labels = line.open()
    assert section.dims == ("time", "trace")
    np.testing.assert_array_equal(labels, np.arange(6)[None] * np.ones(N)[:, None])


def test_a_folder_of_volumes_names_its_classes_once(tmp_path):
    for name in ("a", "b"):
        volume(tmp_path / f"{name}.sgy")
        volume(tmp_path / f"{name}_labels.sgy", label_traces(INLINES, CROSSLINES))
    (tmp_path / "classes.txt").write_text("\n".join("pqrstuv"))
    data = open_labelled_folder(tmp_path)
    assert data.classes == tuple("pqrstuv")
    assert [line.survey for line in data.lines] == ["a"] * 9 + ["b"] * 9


def test_a_code_means_one_class_in_all_files_of_a_folder(tmp_path):
    for name, words in (("a", ("salt", "water")), ("b", ("water", "salt"))):
        volume(tmp_path / f"{name}.sgy")
        (tmp_path / f"{name}_scribbles.txt").write_text("".join(f"inline 100 {word} 11 8\n" for word in words))
    with raises("no-labels"):
        open_labelled_folder(tmp_path)
    (tmp_path / "classes.txt").write_text("water\nsalt\n")
    assert [line.open()[1][2, 0] for line in open_labelled_folder(tmp_path).lines] == [0, 1]


def write_horizons(folder, tops, header="", order=(0, 1, 2), comma=" "):
    """Write horizons: each a function of inline and crossline to ms, or None without a pick."""
    folder.mkdir(exist_ok=True)
    for place, top in enumerate(tops):
        rows = [(i, x, top(i, x)) for i in INLINES for x in CROSSLINES if top(i, x) is not None]
        text = "\n".join(comma.join(f"{row[column]:g}" for column in order) for row in rows)
        (folder / f"{place}_{'abc'[place]}.txt").write_text(f"{header}\n# picked by hand\n{text}\n")
    return folder


def flat(time):
    return lambda inline, crossline: time


def test_intervals_lie_between_horizons(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    dipping = lambda inline, crossline: 40.0 + (crossline - 11) * 4.0  # noqa: E731
    write_horizons(tmp_path / "cube_horizons", [flat(10.0), dipping, flat(70.0)])
    data = open_labelled_segy(path)
    assert data.classes == ("0_a to 1_b", "1_b to 2_c")
    _, labels = data.lines[0].open()
    for column in range(5):
        known = labels[:, column]
        base = 40.0 + 4.0 * column
        assert (known[TIMES < 10.0] == UNKNOWN).all()
        assert (known[(TIMES >= 10.0) & (base > TIMES)] == 0).all()
        assert (known[(base <= TIMES) & (TIMES < 70.0)] == 1).all()
        assert (known[TIMES >= 70.0] == UNKNOWN).all()
    assert len(data.lines) == 9


def test_the_number_of_names_decides_whether_the_ends_are_intervals(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    write_horizons(tmp_path / "cube_horizons", [flat(10.0), flat(70.0)])
    (tmp_path / "classes.txt").write_text("above\nbetween\nbelow\n")
    _, labels = open_labelled_segy(path).lines[0].open()
    assert labels[:, 0].tolist() == [0] * 3 + [1] * 15 + [2] * 2
    with raises("no-labels"):
        open_labelled_segy(path, classes=("a", "b"))


def test_labels_are_unknown_without_picks(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    some = lambda inline, crossline: 40.0 if inline == 104 and crossline < 14 else None  # noqa: E731
    folder = write_horizons(tmp_path / "picks", [flat(8.0), some, flat(60.0)])
    data = open_labelled_segy(path, horizons=sorted(folder.iterdir()))
    # Only inline 104 has two neighbouring horizons; crosslines 14 and 15 have none at all.
    assert [line.name for line in data.lines] == ["inline 104", "crossline 11", "crossline 12", "crossline 13"]
    _, labels = data.lines[0].open()
    assert set(np.unique(labels[:, 2])) == {0, 1, UNKNOWN}
    assert (labels[:, 3:] == UNKNOWN).all()
    _, crossing = data.lines[1].open()
    assert (np.delete(crossing, 2, 1) == UNKNOWN).all()


def test_horizons_that_cross_pinch_out():
    times = np.array([[10.0, 10.0], [30.0, 8.0]])
    labels = label_intervals(np.maximum.accumulate(times), TIMES)
    assert labels[:, 0].tolist() == [UNKNOWN] * 3 + [0] * 5 + [UNKNOWN] * 12
    assert (labels[:, 1] == UNKNOWN).all()


@pytest.mark.parametrize(
    ("header", "order", "comma"),
    [("", (0, 1, 2), "\t"), ("Inline,Crossline,TWT", (0, 1, 2), ","), ("z; xline; iline", (2, 1, 0), "; ")],
)
def test_horizons_are_read_in_all_export_formats(tmp_path, header, order, comma):
    folder = write_horizons(tmp_path / "h", [flat(10.0), flat(50.0)], header, order, comma)
    horizons = open_horizons(tuple(str(path) for path in sorted(folder.iterdir())))
    np.testing.assert_array_equal(horizons.inlines, INLINES)
    np.testing.assert_array_equal(
        horizons.along("crossline", 13, np.array([99, 102, 106])), [[np.nan, 10, 10], [np.nan, 50, 50]]
    )


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (["100 11 50\n", "100 11 20\n"], "invalid"),
        (["100 11 50\n"], "too-small"),
        (["100 11 50\n100 x 3\n", "100 11 60\n"], "unreadable"),
        (["605123.5 6083421.2 50\n", "100 11 60\n"], "unreadable"),
        (["1 2 100 11 50\n", "100 11 60\n"], "unreadable"),
        (["x y z\n1 2 3\n", "100 11 60\n"], "unreadable"),
        (["", "100 11 60\n"], "unreadable"),
    ],
)
def test_invalid_horizons_are_refused(tmp_path, texts, code):
    paths = []
    for place, text in enumerate(texts):
        paths.append(tmp_path / f"{place}.txt")
        paths[-1].write_text(text)
    with raises(code):
        open_horizons(tuple(map(str, paths)))


SCRIBBLES = """
# an expert's scribbles
inline 102 "channel fill"
11 8
13 8
13 40
11 40
11 8

crossline 12 salt, 100, 60, 106, 60
inline,104,salt,11,0,15,76
"""


def test_scribbles_label_a_few_samples_on_a_few_lines(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    (tmp_path / "cube_scribbles.txt").write_text(
        SCRIBBLES.replace("12 salt, ", "12 salt ").replace("100, 60, 106, 60", "100 60 106 60")
    )
    data = open_labelled_segy(path)
    assert data.classes == ("channel fill", "salt")
    assert [line.name for line in data.lines] == ["inline 102", "crossline 12", "inline 104"]
    _, polygon = data.lines[0].open()
    wanted = np.full((N, 5), UNKNOWN)
    wanted[2:11, :3] = 0
    np.testing.assert_array_equal(polygon, wanted)
    section, stroke = data.lines[1].open()
    assert section.dims == ("time", "inline")
    assert np.flatnonzero((stroke == 1).all(axis=1)).tolist() == [13, 14, 15, 16, 17]
    assert (stroke != UNKNOWN).sum() == 20
    assert 0.0 < (data.lines[2].open()[1] == 1).mean() < 1.0


def test_scribbles_as_json_have_widths_and_overwrite_earlier_ones(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    square = [[11, 0], [15, 0], [15, 76], [11, 76], [11, 0]]
    marks = [
        {"inline": 100, "class": 0, "points": square},
        {"inline": 100, "class": 2, "points": [[11, 40], [15, 40]], "width": 1},
        {"inline": 100, "class": 255, "points": [[13, 20]], "width": 1},
    ]
    (tmp_path / "cube_scribbles.json").write_text(json.dumps(marks))
    (line,) = (data := open_labelled_segy(path)).lines
    assert data.classes == ("class 0", "class 1", "class 2")
    wanted = np.zeros((N, 5), int)
    wanted[10], wanted[5, 2] = 2, UNKNOWN
    np.testing.assert_array_equal(line.open()[1], wanted)


def test_a_stroke_has_its_width():
    times, traces = 4.0 * np.arange(40), 300 + 2 * np.arange(50)
    slant = Scribble("inline", 1, "0", ((320.0, 40.0), (360.0, 120.0)), width=6.0)
    labels = draw_scribbles([slant], ("a",), traces, times)
    length = np.hypot(20, 20)
    assert (labels == 0).sum() == pytest.approx(length * 6 + np.pi * 9, rel=0.1)


def test_a_stroke_may_leave_the_section_for_a_point_of_any_size():
    times, traces = 4.0 * np.arange(40), 300 + np.arange(50)
    stroke = Scribble("inline", 1, "0", ((310.0, 40.0), (310.0, 1e30)), width=2.0)
    labels = draw_scribbles([stroke], ("a",), traces, times)
    assert np.array_equal(np.unique(np.nonzero(labels == 0)[1]), [9, 10, 11])
    assert np.array_equal(np.nonzero(labels[:, 10] == 0)[0], np.arange(9, 40))


def test_strokes_and_polygons_equal_a_test_of_every_sample():
    times, traces = 4.0 * np.arange(60), 300 + np.arange(70)
    rows, columns = np.mgrid[:60, :70]
    path = np.array([[-5.0, 10.0], [30.0, 50.0], [68.0, 3.0], [80.0, 70.0]])
    stroke = Scribble("inline", 1, "0", tuple((300 + x, 4.0 * y) for x, y in path), width=5.0)
    far = np.full(rows.shape, np.inf)
    for start, end in itertools.pairwise(path):
        along = np.clip(((columns - start[0]) * (end - start)[0] + (rows - start[1]) * (end - start)[1])
                        / ((end - start) @ (end - start)), 0, 1)  # fmt: skip
        far = np.minimum(far, np.hypot(*(np.stack([columns, rows]) - start[:, None, None]
                                         - along * (end - start)[:, None, None])))  # fmt: skip
    assert np.array_equal(draw_scribbles([stroke], ("a",), traces, times) == 0, far <= 2.5)
    corners = ((310.0, 20.0), (330.0, 20.0), (330.0, 100.0), (310.0, 100.0), (310.0, 20.0))
    inside = draw_scribbles([Scribble("inline", 1, "0", corners)], ("a",), traces, times) == 0
    assert np.array_equal(inside, (columns >= 10) & (columns <= 30) & (rows >= 5) & (rows <= 25))


def test_a_scribble_on_a_2d_line(tmp_path):
    path = make_segy(tmp_path / "line.sgy", np.ones((6, N), np.float32) * np.arange(N))
    (tmp_path / "line_scribbles.csv").write_text("line,0,1,2,8,5,8\n")
    (line,) = open_labelled_segy(path).lines
    assert set(np.unique(line.open()[1])) == {1, UNKNOWN}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("inline 300 a\n1 2\n", "not-found"),
        ("inline 100 a\n1 2 3\n", "no-labels"),
        ("1 2\n", "no-labels"),
        ("inline 100 a\n", "no-labels"),
        ("inline 100 a 1 2\ninline 100 3 1 2\n", "no-labels"),
        ("", "no-labels"),
    ],
)
def test_invalid_scribbles_are_refused(tmp_path, text, code):
    path = volume(tmp_path / "cube.sgy")
    (tmp_path / "cube_scribbles.txt").write_text(text)
    with raises(code):
        open_labelled_segy(path)


@pytest.mark.parametrize("text", ['{"a": 1}', '[{"inline": 1}]', '[{"class": "a", "points": []}]', "[", "[3]"])
def test_json_without_scribbles_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with raises("no-labels"):
        open_scribbles(tmp_path / "a.json")


def test_scribbles_and_class_names_must_agree(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    (tmp_path / "cube_scribbles.txt").write_text("inline 100 salt 11 8\n")
    with raises("no-labels"):
        open_labelled_segy(path, classes=("a", "b"))
    (tmp_path / "cube_scribbles.txt").write_text("inline 100 2 11 8\n")
    with raises("no-labels"):
        open_labelled_segy(path, classes=("a", "b"))


def test_a_volume_without_labels_is_refused(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    with raises("no-labels"):
        open_labelled_segy(path)
    with raises("not-found"):
        open_labelled_segy(tmp_path / "missing.sgy")
    volume(tmp_path / "cube_labels.sgy", label_traces(INLINES, CROSSLINES))
    (tmp_path / "cube_scribbles.txt").write_text("inline 100 salt 11 8\n")
    with raises("ambiguous"):
        open_labelled_segy(path)


def test_labels_of_another_survey_are_refused(tmp_path):
    path = volume(tmp_path / "cube.sgy")
    other = volume(
        tmp_path / "other.sgy", np.zeros((20, N)), inlines=[1, 2, 3, 4], crosslines=[901, 902, 903, 904, 905]
    )
    with raises("no-labels"):
        open_labelled_segy(path, labels=other)
    line = make_segy(tmp_path / "line.sgy", np.zeros((6, N)))
    with raises("no-geometry"):
        open_labelled_segy(path, labels=line)
    flat_line = make_segy(tmp_path / "flat.sgy", np.ones((6, N)) * np.arange(N))
    write_horizons(tmp_path / "flat_horizons", [flat(10.0), flat(50.0)])
    with raises("no-geometry"):
        open_labelled_segy(flat_line)


def test_a_real_crop_of_f3_with_horizons(shared, tmp_path):
    real = shared / "data" / "F3_very_small.sgy"
    folder = tmp_path / "h"
    folder.mkdir()
    for place, time in enumerate((400.0, 900.0)):
        rows = [f"{i} {x} {time + (x - 405):g}" for i in range(190, 220) for x in range(390, 420)]
        (folder / f"{place}.txt").write_text("\n".join(rows))
    data = open_labelled_segy(real, horizons=sorted(folder.iterdir()))
    assert len(data.lines) == 22
    section, labels = data.lines[0].open()
    assert section.shape == labels.shape == (463, 11)
    assert (labels == 0).sum(axis=0).tolist() == pytest.approx([125] * 11, abs=1)
