"""How the channels of a layer respond along a survey: histograms, sparseness, and which respond alike."""

from __future__ import annotations

import numpy as np
import torch

from seisdream.inference.recorder import UnitActivations

N_BINS = 64
"""Bins of a histogram on either side of zero."""


class Responses:
    """Statistics of each channel of a layer, taken in part by part.

    Bins reach to a power of two that grows with the largest response; then bins are joined in pairs. So the result
    is the same in whatever order parts are taken in.

    Parameters
    ----------
    n_channels : int
        Of the layer.
    n_places : int
        At how many places of the survey responses are kept as they are, for correlations.
    """

    def __init__(self, n_channels: int, n_places: int):
        self.exponents = np.full(n_channels, -126, np.int64)
        self.counts = np.zeros((n_channels, 2, N_BINS), np.int64)
        self.n_silent = np.zeros(n_channels, np.int64)
        self.sums = np.zeros((n_channels, 4))
        self.n_units = np.zeros((), np.int64)
        self.least, self.greatest = np.full(n_channels, np.inf), np.full(n_channels, -np.inf)
        self.places = np.zeros((n_channels, n_places), np.float32)

    def see(self, units: UnitActivations) -> None:
        """Take in what the layer says over a part of a line."""
        values = units.values.flatten(1)
        if not values.shape[1]:
            return
        self.n_units += values.shape[1]
        least, greatest = (one.double().numpy() for one in (values.amin(1), values.amax(1)))
        self.least, self.greatest = np.minimum(self.least, least), np.maximum(self.greatest, greatest)
        self._grow(np.maximum(np.abs(least), np.abs(greatest)))
        scale = torch.from_numpy(np.ldexp(float(N_BINS), -self.exponents))[:, None]
        bins = (values.double().abs() * scale).long()
        bins += (values < 0) * N_BINS + torch.arange(len(values))[:, None] * 2 * N_BINS
        is_silent = values == 0
        counts = torch.bincount(bins[~is_silent], minlength=self.counts.size)
        self.counts += counts.numpy().reshape(self.counts.shape)
        self.n_silent += is_silent.sum(1).numpy()
        exact = values.double()
        positive = exact.clamp_min(0.0)
        moments = (exact, exact.square(), positive, positive.square())
        self.sums += np.stack([one.sum(1).numpy() for one in moments], 1)

    def keep(self, units: UnitActivations, rows: np.ndarray, columns: np.ndarray, numbers: np.ndarray) -> None:
        """Keep responses at places of a line, under their numbers among all places."""
        if len(numbers):
            self.places[:, numbers] = units.at(rows, columns).numpy()

    def _grow(self, magnitude: np.ndarray) -> None:
        exponents = np.where(magnitude > 0, np.frexp(magnitude)[1], -126)
        for channel in np.flatnonzero(exponents > self.exponents):
            shift = int(exponents[channel] - self.exponents[channel])
            wide = np.zeros((2, N_BINS), np.int64)
            for side in (0, 1):
                wide[side] = np.bincount(np.arange(N_BINS) >> min(shift, 62), self.counts[channel, side], N_BINS)
            self.counts[channel], self.exponents[channel] = wide, exponents[channel]

    @property
    def mean(self) -> np.ndarray:
        """The mean response of each channel."""
        return self.sums[:, 0] / max(1, int(self.n_units))

    @property
    def deviation(self) -> np.ndarray:
        """The standard deviation of each channel's responses."""
        return np.sqrt((self.sums[:, 1] / max(1, int(self.n_units)) - self.mean**2).clip(0.0))

    @property
    def share_active(self) -> np.ndarray:
        """The share of the survey on which a channel's response is above zero."""
        return self.counts[:, 0].sum(1) / max(1, int(self.n_units))

    @property
    def selectivity(self) -> np.ndarray:
        """How few places each channel answers to: 0 all alike, 1 a single one.

        The sparseness of the positive responses (Vinje and Gallant, "Sparse coding and decorrelation in primary visual
        cortex during natural vision", Science 287, 2000); 0 for a channel that never answers.
        """
        n = max(2, int(self.n_units))
        first, second = self.sums[:, 2] / n, self.sums[:, 3] / n
        evenness = np.divide(first**2, second, out=np.ones_like(second), where=second > 0)
        return ((1.0 - evenness) / (1.0 - 1.0 / n)).clip(0.0, 1.0)

    def state(self) -> dict[str, np.ndarray]:
        """Return what has been seen so far, as arrays; `resume` takes it."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    def resume(self, state: dict[str, np.ndarray]) -> None:
        """Go on from an earlier state."""
        for name, value in state.items():
            setattr(self, name, value)


def correlate(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how the responses of channels go together: Pearson's correlation ``(channel, other channel)``.

    Parameters
    ----------
    places, others : array
        Responses at the same places, ``(channel, place)`` and ``(other channel, place)``. What never changes
        correlates with nothing.
    """
    units = []
    for responses in (places, others):
        centred = responses - responses.mean(1, keepdims=True)
        norms = np.linalg.norm(centred, axis=1, keepdims=True)
        units.append(
            np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 1e-6 * np.abs(responses).max())
        )
    return units[0] @ units[1].T
