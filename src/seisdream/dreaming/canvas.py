"""The sections of a dream as they are now: their samples, what is absent, and where they lie in the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from seisdream.dreaming.parameterizations.base import AmplitudeScale
from seisdream.dreaming.schedule import zoom_in, zoom_in_positions
from seisdream.dreaming.settings import DreamSettings
from seisdream.inference.tensors import as_array, as_rgb
from seisdream.results.dream_result import TITLE
from seisdream.seismic.cubes import DIMS as CUBE_DIMS
from seisdream.seismic.cubes import traces_of
from seisdream.seismic.metrics import repeatability
from seisdream.seismic.sections import (
    COLOUR_DIM,
    MID_GREY,
    GreyMapping,
    fill_absent,
    is_colour,
    make_section,
    missing_samples,
)


class Canvas:
    """Sections that a dream changes level by level, and enlarges about their middle where it zooms.

    Parameters
    ----------
    sections : sequence of DataArray
        The input: a section for each dream of the batch, or one cube.
    settings : DreamSettings
        Resolved.
    mask : array, optional
        Shaped as the space: 0 where nothing may change to 1 where everything may.
    mapping : GreyMapping, optional
        The amplitudes that become black and white; by default those of each section.
    present : array, optional
        Shaped as a cube: 0 where it has no sample.
    is_fixed : bool, default True
        Whether the network's normalisation is fixed, so that its input is clipped at black and white.
    extremes : (float, float), optional
        The smallest and the largest amplitude; by default those of the sections.

    Attributes
    ----------
    samples : Tensor
        ``(batch, channel, *space)`` after the last whole level, in the units of `scale`, finite.
    scale : AmplitudeScale
        From these units to grey levels.
    mappings : tuple of GreyMapping
        From the units of the input to grey levels, one for each section.
    """

    def __init__(
        self,
        sections: Sequence[xr.DataArray],
        settings: DreamSettings,
        *,
        mask: np.ndarray | None = None,
        mapping: GreyMapping | None = None,
        present: np.ndarray | None = None,
        is_fixed: bool = True,
        extremes: tuple[float, float] | None = None,
    ):
        self._sections, self._settings, self._mask = tuple(sections), settings, mask
        first = self._sections[0]
        self._is_cube = first.dims == CUBE_DIMS
        # The same section may be repeated, and is filled once.
        self._inputs = {id(one): one.values if self._is_cube else fill_absent(one)[0] for one in self._sections}
        space = first.shape[: 3 if self._is_cube else 2]
        self._absent = np.zeros(space, bool) if self._is_cube else fill_absent(first)[1]
        if present is not None:
            self._absent = present == 0
        self._missing = np.zeros(space, bool) if self._is_cube else missing_samples(first)
        self._positions = [np.arange(size, dtype=np.float64) for size in space]
        self._zoomed_inputs: list[np.ndarray] | None = None
        mappings = [mapping or grey_mapping(one, settings.percentile) for one in self._sections]
        self.mappings = tuple(mappings)
        values = [self._inputs[id(one)] for one in self._sections]
        ranges = [extremes or (float(one.min()), float(one.max())) for one in values]
        limits = _limits(settings, mappings, ranges, is_fixed=is_fixed)
        if settings.colour and not is_colour(first):
            grey = [one.to_grey(array) for one, array in zip(mappings, values, strict=True)]
            values = [as_rgb(one.clip(*limits) if limits else one) for one in grey]
            mappings = [GreyMapping(0.0, 255.0)] * len(values)
        self.scale = AmplitudeScale(mappings, limits=limits)
        self.samples = self._to_samples(values)

    @property
    def weight(self) -> np.ndarray | None:
        """Where change is allowed, 0 to 1 and shaped as the space; None where it is allowed everywhere."""
        if self._mask is None and not self._absent.any():
            return None
        weight = np.ones(self._absent.shape, np.float32) if self._mask is None else self._mask
        return np.where(self._absent, np.float32(0), weight)

    @property
    def mapping(self) -> GreyMapping:
        """From the units of the input to grey levels; of a batch, that of the first section."""
        return self.mappings[0]

    @property
    def absent(self) -> np.ndarray:
        """Booleans ``space``: the samples that are missing or muted."""
        return self._absent

    @property
    def image(self) -> torch.Tensor:
        """The network's input, ``(batch, channel, *space)`` in grey levels."""
        return self.scale.to_exact_image(self.samples)

    def zoom_in(self, zoom: float) -> None:
        """Enlarge the middle of the sections, and everything that belongs to their samples, by a share."""
        values = [zoom_in(as_array(one), zoom) for one in self.samples.split(1)]
        self._absent, self._missing = (
            zoom_in(where.astype(np.float32), zoom) > 0.5 for where in (self._absent, self._missing)
        )
        inputs = self._zoomed_inputs or [self._inputs[id(one)] for one in self._sections]
        self._zoomed_inputs = [zoom_in(one, zoom) for one in inputs]
        self._positions = [zoom_in_positions(positions, zoom) for positions in self._positions]
        if self._mask is not None:
            self._mask = zoom_in(self._mask, zoom)
        self.samples = self._to_samples(values)

    def dreamed(self, number: int) -> xr.DataArray:
        """Return one section (or the cube) as it is now, with the input's coordinates and the settings in ``attrs``."""
        original = self._sections[number]
        # The samples of a dream are no longer those of the file that was opened.
        attrs: dict[str, Any] = {str(name): value for name, value in original.attrs.items() if name != "opened"}
        attrs |= {"title": TITLE, "settings": self._settings.to_json()}
        if self._is_cube:
            values = self.samples[number, 0].cpu().numpy().astype(np.float32)
            return xr.DataArray(values, original.coords, CUBE_DIMS, attrs=attrs)
        values = as_array(self.samples[number : number + 1])
        mapping = self.scale.mappings[number]
        dims = [str(dim) for dim in original.dims]
        if values.ndim > original.ndim:
            dims.append(COLOUR_DIM)
            attrs.update(units="grey level", value_range=(0.0, 255.0))
        section = make_section(values, dims=dims, coords=self._coordinates(original), **attrs)
        # Muted samples are zero in the input and stay so; where the dream is in colour that is mid-grey.
        section.values[self._absent] = np.float32((mapping.low + mapping.high) / 2)
        section.values[self._missing] = np.nan
        return section

    def before(self, number: int) -> xr.DataArray:
        """Return the input as it lies under one section: enlarged alike where the dream zoomed."""
        original = self._sections[number]
        if self._zoomed_inputs is None:
            return original
        return make_section(
            self._zoomed_inputs[number],
            dims=[*map(str, original.dims)],
            coords=self._coordinates(original),
            **original.attrs,
        )

    def compare_with_input(self, number: int, samples: torch.Tensor) -> dict[str, float]:
        """Return how well one of a batch of samples ``(batch, channel, *space)`` agrees with its input.

        Returns
        -------
        dict
            As `seisdream.seismic.metrics.repeatability`, over the samples that are present.
        """
        values = samples[number].cpu().numpy()
        values = values[0] if len(values) == 1 else np.moveaxis(values, 0, -1)
        original = self._inputs[id(self._sections[number])]
        return repeatability(values[~self._absent], original[~self._absent])

    def _coordinates(self, original: xr.DataArray) -> dict[str, Any]:
        """Return the input's coordinates; after zooming, those of the positions that are left, of the two axes only."""
        if self._zoomed_inputs is None:
            return {str(name): coord for name, coord in original.coords.items()}
        coords = {}
        for dim, positions in zip(original.dims, self._positions, strict=False):
            numbers = original[dim]
            coords[str(dim)] = (dim, np.interp(positions, np.arange(len(positions)), numbers.values), numbers.attrs)
        return coords

    def _to_samples(self, values: Sequence[np.ndarray]) -> torch.Tensor:
        return torch.cat([_to_tensor(one, is_cube=self._is_cube) for one in values]).to(self._settings.device)


def grey_mapping(data: xr.DataArray, percentile: float) -> GreyMapping:
    """Return the grey mapping of a section, or of all traces of a cube."""
    return GreyMapping.of(traces_of(data) if data.dims == CUBE_DIMS else data, percentile)


def _limits(
    settings: DreamSettings, mappings: Sequence[GreyMapping], ranges: Sequence[tuple[float, float]], *, is_fixed: bool
) -> tuple[float, float] | None:
    """Return the grey levels that a dream stays within: black and white, or the largest amplitude of its input."""
    if not settings.clip:
        return None
    if is_fixed:
        return 0.0, 255.0
    reach = max(
        float(np.abs(mapping.to_grey(np.asarray(one, np.float32)) - MID_GREY).max())
        for mapping, one in zip(mappings, ranges, strict=True)
    )
    reach = max(reach, MID_GREY)
    return MID_GREY - reach, MID_GREY + reach


def image_of(section: xr.DataArray, settings: DreamSettings, *, is_fixed: bool = True) -> torch.Tensor:
    """Return a section as a network's input, ``(1, channel, *space)`` in grey levels of its own mapping."""
    values, _ = fill_absent(section)
    mappings = [grey_mapping(section, settings.percentile)]
    ranges = [(float(values.min()), float(values.max()))]
    scale = AmplitudeScale(mappings, limits=_limits(settings, mappings, ranges, is_fixed=is_fixed))
    return scale.to_exact_image(_to_tensor(values, is_cube=False)).to(settings.device)


def _to_tensor(values: np.ndarray, *, is_cube: bool) -> torch.Tensor:
    """Return samples as ``(1, channel, *space)``."""
    if is_cube:
        return torch.from_numpy(values.copy())[None, None]
    return torch.from_numpy(np.ascontiguousarray(np.atleast_3d(values))).permute(2, 0, 1)[None].contiguous()
