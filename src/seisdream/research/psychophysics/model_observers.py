"""Observers of trials: what gives a section one number, greater where the target is seen.

All are told the kind of target and the box in which it would stand. Only the ideal observer is told the section without
noise, the target's exact form and the covariance of the noise; the others have features of the box, and a linear
read-out of them that learned from other trials.
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
from seisdream.research.psychophysics.trials import Shown, Trial
from seisdream.seismic.attributes import dip_and_coherence, semblance
from seisdream.seismic.sections import GreyMapping

Box = tuple[slice, slice]
Features = Callable[[Shown, Box], NDArray]
"""Gives the features of a section's box, ``(feature,)``."""

_PENALTIES = tuple(np.logspace(-4.0, 0.0, 5))
CLASS_OF = {"clinoforms": "clinoforms", "channel": "channel fill", "salt flank": "salt"}
"""The facies that a target's kind is, where it is one; neither a fault nor a flat spot is."""


def ideal_d_prime(trial: Trial) -> float:
    """Return the d′ that no observer passes, ``sqrt(s' K⁻¹ s)`` of the target's change and the noise's covariance.

    That of a prewhitened matched filter (North 1943; Green and Swets 1966). The covariance is circulant, so both
    are taken apart by the Fourier transform.
    """
    return float(np.sqrt(_product(trial, trial.signature, trial.signature)))


def ideal_score(trial: Trial, shown: Shown) -> float:
    """Return the logarithm of the likelihood ratio of target to none, with all that can be known given.

    With the target known exactly, in Gaussian noise of known covariance on a known section, it is
    ``s' K⁻¹ (x - known - s / 2)``: Gaussian with the means ± d′² / 2 and the standard deviation d′.
    """
    residual = shown.section.values - shown.known - 0.5 * trial.signature
    return _product(trial, trial.signature, residual)


def _product(trial: Trial, one: NDArray, other: NDArray) -> float:
    return float((np.fft.fft2(one).conj() * np.fft.fft2(other) / trial.noise_power).sum().real / one.size)


ATTRIBUTES = (
    *("coherence, mean", "coherence, lowest", "coherence, spread"),
    *("semblance, mean", "semblance, lowest", "semblance, spread"),
    *("dip, spread", "dip, mean size", "amplitude in the box", "amplitude, greatest"),
)
"""What `attribute_features` gives, in its order."""


def attribute_features(shown: Shown, box: Box) -> NDArray:
    """Return classical attributes of a box, as `ATTRIBUTES` names them; a lowest value is the 5th percentile."""
    values = shown.section.values
    dip, coherence = dip_and_coherence(values, (3.0, 3.0))
    found = []
    for attribute in (coherence, semblance(values)):
        inside = attribute[box]
        found += [inside.mean(), np.percentile(inside, 5.0), inside.std()]
    # The tensor's dip is unbounded where it means nothing.
    dips, amplitude = np.arctan(dip[box]), np.abs(values[box]) / values.std()
    found += [dips.std(), np.abs(dips).mean(), amplitude.mean(), np.percentile(amplitude, 99.0)]
    return np.array(found)


class NetworkFeatures:
    """What a network says of a box.

    Of the log-probabilities of its classes, and of what two of its other layers hold, mean, greatest and standard
    deviation over the box of each channel.

    Parameters
    ----------
    network : Network
        One with a layer of class logits that follow position.
    layers : sequence of str, default ("dec3", "dec1")
        The others, which follow position too.
    """

    def __init__(self, network: Network, layers: Sequence[str] = ("dec3", "dec1")) -> None:
        if network.class_layer is None or not network.layer(network.class_layer).has_positions:
            raise SeisdreamError(
                f"{network.name} has no classes for each sample; take a network that maps facies, such as facies."
            )
        known = [name for name in layers if name in network.layers]
        self.network, self._layers = network, (network.class_layer, *known)
        self._prepared = network.prepared("cpu", "float32")

    def __call__(self, shown: Shown, box: Box) -> NDArray:
        """Return the features ``(feature,)``."""
        mapping = GreyMapping.of(shown.section)
        picture = to_image_tensor(mapping.to_grey(shown.section.values), clip=True)
        with torch.no_grad():
            said = self._prepared.record(picture, self._layers)
        found = []
        for number, layer in enumerate(self._layers):
            values = said[layer][0].float()
            if number == 0:
                values = values.log_softmax(0)
            inside = _part(values, box, shown.section.shape).flatten(1)
            found += [inside.mean(1), inside.amax(1), inside.std(1)]
        return torch.cat(found).numpy()

    def word(self, features: NDArray, kind: str) -> NDArray | None:
        """Return the mean log-probability in the box of the facies that the kind is, None where it is none.

        ``features`` are ``(section, feature)``.
        """
        name, classes = CLASS_OF.get(kind), self.network.classes or ()
        return features[:, classes.index(name)] if name in classes else None


def _part(values: torch.Tensor, box: Box, size: tuple[int, ...]) -> torch.Tensor:
    """Return a box of a layer ``(channel, row, column)`` on a grid that may be coarser than the section."""
    places = []
    for part, n_units, n_samples in zip(box, values.shape[1:], size, strict=True):
        scale = n_units / n_samples
        places.append(slice(int(part.start * scale), max(round(part.stop * scale), int(part.start * scale) + 1)))
    return values[:, places[0], places[1]]


@dataclass(frozen=True)
class ReadOut:
    """A plane through features, one for each kind of target: above 0 the target is said to be there.

    Attributes
    ----------
    planes : dict
        A fitted pipeline of standardisation and logistic regression by kind.
    """

    planes: dict[str, Pipeline]

    def scores(self, kind: str, features: NDArray) -> NDArray:
        """Return log-odds of a target of a kind, ``(section,)``, from features ``(section, feature)``."""
        return self.planes[kind].decision_function(features)


def fit_read_out(kinds: Sequence[str], features: NDArray, has_target: NDArray, pair: NDArray) -> ReadOut:
    """Fit a read-out on trials that no observer is tested on.

    Parameters
    ----------
    kinds : sequence of str
        Of each section.
    features : array
        ``(section, feature)``.
    has_target : array of bool
        ``(section,)``.
    pair : array of int
        Number of the pair that each section is of: twins stay on one side when the penalty is chosen, in four parts.
    """
    planes, of_section = {}, np.asarray(kinds)
    for kind in np.unique(of_section):
        rows = of_section == kind
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        search = GridSearchCV(
            pipeline,
            {"logisticregression__C": _PENALTIES},
            scoring="roc_auc",
            cv=GroupKFold(min(4, len(np.unique(pair[rows])))),
        )
        search.fit(features[rows], has_target[rows], groups=pair[rows])
        planes[str(kind)] = search.best_estimator_
    return ReadOut(planes)
