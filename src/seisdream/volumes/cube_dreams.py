"""What a task of a dream with a network for cubes computes: the dreamed amplitudes of a block, with a halo around it.

Every block is dreamed with its surroundings as a cube of its own. All these cubes have one size, shift alike, and share
amplitude scale, statistics, spectrum and the magnitudes that steps are divided by, so that neighbouring blocks differ
by what lies beyond their halos only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import bind_objective, layers_of
from seisdream.dreaming.settings import DreamSettings
from seisdream.dreaming.survey import GivenStepScale, MeasuredStepScale
from seisdream.errors import SeisdreamError
from seisdream.inference.cube_blocks import CubeBlocks
from seisdream.inference.surroundings import Surroundings
from seisdream.models.network import Network
from seisdream.seismic.cubes import DIMS
from seisdream.volumes.dream_kernel import DreamKernel
from seisdream.volumes.lines import attributes_of, nearest_first
from seisdream.volumes.plan import Block, Plan, Reach, Span, Task, align_shard, slices
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.volume import Volume

_SIDE = 64
_N_MEASURED = 3
"""Blocks on which the step scale is measured."""


class CubeDream(DreamKernel):
    """The dream of a network for cubes, in blocks with a halo of its receptive field.

    Attributes
    ----------
    measured : dict
        The step scale times the samples of a block, as `measure` returned it when the job began.
    """

    directions = ("inline",)

    def __init__(
        self, volume: Volume, network: Network, settings: DreamSettings, how: VolumeSettings, scale: AmplitudeScale
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        names = list(network.layers)
        layers = layers_of(bind_objective(parse(settings.layer or network.default_layer), network))
        self._blocks = CubeBlocks(network, max(layers, key=names.index))
        # Volumes have time last, and cubes for networks first.
        down, *lateral = zip(self._blocks.halo.halo, self._blocks.halo.alignment, strict=True)
        reach = [Reach(halo, alignment) for halo, alignment in (*lateral, down)]
        self.shard = align_shard(how.block or (_SIDE,) * 3, self.shape, reach)
        sides = [side + 2 * one.halo for side, one in zip(self.shard, reach, strict=True)]
        first, second, third = (Reach(one.halo, one.alignment, least=n) for one, n in zip(reach, sides, strict=True))
        self.reach = (first, second, third)
        # Networks are normalised by the statistics of the volume; cubes have no neighbouring lines.
        self._around = Surroundings([], lambda number: self._middle, scale.statistics)
        self._resolve(self._middle, self._around)

    @cached_property
    def _live(self) -> list[Task]:
        """The tasks of blocks with traces."""
        tasks = Plan(self.shape, self.shard, self.reach, "", {}).tasks
        return [task for task in tasks if self.volume.trace_mask[slices(task.output)[:2]].any()]

    @cached_property
    def _middle(self) -> xr.DataArray:
        """The middle one of the blocks that have traces, or the nearest one with a signal; absent samples are zeros."""
        task = self._find_signal(0.5)
        if task is None:
            raise SeisdreamError(
                "No block of the volume has a signal; use another file, or cut it to its live part.", code="no-signal"
            )
        return self._read(task)[0]

    def _find_signal(self, share: float) -> Task | None:
        """Return the task of a block with a signal, the nearest to a share of those that have traces."""
        ordered = nearest_first(self._live, share)
        return next((task for task in ordered if np.ptp(self._read(task)[0].values) > 0), None)

    def _read(self, task: Task) -> tuple[xr.DataArray, NDArray[np.float32] | None]:
        return self._cube(self.volume.read(*slices(task.input)), task.input)

    def _cube(self, values: NDArray[np.float32], block: Block) -> tuple[xr.DataArray, NDArray[np.float32] | None]:
        """Return a block as a cube with zeros for absent samples, and 1 where there are samples, if not everywhere."""
        volume, turned = self.volume, values.transpose(2, 0, 1)
        spans: Sequence[Span] = (block[2], block[0], block[1])
        numbers = [
            np.asarray(volume.coords[dim])[slice(*span)]
            for dim, span in zip((volume.dims[2], *volume.dims[:2]), spans, strict=True)
        ]
        present = np.isfinite(turned)
        filled = np.ascontiguousarray(np.where(present, turned, np.float32(0)))
        cube = xr.DataArray(filled, dict(zip(DIMS, numbers, strict=True)), DIMS, attrs=attributes_of(volume))
        return cube, None if present.all() else present.astype(np.float32)

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
            cube, present = self._read(task)
            scale = MeasuredStepScale()
            self._dream(cube, scale, self._around, present).run()
            magnitudes.append(np.array(scale.magnitudes) * cube.size)
        return {"blocks": measured, "step_scale": np.mean(magnitudes, axis=0).tolist()}

    def compute(self, values: NDArray[np.float32], task: Task) -> dict[str, NDArray]:
        """Return the dreamed amplitudes of a task's shard; dead blocks stay as they are."""
        core = tuple(
            slice(own[0] - read[0], own[1] - read[0]) for own, read in zip(task.output, task.input, strict=True)
        )
        cube, present = self._cube(values, task.input)
        if not np.isfinite(values[core]).any() or not np.ptp(cube.values) > 0:
            return {"dream": values[core]}
        scale = GivenStepScale(np.array(self.measured["step_scale"]) / cube.size)
        dreamed = self._dream(cube, scale, self._around, present).run().section.values.transpose(1, 2, 0)
        return {"dream": np.where(np.isfinite(values), dreamed, np.float32(np.nan))[core]}

    @property
    def _middle_section(self) -> xr.DataArray:
        return self._middle.isel(inline=self._middle.sizes["inline"] // 2)

    def notes(self) -> list[str]:
        """Return what limits the dream, a sentence each, on the middle block."""
        notes = super().notes()
        if not self._blocks.is_exact:
            notes.append(
                f"The receptive field of {self.network.name} is larger than the samples around each block, so seams "
                "between blocks are larger."
            )
        return notes
