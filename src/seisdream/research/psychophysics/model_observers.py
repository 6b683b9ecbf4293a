"""Model observers: each reduces a section to one number that is greater where the target seems present.

All know the kind of target and the search box. Only the ideal observer also knows the noise-free section, the exact
signature of the target and the covariance of the noise. The others have features of the box, and a linear read-out of
them that is fitted on other trials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import to_image_tensor
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.research.psychophysics.trials import Stimulus, Trial
from seisdream.seismic.attributes import dip_and_coherence, semblance
from seisdream.seismic.sections import GreyMapping

Box = tuple[slice, slice]
Features = Callable[[Stimulus, Box], NDArray]
"""Computes the features of a section's search box, ``(feature,)``."""

_PENALTIES = tuple(np.logspace(-4.0, 0.0, 5))
FACIES_OF_TARGET = {"clinoforms": "clinoforms", "channel": "channel fill", "salt flank": "salt"}
"""The facies that a kind of target belongs to; a fault and a flat spot belong to none."""


def ideal_d_prime(trial: Trial) -> float:
    """Return the upper limit of d′ for a trial, ``sqrt(s' K⁻¹ s)``.

    s is the target's signature and K the covariance of the noise: the prewhitened matched filter (North 1943; Green and
    Swets 1966). K is circulant, so the Fourier transform diagonalises it.
    """
    return float(np.sqrt(_whitened_product(trial, trial.signature, trial.signature)))


def ideal_score(trial: Trial, stimulus: Stimulus) -> float:
    """Return the log-likelihood ratio of target present to target absent.

    For a known target in Gaussian noise of known covariance on a known background it is
    ``s' K⁻¹ (x - background - s / 2)``: Gaussian, with the means ± d′² / 2 and the standard deviation d′.
    """
    residual = stimulus.section.values - stimulus.background - 0.5 * trial.signature
    return _whitened_product(trial, trial.signature, residual)


def _whitened_product(trial: Trial, one: NDArray, other: NDArray) -> float:
    return float((np.fft.fft2(one).conj() * np.fft.fft2(other) / trial.noise_power).sum().real / one.size)


ATTRIBUTE_FEATURES = (
    *("coherence, mean", "coherence, minimum", "coherence, standard deviation"),
    *("semblance, mean", "semblance, minimum", "semblance, standard deviation"),
    *("dip, standard deviation", "dip, mean magnitude", "amplitude, mean", "amplitude, maximum"),
)
"""What `attribute_features` returns, in this order."""


def attribute_features(stimulus: Stimulus, box: Box) -> NDArray:
    """Return seismic attributes of a search box, as `ATTRIBUTE_FEATURES` lists them.

    Minimum and maximum are the 5th and the 99th percentile.
    """
    values = stimulus.section.values
    dip, coherence = dip_and_coherence(values, (3.0, 3.0))
    features = []
    for attribute in (coherence, semblance(values)):
        inside = attribute[box]
        features += [inside.mean(), np.percentile(inside, 5.0), inside.std()]
    # The structure tensor's dip is unbounded where beds are not resolved.
    dip_angle, amplitude = np.arctan(dip[box]), np.abs(values[box]) / values.std()
    features += [dip_angle.std(), np.abs(dip_angle).mean(), amplitude.mean(), np.percentile(amplitude, 99.0)]
    return np.array(features)


class NetworkFeatures:
    """Features of a search box from a network's activations.

    They are the mean, maximum and standard deviation over the box of each class's log-probability and of each channel
    of further layers.

    Parameters
    ----------
    network : Network
        A network that predicts a class for each sample.
    layers : sequence of str, default ("dec3", "dec1")
        Further layers with spatial positions; those that the network lacks are left out.

    Raises
    ------
    SeisdreamError
        If the network does not predict a class for each sample.
    """

    def __init__(self, network: Network, layers: Sequence[str] = ("dec3", "dec1")) -> None:
        if network.class_layer is None or not network.layer(network.class_layer).has_positions:
            raise SeisdreamError(
                f"{network.name} does not predict a class for each sample; use a segmentation network, such as facies.",
                code="not-supported",
                option="network",
            )
        available = [name for name in layers if name in network.layers]
        self.network, self._layers = network, (network.class_layer, *available)
        self._prepared = PreparedNetwork(network, "cpu", "float32")

    def __call__(self, stimulus: Stimulus, box: Box) -> NDArray:
        """Return the features ``(feature,)``."""
        mapping = GreyMapping.of(stimulus.section)
        image = to_image_tensor(mapping.to_grey(stimulus.section.values), clip=True)
        with torch.no_grad():
            activations = self._prepared.record(image, self._layers)
        features = []
        for layer in self._layers:
            values = activations[layer][0].float()
            if layer == self.network.class_layer:
                values = self.network.class_log_probabilities(values, 0)
            inside = _crop(values, box, stimulus.section.shape).flatten(1)
            features += [inside.mean(1), inside.amax(1), inside.std(1)]
        return torch.cat(features).numpy()

    def class_log_probability(self, features: NDArray, kind: str) -> NDArray | None:
        """Return the mean log-probability in the box of the facies that a kind of target belongs to.

        ``features`` are ``(section, feature)``. None if the target belongs to no facies of the network.
        """
        name, classes = FACIES_OF_TARGET.get(kind), self.network.classes or ()
        return features[:, classes.index(name)] if name in classes else None


def _crop(values: torch.Tensor, box: Box, size: tuple[int, ...]) -> torch.Tensor:
    """Return the search box of a layer ``(channel, row, column)``, which may be coarser than the section."""
    spans = []
    for part, n_units, n_samples in zip(box, values.shape[1:], size, strict=True):
        scale = n_units / n_samples
        spans.append(slice(int(part.start * scale), max(round(part.stop * scale), int(part.start * scale) + 1)))
    return values[:, spans[0], spans[1]]


@dataclass(frozen=True)
class ReadOut:
    """A linear classifier of features for each kind of target.

    Attributes
    ----------
    pipelines : dict
        Standardisation and logistic regression, by kind.
    """

    pipelines: dict[str, Pipeline]

    def scores(self, kind: str, features: NDArray) -> NDArray:
        """Return the log-odds that a target is present, ``(section,)``, from features ``(section, feature)``."""
        return self.pipelines[kind].decision_function(features)


def fit_read_out(kinds: Sequence[str], features: NDArray, has_target: NDArray, pair: NDArray) -> ReadOut:
    """Fit a read-out on trials that are not used for testing.

    Parameters
    ----------
    kinds : sequence of str
        Kind of target of each section.
    features : array
        ``(section, feature)``.
    has_target : array of bool
        ``(section,)``.
    pair : array of int
        Pair of each section. Both sections of a pair are in the same fold of the four-fold cross-validation that
        chooses the penalty.
    """
    pipelines, kind_of_section = {}, np.asarray(kinds)
    for kind in np.unique(kind_of_section):
        rows = kind_of_section == kind
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        search = GridSearchCV(
            pipeline,
            {"logisticregression__C": _PENALTIES},
            scoring="roc_auc",
            cv=GroupKFold(min(4, len(np.unique(pair[rows])))),
        )
        search.fit(features[rows], has_target[rows], groups=pair[rows])
        pipelines[str(kind)] = search.best_estimator_
    return ReadOut(pipelines)
