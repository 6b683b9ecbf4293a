"""Does a map of attribution depend on what the network learned? The test of Adebayo and others (2018).

Weights are made random, from the output downwards (cascading) and all at once, and the same question is asked again. A
map that stays what it was, as an edge detector's does, says nothing about the network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy import stats
from torch import nn

from seisdream.errors import SeisdreamError
from seisdream.nets.network import Network
from seisdream.nets.trained import randomise

N_RANDOM = 3
"""How many wholly random networks are asked."""
# Of the likeness to random networks' maps. Ours: the paper leaves the judgement to the eye.
DEPENDS, DOES_NOT = 0.5, 0.8
_MOST_CASCADES = 5
_SSIM_SIDE = 7


@dataclass(frozen=True)
class Likeness:
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

    rows: tuple[Likeness, ...]
    maps: dict[str, xr.DataArray] = field(repr=False, compare=False)

    @property
    def signed(self) -> float:
        """Mean of `Likeness.signed` over wholly random networks."""
        return float(np.mean([row.signed for row in self.rows if row.is_complete]))

    @property
    def strength(self) -> float:
        """Mean of `Likeness.strength` over wholly random networks."""
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
    parts = cascade_of(network, layer)
    maps, rows = {"trained": own}, []
    steps = [(f"down to {last}", names, seed, is_all) for last, names, is_all in parts]
    steps += [(f"all, seed {seed + extra}", parts[-1][1], seed + extra, True) for extra in range(1, N_RANDOM)]
    for name, names, step_seed, is_complete in steps:
        maps[name] = explain(with_random_parts(network, names, step_seed))
        rows.append(compare_maps(own, maps[name], name, is_complete=is_complete))
    return Sanity(tuple(rows), maps)


def cascade_of(network: Network, layer: str | None = None) -> list[tuple[str, tuple[str, ...], bool]]:
    """Return what to make random, step by step from the output downwards.

    Parameters
    ----------
    network : Network
        Its weights are grouped by the parts that it is made of (``dec1``, ``enc5``).
    layer : str, optional
        Where to begin; by default at the last layer.

    Returns
    -------
    list of (name, names, bool)
        The last part that each step reaches, all parts up to it, and whether those are all.

    Raises
    ------
    SeisdreamError
        If there are no weights.
    """
    computed = list(network.layers)
    if layer is not None:
        computed = computed[: computed.index(network.layer(layer).name) + 1]
    module, depth = network.module, 1
    weighted = [name for name in computed if _has_weights(module, name)]
    while True:
        # In the order of the last use, from the output.
        groups = list(dict.fromkeys(".".join(name.split(".")[:depth]) for name in reversed(weighted)))
        deepest = max((name.count(".") + 1 for name in weighted), default=1)
        if len(groups) > 1 or depth >= deepest:
            break
        depth += 1
    if not groups:
        raise SeisdreamError(f"{network.name} has no weights up to '{layer}', so none can be made random.")
    ends = np.unique(np.linspace(1, len(groups), min(len(groups), _MOST_CASCADES)).round().astype(int))
    return [(groups[end - 1], tuple(groups[:end]), bool(end == len(groups))) for end in ends]


def with_random_parts(network: Network, names: Iterable[str], seed: int) -> Network:
    """Return a network in which the named parts have random weights, as `randomise` gives them."""
    twin = copy.copy(network)
    twin.module = copy.deepcopy(network.module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for name in names:
            part = _part(twin.module, name)
            before = [parameter.clone() for parameter in part.parameters()]
            randomise(part)
            for parameter, was in zip(part.parameters(), before, strict=True):
                # What knows no way to begin anew is shuffled.
                if parameter.numel() > 1 and torch.equal(parameter, was):
                    parameter.copy_(was.flatten()[torch.randperm(was.numel())].reshape(was.shape))
    return twin


def compare_maps(one: xr.DataArray, other: xr.DataArray, name: str, *, is_complete: bool = False) -> Likeness:
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
        return Likeness(name, 0.0, 0.0, 0.0, is_complete)
    # Outside, neither network could see, and nothing would be found alike to nothing.
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    first, second = first[box], second[box]
    present = np.isfinite(one.values[box])
    return Likeness(
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


def _part(module: nn.Module, name: str) -> nn.Module:
    # A module without submodules is one layer, which the network names itself.
    return module.get_submodule(name) if any(True for _ in module.children()) else module


def _has_weights(module: nn.Module, name: str) -> bool:
    return any(True for _ in _part(module, name).parameters())
