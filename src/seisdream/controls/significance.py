"""What stands out from chance: means over boxes of a map, set against those of maps made by chance alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Size = tuple[int, int]

WINDOWS_PER_SIDE = 4
"""How many steps a running window takes along its own side."""
# A box of which less is there says nothing.
_LEAST_SHARE = 0.5
# A normal distribution's standard deviation over its median absolute deviation.
_SIGMA_OF_MAD = 1.4826


@dataclass(frozen=True)
class BlockGrid:
    """Rectangles of samples in rows and columns.

    Attributes
    ----------
    rows, columns : array of int
        ``(n, 2)``: where each begins and where it has ended.
    """

    rows: NDArray
    columns: NDArray

    @classmethod
    def regions(cls, size: Size, side: int) -> BlockGrid:
        """Return boxes of about `side` samples a side that cover a map of ``(row, column)`` once."""
        edges = [np.linspace(0, n, max(1, round(n / side)) + 1).round().astype(int) for n in size]
        rows, columns = (np.stack([ends[:-1], ends[1:]], axis=1) for ends in edges)
        return cls(rows, columns)

    @classmethod
    def windows(cls, size: Size, side: int) -> BlockGrid:
        """Return overlapping boxes, a quarter of their side apart or a little less; all lie within the map."""
        step = max(1, side // WINDOWS_PER_SIDE)
        spans = []
        for n in size:
            long = min(side, n)
            begins = np.linspace(0, n - long, -(-(n - long) // step) + 1).round().astype(int)
            spans.append(np.stack([begins, begins + long], axis=1))
        return cls(spans[0], spans[1])

    @property
    def shape(self) -> Size:
        """The number of rows and of columns of boxes."""
        return len(self.rows), len(self.columns)

    def means(self, map_: NDArray, is_live: NDArray | None = None) -> NDArray:
        """Return the mean over each box, ``(row, column)`` of boxes.

        Parameters
        ----------
        map_ : array
            ``(row, column)``.
        is_live : array of bool, optional
            Which samples count; NaN is a box of which more than half does not.
        """
        live = np.ones(map_.shape, bool) if is_live is None else is_live
        total = self._sums(np.where(live, map_, 0.0))
        n_live = self._sums(live.astype(np.float64))
        heights, widths = np.diff(self.rows)[:, 0], np.diff(self.columns)[:, 0]
        counts = n_live >= _LEAST_SHARE * np.outer(heights, widths)
        return np.divide(total, n_live, out=np.full(total.shape, np.nan), where=counts & (n_live > 0))

    def _sums(self, map_: NDArray) -> NDArray:
        table = np.pad(map_.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        down = table[self.rows[:, 1]] - table[self.rows[:, 0]]
        return down[:, self.columns[:, 1]] - down[:, self.columns[:, 0]]

    def spread(self, values: NDArray, size: Size) -> NDArray:
        """Return values of boxes as a map ``(row, column)``, linear between their middles and level beyond them."""
        middles = [spans.mean(axis=1) - 0.5 for spans in (self.rows, self.columns)]
        return interpolate(values, middles[0], middles[1], size)


def interpolate(values: NDArray, rows: NDArray, columns: NDArray, size: Size) -> NDArray:
    """Return a map of ``(row, column)`` samples from values at some rows and columns, linear between them."""
    down = np.stack([np.interp(np.arange(size[0]), rows, column) for column in values.T], axis=1)
    return np.stack([np.interp(np.arange(size[1]), columns, row) for row in down])


@dataclass(frozen=True)
class Comparison:
    """How far boxes of a map exceed what chance makes of them; each ``(row, column)``, NaN where a box is not there.

    Attributes
    ----------
    effect : array
        The distance from the median, in standard deviations of chance.
    p : array
        The share of chance's boxes that stand out as far or further.
    q : array
        The least false discovery rate at which a box is called (Benjamini and Hochberg 1995).
    familywise : array
        The share of chance's maps in which any box stands out as far.
    """

    effect: NDArray
    p: NDArray
    q: NDArray
    familywise: NDArray

    @property
    def section_p(self) -> float:
        """How probable it is that chance makes any box stand out as far as the furthest, however boxes depend."""
        present = self.familywise[np.isfinite(self.familywise)]
        return float(present.min()) if present.size else 1.0


def max_statistic_permutation_test(observed: NDArray, chance: NDArray) -> Comparison:
    """Set boxes of one map against those of maps that were made by chance.

    Parameters
    ----------
    observed : array
        ``(row, column)``; NaN where a box is not there.
    chance : array
        ``(map, row, column)``, NaN in the same boxes.

    Returns
    -------
    Comparison

    Notes
    -----
    Under the null hypothesis the observed map and those of chance are exchangeable. All that is estimated (for each box
    the median over maps, for each row of boxes the median absolute deviation) is estimated from all of them alike, the
    observed one among them, so that they stay so. Effects are then comparable over the section, and p-values are ranks
    among all boxes of all maps of chance, with one added to both counts (Phipson and Smyth 2010). The familywise ones
    are ranks among the maps' greatest effects (Westfall and Young 1993).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> observed, chance = rng.normal(size=(4, 5)), rng.normal(size=(39, 4, 5))
    >>> observed[1, 2] = 9.0
    >>> np.argwhere(max_statistic_permutation_test(observed, chance).q <= 0.05).tolist()
    [[1, 2]]
    """
    maps = np.concatenate([observed[None], chance]).astype(np.float64)
    is_there = np.isfinite(maps).all(axis=0)
    nothing = np.full(observed.shape, np.nan)
    if not is_there.any():
        return Comparison(nothing, nothing, nothing, nothing)
    maps = np.where(is_there, maps, np.nan)
    effects = np.zeros(maps.shape)
    for row in np.flatnonzero(np.any(is_there, axis=1)):
        distance = maps[:, row] - np.median(maps[:, row], axis=0)
        scale = _SIGMA_OF_MAD * float(np.nanmedian(np.abs(distance)))
        # Where chance always makes the same, there is no distance to speak of.
        effects[:, row] = distance / scale if scale > 0 else 0.0
    effect, others = effects[0][is_there], effects[1:][:, is_there]
    p = _share_as_far(effect, others.ravel())
    found = [effect, p, stats.false_discovery_control(p), _share_as_far(effect, others.max(axis=1))]
    spread = [nothing.copy() for _ in found]
    for map_, values in zip(spread, found, strict=True):
        map_[is_there] = values
    return Comparison(*spread)


def _share_as_far(values: NDArray, chance: NDArray) -> NDArray:
    """Return p-values: the share of chance that is as large or larger, the value itself counted in."""
    n_below = np.searchsorted(np.sort(chance), values, side="left")
    return (1.0 + chance.size - n_below) / (1.0 + chance.size)


def agreement(changes: NDArray) -> tuple[NDArray, NDArray]:
    """Return what the mean correlation between changes is the ratio of: products of pairs, and squares.

    Parameters
    ----------
    changes : array
        ``(seed, row, column)``, two or more of them.

    Returns
    -------
    products, squares : array
        ``(row, column)``. The ratio of their means over any box is 1 where all changes are the same, 0 where they know
        nothing of each other: semblance (Neidell and Taner 1971), but for what even independent ones would have.
    """
    n_seeds = len(changes)
    squares = np.mean(changes.astype(np.float64) ** 2, axis=0)
    products = (np.sum(changes, axis=0, dtype=np.float64) ** 2 / n_seeds - squares) / (n_seeds - 1)
    return products, squares
