"""The places of a survey that excite each channel most, found line by line with a memory of a few places only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from seisdream.inference.recorder import UnitActivations

_MOST_ABSENT = 0.1  # Of a patch: an edge of the mute is no pattern of the rock.
# Places kept beyond those asked for: one that a stronger neighbour hides comes back if that is hidden in turn.
_RESERVE = 4


class Place(NamedTuple):
    """Where a channel was excited, and how strongly."""

    line: int
    row: int
    column: int
    value: float


class TopKPatches:
    """The strongest responses of each channel of a layer, no two in patches that overlap.

    A patch of one line overlaps the patches on neighbouring lines too, as far away as it is wide, so that one body
    does not fill the list as it passes through a volume. The strongest is taken first, then the strongest of those
    that do not overlap it, and so on (non-maximum suppression).

    Parameters
    ----------
    n_channels : int
        Of the layer.
    n_kept : int
        How many places are wanted of each channel.
    patch : (int, int)
        Rows and columns of a patch, which is cut around a unit's centre and lies wholly within its line.
    numbers : sequence of int
        How far apart the lines are, in traces.
    """

    def __init__(self, n_channels: int, n_kept: int, patch: tuple[int, int], numbers: tuple[int, ...]):
        self.n_kept, self.patch, self._numbers = n_kept, patch, np.asarray(numbers, np.int64)
        shape = (n_channels, n_kept * _RESERVE)
        self.values = np.full(shape, -np.inf, np.float32)
        self.lines, self.rows, self.columns = (np.zeros(shape, np.int64) for _ in range(3))

    def see(self, line: int, units: UnitActivations, absent: np.ndarray) -> None:
        """Take in a part of a line.

        Parameters
        ----------
        line : int
            Its place from 0.
        units : Units
            What the layer says there.
        absent : array
            Booleans ``(time, trace)`` of the whole line: where there are no samples.
        """
        values = self._allowed(units, absent)
        if values is None:
            return
        found = self._strongest(values, units)
        self._take(np.full_like(found[1], line), *found)

    def best(self) -> list[list[Place]]:
        """Return of each channel its places, the strongest first."""
        order = self._greedy()
        places = []
        for channel, is_kept in enumerate(order):
            of_one = (one[channel, is_kept].tolist() for one in (self.lines, self.rows, self.columns, self.values))
            places.append([Place(*place) for place in zip(*of_one, strict=True)])
        return places

    def _allowed(self, units: UnitActivations, absent: np.ndarray) -> torch.Tensor | None:
        """Return the responses, minus infinity where no patch can be cut or nothing is said."""
        fits = []
        for centres, n_samples, side in zip(
            (units.grid.centres(0), units.grid.centres(1)), absent.shape, self.patch, strict=True
        ):
            first = corner(centres, side)
            fits.append((first >= 0) & (first + side <= n_samples))
        if not (fits[0].any() and fits[1].any()):
            return None
        is_there = fits[0][:, None] & fits[1]
        if absent.any():
            is_there &= self._share_absent(units, absent) <= _MOST_ABSENT
        values = units.values.masked_fill(~torch.from_numpy(is_there), -torch.inf)
        # A rectified layer is silent at zero; one that is not may say its most below zero.
        return values.masked_fill(values <= 0, -torch.inf) if units.values.min() >= 0 else values

    def _share_absent(self, units: UnitActivations, absent: np.ndarray) -> np.ndarray:
        """Return how much of the patch around each unit is absent."""
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
        """Return of each channel the strongest values of one part, and their rows and columns."""
        n_channels, _, n_columns = values.shape
        rows, columns = (
            torch.from_numpy(np.asarray(c, np.float64)) for c in (units.grid.centres(0), units.grid.centres(1))
        )
        found = []
        for _ in range(self.n_kept):
            peak, place = values.reshape(n_channels, -1).max(1)
            row, column = rows[place // n_columns], columns[place % n_columns]
            found.append((peak, row, column))
            near = (rows - row[:, None]).abs() < self.patch[0]
            beside = (columns - column[:, None]).abs() < self.patch[1]
            values = values.masked_fill(near[:, :, None] & beside[:, None, :], -torch.inf)
        peaks, at_rows, at_columns = (torch.stack(one, 1).numpy() for one in zip(*found, strict=True))
        return peaks, corner(at_rows, self.patch[0]), corner(at_columns, self.patch[1])

    def _take(self, lines: np.ndarray, values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
        n_pool = self.values.shape[1]
        pool = [np.concatenate(pair, 1) for pair in
                ((self.values, values), (self.lines, lines), (self.rows, rows), (self.columns, columns))]  # fmt: skip
        self._set(pool, np.lexsort((pool[3], pool[2], pool[1], -pool[0]), axis=1))
        kept = self._greedy()
        # Those that count stay, then the strongest of the others.
        order = np.argsort(~kept, axis=1, kind="stable")[:, :n_pool]
        self._set([self.values, self.lines, self.rows, self.columns], np.sort(order, axis=1))

    def _set(self, pool: list[np.ndarray], order: np.ndarray) -> None:
        self.values, self.lines, self.rows, self.columns = (np.take_along_axis(one, order, 1) for one in pool)

    def _greedy(self) -> np.ndarray:
        """Return which places of the pool, sorted by strength, are among the wanted."""
        kept = np.zeros(self.values.shape, bool)
        at = self._numbers[self.lines]
        for one in range(self.values.shape[1]):
            overlaps = (
                (np.abs(self.rows - self.rows[:, [one]]) < self.patch[0])
                & (np.abs(self.columns - self.columns[:, [one]]) < self.patch[1])
                & (np.abs(at - at[:, [one]]) < self.patch[1])
            )
            is_free = ~(kept & overlaps).any(1) & (kept.sum(1) < self.n_kept)
            kept[:, one] = is_free & np.isfinite(self.values[:, one])
        return kept

    def state(self) -> dict[str, np.ndarray]:
        """Return what has been seen so far, as arrays; `resume` takes it."""
        return {"values": self.values, "lines": self.lines, "rows": self.rows, "columns": self.columns}

    def resume(self, state: dict[str, np.ndarray]) -> None:
        """Go on from an earlier state."""
        self.values, self.lines, self.rows, self.columns = (
            state[name] for name in ("values", "lines", "rows", "columns")
        )


def corner(centres: np.ndarray, side: int) -> np.ndarray:
    """Return the first sample of patches around centres."""
    return np.floor(np.asarray(centres) - (side - 1) / 2 + 0.5).astype(np.int64)
