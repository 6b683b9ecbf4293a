"""Means of maps over blocks, and a permutation test that compares them with those of surrogates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Size = tuple[int, ...]

WINDOWS_PER_SIDE = 4
"""Steps of a running window along its own side."""
# A block with fewer present samples has no mean.
_MIN_SHARE = 0.5
# A normal distribution's standard deviation over its median absolute deviation.
_SIGMA_OF_MAD = 1.4826


@dataclass(frozen=True)
class BlockGrid:
    """Blocks of samples in rows and columns, and of a cube along its third axis.

    Attributes
    ----------
    spans : tuple of array of int
        For each axis ``(n, 2)``: first sample of each block, and the one behind its last.
    """

    spans: tuple[NDArray, ...]

    @classmethod
    def blocks(cls, size: Size, side: int) -> BlockGrid:
        """Return blocks of about `side` samples a side that cover a map ``(row, column)``, or a cube, once."""
        edges = [np.linspace(0, n, max(1, round(n / side)) + 1).round().astype(int) for n in size]
        return cls(tuple(np.stack([ends[:-1], ends[1:]], axis=1) for ends in edges))

    @classmethod
    def windows(cls, size: Size, side: int) -> BlockGrid:
        """Return overlapping blocks, at most a quarter of their side apart, all within the map or cube."""
        step = max(1, side // WINDOWS_PER_SIDE)
        spans = []
        for n in size:
            length = min(side, n)
            first = np.linspace(0, n - length, -(-(n - length) // step) + 1).round().astype(int)
            spans.append(np.stack([first, first + length], axis=1))
        return cls(tuple(spans))

    @property
    def shape(self) -> Size:
        """The number of blocks along each axis."""
        return tuple(map(len, self.spans))

    def means(self, map_: NDArray, is_present: NDArray | None = None) -> NDArray:
        """Return the mean over each block, ``(row, column)`` of blocks, or as many axes as the map has.

        Parameters
        ----------
        map_ : array
            ``(row, column)``, or a cube.
        is_present : array of bool, optional
            Samples that count; the mean is NaN where more than half of a block do not.
        """
        present = np.ones(map_.shape, bool) if is_present is None else is_present
        total = self._sums(np.where(present, map_, 0.0))
        n_present = self._sums(present.astype(np.float64))
        n_samples = math.prod(np.ix_(*(np.diff(spans)[:, 0] for spans in self.spans)))
        counts = n_present >= _MIN_SHARE * n_samples
        return np.divide(total, n_present, out=np.full(total.shape, np.nan), where=counts & (n_present > 0))

    def _sums(self, map_: NDArray) -> NDArray:
        sums = map_.astype(np.float64)
        for axis in range(map_.ndim):
            sums = sums.cumsum(axis)
        sums = np.pad(sums, (1, 0))
        for axis, spans in enumerate(self.spans):
            sums = sums.take(spans[:, 1], axis) - sums.take(spans[:, 0], axis)
        return sums

    def to_samples(self, values: NDArray, size: Size) -> NDArray:
        """Return values of blocks at every sample, linear between the centres of blocks and constant beyond."""
        return interpolate(values, [spans.mean(axis=1) - 0.5 for spans in self.spans], size)

    def repeat(self, values: NDArray) -> NDArray:
        """Return values of blocks that cover a map once at each of their samples."""
        for axis, spans in enumerate(self.spans):
            values = np.repeat(values, np.diff(spans)[:, 0], axis=axis)
        return values


def interpolate(values: NDArray, positions: Sequence[NDArray], size: Size) -> NDArray:
    """Return a map of samples from values at some positions along each axis, linear between and constant beyond."""
    for axis, (along, n) in enumerate(zip(positions, size, strict=True)):
        values = np.apply_along_axis(partial(np.interp, np.arange(n), along), axis, values)
    return values


@dataclass(frozen=True)
class Comparison:
    """How far blocks of a map exceed those of surrogates; each of the shape of the blocks, NaN where one is absent.

    Attributes
    ----------
    effect : array
        Distance from the median, in standard deviations of the surrogates.
    p : array
        Share of the surrogates' blocks with as large an effect or a larger one.
    q : array
        Smallest false discovery rate at which a block is significant (Benjamini and Hochberg 1995).
    familywise : array
        Share of the surrogates whose largest effect is as large.
    """

    effect: NDArray
    p: NDArray
    q: NDArray
    familywise: NDArray

    @property
    def section_p(self) -> float:
        """p-value of the strongest block for the whole section, whatever the dependence between blocks."""
        present = self.familywise[np.isfinite(self.familywise)]
        return float(present.min()) if present.size else 1.0


def max_statistic_permutation_test(observed: NDArray, surrogates: NDArray) -> Comparison:
    """Compare blocks of a map with those of the maps of surrogates.

    Parameters
    ----------
    observed : array
        ``(row, column)``, or a third axis too; NaN where a block is absent.
    surrogates : array
        ``(map, row, column)`` and so on, NaN in the same blocks.

    Returns
    -------
    Comparison

    Notes
    -----
    Under the null hypothesis the observed map and those of the surrogates are exchangeable. All estimates (for each
    block the median over maps, for each row of blocks the median absolute deviation) use all maps alike, the observed
    one included, so that they stay exchangeable. Effects are then comparable over the section. p-values are ranks
    among all blocks of all surrogates, with one added to both counts (Phipson and Smyth 2010); familywise p-values are
    ranks among the largest effects of the surrogates (Westfall and Young 1993).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> observed, surrogates = rng.normal(size=(4, 5)), rng.normal(size=(39, 4, 5))
    >>> observed[1, 2] = 9.0
    >>> np.argwhere(max_statistic_permutation_test(observed, surrogates).q <= 0.05).tolist()
    [[1, 2]]
    """
    maps = np.concatenate([observed[None], surrogates]).astype(np.float64)
    is_present = np.isfinite(maps).all(axis=0)
    absent = np.full(observed.shape, np.nan)
    if not is_present.any():
        return Comparison(absent, absent, absent, absent)
    maps = np.where(is_present, maps, np.nan)
    effects = np.zeros(maps.shape)
    for row in np.flatnonzero(np.any(np.reshape(is_present, (len(observed), -1)), axis=1)):
        distance = maps[:, row] - np.median(maps[:, row], axis=0)
        scale = _SIGMA_OF_MAD * float(np.nanmedian(np.abs(distance)))
        # Without variation over maps there is no scale for an effect.
        effects[:, row] = distance / scale if scale > 0 else 0.0
    effect, others = effects[0][is_present], effects[1:][:, is_present]
    p = _p_values(effect, others.ravel())
    values_of = [effect, p, stats.false_discovery_control(p), _p_values(effect, others.max(axis=1))]
    blocks = [absent.copy() for _ in values_of]
    for map_, values in zip(blocks, values_of, strict=True):
        map_[is_present] = values
    return Comparison(*blocks)


def _p_values(values: NDArray, null: NDArray) -> NDArray:
    """Return the share of null values that are as large or larger, the value itself included."""
    n_below = np.searchsorted(np.sort(null), values, side="left")
    return (1.0 + null.size - n_below) / (1.0 + null.size)


def pair_products(changes: NDArray) -> tuple[NDArray, NDArray]:
    """Return numerator and denominator of the mean correlation between changes: products of pairs, and squares.

    Parameters
    ----------
    changes : array
        ``(seed, row, column)``, two or more.

    Returns
    -------
    products, squares : array
        ``(row, column)``. The ratio of their means over a block is 1 where all changes are equal and 0 where they are
        independent: semblance (Neidell and Taner 1971), without the part that independent changes have.
    """
    n_seeds = len(changes)
    squares = np.mean(changes.astype(np.float64) ** 2, axis=0)
    products = (np.sum(changes, axis=0, dtype=np.float64) ** 2 / n_seeds - squares) / (n_seeds - 1)
    return products, squares
