"""The path check: whether a dream takes, layer by layer, the way of real sections of its kind through a network.

After Geirhos, Zimmermann, Bilodeau, Brendel and Kim (2024), Don't trust your eyes: on the (un)reliability of feature
visualizations, ICML. They show that a network can compute its output for feature visualisations in units that natural
images never use; then a dream shows nothing of how the network processes real data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from itertools import groupby
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch.nn.functional import adaptive_avg_pool2d

from seisdream.dreaming.objectives.feature_matching import StatefulTerm
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Channel, ClassLogit, Objective, Term, Window, bind_objective
from seisdream.errors import SeisdreamError
from seisdream.inference.network_input import network_input
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.models.registry import as_network
from seisdream.results.dream_result import DreamResult
from seisdream.seismic.sections import GreyMapping, absent_samples, is_picture, make_section
from seisdream.synthetic import EarthSettings, make_earth

PATCH = 96
"""Side of a patch in samples."""
N_PATCHES, N_FEWEST = 24, 8
"""How many real patches of a kind are compared with a dream, and the fewest."""
LOWEST_SHARE = 0.05
"""Share of real patches that may correlate less with the others than a natural dream does."""

_N_WINDOWS, _N_EARTHS, _N_LINES = 32, 48, 4
# Fewer channels have no meaningful ranks.
_FEWEST_CHANNELS = 4
_MOST_ABSENT, _SMALLEST_PART = 0.1, 0.05
_BATCH = 8


@dataclass(frozen=True)
class LayerPath:
    """How a dream's activations at one layer compare with those of real patches.

    Attributes
    ----------
    layer : str
        Its name.
    dream : float
        Mean rank correlation of channel means between dreamed and real patches; the median over dreamed patches.
    real : float
        The same between real patches, the median.
    lowest : float
        5th percentile of real patches.
    """

    layer: str
    dream: float
    real: float
    lowest: float

    @property
    def is_natural(self) -> bool:
        """Whether the dream correlates with real patches as they do with one another."""
        return self.dream >= self.lowest


@dataclass(frozen=True)
class PathCheck:
    """Whether a dream takes the way of real sections, layer by layer.

    Attributes
    ----------
    objective : str
        What was dreamed.
    layers : tuple of LayerPath
        In the order in which they are computed.
    n_real, n_dreamed : int
        Patches that were compared.
    """

    objective: str
    layers: tuple[LayerPath, ...]
    n_real: int
    n_dreamed: int

    @property
    def natural_from(self) -> str | None:
        """The first layer from which on the dream is natural up to the last; None if the last is not natural."""
        first = None
        for one in reversed(self.layers):
            if not one.is_natural:
                break
            first = one.layer
        return first

    @property
    def share(self) -> float:
        """Share of layers where the dream is natural."""
        return sum(one.is_natural for one in self.layers) / len(self.layers)

    def __str__(self) -> str:
        runs = [
            (natural, [one.layer for one in run]) for natural, run in groupby(self.layers, lambda one: one.is_natural)
        ]
        if len(runs) == 1:
            return "natural at every layer" if runs[0][0] else "natural at no layer"
        parts = [
            f"from {names[0]} on"
            if number == len(runs) - 1 and len(names) > 1
            else f"at {names[0]}"
            if len(names) == 1
            else f"from {names[0]} to {names[-1]}"
            for number, (natural, names) in enumerate(runs)
            if natural
        ]
        return "natural " + " and ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a record."""
        layers = [{**asdict(one), "natural": one.is_natural} for one in self.layers]
        return {"conclusion": str(self), "natural_from": self.natural_from, "n_real": self.n_real,
                "n_dreamed": self.n_dreamed, "layers": layers}  # fmt: skip


def add_path_check(result: DreamResult, network: Network) -> None:
    """Add the path check to the provenance of a dream of a class, or a note why there is none.

    Networks that label whole images are left out: few real patches of seismic belong to their classes.
    """
    reference = None  # Variants are of one section and one class, so they share the real patches.
    for one in result.variants or (result,):
        terms = parse(one.settings.layer).terms() if one.settings.layer else ()
        is_of_class = len(terms) == 1 and isinstance(terms[0], ClassLogit) and not terms[0].network
        if one.is_volume or not is_of_class or network.class_map_layer is None:
            continue
        try:
            reference = reference or _reference_of(one, network, device=one.settings.device)
            one.provenance["result"]["path"] = reference.check_result(one).to_dict()
        except SeisdreamError as error:
            one.notes.append(str(error))


def check_path(
    result: DreamResult,
    network: Network | str,
    objective: str | Objective | None = None,
    *,
    sections: Sequence[xr.DataArray] = (),
    device: str = "auto",
) -> PathCheck:
    """Compare the way of a dream through a network with that of real sections of its kind.

    At each stage of the network, channels are averaged over the positions of the kind, patch by patch: where the
    network predicts the class of the dream, or in proportion to the activation of the dream's channel or direction. A
    dream is natural at a layer if its channel means correlate in rank with those of real patches at least as well as
    all but 5 % of the real patches do with one another.

    Real patches come from the section that was dreamed on and, because it seldom contains every class, from generated
    earths, and of a class that is rare there from more of these; of pictures from the picture alone.

    Parameters
    ----------
    result : DreamResult
        With its input, as `seisdream.dream` returns it.
    network : Network or str
        The network that dreamed.
    objective : str or Objective, optional
        What was dreamed; by default the layer of the result's settings.
    sections : sequence of DataArray, optional
        Real sections instead of the input and generated earths.
    device : str, default "auto"
        As for `seisdream.models.prepared.resolve_device`.

    Returns
    -------
    PathCheck
        By layer, with a conclusion in words such as ``natural from enc4 on``.

    Raises
    ------
    SeisdreamError
        If the objective is not one layer, channel, class or direction, or the dream is of a cube
        (``not-supported``), or there are too few real patches of its kind, or no dreamed one (``no-signal``).

    Examples
    --------
    >>> import seisdream as sd
    >>> dream = sd.dream(sd.open_section("sample:built-in"), "gabor", octaves=1, steps=1)
    >>> sd.check_path(dream, "gabor").n_real
    24
    """
    if result.is_volume or result.variants or "before" not in result.dataset:
        raise SeisdreamError(
            "The path check takes the dream of one section with its input, not a cube, variants or a loaded dream.",
            code="not-supported",
            option="result",
        )
    return _reference_of(result, as_network(network), objective, sections, device=device).check_result(result)


def _reference_of(
    result: DreamResult,
    network: Network,
    objective: str | Objective | None = None,
    sections: Sequence[xr.DataArray] = (),
    *,
    device: str,
) -> PathReference:
    """Return the real patches that a dream is compared with."""
    before = result.dataset["before"]
    return PathReference(
        network, objective if objective is not None else result.settings.layer, sections or [before], device=device,
        with_earths=not sections and not is_picture(before), percentile=result.settings.percentile,
    )  # fmt: skip


def natural_shares(
    network: Network,
    objectives: Sequence[Objective],
    open_line: Callable[[int], xr.DataArray],
    n_lines: int,
    dreams: Iterable[NDArray],
    *,
    percentile: float = 99.0,
    device: str = "auto",
) -> list[float | None]:
    """Return for each objective of a layer the share of layers up to it where its dream is natural.

    None where the lines have too few patches of its kind.

    Parameters
    ----------
    network : Network
        The network.
    objectives : sequence of Objective
        Channels or directions of one layer.
    open_line : callable
        Returns a line of the data by its number; real patches are from four of them at most, evenly spaced.
    n_lines : int
        Number of lines.
    dreams : iterable of array
        ``(time, trace)``, one of each objective.
    percentile, device
        As for `PathReference`.
    """
    numbers = np.unique(np.linspace(0, n_lines - 1, _N_LINES).round().astype(int))
    sections = [open_line(int(number)) for number in numbers]
    try:
        reference = PathReference(
            network, objectives, sections, with_earths=False, percentile=percentile, device=device
        )
    except SeisdreamError:
        return [None] * len(objectives)
    shares: list[float | None] = []
    for number, values in enumerate(dreams):
        dream = make_section(values)
        try:
            shares.append(round(reference.check(dream, GreyMapping.of(dream, percentile), number).share, 4))
        except SeisdreamError:
            shares.append(None)
    return shares


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
                "Every patch of the section contains absent samples, so there is no path check; use a larger section.",
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
