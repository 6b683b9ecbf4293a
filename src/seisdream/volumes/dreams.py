"""What a task of a dream computes: the dreamed amplitudes of a shard, section by section.

A dream divides each step by the mean magnitude of its own gradient, and shifts the section at random before each step.
Neighbouring sections would so be changed by different amounts at different places. In a volume all sections share the
magnitudes, which are measured once, and the shifts.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.compatibility import refuse_unsupported
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.inputs import named_files
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.survey import GivenStepScale, MeasuredStepScale, StepScale, SurveyPart
from seisdream.errors import SeisdreamError
from seisdream.inference.surroundings import Surroundings
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.provenance import make_provenance
from seisdream.results.dream_result import TITLE, segy_line, segy_title
from seisdream.volumes.lines import Lines
from seisdream.volumes.plan import Shape, Task
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.volume import Volume

_N_MEASURED = 3
"""Sections on which the step scale is measured."""
_MEASURING = ("fourier", "bandlimited")
"""Parameterizations that measure a section; in a volume, the middle one for all."""
_INVERTING = ("reflectivity", "impedance")
_OF_PREDICTIONS = ("number_format", "all_probabilities")


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
    check_settings(settings, how)
    if network.n_spatial_dims != 2:
        raise SeisdreamError(
            f"{network.name} is a network for cubes, and whole volumes are dreamed section by section; use a network "
            "for sections, or leave out `volume=True` to dream on a cube in memory.",
            code="not-supported",
            option="network",
        )
    return SectionDream(volume, network, settings, how, scale)


def check_settings(settings: DreamSettings, how: VolumeSettings) -> None:
    """Raise `SeisdreamError` (``not-supported``) for the first setting that does not work for whole volumes."""
    refuse_unsupported(settings, "volume")
    if settings.parameterization in _INVERTING:
        raise SeisdreamError(
            f"`parameterization` {settings.parameterization} inverts each section alone, so that a volume would not be "
            "continuous across lines; use another one.",
            code="not-supported",
            option="parameterization",
        )
    for one in how.declared():
        if one.name in _OF_PREDICTIONS and getattr(how, one.name) != one.default:
            raise SeisdreamError(
                f"`{one.name}` is a setting of predictions; leave it out.", code="not-supported", option=one.name
            )


class SectionDream:
    """The dream of a network for sections, by whole inlines or crosslines.

    Attributes
    ----------
    settings : DreamSettings
        With every default resolved, on the middle section.
    reach : tuple of Reach
        What a task needs around its shard.
    shard : (int, int, int)
        Of the output.
    measured : dict
        The step scale, as `measure` returned it when the job began.
    """

    def __init__(
        self, volume: Volume, network: Network, settings: DreamSettings, how: VolumeSettings, scale: AmplitudeScale
    ) -> None:
        self.volume, self._network, self._scale = volume, network, scale
        self.shape: Shape = volume.shape
        self.lines = Lines(volume, how.direction, scale)
        self.measured: dict[str, Any] = {}
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
        n_lines = max(one.preprocessing.lines for one in (network, *first.networks.values()))
        self.reach = self.lines.reach(n_lines // 2)
        self.shard = self.lines.shard(how.block)

    @property
    def variables(self) -> dict[str, tuple[str, float, dict[str, Any]]]:
        """The variable of the output: number format, value of absent samples, attributes."""
        units = str(self.volume.attrs.get("units", "amplitude"))
        return {"dream": ("float32", np.nan, {"long_name": TITLE, "units": units})}

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the result, with the lines that SEG-Y of it has in its text header."""
        record = self.provenance()
        return {"title": TITLE, "segy_line": segy_line(record), "segy_title": list(segy_title(record))}

    def measure(self) -> dict[str, Any]:
        """Return the step scale: the mean magnitude of the gradient at each step, over some sections.

        Three sections, at a quarter, a half and three quarters of those that have traces, are dreamed as they are
        alone.

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
            if _has_signal(section):
                step_scale = MeasuredStepScale()
                self._dream(section, step_scale, self.lines.surroundings()).run()
                magnitudes.append(step_scale.magnitudes)
                measured.append(str(section.attrs["selection"]))
        if not measured:
            raise SeisdreamError(
                f"None of {len(chosen)} evenly spaced sections has a signal, so no step scale can be measured; cut the "
                "volume to its live part.",
                code="no-signal",
            )
        return {"sections": measured, "step_scale": np.mean(magnitudes, axis=0).tolist()}

    def compute(self, values: NDArray[np.float32], task: Task) -> dict[str, NDArray]:
        """Return the dreamed amplitudes of a task's shard.

        Parameters
        ----------
        values : array
            The input block ``(inline, crossline, time)``, NaN where absent.
        task : Task
            The task.
        """
        lines, span = self.lines, task.output[self.lines.axis]
        dreamed = np.full([stop - first for first, stop in task.output], np.nan, np.float32)
        around = lines.surroundings(values, task.input)
        for position in range(*span):
            section = lines.section(values, task.input, position)
            if _has_signal(section):
                section = self._dream(section, GivenStepScale(self.measured["step_scale"]), around).run().section
            # A section is (time, trace), and a volume has its samples last. Dead sections stay as they are.
            dreamed[lines.at(position - span[0])] = section.values.T
        return {"dream": dreamed}

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole dream."""
        return make_provenance(
            kind="dream",
            settings=self.settings,
            section=self.lines.middle,
            network=self._network,
            grey_mapping=self._scale.mapping,
            result=dict(self.measured),
            notes=self.notes(),
            volume_shape=self.shape,
            files=named_files(self.settings),
        )

    def notes(self) -> list[str]:
        """Return what limits the dream, a sentence each, on the middle section."""
        return list(self._notes)

    def _dream(self, section: xr.DataArray, step_scale: StepScale, around: Surroundings) -> Dream:
        return Dream(
            section,
            self._network,
            settings=self.settings,
            reference_section=self._reference,
            mapping=self._scale.mapping,
            prepared=self._prepared,
            survey=self._part(step_scale, around),
        )

    def _part(self, step_scale: StepScale, around: Surroundings) -> SurveyPart:
        return SurveyPart((self._scale.minimum, self._scale.maximum), step_scale, around)

    @cached_property
    def _prepared(self) -> PreparedNetwork:
        return self._network.prepared(self.settings.device, self.settings.precision)


def _has_signal(section: xr.DataArray) -> bool:
    present = section.values[np.isfinite(section.values)]
    return bool(present.size and present.min() < present.max())
