"""Does a map of attribution depend on what the network learned? The test of Adebayo and others (2018).

Weights are made random, from the output downwards (cascading) and all at once, and the same question is asked again. A
map that stays what it was, as an edge detector's does, says nothing about the network.
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
from seisdream.models.network import Network
from seisdream.models.randomization import cascading_randomization, with_random_parts

N_RANDOM = 3
"""How many wholly random networks are asked."""
# Of the likeness to random networks' maps. Ours: the paper leaves the judgement to the eye.
DEPENDS, DOES_NOT = 0.5, 0.8
_SSIM_SIDE = 7


@dataclass(frozen=True)
class MapSimilarity:
    """How alike two maps are; 1 is the same map.

    Attributes
    ----------
    name : str
        What was made random in the network of the second map.
    rank_correlation : float
        Spearman's, of the samples with their signs, -1 to 1.
    magnitude_rank_correlation : float
        The same of their magnitudes: whether the same places stand out, for whatever sign.
    ssim : float
        Structural similarity (Wang and others 2004) of the ranks of magnitudes, so that a few strong samples decide as
        little as quiet surroundings do.
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
        """How alike the maps are with their signs, 0 to 1; a reversed map counts as alike."""
        return abs(self.rank_correlation)

    @property
    def strength(self) -> float:
        """How alike the places are where the maps are strong: the greater of the two measures of magnitude."""
        return max(self.magnitude_rank_correlation, self.ssim)


@dataclass(frozen=True)
class Sanity:
    """What became of a map when weights were made random.

    Attributes
    ----------
    rows : tuple of Likeness
        Cascading from the output downwards, then complete ones with other seeds.
    maps : dict of DataArray
        The maps by the names of the rows, and the network's own as ``trained``.
    """

    rows: tuple[MapSimilarity, ...]
    maps: dict[str, xr.DataArray] = field(repr=False, compare=False)

    @property
    def signed(self) -> float:
        """Mean of `MapSimilarity.signed` over wholly random networks."""
        return float(np.mean([row.signed for row in self.rows if row.is_complete]))

    @property
    def strength(self) -> float:
        """Mean of `MapSimilarity.strength` over wholly random networks."""
        return float(np.mean([row.strength for row in self.rows if row.is_complete]))

    @property
    def verdict(self) -> str:
        """``depends``, ``signs only``, ``partly`` or ``does not``."""
        if self.signed >= DOES_NOT:
            return "does not"
        if self.signed >= DEPENDS:
            return "partly"
        return "depends" if self.strength < DEPENDS else "signs only"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        words = {
            "depends": "The map depends on what the network learned.",
            "signs only": "What speaks for and what against depends on what the network learned; where the map is "
            "strong depends on it less, and more on the section's amplitudes and on the distance from the place.",
            "partly": "The map depends only in part on what the network learned; the rest is the section's own.",
            "does not": "The map does not depend on what the network learned, and says nothing about it.",
        }[self.verdict]
        return (
            f"{words} Likeness to the maps of networks with random weights (1: the same): {self.signed:.2f} with "
            f"signs, {self.strength:.2f} in strength."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the maps, ready for JSON."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "signed": self.signed,
            "strength": self.strength,
            "thresholds": {"depends_below": DEPENDS, "does_not_from": DOES_NOT},
            "rows": [asdict(row) | {"signed": row.signed, "strength": row.strength} for row in self.rows],
        }


def check_sanity(
    explain: Callable[[Network], xr.DataArray],
    network: Network,
    layer: str | None = None,
    *,
    seed: int = 0,
) -> Sanity:
    """Ask a network, and the same one with random weights, and compare the maps.

    Parameters
    ----------
    explain : callable
        Takes a network and returns a map ``(time, trace)``, such as an `Attributor`.
    network : Network
        With the weights that it learned.
    layer : str, optional
        The layer that is asked about; what comes after it is left as it is. By default the last.
    seed : int, default 0
        Of the random weights; complete ones take the seeds behind it too.

    Returns
    -------
    Sanity

    Raises
    ------
    SeisdreamError
        If the network has no weights up to this layer, or its map is the same everywhere.
    """
    own = explain(network)
    present = own.values[np.isfinite(own.values)]
    if present.size == 0 or present.min() == present.max():
        raise SeisdreamError("The map is the same everywhere, so there is nothing to compare; ask about another place.")
    parts = cascading_randomization(network, layer)
    maps, rows = {"trained": own}, []
    steps = [(f"down to {last}", names, seed, is_all) for last, names, is_all in parts]
    steps += [(f"all, seed {seed + extra}", parts[-1][1], seed + extra, True) for extra in range(1, N_RANDOM)]
    for name, names, step_seed, is_complete in steps:
        maps[name] = explain(with_random_parts(network, names, step_seed))
        rows.append(compare_maps(own, maps[name], name, is_complete=is_complete))
    return Sanity(tuple(rows), maps)


def compare_maps(one: xr.DataArray, other: xr.DataArray, name: str, *, is_complete: bool = False) -> MapSimilarity:
    """Compare two maps of one section where either says anything.

    Parameters
    ----------
    one, other : DataArray
        ``(time, trace)``; absent samples are left out.
    name : str
        Of the comparison.
    is_complete : bool, default False
        Whether all weights were random.
    """
    first, second = (np.nan_to_num(map_.values.astype(np.float64)) for map_ in (one, other))
    says = (first != 0) | (second != 0)
    rows, columns = np.flatnonzero(says.any(1)), np.flatnonzero(says.any(0))
    if rows.size == 0:
        return MapSimilarity(name, 0.0, 0.0, 0.0, is_complete)
    # Outside, neither network could see, and nothing would be found alike to nothing.
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
    # A constant map is like none.
    if one.size < 2 or one.min() == one.max() or other.min() == other.max():
        return 0.0
    return float(np.corrcoef(stats.rankdata(one), stats.rankdata(other))[0, 1])


def _ranks(values: NDArray) -> NDArray:
    return stats.rankdata(values).reshape(values.shape) / values.size


def _structural_similarity(one: NDArray, other: NDArray) -> float:
    from torchmetrics.functional.image import structural_similarity_index_measure

    smallest = min(one.shape)
    if smallest < 2:
        return 0.0
    value = structural_similarity_index_measure(
        torch.from_numpy(one)[None, None],
        torch.from_numpy(other)[None, None],
        gaussian_kernel=False,
        kernel_size=_SSIM_SIDE if smallest > _SSIM_SIDE // 2 else 3,
        data_range=1.0,
    )
    assert isinstance(value, torch.Tensor)
    return float(value)
