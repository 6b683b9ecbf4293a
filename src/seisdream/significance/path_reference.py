"""Real patches of the kind that is dreamed, which the path check compares dreams with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch.nn.functional import adaptive_avg_pool2d

from seisdream.dreaming.objectives.feature_matching import StatefulTerm
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Channel, Objective, Term, Window, bind_objective
from seisdream.errors import SeisdreamError
from seisdream.inference.network_input import network_input
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.results.dream_result import DreamResult
from seisdream.seismic.sections import GreyMapping, absent_samples, is_picture, make_section
from seisdream.significance.path_result import LayerPath, PathCheck
from seisdream.synthetic import EarthSettings, make_earth

PATCH = 96
"""Side of a patch in samples."""
N_PATCHES, N_FEWEST = 24, 8
"""How many real patches of a kind are compared with a dream, and the fewest."""
LOWEST_SHARE = 0.05
"""Share of real patches that may correlate less with the others than a natural dream does."""

_N_WINDOWS, _N_EARTHS = 32, 48
# Fewer channels have no meaningful ranks.
_FEWEST_CHANNELS = 4
_MOST_ABSENT, _SMALLEST_PART = 0.1, 0.05
_BATCH = 8


class PathReference:
    """Real patches of one or several kinds, and their channel means at each stage of a network.

    Parameters
    ----------
    network : Network
        The network.
    objective : str, Objective, or sequence of them
        One layer, channel, class or direction each; all of one layer.
    sections : sequence of DataArray
        ``(time, trace)`` or pictures.
    with_earths : bool, default True
        Take patches of generated earths too.
    percentile : float, default 99
        Clip amplitudes at this percentile of absolute amplitude.
    device : str, default "auto"
        As for `seisdream.models.prepared.resolve_device`.
    """

    def __init__(
        self,
        network: Network,
        objective: str | Objective | Sequence[str | Objective],
        sections: Sequence[xr.DataArray],
        *,
        with_earths: bool = True,
        percentile: float = 99.0,
        device: str = "auto",
    ):
        given = [objective] if isinstance(objective, str | Objective) else list(objective)
        self.objectives = [str(one) for one in given]
        self._terms = [term_of_kind(one, network) for one in given]
        self._classes = [term for term in self._terms if isinstance(term, Channel)]
        self._is_class = all(_is_class(term, network) for term in self._terms)
        self.percentile = percentile
        self.network, self._device = network, resolve_device(device, network)
        self._prepared = PreparedNetwork(network, self._device, "float32")
        self.layers = _path_of(network, self._terms[0].layer)
        self._real = self._patches_of([*sections, *(_earths() if with_earths else ())])
        self._may_add_earths = with_earths and self._is_class

    def check_result(self, result: DreamResult) -> PathCheck:
        """Compare the dream of a result with the real patches of the first kind, in the grey levels of its input."""
        shown = result.dream if is_picture(result.dream) else result.dataset["before"]
        return self.check(result.dream, GreyMapping.of(shown, self.percentile))

    def check(self, dream: xr.DataArray, mapping: GreyMapping, number: int = 0) -> PathCheck:
        """Compare a dream with the real patches of one of the kinds.

        Parameters
        ----------
        dream : DataArray
            ``(time, trace)`` or a picture.
        mapping : GreyMapping
            From its amplitudes to grey levels.
        number : int, default 0
            Of the kind.
        """
        real, dreamed = self._real_of(number), self._patches([(dream, mapping)]).best(number, N_PATCHES)
        if len(real) < N_FEWEST or not len(dreamed):
            what = (
                f"only {len(real)} real patches contain it ({N_FEWEST} are needed)"
                if len(real) < N_FEWEST
                else "the network finds it nowhere in the dream"
            )
            raise SeisdreamError(
                f"No path check of '{self.objectives[number]}': {what}. Give sections that contain it to "
                "seisdream.check_path.",
                code="no-signal",
                option="sections",
            )
        layers = []
        for layer in self.layers:
            own = _unit_ranks(real.means[layer][:, number])
            others = _unit_ranks(dreamed.means[layer][:, number])
            among = own @ own.T
            reals = (among.sum(1) - np.diag(among)) / (len(own) - 1)
            dreams = (others @ own.T).mean(1)
            layers.append(
                LayerPath(
                    layer, float(np.median(dreams)), float(np.median(reals)), float(np.quantile(reals, LOWEST_SHARE))
                )
            )
        return PathCheck(self.objectives[number], tuple(layers), len(real), len(dreamed))

    def _real_of(self, number: int) -> _Patches:
        """Return the real patches of one of the kinds; of a rare class, also those of more earths."""
        real = self._real.best(number, N_PATCHES)
        if len(real) >= N_FEWEST or not self._may_add_earths:
            return real
        return _Patches.joined([self._real, self._rare]).best(number, N_PATCHES)

    @cached_property
    def _rare(self) -> _Patches:
        return self._patches_of(_earths_of_rare_classes())

    def _patches_of(self, sections: Iterable[xr.DataArray]) -> _Patches:
        """Return the patches of sections, each in the grey levels of its own amplitudes."""
        return self._patches((one, GreyMapping.of(one, self.percentile)) for one in sections)

    def _patches(self, sections: Iterable[tuple[xr.DataArray, GreyMapping]]) -> _Patches:
        """Return the patches of sections, each with its mapping to grey levels."""
        windows: dict[tuple[PreparedNetwork, torch.Size], list[torch.Tensor]] = {}
        for section, mapping in sections:
            # Bound to the section's statistics, where the network is normalised by them.
            prepared, image = network_input(self._prepared, section, mapping, device=self._device)
            image = self.network.preprocessing.clip(image)
            absent = absent_samples(section)
            for rows, columns in _windows((section.shape[0], section.shape[1])):
                if absent[rows, columns].mean() <= _MOST_ABSENT:
                    window = image[..., rows, columns]
                    windows.setdefault((prepared, window.shape), []).append(window)
        return _Patches.joined(
            [
                self._measure(prepared, torch.cat(of_one[first : first + _BATCH]))
                for (prepared, _), of_one in windows.items()
                for first in range(0, len(of_one), _BATCH)
            ]
        )

    def _measure(self, prepared: PreparedNetwork, windows: torch.Tensor) -> _Patches:
        """Return how much of each kind is in some windows, and the channel means there."""
        of = self._terms[0].layer
        with torch.no_grad():
            recorded = prepared.record(windows, list(dict.fromkeys([*self.layers, of])))
            weights = self._weights(recorded[of])
            means: dict[str, NDArray] = {}
            for layer in self.layers:
                values = recorded[layer].float()
                share = adaptive_avg_pool2d(weights, (values.shape[2], values.shape[3]))
                share = share / share.sum((2, 3), keepdim=True).clamp_min(1e-20)
                means[layer] = torch.einsum("bkhw,bchw->bkc", share, values).cpu().numpy()
        return _Patches(weights.mean((2, 3)).cpu().numpy(), means, _SMALLEST_PART if self._is_class else 0.0)

    def _weights(self, activations: torch.Tensor) -> torch.Tensor:
        """Return how much each position counts for each kind, ``(batch, kind, row, column)``."""
        activations = activations.float()
        if self._is_class and self.network.class_activation == "sigmoid":
            return (torch.stack([activations[:, term.channel] for term in self._classes], 1) > 0.0).float()
        if self._is_class:
            predicted = activations.argmax(1)
            return torch.stack([(predicted == term.channel).float() for term in self._classes], 1)
        whole = Window(0, 0, tuple(activations.shape[2:]))
        scores = torch.stack(
            [torch.cat([term.scores(one[None], whole) for one in activations]) for term in self._terms], 1
        )
        return scores.clamp_min(0.0)


@dataclass(frozen=True)
class _Patches:
    """Patches: how much of each kind they contain ``(patch, kind)``, and channel means ``(patch, kind, channel)``."""

    parts: NDArray
    means: dict[str, NDArray]
    smallest_part: float

    def __len__(self) -> int:
        return len(self.parts)

    @classmethod
    def joined(cls, patches: Sequence[_Patches]) -> _Patches:
        """Join several."""
        if not patches:
            raise SeisdreamError(
                f"No path check: in every patch of the section more than {100 * _MOST_ABSENT:.0f} % of the samples are "
                "absent; use a section with fewer absent samples.",
                code="no-signal",
                option="section",
            )
        means = {layer: np.concatenate([one.means[layer] for one in patches]) for layer in patches[0].means}
        return cls(np.concatenate([one.parts for one in patches]), means, patches[0].smallest_part)

    def best(self, number: int, n: int) -> _Patches:
        """Return the patches with most of a kind, at most `n`."""
        order = np.argsort(-self.parts[:, number], kind="stable")[:n]
        order = order[self.parts[order, number] > self.smallest_part]
        return _Patches(self.parts[order], {layer: one[order] for layer, one in self.means.items()}, self.smallest_part)


def term_of_kind(objective: str | Objective, network: Network) -> Term:
    """Return the one term of an objective that says what a kind is; raise `SeisdreamError` where it has none."""
    terms = bind_objective(parse(objective) if isinstance(objective, str) else objective, network)
    term = terms[0]
    if len(terms) > 1 or term.network or not term.has_scores or isinstance(term, StatefulTerm) or term.weight <= 0:
        raise SeisdreamError(
            f"The path check of '{objective}' is not defined; use one layer, channel, class or direction.",
            code="not-supported",
            option="layer",
        )
    network.require_sections()
    return term


def _is_class(term: Term, network: Network) -> bool:
    return network.has_known_classes and isinstance(term, Channel) and term.layer == network.class_layer


def _path_of(network: Network, last: str) -> list[str]:
    """Return the stages with positions and several channels up to a layer, and the layer itself."""
    order = list(network.layers)
    up_to = order[: order.index(last) + 1]
    names = [name for name in network.stages if name in up_to]
    names += [last] if last not in names else []
    return [name for name in names if network.layer(name).n_channels >= _FEWEST_CHANNELS] or [last]


def _windows(size: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return patches that cover a section evenly, without overlap where there are enough."""
    spans = []
    for length in size:
        side = min(PATCH, length)
        n = max(1, length // side)
        spans.append([slice(first, first + side) for first in np.linspace(0, length - side, n).round().astype(int)])
    every = [(rows, columns) for rows in spans[0] for columns in spans[1]]
    if len(every) <= _N_WINDOWS:
        return every
    return [every[number] for number in np.linspace(0, len(every) - 1, _N_WINDOWS).round().astype(int)]


@cache
def _earths() -> tuple[xr.DataArray, ...]:
    """Return generated earths of the size of a patch."""
    return tuple(_earth(seed) for seed in range(_N_EARTHS))


@cache
def _earths_of_rare_classes() -> tuple[xr.DataArray, ...]:
    """Return more of them, with as much salt and as many channels, slides and mounds as there can be."""
    rich = EarthSettings(channel=0.5, mass_transport=0.5, mound=1.0, salt=1.0)
    return tuple(_earth(seed, rich) for seed in range(_N_EARTHS, 3 * _N_EARTHS))


def _earth(seed: int, settings: EarthSettings | None = None) -> xr.DataArray:
    earth = make_earth(seed, n_samples=PATCH, n_traces=PATCH, settings=settings)
    return make_section(earth["seismic"].values, dt_ms=4.0)


def _unit_ranks(means: NDArray) -> NDArray:
    """Return ranks over channels, centred and of unit length, so that dot products are rank correlations."""
    ranks = rankdata(means, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    return ranks / np.linalg.norm(ranks, axis=1, keepdims=True).clip(1e-12)
