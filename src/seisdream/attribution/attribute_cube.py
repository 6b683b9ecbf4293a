"""A target in a cube, prepared to be explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
import xarray as xr

from seisdream.attribution.attributor import Attributor
from seisdream.attribution.randomization_test import RandomizationTest
from seisdream.attribution.settings import AttributionSettings
from seisdream.dreaming.objectives.terms import Objective
from seisdream.errors import SeisdreamError
from seisdream.inference.cubes import Volume, cube_input, line_of_volume, open_cube
from seisdream.io.segy import SegyVolume
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.provenance import make_provenance
from seisdream.results.attribution_result import AttributionResult
from seisdream.seismic.cubes import VOLUME_DIMS

METHODS = ("integrated-gradients", "grad-cam")
"""Methods that explain cubes."""


class CubeAttributor(Attributor):
    """A target in a cube, prepared to be explained; parameters and attributes are those of `Attributor`.

    Parameters
    ----------
    volume : DataArray or SegyVolume
        A cube ``(time, inline, crossline)``, or a volume that fits in memory.
    network, target, settings, on_forward
        As for `Attributor`; the network is for cubes.
    at : (float, float, float), optional
        Inline, crossline and time of a point.

    Raises
    ------
    SeisdreamError
        As for `Attributor`; if a method, a baseline or a mask does not work for cubes (``not-supported``).
    """

    _WINDOW: ClassVar[tuple[str, ...]] = ("window_rows", "window_inlines", "window_crosslines")

    def __init__(
        self,
        volume: Volume,
        network: Network,
        target: str | Objective | None = None,
        *,
        at: Sequence[float] | None = None,
        target_mask: xr.DataArray | None = None,
        settings: AttributionSettings | None = None,
        on_forward: Callable[[int], object] = lambda _: None,
    ) -> None:
        network.require_cubes()
        if target_mask is not None:
            raise _unsupported("target_mask", "give a point as `at` (inline, crossline, time), or leave it out")
        self._volume = volume
        super().__init__(line_of_volume(volume), network, target, at=at, settings=settings, on_forward=on_forward)

    def _open(self, section: xr.DataArray, settings: AttributionSettings) -> xr.DataArray:
        if settings.method not in METHODS:
            raise _unsupported(f"method={settings.method}", f"use {' or '.join(METHODS)}")
        if settings.baseline == "noise":
            raise _unsupported("baseline=noise", "use zero or blurred")
        cube, is_present, self._mapping = open_cube(self._volume, settings.percentile)
        self._absent = ~is_present
        return cube

    def _bind(self, network: Network) -> tuple[PreparedNetwork, torch.Tensor]:
        prepared = PreparedNetwork(network, self._device, "float32")
        return cube_input(prepared, self.section, ~self._absent, self._mapping, device=self._device)

    def _notes(self) -> list[str]:
        notes = [
            self.network.note_on_size(self.section.shape, (self.target.layer,)),
            *self.network.notes,
        ]
        if self.target_mask is None:
            notes.append("The score is the mean over the whole cube; explain a point of it with `at`.")
        return [note for note in notes if note]

    def __call__(self, network: Network | None = None) -> xr.DataArray:
        """Return the attribution ``(inline, crossline, time)``, without its provenance."""
        return super().__call__(network).transpose(*VOLUME_DIMS)

    def result(self, attribution: xr.DataArray, randomization: RandomizationTest | None = None) -> AttributionResult:
        """Return an attribution with its provenance, to be saved or plotted."""
        return AttributionResult(
            attribution.to_dataset(name="attribution"),
            self.provenance(attribution),
            self.notes,
            self._volume,
            target_mask=self.target_mask,
        )

    def provenance(self, attribution: xr.DataArray) -> dict[str, Any]:
        """Return the provenance of an attribution that this attributor returned."""
        volume = self._volume
        return make_provenance(
            kind="attribution",
            settings=self.settings,
            section=line_of_volume(volume),
            network=self.network,
            grey_mapping=self._mapping,
            result=self._record_of(attribution),
            notes=self.notes,
            volume_shape=volume.shape if isinstance(volume, SegyVolume) else None,
        )


def _unsupported(setting: str, remedy: str) -> SeisdreamError:
    return SeisdreamError(
        f"`{setting}` does not work for cubes; {remedy}.", code="not-supported", option=setting.partition("=")[0]
    )
