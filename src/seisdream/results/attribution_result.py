"""What an attribution returns, and the folder that it is written to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy.writing import ATTRIBUTION_MARK
from seisdream.provenance import line_name, short_name, version_of
from seisdream.results.result import Result
from seisdream.results.writer import ResultFolder, file_names

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
        """Draw the section, the attribution and the smoothed attribution."""
        from seisdream.plotting.attributions import draw_attribution

        known = self.provenance["result"]
        window = {name: known[name] for name in ("window_rows", "window_columns") if name in known}
        # Attributes that an array loaded from its folder lacks.
        attrs = {"method": self.provenance["settings"]["method"], **window}
        return draw_attribution(
            self._section(),
            self.dataset["attribution"].assign_attrs(attrs),
            target_mask=self.target_mask,
            percentile=self.provenance["settings"]["percentile"],
            title=self._title(),
        )

    def _write(self, files: ResultFolder, segy: str) -> None:
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
            self._write_segy(files, section)
        if self.randomization is not None:
            result = files.provenance["result"] | {"randomization": self.randomization.as_dict()}
            files.provenance = files.provenance | {"result": result}
            captions = {
                row.name: f"{row.name}: {row.signed:.2f} with signs, {row.strength:.2f} in magnitude"
                for row in self.randomization.rows
            }
            captions["trained"] = "as trained"
            figure = draw_randomization_test(self.randomization.maps, captions, title=self.randomization.sentence)
            files.write_figure("sanity.png", figure)
        files.write_figure("figure.png", self.plot())

    def _write_segy(self, files: ResultFolder, section: xr.DataArray) -> None:
        target = file_names([self.provenance["result"]["target"].removeprefix("class:")])[0]
        method, network = self.provenance["settings"]["method"], short_name(self.provenance["network"]["name"])
        files.write_segy(
            "attribution.sgy",
            [section.copy(data=self.dataset["attribution"].values)],
            section,
            line=f"{ATTRIBUTION_MARK} {version_of('seisdream')}: {target}, {method}, {network}",
            mark=ATTRIBUTION_MARK,
            absent=ABSENT_ATTRIBUTION,
        )

    def _summary(self) -> dict[str, Any]:
        test = {} if self.randomization is None else {"randomization": self.randomization.as_dict()}
        return super()._summary() | test

    def _title(self) -> str:
        result, network = self.provenance["result"], short_name(self.provenance["network"]["name"])
        # A no-break space keeps the number with its name.
        score = f"{result['target_score']}\N{NO-BREAK SPACE}{result['score']:.3g}"
        what = f"attribution of {result['target']} in {network} ({self.provenance['settings']['method']}, {score})"
        return ": ".join(filter(None, [line_name(self._section()), what]))
