"""The frame of commands of networks for cubes, which compute a volume in blocks with surroundings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import bind_objective, layers_of
from seisdream.errors import SeisdreamError
from seisdream.inference.cube_blocks import CubeBlocks
from seisdream.models.network import Network
from seisdream.seismic.cubes import DIMS
from seisdream.volumes.kernel import Kernel
from seisdream.volumes.lines import attributes_of, has_signal, nearest_first
from seisdream.volumes.plan import Block, Plan, Reach, Shape, Task, align_shard, slices

Inside = tuple[slice, slice, slice]


class CubeKernel(Kernel):
    """A command of a network for cubes. Cubes have time first, ``(time, inline, crossline)``, and volumes last."""

    directions: ClassVar[tuple[str, ...]] = ("inline",)

    def _divide(self, side: int, reach: Sequence[Reach]) -> None:
        """Set the shard, a cube of a side unless blocks are given, and what a task needs around it.

        Parameters
        ----------
        side : int
            In samples.
        reach : sequence of Reach
            Along time, inlines and crosslines.
        """
        down, inlines, crosslines = reach
        self.reach = inlines, crosslines, down
        inline, crossline, sample = self.how.block or (side, side, side)
        self.shard: Shape = align_shard(
            (inline, crossline, self.shape[2] if down.is_whole else sample), self.shape, self.reach
        )

    def compute(self, values: NDArray[np.float32], task: Task) -> dict[str, NDArray]:
        """Return the arrays of a task's shard; a block without traces keeps the fill value."""
        arrays, cube, inside = self._empty(task.output), self._cube(values, task.input), _inside(task)
        if np.isfinite(cube.values[inside]).any():
            for name, one in self.compute_block(cube, inside, task).items():
                arrays[name][...] = one.transpose(1, 2, 0)
        return arrays

    @abstractmethod
    def compute_block(self, cube: xr.DataArray, inside: Inside, task: Task) -> dict[str, NDArray]:
        """Return the arrays of a block ``(time, inline, crossline)``, by variable.

        Parameters
        ----------
        cube : DataArray
            The block with its surroundings, NaN where absent.
        inside : tuple of slice
            Where the block is in it.
        task : Task
            The task.
        """

    def _cube(self, values: NDArray[np.float32], block: Block) -> xr.DataArray:
        """Return a part of the volume ``(inline, crossline, time)`` as a cube, NaN where absent."""
        volume = self.volume
        numbers = [np.asarray(volume.coords[volume.dims[axis]])[slice(*block[axis])] for axis in (2, 0, 1)]
        coords = dict(zip(DIMS, numbers, strict=True))
        return xr.DataArray(values.transpose(2, 0, 1), coords, DIMS, attrs=attributes_of(volume))

    def _read(self, task: Task) -> xr.DataArray:
        return self._cube(self.volume.read(*slices(task.input)), task.input)

    def _find_signal(self, share: float) -> Task | None:
        """Return the task of a block with a signal, the nearest to a share of those that have traces."""
        return next((task for task in nearest_first(self._live, share) if has_signal(self._read(task))), None)

    @cached_property
    def _live(self) -> list[Task]:
        """The tasks of blocks with traces."""
        tasks = Plan(self.shape, self.shard, self.reach, "", {}).tasks
        return [task for task in tasks if self.volume.trace_mask[slices(task.output)[:2]].any()]

    @cached_property
    def _middle_task(self) -> Task:
        """The task of the middle one of the blocks that have traces, or of the nearest one with a signal."""
        task = self._find_signal(0.5)
        if task is None:
            raise SeisdreamError(
                "No block of the volume has a signal; use another file, or cut it to its live part.", code="no-signal"
            )
        return task

    @cached_property
    def _middle(self) -> xr.DataArray:
        """The cube of that block."""
        return self._read(self._middle_task)

    @property
    def _middle_section(self) -> xr.DataArray:
        """The middle inline of that cube."""
        return self._middle.isel(inline=self._middle.sizes["inline"] // 2)


def blocks_up_to(network: Network, objective: str | None) -> CubeBlocks:
    """Return the blocks in which a network is computed up to the deepest layer of an objective.

    Parameters
    ----------
    network : Network
        A network for cubes.
    objective : str, optional
        In the objective syntax; by default the network's default layer.
    """
    names = list(network.layers)
    layers = layers_of(bind_objective(parse(objective or network.default_layer), network))
    return CubeBlocks(network, max(layers, key=names.index))


def _inside(task: Task) -> Inside:
    """Return where the output of a task is in the cube of its input."""
    inlines, crosslines, samples = (
        slice(own[0] - read[0], own[1] - read[0]) for own, read in zip(task.output, task.input, strict=True)
    )
    return samples, inlines, crosslines
