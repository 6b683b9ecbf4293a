"""The patches of a survey that activate each channel most, found line by line."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from seisdream.inference.recorder import UnitActivations
from seisdream.models.layers import LayerInfo

_MAX_ABSENT = 0.1  # Share of a patch: the edge of a mute is not geology.
# Candidates for each patch: one that a stronger neighbour suppresses returns if that one is suppressed in turn.
_RESERVE = 4


_SMALLEST_SIDE, _LARGEST_SIDE = 32, 96


def patch_size(info: LayerInfo, line_size: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of the patches of a layer: twice its receptive field, within limits and the line."""
    field = (info.receptive_field or line_size)[:1] + (info.receptive_field or line_size)[-1:]
    rows, columns = (
        min(max(2 * side, _SMALLEST_SIDE), _LARGEST_SIDE, length) for side, length in zip(field, line_size, strict=True)
    )
    return rows, columns


class PatchLocation(NamedTuple):
    """The first sample of a patch, and the activation in its middle."""

    line: int
    row: int
    column: int
    value: float


class TopKPatches:
    """The patches of the strongest activations of each channel of a layer, none of which overlap.

    A patch also overlaps patches on lines that are less than its width away, so that one body does not fill the list
    along a volume. The strongest comes first, then the strongest that does not overlap it, and so on (non-maximum
    suppression).

    Parameters
    ----------
    n_channels : int
        Of the layer.
    n_kept : int
        Patches of each channel.
    patch : (int, int)
        Rows and columns of a patch, which is centred on a unit and lies within its line.
    positions : sequence of int
        Position of each line along the volume, in traces.
    """

    def __init__(self, n_channels: int, n_kept: int, patch: tuple[int, int], positions: tuple[int, ...]):
        self.n_kept, self.patch, self._positions = n_kept, patch, np.asarray(positions, np.int64)
        shape = (n_channels, n_kept * _RESERVE)
        self.values = np.full(shape, -np.inf, np.float32)
        self.lines, self.rows, self.columns = (np.zeros(shape, np.int64) for _ in range(3))

    def update(self, line: int, units: UnitActivations, absent: np.ndarray) -> None:
        """Add the activations over a part of a line.

        Parameters
        ----------
        line : int
            Number of the line, from 0.
        units : UnitActivations
            Of the layer.
        absent : array
            Booleans ``(time, trace)`` of the whole line.
        """
        values = self._allowed(units, absent)
        if values is None:
            return
        found = self._strongest(values, units)
        self._take(np.full_like(found[1], line), *found)

    def locations(self) -> list[list[PatchLocation]]:
        """Return the patches of each channel, the strongest first."""
        order = self._greedy()
        locations = []
        for channel, is_kept in enumerate(order):
            of_one = (one[channel, is_kept].tolist() for one in (self.lines, self.rows, self.columns, self.values))
            locations.append([PatchLocation(*one) for one in zip(*of_one, strict=True)])
        return locations

    def _allowed(self, units: UnitActivations, absent: np.ndarray) -> torch.Tensor | None:
        """Return the activations, minus infinity where no patch fits or the channel is silent."""
        fits = []
        for centres, n_samples, side in zip(
            (units.grid.centres(0), units.grid.centres(1)), absent.shape, self.patch, strict=True
        ):
            first = corner(centres, side)
            fits.append((first >= 0) & (first + side <= n_samples))
        if not (fits[0].any() and fits[1].any()):
            return None
        is_possible = fits[0][:, None] & fits[1]
        if absent.any():
            is_possible &= self._share_absent(units, absent) <= _MAX_ABSENT
        values = units.values.masked_fill(~torch.from_numpy(is_possible), -torch.inf)
        # A rectified layer is silent at zero; of another the largest activation may be below zero.
        return values.masked_fill(values <= 0, -torch.inf) if units.values.min() >= 0 else values

    def _share_absent(self, units: UnitActivations, absent: np.ndarray) -> np.ndarray:
        """Return the absent share of the patch around each unit."""
        below = np.pad(absent.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        ends = []
        for centres, n_samples, side in zip(
            (units.grid.centres(0), units.grid.centres(1)), absent.shape, self.patch, strict=True
        ):
            first = corner(centres, side)
            ends.append((first.clip(0, n_samples), (first + side).clip(0, n_samples)))
        (top, bottom), (left, right) = ends
        at = [[below[np.ix_(rows, columns)] for columns in (left, right)] for rows in (top, bottom)]
        return (at[1][1] - at[1][0] - at[0][1] + at[0][0]) / (self.patch[0] * self.patch[1])

    def _strongest(self, values: torch.Tensor, units: UnitActivations) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the strongest values of each channel in one part, and the first rows and columns of their patches."""
        n_channels, _, n_columns = values.shape
        rows, columns = (
            torch.from_numpy(np.asarray(c, np.float64)) for c in (units.grid.centres(0), units.grid.centres(1))
        )
        found = []
        for _ in range(self.n_kept):
            peak, index = values.reshape(n_channels, -1).max(1)
            row, column = rows[index // n_columns], columns[index % n_columns]
            found.append((peak, row, column))
            is_near_row = (rows - row[:, None]).abs() < self.patch[0]
            is_near_column = (columns - column[:, None]).abs() < self.patch[1]
            values = values.masked_fill(is_near_row[:, :, None] & is_near_column[:, None, :], -torch.inf)
        peaks, at_rows, at_columns = (torch.stack(one, 1).numpy() for one in zip(*found, strict=True))
        return peaks, corner(at_rows, self.patch[0]), corner(at_columns, self.patch[1])

    def _take(self, lines: np.ndarray, values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
        n_pool = self.values.shape[1]
        pool = [np.concatenate(pair, 1) for pair in
                ((self.values, values), (self.lines, lines), (self.rows, rows), (self.columns, columns))]  # fmt: skip
        self._set(pool, np.lexsort((pool[3], pool[2], pool[1], -pool[0]), axis=1))
        kept = self._greedy()
        # Those that are kept stay, then the strongest of the others.
        order = np.argsort(~kept, axis=1, kind="stable")[:, :n_pool]
        self._set([self.values, self.lines, self.rows, self.columns], np.sort(order, axis=1))

    def _set(self, pool: list[np.ndarray], order: np.ndarray) -> None:
        self.values, self.lines, self.rows, self.columns = (np.take_along_axis(one, order, 1) for one in pool)

    def _greedy(self) -> np.ndarray:
        """Return which candidates, sorted by strength, are not suppressed by stronger ones."""
        kept = np.zeros(self.values.shape, bool)
        at = self._positions[self.lines]
        for one in range(self.values.shape[1]):
            overlaps = (
                (np.abs(self.rows - self.rows[:, [one]]) < self.patch[0])
                & (np.abs(self.columns - self.columns[:, [one]]) < self.patch[1])
                & (np.abs(at - at[:, [one]]) < self.patch[1])
            )
            is_allowed = ~(kept & overlaps).any(1) & (kept.sum(1) < self.n_kept)
            kept[:, one] = is_allowed & np.isfinite(self.values[:, one])
        return kept

    def state(self) -> dict[str, np.ndarray]:
        """Return the state as arrays, for `resume`."""
        return {"values": self.values, "lines": self.lines, "rows": self.rows, "columns": self.columns}

    def resume(self, state: dict[str, np.ndarray]) -> None:
        """Continue from an earlier state."""
        self.values, self.lines, self.rows, self.columns = (
            state[name] for name in ("values", "lines", "rows", "columns")
        )


def corner(centres: np.ndarray, side: int) -> np.ndarray:
    """Return the first sample of patches around centres."""
    return np.floor(np.asarray(centres) - (side - 1) / 2 + 0.5).astype(np.int64)
