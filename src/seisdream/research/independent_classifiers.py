"""Classifiers that rate the facies in a dream, independent of the network that dreamed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from sklearn.ensemble import HistGradientBoostingClassifier

from seisdream.errors import SeisdreamError
from seisdream.inference.predict import predict
from seisdream.models.network import Network
from seisdream.seismic.attributes import dip_and_coherence, semblance
from seisdream.seismic.sections import UNKNOWN, fill_absent

_WINDOWS = (9, 33)
_MAX_DIP = 3.0


class Classifier(Protocol):
    """Predicts a class for each sample of a section."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of their codes."""
        ...

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return the probability of each class at each sample, ``(class, time, trace)``."""
        ...


def class_fractions(classifier: Classifier, section: xr.DataArray) -> NDArray:
    """Return the fraction of a section in each class, ``(class,)``: the mean of the probabilities over all samples."""
    return np.nanmean(classifier.probabilities(section), axis=(1, 2))


class NetworkClassifier:
    """A segmentation network other than the one that dreamed.

    Parameters
    ----------
    network : Network
        A network that predicts a class for each sample.

    Raises
    ------
    SeisdreamError
        If the network has no classes.
    """

    def __init__(self, network: Network) -> None:
        if not network.classes:
            raise SeisdreamError(
                f"{network.name} has no classes; use a network that predicts a class for each sample.",
                code="no-labels",
                option="network",
            )
        self.network = network
        self.classes = tuple(network.classes)

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return the probability of each class at each sample, ``(class, time, trace)``."""
        # As it is: a dream and its section must be judged on the same grid, whatever the dream does to frequencies.
        return predict(section, self.network, augmentations=0, as_is=True, device="cpu")["probabilities"].values


class AttributeClassifier:
    """Gradient-boosted trees on seismic attributes.

    It has no convolutions and no gradient, so a pattern that only exploits networks does not mislead it. The trees are
    scikit-learn's (after Ke and others, "LightGBM", 2017), the attributes those of `compute_attributes`.

    Parameters
    ----------
    classes : sequence of str
        The classes, in the order of their codes.
    sections : iterable of (section, labels)
        Training data, ``(time, trace)`` each; label 255 marks samples of unknown class.
    seed : int, default 0
        Random seed of the training samples and the trees.
    n_per_section : int, default 1500
        Training samples from each section.

    Raises
    ------
    SeisdreamError
        If there are no sections.
    """

    def __init__(
        self,
        classes: Sequence[str],
        sections: Iterable[tuple[xr.DataArray, NDArray]],
        *,
        seed: int = 0,
        n_per_section: int = 1500,
    ) -> None:
        self.classes = tuple(classes)
        rng = np.random.default_rng(seed)
        features, labels = [], []
        for section, codes in sections:
            known = np.flatnonzero(np.ravel(codes) != UNKNOWN)
            chosen = rng.choice(known, min(n_per_section, known.size), replace=False)
            features.append(compute_attributes(section).reshape(-1, len(ATTRIBUTES))[chosen])
            labels.append(np.ravel(codes)[chosen])
        if not labels:
            raise SeisdreamError(
                "`sections` is empty; give one labelled section or more.", code="no-labels", option="sections"
            )
        self._trees = HistGradientBoostingClassifier(
            max_iter=60,
            class_weight="balanced",
            early_stopping=False,  # pyright: ignore[reportArgumentType]  (its stub allows only "auto")
            random_state=seed,
        ).fit(np.concatenate(features), np.concatenate(labels))

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return the probability of each class at each sample, float64 ``(class, time, trace)``."""
        predicted = self._trees.predict_proba(compute_attributes(section).reshape(-1, len(ATTRIBUTES)))
        # Classes that are absent from the training data have probability 0.
        probabilities = np.zeros((len(self.classes), section.size))
        probabilities[self._trees.classes_.astype(int)] = predicted.T
        return probabilities.reshape(-1, *section.shape)


ATTRIBUTES = (
    *("amplitude (9)", "amplitude (33)", "frequency (9)", "frequency (33)"),
    *("dip magnitude", "dip spread", "vertical dip gradient"),
    *("coherence (fine)", "coherence (coarse)", "semblance"),
)
"""The attributes that `compute_attributes` returns, in this order; numbers are window lengths in samples."""


def compute_attributes(section: xr.DataArray) -> NDArray:
    """Return seismic attributes of each sample.

    Amplitude is the logarithm of mean energy in a window over that of the section; frequency the logarithm of the
    energy of vertical differences over the energy. Dip comes from the structure tensor: the magnitude of its local
    mean, its local spread and its vertical gradient. Coherence comes from the structure tensor at two scales; see
    `seisdream.seismic.attributes` for it and for semblance.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)``; absent samples are filled.

    Returns
    -------
    array
        float32 ``(time, trace, attribute)``, as `ATTRIBUTES` lists them.
    """
    values = fill_absent(section)[0].astype(np.float64)
    values = values / (values.std() + 1e-12)
    difference = np.gradient(values, axis=0)
    energy = [uniform_filter(values**2, window) + 1e-4 for window in _WINDOWS]
    difference_energy = [uniform_filter(difference**2, window) + 1e-4 for window in _WINDOWS]
    dip, fine_coherence = dip_and_coherence(values, (3.0, 3.0))
    coarse_coherence = dip_and_coherence(values, (10.0, 10.0))[1]
    angle = np.arctan(np.clip(dip, -_MAX_DIP, _MAX_DIP))
    mean = gaussian_filter(angle, 8.0)
    spread = np.sqrt(np.maximum(gaussian_filter(angle**2, 8.0) - mean**2, 0.0))
    attributes = [
        *(np.log(energy[0]), np.log(energy[1])),
        *(np.log(difference_energy[0] / energy[0]), np.log(difference_energy[1] / energy[1])),
        *(np.abs(mean), spread, np.abs(np.gradient(mean, axis=0))),
        *(fine_coherence, coarse_coherence, semblance(values)),
    ]
    return np.stack(attributes, -1).astype(np.float32)
