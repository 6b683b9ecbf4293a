"""What a channel is tuned to: its answers to plane waves of all dips, frequencies and phases.

As a neurophysiologist shows a cell gratings (Hubel and Wiesel 1962; De Valois, Albrecht and Thorell 1982), a network is
shown plane waves, one at a time, and one unit in the middle of each layer is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from seisdream.inference.unit_grid import UnitGrid
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import MID_GREY

# As strong as seismic is under the usual grey mapping: Gaussian amplitudes whose 99th percentile of magnitude is
# black or white have a root mean square of 49 grey levels, as has a wave of this amplitude.
_AMPLITUDE = 70.0
_BATCH = 32


@dataclass(frozen=True)
class Waves:
    """The plane waves that are shown.

    Attributes
    ----------
    dips_deg : array
        Of the crests in a picture with square samples, positive down to the right, from -90 up to below 90.
    frequencies : array
        Cycles a sample across the crests, evenly spaced in octaves.
    n_phases : int
        Phases of each, evenly spaced.
    side : int
        Samples down and across.
    """

    dips_deg: np.ndarray
    frequencies: np.ndarray
    n_phases: int = 8
    side: int = 128

    @classmethod
    def usual(cls, side: int = 128) -> Waves:
        """Return sixteen dips, twelve frequencies from a wavelength of 40 samples to one of 2.25, and eight phases."""
        return cls(np.arange(-90.0, 90.0, 11.25), np.geomspace(1 / 40, 1 / 2.25, 12), side=side)

    def __len__(self) -> int:
        return len(self.dips_deg) * len(self.frequencies) * self.n_phases

    def numbers(self, number: int) -> tuple[float, float, float]:
        """Return the dip in radians, the cycles a sample and the phase in radians of one of them."""
        rest, phase = divmod(number, self.n_phases)
        dip, frequency = divmod(rest, len(self.frequencies))
        return math.radians(self.dips_deg[dip]), float(self.frequencies[frequency]), 2 * math.pi * phase / self.n_phases

    def picture(self, number: int) -> np.ndarray:
        """Return one wave in grey levels ``(row, column)``; with phase 0 a white crest passes through the middle."""
        dip, frequency, phase = self.numbers(number)
        row, column = np.mgrid[: self.side, : self.side] - (self.side - 1) / 2
        across = row * math.cos(dip) - column * math.sin(dip)
        wave = np.cos(2 * math.pi * frequency * across - phase)
        return (MID_GREY + _AMPLITUDE * wave).astype(np.float32)


@dataclass(frozen=True)
class Tuning:
    """What the channels of one layer are tuned to.

    Attributes
    ----------
    strength : array
        float32 ``(channel, dip, frequency)``: what a channel answers at its best phase beyond what it says to nothing
        (mid-grey). Its mean over phases plus the height of its first harmonic (F0 + F1).
    dip_deg, frequency : array
        Of the wave that each answers most, interpolated between those shown; NaN where it answers none.
    dip_selectivity : array
        0: answers all dips alike, 1: one alone (Ringach, Shapley and Hawken 2002).
    phase_deg : array
        Of that wave at the centre of the unit: 0 a white crest, 180 a black one, 90 and 270 flanks.
    modulation : array
        F1 over F0 at that wave: above 1 the phase matters, below it hardly does (Skottun and others 1991).
    polarity : array
        -1 to 1: the cosine of the phase, times how much the phase matters (F1 / (F0 + F1)).
    """

    strength: np.ndarray
    dip_deg: np.ndarray
    frequency: np.ndarray
    dip_selectivity: np.ndarray
    phase_deg: np.ndarray
    modulation: np.ndarray
    polarity: np.ndarray


def measure_tuning(
    prepared: PreparedNetwork,
    layers: Sequence[str],
    waves: Waves | None = None,
    *,
    on_waves: Callable[[int], None] = lambda n_waves: None,
) -> dict[str, Tuning]:
    """Show a network plane waves and return what the channels of layers are tuned to.

    Parameters
    ----------
    prepared : PreparedNetwork
        Of the network.
    layers : sequence of str
        Which layers.
    waves : Waves, optional
        What is shown; by default `Waves.usual`.
    on_waves : callable, optional
        Called with the number of waves that were just shown.

    Returns
    -------
    dict of Tuning
        By layer.

    Examples
    --------
    >>> import seisdream
    >>> gabor = seisdream.load_network("gabor")
    >>> tuned = measure_tuning(gabor.prepared(), ["stage1/rectified"])["stage1/rectified"]
    >>> gabor.channel_labels("stage1/rectified")[16], round(float(tuned.dip_deg[16]))
    ('dip 45°, wavelength 3, phase 0°', 45)
    """
    waves = waves or Waves.usual()
    layers, answers = tuple(layers), {layer: [] for layer in layers}
    silence = torch.full((1, 1, waves.side, waves.side), MID_GREY)
    places, nothing = {}, {}
    with torch.no_grad():
        for layer, said in prepared.record(silence, layers).items():
            info = prepared.network.layer(layer)
            grid = UnitGrid.of(info, (said.shape[2], said.shape[3]), (waves.side, waves.side))
            centres = [grid.centres(axis) for axis in (0, 1)]
            middle = tuple(int(np.abs(one - (waves.side - 1) / 2).argmin()) for one in centres)
            offset = tuple(one[at] - (waves.side - 1) / 2 for one, at in zip(centres, middle, strict=True))
            places[layer], nothing[layer] = (middle, offset), said[0, :, middle[0], middle[1]].double().cpu().numpy()
        for first in range(0, len(waves), _BATCH):
            numbers = range(first, min(first + _BATCH, len(waves)))
            shown = torch.from_numpy(np.stack([waves.picture(number) for number in numbers])[:, None])
            for layer, said in prepared.record(shown, layers).items():
                (row, column), _ = places[layer]
                answers[layer].append(said[:, :, row, column].double().cpu().numpy())
            on_waves(len(numbers))
    return {
        layer: _tuning(np.concatenate(answers[layer]) - nothing[layer], waves, places[layer][1]) for layer in layers
    }


def _tuning(answers: np.ndarray, waves: Waves, offset: Sequence[float]) -> Tuning:
    """Return the tuning from answers ``(wave, channel)`` beyond silence of units off the middle by rows and columns."""
    shape = (len(waves.dips_deg), len(waves.frequencies), waves.n_phases)
    answers = answers.T.reshape(-1, *shape)
    phases = 2 * np.pi * np.arange(waves.n_phases) / waves.n_phases
    mean = answers.mean(-1)
    harmonic = 2.0 / waves.n_phases * (answers @ np.exp(1j * phases))
    strength = mean + np.abs(harmonic)
    n_channels = len(answers)
    best = strength.reshape(n_channels, -1).argmax(1)
    at_dip, at_frequency = np.unravel_index(best, shape[:2])
    everyone = np.arange(n_channels)
    peak = strength[everyone, at_dip, at_frequency]
    answers_any = peak > 1e-6 * max(1e-30, float(np.abs(strength).max()))
    step_deg = waves.dips_deg[1] - waves.dips_deg[0]
    dip_deg = waves.dips_deg[at_dip] + step_deg * _vertex(strength[everyone, :, at_frequency], at_dip, wraps=True)
    dip_deg = (dip_deg + 90.0) % 180.0 - 90.0
    octaves = np.log(waves.frequencies)
    step = octaves[1] - octaves[0]
    frequency = np.exp(octaves[at_frequency] + step * _vertex(strength[everyone, at_dip], at_frequency, wraps=False))
    f0, f1 = (one[everyone, at_dip, at_frequency] for one in (mean, harmonic))
    # The wave's phase is told at the middle of the picture; units lie a little beside it.
    dip, shown = np.radians(waves.dips_deg[at_dip]), waves.frequencies[at_frequency]
    shift = 2 * np.pi * shown * (offset[0] * np.cos(dip) - offset[1] * np.sin(dip))
    phase = np.angle(f1) - shift
    along = strength[everyone, :, at_frequency].clip(0.0)
    twice = np.exp(2j * np.radians(waves.dips_deg))
    total = along.sum(1)
    selectivity = np.divide(np.abs(along @ twice), total, out=np.zeros(n_channels), where=total > 0)
    size = np.abs(f1)
    depth = np.divide(size, np.abs(f0) + size, out=np.zeros(n_channels), where=size > 0)
    modulation = np.divide(size, np.abs(f0), out=np.full(n_channels, np.inf), where=np.abs(f0) > 1e-9 * (size + 1e-30))

    def known(values: np.ndarray) -> np.ndarray:
        return np.where(answers_any, values, np.nan).astype(np.float32)

    return Tuning(
        strength.astype(np.float32),
        known(dip_deg),
        known(frequency),
        known(selectivity),
        known(np.degrees(phase) % 360.0),
        known(modulation),
        known(np.cos(phase) * depth),
    )


def _vertex(curves: np.ndarray, at: np.ndarray, *, wraps: bool) -> np.ndarray:
    """Return where the parabola through each curve's highest point and its neighbours has its top, -0.5 to 0.5."""
    n_points = curves.shape[1]
    everyone = np.arange(len(curves))
    left, right = at - 1, at + 1
    if wraps:
        left, right = left % n_points, right % n_points
    inside = (left >= 0) & (right < n_points)
    low, top, high = (
        curves[everyone, left.clip(0)],
        curves[everyone, at],
        curves[everyone, right.clip(None, n_points - 1)],
    )
    bend = low - 2 * top + high
    shift = np.divide(0.5 * (low - high), bend, out=np.zeros(len(curves)), where=inside & (bend < 0))
    return np.where(inside, shift.clip(-0.5, 0.5), 0.0)
