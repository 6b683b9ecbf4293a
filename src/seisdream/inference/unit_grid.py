"""Where the units of a layer lie on a section: from samples to units and back, in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from seisdream.models.layers import LayerInfo

Size = tuple[int, ...]


@dataclass(frozen=True)
class UnitGrid:
    """The positions of a layer's units, in samples of the section or cube.

    Attributes
    ----------
    start : tuple of float
        Row and column of the centre of unit (0, 0); of a cube, one number for each of its axes.
    stride : tuple of float
        Samples between neighbouring units.
    shape : tuple of int
        Units along each axis.
    """

    start: tuple[float, ...]
    stride: tuple[float, ...]
    shape: Size

    @classmethod
    def of(cls, info: LayerInfo, shape: Size, size: Size, *, is_per_sample: bool = False) -> UnitGrid:
        """Return the grid of a layer that was computed on a section.

        Parameters
        ----------
        info : LayerInfo
            Of the layer. Where its stride is not known, units divide the section evenly.
        shape : tuple of int
            Units along each axis.
        size : tuple of int
            Samples that they were computed from.
        is_per_sample : bool, default False
            Assign a unit for each sample to that sample, as in a map of classes, even where its receptive field is
            not centred there: a decoder that upsamples sees further to one side.
        """
        if info.stride is None or info.start is None:
            stride = tuple(n_samples / n_units for n_samples, n_units in zip(size, shape, strict=True))
            return cls(tuple((one - 1) / 2 for one in stride), stride, shape)
        grid = [
            (0.0, 1.0) if is_per_sample and (info.has_unit_per_sample or _is_per_sample(*axis)) else axis[2:]
            for axis in zip(shape, size, info.start, info.stride, strict=True)
        ]
        return cls(tuple(start for start, _ in grid), tuple(stride for _, stride in grid), shape)

    def centres(self, axis: int) -> NDArray[np.floating]:
        """Return the rows (axis 0) or columns (axis 1) at which units are centred."""
        return self.start[axis] + self.stride[axis] * np.arange(self.shape[axis])

    def positions(self, axis: int, samples: NDArray) -> NDArray:
        """Return where rows or columns of samples lie among units, as fractional unit numbers, not clipped."""
        return (samples - self.start[axis]) / self.stride[axis]

    def nearest(self, axis: int, samples: NDArray) -> NDArray[np.int64]:
        """Return the number of the unit nearest to each row or column of samples."""
        units = np.rint(self.positions(axis, samples))
        return np.clip(units, 0, self.shape[axis] - 1).astype(np.int64)

    def moved(self, rows: int, columns: int) -> UnitGrid:
        """Return the grid in the coordinates of a section in which this part starts at a row and column."""
        return replace(self, start=(self.start[0] + rows, self.start[1] + columns))

    def part(self, rows: slice, columns: slice) -> UnitGrid:
        """Return the grid of a block of units."""
        spans = [part.indices(n) for part, n in zip((rows, columns), self.shape, strict=True)]
        starts = [self.start[axis] + self.stride[axis] * spans[axis][0] for axis in (0, 1)]
        shape = [max(0, stop - first) for first, stop, _ in spans]
        return UnitGrid((starts[0], starts[1]), self.stride, (shape[0], shape[1]))

    def to_samples(self, values: torch.Tensor, size: Size) -> torch.Tensor:
        """Return values of units ``(..., row, column)`` at every sample, ``(..., time, trace)``, or those of a cube.

        Values are linear between the centres of units and constant beyond the outermost.
        """
        for axis, n_samples in enumerate(size):
            values = interpolate_axis(values, axis - len(size), self.positions(axis, np.arange(n_samples)))
        return values


def _is_per_sample(n_units: int, n_samples: int, start: float, stride: float) -> bool:
    """Return whether each sample has a unit: there are as many, or more because the size was rounded up at the end.

    Where padding adds units on both sides, the first is centred outside by half as many. What is resized to the size
    of the input has a stride that is not quite 1 where that is no multiple of the coarse layer's.
    """
    n_more = n_units - n_samples
    if n_more == 0:
        return round(stride) == 1
    return stride == 1 and n_more > 0 and abs(start + n_more / 2) > 0.5


def interpolate_axis(values: torch.Tensor, axis: int, positions: NDArray) -> torch.Tensor:
    """Return values at fractional positions along an axis, linear between neighbours and constant past the ends.

    Parameters
    ----------
    values : Tensor
        Of any shape.
    axis : int
        The axis along which positions count, from 0.
    positions : array
        ``(position,)``; the result has as many entries along the axis.
    """
    left, right, share = neighbours(positions, values.shape[axis])
    first = values.index_select(axis, left.to(values.device))
    if not share.any():
        return first
    shape = [1] * values.ndim
    shape[axis] = -1
    return first.lerp(
        values.index_select(axis, right.to(values.device)), share.to(values.device, values.dtype).reshape(shape)
    )


def neighbours(positions: NDArray, n_units: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the units on both sides of fractional positions, and the weight of the second; ends are constant."""
    positions = np.clip(positions, 0, n_units - 1)
    left = np.floor(positions).astype(np.int64)
    right = np.minimum(left + 1, n_units - 1)
    return torch.from_numpy(left), torch.from_numpy(right), torch.from_numpy((positions - left).astype(np.float32))
