"""What an attribution returns, and the folder that it is written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy import SegyVolume
from seisdream.io.segy.text_lines import ATTRIBUTION_MARK
from seisdream.provenance import line_name, short_name, version_of
from seisdream.results.result import Result
from seisdream.results.result_page import MOST_SAMPLES, PAGE, ResultPage
from seisdream.results.writer import ResultFolder, file_names
from seisdream.seismic.sections import make_section
from seisdream.viewer.encoding import encode_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ABSENT_ATTRIBUTION = 0.0
"""What SEG-Y holds for absent samples: they contribute nothing."""


@dataclass(repr=False)
class AttributionResult(Result):
    """How much each sample contributes to a network's output.

    Attributes
    ----------
    dataset : Dataset
        ``attribution`` ``(time, trace)``, as `seisdream.attribute` returns it.
    target_mask : DataArray, optional
        ``(time, trace)``: where the output was explained, for the figure.
    randomization : RandomizationTest, optional
        The same map for networks with random weights: ``maps``, ``rows``, ``sentence`` and ``as_dict()``.
    """

    kind: ClassVar[str] = "attribution"
    marker: ClassVar[str] = "attribution.json"

    target_mask: xr.DataArray | None = None
    randomization: Any = None

    def plot(self) -> Figure:
        """Draw the section, the attribution and the smoothed attribution.

        Of a volume, it is the inline of the point, or that with the largest attribution.
        """
        from seisdream.plotting.attributions import draw_attribution

        section, map_, target_mask, title = self._drawn()
        percentile = self.provenance["settings"]["percentile"]
        return draw_attribution(section, map_, target_mask=target_mask, percentile=percentile, title=title)

    def _drawn(self) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray | None, str]:
        """Return the section that is drawn, its attribution, its target and its title."""
        map_, mask, known = self.dataset["attribution"], self.target_mask, self.provenance["result"]
        # Attributes that an array loaded from its folder lacks.
        attrs = {"method": self.provenance["settings"]["method"]}
        if not self.is_volume:
            window = {name: known[name] for name in ("window_rows", "window_columns") if name in known}
            return self._section(), map_.assign_attrs(attrs | window), mask, self._title()
        inline = self._drawn_inline()
        attrs |= {"window_rows": known["window_rows"], "window_columns": known["window_crosslines"]}
        if mask is not None:
            mask = mask.sel(inline=inline, drop=True).transpose("time", "crossline")
        map_ = map_.sel(inline=inline, drop=True).transpose("time", "crossline").assign_attrs(attrs)
        return self._line(inline), map_, mask, f"Inline {inline}: {self._what()}"

    def _drawn_inline(self) -> int:
        """Return the inline of the target, or that with the largest attribution."""
        map_ = self.dataset["attribution"]
        shown = abs(map_.fillna(0.0)) if self.target_mask is None else self.target_mask
        return int(shown.sum([dim for dim in shown.dims if dim != "inline"]).idxmax())

    def _line(self, inline: int) -> xr.DataArray:
        """Return an inline of a volume as a section."""
        source = self._section()
        if isinstance(source, SegyVolume):
            return source.open(inline)
        line = source.sel(inline=inline, drop=True).transpose("time", "crossline")
        return make_section(line, muted="present")

    def _write_volume(self, files: ResultFolder, segy: str) -> None:
        files.write_array("attribution", self.dataset["attribution"])
        source = self._section()
        if segy != "none" and isinstance(source, SegyVolume):
            map_ = self.dataset["attribution"].transpose("inline", "time", "crossline")
            lines = (source.open(inline).copy(data=map_.sel(inline=inline).values) for inline in source.inlines)
            with files.optional("attribution.sgy"):
                self._write_segy(files, lines, source.open(source.middle), scope="whole")
        with files.optional("figure.png"):
            files.write_figure("figure.png", self.plot())
        with files.optional(PAGE):
            files.write_page(self._page())

    def _write(self, files: ResultFolder, segy: str) -> None:
        if self.is_volume:
            self._write_volume(files, segy)
            return
        from seisdream.plotting.attributions import draw_randomization_test

        section, map_ = self._section(), self.dataset["attribution"]
        if map_.shape != section.shape[:2]:
            raise SeisdreamError(
                f"The attribution has shape {map_.shape}, the section {section.shape[:2]}; give the section that was "
                "explained.",
                code="wrong-shape",
                option="section",
            )
        files.write_array("attribution", map_)
        if segy != "none" and section.attrs.get("format") == "SEG-Y":
            with files.optional("attribution.sgy"):
                self._write_segy(files, [section.copy(data=self.dataset["attribution"].values)], section)
        if self.randomization is not None:
            result = files.provenance["result"] | {"randomization": self.randomization.as_dict()}
            files.provenance = files.provenance | {"result": result}
            captions = {
                row.name: f"{row.name}: {row.signed:.2f} with signs, {row.strength:.2f} in magnitude"
                for row in self.randomization.rows
            }
            captions["trained"] = "as trained"
            with files.optional("sanity.png"):
                figure = draw_randomization_test(self.randomization.maps, captions, title=self.randomization.sentence)
                files.write_figure("sanity.png", figure)
        with files.optional("figure.png"):
            files.write_figure("figure.png", self.plot())
        with files.optional(PAGE):
            files.write_page(self._page())

    def _page(self) -> ResultPage:
        from seisdream.plotting.attributions import inside_receptive_field, smooth

        section, map_, target, title = self._drawn()
        map_ = inside_receptive_field(map_)
        maps = {"Attribution": map_, "Smoothed attribution": smooth(map_)}
        if self.provenance["settings"]["method"] == "grad-cam":
            del maps["Smoothed attribution"]
        return attribution_page(section, maps, title, _point_of(target))

    def _write_segy(
        self, files: ResultFolder, lines: Iterable[xr.DataArray], like: xr.DataArray, scope: str = "section"
    ) -> None:
        target = file_names([self.provenance["result"]["target"].removeprefix("class:")])[0]
        method, network = self.provenance["settings"]["method"], short_name(self.provenance["network"]["name"])
        files.write_segy(
            "attribution",
            lines,
            like,
            line=f"{ATTRIBUTION_MARK} {version_of('seisdream')}: {target}, {method}, {network}",
            mark=ATTRIBUTION_MARK,
            absent=ABSENT_ATTRIBUTION,
            scope=scope,
        )

    def _summary(self) -> dict[str, Any]:
        test = {} if self.randomization is None else {"randomization": self.randomization.as_dict()}
        return super()._summary() | test

    def _title(self) -> str:
        return ": ".join(filter(None, [line_name(self._section()), self._what()]))

    def _what(self) -> str:
        result, network = self.provenance["result"], short_name(self.provenance["network"]["name"])
        # A no-break space keeps the number with its name.
        score = f"{result['target_score']}\N{NO-BREAK SPACE}{result['score']:.3g}"
        return f"attribution of {result['target']} in {network} ({self.provenance['settings']['method']}, {score})"


def _point_of(target: xr.DataArray | None) -> tuple[float, float] | None:
    """Return the numbers across and down of a target of one sample; None of any other."""
    if target is None:
        return None
    rows, columns = np.nonzero(target.values)
    if len(rows) != 1:
        return None
    down, across = map(str, target.dims)
    return float(target[across][columns[0]]), float(target[down][rows[0]])


def attribution_page(
    section: xr.DataArray,
    maps: Mapping[str, xr.DataArray],
    title: str,
    point: tuple[float, float] | None = None,
) -> ResultPage:
    """Return the page of a section's attribution, from maps by name, with a ring at the point that is explained."""
    from seisdream.plotting.attributions import clip_of

    clips = {name: clip_of(one) for name, one in maps.items()}
    after = {
        name: encode_section(
            one.assign_attrs(units=""),
            quantity="attribution",
            value_range=(-clips[name], clips[name]),
            absent=one.isnull().values,  # Zeros are attributions, not mutes.
            colormap="purple-orange",
            most_samples=MOST_SAMPLES,
        )
        for name, one in maps.items()
    }
    before = encode_section(section, most_samples=MOST_SAMPLES)
    sentences = ["Orange contributes to the output, purple against it."]
    if point is not None:
        sentences.append("The ring marks the point that is explained.")
    return ResultPage(title, before, after, ("Section", "Attribution"), sentences, point=point)
