"""What one network's responses to a section show, compared with those to surrogates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from seisdream.significance.statistics import Comparison

# A correlation over fewer blocks is meaningless.
_MIN_BLOCKS = 3


@dataclass(frozen=True)
class NetworkResponse:
    """What one network's responses to the section show, compared with those to surrogates.

    Attributes
    ----------
    network : str
        Its name.
    role : {"tested", "random", "other"}
        The network that is tested, one of its architecture with random weights, or another one.
    blocks, windows : Comparison
        By block, and by running window.
    section_mean, surrogate_mean : float
        Of the measure, over the section and over the surrogates of the null hypothesis.
    other_means : dict of float
        The same over surrogates of other kinds.
    """

    network: str
    role: str
    blocks: Comparison
    windows: Comparison
    section_mean: float
    surrogate_mean: float
    other_means: dict[str, float] = field(default_factory=dict)

    def is_significant(self, q: float) -> NDArray:
        """Return which blocks are significant at a false discovery rate, ``(row, column)``."""
        return np.nan_to_num(self.blocks.q, nan=1.0) <= q

    def compare(self, other: NetworkResponse, q: float) -> dict[str, float]:
        """Return how another network's response compares with this one.

        Returns
        -------
        dict
            ``significant`` (blocks of the other network), ``both`` (significant for both) and ``rank_correlation`` of
            effects over blocks (Spearman's).
        """
        own, others = self.is_significant(q), other.is_significant(q)
        present = np.isfinite(self.blocks.effect)
        one, two = self.blocks.effect[present], other.blocks.effect[present]
        has_ranks = one.size >= _MIN_BLOCKS and np.ptp(one) > 0 and np.ptp(two) > 0
        return {
            "significant": int(others.sum()),
            "both": int((own & others).sum()),
            "rank_correlation": float(np.corrcoef(stats.rankdata(one), stats.rankdata(two))[0, 1])
            if has_ranks
            else 0.0,
        }
