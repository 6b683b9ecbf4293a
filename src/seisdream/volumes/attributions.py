"""What a task of an attribution computes: how much each sample contributes to a network's output, section by section.

Every section is explained on its own, with the amplitude scale of the volume: the score is the mean over the section.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.attribution.attributor import Attributor
from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.inference.surroundings import Surroundings
from seisdream.io.segy.text_lines import ATTRIBUTION_MARK
from seisdream.models.network import Network
from seisdream.provenance import make_provenance, short_name, version_of
from seisdream.results.attribution_result import ABSENT_ATTRIBUTION, attribution_page
from seisdream.results.writer import file_names
from seisdream.seismic.sections import GreyMapping, magnitude_percentile
from seisdream.volumes.kernel import SectionKernel, Variable
from seisdream.volumes.lines import has_signal
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeAttributionSettings, VolumeSettings
from seisdream.volumes.slices import Slice
from seisdream.volumes.volume import Volume

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seisdream.results.result_page import ResultPage

_PERCENTILE = 99.5


class SectionAttribution(SectionKernel):
    """The attribution of a network for sections, by whole inlines or crosslines.

    Attributes
    ----------
    settings : VolumeAttributionSettings
        With every default resolved, on the middle section.

    Raises
    ------
    SeisdreamError
        If the network is for cubes (``not-supported``), if captum is not installed (``missing-extra``), or as for
        `Attributor`.
    """

    n_together = 4

    def __init__(
        self,
        volume: Volume,
        network: Network,
        settings: VolumeAttributionSettings,
        how: VolumeSettings,
        scale: AmplitudeScale,
    ) -> None:
        if network.n_spatial_dims != 2:
            raise SeisdreamError(
                f"{network.name} is a network for cubes, and whole volumes are explained section by section; use a "
                "network for sections, or leave out `volume=True` to explain a cube in memory.",
                code="not-supported",
                option="network",
            )
        require_extra("captum.attr", "attribution", "Attribution")  # Before the first block, not in each of them.
        super().__init__(volume, network, settings, how, scale)
        first = self._attributor(self.lines.middle, self.lines.surroundings())
        self._units, self._target = first.target_score, first.target.text
        self._notes = [note.replace("the whole section; explain", "each whole section; in a section, explain")
                       for note in first.notes]  # fmt: skip
        self.settings = settings.replace(**first.settings.to_dict() | {"layer": self._target})

    @property
    def variables(self) -> dict[str, Variable]:
        """The variable of the output by name."""
        target, method = self._target, self.settings.method
        slug, network = file_names([target.removeprefix("class:")])[0], short_name(self.network.name)
        line = f"{ATTRIBUTION_MARK} {version_of('seisdream')}: {slug}, {method}, {network}"
        attrs = {"long_name": f"attribution of {target}", "units": self._units, "segy_line": line}
        return {"attribution": Variable("float32", np.nan, attrs, ABSENT_ATTRIBUTION)}

    def compute_sections(
        self, sections: Iterable[tuple[int, xr.DataArray]], around: Surroundings
    ) -> Iterator[tuple[int, dict[str, NDArray]]]:
        """Yield the position and the attribution of each section that has a signal."""
        for position, section in sections:
            if has_signal(section):
                yield position, {"attribution": self._attributor(section, around)().values}

    def _attributor(self, section: xr.DataArray, around: Surroundings) -> Attributor:
        settings = self.settings
        return Attributor(
            section, self.network, settings.layer, settings=settings, mapping=self.scale.mapping, around=around
        )

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole attribution."""
        return make_provenance(
            kind="attribution",
            settings=self.settings,
            section=self.lines.middle,
            network=self.network,
            grey_mapping=self.scale.mapping,
            result={"target": self._target, "target_score": self._units},
            notes=self.notes(),
            volume_shape=self.shape,
        )

    def notes(self) -> list[str]:
        """Return what limits the attribution, a sentence each, on the middle section."""
        return list(self._notes)

    def page(self, middle: Slice, title: str) -> ResultPage:
        """Return the page of the result, which shows the middle inline."""
        title = f"{title}, {self._target} ({self.settings.method})"
        return attribution_page(middle.section, {"Attribution": middle.result["attribution"]}, title)

    def draw(self, slices: Sequence[Slice], summary: dict[str, Any], title: str) -> Figure:
        """Return the picture: slices of the volume and of the attribution."""
        from seisdream.plotting.panels import GREY, find_colormap
        from seisdream.plotting.slices import Row, draw_slices

        maps = [one.result["attribution"].assign_attrs(units="for (+), against (−)") for one in slices]
        clip = max(magnitude_percentile(one.values, _PERCENTILE) for one in maps) or 1.0
        rows = [
            Row("Volume", [one.section for one in slices], self.scale.mapping, GREY),
            Row("Attribution", maps, GreyMapping(-clip, clip), find_colormap("purple-orange")),
        ]
        return draw_slices(rows, title=f"{title}, {self._target} ({self.settings.method})")
