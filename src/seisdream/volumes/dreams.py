"""What a task of a dream computes: the dreamed amplitudes of a shard, section by section.

A dream divides each step by the mean magnitude of its own gradient, and shifts the section at random before each step.
Neighbouring sections would so be changed by different amounts at different places. In a volume all sections share the
magnitudes, which are measured once, and the shifts. Coupled sections share their gradients too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.compatibility import refuse_unsupported
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.inputs import named_files
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.survey import GivenStepScale, MeasuredStepScale, StepScale, SurveyPart, dream_together
from seisdream.errors import SeisdreamError
from seisdream.inference.surroundings import Surroundings
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.provenance import make_provenance
from seisdream.results.dream_result import TITLE, segy_line, segy_title
from seisdream.volumes.kernel import SectionKernel, Variable
from seisdream.volumes.lines import has_signal
from seisdream.volumes.plan import Task, slices
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import DIRECTIONS, VolumeSettings
from seisdream.volumes.slices import Slice
from seisdream.volumes.store import open_dataset_of_job
from seisdream.volumes.volume import Volume

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_N_MEASURED = 3
"""Sections on which the step scale is measured."""
_MEASURING = ("fourier", "bandlimited")
"""Parameterizations that measure a section; in a volume, the middle one for all."""
_INVERTING = ("reflectivity", "impedance")
_HALO = 4
"""Lines around coupled ones, in standard deviations of the coupling."""
STORE, FIGURE = "dream.zarr", "dream-slices.png"
INLINES = "inlines"
"""In the folder of a dream in both directions: the folder of the job that dreams on inlines, which runs first."""


def make_dream(
    volume: Volume, network: Network, settings: DreamSettings, how: VolumeSettings, scale: AmplitudeScale
) -> SectionDream:
    """Return what computes the tasks of a dream.

    Parameters
    ----------
    volume : Volume
        The input.
    network : Network
        For sections.
    settings : DreamSettings
        Of the dream of each section.
    how : VolumeSettings
        Direction and blocks.
    scale : AmplitudeScale
        Of the volume.

    Raises
    ------
    SeisdreamError
        If a setting does not work for whole volumes, or the network is for cubes (``not-supported``).
    """
    check_settings(settings)
    if network.n_spatial_dims != 2:
        raise SeisdreamError(
            f"{network.name} is a network for cubes, and whole volumes are dreamed section by section; use a network "
            "for sections, or leave out `volume=True` to dream on a cube in memory.",
            code="not-supported",
            option="network",
        )
    return SectionDream(volume, network, settings, how, scale)


def check_settings(settings: DreamSettings) -> None:
    """Raise `SeisdreamError` (``not-supported``) for the first setting that does not work for whole volumes."""
    refuse_unsupported(settings, "volume")
    if settings.parameterization in _INVERTING:
        raise SeisdreamError(
            f"`parameterization` {settings.parameterization} inverts each section alone, so that a volume would not be "
            "continuous across lines; use another one.",
            code="not-supported",
            option="parameterization",
        )


class SectionDream(SectionKernel):
    """The dream of a network for sections, by whole inlines or crosslines.

    Attributes
    ----------
    settings : DreamSettings
        With every default resolved, on the middle section.
    measured : dict
        The step scale, as `measure` returned it when the job began.
    """

    figure = FIGURE
    takes = ("coupling",)
    directions = DIRECTIONS

    def __init__(
        self, volume: Volume, network: Network, settings: DreamSettings, how: VolumeSettings, scale: AmplitudeScale
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        # Nothing is enlarged in a volume, whatever the preset.
        first = Dream(
            self.lines.middle,
            network,
            settings=settings.replace(zoom=0.0),
            mapping=scale.mapping,
            survey=self._part(MeasuredStepScale(), self.lines.surroundings()),
        )
        self.settings, self._notes = first.settings, list(first.notes)
        measures = self.settings.parameterization in _MEASURING or "band" in self.settings.constraints
        self._reference = self.lines.middle if measures else None
        self.n_coupled = math.ceil(_HALO * how.coupling)
        n_lines = max(one.preprocessing.lines for one in (network, *first.networks.values()))
        self.reach = self.lines.reach(n_lines // 2 + self.n_coupled)

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

    def measure(self) -> dict[str, Any]:
        """Return the step scale: the mean magnitude of the gradient at each step, over some sections.

        Three sections, at a quarter, a half and three quarters of those that have traces, are dreamed as they are
        alone, or with their neighbours where they are coupled.

        Raises
        ------
        SeisdreamError
            If none of them has a signal (``no-signal``).
        """
        live = np.flatnonzero(self.lines.has_traces)
        chosen = {int(live[len(live) * part // (_N_MEASURED + 1)]) for part in range(1, _N_MEASURED + 1)}
        magnitudes, measured = [], []
        for position in sorted(chosen):
            section = self.lines.read(position)
            if has_signal(section):
                magnitudes.append(self._measure_at(position))
                measured.append(str(section.attrs["selection"]))
        if not measured:
            raise SeisdreamError(
                f"None of {len(chosen)} evenly spaced sections has a signal, so no step scale can be measured; cut the "
                "volume to its live part.",
                code="no-signal",
            )
        return {"sections": measured, "step_scale": np.mean(magnitudes, axis=0).tolist()}

    def _measure_at(self, position: int) -> list[float]:
        """Return the mean magnitude of a section's gradient at each step."""
        n_lines, around = self.shape[self.lines.axis], self.lines.surroundings()
        near = range(max(0, position - self.n_coupled), min(n_lines, position + self.n_coupled + 1))
        sections = {one: self.lines.read(one) for one in near if self.lines.has_traces[one]}
        scales = {one: MeasuredStepScale() for one in sections}
        self._dream_together(sections, scales, around)
        return scales[position].magnitudes

    def compute(self, values: NDArray[np.float32], task: Task) -> dict[str, NDArray]:
        """Return the dreamed amplitudes of a task's shard; of both directions, their mean."""
        arrays = super().compute(values, task)
        if self.folder is not None and self.how.direction == "both":
            store = open_dataset_of_job(self.folder / INLINES, STORE)
            part = dict(zip(self.volume.dims, slices(task.output), strict=True))
            arrays["dream"] += 0.5 * (store["dream"].isel(part).values - arrays["dream"])
        return arrays

    def compute_sections(
        self, sections: Iterable[tuple[int, xr.DataArray]], around: Surroundings
    ) -> Iterator[tuple[int, dict[str, NDArray]]]:
        """Yield the position and the dream of each section; coupled sections are dreamed together."""
        for group in [dict(sections)] if self.how.coupling else ({one: section} for one, section in sections):
            scales = {one: GivenStepScale(self.measured["step_scale"]) for one in group}
            for position, dreamed in self._dream_together(group, scales, around).items():
                yield position, {"dream": dreamed.values}

    def _dream_together(
        self, sections: Mapping[int, xr.DataArray], scales: Mapping[int, StepScale], around: Surroundings
    ) -> dict[int, xr.DataArray]:
        """Return the dreams of sections by their positions; dead ones stay as they are."""
        dreams = {
            one: self._dream(section, scales[one], around) for one, section in sections.items() if has_signal(section)
        }
        if len(dreams) > 1:
            positions = torch.tensor(list(dreams), dtype=torch.float32)
            weights = torch.exp(-0.5 * ((positions[:, None] - positions) / self.how.coupling) ** 2)
            dream_together(list(dreams.values()), weights / weights.sum(1, keepdim=True))
        else:
            for one in dreams.values():
                one.run()
        return {one: dreams[one].section if one in dreams else section for one, section in sections.items()}

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole dream."""
        return make_provenance(
            kind="dream",
            settings=self.settings,
            section=self.lines.middle,
            network=self.network,
            grey_mapping=self.scale.mapping,
            result=dict(self.measured),
            notes=self.notes(),
            volume_shape=self.shape,
            files=named_files(self.settings),
        )

    def notes(self) -> list[str]:
        """Return what limits the dream, a sentence each, on the middle section."""
        return list(self._notes)

    def draw(self, slices: Sequence[Slice], summary: dict[str, Any], title: str) -> Figure:
        """Return the picture: slices before and after, and their difference."""
        from seisdream.plotting.slices import draw_dreamed_slices

        before, after = [one.section for one in slices], [one.result["dream"] for one in slices]
        return draw_dreamed_slices(before, after, self.scale.mapping, title=f"{TITLE}. {title}")

    def _dream(self, section: xr.DataArray, step_scale: StepScale, around: Surroundings) -> Dream:
        return Dream(
            section,
            self.network,
            settings=self.settings,
            reference_section=self._reference,
            mapping=self.scale.mapping,
            prepared=self._prepared,
            survey=self._part(step_scale, around),
        )

    def _part(self, step_scale: StepScale, around: Surroundings) -> SurveyPart:
        is_coupled = bool(self.how.coupling)
        return SurveyPart((self.scale.minimum, self.scale.maximum), step_scale, around, is_coupled=is_coupled)

    @cached_property
    def _prepared(self) -> PreparedNetwork:
        return self.network.prepared(self.settings.device, self.settings.precision)
