"""What a prediction returns, of a section or of a whole volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy import SegyVolume
from seisdream.results.prediction_writer import (
    MARKER,
    PredictionWriter,
    class_shares,
    count_classes,
    draw_prediction,
    prediction_title,
)
from seisdream.results.result import Result
from seisdream.results.writer import ResultFolder
from seisdream.seismic.cubes import DIMS, traces_of
from seisdream.seismic.sections import GreyMapping

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(repr=False)
class PredictionResult(Result):
    """The classes that a network predicts, with probabilities and uncertainty.

    Attributes
    ----------
    dataset : Dataset
        As `seisdream.predict` returns it: ``classes``, ``probabilities``, ``entropy`` and, where there are any,
        ``uncertainty`` and ``horizons``; of a volume with the dimensions ``inline``, ``crossline`` and ``time``.
    source : DataArray or SegyVolume, optional
        The section, the volume as an array, or the volume in its file.
    """

    kind: ClassVar[str] = "prediction"
    marker: ClassVar[str] = MARKER

    def plot(self) -> Figure:
        """Draw the section, its classes with a legend, and their entropy and uncertainty; of a volume, one inline."""
        return draw_prediction(*self._line(self._inlines()[len(self._inlines()) // 2]), self.provenance)

    def _write(self, files: ResultFolder, segy: str) -> None:
        inlines = self._inlines()
        middle = self.source.middle if isinstance(self.source, SegyVolume) else inlines[len(inlines) // 2]
        try:
            self._line(middle)
        except SeisdreamError as error:
            if not isinstance(self.source, SegyVolume):
                raise
            files.note_failure(f"No SEG-Y and no figure.png: {error}")
            replace(self, source=self.dataset["entropy"].drop_attrs())._write_lines(files, middle, is_drawn=False)
        else:
            self._write_lines(files, middle, is_segy=segy != "none")
            if set(DIMS) <= set(self.dataset["classes"].dims):
                self._write_slices(files)

    def _write_slices(self, files: ResultFolder) -> None:
        from seisdream.plotting.classes import draw_class_slices, shares_of
        from seisdream.plotting.slices import cut_cube

        with files.optional("slices.png"):
            source, prediction = self._section(), self.dataset
            cube = source.read_cube()[0] if isinstance(source, SegyVolume) else source.transpose(*DIMS)
            maps = {name: prediction[name] for name in ("classes", "entropy")}
            if prediction.sizes["class"] == 2:
                maps["probability"] = prediction["probabilities"].isel({"class": 1}, drop=True)
            cuts = {name: cut_cube(map_) for name, map_ in maps.items()}
            # All coordinates are kept: those of the classes name and colour them.
            slices = [
                prediction[["class"]].assign({name: one[number] for name, one in cuts.items()}) for number in range(3)
            ]
            scale = GreyMapping.of(traces_of(cube), self.provenance["settings"]["percentile"])
            title = prediction_title(cube, self.provenance)
            figure = draw_class_slices(cut_cube(cube), slices, shares_of(prediction), scale, title=title)
            files.write_figure("slices.png", figure)

    def _write_lines(self, files: ResultFolder, middle: int | None, *, is_segy: bool = False, is_drawn: bool = True):
        inlines, line = self._inlines(), self._line(middle)[0]
        with PredictionWriter(files, line, inlines, middle, is_segy=is_segy, is_drawn=is_drawn) as writer:
            volume = self.source if isinstance(self.source, SegyVolume) else None
            for inline in inlines:
                if volume is None or inline is None or volume.has_traces(inline):
                    writer.put(*self._line(inline), inline)
            writer.finish()

    def _summary(self) -> dict[str, Any]:
        summary = super()._summary()
        if "shares" not in summary:
            summary["shares"] = class_shares(self.dataset, count_classes(self.dataset))
        return summary

    def _inlines(self) -> Sequence[int | None]:
        """Return the numbers of a volume's inlines; a section is one line without a number."""
        return self.dataset["inline"].values.tolist() if self.is_volume else [None]

    def _line(self, inline: int | None) -> tuple[xr.DataArray, xr.Dataset]:
        source = self._section()
        if inline is None:
            return source, self.dataset
        prediction = self.dataset.sel(inline=inline).transpose(
            "class", "horizon", "time", "depth", "crossline", missing_dims="ignore"
        )
        if isinstance(source, SegyVolume):
            return source.open(inline), prediction
        return source.sel(inline=inline).transpose(..., "crossline"), prediction
