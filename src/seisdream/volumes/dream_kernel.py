"""What dreams of sections and of cubes share in a volume job: settings, the variable of the output and the picture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.inputs import named_files
from seisdream.dreaming.survey import MeasuredStepScale, StepScale, SurveyPart
from seisdream.inference.surroundings import Surroundings
from seisdream.models.prepared import PreparedNetwork
from seisdream.provenance import make_provenance
from seisdream.results.dream_result import TITLE, dream_page, segy_line, segy_title
from seisdream.volumes.kernel import Kernel, Variable
from seisdream.volumes.slices import Slice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seisdream.results.result_page import ResultPage

STORE = "dream.zarr"
_MEASURING = ("fourier", "bandlimited")
"""Parameterizations that measure a section or a cube; in a volume, one for all."""


class DreamKernel(Kernel):
    """A dream on the parts of a volume.

    Attributes
    ----------
    settings : DreamSettings
        With every default resolved, on the middle section or block.
    """

    figure = "dream-slices.png"
    _reference: xr.DataArray | None = None
    _is_resolved = False
    _has_blocks = False
    """Whether a cube is dreamed in more than one block."""

    def _resolve(self, middle: xr.DataArray, around: Surroundings) -> Dream:
        """Resolve the settings, and return the dream on the middle section or block that they were resolved on."""
        # Nothing is enlarged in a volume, whatever the preset.
        self.settings = self.settings.replace(zoom=0.0)
        first = self._dream(middle, MeasuredStepScale(), around)
        self.settings, self._notes, self._is_resolved = first.settings, list(first.notes), True
        measures = self.settings.parameterization in _MEASURING or "band" in self.settings.constraints
        self._reference = middle if measures else None
        return first

    @property
    @abstractmethod
    def _middle_section(self) -> xr.DataArray:
        """A section of the volume, whose attributes go into the provenance."""

    @property
    def variables(self) -> dict[str, Variable]:
        """The variable of the output by name."""
        units = str(self.volume.attrs.get("units", "amplitude"))
        return {"dream": Variable("float32", np.nan, {"long_name": TITLE, "units": units})}

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the result, with the lines that SEG-Y of it has in its text header."""
        record = self.provenance()
        return {"title": TITLE, "segy_line": segy_line(record), "segy_title": list(segy_title(record))}

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole dream."""
        return make_provenance(
            kind="dream",
            settings=self.settings,
            section=self._middle_section,
            network=self.network,
            grey_mapping=self.scale.mapping,
            result=dict(self.measured),
            notes=self.notes(),
            volume_shape=self.shape,
            files=named_files(self.settings),
        )

    def notes(self) -> list[str]:
        """Return what limits the dream, a sentence each."""
        return list(self._notes)

    def page(self, middle: Slice, title: str) -> ResultPage:
        """Return the page of the result, which shows the middle inline."""
        return dream_page(middle.section, {"Dream": middle.result["dream"]}, f"{TITLE}. {title}")

    def draw(self, slices: Sequence[Slice], summary: dict[str, Any], title: str) -> Figure:
        """Return the picture: slices before and after, and their difference."""
        from seisdream.plotting.slices import draw_dreamed_slices

        before, after = [one.section for one in slices], [one.result["dream"] for one in slices]
        return draw_dreamed_slices(before, after, self.scale.mapping, title=f"{TITLE}. {title}")

    def _dream(
        self, data: xr.DataArray, step_scale: StepScale, around: Surroundings, mask: NDArray | None = None
    ) -> Dream:
        extremes = (self.scale.minimum, self.scale.maximum)
        return Dream(
            data,
            self.network,
            settings=self.settings,
            mask=mask,
            reference_section=self._reference,
            mapping=self.scale.mapping,
            prepared=self._prepared if self._is_resolved else None,
            survey=SurveyPart(
                extremes, step_scale, around, is_coupled=bool(self.how.coupling), is_block=self._has_blocks
            ),
        )

    @cached_property
    def _prepared(self) -> PreparedNetwork:
        return PreparedNetwork(self.network, self.settings.device, self.settings.precision)
