"""Several results of one section compared: pictures on one scale, and how well what they changed or found agrees."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.colors import to_rgb

from seisdream.errors import SeisdreamError
from seisdream.plotting.display import current_display
from seisdream.provenance import drawable
from seisdream.results.load import load_result
from seisdream.results.page import site_file, write_page
from seisdream.results.result import Result
from seisdream.results.result_page import MOST_SAMPLES, PAGE
from seisdream.results.writer import writing_result
from seisdream.seismic.sections import make_section
from seisdream.viewer.encoding import EncodedSection, encode_classes, encode_section

MARKER = "comparison.json"
_MEASURES = {
    "dream": "Correlation of what the dreams changed",
    "attribution": "Correlation of the attributions",
    "controls": "Correlation of the effects",
    "prediction": "Share of the samples with the same class",
}


@dataclass
class Comparison:
    """Results of one kind, of one section.

    Attributes
    ----------
    results : dict of Result
        By name.
    section : DataArray
        Their input.
    measure : str
        What `agreement` holds, in words.
    agreement : DataArray
        ``(result, other)``: 1 where two results are the same up to a factor (of predictions: in every sample).
    """

    results: dict[str, Result]
    section: xr.DataArray
    measure: str
    agreement: xr.DataArray

    @property
    def table(self) -> list[list[float | None]]:
        """The agreement as JSON knows it, None where it has no value, such as that of a dream that changed nothing."""
        return [[None if np.isnan(one) else round(one, 6) for one in row] for row in self.agreement.values.tolist()]

    def save(self, folder: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
        """Write ``index.html``, ``comparison.png`` and ``comparison.json`` to a folder, which appears whole."""
        names = list(self.results)
        record = {
            "kind": "comparison",
            "results": names,
            "measure": self.measure,
            "agreement": self.table,
            "provenance": {name: one.provenance for name, one in self.results.items()},
        }
        with writing_result(folder, marker=MARKER, provenance=record, notes=[], force=force) as files:
            with files.optional("comparison.png"):
                files.write_figure("comparison.png", self.plot())
            self._write_page(files.path / PAGE)
        return files.paths

    def plot(self) -> Any:
        """Draw the input and all results on one scale."""
        from seisdream.plotting.figures import draw_sections

        panels = {drawable(name): _picture_of(one) for name, one in self.results.items()}
        if self._kind == "dream":
            panels = {"Input": self.section, **panels}
        return draw_sections(panels, title=self._title)

    @property
    def _kind(self) -> str:
        return next(iter(self.results.values())).kind

    @property
    def _title(self) -> str:
        what = "dreams, not recorded data" if self._kind == "dream" else "results compared"
        return drawable(f"{len(self.results)} {what}: {', '.join(self.results)}")

    def _write_page(self, path: Path) -> None:
        clip = max(float(abs(_array_of(one)).max()) for one in self.results.values()) or 1.0
        sections = {name: _encode(one, clip).inline() for name, one in self.results.items()}
        data = {
            "title": self._title,
            "measure": self.measure,
            "names": list(self.results),
            "display": current_display().of_viewer(),
            "agreement": self.table,
            "sections": {"Input": encode_section(self.section, most_samples=MOST_SAMPLES).inline(), **sections},
            "credit": [str(self.section.attrs[name]) for name in ("credit", "licence") if self.section.attrs.get(name)],
        }
        write_page(path, title=self._title, data=data, script=site_file("compare.js"))


def compare_results(folders: Sequence[str | os.PathLike[str]], *, section: xr.DataArray | None = None) -> Comparison:
    """Compare results that were saved.

    Parameters
    ----------
    folders : sequence of path
        Two or more folders of `seisdream.Result.save`, of one kind and one section.
    section : DataArray, optional
        Their input; by default it is opened again.

    Raises
    ------
    SeisdreamError
        If there are fewer than two (``missing-argument``), or they are of several kinds or shapes (``incompatible``).
    """
    if len(folders) < 2:
        raise SeisdreamError(
            f"A comparison needs two or more folders of results; got {len(folders)}.",
            code="missing-argument",
            option="folders",
        )
    results = {name: load_result(folder) for name, folder in _named(folders).items()}
    first = next(iter(results.values()))
    kinds = {name: one.kind for name, one in results.items()}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        raise SeisdreamError(
            f"The results are of several kinds: {listed}. Compare results of one kind.", code="incompatible"
        )
    arrays = {name: _array_of(one) for name, one in results.items()}
    shapes = {name: one.shape for name, one in arrays.items()}
    if len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) > 3 or first.is_volume:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise SeisdreamError(
            f"The results are not of one section: {listed}. Compare results of the same section, without variants or "
            "zoom.",
            code="incompatible",
        )
    source: xr.DataArray = first._section() if section is None else section
    values = [one.values for one in arrays.values()]
    if first.kind == "dream":
        values = [one - source.values for one in values]
    agreement = xr.DataArray(
        [[_agreement(one, other, first.kind) for other in values] for one in values],
        {"result": list(results), "other": list(results)},
        ("result", "other"),
    )
    return Comparison(results, source, _MEASURES[first.kind], agreement)


def _named(folders: Sequence[str | os.PathLike[str]]) -> dict[str, Path]:
    """Return folders by their last names, or by their whole paths where several have one name."""
    paths = [Path(folder) for folder in folders]
    short = [path.name for path in paths]
    return {path.name if short.count(path.name) == 1 else str(path): path for path in paths}


def _array_of(result: Result) -> xr.DataArray:
    """Return what a result is compared by."""
    if result.kind == "controls":
        return next(one for name, one in result.dataset.items() if str(name).endswith("_effect"))
    return result.dataset[{"dream": "dream", "attribution": "attribution", "prediction": "classes"}[result.kind]]


def _agreement(one: np.ndarray, other: np.ndarray, kind: str) -> float:
    if kind == "prediction":
        return float((one == other).mean())
    known = np.isfinite(one) & np.isfinite(other)
    a, b = one[known].astype(np.float64), other[known].astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / size) if size else float("nan")


def _colours_of(result: Result) -> tuple[list[str], list[str]]:
    from seisdream.plotting.classes import colours_of

    return [str(name) for name in result.dataset["class"].values], colours_of(result.dataset)


def _picture_of(result: Result) -> xr.DataArray:
    """Return what a figure shows of a result: numbers, or the colours of classes."""
    array = _array_of(result)
    if result.kind != "prediction":
        return array
    colours = np.array([[255 * part for part in to_rgb(one)] for one in _colours_of(result)[1]] + [[255.0] * 3])
    pixels = colours[np.minimum(array.values, len(colours) - 1)]
    coords = {str(dim): array[dim] for dim in array.dims}
    return make_section(pixels, dims=(*map(str, array.dims), "colour"), coords=coords, value_range=(0, 255))


def _encode(result: Result, clip: float) -> EncodedSection:
    """Return a result for the viewer; maps are all on one scale."""
    array = _array_of(result)
    if result.kind == "prediction":
        return encode_classes(array, *_colours_of(result), most_samples=MOST_SAMPLES)
    scale: Mapping[str, Any] = {}
    if result.kind != "dream":
        scale = {"value_range": (-clip, clip), "colormap": "purple-orange"}
    return encode_section(array, most_samples=MOST_SAMPLES, **scale)
