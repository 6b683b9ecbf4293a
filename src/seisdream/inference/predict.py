"""What a network takes each sample of a section for, how probable that is, and how much it wavers.

A section is looked at in tiles, each with enough of its surroundings that tiled equals whole, and as several
variants of itself (mirrored, louder, stretched, moved). What the looks say is added up tile by tile, so that only
one array of probabilities is ever held.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.inference.horizons import extract_horizons, viterbi_monotone
from seisdream.inference.settings import PredictionSettings
from seisdream.inference.tensors import to_image_tensor
from seisdream.inference.tiling import AUTO_TILE_SIZE, AUTO_TILE_THRESHOLD, Halo, Size, plan_tiles, receptive_halo
from seisdream.inference.tta import InputAugmentation, sample_augmentations
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device, resolve_precision
from seisdream.seismic.sections import VERTICAL_DIMS, GreyMapping, check_section, describe_muted, fill_absent
from seisdream.seismic.spectrum import mean_frequency

ABSENT_CLASS = 255
"""The class of samples that are absent."""


def predict_section(
    section: xr.DataArray,
    network: Network,
    *,
    percentile: float = 99.0,
    mapping: GreyMapping | None = None,
    tile: int | None = None,
    views: int = 4,
    device: str = "auto",
    precision: str = "float32",
    order: str = "auto",
    scale: tuple[float, float] = (1.0, 1.0),
) -> xr.Dataset:
    """Tell for each sample of a section which of a network's classes it is.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture, of any size.
    network : Network
        One with a layer of class logits that follow position, such as ``facies``.
    percentile : float, 50 to 100, default 99
        Of absolute amplitude, for the grey mapping.
    mapping : GreyMapping, optional
        Used instead of the section's own: that of the volume which the section is from.
    tile : int, optional
        Side of a tile in samples, 0 for none; by default 1024 above two million samples where the network allows it.
    views : int, default 4
        How many variants of the section (mirrored, louder or softer, stretched a little, moved) are looked at beside
        the section itself; probabilities are the mean of all looks.
    device : str, default "auto"
        As for `resolve_device`.
    precision : {"float32", "bfloat16", "auto"}, default "float32"
        What the layers compute in.
    order : {"auto", "down", "any"}, default "auto"
        Whether no class may lie above one that comes before it, as intervals between horizons do; auto: where the
        network's classes are known to lie so.
    scale : (float, float), default (1, 1)
        Share of the section's samples and traces at which it is looked at: (0.5, 1) for a section sampled every 2 ms
        and a network that learned from 4 ms. The map has all of the section's samples.

    Returns
    -------
    Dataset
        On the section's coordinates and ``class``, the names of the classes (with ``colour`` where the network has
        them):

        - ``classes`` ``(time, trace)`` uint8: the most probable class, of those that keep the order where there is
          one; 255 where the section is absent or muted;
        - ``probabilities`` ``(class, time, trace)`` float32, NaN where absent;
        - ``entropy`` ``(time, trace)`` float32: of these probabilities, 0 (one class is certain) to 1 (all are alike);
        - ``uncertainty`` ``(time, trace)`` float32, not there without views: the part of the entropy that comes from
          looks which contradict each other (their mutual information with the class, on the same scale), so what
          the network would say otherwise of the same rock recorded otherwise;
        - ``horizons`` ``(horizon, trace)`` float32, where classes keep an order: time of the first sample of each class
          but the first, NaN where the trace holds nothing above it or nothing below.

    Raises
    ------
    SeisdreamError
        If the network has no classes or its classes have no positions, or tiles were asked for and would differ from
        the whole.

    Examples
    --------
    >>> predicted = predict_section(section, load_network("facies"))  # doctest: +SKIP
    >>> predicted.probabilities.sel({"class": "salt"})  # doctest: +SKIP
    """
    settings = PredictionSettings(percentile, tile, views, device, precision, order, scale)
    return Predictor(network, settings)(section, mapping)


class Predictor:
    """A network made ready to tell classes, for one section after another.

    Parameters
    ----------
    network : Network
        One with a layer of class logits that follow position.
    settings : PredictionSettings
        What is asked for.
    on_tile : callable, optional
        Called without arguments after each tile of each look.

    Attributes
    ----------
    names : tuple of str
        Of the classes.
    variants : tuple of Variant
        What is looked at; the first is the section itself.

    Raises
    ------
    SeisdreamError
        If the network has no classes, or its classes have no positions.
    """

    def __init__(
        self,
        network: Network,
        settings: PredictionSettings | None = None,
        on_tile: Callable[[], None] = lambda: None,
    ) -> None:
        settings = settings or PredictionSettings()
        self.layer, self.names = _classes_of(network)
        device = resolve_device(settings.device)
        self.settings = replace(settings, device=device, precision=resolve_precision(settings.precision, device))
        self.network = network
        self.variants = (
            InputAugmentation(stretch=settings.scale),
            *sample_augmentations(settings.views, settings.scale),
        )
        self._on_tile = on_tile
        self._prepared = network.prepared(device, self.settings.precision)
        self._sha256 = network.sha256
        self._tested: dict[Size, SeisdreamError | None] = {}
        self._has_warned_of_tiles = self._has_warned_of_slices = False

    def __call__(self, section: xr.DataArray, mapping: GreyMapping | None = None) -> xr.Dataset:
        """Return what `predict_section` does, by the section's own grey mapping or by that of its volume."""
        if mapping is None:
            check_section(section)
            mapping = GreyMapping.of(section, self.settings.percentile)
        size = (section.shape[0], section.shape[1])
        if section.dims[:2] == ("inline", "crossline") and not self._has_warned_of_slices:
            self._has_warned_of_slices = True
            warnings.warn(
                f"A time slice shows no layers from the side: unless {self.network.name} learned from slices, its "
                "classes mean nothing here.",
                stacklevel=2,
            )
        keeps_order = self._keeps_order(section)
        tile, reach = self.resolve_tile(size)
        values, absent = fill_absent(section)
        grey = to_image_tensor(mapping.to_grey(values), clip=False)
        total = np.zeros((len(self.names), *size), np.float32)
        entropy_of_looks = np.zeros(size, np.float32)
        for variant in self.variants:
            picture = variant.apply(grey).clamp(0.0, 255.0)
            look = _Look(self._prepared, self.layer, picture, variant, size, reach)
            for rows, columns in _cores(size, tile, reach):
                logarithms = look.logits(rows, columns).log_softmax(0)
                shares = logarithms.exp()
                here = (slice(*rows), slice(*columns))
                total[:, *here] += shares.cpu().numpy()
                entropy_of_looks[here] -= (shares * logarithms).sum(0).cpu().numpy()
                self._on_tile()
        return self._as_dataset(section, total, entropy_of_looks, absent, mapping, tile, keeps_order=keeps_order)

    def _keeps_order(self, section: xr.DataArray) -> bool:
        """Return whether the classes of a section's map keep their order down each trace."""
        order, is_upright = self.settings.order, section.dims[0] in VERTICAL_DIMS
        if order == "down" and not is_upright:
            raise SeisdreamError("In a time slice no class lies below another; got --order down, use --order any.")
        return is_upright and (order == "down" or (order == "auto" and self.network.is_ordered))

    def notes_on(self, section: xr.DataArray) -> list[str]:
        """Return what should be known of a section's prediction beforehand: a sentence each, most often none.

        Raises
        ------
        SeisdreamError
            If an order was asked for that the section cannot have.
        """
        self._keeps_order(section)
        notes = [describe_muted(section), self.network.out_of_domain_reason(section), self._note_on_scale(section)]
        field, size = self.network.layer(self.layer).receptive_field, section.shape[:2]
        if field is not None and (size[0] < field[0] or size[1] < field[1]):
            notes.append(
                f"The section is {size[0]} × {size[1]}, smaller than what {self.network.name} sees around a sample "
                f"({field[0]} × {field[1]}): it tells classes by less than it learned from. Give it more of the line."
            )
        return [note for note in notes if note]

    def _note_on_scale(self, section: xr.DataArray) -> str | None:
        """Return how a section should be looked at that is sampled unlike what the network learned from, or None."""
        known = self.network.frequencies
        if known is None or section.dims[0] not in VERTICAL_DIMS or self.settings.scale[0] != 1.0:
            return None
        frequency = mean_frequency(fill_absent(section)[0].reshape(*section.shape[:2], -1).mean(-1))
        if not frequency or known[0] <= frequency <= known[1]:
            return None
        scale = np.clip(frequency / math.sqrt(known[0] * known[1]), 0.1, 4.0)
        return (
            f"The section's mean frequency is {frequency:.2g} cycles a sample, and {self.network.name} learned from "
            f"{known[0]:.2g} to {known[1]:.2g}: sampled otherwise it would be told better. Try --scale {scale:.1f}x1 "
            f"(samples only), or --scale {scale:.1f} (traces too)."
        )

    def n_tiles(self, size: Size) -> int:
        """Return how often `on_tile` is called for a section of a size."""
        return len(self.variants) * len(_cores(size, *self.resolve_tile(size)))

    def resolve_tile(self, size: Size) -> tuple[int, Halo | None]:
        """Return the side of a tile (0: none) for sections of a size, and how far the network sees.

        Raises
        ------
        SeisdreamError
            If tiles were asked for and would differ from the whole.
        """
        tile = self.settings.tile
        if tile is None:
            tile = AUTO_TILE_SIZE if size[0] * size[1] > AUTO_TILE_THRESHOLD else 0
        if not tile or max(size) <= tile:
            return 0, None
        try:
            reach = receptive_halo(self.network, (self.layer,))
            self._check_tiles(size, reach)
        except SeisdreamError as error:
            if self.settings.tile is not None:
                raise
            if not self._has_warned_of_tiles:
                self._has_warned_of_tiles = True
                warnings.warn(f"{error} Predicting the whole section at once.", stacklevel=2)
            return 0, None
        return tile, reach

    def _check_tiles(self, size: Size, reach: Halo) -> None:
        """Raise `SeisdreamError` where tiles do not say what the whole says.

        What a network does between its layers is not seen from outside (`check_tiles` of the dream says more), so it
        is tried on noise of a size that leaves the same rest over from the alignment.
        """
        for whole in (variant.size(size) for variant in self.variants):
            rest = (whole[0] % reach.alignment[0], whole[1] % reach.alignment[1])
            if rest not in self._tested:
                self._tested[rest] = self._try_tiles(rest, reach)
            error = self._tested[rest]
            if error is not None:
                raise error

    def _try_tiles(self, rest: Size, reach: Halo) -> SeisdreamError | None:
        core = max(*reach.alignment, *reach.halo)
        # Three cores a side, so that no tile's surroundings are the whole.
        size = (3 * core + rest[0], 3 * core + rest[1])
        noise = 255 * torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0))
        exact = self.network.prepared(self.settings.device, "float32")
        whole = _Look(exact, self.layer, noise, InputAugmentation(), size, None).logits((0, size[0]), (0, size[1]))
        tiled = _Look(exact, self.layer, noise, InputAugmentation(), size, reach)
        error = max(
            float((tiled.logits(rows, columns) - whole[:, slice(*rows), slice(*columns)]).abs().max())
            for rows, columns in _cores(size, core, reach)
        )
        # Of what the logits tell apart: a constant, or one large class, must not hide a difference.
        if error < 1e-3 * float(whole.std(dim=(1, 2)).max().clamp_min(1e-30)):
            return None
        return SeisdreamError(
            f"{self.network.name} cannot predict in tiles: they say something else than the whole. Use --tile 0 (it "
            "needs memory for the whole section)."
        )

    def _as_dataset(
        self,
        section: xr.DataArray,
        total: np.ndarray,
        entropy_of_looks: np.ndarray,
        absent: np.ndarray,
        mapping: GreyMapping,
        tile: int,
        *,
        keeps_order: bool,
    ) -> xr.Dataset:
        n_looks, scale = len(self.variants), np.float32(1.0 / math.log(len(self.names)))
        dims = [str(dim) for dim in section.dims[:2]]
        classes = np.empty(absent.shape, np.uint8)
        entropy = np.empty(absent.shape, np.float32)
        # Some rows at a time: what is computed on the way is as large as the probabilities.
        for start in range(0, len(total[0]), 256):
            rows = slice(start, start + 256)
            total[:, rows] /= n_looks
            total[:, rows][:, absent[rows]] = np.nan
            shares = total[:, rows]
            classes[rows] = np.where(absent[rows], ABSENT_CLASS, np.nan_to_num(shares).argmax(0))
            entropy[rows] = 0.0 - (shares * np.log(np.maximum(shares, 1e-30))).sum(0) * scale
        entropy = np.clip(entropy, 0.0, 1.0)
        if keeps_order:
            classes = np.where(absent, np.uint8(ABSENT_CLASS), viterbi_monotone(total))
        said: dict = {
            "classes": (dims, classes, {"long_name": "most probable class", "absent": ABSENT_CLASS}),
            "probabilities": (("class", *dims), total, {"long_name": "probability"}),
            "entropy": (dims, entropy, {"long_name": "entropy of the probabilities"}),
        }
        if n_looks > 1:
            wavering = np.clip(entropy - entropy_of_looks * (scale / n_looks), 0.0, 1.0)
            said["uncertainty"] = (dims, wavering, {"long_name": "disagreement of the views"})
        if keeps_order:
            tops = extract_horizons(classes, len(self.names), section[dims[0]].values)
            units = section[dims[0]].attrs.get("units", "ms" if dims[0] == "time" else "")
            said["horizons"] = (("horizon", dims[1]), tops, {"long_name": "top of the interval", "units": units})
        coords: dict = {name: coord for name, coord in section.coords.items() if set(coord.dims) <= set(dims)}
        coords["class"] = ("class", list(self.names))
        if keeps_order:
            coords["horizon"] = ("horizon", list(self.names[1:]))
        if self.network.colours:
            coords["colour"] = ("class", list(self.network.colours))
        attrs = {
            "network": self.network.name,
            "network_sha256": self._sha256,
            "layer": self.layer,
            **asdict(self.settings),
            "tile": tile,
            "order": "down" if keeps_order else "any",
            "grey_low": mapping.low,
            "grey_high": mapping.high,
        }
        return xr.Dataset(said, coords, attrs)


@dataclass(frozen=True)
class _Look:
    """A network that looks at one variant of a section, wherever it is asked to."""

    prepared: PreparedNetwork
    layer: str
    picture: torch.Tensor
    variant: InputAugmentation
    size: Size
    reach: Halo | None

    def logits(self, rows: tuple[int, int], columns: tuple[int, int]) -> torch.Tensor:
        """Return the logits ``(class, row, column)``, float32, of a part of the section."""
        info = self.prepared.network.layer(self.layer)
        assert info.stride is not None
        assert info.start is not None
        places = [self.variant.positions(axis, *core, self.size) for axis, core in enumerate((rows, columns))]
        windows = [self._window(axis, along) for axis, along in enumerate(places)]
        with torch.no_grad():
            window = self.picture[..., slice(*windows[0]), slice(*windows[1])]
            said = self.prepared.record(window, (self.layer,))[self.layer][0].float()
            for axis, (first, stop) in enumerate(windows):
                # A unit for each sample is that sample's own, wherever the middle of what it sees may lie: a decoder
                # that enlarges sees further to one side.
                is_dense = info.stride[axis] == 1 and said.shape[axis + 1] == stop - first
                start = 0.0 if is_dense else info.start[axis]
                said = _take(said, axis + 1, (places[axis] - first - start) / info.stride[axis])
        return said

    def _window(self, axis: int, places: np.ndarray) -> tuple[int, int]:
        """Return what part of the variant's rows or columns must be looked at to know what lies at some places."""
        n_samples = self.picture.shape[axis + 2]
        if self.reach is None:
            return 0, n_samples
        alignment, halo = self.reach.alignment[axis], self.reach.halo[axis]
        # The halo has room for the next unit, between which and the nearest is interpolated.
        first = math.floor(places.min() / alignment) * alignment - halo
        stop = math.ceil((places.max() + 1) / alignment) * alignment + halo
        # Past the last unit of a network that does not pad there is a margin without any; the window holds one still.
        first = min(first, (n_samples - 2 * halo) // alignment * alignment)
        return max(0, first), min(n_samples, max(stop, 2 * halo))


def _take(values: torch.Tensor, axis: int, places: np.ndarray) -> torch.Tensor:
    """Return values at fractional places along an axis, linearly between neighbours and constant past the ends."""
    places = np.clip(places, 0, values.shape[axis] - 1)
    before = np.floor(places).astype(np.int64)
    weights = (places - before).astype(np.float32)
    said = values.index_select(axis, torch.from_numpy(before).to(values.device))
    if not weights.any():
        return said
    after = torch.from_numpy(np.minimum(before + 1, values.shape[axis] - 1)).to(values.device)
    shape = [1] * values.ndim
    shape[axis] = -1
    return said.lerp(values.index_select(axis, after), torch.from_numpy(weights).to(values.device).reshape(shape))


def _cores(size: Size, tile: int, reach: Halo | None) -> Sequence[tuple[tuple[int, int], tuple[int, int]]]:
    if not tile or reach is None:
        return [((0, size[0]), (0, size[1]))]
    return [(one.core_rows, one.core_columns) for one in plan_tiles(size, tile, reach)]


def _classes_of(network: Network) -> tuple[str, tuple[str, ...]]:
    """Return the layer of a network that holds its classes' logits for each position, and the classes' names."""
    network.require_sections()
    others = "use a network that maps classes, such as --network facies (seisdream networks)"
    layer = network.class_layer
    if layer is None:
        raise SeisdreamError(f"{network.name} has no classes, so there is nothing to predict with it; {others}.")
    info = network.layer(layer)
    if not info.has_positions or info.stride is None or info.start is None:
        raise SeisdreamError(
            f"{network.name} gives one answer for a whole picture: its '{layer}' has no positions, so it makes no map; "
            f"{others}."
        )
    names = network.classes or tuple(f"class {number}" for number in range(info.n_channels))
    if len(names) != info.n_channels:
        raise SeisdreamError(
            f"{network.name} has {info.n_channels} classes in '{layer}', but {len(names)} names; mend --classes."
        )
    if not 2 <= len(names) < ABSENT_CLASS:
        raise SeisdreamError(
            f"A map has 2 to {ABSENT_CLASS - 1} classes, and {network.name} has {len(names)}; {others}."
        )
    return layer, names
