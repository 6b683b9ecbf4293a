"""Linear probes: how well classes can be separated by a plane in the activations of a network's layers.

After Alain and Bengio, "Understanding intermediate layers using linear classifier probes" (2016).
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from seisdream.errors import SeisdreamError
from seisdream.evaluation.labelled import Labelled, balanced_samples, known_labels
from seisdream.evaluation.layer_features import LayerReader
from seisdream.models.network import Network


@dataclass(frozen=True)
class LinearProbe:
    """A logistic regression from the activations of layers to classes.

    Attributes
    ----------
    reader : LayerReader
        The network and its layers.
    weights, bias : Tensor
        ``(class, channel)`` and ``(class,)``: logits of the activations as they are; the bias of a class without
        samples is minus infinity.
    """

    reader: LayerReader
    weights: torch.Tensor
    bias: torch.Tensor

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return float32 ``(class, time, trace)``."""
        logits = self.reader.read(section).weighted_sums(self.weights) + self.bias[:, None, None]
        return logits.softmax(0).numpy()

    def directions(self, layer: str, classes: Sequence[str]) -> dict[str, NDArray]:
        """Return the direction in a layer's space that separates each class from the others.

        `seisdream.io.concept_vectors.write_concept_vectors` writes them for dreams:
        ``direction:LAYER@FILE.npz#CLASS`` increases what separates that class from the rest.

        Parameters
        ----------
        layer : str
            One of the probe's layers.
        classes : sequence of str
            Names, in the order of the probe's classes.

        Returns
        -------
        dict of array
            float32 ``(channel,)`` by the class's name: its weights less the mean of the other classes', in logits for
            each unit of activation. Classes without samples have none.

        Raises
        ------
        SeisdreamError
            If the probe does not use the layer (``unknown-name``), or there are too few or too many names, or only one
            class had samples (``incompatible``).
        """
        if layer not in self.reader.layers:
            raise SeisdreamError(
                f"The probe does not use layer '{layer}'; it uses {', '.join(self.reader.layers)}.",
                code="unknown-name",
                option="layer",
            )
        has_samples = torch.isfinite(self.bias)
        if len(classes) != len(self.bias) or has_samples.sum() < 2:
            raise SeisdreamError(
                f"The probe has {len(self.bias)} classes, {int(has_samples.sum())} of them with samples, and `classes` "
                f"has {len(classes)} names; there must be a name for each, and two classes with samples or more.",
                code="incompatible",
                option="classes",
            )
        before = self.reader.layers[: self.reader.layers.index(layer)]
        first = sum(self.reader.network.layer(name).n_channels for name in before)
        weights = self.weights[:, first : first + self.reader.network.layer(layer).n_channels]
        of_others = (weights[has_samples].sum(0) - weights) / (has_samples.sum() - 1)
        return {name: (weights - of_others)[code].numpy() for code, name in enumerate(classes) if has_samples[code]}


def fit_probe(
    lines: Collection[Labelled],
    network: Network | str | LayerReader,
    n_classes: int,
    *,
    layers: Sequence[str] | None = None,
    n_per_class: int = 500,
    strength: float = 0.01,
    seed: int = 0,
) -> LinearProbe:
    """Fit a linear probe on labelled sections.

    Parameters
    ----------
    lines : collection of (section, labels)
        Sections ``(time, trace)`` with labels of the same shape, uint8, 255 where the class is not known. They are read
        once.
    network : Network, str or LayerReader
        A network, its name, or a reader of its layers.
    n_classes : int
        Number of classes; some may have no labels.
    layers : sequence of str, optional
        Layers of the network that the probe uses together; by default the last one on each of its grids.
    n_per_class : int, default 500
        Samples of each class, drawn evenly from the lines, so that rare classes count as much as common ones.
    strength : float, default 0.01
        Inverse of the regularization (scikit-learn's ``C``), for features of unit variance.
    seed : int, default 0
        Random seed of the choice of samples.

    Raises
    ------
    SeisdreamError
        If no sample is labelled (``no-labels``), or a section and its labels differ in shape (``wrong-shape``).
    """
    reader = network if isinstance(network, LayerReader) else LayerReader(network, layers)
    rng = np.random.default_rng(seed)
    n_per_line = max(1, -(-n_per_class // max(1, len(lines))))
    features, classes = [], []
    for section, labels in lines:
        rows, columns = balanced_samples(known_labels(section, labels), n_classes, n_per_line, rng)
        if rows.size:
            features.append(reader.read(section).at(rows, columns))
            classes.append(labels[rows, columns])
    if not classes:
        raise SeisdreamError("No sample of the lines has a known class, so no probe can be fitted.", code="no-labels")
    return _regress(reader, np.concatenate(features), np.concatenate(classes), n_classes, strength)


def _regress(reader: LayerReader, features: NDArray, classes: NDArray, n_classes: int, strength: float) -> LinearProbe:
    weights, bias = np.zeros((n_classes, features.shape[1])), np.full(n_classes, -np.inf)
    codes = np.unique(classes)
    bias[codes] = 0.0
    if len(codes) > 1:
        scaler = StandardScaler()
        scaled = scaler.fit_transform(features)
        regression = LogisticRegression(C=strength, class_weight="balanced", max_iter=300, tol=1e-3)
        with warnings.catch_warnings():
            # A plane that is not fully converged is as good a measure.
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression.fit(scaled, classes)
        coefficients, intercepts = regression.coef_, regression.intercept_
        if len(codes) == 2:  # one plane for two classes
            coefficients, intercepts = (np.concatenate([0 * part, part]) for part in (coefficients, intercepts))
        weights[codes] = coefficients / np.asarray(scaler.scale_)
        bias[codes] = intercepts - weights[codes] @ np.asarray(scaler.mean_)
    return LinearProbe(reader, torch.from_numpy(weights).float(), torch.from_numpy(bias).float())
