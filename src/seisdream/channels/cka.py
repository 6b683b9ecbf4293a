"""Similarity of the representations of two networks: linear centred kernel alignment (CKA)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def linear_cka(first: ArrayLike, second: ArrayLike) -> float:
    """Return linear CKA: 1 for representations that are equal up to rotation and scale, near 0 for unrelated ones.

    Kornblith, Norouzi, Lee and Hinton, "Similarity of neural network representations revisited", ICML (2019). With few
    positions it is biased upwards: unrelated representations with as many features as positions are far from 0.

    Parameters
    ----------
    first, second : array
        ``(position, feature)``, the same positions in the same order; the numbers of features may differ.

    Examples
    --------
    >>> positions = np.random.default_rng(0).standard_normal((200, 3))
    >>> round(linear_cka(positions, -2.0 * positions[:, ::-1] + 5.0), 6)
    1.0
    """
    return float(cka_of_moments(joint_moments(first, second)[None], np.shape(first)[1])[0])


def joint_moments(first: ArrayLike, second: ArrayLike) -> NDArray:
    """Return sums for `cka_of_moments`; those of parts add up to those of the whole.

    Parameters
    ----------
    first, second : array
        ``(position, feature)``.

    Returns
    -------
    array
        float64, square: products of all features of both, and of a feature that is always 1, summed over positions.
    """
    first, second = (np.asarray(values, np.float64) for values in (first, second))
    joint = np.concatenate([np.ones((len(first), 1)), first, second], axis=1)
    return joint.T @ joint


def cka_of_moments(moments: ArrayLike, n_first: int) -> NDArray:
    """Return the alignment of sums of moments; NaN where a representation is constant.

    Parameters
    ----------
    moments : array
        ``(..., 1 + features, 1 + features)``, as `joint_moments` returns them.
    n_first : int
        Features of the first representation.
    """
    moments = np.asarray(moments)
    sums = moments[..., 0, 1:]
    scatter = moments[..., 1:, 1:] - sums[..., :, None] * sums[..., None, :] / moments[..., :1, :1]
    of_first = scatter[..., :n_first, :n_first]
    of_second = scatter[..., n_first:, n_first:]
    across = scatter[..., :n_first, n_first:]

    def size(block: NDArray) -> NDArray:
        return np.einsum("...ij,...ij->...", block, block)

    with np.errstate(invalid="ignore", divide="ignore"):
        return size(across) / np.sqrt(size(of_first) * size(of_second))
