"""SEG-Y with labels: a second SEG-Y of class codes, horizons that bound intervals, or scribbles on some lines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import xarray as xr
from numpy.typing import NDArray

from seisdream.data.classes import as_codes, number_of_classes, numbered_names, read_folder_classes
from seisdream.data.horizons import label_intervals, open_horizons
from seisdream.data.lines import LabelledLines, Line
from seisdream.data.sample import UNKNOWN
from seisdream.data.scribbles import draw_scribbles, open_scribbles
from seisdream.errors import SeisdreamError
from seisdream.io.segy import SEGY_ENDINGS, Survey, read_survey
from seisdream.io.segy.sections import Selection, read_selection

AnyPath = str | os.PathLike[str]

LABELS_ENDING, HORIZONS_ENDING, SCRIBBLES_ENDING = "_labels", "_horizons", "_scribbles"
SCRIBBLE_FILES = (".json", ".csv", ".txt")
# Without class names, the labels of this many lines are searched for the largest code.
_N_SEARCHED = 64


def open_labelled_segy(
    path: AnyPath,
    *,
    labels: AnyPath | None = None,
    horizons: Sequence[AnyPath] = (),
    scribbles: AnyPath | None = None,
    classes: Sequence[str] | None = None,
    **options: Any,
) -> LabelledLines:
    """Open a SEG-Y file, a volume or one line, with labels of one kind.

    Parameters
    ----------
    path : path
        ``NAME.sgy``. Without `labels`, `horizons` and `scribbles`, labels are searched in the same folder:
        ``NAME_labels.sgy``, a folder ``NAME_horizons``, or ``NAME_scribbles.json`` (or ``.csv``, ``.txt``).
    labels : path, optional
        SEG-Y of class codes. Lines, traces and times are matched by their numbers, not by their order; samples that
        it does not hold are unknown.
    horizons : sequence of path, optional
        Horizon files from top to bottom; see `horizons.open_horizons`.
    scribbles : path, optional
        Polygons and strokes on some lines; see `scribbles.open_scribbles`. Only these lines are used.
    classes : sequence of str, optional
        Names of the classes; by default those in the folder's ``classes.txt`` or ``classes.json``.
    **options
        As for `seisdream.io.segy.read_survey`: ``inline_byte``, ``crossline_byte``, ``dt_ms``, ``endian``,
        ``encoding``, ``vertical``, and for the volume alone ``sample_format`` and ``undefined``.

    Returns
    -------
    LabelledLines
        Every inline and crossline that has labels, or the one line of the file.

    Raises
    ------
    SeisdreamError
        If there are no labels, labels of several kinds, or labels that do not match the volume.
    """
    path = Path(path)
    if not path.is_file():
        raise SeisdreamError(f"There is no file {path}; name a SEG-Y file.", code="not-found")
    if labels is None and not horizons and scribbles is None:
        labels, horizons, scribbles = find_labels(path)
    if (labels is not None) + bool(horizons) + (scribbles is not None) > 1:
        raise SeisdreamError(
            f"{path} has labels of several kinds (label SEG-Y, horizons, scribbles); keep one of them.",
            code="ambiguous",
        )
    names = tuple(classes) if classes else read_folder_classes(path.parent)
    survey = _survey(str(path), tuple(sorted(options.items())))
    if labels is not None:
        lines = list(_with_label_file(survey, Path(labels), options))
        if names is None:
            spread = lines[:: max(1, len(lines) // _N_SEARCHED)]
            names = numbered_names(number_of_classes(line.open()[1] for line in spread) or 1)
    elif horizons:
        names, lines = _with_horizons(survey, horizons, names, options)
    else:
        assert scribbles is not None
        names, lines = _with_scribbles(survey, Path(scribbles), names, options)
    if not lines:
        raise SeisdreamError(
            f"No line of {path} has a label: the labels have the numbers of other lines.", code="no-labels"
        )
    return LabelledLines(path.stem, names, tuple(lines), is_ordered=bool(horizons))


def find_labels(path: AnyPath) -> tuple[Path | None, tuple[Path, ...], Path | None]:
    """Return the label file, horizons and scribbles in the folder of a SEG-Y file; raise where there are none."""
    path = Path(path)
    files = sorted(path.parent.iterdir())
    labels = [file for file in files if file.stem == path.stem + LABELS_ENDING and file.suffix.lower() in SEGY_ENDINGS]
    folder = path.with_name(path.stem + HORIZONS_ENDING)
    horizons = tuple(sorted(file for file in folder.iterdir() if file.is_file())) if folder.is_dir() else ()
    scribbles = [
        file for file in files if file.stem == path.stem + SCRIBBLES_ENDING and file.suffix.lower() in SCRIBBLE_FILES
    ]
    if not (labels or horizons or scribbles):
        raise SeisdreamError(
            f"{path} has no labels: put {path.stem}{LABELS_ENDING}{path.suffix} (SEG-Y of class codes), a folder "
            f"{folder.name} (one text file per horizon) or {path.stem}{SCRIBBLES_ENDING}.json into its folder.",
            code="no-labels",
        )
    return next(iter(labels), None), horizons, next(iter(scribbles), None)


def refuse_options(options: Iterable[str], source: str) -> None:
    """Raise where options for SEG-Y are given with another source."""
    for name in options:
        raise SeisdreamError(
            f"`{name}` can only be used with SEG-Y files, and {source} is or holds none; leave it out.",
            code="incompatible",
            option=name,
        )


def _survey(path: str, options: tuple[tuple[str, Any], ...]) -> Survey:
    return _read_survey(path, options, Path(path).stat().st_mtime_ns)


@cache
def _read_survey(path: str, options: tuple[tuple[str, Any], ...], changed_ns: int) -> Survey:
    # Cached, because lines are opened many times. All headers are read, so that the traces of every line are known.
    survey = read_survey(path, **dict(options))
    if survey.grid is not None and survey.grid.is_sampled:
        survey = read_survey(path, **dict(options), every_trace=True)
    survey.require_usable()
    return survey


def _line_numbers(survey: Survey) -> Iterator[tuple[str, int]]:
    """Return axis and number of every line of a survey that has traces; ("", 0) for a 2-D line."""
    grid = survey.grid
    if grid is None:
        yield "", 0
        return
    for axis, numbers in (("inline", grid.inlines), ("crossline", grid.crosslines)):
        if grid.single_axis not in ("", axis):
            continue
        for index, number in enumerate(numbers.tolist()):
            if (grid.traces(**{axis: index}) >= 0).any():
                yield axis, number


def _lines_of(survey: Survey, numbers: Iterator[tuple[str, int]], reader, *args: Any) -> Iterator[Line]:
    """Return a line for each axis and number; `reader` opens it, given other arguments, the axis and the number."""
    grid = survey.grid
    for axis, number in numbers:
        traces = (1, survey.n_traces)
        if grid is not None:
            others = grid.crosslines if axis == "inline" else grid.inlines
            traces = (int(others[0]), int(others[-1]))
        name = f"{axis} {number}" if axis else survey.path.stem
        yield Line(name, axis, number if axis else None, partial(reader, *args, axis, number), traces, survey.path.stem)


def _read_line(survey: Survey, axis: str, number: int) -> xr.DataArray:
    """Read one line of a survey: float32 ``(time, trace)``, NaN where a trace is absent."""
    inline, crossline = number if axis == "inline" else None, number if axis == "crossline" else None
    section = read_selection(survey, Selection.of(survey, inline, crossline, None))
    return section.drop_vars("trace_index").drop_attrs(deep=False).assign_attrs(units="amplitude")


def _with_label_file(survey: Survey, path: Path, options: dict[str, Any]) -> Iterator[Line]:
    label_options = tuple(sorted(_options_of_labels(options).items()))
    other = _survey(str(path), label_options)
    if (survey.grid is None) != (other.grid is None):
        raise SeisdreamError(
            f"{survey.path} is {survey.kind} and {path} is {other.kind}: their lines cannot be matched by number; "
            "name the bytes that hold the line numbers (`inline_byte`, `crossline_byte`).",
            code="no-geometry",
            option="inline_byte",
        )
    present = set(_line_numbers(other))
    args = (str(survey.path), str(path), tuple(sorted(options.items())), label_options)
    return _lines_of(survey, (pair for pair in _line_numbers(survey) if pair in present), _open_with_label_file, *args)


def _options_of_labels(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a label file: its samples are codes in a format of their own, 255 among them."""
    own = {name: value for name, value in options.items() if name != "sample_format"}
    return {**own, "undefined": "present"}


def _open_with_label_file(path: str, label_path: str, options, label_options, axis: str, number: int):
    survey, other = _survey(path, options), _survey(label_path, label_options)
    section, labels = _read_line(survey, axis, number), _read_line(other, axis, number)
    dim = str(section.dims[1])
    # To a quarter of a sample: delay times are whole ms in the headers, sampling intervals need not be.
    tolerance = (survey.dt_ms or 4.0) / 4
    down = survey.vertical
    matched = labels.reindex({dim: section[dim]})
    matched = matched.reindex({down: section[down]}, method="nearest", tolerance=tolerance)
    return section, as_codes(matched.values, f"{label_path}, {axis} {number}")


def _with_horizons(survey: Survey, paths: Sequence[AnyPath], names, options) -> tuple[tuple[str, ...], list[Line]]:
    if survey.grid is None:
        raise SeisdreamError(
            f"{survey.path} is a {survey.kind} without inline numbers; horizons need inline and crossline numbers.",
            code="no-geometry",
        )
    horizons = open_horizons(tuple(str(path) for path in paths))
    between = tuple(f"{Path(top).stem} to {Path(base).stem}" for top, base in pairwise(paths))
    with_ends = names is not None and len(names) == len(paths) + 1
    names = names or between
    if len(names) != len(between) and not with_ends:
        raise SeisdreamError(
            f"{len(names)} classes are named, but {len(paths)} horizons bound {len(between)} intervals, or "
            f"{len(paths) + 1} with those above the first and below the last; name as many classes.",
            code="no-labels",
        )
    args = (str(survey.path), tuple(str(path) for path in paths), with_ends, tuple(sorted(options.items())))
    picked = (pair for pair in _line_numbers(survey) if horizons.has_picks(*pair, n=1 if with_ends else 2))
    return names, list(_lines_of(survey, picked, _open_with_horizons, *args))


def _open_with_horizons(path: str, horizon_paths, with_ends: bool, options, axis: str, number: int):
    section = _read_line(_survey(path, options), axis, number)
    times = open_horizons(horizon_paths).along(axis, number, section[section.dims[1]].values)
    return section, label_intervals(times, section[section.dims[0]].values, with_ends=with_ends)


def _with_scribbles(survey: Survey, path: Path, names, options) -> tuple[tuple[str, ...], list[Line]]:
    scribbles = open_scribbles(path)
    labels = list(dict.fromkeys(one.label for one in scribbles if not one.label.isdigit()))
    codes = [int(one.label) for one in scribbles if one.label.isdigit()]
    if names is None:
        if labels and codes:
            raise SeisdreamError(
                f"{path} labels by name ({labels[0]}) and by code ({codes[0]}); name the classes in classes.txt.",
                code="no-labels",
            )
        names = tuple(labels) or numbered_names(1 + max((code for code in codes if code != UNKNOWN), default=0))
    if unknown := [label for label in labels if label not in names]:
        raise SeisdreamError(
            f"{path} labels '{unknown[0]}', but the classes are {', '.join(names)}; correct the file or the list of "
            "classes.",
            code="no-labels",
        )
    if too_high := [code for code in codes if code >= len(names) and code != UNKNOWN]:
        raise SeisdreamError(
            f"{path} labels class {too_high[0]}, but {len(names)} classes are named, 0 to {len(names) - 1}.",
            code="no-labels",
        )
    present = set(_line_numbers(survey))
    labelled = dict.fromkeys((one.axis, one.number) for one in scribbles)
    if missing := [pair for pair in labelled if pair not in present]:
        raise SeisdreamError(
            f"{path} labels {missing[0][0]} {missing[0][1]}, which {survey.path} does not have.", code="not-found"
        )
    args = (str(survey.path), str(path), names, tuple(sorted(options.items())))
    return names, list(_lines_of(survey, iter(labelled), _open_with_scribbles, *args))


def _open_with_scribbles(
    path: str, scribble_path: str, names, options, axis: str, number: int
) -> tuple[xr.DataArray, NDArray]:
    section = _read_line(_survey(path, options), axis, number)
    own = [one for one in open_scribbles(scribble_path) if (one.axis, one.number) == (axis, number)]
    return section, draw_scribbles(own, names, section[section.dims[1]].values, section[section.dims[0]].values)
