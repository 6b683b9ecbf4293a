"""Linear probes: how much of some classes can be read off a network's layers by a plane.

After Alain and Bengio, "Understanding intermediate layers using linear classifier probes" (2016).
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import UNKNOWN, Counter, Scores
from seisdream.inference.tensors import to_image_tensor
from seisdream.models.network import Network
from seisdream.models.prepared import resolve_device
from seisdream.seismic.sections import GreyMapping, absent_samples, check_section, fill_absent

Labelled = tuple[xr.DataArray, NDArray]
"""A section ``(time, trace)`` and its labels, uint8 of the same shape, `UNKNOWN` where the class is not known."""


class SegmentationModel(Protocol):
    """Whatever gives each sample of a section a probability for each class."""

    def probabilities(self, section: xr.DataArray, /) -> NDArray:
        """Return float32 ``(class, time, trace)``; over classes they add up to 1."""
        ...


def probe_layers(network: Network) -> tuple[str, ...]:
    """Return the layers that a probe looks at together: what each of a network's grids says in the end.

    The stages of a U-Net, ``enc1`` to ``encN`` and back to ``dec1``; of other networks the last layer before each
    change of stride, but for the classes' own.

    Raises
    ------
    SeisdreamError
        If no layer follows positions.
    """
    layers = network.layers
    stages = tuple(name for name in layers if re.fullmatch(r"(enc|dec)\d+", name))
    if stages:
        return stages
    classes = network.class_layer
    maps = [name for name, info in layers.items() if info.has_positions and info.stride and name != classes]
    if not maps:
        raise SeisdreamError(
            f"No layer of {network.name} lies on a grid that is known, so none can be probed sample by sample; choose "
            f"another network, or name layers of it (seisdream layers {network.name})."
        )
    ends = [one for one, next_one in itertools.pairwise(maps) if layers[one].stride != layers[next_one].stride]
    return (*ends, maps[-1])


class LayerReader:
    """Reads what some layers of a network say about a section, on the section's own grid.

    Parameters
    ----------
    network : Network
        Any, in grey or colour.
    layers : sequence of str, optional
        By default `probe_layers`.
    percentile : float, default 99
        Of absolute amplitude, for the grey mapping.
    device : str, default "auto"
        Where to run.
    """

    def __init__(
        self,
        network: Network,
        layers: Sequence[str] | None = None,
        *,
        percentile: float = 99.0,
        device: str = "auto",
    ):
        self.network = network
        self.layers = tuple(layers or probe_layers(network))
        for name in self.layers:
            if not network.layer(name).has_positions:
                raise SeisdreamError(
                    f"Layer '{name}' of {network.name} has one answer for a whole section, so it cannot be probed "
                    f"sample by sample; choose among {', '.join(probe_layers(network))}."
                )
        self.percentile = percentile
        self.device = resolve_device(device)
        self._prepared = network.prepared(self.device)
        self._last: tuple[xr.DataArray, Said] | None = None

    @property
    def n_features(self) -> int:
        """The number of channels of all layers together."""
        return sum(self.network.layer(name).n_channels for name in self.layers)

    def read(self, section: xr.DataArray) -> Said:
        """Return what the layers say about a section; the last one is kept, because probes come back to it."""
        if self._last is None or self._last[0] is not section:
            check_section(section)
            values, _ = fill_absent(section)
            grey = GreyMapping.of(section, self.percentile).to_grey(values)
            with torch.no_grad():
                recorded = self._prepared.record(to_image_tensor(grey, device=self.device), self.layers)
            maps = []
            for name in self.layers:
                said = recorded[name][0].float().cpu()
                info = self.network.layer(name)
                places = [
                    _places_of(
                        n_samples,
                        n_units,
                        info.start[axis] if info.start else None,
                        info.stride[axis] if info.stride else None,
                    )
                    for axis, (n_samples, n_units) in enumerate(zip(section.shape[:2], said.shape[1:], strict=True))
                ]
                maps.append((said, places[0], places[1]))
            self._last = (section, Said(tuple(maps)))
        return self._last[1]


class _Places(NamedTuple):
    """Where each sample of an axis lies among units: between which two, and how near the second."""

    left: torch.Tensor
    right: torch.Tensor
    share: torch.Tensor


@dataclass(frozen=True)
class Said:
    """What layers said about a section, with where each sample lies among their units."""

    maps: tuple[tuple[torch.Tensor, _Places, _Places], ...]

    def at(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Return the features of some samples, float32 ``(sample, channel of all layers)``, bilinear between units."""
        features = []
        for said, down, across in self.maps:
            up, low, fall = (part[torch.from_numpy(rows)] for part in down)
            left, right, shift = (part[torch.from_numpy(columns)] for part in across)
            upper = torch.lerp(said[:, up, left], said[:, up, right], shift)
            lower = torch.lerp(said[:, low, left], said[:, low, right], shift)
            features.append(torch.lerp(upper, lower, fall))
        return torch.cat(features).T.numpy()

    def weighed(self, weights: torch.Tensor) -> torch.Tensor:
        """Return weighted sums of the features at every sample, ``(sum, time, trace)``, for weights ``(sum, channel)``.

        Summing and interpolating are both linear, so sums are made between units first: nothing as large as all
        features at all samples is ever held.
        """
        total, first = torch.zeros(()), 0
        for said, down, across in self.maps:
            part = weights[:, first : first + len(said)]
            first += len(said)
            sums = torch.einsum("sc,cij->sij", part, said)
            sums = torch.lerp(sums[:, down.left], sums[:, down.right], down.share[:, None])
            total = total + torch.lerp(sums[..., across.left], sums[..., across.right], across.share)
        return total


def _places_of(n_samples: int, n_units: int, start: float | None, stride: float | None) -> _Places:
    if start is None or stride is None:
        # A layer that sees everything: its units share the section among them.
        stride = n_samples / n_units
        start = (stride - 1) / 2
    # Beyond the outermost units, what they say goes on.
    position = ((torch.arange(n_samples) - start) / stride).clamp(0, n_units - 1)
    left = position.floor().long()
    return _Places(left, (left + 1).clamp(max=n_units - 1), position - left)


@dataclass(frozen=True)
class LinearProbe:
    """A logistic regression from layers to classes.

    Attributes
    ----------
    reader : LayerReader
        What it looks at.
    weights, bias : Tensor
        ``(class, channel)`` and ``(class,)``: logits of the features as they are; a class that was never seen has a
        bias of minus infinity.
    """

    reader: LayerReader
    weights: torch.Tensor
    bias: torch.Tensor

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return float32 ``(class, time, trace)``."""
        logits = self.reader.read(section).weighed(self.weights) + self.bias[:, None, None]
        return logits.softmax(0).numpy()

    def directions(self, layer: str, classes: Sequence[str]) -> dict[str, NDArray]:
        """Return along which direction of a layer's space each class lies from the others.

        Written by `seisdream.io.concept_vectors.write_concept_vectors`, it can be dreamed:
        ``direction:LAYER@FILE.npz#CLASS`` is more like what separates that class from the rest.

        Parameters
        ----------
        layer : str
            One of those that the probe looks at.
        classes : sequence of str
            Names, in the order of the probe's classes.

        Returns
        -------
        dict of array
            float32 ``(channel,)`` by the class's name: its weights less the mean of the other classes', in logits for
            each unit of activation. Classes that were never seen have none.

        Raises
        ------
        SeisdreamError
            If the probe does not look at the layer, names are too few or too many, or one class alone was seen.
        """
        if layer not in self.reader.layers:
            raise SeisdreamError(f"The probe does not look at '{layer}'; it looks at {', '.join(self.reader.layers)}.")
        seen = torch.isfinite(self.bias)
        if len(classes) != len(self.bias) or seen.sum() < 2:
            raise SeisdreamError(
                f"Directions are between the {len(self.bias)} classes of the probe, {int(seen.sum())} of which it saw; "
                f"got {len(classes)} names. It takes two seen classes or more, and a name for each."
            )
        first = sum(
            self.reader.network.layer(name).n_channels for name in self.reader.layers[: self.reader.layers.index(layer)]
        )
        weights = self.weights[:, first : first + self.reader.network.layer(layer).n_channels]
        of_others = (weights[seen].sum(0) - weights) / (seen.sum() - 1)
        return {name: (weights - of_others)[place].numpy() for place, name in enumerate(classes) if seen[place]}


def fit_probe(
    lines: Collection[Labelled],
    reader: LayerReader,
    n_classes: int,
    *,
    n_per_class: int = 500,
    strength: float = 0.01,
    seed: int = 0,
) -> LinearProbe:
    """Fit a linear probe on labelled sections.

    Parameters
    ----------
    lines : collection of (section, labels)
        Walked through once.
    reader : LayerReader
        The network and its layers.
    n_classes : int
        How many classes there are; some may be missing in the labels.
    n_per_class : int, default 500
        Samples of each class, drawn evenly from the lines: rare classes count as much as common ones.
    strength : float, default 0.01
        How freely weights may grow (scikit-learn's ``C``), for features of unit variance.
    seed : int, default 0
        Of the choice of samples.

    Raises
    ------
    SeisdreamError
        If nothing is labelled, or a section and its labels differ in shape.
    """
    rng = np.random.default_rng(seed)
    quota = max(1, -(-n_per_class // max(1, len(lines))))
    features, classes = [], []
    for section, labels in lines:
        rows, columns = balanced_samples(known_labels(section, labels), n_classes, quota, rng)
        if rows.size:
            features.append(reader.read(section).at(rows, columns))
            classes.append(labels[rows, columns])
    if not classes:
        raise SeisdreamError("A probe learns from labels, and there is none: every sample is of unknown class.")
    return _regress(reader, np.concatenate(features), np.concatenate(classes), n_classes, strength)


def _regress(reader: LayerReader, features: NDArray, classes: NDArray, n_classes: int, strength: float) -> LinearProbe:
    weights, bias = np.zeros((n_classes, features.shape[1])), np.full(n_classes, -np.inf)
    seen = np.unique(classes)
    bias[seen] = 0.0
    if len(seen) > 1:
        scaler = StandardScaler()
        scaled = scaler.fit_transform(features)
        regression = LogisticRegression(C=strength, class_weight="balanced", max_iter=300, tol=1e-3)
        with warnings.catch_warnings():
            # A plane that is still turning a little says as much about the features.
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression.fit(scaled, classes)
        coefficients, intercepts = regression.coef_, regression.intercept_
        if len(seen) == 2:  # one plane for two classes
            coefficients, intercepts = (np.concatenate([0 * part, part]) for part in (coefficients, intercepts))
        weights[seen] = coefficients / np.asarray(scaler.scale_)
        bias[seen] = intercepts - weights[seen] @ np.asarray(scaler.mean_)
    return LinearProbe(reader, torch.from_numpy(weights).float(), torch.from_numpy(bias).float())


def balanced_samples(
    labels: NDArray, n_classes: int, n_per_class: int, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Return rows and columns of samples drawn at random, of each class as many or all there are."""
    flat = labels.ravel()
    picked = []
    for code in range(n_classes):
        where = np.flatnonzero(flat == code)
        picked.append(rng.choice(where, n_per_class, replace=False) if where.size > n_per_class else where)
    rows, columns = np.unravel_index(np.concatenate(picked), labels.shape)
    return rows, columns


def known_labels(section: xr.DataArray, labels: NDArray) -> NDArray:
    """Return labels that are `UNKNOWN` where a section has no sample; raise `SeisdreamError` where shapes differ."""
    if labels.shape != section.shape[:2]:
        raise SeisdreamError(
            f"Labels must lie on the samples of their section; got {labels.shape} labels for {section.shape[:2]} "
            "samples."
        )
    return np.where(absent_samples(section), np.uint8(UNKNOWN), labels)


def column_blocks(n_columns: int, n_blocks: int = 5, guard: int = 32) -> list[tuple[NDArray, NDArray]]:
    """Return for each of some contiguous blocks of columns which columns to learn from, and which are held out.

    Neighbouring traces are nearly copies of each other, so columns drawn at random would be told by heart. Columns
    within `guard` of the held-out block are in neither.

    Parameters
    ----------
    n_columns : int
        Of the section.
    n_blocks : int, default 5
        Of nearly equal width.
    guard : int, default 32
        Columns left out on either side.

    Returns
    -------
    list of (array, array)
        Booleans ``(n_columns,)``.

    Raises
    ------
    SeisdreamError
        If nothing would be left to learn from, or to hold out.
    """
    edges = np.linspace(0, n_columns, n_blocks + 1).round().astype(int) if n_blocks > 0 else np.zeros(1, int)
    column = np.arange(n_columns)
    blocks = []
    for first, end in itertools.pairwise(edges):
        held_out = (column >= first) & (column < end)
        learned = (column < first - guard) | (column >= end + guard)
        blocks.append((learned, held_out))
    if n_blocks < 2 or not all(learned.any() and held_out.any() for learned, held_out in blocks):
        raise SeisdreamError(
            f"{n_columns} columns cannot be held out in {n_blocks} blocks with {guard} columns between; take two "
            "blocks or more, a narrower guard, or a wider section."
        )
    return blocks


def leave_one_block_out(
    section: xr.DataArray,
    labels: NDArray,
    classes: Sequence[str],
    fit: Callable[[list[Labelled]], SegmentationModel],
    *,
    n_blocks: int = 5,
    guard: int = 32,
) -> Scores:
    """Fit on all but one block of a section's columns, score on that block, and so on; return the scores of all.

    Parameters
    ----------
    section, labels
        As in `Labelled`.
    classes : sequence of str
        In the order of their codes.
    fit : callable
        From labelled sections to what tells classes, such as ``lambda lines: fit_probe(lines, reader, 10)``.
    n_blocks, guard : int
        As for `column_blocks`.
    """
    labels = known_labels(section, labels)
    counter = Counter(tuple(classes))
    for learned, held_out in column_blocks(section.shape[1], n_blocks, guard):
        teller = fit([(section, np.where(learned, labels, np.uint8(UNKNOWN)))])
        told = torch.from_numpy(teller.probabilities(section)[None])
        truth = torch.from_numpy(np.where(held_out, labels, np.uint8(UNKNOWN))[None])
        counter.see(told, truth, are_probabilities=True)
    return counter.scores()
