"""What a task of a dream computes: the dreamed amplitudes of a shard, section by section.

A dream divides each step by the mean magnitude of its own gradient, and shifts the section at random before each step.
Neighbouring sections would so be changed by different amounts at different places. In a volume all sections share the
magnitudes, which are measured once, and the shifts. Coupled sections share their gradients too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.compatibility import refuse_unsupported
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.survey import GivenStepScale, MeasuredStepScale, StepScale
from seisdream.errors import SeisdreamError
from seisdream.inference.surroundings import Surroundings
from seisdream.models.network import Network
from seisdream.volumes.cube_dreams import CubeDream
from seisdream.volumes.dream_kernel import STORE, DreamKernel
from seisdream.volumes.kernel import SectionKernel
from seisdream.volumes.lines import has_signal
from seisdream.volumes.plan import Task, slices
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import DIRECTIONS, VolumeSettings
from seisdream.volumes.store import open_dataset_of_job
from seisdream.volumes.volume import Volume

_N_MEASURED = 3
"""Sections on which the step scale is measured."""
_INVERTING = ("reflectivity", "impedance")
_HALO = 4
"""Lines around coupled ones, in standard deviations of the coupling."""
INLINES = "inlines"
"""In the folder of a dream in both directions: the folder of the job that dreams on inlines, which runs first."""


def make_dream(
    volume: Volume, network: Network, settings: DreamSettings, how: VolumeSettings, scale: AmplitudeScale
) -> SectionDream | CubeDream:
    """Return what computes the tasks of a dream, by sections or by blocks as the network takes them.

    Parameters
    ----------
    volume : Volume
        The input.
    network : Network
        The network.
    settings : DreamSettings
        Of the dream of each section or block.
    how : VolumeSettings
        Direction and blocks.
    scale : AmplitudeScale
        Of the volume.

    Raises
    ------
    SeisdreamError
        If a setting does not work for whole volumes (``not-supported``).
    """
    check_settings(settings)
    kind = SectionDream if network.n_spatial_dims == 2 else CubeDream
    return kind(volume, network, settings, how, scale)


def check_settings(settings: DreamSettings) -> None:
    """Raise `SeisdreamError` (``not-supported``) for the first setting that does not work for whole volumes."""
    if settings.zoom:
        raise SeisdreamError(
            f"`zoom` is {settings.zoom:g}, but enlarged levels have left their positions in the volume, so that its "
            "lines would no longer meet; leave it out.",
            code="not-supported",
            option="zoom",
        )
    refuse_unsupported(settings, "volume")
    if settings.parameterization in _INVERTING:
        raise SeisdreamError(
            f"`parameterization` {settings.parameterization} inverts each part alone, so that a volume would not be "
            "continuous across them; use another one.",
            code="not-supported",
            option="parameterization",
        )


class SectionDream(DreamKernel, SectionKernel):
    """The dream of a network for sections, by whole inlines or crosslines.

    Attributes
    ----------
    measured : dict
        The step scale, as `measure` returned it when the job began.
    """

    takes = ("coupling",)
    directions = DIRECTIONS

    def __init__(
        self, volume: Volume, network: Network, settings: DreamSettings, how: VolumeSettings, scale: AmplitudeScale
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        first = self._resolve(self.lines.middle, self.lines.surroundings())
        self.n_coupled = math.ceil(_HALO * how.coupling)
        n_lines = max(one.preprocessing.lines for one in (network, *first.networks.values()))
        self.reach = self.lines.reach(n_lines // 2 + self.n_coupled)

    @property
    def _middle_section(self) -> xr.DataArray:
        return self.lines.middle

    def measure(self) -> dict[str, Any]:
        """Return the step scale: the mean magnitude of the gradient at each step, over some sections.

        Three sections, at a quarter, a half and three quarters of those that have traces, or the nearest ones with a
        signal, are dreamed as they are alone, or with their neighbours where they are coupled.
        """
        shares = [part / (_N_MEASURED + 1) for part in range(1, _N_MEASURED + 1)]
        chosen = sorted({one for share in shares if (one := self.lines.find_signal(share)) is not None})
        if not chosen:
            raise SeisdreamError(
                "No section of the volume has a signal; use another file, or cut it to its live part.",
                code="no-signal",
            )
        magnitudes = [self._measure_at(position) for position in chosen]
        measured = [str(self.lines.read(position).attrs["selection"]) for position in chosen]
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
        """Return the dreams of sections by their positions; dead ones stay as they are.

        Several are dreamed step by step, each gradient averaged over the lines with Gaussian weights.
        """
        dreams = {
            one: self._dream(section, scales[one], around) for one, section in sections.items() if has_signal(section)
        }
        if len(dreams) > 1:
            positions = torch.tensor(list(dreams), dtype=torch.float32)
            weights = torch.exp(-0.5 * ((positions[:, None] - positions) / self.how.coupling) ** 2)
            weights /= weights.sum(1, keepdim=True)
            for gradients in zip(*(one.gradients() for one in dreams.values()), strict=True):
                values = torch.cat([one.values for one in gradients])
                averaged = (weights.to(values) @ values.flatten(1)).reshape(values.shape)
                for gradient, one in zip(gradients, averaged.split(1), strict=True):
                    gradient.values = one
        else:
            for one in dreams.values():
                one.run()
        return {one: dreams[one].section if one in dreams else section for one, section in sections.items()}
