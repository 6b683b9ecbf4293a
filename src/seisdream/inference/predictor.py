"""A network prepared to predict one section after another.

Probabilities are means over the section and augmented copies of it. They are summed tile by tile, for some traces at a
time, so that no more than one array of probabilities is in memory, and a command that writes them holds only a part.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from copy import copy as shallow_copy
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.inference.class_maps import (
    ABSENT_CLASS,
    BACKGROUND_COLOUR,
    LONG_NAMES,
    NO_CLASS,
    class_maps,
    classes_of,
)
from seisdream.inference.harmonise import Harmonisation, harmonise, network_values
from seisdream.inference.horizons import extract_horizons, viterbi_monotone
from seisdream.inference.network_input import network_input, notes_on_input
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.surroundings import Surroundings
from seisdream.inference.tiling import Size, Tiling, plan_tiles, resolve_tile
from seisdream.inference.tta import AugmentedLogits, InputAugmentation, Span, sample_augmentations
from seisdream.models.cpu_fusion import release_memory
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device, resolve_precision
from seisdream.provenance import make_provenance
from seisdream.seismic.sections import (
    VERTICAL_DIMS,
    GreyMapping,
    absent_samples,
    check_section,
    describe_absent,
    is_colour,
)
from seisdream.seismic.spectrum import mean_frequency

# Probabilities of one strip of traces.
_STRIP_BYTES = 2**27

Block = tuple[Span, Span]
"""Rows and columns."""


class Predictor:
    """A network prepared to predict one section after another.

    Parameters
    ----------
    network : Network
        A network with a layer of class logits that have positions.
    settings : PredictionSettings, optional
        All settings.
    on_tile : callable, optional
        Called without arguments after each tile of each augmented copy.

    Attributes
    ----------
    settings : PredictionSettings
        With device, precision and scale resolved. A scale that was not given is 1 until `harmonised_with` finds one.
    names : tuple of str
        Of the classes.
    augmentations : tuple of InputAugmentation
        The copies that are computed; the first is the section itself.

    Raises
    ------
    SeisdreamError
        If the network has no classes, or its classes have no positions (``not-supported``).
    """

    def __init__(
        self,
        network: Network,
        settings: PredictionSettings | None = None,
        on_tile: Callable[[], None] = lambda: None,
    ) -> None:
        settings = settings or PredictionSettings()
        self._check(network, settings)
        self.layer, self.names = classes_of(network)
        self._is_multi_label = network.class_activation == "sigmoid" and network.layer(self.layer).n_channels > 1
        device = resolve_device(settings.device, network)
        self.settings = settings.replace(device=device, precision=resolve_precision(settings.precision, device))
        self.network = network
        self._on_tile = on_tile
        self._prepared = PreparedNetwork(network, device, self.settings.precision)
        self._sha256 = network.sha256
        self._is_scale_open = settings.scale is None and not settings.as_is
        self._resample(Harmonisation(settings.scale or (1.0, 1.0)))

    def _resample(self, harmonisation: Harmonisation) -> None:
        scale = harmonisation.scale
        self.settings = self.settings.replace(scale=scale)
        self.augmentations = (
            InputAugmentation(stretch=scale),
            *sample_augmentations(self.settings.augmentations, scale),
        )
        self._note_on_resampling = harmonisation.note
        self._tilings: dict[Size, Tiling] = {}

    def harmonised_with(self, section: xr.DataArray) -> Predictor:
        """Return this predictor with the scale that a section needs, where the settings leave the scale open.

        Parameters
        ----------
        section : DataArray
            The section, or the middle line of a volume, all lines of which are resampled alike.
        """
        if not self._is_scale_open:
            return self
        other = shallow_copy(self)
        other._resample(harmonise(section, self.network, self.settings.percentile))
        return other

    def _check(self, network: Network, settings: PredictionSettings) -> None:
        """Raise `SeisdreamError` where network or settings do not fit this kind of input."""
        network.require_sections()

    def __call__(
        self, section: xr.DataArray, mapping: GreyMapping | None = None, around: Surroundings | None = None
    ) -> xr.Dataset:
        """Return the prediction of a section as `predict` does, without its provenance.

        Parameters
        ----------
        section : DataArray
            ``(time, trace)`` or an image.
        mapping : GreyMapping, optional
            Of the volume that the section is from; by default the section's own.
        around : Surroundings, optional
            That volume, where the network needs its statistics or several of its lines; by default found in the file
            that the section was opened from.
        """
        mapping, n_columns = self._mapping_of(section, mapping), section.shape[1]
        whole: dict[str, NDArray] = {}
        for columns, maps in self._maps_by_strip(section, mapping, around):
            for name, values in maps.items():
                if values.shape[-1] == n_columns:
                    whole[name] = values
                    continue
                if name not in whole:
                    whole[name] = np.empty((*values.shape[:-1], n_columns), values.dtype)
                whole[name][..., columns] = values
        return self._dataset(section, whole, mapping, self._tile(section), is_ordered=self._is_ordered(section))

    def strips(self, section: xr.DataArray) -> Iterator[xr.Dataset]:
        """Yield the prediction of a section in strips of its traces, from the first to the last."""
        mapping, is_ordered, tile = self._mapping_of(section), self._is_ordered(section), self._tile(section)
        for columns, maps in self._maps_by_strip(section, mapping):
            strip = section.isel({section.dims[1]: columns})
            yield self._dataset(strip, maps, mapping, tile, is_ordered=is_ordered)
            del maps

    def _mapping_of(self, section: xr.DataArray, mapping: GreyMapping | None = None) -> GreyMapping:
        if mapping is not None:
            return mapping
        check_section(section)
        return GreyMapping.of(section, self.settings.percentile)

    def _tile(self, section: xr.DataArray) -> int:
        return self.tiling((section.shape[0], section.shape[1])).tile

    def _maps_by_strip(
        self, section: xr.DataArray, mapping: GreyMapping, around: Surroundings | None = None
    ) -> Iterator[tuple[slice, dict[str, NDArray]]]:
        """Yield columns of a section, and the maps of these."""
        size = (section.shape[0], section.shape[1])
        self._is_ordered(section)
        tiling, absent = self.tiling(size), absent_samples(section)
        prepared, grey = network_input(self._prepared, section, mapping, around)
        copies = [AugmentedLogits(prepared, self.layer, grey, one, tiling.halo) for one in self.augmentations]
        for first, stop, blocks in self._strips(size, tiling):
            total = np.zeros((len(self.names), size[0], stop - first), np.float32)
            entropies = np.zeros(total.shape[1:], np.float32)
            for copy in copies:
                for rows, columns in blocks:
                    probabilities, entropy = self._probabilities(copy.at(rows, columns))
                    block = (slice(*rows), slice(columns[0] - first, columns[1] - first))
                    total[:, *block] += probabilities.cpu().numpy()
                    entropies[block] += entropy.cpu().numpy()
                    self._on_tile()
                    if tiling.tile:
                        # Tiles differ in size, and what one leaves free does not fit the next.
                        release_memory()
            strip, is_multi_label = slice(first, stop), self._is_multi_label
            yield strip, class_maps(total, entropies, absent[:, strip], len(copies), is_multi_label=is_multi_label)
            del total, entropies

    def _strips(self, size: Size, tiling: Tiling) -> Iterator[tuple[int, int, list[Block]]]:
        """Yield first and last column of strips whose probabilities take little memory, and the blocks of each."""
        blocks = list(_blocks(size, tiling))
        edges = sorted({columns for _, columns in blocks})
        n_columns = edges[0][1] - edges[0][0]
        n_blocks = max(1, _STRIP_BYTES // (4 * len(self.names) * size[0] * n_columns))
        for position in range(0, len(edges), n_blocks):
            first, stop = edges[position][0], edges[min(position + n_blocks, len(edges)) - 1][1]
            yield first, stop, [(rows, columns) for rows, columns in blocks if first <= columns[0] < stop]

    def _probabilities(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return probabilities ``(class, row, column)``, and their entropy ``(row, column)`` in nats."""
        if len(logits) == 1:
            logits = torch.cat([-logits, logits])  # sigmoids of which are those of background and class
        logarithms = self.network.class_log_probabilities(logits, 0)
        probabilities = logarithms.exp()
        entropy = -(probabilities * logarithms).sum(0)
        if self._is_multi_label:
            others = self.network.class_log_probabilities(-logits, 0)
            entropy = entropy - (others.exp() * others).sum(0)
        return probabilities, entropy

    def tiling(self, size: Size) -> Tiling:
        """Return how sections of a size are computed; raise `SeisdreamError` if `tile` is given and tiles differ."""
        if size not in self._tilings:
            self._tilings[size] = tiling = resolve_tile(
                self.network,
                (self.layer,),
                size,
                self.settings.tile,
                sizes=[augmentation.size(size) for augmentation in self.augmentations],
                device=self.settings.device,
            )
            if tiling.note:
                warnings.warn(tiling.note, stacklevel=2)
        return self._tilings[size]

    def n_tiles(self, size: Size) -> int:
        """Return how many times `on_tile` is called for a section of a size."""
        return len(self.augmentations) * len(list(_blocks(size, self.tiling(size))))

    def notes_on(self, section: xr.DataArray, around: Surroundings | None = None) -> list[str]:
        """Return what limits the prediction of a section, a sentence each; most often nothing.

        Parameters
        ----------
        section : DataArray
            ``(time, trace)`` or an image.
        around : Surroundings, optional
            The volume that the section is from.

        Raises
        ------
        SeisdreamError
            If a stratigraphic order is requested that the section cannot have (``incompatible``).
        """
        self._is_ordered(section)
        notes = [
            describe_absent(section),
            self.network.note_on_size(section.shape[:2], (self.layer,)),
            self.network.out_of_domain_reason(section),
            self._note_on_resampling or self._note_on_sampling(section),
            *notes_on_input(self.network, section, around),
        ]
        field, size = self.network.layer(self.layer).receptive_field, section.shape[:2]
        if section.dims[:2] == ("inline", "crossline"):
            notes.append(
                f"This is a time slice: unless {self.network.name} was trained on time slices, its classes are not "
                "meaningful here."
            )
        if field is not None and (size[0] < field[0] or size[1] < field[1]):
            notes.append(
                f"The section has {size[0]} × {size[1]} samples, less than the receptive field of {self.network.name} "
                f"({field[0]} × {field[1]}), so the network sees less context than in training. Use more of the line."
            )
        return [note for note in notes if note]

    def provenance(
        self,
        section: xr.DataArray,
        mapping: GreyMapping | None = None,
        around: Surroundings | None = None,
        *,
        volume_shape: tuple[int, ...] | None = None,
    ) -> dict[str, Any]:
        """Return the provenance of a section's prediction, or of a volume's.

        Parameters
        ----------
        section : DataArray
            The section, or any inline of the volume.
        mapping : GreyMapping, optional
            Of the volume; by default the section's own.
        around : Surroundings, optional
            The volume that the section is from.
        volume_shape : tuple of int, optional
            Shape of the volume.
        """
        tile = self.tiling((section.shape[0], section.shape[1])).tile
        order = "down" if self._is_ordered(section) else "any"
        return make_provenance(
            kind="prediction",
            settings=self.settings.replace(tile=tile, stratigraphic_order=order),
            section=section,
            network=self.network,
            grey_mapping=mapping or GreyMapping.of(section, self.settings.percentile),
            result={
                "layer": self.layer,
                "classes": list(self.names),
                "augmentations": [augmentation.to_dict() for augmentation in self.augmentations[1:]],
            },
            notes=self.notes_on(section, around),
            volume_shape=volume_shape,
        )

    @property
    def is_ordered(self) -> bool:
        """Whether the classes of vertical sections keep a stratigraphic order down each trace."""
        order = self.settings.stratigraphic_order
        return order == "down" or (order == "auto" and self.network.is_ordered)

    def _is_ordered(self, section: xr.DataArray) -> bool:
        """Return whether the classes of a section keep a stratigraphic order down each trace."""
        order, is_vertical = self.settings.stratigraphic_order, section.dims[0] in VERTICAL_DIMS
        if order == "down" and not is_vertical:
            raise SeisdreamError(
                "A time slice has no stratigraphic order; use `stratigraphic_order=any`.",
                code="incompatible",
                option="stratigraphic_order",
            )
        if order == "down" and self._is_multi_label:
            raise SeisdreamError(
                f"{self.network.name} predicts several labels at once, which have no stratigraphic order; use "
                "`stratigraphic_order=any`.",
                code="incompatible",
                option="stratigraphic_order",
            )
        return is_vertical and self.is_ordered

    def _note_on_sampling(self, section: xr.DataArray) -> str | None:
        """Return how to resample a section whose frequencies differ from those of the training data, or None."""
        known = self.network.frequencies
        if known is None or section.dims[0] not in VERTICAL_DIMS or is_colour(section):
            return None
        if self.settings.scale != (1.0, 1.0):
            return None
        frequency = mean_frequency(network_values(section, self.settings.percentile))
        if not frequency or known[0] <= frequency <= known[1]:
            return None
        scale = np.clip(frequency / math.sqrt(known[0] * known[1]), 0.1, 4.0)
        return (
            f"The section's mean frequency is {frequency:.2g} cycles per sample; {self.network.name} was trained on "
            f"{known[0]:.2g} to {known[1]:.2g}. Resample it for the network: `scale={scale:.1f}x1` (samples only) or "
            f"`scale={scale:.1f}` (traces too)."
        )

    def _dataset(
        self, section: xr.DataArray, maps: dict[str, NDArray], mapping: GreyMapping, tile: int, *, is_ordered: bool
    ) -> xr.Dataset:
        space = maps["classes"].shape
        dims = [str(dim) for dim in section.dims[: len(space)]]
        coords: dict = {name: coord for name, coord in section.coords.items() if set(coord.dims) <= set(dims)}
        coords["class"] = ("class", list(self.names), {"long_name": self.network.class_kind})
        if colours := self.network.colours:
            is_single = len(colours) < len(self.names)
            coords["colour"] = ("class", [BACKGROUND_COLOUR, *colours] if is_single else list(colours))
        if is_ordered:
            absent = maps["classes"] == ABSENT_CLASS
            traces = maps["probabilities"].reshape(len(self.names), space[0], -1)
            maps["classes"] = np.where(absent, np.uint8(ABSENT_CLASS), viterbi_monotone(traces).reshape(space))
        variables: dict = {
            name: (
                dims if values.ndim == len(dims) else ("class", *dims),
                values,
                {"long_name": LONG_NAMES[name], "units": "1"},
            )
            for name, values in maps.items()
        }
        variables["classes"][2]["absent"] = ABSENT_CLASS
        if self._is_multi_label:
            variables["classes"][2]["none"] = NO_CLASS
        if is_ordered:
            classes = maps["classes"].reshape(space[0], -1)
            tops = extract_horizons(classes, len(self.names), section[dims[0]].values).reshape(-1, *space[1:])
            units = section[dims[0]].attrs.get("units", "ms" if dims[0] == "time" else "")
            variables["horizons"] = (("horizon", *dims[1:]), tops, {"long_name": "top of the interval", "units": units})
            coords["horizon"] = ("horizon", list(self.names[1:]))
        attrs = {
            "network": self.network.name,
            "network_sha256": self._sha256,
            "layer": self.layer,
            **{name: getattr(self.settings, name) for name in self.settings.to_dict() if name != "as_is"},
            "tile": tile,
            "stratigraphic_order": "down" if is_ordered else "any",
            "grey_low": mapping.low,
            "grey_high": mapping.high,
            **({"harmonisation": self._note_on_resampling} if self._note_on_resampling else {}),
        }
        return xr.Dataset(variables, coords, attrs)


def _blocks(size: Size, tiling: Tiling) -> Iterator[Block]:
    """Yield rows and columns of the blocks that cover a section once."""
    if tiling.halo is None:
        yield (0, size[0]), (0, size[1])
        return
    for tile in plan_tiles(size, tiling.tile, tiling.halo):
        yield tile.core_rows, tile.core_columns
