"""What a task of a prediction computes: the class of every sample of a shard, its probability and the entropy.

Probabilities of all classes exist for one section, or for one block of a cube, at a time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.inference.class_maps import ABSENT_CLASS, LONG_NAMES
from seisdream.inference.predict_cube import CubePredictor
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.models.network import Network
from seisdream.results.writer import file_names
from seisdream.volumes.lines import Lines, attributes_of
from seisdream.volumes.plan import Block, Reach, Shape, Task, align_shard, slices
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.volume import Volume

_CUBE_SIDE = 128


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


class _Prediction:
    """What both kinds share: the variables of the output, and their values where there is no sample.

    Attributes
    ----------
    reach : tuple of Reach
        What a task needs around its shard.
    shard : (int, int, int)
        Of the output.
    variables : dict of str to (dtype, fill value, attributes)
        Of the output.
    measured : mapping
        What `measure` returned when the job began: nothing.
    """

    predictor: Any
    reach: tuple[Reach, Reach, Reach]
    shard: Shape
    measured: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, volume: Volume, how: VolumeSettings, scale: AmplitudeScale) -> None:
        self.volume, self.how, self.scale = volume, how, scale
        self.shape: Shape = tuple(volume.shape)  # pyright: ignore[reportAttributeAccessIssue]

    def measure(self) -> dict[str, Any]:
        """Return what is measured on the volume once, before the first task: nothing."""
        return {}

    @property
    def is_ordered(self) -> bool:
        """Whether the classes keep a stratigraphic order down each trace."""
        return self.predictor.is_ordered

    @property
    def variables(self) -> dict[str, tuple[str, float, dict[str, Any]]]:
        """The variables of the output: number format, value of absent samples, attributes."""
        names, floats = self.predictor.names, self.how.number_format
        flags = {"flag_values": list(range(len(names))), "flag_meanings": " ".join(_flag(name) for name in names)}
        found: dict[str, tuple[str, float, dict[str, Any]]] = {
            "classes": ("uint8", ABSENT_CLASS, {"long_name": LONG_NAMES["classes"], "units": "1", **flags}),
            "probability": (floats, math.nan, {"long_name": "probability of the class", "units": "1"}),
            "entropy": (floats, math.nan, {"long_name": LONG_NAMES["entropy"], "units": "1"}),
        }
        if self.predictor.settings.augmentations:
            found["uncertainty"] = (floats, math.nan, {"long_name": LONG_NAMES["uncertainty"], "units": "1"})
        if self.how.all_probabilities:
            for name, variable in zip(names, self._of_classes, strict=True):
                found[variable] = (floats, math.nan, {"long_name": f"probability of {name}", "units": "1"})
        return found

    @cached_property
    def _of_classes(self) -> list[str]:
        """Names of the variables with the probability of each class."""
        return ["probability_" + slug.replace("-", "_") for slug in file_names(self.predictor.names)]

    def _empty(self, output: Block) -> dict[str, NDArray]:
        shape = [stop - first for first, stop in output]
        return {name: np.full(shape, fill, dtype) for name, (dtype, fill, _) in self.variables.items()}

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

    def _numbers(self, axis: int) -> NDArray:
        return np.asarray(self.volume.coords[self.volume.dims[axis]])

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the result."""
        colours = self.predictor.network.colours
        return {"classes": list(self.predictor.names), **({"colours": list(colours)} if colours else {})}


class SectionPrediction(_Prediction):
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
        super().__init__(volume, how, scale)
        self.lines = Lines(volume, how.direction, scale)
        # All sections are resampled alike, as the middle one needs.
        self.predictor = Predictor(network, settings).harmonised_with(self.lines.middle)
        self.reach = self.lines.reach(network.preprocessing.lines // 2)
        self.shard = self.lines.shard(how.block)

    def compute(self, values: NDArray[np.float32], task: Task) -> dict[str, NDArray]:
        """Return the arrays of a task's shard.

        Parameters
        ----------
        values : array
            The input block ``(inline, crossline, time)``, NaN where absent.
        task : Task
            The task.
        """
        lines = self.lines
        arrays, first = self._empty(task.output), task.output[lines.axis][0]
        around = lines.surroundings(values, task.input)
        for position in range(*task.output[lines.axis]):
            if not lines.has_traces[position]:
                continue
            section = lines.section(values, task.input, position)
            prediction = self.predictor(section, self.scale.mapping, around)
            for name, one in self._reduced(prediction).items():
                # A section is (time, trace), and a volume has its samples last.
                arrays[name][lines.at(position - first)] = one.T
        return arrays

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole prediction."""
        around = self.lines.surroundings()
        return self.predictor.provenance(self.lines.middle, self.scale.mapping, around, volume_shape=self.shape)

    def notes(self) -> list[str]:
        """Return what limits the prediction, a sentence each, on the middle section."""
        return self.predictor.notes_on(self.lines.middle, self.lines.surroundings())


class CubePrediction(_Prediction):
    """The prediction of a network for cubes, in blocks with a halo of its receptive field."""

    def __init__(
        self,
        volume: Volume,
        network: Network,
        settings: PredictionSettings,
        how: VolumeSettings,
        scale: AmplitudeScale,
    ) -> None:
        super().__init__(volume, how, scale)
        if how.direction != "inline":
            raise SeisdreamError(
                f"{network.name} is a network for cubes, which has no direction of sections; leave `direction` out.",
                code="incompatible",
                option="direction",
            )
        self.predictor = CubePredictor(network, settings)
        # Volumes have time last, and cubes for networks first.
        down, *lateral = self.predictor.reach(has_mirrored=bool(settings.augmentations))
        reach = [Reach(halo, alignment) for halo, alignment in (*lateral, down)]
        if self.predictor.is_ordered:
            reach[2] = Reach(is_whole=True)
        self.reach = (reach[0], reach[1], reach[2])
        shard = list(how.block or (_CUBE_SIDE,) * 3)
        if self.predictor.is_ordered:
            shard[2] = self.shape[2]
        self.shard = align_shard(shard, self.shape, self.reach)

    def compute(self, values: NDArray[np.float32], task: Task) -> dict[str, NDArray]:
        """Return the arrays of a task's shard; see `SectionPrediction.compute`."""
        arrays = self._empty(task.output)
        core = tuple(
            slice(own[0] - read[0], own[1] - read[0]) for own, read in zip(task.output, task.input, strict=True)
        )
        if not np.isfinite(values[core]).any():
            return arrays
        cube = self._cube(values, task.input)
        moved = [(spans[2], spans[0], spans[1]) for spans in (task.input, task.output, [(0, n) for n in self.shape])]
        size = tuple(stop for _, stop in moved[2])
        prediction = self.predictor.block(cube, moved[0], moved[1], size, self.scale.mapping, self.scale.statistics)
        for name, one in self._reduced(prediction).items():
            arrays[name][...] = one.transpose(1, 2, 0)
        return arrays

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole prediction."""
        inline = int(np.flatnonzero(np.asarray(self.volume.trace_mask).any(axis=1))[0])
        block: Block = ((inline, inline + 1), (0, self.shape[1]), (0, self.shape[2]))
        cube = self._cube(self.volume.read(*slices(block)), block)
        record = self.predictor.provenance_of(cube.isel(inline=0), self.scale.mapping, self.shape)
        return record | {"notes": self.notes()}

    def notes(self) -> list[str]:
        """Return what limits the prediction, a sentence each."""
        notes = list(self.predictor.network.notes)
        if not self.predictor.is_exact:
            notes.append(
                f"The receptive field of {self.predictor.network.name} is larger than the samples around each block, "
                "so blocks differ a little from the whole."
            )
        return notes

    def _cube(self, values: NDArray[np.float32], block: Block) -> xr.DataArray:
        numbers = [self._numbers(axis)[slice(*block[axis])] for axis in (2, 0, 1)]
        dims = ("time", "inline", "crossline")
        attrs = {**attributes_of(self.volume), "muted": "present"}
        return xr.DataArray(values.transpose(2, 0, 1), dict(zip(dims, numbers, strict=True)), dims, attrs=attrs)


def _flag(name: str) -> str:
    """Return a class name as one word, as the CF conventions want it."""
    return "_".join(name.split())
