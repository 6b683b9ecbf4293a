"""What a task of a prediction computes: the class of every sample of a shard, its probability and the entropy.

Probabilities of all classes exist for one section, or for one block of a cube, at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.inference.class_maps import ABSENT_CLASS, LONG_NAMES, NO_CLASS
from seisdream.inference.predict_cube import CubePredictor
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.inference.surroundings import Surroundings
from seisdream.io.segy.text_lines import PREDICTION_MARK
from seisdream.models.network import Network
from seisdream.provenance import short_name, version_of
from seisdream.results.prediction_writer import ABSENT_NUMBER, prediction_page
from seisdream.results.writer import file_names
from seisdream.viewer.encoding import encode_section
from seisdream.volumes.cube_kernel import CubeKernel, Inside
from seisdream.volumes.kernel import Kernel, SectionKernel, Variable
from seisdream.volumes.lines import has_signal
from seisdream.volumes.plan import Block, Reach, Task, slices
from seisdream.volumes.prediction_files import summarize_prediction
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.slices import Slice
from seisdream.volumes.strengths import Strengths
from seisdream.volumes.volume import Volume

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seisdream.results.result_page import ResultPage

_CUBE_SIDE = 128
_SHARD_BYTES = 2**27
"""Of all variables of a shard of whole sections, before compression, unless blocks are given."""
_PAGE_SAMPLES = 40_000
"""Of the map of a concept in the viewer of the page."""


def make_prediction(
    volume: Volume, network: Network, settings: PredictionSettings, how: VolumeSettings, scale: AmplitudeScale
) -> SectionPrediction | CubePrediction:
    """Return what computes the tasks of a prediction, by sections or by blocks as the network takes them.

    Parameters
    ----------
    volume : Volume
        The input.
    network : Network
        With a layer of class logits that have positions.
    settings : PredictionSettings
        Of the prediction.
    how : VolumeSettings
        Direction, blocks and number formats.
    scale : AmplitudeScale
        Of the volume.
    """
    kind = SectionPrediction if network.n_spatial_dims == 2 else CubePrediction
    return kind(volume, network, settings, how, scale)


class _Prediction(Kernel):
    """What both kinds share: the variables of the output and the picture."""

    takes = ("number_format", "all_probabilities", "strengths")
    predictor: Any

    @property
    def is_ordered(self) -> bool:
        """Whether the classes keep a stratigraphic order down each trace."""
        return self.predictor.is_ordered

    @property
    def variables(self) -> dict[str, Variable]:
        """The variables of the output by name."""
        names, floats = self.predictor.names, self.how.number_format
        flags = {"flag_values": list(range(len(names))), "flag_meanings": " ".join(_flag(name) for name in names)}
        kind = self.network.class_kind
        of_class = f"{kind} 0 to {len(names) - 1}, {NO_CLASS} none"
        attrs = self._described(LONG_NAMES["classes"], of_class, ABSENT_CLASS) | flags
        found = {"classes": Variable("uint8", ABSENT_CLASS, attrs, ABSENT_CLASS, kind)}
        long_names = {"probability": "probability of the class", "entropy": LONG_NAMES["entropy"]}
        if self.predictor.settings.augmentations:
            long_names["uncertainty"] = LONG_NAMES["uncertainty"]
        if self.how.all_probabilities:
            long_names |= {
                variable: f"probability of {name}" for name, variable in zip(names, self._of_classes, strict=True)
            }
        for name, long_name in long_names.items():
            attrs = self._described(long_name, f"{name} 0 to 1", ABSENT_NUMBER)
            found[name] = Variable(floats, math.nan, attrs, ABSENT_NUMBER)
        for variable, name in self._strengths.variables.items() if self._strengths else ():
            what = f"strength of {name}"
            attrs = self._described(f"{what} in {self.predictor.layer}", what, ABSENT_NUMBER) | {"units": "activation"}
            found[variable] = Variable("float32", math.nan, attrs, ABSENT_NUMBER)
        return found

    def _described(self, long_name: str, what: str, absent: float) -> dict[str, Any]:
        by = f"{PREDICTION_MARK} {version_of('seisdream')} {short_name(self.network.name)}"
        return {"long_name": long_name, "units": "1", "segy_line": f"{by}: {what}, {absent:g} absent"}

    @cached_property
    def _strengths(self) -> Strengths | None:
        """What computes the strengths of the concepts that are wanted."""
        settings, chosen = self.predictor.settings, self.how.strengths
        if chosen is None:
            return None
        return Strengths(self.network, chosen, self.scale, settings.device, settings.precision)

    @cached_property
    def _of_classes(self) -> list[str]:
        """Names of the variables with the probability of each class."""
        return ["probability_" + slug.replace("-", "_") for slug in file_names(self.predictor.names)]

    def _reduced(self, prediction: xr.Dataset) -> dict[str, NDArray]:
        """Return the arrays of the output, on the dimensions of the prediction's classes."""
        classes = prediction["classes"].values
        probabilities = prediction["probabilities"].transpose("class", *prediction["classes"].dims).values
        own = np.minimum(classes, len(probabilities) - 1)[None]
        chosen = np.take_along_axis(probabilities, own, 0)[0]
        # Where a network with several labels at once gives none, the largest.
        probability = np.where(classes < len(probabilities), chosen, probabilities.max(0))
        arrays = {"classes": classes, "probability": probability, "entropy": prediction["entropy"].values}
        if "uncertainty" in self.variables:
            arrays["uncertainty"] = prediction["uncertainty"].values
        if self.how.all_probabilities:
            arrays |= dict(zip(self._of_classes, probabilities, strict=True))
        return arrays

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the result."""
        colours = self.network.colours
        names = {"classes": list(self.predictor.names), "class_kind": self.network.class_kind}
        return names | ({"colours": list(colours)} if colours else {})

    def page(self, middle: Slice, title: str) -> ResultPage:
        """Return the page of the result, which shows the middle inline."""
        page = prediction_page(middle.section, middle.result, title)
        maps = {}
        for variable, name in self._strengths.variables.items() if self._strengths else ():
            strength = middle.result[variable]
            largest = float(np.nanmax(strength.values, initial=0.0)) or 1.0
            maps[f"Strength of {name}"] = encode_section(
                strength,
                quantity="strength",
                value_range=(0.0, largest),
                colormap="viridis",
                most_samples=_PAGE_SAMPLES,
            )
        return replace(page, after={**page.after, **maps})

    def draw(self, slices: Sequence[Slice], summary: dict[str, Any], title: str) -> Figure:
        """Return the picture: slices of the volume, the classes on them and how certain they are."""
        from seisdream.plotting.classes import draw_class_slices

        predictions = []
        for one in slices:
            prediction = one.result[["class", "classes", "entropy"]]
            if len(self.predictor.names) == 2:
                of_class = one.result["probability"]
                of_second = of_class.where(prediction["classes"] == 1, 1 - of_class)
                prediction = prediction.assign(probability=of_second)
            predictions.append(prediction)
        shares, sections = np.array(list(summary["shares"].values())), [one.section for one in slices]
        return draw_class_slices(sections, predictions, shares, self.scale.mapping, of="volume", title=title)

    def summarize(self, dataset: xr.Dataset, folder: Path, failures: list[str]) -> dict[str, Any]:
        """Return each class's share of the present samples, and write horizons where classes are ordered."""
        shares = summarize_prediction(self.volume, dataset, folder, failures, is_ordered=self.is_ordered)
        return {"shares": shares}


class SectionPrediction(_Prediction, SectionKernel):
    """The prediction of a network for sections, by whole inlines or crosslines.

    A section is computed exactly as `seisdream.predict` computes it alone with the volume's amplitude scale, so no
    seam is possible.
    """

    def __init__(
        self,
        volume: Volume,
        network: Network,
        settings: PredictionSettings,
        how: VolumeSettings,
        scale: AmplitudeScale,
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        # All sections are resampled alike, as the middle one needs.
        self.predictor = Predictor(network, settings).harmonised_with(self.lines.middle)
        n_bytes = sum(np.dtype(one.dtype).itemsize for one in self.variables.values())
        n_together = _SHARD_BYTES * self.shape[self.lines.axis] // (n_bytes * math.prod(self.shape))
        self.shard = self.lines.shard(how.block, max(1, n_together))

    def compute_sections(
        self, sections: Iterable[tuple[int, xr.DataArray]], around: Surroundings
    ) -> Iterator[tuple[int, dict[str, NDArray]]]:
        """Yield the position and the maps of each section."""
        for position, section in sections:
            arrays = self._reduced(self.predictor(section, self.scale.mapping, around))
            if self._strengths and has_signal(section):
                arrays |= self._strengths.of_section(section, around)
            yield position, arrays

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole prediction."""
        around = self.lines.surroundings()
        return self.predictor.provenance(self.lines.middle, self.scale.mapping, around, volume_shape=self.shape)

    def notes(self) -> list[str]:
        """Return what limits the prediction, a sentence each, on the middle section."""
        return self.predictor.notes_on(self.lines.middle, self.lines.surroundings())


class CubePrediction(CubeKernel, _Prediction):
    """The prediction of a network for cubes, in blocks with a halo of its receptive field."""

    def __init__(
        self,
        volume: Volume,
        network: Network,
        settings: PredictionSettings,
        how: VolumeSettings,
        scale: AmplitudeScale,
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        self.predictor = CubePredictor(network, settings)
        reach = [Reach(*one) for one in self.predictor.reach(has_mirrored=bool(settings.augmentations))]
        if self.predictor.is_ordered:
            reach[0] = Reach(is_whole=True)
        self._divide(_CUBE_SIDE, reach)

    def compute_block(self, cube: xr.DataArray, inside: Inside, task: Task) -> dict[str, NDArray]:
        """Return the arrays of a block."""
        moved = [(spans[2], spans[0], spans[1]) for spans in (task.input, task.output, [(0, n) for n in self.shape])]
        size = tuple(stop for _, stop in moved[2])
        prediction = self.predictor.block(cube, moved[0], moved[1], size, self.scale.mapping, self.scale.statistics)
        strengths = self._strengths.of_cube(cube, inside) if self._strengths else {}
        return self._reduced(prediction) | strengths

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole prediction."""
        inline = int(np.flatnonzero(np.asarray(self.volume.trace_mask).any(axis=1))[0])
        block: Block = ((inline, inline + 1), (0, self.shape[1]), (0, self.shape[2]))
        section = self._cube(self.volume.read(*slices(block)), block).isel(inline=0).assign_attrs(muted="present")
        record = self.predictor.provenance_of(section, self.scale.mapping, self.shape)
        return record | {"notes": self.notes()}

    def notes(self) -> list[str]:
        """Return what limits the prediction, a sentence each."""
        notes = list(self.network.notes)
        if not self.predictor.is_exact:
            notes.append(
                f"The receptive field of {self.network.name} is larger than the samples around each block, "
                "so blocks differ a little from the whole."
            )
        return notes


def _flag(name: str) -> str:
    """Return a class name as one word, as the CF conventions want it."""
    return "_".join(name.split())
