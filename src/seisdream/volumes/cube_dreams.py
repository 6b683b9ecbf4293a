"""What a task of a dream with a network for cubes computes: the dreamed amplitudes of a block, with a halo around it.

Every block is dreamed with its surroundings as a cube of its own. All these cubes have one size, shift alike, and share
amplitude scale, statistics, spectrum and the magnitudes that steps are divided by, so that neighbouring blocks differ
by what lies beyond their halos only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.survey import GivenStepScale, MeasuredStepScale
from seisdream.inference.surroundings import Surroundings
from seisdream.models.network import Network
from seisdream.volumes.cube_kernel import CubeKernel, Inside, blocks_up_to
from seisdream.volumes.dream_kernel import DreamKernel
from seisdream.volumes.lines import has_signal
from seisdream.volumes.plan import Reach, Task
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.volume import Volume

_SIDE = 64
_N_MEASURED = 3
"""Blocks on which the step scale is measured."""


class CubeDream(CubeKernel, DreamKernel):
    """The dream of a network for cubes, in blocks with a halo of its receptive field.

    Attributes
    ----------
    measured : dict
        The step scale times the samples of a block, as `measure` returned it when the job began.
    """

    def __init__(
        self, volume: Volume, network: Network, settings: DreamSettings, how: VolumeSettings, scale: AmplitudeScale
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        self._blocks = blocks_up_to(network, settings.layer)
        halos = list(zip(self._blocks.halo.halo, self._blocks.halo.alignment, strict=True))
        self._divide(_SIDE, [Reach(halo, alignment) for halo, alignment in halos])
        sides = [side + 2 * one.halo for side, one in zip(self.shard, self.reach, strict=True)]
        first, second, third = (replace(one, least=n) for one, n in zip(self.reach, sides, strict=True))
        self.reach = (first, second, third)
        self._has_blocks = self.shard != self.shape
        # Networks are normalised by the statistics of the volume; cubes have no neighbouring lines.
        self._around = Surroundings([], lambda number: self._middle, scale.statistics)
        self._resolve(_filled(self._middle)[0], self._around)

    def measure(self) -> dict[str, Any]:
        """Return the step scale: the mean magnitude of the gradient at each step, times the samples of a block.

        The objective is a mean over a block, so that its gradient is the smaller the larger the block. Three blocks, at
        a quarter, a half and three quarters of those that have traces, or the nearest ones with a signal, are dreamed
        as they are alone.
        """
        shares = [part / (_N_MEASURED + 1) for part in range(1, _N_MEASURED + 1)]
        chosen = sorted({task for share in shares if (task := self._find_signal(share))}, key=lambda task: task.index)
        magnitudes, measured = [], [str(task) for task in chosen]
        for task in chosen:
            cube, present = _filled(self._read(task))
            scale = MeasuredStepScale()
            self._dream(cube, scale, self._around, present).run()
            magnitudes.append(np.array(scale.magnitudes) * cube.size)
        return {"blocks": measured, "step_scale": np.mean(magnitudes, axis=0).tolist()}

    def compute_block(self, cube: xr.DataArray, inside: Inside, task: Task) -> dict[str, NDArray]:
        """Return the dreamed amplitudes of a block; dead blocks stay as they are."""
        if not has_signal(cube):
            return {"dream": cube.values[inside]}
        filled, present = _filled(cube)
        scale = GivenStepScale(np.array(self.measured["step_scale"]) / cube.size)
        dreamed = self._dream(filled, scale, self._around, present).run().section.values
        return {"dream": np.where(np.isfinite(cube.values), dreamed, np.float32(np.nan))[inside]}

    def notes(self) -> list[str]:
        """Return what limits the dream, a sentence each, on the middle block."""
        notes = super().notes()
        if not self._blocks.is_exact:
            notes.append(
                f"The receptive field of {self.network.name} is larger than the samples around each block, so seams "
                "between blocks are larger."
            )
        return notes


def _filled(cube: xr.DataArray) -> tuple[xr.DataArray, NDArray[np.float32] | None]:
    """Return a cube with zeros for absent samples, and 1 where there are samples, if not everywhere."""
    present = np.isfinite(cube.values)
    filled = np.ascontiguousarray(np.where(present, cube.values, np.float32(0)))
    return cube.copy(data=filled), None if present.all() else present.astype(np.float32)
