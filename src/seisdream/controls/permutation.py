"""Controls: the same question asked of a section and of surrogates, by a network and by others beside it.

The same network on the section and on surrogates: is there structure in the section that the network reacts to? A
network and one with random weights on the same section: is that reaction learned, or the architecture's?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from seisdream.controls.settings import ControlSettings
from seisdream.controls.significance import BlockGrid, Comparison, agreement, max_statistic_permutation_test
from seisdream.controls.statistics import ResponseMap, as_seen
from seisdream.dreaming.resolve import resolve
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.randomization import cascading_randomization, with_random_parts
from seisdream.models.registry import load_network
from seisdream.seismic.sections import GreyMapping, absent_samples, check_section, describe_muted, make_section
from seisdream.seismic.surrogates import SURROGATES, Surrogates

_NOISES_DREAMED_AGAIN = 2
# By measure, number of the network and kind of box: means over boxes of the section, then of each surrogate.
_Found = dict[tuple[str, int, str], list[NDArray]]


@dataclass(frozen=True)
class Reaction:
    """What one network makes of the section, set against what it makes of surrogates.

    Attributes
    ----------
    network : str
        Its name.
    role : {"asked", "random", "other"}
        The network that was asked, one of its architecture with random weights, or another that was named.
    regions, windows : Comparison
        By region, and by running window.
    section_mean, surrogate_mean : float
        Of the measure, over the section and over the surrogates that p-values come from.
    others : dict of float
        The same over surrogates of other kinds.
    """

    network: str
    role: str
    regions: Comparison
    windows: Comparison
    section_mean: float
    surrogate_mean: float
    others: dict[str, float] = field(default_factory=dict)

    def called(self, q: float) -> NDArray:
        """Return which regions are called at a false discovery rate, ``(row, column)``."""
        return np.nan_to_num(self.regions.q, nan=1.0) <= q


@dataclass(frozen=True)
class ControlResult:
    """What `Controls` found.

    Attributes
    ----------
    settings : ControlSettings
        With the layer that was asked.
    regions, windows : Boxes
        Where the regions and the running windows lie, in samples.
    reactions : dict
        For each measure, the reactions of the networks, the one that was asked first.
    maps : Dataset
        On the section's axes, absent samples NaN: each measure itself (``activation``; ``dream``, the magnitude of the
        first dream's change in the section's units), its ``_effect`` and ``_q``; ``stability``, if there are several
        seeds.
    stability : dict of float
        Mean correlation between dreams of several seeds: over the section, over its called regions (where there are
        any), and over surrogates; empty without several seeds.
    notes : list of str
        What was done otherwise than asked, and why.
    """

    settings: ControlSettings
    regions: BlockGrid
    windows: BlockGrid
    reactions: dict[str, list[Reaction]]
    maps: xr.Dataset
    stability: dict[str, float]
    notes: list[str]

    def shared(self, measure: str, reaction: Reaction) -> dict[str, float]:
        """Return how another network's reaction compares with that of the network that was asked.

        Returns
        -------
        dict
            ``called``, ``both`` (called for both networks) and ``rank_correlation`` of effects over regions
            (Spearman's).
        """
        asked, q = self.reactions[measure][0], self.settings.q
        ours, theirs = asked.called(q), reaction.called(q)
        there = np.isfinite(asked.regions.effect)
        one, other = asked.regions.effect[there], reaction.regions.effect[there]
        is_ranked = one.size > 2 and np.ptp(one) > 0 and np.ptp(other) > 0
        return {
            "called": int(theirs.sum()),
            "both": int((ours & theirs).sum()),
            "rank_correlation": float(np.corrcoef(stats.rankdata(one), stats.rankdata(other))[0, 1])
            if is_ranked
            else 0.0,
        }


class Controls:
    """A network's reactions to a section and to surrogates of it, ready to be run by a call.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture; absent samples are NaN.
    network : Network
        From `seisdream.load_network`.
    settings : ControlSettings, optional
        How it is found out.
    against : sequence of Network, optional
        Other networks that are asked the same: a second training seed, another architecture.
    on_look : callable, optional
        Called after each network's look at each section.

    Attributes
    ----------
    n_looks : int
        How often `on_look` will be called.
    notes : list of str
        What was settled otherwise than usual, and why.

    Raises
    ------
    SeisdreamError
        If the layer is not in the network or has no map, or the section is too small for it.
    """

    def __init__(
        self,
        section: xr.DataArray,
        network: Network,
        settings: ControlSettings | None = None,
        *,
        against: Sequence[Network] = (),
        on_look: Callable[[], Any] | None = None,
    ):
        check_section(section)
        self.section, self.network = section, network
        self.notes: list[str] = [note] if (note := describe_muted(section)) else []
        self._mapping = GreyMapping.of(section, (settings or ControlSettings()).percentile)
        self._seen = as_seen(section, self._mapping)
        self.settings, self._recipe = self._settle(settings or ControlSettings())
        self._is_live = ~absent_samples(section)
        size = (section.shape[0], section.shape[1])
        self._boxes = {
            "regions": BlockGrid.regions(size, self.settings.block),
            "windows": BlockGrid.windows(size, self.settings.block),
        }
        if np.prod(self._boxes["regions"].shape) < 2:
            raise SeisdreamError(
                f"The section is {size[0]} × {size[1]} and a region {self.settings.block} samples a side, so there is "
                "only one; choose a smaller --region or a larger section."
            )
        self._on_look = on_look or (lambda: None)
        self._networks = [(network, "asked"), *self._random_twins(), *self._shuffled_twin()]
        self._networks += [(other, "other") for other in against]
        self._reactors = [ResponseMap(one, self._recipe_for(one)) for one, _ in self._networks]
        n_beside = (len(SURROGATES) - 1) * self.settings.n_other_surrogates
        self.n_looks = len(self._networks) * (1 + self.settings.surrogates) + n_beside

    def __call__(self) -> ControlResult:
        """Ask all networks, and compare."""
        settings = self.settings
        found: _Found = {}
        own: dict[str, NDArray] = {}
        agreements: dict[str, list[tuple[NDArray, NDArray]]] = {"section": [], "surrogates": []}
        for number, seen in enumerate(self._inputs()):
            for place, reactor in enumerate(self._reactors):
                n_seeds = settings.seeds if place == 0 and number <= _NOISES_DREAMED_AGAIN else 1
                maps, changes = self._look(reactor, seen, n_seeds)
                if len(changes) > 1:
                    agreements["surrogates" if number else "section"].append(agreement(changes))
                if not number and not place:
                    own = maps
                for measure, map_ in maps.items():
                    for kind, boxes in self._boxes.items():
                        found.setdefault((measure, place, kind), []).append(boxes.means(map_, self._is_live))
        beside = self._beside()
        reactions = {
            measure: [
                self._react(measure, place, found, beside if place == 0 else {}) for place in range(len(self._networks))
            ]
            for measure in settings.measures
        }
        maps = self._maps(own, reactions, agreements["section"])
        stability = self._stability(agreements, reactions)
        boxes = self._boxes["regions"], self._boxes["windows"]
        return ControlResult(settings, *boxes, reactions, maps, stability, self.notes)

    def _settle(self, settings: ControlSettings) -> tuple[ControlSettings, DreamSettings]:
        """Settle the layer and the octaves for this section."""
        recipe = DreamSettings(
            layer=settings.layer,
            steps=settings.steps,
            step_size=settings.step_size,
            boundary="mirror",
            zoom=0.0,
            device=settings.device,
        )
        plan = resolve(self._seen, self.network, recipe)
        recipe = plan.settings
        self.notes += [note for note in plan.notes if "octaves" not in note]
        if (recipe.layer or "").startswith(("class:", "probability:")) and (
            why := self.network.out_of_domain_reason(self._seen)
        ):
            self.notes.append(why)
        octaves = min(settings.octaves, recipe.octaves or 1)
        if octaves < settings.octaves:
            self.notes.append(f"The section allows {octaves} octaves, not {settings.octaves}.")
        return settings.replace(layer=recipe.layer, octaves=octaves), recipe.replace(octaves=octaves)

    def _recipe_for(self, network: Network) -> DreamSettings:
        try:
            resolve(self._seen, network, self._recipe)
            return self._recipe
        except SeisdreamError as error:
            if network is self.network:
                raise
            recipe = resolve(self._seen, network, self._recipe.replace(layer=None)).settings
            self.notes.append(f"{network.name} is asked at '{recipe.layer}': {error}")
            return recipe

    def _random_twins(self) -> Iterator[tuple[Network, str]]:
        if not self.settings.random:
            return
        try:
            names = cascading_randomization(self.network)[-1][1]
        except SeisdreamError:
            self.notes.append(f"{self.network.name} has no weights, so there is none like it with random ones.")
            return
        for number in range(self.settings.random):
            seed = self.settings.seed + number
            twin = with_random_parts(self.network, names, seed)
            twin.name = f"{self.network.name}@random:{seed}"
            yield twin, "random"

    def _shuffled_twin(self) -> Iterator[tuple[Network, str]]:
        """Yield the network that was trained on shuffled labels, where its weights are at hand."""
        try:
            yield load_network(f"{self.network.name}@shuffled", trust_code=False), "other"
        except SeisdreamError:
            return

    def _inputs(self) -> Iterator[xr.DataArray]:
        """Yield the section and its surrogates, as networks see them."""
        yield self._seen
        yield from self._surrogates(self.settings.null, self.settings.surrogates)

    def _surrogates(self, kind: str, n_surrogates: int) -> Iterator[xr.DataArray]:
        make = Surrogates(self.section, kind)
        for number in range(n_surrogates):
            yield as_seen(make(self._seed(number)), self._mapping)

    def _seed(self, *place: int) -> int:
        return int(np.random.SeedSequence([self.settings.seed, *place]).generate_state(1)[0])

    def _look(self, reactor: ResponseMap, seen: xr.DataArray, n_seeds: int = 1) -> tuple[dict[str, NDArray], NDArray]:
        """Return each measure of one network on one section, and the changes of each of its dreams.

        The section and its surrogates are compared by one dream each, of one seed: a mean over more seeds of the
        section alone would vary less than chance does, and a jitter of each one's own would only add to chance.
        """
        maps, changes = {}, np.empty((0, *seen.shape[:2]))
        if "activation" in self.settings.measures:
            maps["activation"] = reactor.activation(seen)
        if "dream" in self.settings.measures:
            changes = np.stack([reactor.change(seen, self._seed(0, seed)) for seed in range(n_seeds)])
            maps["dream"] = np.abs(changes[0])
        self._on_look()
        return maps, changes

    def _beside(self) -> dict[tuple[str, str], float]:
        """Return the mean of each measure over surrogates of the other kinds, for the network that was asked."""
        means: dict[tuple[str, str], float] = {}
        for kind in SURROGATES:
            if kind == self.settings.null or not self.settings.n_other_surrogates:
                continue
            looks = [
                self._look(self._reactors[0], seen)[0]
                for seen in self._surrogates(kind, self.settings.n_other_surrogates)
            ]
            for measure in self.settings.measures:
                means[measure, kind] = float(np.mean([look[measure][self._is_live].mean() for look in looks]))
        return means

    def _react(
        self,
        measure: str,
        place: int,
        found: _Found,
        beside: dict[tuple[str, str], float],
    ) -> Reaction:
        network, role = self._networks[place]
        by_box = {kind: np.stack(found[measure, place, kind]) for kind in self._boxes}
        compared = {kind: max_statistic_permutation_test(values[0], values[1:]) for kind, values in by_box.items()}
        regions = by_box["regions"]
        return Reaction(
            network.name,
            role,
            compared["regions"],
            compared["windows"],
            section_mean=float(np.nanmean(regions[0])),
            surrogate_mean=float(np.nanmean(regions[1:])),
            others={kind: mean for (of, kind), mean in beside.items() if of == measure},
        )

    def _maps(
        self,
        own: dict[str, NDArray],
        reactions: dict[str, list[Reaction]],
        agreements: list[tuple[NDArray, NDArray]],
    ) -> xr.Dataset:
        windows, size = self._boxes["windows"], (self.section.shape[0], self.section.shape[1])
        units = str(self.section.attrs.get("units", "amplitude"))
        maps: dict[str, tuple[NDArray, str]] = {}
        for measure, (asked, *_) in reactions.items():
            to_units = self._mapping.units_per_grey if measure == "dream" else 1.0
            maps[measure] = own[measure] * to_units, units if measure == "dream" else "activation"
            effect = np.nan_to_num(asked.windows.effect)
            maps[f"{measure}_effect"] = windows.spread(effect, size), "standard deviations of chance"
            # Between windows the magnitude of q counts, not q itself.
            logarithm = np.log10(np.nan_to_num(asked.windows.q, nan=1.0))
            maps[f"{measure}_q"] = 10.0 ** windows.spread(logarithm, size), "false discovery rate"
        if agreements:
            ratio = _ratio(windows, agreements, self._is_live)
            maps["stability"] = windows.spread(np.nan_to_num(ratio), size), "mean correlation between seeds"
        dims = self.section.dims[:2]
        coords = {name: coord for name, coord in self.section.coords.items() if set(coord.dims) <= set(dims)}
        return xr.Dataset(
            {
                name: (dims, np.where(self._is_live, values, np.nan).astype(np.float32), {"units": words})
                for name, (values, words) in maps.items()
            },
            coords,
        )

    def _stability(
        self, agreements: dict[str, list[tuple[NDArray, NDArray]]], reactions: dict[str, list[Reaction]]
    ) -> dict[str, float]:
        if not agreements["section"]:
            return {}
        whole = {
            name: float(
                sum(products[self._is_live].mean() for products, _ in pairs)
                / max(sum(squares[self._is_live].mean() for _, squares in pairs), 1e-30)
            )
            for name, pairs in agreements.items()
        }
        called = reactions["dream"][0].called(self.settings.q)
        if called.any():
            regions = self._boxes["regions"]
            products, squares = (np.nan_to_num(regions.means(map_, self._is_live)) for map_ in agreements["section"][0])
            whole["called"] = float(products[called].sum() / max(squares[called].sum(), 1e-30))
        return whole


def _ratio(boxes: BlockGrid, agreements: list[tuple[NDArray, NDArray]], is_live: NDArray) -> NDArray:
    products, squares = (boxes.means(map_, is_live) for map_ in agreements[0])
    return np.divide(products, squares, out=np.zeros_like(products), where=squares > 0)


def permutation_controls(
    section: Any,
    network: Network | str,
    layer: str | None = None,
    *,
    against: Sequence[Network | str] = (),
    **settings: Any,
) -> ControlResult:
    """Find out where a network makes more of a section than of noise like it, and whether it learned to.

    Parameters
    ----------
    section : DataArray, array or tensor
        ``(time, trace)`` amplitudes or a picture.
    network : Network or str
        A loaded network, or the name of one.
    layer : str, optional
        What is asked, as for a dream; by default the network's own.
    against : sequence of Network or str, optional
        Other networks that are asked the same.
    **settings
        Any setting of `ControlSettings`.

    Returns
    -------
    Controlled

    Examples
    --------
    >>> import seisdream
    >>> section = seisdream.open_section("sample:built-in")[100:228, 200:328]
    >>> found = seisdream.permutation_controls(section, "gabor", of="activation", surrogates=19, random=0)
    >>> found.maps.activation_effect.shape
    (128, 128)
    """
    networks = [one if isinstance(one, Network) else load_network(one) for one in (network, *against)]
    asked = ControlSettings(layer=layer, **settings)
    return Controls(make_section(section), networks[0], asked, against=networks[1:])()
