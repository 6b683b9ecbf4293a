"""Independent judges of a dream: how much of each class is there, by what did not dream it."""

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
_STEEPEST = 3.0


class Classifier(Protocol):
    """Says what a section holds."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of their codes."""
        ...

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return the probability of each class at each sample: ``(class, time, trace)``."""
        ...


def shares_of(judge: Classifier, section: xr.DataArray) -> NDArray:
    """Return how much of a section ``(time, trace)`` is of each class: the mean of its probabilities, ``(class,)``."""
    return np.nanmean(judge.probabilities(section), axis=(1, 2))


class NetworkJudge:
    """A network that maps the classes, other than the one that dreamed.

    Parameters
    ----------
    network : Network
        One with a class for each sample.
    """

    def __init__(self, network: Network) -> None:
        if not network.classes:
            raise SeisdreamError(f"{network.name} has no classes, so it cannot judge how much there is of each.")
        self.network = network
        self.classes = tuple(network.classes)

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return the probability of each class at each sample: ``(class, time, trace)``."""
        return predict(section, self.network, augmentations=0, device="cpu")["probabilities"].values


class AttributeJudge:
    """Classical attributes, and boosted trees that learned from sections of known classes what they say of each.

    No convolution and no gradient: what pleases a network by a pattern that only networks see does not please it. The
    attributes are those of `attributes_of`; the trees are scikit-learn's (after Ke and others, "LightGBM", 2017).

    Parameters
    ----------
    classes : tuple of str
        In the order of their codes.
    sections : iterable of (section, labels)
        ``(time, trace)`` each; 255 is no known class.
    seed : int, default 0
        Of the samples that are learned from.
    n_per_section : int, default 1500
        Samples of each section.
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
            features.append(attributes_of(section).reshape(-1, len(ATTRIBUTES))[chosen])
            labels.append(np.ravel(codes)[chosen])
        if not labels:
            raise SeisdreamError("A judge by attributes learns from one labelled section or more; got none.")
        self._trees = HistGradientBoostingClassifier(
            max_iter=60,
            class_weight="balanced",
            early_stopping=False,  # pyright: ignore[reportArgumentType]  (its stub knows "auto" alone)
            random_state=seed,
        ).fit(np.concatenate(features), np.concatenate(labels))

    def probabilities(self, section: xr.DataArray) -> NDArray:
        """Return the probability of each class at each sample: float64 ``(class, time, trace)``."""
        told = self._trees.predict_proba(attributes_of(section).reshape(-1, len(ATTRIBUTES)))
        spread = np.zeros((len(self.classes), section.size))
        spread[self._trees.classes_.astype(int)] = told.T
        return spread.reshape(-1, *section.shape)


ATTRIBUTES = (
    *("amplitude, near", "amplitude, around", "frequency, near", "frequency, around"),
    *("dip, size", "dip, spread around", "dip, change downwards"),
    *("coherence, near", "coherence, around", "semblance"),
)
"""What `attributes_of` gives, in its order."""


def attributes_of(section: xr.DataArray) -> NDArray:
    """Return classical attributes of each sample.

    Root-mean-square amplitude over that of the whole section, as a logarithm; mean vertical frequency, as the
    logarithm of the energy of differences over the energy; the dip of the structure tensor, its spread nearby and its
    change with depth; its coherence, and semblance (see `seisdream.seismic.attributes`). Near is a window of 9
    samples, around one of 33.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)``; absent samples are filled.

    Returns
    -------
    array
        float32 ``(time, trace, attribute)``, as `ATTRIBUTES` names them.
    """
    values = fill_absent(section)[0].astype(np.float64)
    values = values / (values.std() + 1e-12)
    down = np.gradient(values, axis=0)
    near, around = (uniform_filter(values**2, window) for window in _WINDOWS)
    fast_near, fast_around = (uniform_filter(down**2, window) for window in _WINDOWS)
    dip, coherent_near = dip_and_coherence(values, (3.0, 3.0))
    angle = np.arctan(np.clip(dip, -_STEEPEST, _STEEPEST))
    coherent_around = dip_and_coherence(values, (10.0, 10.0))[1]
    mean = gaussian_filter(angle, 8.0)
    spread = np.sqrt(np.maximum(gaussian_filter(angle**2, 8.0) - mean**2, 0.0))
    stack = [
        *(np.log(near + 1e-4), np.log(around + 1e-4)),
        *(np.log((fast_near + 1e-4) / (near + 1e-4)), np.log((fast_around + 1e-4) / (around + 1e-4))),
        *(np.abs(mean), spread, np.abs(np.gradient(mean, axis=0))),
        *(coherent_near, coherent_around, semblance(values)),
    ]
    return np.stack(stack, -1).astype(np.float32)
