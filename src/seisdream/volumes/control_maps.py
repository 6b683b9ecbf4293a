"""What a task of controls computes: how far a network's responses exceed those to surrogates.

Every section, or every block of a cube with its surroundings, is compared with surrogates of its own, with the
amplitude scale of the volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.inference.surroundings import Surroundings
from seisdream.io.segy.text_lines import CONTROLS_MARK
from seisdream.models.network import Network
from seisdream.provenance import make_provenance, short_name, version_of
from seisdream.results.control_result import control_page
from seisdream.seismic.sections import GreyMapping, magnitude_percentile
from seisdream.significance.permutation import PermutationTest
from seisdream.significance.settings import ControlSettings
from seisdream.volumes.cube_kernel import CubeKernel, Inside, blocks_up_to
from seisdream.volumes.kernel import Kernel, SectionKernel, Variable
from seisdream.volumes.lines import has_signal
from seisdream.volumes.plan import Reach, Task
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.slices import Slice
from seisdream.volumes.volume import Volume

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seisdream.results.result_page import ResultPage

_PERCENTILE = 99.5
_CHANCE = "standard deviations of chance"
_SIDE = 64


def make_controls(
    volume: Volume, network: Network, settings: ControlSettings, how: VolumeSettings, scale: AmplitudeScale
) -> SectionControls | CubeControls:
    """Return what computes the tasks of controls, by sections or by blocks as the network takes them.

    Parameters
    ----------
    volume, network, settings, how, scale
        As for `Kernel`.

    Raises
    ------
    SeisdreamError
        As for `PermutationTest`, and for the path check (``not-supported``).
    """
    if settings.path:
        raise SeisdreamError(
            "`path=True` does not work for whole volumes; check the path on one of its sections.",
            code="not-supported",
            option="path",
        )
    kind = SectionControls if network.n_spatial_dims == 2 else CubeControls
    return kind(volume, network, settings, how, scale)


class _Controls(Kernel):
    """What both kinds share: the tests, the variables of the output, its provenance and the picture."""

    settings: ControlSettings
    _notes: list[str]
    _around: Surroundings | None = None
    _middle_section: Any

    def _resolve(self, middle: xr.DataArray) -> None:
        """Resolve the settings on the middle section or block."""
        first = self._test(middle)
        self.settings, self._notes = first.settings, list(first.notes)
        self._has_random = any(role == "random" for _, role in first.networks)

    def _test(self, data: xr.DataArray) -> PermutationTest:
        return PermutationTest(data, self.network, self.settings, mapping=self.scale.mapping, around=self._around)

    def _maps(self, data: xr.DataArray) -> dict[str, NDArray]:
        """Return the maps of a section or a cube, by variable."""
        test = self._test(data)
        measured = test.measure()
        maps = {str(name): map_.values for name, map_ in measured.maps.items()}
        if "dream" in maps:
            maps["dream_change"] = maps.pop("dream")
        for measure, responses in measured.responses.items() if self._has_random else ():
            random = next(one for one in responses if one.role == "random")
            own = np.isfinite(maps[f"{measure}_effect"])
            maps[f"{measure}_effect_random"] = np.where(own, test.effect_map(random), np.nan)
        return maps

    @property
    def variables(self) -> dict[str, Variable]:
        """The variables of the output by name."""
        settings, units = self.settings, str(self.volume.attrs.get("units", "amplitude"))
        found: dict[str, tuple[str, str]] = {}
        for measure in settings.measures:
            if measure == "activation":
                found["activation"] = f"activation of {settings.layer}", "1"
            else:
                found["dream_change"] = "magnitude of the change by a dream", f"{units}, magnitude"
            found[f"{measure}_effect"] = f"effect of {measure}", _CHANCE
            found[f"{measure}_q"] = f"false discovery rate of {measure}", "1"
            if self._has_random:
                found[f"{measure}_effect_random"] = f"effect of {measure} with random weights", _CHANCE
        if "dream" in settings.measures and settings.seeds > 1:
            found["stability"] = "mean correlation between dreams of several seeds", "1"
        by = f"{CONTROLS_MARK} {version_of('seisdream')}"
        return {
            name: Variable(
                "float32",
                np.nan,
                {
                    "long_name": long_name,
                    "units": unit,
                    "segy_line": f"{by}: {name.replace('_', '-')} of {short_name(self.network.name)}",
                },
                # Nothing is significant where there is nothing.
                1.0 if name.endswith("_q") else 0.0,
            )
            for name, (long_name, unit) in found.items()
        }

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole controls."""
        return make_provenance(
            kind="controls",
            settings=self.settings,
            section=self._middle_section,
            network=self.network,
            grey_mapping=self.scale.mapping,
            notes=self.notes(),
            volume_shape=self.shape,
        )

    def notes(self) -> list[str]:
        """Return what limits the controls, a sentence each, on the middle section or block."""
        return list(self._notes)

    def summarize(self, dataset: xr.Dataset, folder: Path, failures: list[str]) -> dict[str, Any]:
        """Return the share of the present samples whose false discovery rate is low enough, by measure."""
        shares = {}
        for measure in self.settings.measures:
            n_significant = n_present = 0
            for number in range(dataset.sizes["inline"]):
                q = dataset[f"{measure}_q"].isel(inline=number).values
                n_significant += int((q <= self.settings.q).sum())
                n_present += int(np.isfinite(q).sum())
            shares[measure] = round(n_significant / max(1, n_present), 6)
        return {"significant": shares}

    def page(self, middle: Slice, title: str) -> ResultPage:
        """Return the page of the result, which shows the middle inline."""
        maps = {name: middle.result[name] for name in self.variables}
        return control_page(middle.section, maps, f"{title}, {self.settings.layer}")

    def draw(self, slices: Sequence[Slice], summary: dict[str, Any], title: str) -> Figure:
        """Return the picture: slices of the volume and of the effects."""
        from seisdream.plotting.panels import find_colormap
        from seisdream.plotting.slices import Row, draw_slices

        effects = {name: str(one.attrs["long_name"]) for name, one in self.variables.items() if "_effect" in name}
        maps = {name: [one.result[name] for one in slices] for name in effects}
        clip = max(magnitude_percentile(one.values, _PERCENTILE) for of_one in maps.values() for one in of_one) or 1.0
        scale, colours = GreyMapping(-clip, clip), find_colormap("purple-orange")
        rows = [Row(effects[name].capitalize(), of_one, scale, colours) for name, of_one in maps.items()]
        volume = Row("Volume", [one.section for one in slices], self.scale.mapping)
        return draw_slices([volume, *rows], title=f"{title}, {self.settings.layer}")


class SectionControls(SectionKernel, _Controls):
    """The controls of a network for sections, by whole inlines or crosslines.

    Attributes
    ----------
    settings : ControlSettings
        With layer and octaves resolved, on the middle section.
    """

    n_together = 1

    def __init__(
        self, volume: Volume, network: Network, settings: ControlSettings, how: VolumeSettings, scale: AmplitudeScale
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        self._middle_section = self.lines.middle
        self._resolve(self._middle_section)

    def compute_sections(
        self, sections: Iterable[tuple[int, xr.DataArray]], around: Surroundings
    ) -> Iterator[tuple[int, dict[str, NDArray]]]:
        """Yield the position and the maps of each section that has a signal."""
        for position, section in sections:
            if has_signal(section):
                yield position, self._maps(section)


class CubeControls(CubeKernel, _Controls):
    """The controls of a network for cubes, in blocks with a halo of its receptive field.

    A block with its surroundings is a cube of its own, whose surrogates have its spectrum in three dimensions.

    Attributes
    ----------
    settings : ControlSettings
        With layer and octaves resolved, on the middle block.
    """

    def __init__(
        self, volume: Volume, network: Network, settings: ControlSettings, how: VolumeSettings, scale: AmplitudeScale
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        blocks = blocks_up_to(network, settings.layer)
        halos = zip(blocks.halo.halo, blocks.halo.alignment, strict=True)
        self._divide(max(_SIDE, 2 * settings.block), [Reach(halo, alignment) for halo, alignment in halos])
        statistics = scale.statistics.mapped(scale.mapping.low, scale.mapping.units_per_grey)
        self._around = Surroundings([], lambda number: self._middle, statistics)
        self._resolve(_as_it_is(self._middle))
        self._notes += network.notes
        if self.shard != self.shape:
            self._notes.append("Each block is compared with surrogates of its own, so effects differ at its faces.")

    def compute_block(self, cube: xr.DataArray, inside: Inside, task: Task) -> dict[str, NDArray]:
        """Return the maps of a block; none where it has no signal."""
        if not has_signal(cube):
            return {}
        return {name: map_[inside] for name, map_ in self._maps(_as_it_is(cube)).items()}


def _as_it_is(cube: xr.DataArray) -> xr.DataArray:
    """Return a cube whose zeros are amplitudes: mutes are not looked for in cubes."""
    return cube.assign_attrs(muted="present")
