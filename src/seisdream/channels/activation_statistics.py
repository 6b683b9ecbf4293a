"""Statistics of the channels of a layer over a survey: histograms, sparseness and correlations."""

from __future__ import annotations

import numpy as np
import torch

from seisdream.inference.recorder import UnitActivations

N_BINS = 64
"""Bins of a histogram on either side of zero."""


class ActivationStatistics:
    """Statistics of each channel of a layer, updated part by part.

    Bins reach to a power of two; where a larger activation comes, bins are merged in pairs. So the result does not
    depend on the order of the parts.

    Parameters
    ----------
    n_channels : int
        Of the layer.
    n_samples : int
        Number of positions in the survey at which activations are kept, for correlations.
    """

    def __init__(self, n_channels: int, n_samples: int):
        self.exponents = np.full(n_channels, -126, np.int64)
        self.counts = np.zeros((n_channels, 2, N_BINS), np.int64)
        self.n_silent = np.zeros(n_channels, np.int64)
        self.sums = np.zeros((n_channels, 4))
        self.n_units = np.zeros((), np.int64)
        self.least, self.greatest = np.full(n_channels, np.inf), np.full(n_channels, -np.inf)
        self.samples = np.zeros((n_channels, n_samples), np.float32)

    def update(self, units: UnitActivations) -> None:
        """Add the activations over a part of a line."""
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

    def keep_samples(self, units: UnitActivations, rows: np.ndarray, columns: np.ndarray, numbers: np.ndarray) -> None:
        """Keep the activations at some positions of a line, under their numbers among all positions."""
        if len(numbers):
            self.samples[:, numbers] = units.at(rows, columns).numpy()

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
        """The mean activation of each channel."""
        return self.sums[:, 0] / max(1, int(self.n_units))

    @property
    def deviation(self) -> np.ndarray:
        """The standard deviation of each channel's activation."""
        return np.sqrt((self.sums[:, 1] / max(1, int(self.n_units)) - self.mean**2).clip(0.0))

    @property
    def share_active(self) -> np.ndarray:
        """The share of units at which a channel's activation is above zero."""
        return self.counts[:, 0].sum(1) / max(1, int(self.n_units))

    @property
    def selectivity(self) -> np.ndarray:
        """Sparseness of each channel's activation: 0 the same everywhere, 1 at a single unit.

        Of positive activations (Vinje and Gallant, "Sparse coding and decorrelation in primary visual
        cortex during natural vision", Science 287, 2000); 0 for a channel that is never active.
        """
        n = max(2, int(self.n_units))
        first, second = self.sums[:, 2] / n, self.sums[:, 3] / n
        evenness = np.divide(first**2, second, out=np.ones_like(second), where=second > 0)
        return ((1.0 - evenness) / (1.0 - 1.0 / n)).clip(0.0, 1.0)

    def state(self) -> dict[str, np.ndarray]:
        """Return the state as arrays, for `resume`."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    def resume(self, state: dict[str, np.ndarray]) -> None:
        """Continue from an earlier state."""
        for name, value in state.items():
            setattr(self, name, value)


def correlate(samples: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation between the activations of channels, ``(channel, other channel)``.

    Parameters
    ----------
    samples, others : array
        Activations at the same positions, ``(channel, position)`` and ``(other channel, position)``. The correlation
        of a constant channel is 0.
    """
    units = []
    for values in (samples, others):
        centred = values - values.mean(1, keepdims=True)
        norms = np.linalg.norm(centred, axis=1, keepdims=True)
        units.append(np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 1e-6 * np.abs(values).max()))
    return units[0] @ units[1].T
