"""Write a prediction part by part: arrays, SEG-Y, horizons, legend, figure and page."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from seisdream.inference.class_maps import ABSENT_CLASS, NO_CLASS
from seisdream.inference.predictor import Predictor
from seisdream.io.array_file import ArrayFile, allocate_array
from seisdream.io.axes import line_in_name
from seisdream.io.segy import segy_ending, writing_segy_numbers
from seisdream.io.segy.headers import N_TRACE_HEADER_BYTES
from seisdream.io.segy.text_lines import PREDICTION_MARK
from seisdream.io.segy.writing import SegyNumbers
from seisdream.provenance import input_files, line_name, short_name, version_of
from seisdream.results.result_page import MOST_SAMPLES, PAGE, ResultPage
from seisdream.results.writer import ResultFolder, check_disk_space, file_names, writing_result
from seisdream.viewer.encoding import encode_classes, encode_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKER = "prediction.json"
"""The file of the provenance."""
ABSENT_NUMBER = -1.0
"""What SEG-Y holds for probability, entropy and uncertainty of absent samples."""
_RESERVED_BYTES = 2**18
# Coordinates of a trace in the survey's projection, and what their columns are called in a file of picks.
_PLACES = {"cdp_x": "x", "cdp_y": "y"}


def write_section_prediction(
    section: xr.DataArray,
    predictor: Predictor,
    folder: str | os.PathLike[str],
    *,
    notes: Sequence[str] = (),
    segy: bool = True,
    force: bool = False,
) -> list[Path]:
    """Predict a section in strips of its traces and write it to a folder that appears whole or not at all.

    Only the probabilities of one strip are in memory.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or an image.
    predictor : Predictor
        A network ready to predict one section after another.
    folder : path
        The folder to make.
    notes : sequence of str
        Written with the provenance.
    segy : bool, default True
        For SEG-Y input, write SEG-Y too.
    force : bool, default False
        Replace the folder of an earlier prediction.

    Returns
    -------
    list of Path
        As `PredictionResult.save`.

    Raises
    ------
    SeisdreamError
        If something is in the way (``exists``) or the disk refuses (``write-failed``); then nothing is written.
    """
    is_segy = segy and section.attrs.get("format") == "SEG-Y"
    n_samples, n_traces = section.shape[:2]
    segy_bytes = n_traces * (N_TRACE_HEADER_BYTES + 4 * n_samples) if is_segy else 0
    _check_room(line_name(section), n_samples * n_traces, len(predictor.names), folder, segy_bytes)
    provenance = predictor.provenance(section)
    writing = writing_result(
        folder,
        marker=MARKER,
        provenance=provenance,
        notes=list(notes),
        force=force,
        inputs=input_files(section.attrs.get("source"), predictor.network),
    )
    with writing as files, PredictionWriter(files, section, [None], None, is_segy=segy) as writer:
        first, lateral = 0, section.dims[1]
        for strip in predictor.strips(section):
            columns = slice(first, first + strip.sizes[lateral])
            writer.put(section.isel({lateral: columns}), strip)
            first = columns.stop
            # The next strip needs its memory.
            del strip
        writer.finish()
    return files.paths


class PredictionWriter:
    """Writes a prediction part by part: a section in strips of its traces, or the inlines of a volume.

    Parameters
    ----------
    files : ResultFolder
        The folder to fill.
    section : DataArray
        The whole section, or the inline of the volume that the figure shows.
    inlines : sequence of int or None
        The volume's inlines; ``[None]`` for a section.
    drawn : int or None
        The line that the figure shows.
    is_segy : bool
        Whether to write SEG-Y too, where the lines are from SEG-Y.
    is_drawn : bool, default True
        Whether to write the figure.
    """

    def __init__(
        self,
        files: ResultFolder,
        section: xr.DataArray,
        inlines: Sequence[int | None],
        drawn: int | None,
        *,
        is_segy: bool,
        is_drawn: bool = True,
    ):
        self._files, self._section, self._inlines, self._drawn = files, section, list(inlines), drawn
        self._is_segy, self._is_drawn, self._is_volume = is_segy, is_drawn, self._inlines != [None]
        self._stack = ExitStack()
        self._segy_files = self._stack.enter_context(ExitStack())
        self._arrays: dict[str, ArrayFile] = {}
        self._segy: Callable[[xr.DataArray, xr.Dataset], None] | None = None
        self._horizons: list[xr.DataArray] = []
        self._counts = np.zeros(0, np.int64)
        self._filled: set[int] = set()
        self._n_columns = 0
        self._drawn_parts: list[xr.Dataset] = []
        self._reserve = files.path / "reserved"

    def __enter__(self) -> PredictionWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def put(self, section: xr.DataArray, prediction: xr.Dataset, inline: int | None = None) -> None:
        """Write one line, or the next strip of a section."""
        if not self._arrays:
            self._begin(prediction)
        position = self._inlines.index(inline)
        self._filled.add(position)
        for name, array in self._arrays.items():
            values = prediction[name].values
            if self._is_volume:
                # On disk, samples of a trace are contiguous.
                array.put(values.swapaxes(-1, -2), position * self._section.size)
            else:
                array.put(values, self._n_columns)
        self._n_columns += section.shape[1]
        self._write_segy(lambda: self._segy and self._segy(section, prediction))
        self._counts += count_classes(prediction)
        if not self._is_volume:
            self._drawn_parts.append(prediction.drop_vars("probabilities"))
        elif inline == self._drawn or self._inlines.index(self._drawn) not in self._filled:
            # Another line, should the one that is drawn never come.
            self._section, self._drawn_parts = section, [prediction.drop_vars("probabilities")]
        if "horizons" in prediction:
            self._horizons.append(_horizons(section, prediction, inline))

    def finish(self) -> None:
        """Write what concerns all lines: the legend, horizons, and the figure of one line."""
        section, lateral = self._section, str(self._section.dims[1])
        parts = self._drawn_parts
        prediction = parts[0] if len(parts) == 1 else xr.concat(parts, lateral, data_vars="minimal", coords="minimal")
        self._drawn_parts = []
        for name, array in self._arrays.items():
            for position in set(range(len(self._inlines))) - self._filled:
                absent = ABSENT_CLASS if name == "classes" else np.nan
                array.fill(absent, position * section.size, section.size)
        self._write_segy(self._segy_files.close)
        self._reserve.unlink()
        shares = class_shares(prediction, self._counts)
        result = self._files.provenance["result"] | {"shares": shares}
        self._files.provenance = self._files.provenance | {"result": result}
        self._write_legend(prediction, shares)
        if self._horizons:
            self._write_horizons(prediction)
        if self._is_drawn:
            with self._files.optional("figure.png"):
                self._files.write_figure("figure.png", draw_prediction(section, prediction, self._files.provenance))
            with self._files.optional(PAGE):
                title = prediction_title(section, self._files.provenance)
                self._files.write_page(prediction_page(section, prediction, title))

    def _begin(self, prediction: xr.Dataset) -> None:
        for name in map(str, prediction):
            if name == "horizons":
                continue
            # Only for its dimensions: broadcasting copies nothing.
            part, space = prediction[name], self._section.dims[:2]
            coords = {dim: self._section[dim] if dim in space else part[dim] for dim in part.dims}
            shape = [coord.size for coord in coords.values()]
            array = xr.DataArray(np.broadcast_to(part.dtype.type(0), shape), coords, part.dims, attrs=part.attrs)
            n_row_axes = array.ndim - 1
            if self._is_volume:
                dims = ("inline", "crossline", str(self._section.dims[0]))
                array = array.expand_dims(inline=self._inlines).transpose(..., *dims)
                n_row_axes = array.ndim - 3
            path = self._files.path / self._files.describe_array(name, array)
            file = ArrayFile(path, array.dtype, array.shape, n_row_axes)
            self._stack.callback(file.close)
            self._arrays[name] = file
        # Should the disk fill during the run, there is room for what is written last.
        allocate_array(self._reserve, np.uint8, [_RESERVED_BYTES + 4 * self._n_picks(prediction)])
        self._counts = np.zeros(prediction.sizes["class"] + 1, np.int64)
        if self._is_segy and self._section.attrs.get("format") == "SEG-Y":
            self._write_segy(lambda: self._open_segy(self._section, prediction))

    def _n_picks(self, prediction: xr.Dataset) -> int:
        return prediction.sizes.get("horizon", 0) * len(self._inlines) * self._section.shape[1]

    def _write_segy(self, write: Callable[[], object]) -> None:
        """Write to the SEG-Y files; where that fails, there are none, and their room is free for the arrays."""
        with self._files.optional("SEG-Y"):
            try:
                write()
            except BaseException:
                self._segy = None
                if not self._segy_files.__exit__(*sys.exc_info()):
                    raise

    def _open_segy(self, like: xr.DataArray, prediction: xr.Dataset) -> None:
        """Open all SEG-Y files, and make the function that writes a line to each."""
        from seisdream.plotting.classes import kind_of

        names = [str(name) for name in prediction["class"].values]
        by = f"{PREDICTION_MARK} {version_of('seisdream')} {short_name(self._files.provenance['network']['name'])}"
        scope = "whole" if self._is_volume else "section"

        def make(name: str, what: str, absent: float) -> SegyNumbers:
            path, line = self._files.path / f"{name}{segy_ending(like)}", f"{by}: {what}, {absent:g} absent"
            return self._segy_files.enter_context(
                writing_segy_numbers(like, path, line=line, scope=scope, absent=absent)
            )

        none = f", {NO_CLASS} none" if "none" in prediction["classes"].attrs else ""
        kind = kind_of(prediction)
        maps = {"classes": make(kind, f"{kind} 0 to {len(names) - 1}{none}", ABSENT_CLASS)}
        for name in ("entropy", "uncertainty"):
            if name in prediction:
                maps[name] = make(name, f"{name} 0 to 1", ABSENT_NUMBER)
        probabilities = [
            make(f"probability-{slug}", f"probability of {name}", ABSENT_NUMBER)
            for name, slug in zip(names, file_names(names), strict=True)
        ]

        def put(section: xr.DataArray, line: xr.Dataset) -> None:
            arrays = [(file, line[name]) for name, file in maps.items()]
            arrays += [(file, line["probabilities"][code]) for code, file in enumerate(probabilities)]
            for file, array in arrays:
                file.put(section.copy(data=array.values))

        self._segy = put

    def _write_legend(self, prediction: xr.Dataset, shares: dict[str, float]) -> None:
        from seisdream.plotting.classes import colours_of

        classes = [
            {"code": code, "name": name, "colour": colour, "share": share}
            for code, ((name, share), colour) in enumerate(zip(shares.items(), colours_of(prediction), strict=True))
        ]
        none = {"none": NO_CLASS} if "none" in prediction["classes"].attrs else {}
        self._files.write_json("legend.json", {"classes": classes, "absent": ABSENT_CLASS, **none})

    def _write_horizons(self, prediction: xr.Dataset) -> None:
        """Write ``horizons.npy``, and a text file of picks for each horizon."""
        if self._is_volume:
            horizons = xr.concat(self._horizons, "inline").reindex(inline=self._inlines)
            self._files.write_array("horizons", horizons.transpose("horizon", "inline", "crossline"))
        else:
            self._files.write_array("horizons", prediction["horizons"])
        names = [str(name) for name in prediction["class"].values]
        for position, (name, slug) in enumerate(zip(names[1:], file_names(names)[1:], strict=True)):
            file = f"horizon-{position + 1:02}-{slug}.txt"
            picks = [line[position] for line in self._horizons]
            with self._files.optional(file):
                write_picks(self._files.path / file, picks, name, str(prediction["classes"].dims[0]))


def _horizons(section: xr.DataArray, prediction: xr.Dataset, inline: int | None) -> xr.DataArray:
    """Return a line's horizons, with the number of the line, which its selection or file name may hold."""
    name = str(section.attrs.get("selection") or Path(str(section.attrs.get("source"))).stem)
    axis, number = line_in_name(name) if inline is None else ("inline", inline)
    horizons = prediction["horizons"].reset_coords(drop=True)
    lateral = str(horizons.dims[1])
    places = {name: (lateral, section[name].values) for name in _PLACES if name in section.coords}
    horizons = horizons.assign_coords(places)
    return horizons.assign_coords({axis: number}) if axis and axis != horizons.dims[1] else horizons


def write_picks(path: Path, lines: Sequence[xr.DataArray], name: str, vertical: str) -> None:
    """Write a horizon as text, one pick a row, with X and Y where they are known; no file where there is no pick."""
    lateral = str(lines[0].dims[0])
    columns = [axis for axis in ("inline", "crossline") if axis in lines[0].coords] or [lateral]
    places = [name for name in _PLACES if all(name in line.coords for line in lines)]
    picked = [line.dropna(lateral) for line in lines]
    picks = np.concatenate(
        [
            np.stack([*(np.broadcast_to(line[axis], line.shape) for axis in (*columns, *places)), line], 1)
            for line in picked
        ]
    )
    if len(picks):
        np.savetxt(
            path,
            picks,
            fmt=" ".join(["%.12g"] * len(columns) + ["%.2f"] * len(places) + ["%.3f"]),
            header=f"# top of {name}\n{' '.join([*columns, *(_PLACES[name] for name in places), vertical])}",
            comments="",
            encoding="utf-8",
        )


def draw_prediction(section: xr.DataArray, prediction: xr.Dataset, provenance: dict[str, Any]) -> Figure:
    """Draw a section, its classes with a legend, their entropy and their uncertainty."""
    from seisdream.plotting.classes import draw_classes

    percentile = provenance["settings"]["percentile"]
    return draw_classes(section, prediction, percentile=percentile, title=prediction_title(section, provenance))


def prediction_page(section: xr.DataArray, prediction: xr.Dataset, title: str) -> ResultPage:
    """Return the page of a section's prediction: its classes, and what there is of their numbers."""
    from seisdream.plotting.classes import colours_of, plural_kind_of

    names, kinds = [str(name) for name in prediction["class"].values], plural_kind_of(prediction).capitalize()
    classes = encode_classes(
        prediction["classes"], names, colours_of(prediction), title=kinds, most_samples=MOST_SAMPLES
    )
    numbers = {
        name.capitalize(): encode_section(
            prediction[name], quantity=name, value_range=(0.0, 1.0), colormap="viridis", most_samples=MOST_SAMPLES
        )
        for name in ("probability", "entropy", "uncertainty")
        if name in prediction
    }
    before = encode_section(section, most_samples=MOST_SAMPLES)
    return ResultPage(title, before, {kinds: classes, **numbers}, ("Section", "Prediction"))


def prediction_title(section: xr.DataArray, provenance: dict[str, Any]) -> str:
    """Return the title of a prediction's figure and page: the line and the network, or its concepts."""
    network = short_name(provenance["network"]["name"])
    has_concepts = "concepts_sha256" in provenance["network"]["options"]
    return ": ".join(filter(None, [line_name(section), f"concepts of {network}" if has_concepts else network]))


def class_shares(prediction: xr.Dataset, counts: np.ndarray) -> dict[str, float]:
    """Return each class's share of the present samples, by name."""
    total = max(1, int(counts.sum()))
    names = (str(name) for name in prediction["class"].values)
    return {name: round(int(count) / total, 6) for name, count in zip(names, counts[:-1], strict=True)}


def count_classes(prediction: xr.Dataset) -> np.ndarray:
    """Return how many samples each class has, and last how many have none."""
    classes, n_classes = prediction["classes"].values, prediction.sizes["class"]
    return np.bincount(np.minimum(classes[classes != ABSENT_CLASS], n_classes), minlength=n_classes + 1)


def _check_room(name: str, n_samples: int, n_classes: int, folder: str | os.PathLike[str], segy_bytes: int) -> None:
    """Raise `SeisdreamError`, before a prediction is begun, where the disk has no room for what it would become."""
    n_numbers = n_classes + 2  # probabilities, entropy and uncertainty
    n_bytes = n_samples * (1 + 4 * n_numbers) + (n_numbers + 1) * segy_bytes
    what = f"{n_classes} probabilities, classes, entropy and uncertainty of {name}"
    check_disk_space(folder, n_bytes, what, "use `segy=False` (arrays only)" if segy_bytes else "predict less at once")
