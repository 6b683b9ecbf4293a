"""What a task of an attribution computes: how much each sample contributes to a network's output.

Networks for sections explain every section on its own, with the amplitude scale of the volume: the score is the mean
over the section. Networks for cubes explain the volume as a whole, in blocks.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.attribution.attributor import Attributor
from seisdream.attribution.baselines import BLUR_REACH, make_baselines
from seisdream.attribution.integrated_gradients import MAX_COMPLETENESS_ERROR, integrated_gradients
from seisdream.attribution.target import Target, bind_target, most_probable_class, unit_weights
from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.inference.cube_blocks import CubeBlocks
from seisdream.inference.cubes import cube_input
from seisdream.inference.surroundings import Surroundings
from seisdream.io.segy.text_lines import ATTRIBUTION_MARK
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.provenance import make_provenance, short_name, version_of
from seisdream.results.attribution_result import ABSENT_ATTRIBUTION, attribution_page
from seisdream.results.writer import file_names
from seisdream.seismic.sections import GreyMapping, magnitude_percentile
from seisdream.volumes.cube_kernel import CubeKernel, Inside
from seisdream.volumes.kernel import Kernel, SectionKernel, Variable
from seisdream.volumes.lines import has_signal
from seisdream.volumes.plan import Reach, Task
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeAttributionSettings, VolumeSettings
from seisdream.volumes.slices import Slice
from seisdream.volumes.volume import Volume

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seisdream.results.result_page import ResultPage

_PERCENTILE = 99.5
_SIDE = 64


def make_attribution(
    volume: Volume, network: Network, settings: VolumeAttributionSettings, how: VolumeSettings, scale: AmplitudeScale
) -> SectionAttribution | CubeAttribution:
    """Return what computes the tasks of an attribution, by sections or by blocks as the network takes them.

    Parameters
    ----------
    volume, network, settings, how, scale
        As for `Kernel`.

    Raises
    ------
    SeisdreamError
        If captum is not installed (``missing-extra``), or as for `Attributor`.
    """
    require_extra("captum.attr", "attribution", "Attribution")  # Before the first block, not in each of them.
    kind = SectionAttribution if network.n_spatial_dims == 2 else CubeAttribution
    return kind(volume, network, settings, how, scale)


class _Attribution(Kernel):
    """What both kinds share: the variable of the output, its provenance and the picture."""

    settings: VolumeAttributionSettings
    _target: Target
    _units: str
    """What is explained of the target: "logit", "probability" or "activation"."""
    _notes: list[str]
    _middle_section: Any

    @property
    def variables(self) -> dict[str, Variable]:
        """The variable of the output by name."""
        target, method = self._target.text, self.settings.method
        slug, network = file_names([target.removeprefix("class:")])[0], short_name(self.network.name)
        line = f"{ATTRIBUTION_MARK} {version_of('seisdream')}: {slug}, {method}, {network}"
        attrs = {"long_name": f"attribution of {target}", "units": self._units, "segy_line": line}
        return {"attribution": Variable("float32", np.nan, attrs, ABSENT_ATTRIBUTION)}

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole attribution."""
        return make_provenance(
            kind="attribution",
            settings=self.settings,
            section=self._middle_section,
            network=self.network,
            grey_mapping=self.scale.mapping,
            result={"target": self._target.text, "target_score": self._units, **self.measured},
            notes=self.notes(),
            volume_shape=self.shape,
        )

    def notes(self) -> list[str]:
        """Return what limits the attribution, a sentence each."""
        return list(self._notes)

    def page(self, middle: Slice, title: str) -> ResultPage:
        """Return the page of the result, which shows the middle inline."""
        title = f"{title}, {self._target.text} ({self.settings.method})"
        return attribution_page(middle.section, {"Attribution": middle.result["attribution"]}, title)

    def draw(self, slices: Sequence[Slice], summary: dict[str, Any], title: str) -> Figure:
        """Return the picture: slices of the volume and of the attribution."""
        from seisdream.plotting.panels import find_colormap
        from seisdream.plotting.slices import Row, draw_slices

        maps = [one.result["attribution"].assign_attrs(units="for (+), against (−)") for one in slices]
        clip = max(magnitude_percentile(one.values, _PERCENTILE) for one in maps) or 1.0
        rows = [
            Row("Volume", [one.section for one in slices], self.scale.mapping),
            Row("Attribution", maps, GreyMapping(-clip, clip), find_colormap("purple-orange")),
        ]
        return draw_slices(rows, title=f"{title}, {self._target.text} ({self.settings.method})")


class SectionAttribution(SectionKernel, _Attribution):
    """The attribution of a network for sections, by whole inlines or crosslines.

    Attributes
    ----------
    settings : VolumeAttributionSettings
        With every default resolved, on the middle section.
    measured : dict
        Of integrated gradients, how complete they are on the middle section, and with how many points on the path.
    """

    n_together = 4

    def __init__(
        self,
        volume: Volume,
        network: Network,
        settings: VolumeAttributionSettings,
        how: VolumeSettings,
        scale: AmplitudeScale,
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        self._middle_section = self.lines.middle
        first = self._attributor(self._middle_section, self.lines.surroundings())
        self._units, self._target = first.target_score, first.target
        self._notes = [note.replace("the whole section; explain", "each whole section; in a section, explain")
                       for note in first.notes]  # fmt: skip
        self.settings = settings.replace(**first.settings.to_dict() | {"layer": self._target.text})

    def compute_sections(
        self, sections: Iterable[tuple[int, xr.DataArray]], around: Surroundings
    ) -> Iterator[tuple[int, dict[str, NDArray]]]:
        """Yield the position and the attribution of each section that has a signal."""
        for position, section in sections:
            if has_signal(section):
                yield position, {"attribution": self._explain(section, around).values}

    def measure(self) -> dict[str, Any]:
        """Return how complete the integrated gradients of the middle section are, and warn where they are not."""
        if self.settings.method != "integrated-gradients":
            return {}
        section = self._middle_section
        info = self._explain(section, self.lines.surroundings()).attrs
        error = round(info["completeness_error"], 6)
        self.measured = {"section": section.attrs["selection"], "steps": info["steps"], "completeness_error": error}
        if note := self._completeness_note():
            warnings.warn(note, stacklevel=2)
        return self.measured

    def notes(self) -> list[str]:
        """Return what limits the attribution, a sentence each."""
        note = self._completeness_note()
        return [*super().notes(), *([note] if note else [])]

    def _completeness_note(self) -> str:
        """Return a sentence where the integrated gradients of the middle section are not complete; "" elsewhere."""
        known = self.measured
        if known.get("completeness_error", 0.0) <= MAX_COMPLETENESS_ERROR:
            return ""
        return (
            f"Integrated gradients of {known['section']} differ from the change of the score by "
            f"{100 * known['completeness_error']:.1f} %, and those of other sections may too; use more than "
            f"{known['steps']} `steps`."
        )

    def _explain(self, section: xr.DataArray, around: Surroundings) -> xr.DataArray:
        """Return the attribution of a section, without its own warning; `measure` warns once of all."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Integrated gradients differ")
            return self._attributor(section, around)()

    def _attributor(self, section: xr.DataArray, around: Surroundings) -> Attributor:
        settings = self.settings
        return Attributor(
            section, self.network, settings.layer, settings=settings, mapping=self.scale.mapping, around=around
        )


class CubeAttribution(CubeKernel, _Attribution):
    """The attribution of a network for cubes by integrated gradients, in blocks that equal the whole volume.

    The score is the mean over the volume. The part of a sample in it follows from the units that have the sample in
    their receptive field, and these from all samples there, so that the halo of a block is two receptive fields wide.

    Attributes
    ----------
    settings : VolumeAttributionSettings
        With every default resolved, the class on the middle block.
    measured : dict
        Points on the path, as many as make the attribution of the middle block complete, unless they are given.

    Raises
    ------
    SeisdreamError
        If a method or a baseline needs the whole volume at once, or units of the target have no positions
        (``not-supported``).
    """

    def __init__(
        self,
        volume: Volume,
        network: Network,
        settings: VolumeAttributionSettings,
        how: VolumeSettings,
        scale: AmplitudeScale,
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        baseline = settings.baseline_or_default
        if settings.method != "integrated-gradients":
            raise _unsupported("method", settings.method, "integrated-gradients")
        if baseline == "noise":
            raise _unsupported("baseline", baseline, "zero` or `baseline=blurred")
        target = None if settings.layer is None else bind_target(settings.layer, network)
        layer = network.class_layer if target is None else target.layer
        if layer is None:
            raise SeisdreamError(
                f"{network.name} has no classes; give a `target` such as LAYER:CHANNEL (seisdream layers "
                f"{network.name}).",
                code="missing-argument",
                option="target",
            )
        stride = network.layer(layer).stride
        if not network.layer(layer).has_positions or stride is None:
            raise SeisdreamError(
                f"'{layer}' has one output for the whole cube and no positions, so a volume cannot be explained in "
                "blocks; explain a cube that fits in memory, or a channel of another layer.",
                code="not-supported",
                option="target",
            )
        self._blocks = CubeBlocks(network, layer)
        more = BLUR_REACH if baseline == "blurred" else 0
        both = zip(self._blocks.halo.halo, self._blocks.halo.alignment, strict=True)
        self._divide(_SIDE, [Reach(-(-(2 * halo + more) // step) * step, step) for halo, step in both])
        # A unit counts once for each sample that it stands for.
        self._unit_weight = math.prod(stride) / math.prod(self.shape)
        self.settings = settings.replace(device=resolve_device(settings.device, network), baseline=baseline)
        if target is None:
            with torch.no_grad():
                prepared, image = self._input(self._middle)
                logits = prepared.record(image, (layer,))[layer]
            size = tuple(logits.shape[2:])
            weights = torch.from_numpy(unit_weights(network.layer(layer), size, None, self._middle.shape))
            target = most_probable_class(network, logits, weights)
        self._target = target
        self.settings = self.settings.replace(layer=target.text)
        is_class = target.layer == network.class_layer
        if settings.score == "probability" and not is_class:
            raise SeisdreamError(
                f"`score=probability` needs a class, and '{target.text}' is none; leave out `score`.",
                code="incompatible",
                option="score",
            )
        self._units = settings.score if is_class else "activation"
        self._notes = [*network.notes, "The score is the mean over the whole volume."]
        if not self._blocks.is_exact:
            self._notes.append(
                f"The receptive field of {network.name} is larger than the samples around each block, so blocks "
                "differ a little from the whole."
            )

    def measure(self) -> dict[str, Any]:
        """Return the points on the path that make the attribution of the middle block complete, unless given."""
        if self.settings.steps is not None:
            return {}
        _, info = self._integrate(self._middle, None, is_refined=True)
        error = round(info["completeness_error"], 6)
        return {"steps": info["steps"], "block": str(self._middle_task), "completeness_error": error}

    def compute_block(self, cube: xr.DataArray, inside: Inside, task: Task) -> dict[str, NDArray]:
        """Return the attribution of a block, NaN where absent."""
        map_, _ = self._integrate(cube, self.settings.steps or self.measured["steps"])
        present = np.isfinite(cube.values[inside])
        return {"attribution": np.where(present, map_[inside], np.float32(np.nan))}

    def _integrate(
        self, cube: xr.DataArray, steps: int | None, *, is_refined: bool = False
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return the integrated gradients of a cube with its surroundings, and numbers about them."""
        (prepared, image), settings = self._input(cube), self.settings
        baselines = make_baselines(image, settings.baseline_or_default)
        with prepared.exactly():
            map_, info = integrated_gradients(
                partial(self._score, prepared),
                image,
                baselines,
                steps=steps,
                default_steps=settings.steps_or_default,
                is_refined=is_refined,
            )
        return map_[0].sum(0).detach().cpu().numpy().astype(np.float32), info

    def _score(self, prepared: PreparedNetwork, images: torch.Tensor) -> torch.Tensor:
        layer = self._target.layer
        activations = prepared.record(images, (layer,))[layer].float()
        if self._units == "probability":
            activations = self.network.class_probabilities(activations)
        return self._target.of(activations).flatten(1).sum(1) * self._unit_weight

    def _input(self, cube: xr.DataArray) -> tuple[PreparedNetwork, torch.Tensor]:
        """Return the network with the statistics of the volume, and a cube as an image for it."""
        given = {"statistics": self.scale.statistics, "device": self.settings.device}
        prepared, image = cube_input(self._prepared, cube, np.isfinite(cube.values), self.scale.mapping, **given)
        return prepared, self.network.preprocessing.clip(image)

    @cached_property
    def _prepared(self) -> PreparedNetwork:
        return PreparedNetwork(self.network, self.settings.device, "float32")


def _unsupported(option: str, value: str, choice: str) -> SeisdreamError:
    return SeisdreamError(
        f"`{option}={value}` needs the whole volume at once, which networks for cubes explain in blocks; use "
        f"`{option}={choice}`, or explain a cube that fits in memory.",
        code="not-supported",
        option=option,
    )
