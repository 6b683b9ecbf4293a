"""Controls: a network's responses to a section compared with those to surrogates, and with those of other networks.

The same network on the section and on surrogates: is there structure that the network responds to? The network and one
with random weights on the same section: did it learn to respond, or is it the architecture?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.dreaming.dream import dream
from seisdream.dreaming.objectives.terms import Objective
from seisdream.dreaming.resolve import resolve
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.surroundings import Surroundings
from seisdream.io.inputs import as_section
from seisdream.models.network import Network
from seisdream.models.randomization import cascading_randomization, with_random_parts
from seisdream.models.registry import as_network, load_network
from seisdream.results.control_result import ControlResult
from seisdream.seismic.sections import GreyMapping, absent_samples, check_section, describe_absent
from seisdream.seismic.surrogates import SURROGATES, Surrogates
from seisdream.significance.network_response import NetworkResponse
from seisdream.significance.path_check import check_path
from seisdream.significance.path_reference import term_of_kind
from seisdream.significance.path_result import PathCheck
from seisdream.significance.report import make_result
from seisdream.significance.response_maps import ResponseMap, to_grey_section
from seisdream.significance.settings import ControlSettings
from seisdream.significance.statistics import BlockGrid, max_statistic_permutation_test, pair_products

_N_SURROGATES_WITH_SEEDS = 2


def controls(
    section: Any,
    network: Network | str,
    objective: str | Objective | None = None,
    *,
    against: Sequence[Network | str] = (),
    settings: ControlSettings | None = None,
    **overrides: Any,
) -> ControlResult:
    """Find where a network's responses to a section exceed those to surrogates, and whether that was learned.

    Parameters and errors are those of `seisdream.controls` without a folder to write to.
    """
    settings = ControlSettings.of(settings, with_objective(overrides, objective))
    others = [as_network(other) for other in against]
    return PermutationTest(as_section(section), as_network(network), settings, against=others)()


def with_objective(overrides: dict[str, Any], objective: str | Objective | None) -> dict[str, Any]:
    """Return values of settings with an objective as their ``layer``; raise `SeisdreamError` where both are given."""
    if objective is None:
        return overrides
    if overrides.get("layer") is not None:
        raise SeisdreamError(
            f"Got the objective '{objective}' and `layer` '{overrides['layer']}'; give one of them.",
            code="incompatible",
            option="layer",
        )
    return overrides | {"layer": str(objective)}


class Measured(NamedTuple):
    """What controls measure.

    Attributes
    ----------
    maps : Dataset
        Of each measure, its effect and its false discovery rate, and the stability, at every sample.
    responses : dict
        For each measure, the responses of the networks, that of the tested network first.
    stability : dict of float
        Mean correlations between dreams of several seeds.
    """

    maps: xr.Dataset
    responses: dict[str, list[NetworkResponse]]
    stability: dict[str, float]


class PermutationTest:
    """The controls of a section and a network, prepared to be run by a call; of a cube, by `measure`.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or an image; for a network for cubes a cube ``(time, inline, crossline)``. Absent samples are
        NaN.
    network : Network
        The network that is tested.
    settings : ControlSettings, optional
        All settings.
    against : sequence of Network, optional
        Other networks to evaluate in the same way.
    on_section : callable, optional
        Called after each network's evaluation of each section.
    mapping : GreyMapping, optional
        The amplitudes that become black and white, instead of the section's percentile.
    around : Surroundings, optional
        The volume that a cube is a block of, in grey levels; its statistics normalise the cube.

    Attributes
    ----------
    networks : list of (Network, str)
        What is evaluated: the tested network, then others, each with its role, as in `NetworkResponse`.
    settings : ControlSettings
        With layer and octaves resolved.
    n_evaluations : int
        How often `on_section` will be called.
    notes : list of str
        What was resolved differently from the settings, and why.

    Raises
    ------
    SeisdreamError
        If the objective has no map (``not-supported``), or the section is too small (``too-small``).
    """

    def __init__(
        self,
        section: xr.DataArray,
        network: Network,
        settings: ControlSettings | None = None,
        *,
        against: Sequence[Network] = (),
        on_section: Callable[[], Any] = lambda: None,
        mapping: GreyMapping | None = None,
        around: Surroundings | None = None,
    ):
        settings = settings or ControlSettings()
        check_section(section)
        self.section, self.network = section, network
        self.notes: list[str] = [note] if (note := describe_absent(section)) else []
        self._mapping = mapping or GreyMapping.of(section, settings.percentile)
        self._grey = to_grey_section(section, self._mapping)
        self.settings, self._dream_settings = self._resolve(settings)
        if settings.path:
            term_of_kind(str(self.settings.layer), network)
        self._is_present = ~absent_samples(section)
        self._size = size = self._is_present.shape
        self._grids = {
            "blocks": BlockGrid.blocks(size, self.settings.block),
            "windows": BlockGrid.windows(size, self.settings.block),
        }
        if np.prod(self._grids["blocks"].shape) < 2:
            what = "section" if len(size) == 2 else "cube"
            raise SeisdreamError(
                f"`block` is {self.settings.block}, so the {what} of {' × '.join(map(str, size))} samples is one "
                f"block; use a smaller `block` or a larger {what}.",
                code="too-small",
                option="block",
            )
        self._on_section = on_section
        self.networks = [(network, "tested"), *self._random_networks(), *self._shuffled_network()]
        self.networks += [(other, "other") for other in against]
        self._against = tuple(against)
        self._response_maps = [ResponseMap(one, self._dream_settings_for(one), around) for one, _ in self.networks]
        n_others = (len(SURROGATES) - 1) * self.settings.n_other_surrogates
        self.n_evaluations = len(self.networks) * (1 + self.settings.surrogates) + n_others

    def __call__(self) -> ControlResult:
        """Evaluate all networks on the section and on all surrogates, and compare."""
        settings, measured = self.settings, self.measure()
        return make_result(
            self.section,
            self.network,
            settings,
            measured.maps,
            measured.responses,
            measured.stability,
            self._grids["blocks"],
            self._grids["windows"],
            grey_mapping=self._mapping,
            path=self._check_path() if settings.path else None,
            others={other.name: other for other in self._against},
            notes=self.notes,
        )

    def measure(self) -> Measured:
        """Evaluate all networks on the section or cube and on all surrogates, and return what was measured."""
        settings = self.settings
        # By measure, number of the network and grid: means over blocks, of the section and then of each surrogate.
        means: dict[tuple[str, int, str], list[NDArray]] = {}
        own: dict[str, NDArray] = {}
        pairs: dict[str, list[tuple[NDArray, NDArray]]] = {"section": [], "surrogates": []}
        for number, grey in enumerate(self._sections()):
            for index, response_map in enumerate(self._response_maps):
                has_seeds = index == 0 and number <= _N_SURROGATES_WITH_SEEDS
                maps, changes = self._evaluate(response_map, grey, settings.seeds if has_seeds else 1)
                if len(changes) > 1:
                    pairs["surrogates" if number else "section"].append(pair_products(changes))
                if not number and not index:
                    own = maps
                for measure, map_ in maps.items():
                    for name, grid in self._grids.items():
                        means.setdefault((measure, index, name), []).append(grid.means(map_, self._is_present))
        other_means = self._other_means()
        responses = {
            measure: [
                self._response(measure, index, means, other_means if index == 0 else {})
                for index in range(len(self.networks))
            ]
            for measure in settings.measures
        }
        return Measured(self._maps(own, responses, pairs["section"]), responses, self._stability(pairs, responses))

    def effect_map(self, response: NetworkResponse) -> NDArray:
        """Return the effect of a network's responses at every sample; 0 where a window has too few samples."""
        return self._grids["windows"].to_samples(np.nan_to_num(response.windows.effect), self._size)

    def _check_path(self) -> PathCheck | None:
        """Return the path check of the default dream, or note why there is none."""
        settings = self.settings
        of_dream = {"seed": settings.seed, "device": settings.device, "percentile": settings.percentile}
        try:
            return check_path(dream(self.section, self.network, settings.layer, **of_dream), self.network)
        except SeisdreamError as error:
            if error.code != "no-signal":
                raise
            self.notes.append(str(error))
            return None

    def _resolve(self, settings: ControlSettings) -> tuple[ControlSettings, DreamSettings]:
        """Resolve layer and octaves for this section."""
        dreams = DreamSettings(
            layer=settings.layer,
            parameterization="pixel",
            steps=settings.steps,
            step_size=settings.step_size,
            boundary="mirror",
            zoom=0.0,
            device=settings.device,
        )
        plan = resolve(self._grey, self.network, dreams)
        dreams = plan.settings
        self.notes += [note for note in plan.notes if "octaves" not in note]
        is_of_class = (dreams.layer or "").startswith(("class:", "probability:"))
        if is_of_class and (reason := self.network.out_of_domain_reason(self.section)):
            self.notes.append(reason)
        octaves = min(settings.octaves, dreams.octaves or 1)
        if octaves < settings.octaves:
            self.notes.append(f"The section allows {octaves} octaves, not {settings.octaves}.")
        return settings.replace(layer=dreams.layer, octaves=octaves), dreams.replace(octaves=octaves)

    def _dream_settings_for(self, network: Network) -> DreamSettings:
        try:
            resolve(self._grey, network, self._dream_settings)
            return self._dream_settings
        except SeisdreamError as error:
            if network is self.network:
                raise
            dreams = resolve(self._grey, network, self._dream_settings.replace(layer=None)).settings
            self.notes.append(f"{network.name} is evaluated at '{dreams.layer}': {error}")
            return dreams

    def _random_networks(self) -> Iterator[tuple[Network, str]]:
        if not self.settings.random:
            return
        try:
            _, parts, _ = cascading_randomization(self.network)[-1]
        except SeisdreamError:
            self.notes.append(f"{self.network.name} has no weights, so it is not compared with random ones.")
            return
        for number in range(self.settings.random):
            seed = self.settings.seed + number
            network = with_random_parts(self.network, parts, seed)
            network.name = f"{self.network.name}@random:{seed}"
            yield network, "random"

    def _shuffled_network(self) -> Iterator[tuple[Network, str]]:
        """Yield the network that was trained on shuffled labels, if its weights are at hand."""
        try:
            yield load_network(f"{self.network.name}@shuffled", trust_code=False), "other"
        except SeisdreamError:
            return

    def _sections(self) -> Iterator[xr.DataArray]:
        """Yield the section and its surrogates, in grey levels."""
        yield self._grey
        yield from self._surrogates(self.settings.null, self.settings.surrogates)

    def _surrogates(self, kind: str, n_surrogates: int) -> Iterator[xr.DataArray]:
        make = Surrogates(self.section, kind)
        for number in range(n_surrogates):
            yield to_grey_section(make(self._seed(number)), self._mapping)

    def _seed(self, *numbers: int) -> int:
        return int(np.random.SeedSequence([self.settings.seed, *numbers]).generate_state(1)[0])

    def _evaluate(
        self, response_map: ResponseMap, grey: xr.DataArray, n_seeds: int = 1
    ) -> tuple[dict[str, NDArray], NDArray]:
        """Return each measure of one network on one section, and the changes of its dreams.

        The section and its surrogates are compared by one dream each, of one seed: a mean over several seeds of the
        section alone would vary less than under the null hypothesis, and different jitters would only add variance.
        """
        maps, changes = {}, np.empty((0, *self._size))
        if "activation" in self.settings.measures:
            maps["activation"] = response_map.activation(grey)
        if "dream" in self.settings.measures:
            changes = np.stack([response_map.dream_change(grey, self._seed(0, seed)) for seed in range(n_seeds)])
            maps["dream"] = np.abs(changes[0])
        self._on_section()
        return maps, changes

    def _other_means(self) -> dict[tuple[str, str], float]:
        """Return the mean of each measure over surrogates of the other kinds, for the tested network."""
        means: dict[tuple[str, str], float] = {}
        n_surrogates = self.settings.n_other_surrogates
        for kind in SURROGATES:
            if kind == self.settings.null or not n_surrogates:
                continue
            maps = [self._evaluate(self._response_maps[0], grey)[0] for grey in self._surrogates(kind, n_surrogates)]
            for measure in self.settings.measures:
                means[measure, kind] = float(np.mean([one[measure][self._is_present].mean() for one in maps]))
        return means

    def _response(
        self,
        measure: str,
        index: int,
        means: dict[tuple[str, int, str], list[NDArray]],
        other_means: dict[tuple[str, str], float],
    ) -> NetworkResponse:
        network, role = self.networks[index]
        by_grid = {name: np.stack(means[measure, index, name]) for name in self._grids}
        compared = {name: max_statistic_permutation_test(maps[0], maps[1:]) for name, maps in by_grid.items()}
        return NetworkResponse(
            network.name,
            role,
            compared["blocks"],
            compared["windows"],
            section_mean=float(np.nanmean(by_grid["blocks"][0])),
            surrogate_mean=float(np.nanmean(by_grid["blocks"][1:])),
            other_means={kind: mean for (one, kind), mean in other_means.items() if one == measure},
        )

    def _maps(
        self,
        own: dict[str, NDArray],
        responses: dict[str, list[NetworkResponse]],
        pairs: list[tuple[NDArray, NDArray]],
    ) -> xr.Dataset:
        windows, size = self._grids["windows"], self._size
        units = str(self.section.attrs.get("units", "amplitude"))
        maps: dict[str, tuple[NDArray, str]] = {}
        for measure, (tested, *_) in responses.items():
            to_units = self._mapping.units_per_grey if measure == "dream" else 1.0
            maps[measure] = own[measure] * to_units, units if measure == "dream" else "activation"
            maps[f"{measure}_effect"] = self.effect_map(tested), "standard deviations of chance"
            # Interpolated in its order of magnitude.
            logarithm = np.log10(np.nan_to_num(tested.windows.q, nan=1.0))
            maps[f"{measure}_q"] = 10.0 ** windows.to_samples(logarithm, size), "false discovery rate"
        if pairs:
            products, squares = (windows.means(map_, self._is_present) for map_ in pairs[0])
            ratio = np.divide(products, squares, out=np.zeros_like(products), where=squares > 0)
            maps["stability"] = windows.to_samples(np.nan_to_num(ratio), size), "mean correlation between seeds"
        dims = self.section.dims[: len(size)]
        coords = {name: coord for name, coord in self.section.coords.items() if set(coord.dims) <= set(dims)}
        return xr.Dataset(
            {
                name: (dims, np.where(self._is_present, values, np.nan).astype(np.float32), {"units": unit})
                for name, (values, unit) in maps.items()
            },
            coords,
        )

    def _stability(
        self, pairs: dict[str, list[tuple[NDArray, NDArray]]], responses: dict[str, list[NetworkResponse]]
    ) -> dict[str, float]:
        if not pairs["section"]:
            return {}
        stability = {
            name: float(
                sum(products[self._is_present].mean() for products, _ in maps)
                / max(sum(squares[self._is_present].mean() for _, squares in maps), 1e-30)
            )
            for name, maps in pairs.items()
        }
        is_significant = responses["dream"][0].is_significant(self.settings.q)
        if is_significant.any():
            blocks = self._grids["blocks"]
            products, squares = (np.nan_to_num(blocks.means(map_, self._is_present)) for map_ in pairs["section"][0])
            stability["significant"] = float(products[is_significant].sum() / max(squares[is_significant].sum(), 1e-30))
        return stability
