"""From the activations of a layer to concepts: non-negative matrix factorisation.

After Fel and others, "CRAFT: Concept recursive activation factorization for explainability" (CVPR 2023).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.decomposition import NMF, non_negative_factorization
from sklearn.exceptions import ConvergenceWarning

from seisdream.errors import SeisdreamError

N_CONCEPTS = 25
"""Concepts of a layer by default; fewer where it has fewer channels."""
MAX_CONCEPTS = 200
_MAX_ITERATIONS = 200
# Rounding leaves a rectified layer this far below zero, as a share of its largest activation.
_TINY = 1e-6
# A channel that is nearly constant counts as one whose standard deviation is this share of its root mean square.
_LEAST_VARIATION = 0.3


@dataclass(frozen=True)
class Factorisation:
    """Concepts of a layer, the one that accounts for most of its activations first.

    Activations are approximated by sums of concepts with strengths of 0 or more. Where a layer has negative
    activations, its positive and its negative parts are factorised as if they were channels of their own.

    Attributes
    ----------
    parts : array
        float32 ``(concept, channel)``, 0 or more, of unit length; ``(concept, 2 * channel)`` where the layer has
        negative activations, first the positive parts.
    is_signed : bool
        Whether the layer has negative activations.
    explained : float
        Share of the squared activations that the concepts account for, 0 to 1.
    """

    parts: NDArray[np.float32]
    is_signed: bool
    explained: float

    @property
    def n_concepts(self) -> int:
        """The number of concepts."""
        return len(self.parts)

    @property
    def directions(self) -> NDArray[np.float32]:
        """The directions of the concepts in the layer's space, ``(concept, channel)``."""
        if not self.is_signed:
            return self.parts
        positive, negative = np.split(self.parts, 2, axis=1)
        return positive - negative

    def strengths(self, activations: ArrayLike) -> NDArray[np.float32]:
        """Return how strongly each concept is present, in the units of the activations.

        Parameters
        ----------
        activations : array
            ``(unit, channel)``.

        Returns
        -------
        array
            float32 ``(unit, concept)``, 0 or more: those whose sum of concepts is nearest to the activations.
        """
        values = _non_negative(np.asarray(activations, np.float32), self.is_signed)
        scale = float(values.max(initial=0.0)) or 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found, _, _ = non_negative_factorization(
                values / scale, H=self.parts, update_H=False, max_iter=_MAX_ITERATIONS
            )
        return found * np.float32(scale)


def factorise(
    activations: ArrayLike, n_concepts: int | None = None, *, seed: int = 0, equal_channels: bool = True
) -> Factorisation:
    """Return the concepts of a sample of a layer's activations.

    Channels are divided by their standard deviation first, so that a weak channel counts as much as a strong one, and
    the concepts are multiplied by it again. Activations remain sums of concepts, which then explain slightly less of
    them and are more like facies (`benchmarks/concepts.py`).

    Scikit-learn's coordinate descent runs to convergence. Its `MiniBatchNMF` ends earlier, and is worse at this: of
    60 generated earths at ``enc5`` of ``facies``, mean best average precision of 25 concepts is 0.43 instead of 0.56.

    Parameters
    ----------
    activations : array
        ``(unit, channel)``.
    n_concepts : int, optional
        By default 25, or as many as the layer has channels.
    seed : int, default 0
        Random seed of the starting point.
    equal_channels : bool, default True
        Whether channels count alike. False: channels keep their scale.

    Raises
    ------
    SeisdreamError
        If the activations are not finite (``not-finite``) or all zero (``no-signal``), or the number of concepts is
        outside 1 to the number of channels (``out-of-range``) or of units (``too-small``).

    Examples
    --------
    >>> activations = np.repeat(np.eye(3), 20, axis=0)
    >>> factorise(activations, 3).directions.round(2).sum(0).tolist()
    [1.0, 1.0, 1.0]
    """
    values = np.asarray(activations, np.float32)
    n_units, n_channels = values.shape
    n_concepts = min(N_CONCEPTS, n_channels) if n_concepts is None else n_concepts
    if not np.isfinite(values).all():
        raise SeisdreamError("The layer's activations are not finite; use another `layer`.", code="not-finite")
    if not values.any():
        raise SeisdreamError(
            "The layer is inactive all over the data; use another `layer` or other data.",
            code="no-signal",
            option="layer",
        )
    if not 1 <= n_concepts <= min(n_channels, MAX_CONCEPTS):
        raise SeisdreamError(
            f"`n_concepts` is {n_concepts}; it must be 1 to {min(n_channels, MAX_CONCEPTS)} for a layer of "
            f"{n_channels} channels.",
            code="out-of-range",
            option="n_concepts",
        )
    if n_units < n_concepts:
        raise SeisdreamError(
            f"The data have {n_units} units of this layer, fewer than {n_concepts} concepts; use more data, or a layer "
            "before it.",
            code="too-small",
            option="layer",
        )
    values = values / np.abs(values).max()
    is_signed = bool(values.min() < -_TINY)
    parts = _non_negative(values, is_signed)
    scales = _spread(parts) if equal_channels else 1.0
    # Scikit-learn's stubs accept no whole number.
    how: dict[str, Any] = {"n_components": n_concepts, "random_state": seed, "max_iter": _MAX_ITERATIONS}
    model = NMF(init="nndsvda", **how)
    with warnings.catch_warnings():
        # A sum that is not fully converged is as good an approximation.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(parts / scales)
    found = Factorisation(_unit_length(model.components_ * scales).astype(np.float32), is_signed, 0.0)
    strengths = found.strengths(values)
    order = np.argsort(-(strengths**2).sum(0), kind="stable")
    residual = parts - strengths @ found.parts
    explained = 1.0 - float((residual**2).sum() / (parts**2).sum())
    return Factorisation(np.ascontiguousarray(found.parts[order]), is_signed, explained)


def match_concepts(first: Any, second: Any) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return for each concept its partner in another factorisation, and the cosine between the two.

    Partners are one to one, such that the sum of cosines is largest (the Hungarian method).

    Parameters
    ----------
    first, second : array
        Directions ``(concept, channel)``; of `second` as many or more.

    Returns
    -------
    partner : array
        int ``(concept,)``: the number of the partner.
    cosine : array
        ``(concept,)``, -1 to 1.
    """
    cosines = _unit_length(first) @ _unit_length(second).T
    rows, partners = linear_sum_assignment(-cosines)
    return partners, cosines[rows, partners]


def _spread(values: NDArray) -> NDArray:
    """Return the standard deviation of each channel, or a little where the channel is constant or silent."""
    least = _LEAST_VARIATION * np.sqrt((values**2).mean(0))
    return np.maximum(values.std(0), np.maximum(least, _TINY))


def _unit_length(vectors: ArrayLike) -> NDArray:
    values = np.asarray(vectors)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def _non_negative(values: NDArray, is_signed: bool) -> NDArray:
    """Return positive values, and behind them the negative parts of signed ones."""
    if is_signed:
        return np.concatenate([values.clip(0.0), (-values).clip(0.0)], axis=1)
    return values.clip(0.0)
