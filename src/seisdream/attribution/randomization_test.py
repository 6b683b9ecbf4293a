"""Does an attribution depend on what the network learned? The randomization test of Adebayo and others (2018).

Weights are made random, from the output downwards (cascading) and all at once, and the attribution is computed again. A
map that stays the same, as that of an edge detector does, shows nothing about the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.models.network import Network
from seisdream.models.randomization import cascading_randomization, with_random_parts

N_RANDOM_NETWORKS = 3
"""Number of networks whose weights are all random."""
DEPENDS_BELOW, INDEPENDENT_FROM = 0.5, 0.8
"""Similarities to the maps of random networks that separate the outcomes; the paper leaves the judgement to the eye."""
_SSIM_SIDE = 7


@dataclass(frozen=True)
class MapSimilarity:
    """How similar two maps are; 1: the same map.

    Attributes
    ----------
    name : str
        What was made random in the network of the second map.
    rank_correlation : float
        Spearman's, of the samples with their signs, -1 to 1.
    magnitude_rank_correlation : float
        The same for magnitudes: whether the same samples stand out, with any sign.
    ssim : float
        Structural similarity (Wang and others 2004) of the ranks of magnitudes, so that neither a few strong samples
        nor quiet surroundings dominate.
    is_complete : bool
        Whether all weights were random.
    """

    name: str
    rank_correlation: float
    magnitude_rank_correlation: float
    ssim: float
    is_complete: bool = False

    @property
    def signed(self) -> float:
        """Similarity with signs, 0 to 1; a map with reversed signs counts as the same."""
        return abs(self.rank_correlation)

    @property
    def strength(self) -> float:
        """Similarity in magnitude: the larger of the two measures of magnitude."""
        return max(self.magnitude_rank_correlation, self.ssim)


@dataclass(frozen=True)
class RandomizationTest:
    """How an attribution changes when weights are made random.

    Attributes
    ----------
    rows : tuple of MapSimilarity
        Cascading from the output downwards, then networks whose weights are all random, with other seeds.
    maps : dict of DataArray
        The maps by the names of the rows, and the network's own as ``trained``.
    """

    rows: tuple[MapSimilarity, ...]
    maps: dict[str, xr.DataArray] = field(repr=False, compare=False)

    @property
    def signed(self) -> float:
        """Mean of `MapSimilarity.signed` over the networks whose weights are all random."""
        return float(np.mean([row.signed for row in self.rows if row.is_complete]))

    @property
    def strength(self) -> float:
        """Mean of `MapSimilarity.strength` over the networks whose weights are all random."""
        return float(np.mean([row.strength for row in self.rows if row.is_complete]))

    @property
    def outcome(self) -> str:
        """``depends``, ``signs only``, ``partly`` or ``does not``."""
        if self.signed >= INDEPENDENT_FROM:
            return "does not"
        if self.signed >= DEPENDS_BELOW:
            return "partly"
        return "depends" if self.strength < DEPENDS_BELOW else "signs only"

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        words = {
            "depends": "The map depends on what the network learned.",
            "signs only": "The signs of the map depend on what the network learned. Its magnitude depends less on it, "
            "and more on the section's amplitudes and the distance from the target.",
            "partly": "The map depends only in part on what the network learned; the rest comes from the section.",
            "does not": "The map does not depend on what the network learned, so it shows nothing about it.",
        }[self.outcome]
        return (
            f"{words} Similarity to the maps of networks with random weights (1: the same): {self.signed:.2f} with "
            f"signs, {self.strength:.2f} in magnitude."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the maps, ready for JSON."""
        return {
            "outcome": self.outcome,
            "sentence": self.sentence,
            "signed": self.signed,
            "strength": self.strength,
            "thresholds": {"depends_below": DEPENDS_BELOW, "independent_from": INDEPENDENT_FROM},
            "rows": [asdict(row) | {"signed": row.signed, "strength": row.strength} for row in self.rows],
        }


def randomization_test(
    explain: Callable[[Network], xr.DataArray],
    network: Network,
    layer: str | None = None,
    *,
    seed: int = 0,
) -> RandomizationTest:
    """Compare the attribution of a network with those of the same network with random weights.

    Parameters
    ----------
    explain : callable
        From a network to a map ``(time, trace)``, such as an `Attributor`.
    network : Network
        The trained network.
    layer : str, optional
        The layer that is explained; layers behind it are not changed. By default the last.
    seed : int, default 0
        Random seed of the weights; complete randomizations use the following seeds too.

    Raises
    ------
    SeisdreamError
        If the network has no weights up to the layer, or its map is the same everywhere (``no-signal``).
    """
    own = explain(network)
    present = own.values[np.isfinite(own.values)]
    if present.size == 0 or present.min() == present.max():
        raise SeisdreamError(
            "The attribution is the same everywhere, so there is nothing to compare; use another target or point.",
            code="no-signal",
        )
    cascade = cascading_randomization(network, layer)
    maps, rows = {"trained": own}, []
    steps = [(f"down to {last}", names, seed, is_all) for last, names, is_all in cascade]
    steps += [
        (f"all, seed {seed + extra}", cascade[-1][1], seed + extra, True) for extra in range(1, N_RANDOM_NETWORKS)
    ]
    for name, names, step_seed, is_complete in steps:
        maps[name] = explain(with_random_parts(network, names, step_seed))
        rows.append(compare_maps(own, maps[name], name, is_complete=is_complete))
    return RandomizationTest(tuple(rows), maps)


def n_networks(network: Network, layer: str | None = None) -> int:
    """Return how many networks `randomization_test` explains, for a progress bar."""
    return N_RANDOM_NETWORKS + len(cascading_randomization(network, layer))


def compare_maps(one: xr.DataArray, other: xr.DataArray, name: str, *, is_complete: bool = False) -> MapSimilarity:
    """Compare two maps of one section where either is not zero.

    Parameters
    ----------
    one, other : DataArray
        ``(time, trace)``; absent samples do not count.
    name : str
        Name of the comparison.
    is_complete : bool, default False
        Whether all weights were random.
    """
    first, second = (np.nan_to_num(map_.values.astype(np.float64)) for map_ in (one, other))
    is_used = (first != 0) | (second != 0)
    rows, columns = np.flatnonzero(is_used.any(1)), np.flatnonzero(is_used.any(0))
    if rows.size == 0:
        return MapSimilarity(name, 0.0, 0.0, 0.0, is_complete)
    # Outside their receptive field both maps are zero, which must not count as similarity.
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    first, second = first[box], second[box]
    present = np.isfinite(one.values[box])
    return MapSimilarity(
        name,
        _spearman(first[present], second[present]),
        _spearman(np.abs(first[present]), np.abs(second[present])),
        _structural_similarity(_ranks(np.abs(first)), _ranks(np.abs(second))),
        is_complete,
    )


def _spearman(one: NDArray, other: NDArray) -> float:
    # A constant map is not similar to any other.
    if one.size < 2 or one.min() == one.max() or other.min() == other.max():
        return 0.0
    return float(np.corrcoef(stats.rankdata(one), stats.rankdata(other))[0, 1])


def _ranks(values: NDArray) -> NDArray:
    return stats.rankdata(values).reshape(values.shape) / values.size


def _structural_similarity(one: NDArray, other: NDArray) -> float:
    smallest = min(one.shape)
    if smallest < 2:
        return 0.0
    image_metrics = require_extra("torchmetrics.functional.image", "attribution", "The randomization test")
    value = image_metrics.structural_similarity_index_measure(
        torch.from_numpy(one)[None, None],
        torch.from_numpy(other)[None, None],
        gaussian_kernel=False,
        kernel_size=_SSIM_SIDE if smallest > _SSIM_SIDE // 2 else 3,
        data_range=1.0,
    )
    assert isinstance(value, torch.Tensor)
    return float(value)
