"""Predict the class of every sample of a cube, whole or in overlapping blocks."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.inference.class_maps import class_maps
from seisdream.inference.cube_blocks import LARGEST_HALO, CubeBlocks, Span
from seisdream.inference.cubes import as_volume, cube_input, line_of_volume, open_cube, size_of
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.inference.unit_grid import UnitGrid, interpolate_axis
from seisdream.io.segy import SegyVolume
from seisdream.models.network import Network
from seisdream.models.normalisation import Statistics
from seisdream.provenance import make_provenance
from seisdream.seismic.cubes import VOLUME_DIMS
from seisdream.seismic.sections import MID_GREY, GreyMapping


@dataclass(frozen=True)
class CubeAugmentation:
    """A change of a cube before the network sees it; a cube is never turned upside down.

    Attributes
    ----------
    is_mirrored : (bool, bool)
        Whether the order of inlines and of crosslines is reversed.
    gain : float
        Factor on amplitude (on the distance from mid-grey), before clipping.
    """

    is_mirrored: tuple[bool, bool] = (False, False)
    gain: float = 1.0

    def to_dict(self) -> dict:
        """Return the augmentation, ready for JSON."""
        return asdict(self)

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that are reversed, counted from the last."""
        return tuple(axis for axis, is_reversed in zip((-2, -1), self.is_mirrored, strict=True) if is_reversed)

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """Return the augmented copy of a cube ``(1, 1, time, inline, crossline)`` in grey levels, not clipped."""
        image = image.flip(self.axes) if self.axes else image
        return image if self.gain == 1.0 else (image - MID_GREY) * self.gain + MID_GREY


def sample_cube_augmentations(n_augmentations: int) -> list[CubeAugmentation]:
    """Return augmentations, always the same ones: mirrored in turn, with gains within 25 %."""
    mirrored = itertools.cycle([(False, True), (True, False), (True, True), (False, False)])
    gains = (np.exp(np.random.default_rng(number).uniform(-1.0, 1.0) * math.log(1.25)) for number in itertools.count())
    pairs = itertools.islice(zip(mirrored, gains, strict=False), n_augmentations)
    return [CubeAugmentation(is_mirrored, float(gain)) for is_mirrored, gain in pairs]


def predict_cube(data: Any, network: Network, settings: PredictionSettings) -> xr.Dataset:
    """Return the prediction of a cube with its provenance, as `seisdream.predict` does.

    Parameters
    ----------
    data : DataArray, SegyVolume or path
        A volume.
    network : Network
        A network for cubes.
    settings : PredictionSettings
        All settings.
    """
    predictor, volume = CubePredictor(network, settings), as_volume(data, network)
    prediction = predictor(volume)
    return prediction.assign_attrs(provenance=json.dumps(predictor.provenance(volume), ensure_ascii=False))


class CubePredictor(Predictor):
    """A network for cubes, prepared to predict; parameters are those of `Predictor`, attributes too."""

    def __init__(self, network: Network, settings: PredictionSettings | None = None, on_tile=lambda: None) -> None:
        super().__init__(network, settings, on_tile)
        self.augmentations = (CubeAugmentation(), *sample_cube_augmentations(self.settings.augmentations))
        self._blocks = CubeBlocks(network, self.layer, self.settings.tile)

    def _check(self, network: Network, settings: PredictionSettings) -> None:
        network.require_cubes()
        if settings.scale not in (None, (1.0, 1.0)):
            raise SeisdreamError(
                "`scale` does not work for cubes; resample the cube first, or leave it out.",
                code="not-supported",
                option="scale",
            )

    def harmonised_with(self, section: xr.DataArray) -> CubePredictor:
        """Return this predictor; cubes are not resampled."""
        return self

    def __call__(self, volume: Any) -> xr.Dataset:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the prediction of a cube, ``(inline, crossline, time)``, without its provenance.

        Parameters
        ----------
        volume : DataArray or SegyVolume
            A cube with the dimensions ``time``, ``inline`` and ``crossline``, or a volume that fits in memory.
        """
        cube, is_present, mapping = open_cube(volume, self.settings.percentile)
        size = cube.shape
        prepared, grey = cube_input(self._prepared, cube, is_present, mapping)
        total = np.zeros((len(self.names), *size), np.float32)
        entropies = np.zeros(size, np.float32)
        for augmentation in self.augmentations:
            image = self.network.preprocessing.clip(augmentation.apply(grey))
            # The copies are summed in their own order of traces.
            sums = [np.flip(one, augmentation.axes) if augmentation.axes else one for one in (total, entropies)]
            for core, window in self._blocks.of(size):
                block = image[(..., *(slice(*span) for span in window))]
                inside = [(own[0] - first, own[1] - first) for own, (first, _) in zip(core, window, strict=True)]
                with torch.no_grad():
                    units, part = prepared.record_part(block, self.layer, inside)
                    logits = self._at_samples(units[0].float(), inside, part)
                probabilities, entropy = self._probabilities(logits)
                where = tuple(slice(*span) for span in core)
                sums[0][(slice(None), *where)] += probabilities.cpu().numpy()
                sums[1][where] += entropy.cpu().numpy()
                self._on_tile()
        maps = class_maps(total, entropies, ~is_present, len(self.augmentations), is_multi_label=self._is_multi_label)
        prediction = self._dataset(cube, maps, mapping, self._blocks.side(size), is_ordered=self._is_ordered(cube))
        return prediction.transpose("class", "horizon", *VOLUME_DIMS, missing_dims="ignore")

    def block(
        self,
        window: xr.DataArray,
        window_spans: Sequence[Span],
        core: Sequence[Span],
        size: Sequence[int],
        mapping: GreyMapping,
        statistics: Statistics,
    ) -> xr.Dataset:
        """Return the prediction of a block of a larger cube, equal to that part of the whole cube's.

        Parameters
        ----------
        window : DataArray
            The block with its surroundings as wide as `reach`, ``(time, inline, crossline)``, NaN where absent.
        window_spans, core : sequence of (int, int)
            Where the window and the block lie in the whole cube, as half-open ranges along each axis.
        size : sequence of int
            Of the whole cube.
        mapping : GreyMapping
            Of the whole cube.
        statistics : Statistics
            Of the whole cube, in its own units.
        """
        present = np.isfinite(window.values)
        prepared, image = cube_input(
            self._prepared, window, present, mapping, statistics=statistics, device=self.settings.device
        )
        inside = tuple(
            slice(own[0] - first, own[1] - first) for own, (first, _) in zip(core, window_spans, strict=True)
        )
        absent = ~present[inside]
        total = np.zeros((len(self.names), *absent.shape), np.float32)
        entropies = np.zeros(absent.shape, np.float32)
        for augmentation in self.augmentations:
            copy = self.network.preprocessing.clip(augmentation.apply(image))
            spans = [_mirrored(one, size, augmentation) for one in (window_spans, core)]
            around = self._blocks.around(spans[1], size)
            part = copy[(..., *(slice(one[0] - w[0], one[1] - w[0]) for one, w in zip(around, spans[0], strict=True)))]
            own = [(one[0] - first, one[1] - first) for one, (first, _) in zip(spans[1], around, strict=True)]
            with torch.no_grad():
                units, computed = prepared.record_part(part, self.layer, own)
                logits = self._at_samples(units[0].float(), own, computed)
            probabilities, entropy = self._probabilities(logits)
            sums = [np.flip(one, augmentation.axes) if augmentation.axes else one for one in (total, entropies)]
            sums[0][...] += probabilities.cpu().numpy()
            sums[1][...] += entropy.cpu().numpy()
            self._on_tile()
        maps = class_maps(total, entropies, absent, len(self.augmentations), is_multi_label=self._is_multi_label)
        cube = window[inside]
        return self._dataset(cube, maps, mapping, 0, is_ordered=self._is_ordered(cube))

    def reach(self, *, has_mirrored: bool) -> list[tuple[int, int]]:
        """Return the surroundings that a block needs along time, inlines and crosslines, and its alignment.

        Parameters
        ----------
        has_mirrored : bool
            Whether mirrored copies are computed, whose strides are counted from the other end.
        """
        halo = self._blocks.halo
        more = [0, *(step if has_mirrored and step > 1 else 0 for step in halo.alignment[1:])]
        return [(reach + one, step) for reach, one, step in zip(halo.halo, more, halo.alignment, strict=True)]

    @property
    def is_exact(self) -> bool:
        """Whether the surroundings of a block hold the whole receptive field."""
        return self._blocks.is_exact

    def n_tiles(self, size: tuple[int, ...]) -> int:
        """Return how many times `on_tile` is called for a cube of a size ``(time, inline, crossline)``."""
        return len(self.augmentations) * len(list(self._blocks.of(size)))

    def notes_on(self, volume: Any, around: object = None) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return what limits the prediction of a cube, a sentence each."""
        size = size_of(volume)
        notes = [
            self.network.note_on_size(size, (self.layer,)),
            self.network.out_of_domain_reason(line_of_volume(volume)),
            *self.network.notes,
        ]
        if self._blocks.side(size) and not self._blocks.is_exact:
            notes.append(
                f"The receptive field of {self.network.name} is larger than the {LARGEST_HALO} samples around each "
                "block of the cube, so blocks differ a little from the whole. `tile=0` computes the whole at once."
            )
        return [note for note in notes if note]

    def provenance(self, volume: Any) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the provenance of a cube's prediction."""
        mapping = open_cube(volume, self.settings.percentile)[2]
        shape = volume.shape if isinstance(volume, SegyVolume) else None
        record = self.provenance_of(line_of_volume(volume), mapping, shape, self._blocks.side(size_of(volume)))
        return record | {"notes": self.notes_on(volume)}

    def provenance_of(
        self, section: xr.DataArray, mapping: GreyMapping, volume_shape: tuple[int, ...] | None, tile: int = 0
    ) -> dict[str, Any]:
        """Return the provenance of the prediction of a volume that a section is from, or of a cube itself."""
        order = "down" if self._is_ordered(section) else "any"
        return make_provenance(
            kind="prediction",
            settings=self.settings.replace(tile=tile, stratigraphic_order=order),
            section=section,
            network=self.network,
            grey_mapping=mapping,
            result={
                "layer": self.layer,
                "classes": list(self.names),
                "augmentations": [augmentation.to_dict() for augmentation in self.augmentations[1:]],
            },
            volume_shape=volume_shape,
        )

    def _at_samples(self, units: torch.Tensor, core: Sequence[Span], part: Sequence[Span]) -> torch.Tensor:
        """Return logits at the samples of a block's core, from those of the units of a part of its window."""
        size = tuple(stop - first for first, stop in part)
        grid = UnitGrid.of(self.network.layer(self.layer), tuple(units.shape[1:]), size, is_per_sample=True)
        for axis, (own, around) in enumerate(zip(core, part, strict=True)):
            samples = np.arange(own[0] - around[0], own[1] - around[0])
            units = interpolate_axis(units, axis + 1, grid.positions(axis, samples))
        return units


def _mirrored(spans: Sequence[Span], size: Sequence[int], augmentation: CubeAugmentation) -> list[Span]:
    """Return half-open ranges of a cube as they lie in its augmented copy."""
    axes = {axis % 3 for axis in augmentation.axes}
    return [
        (n - stop, n - first) if axis in axes else (first, stop)
        for axis, ((first, stop), n) in enumerate(zip(spans, size, strict=True))
    ]
