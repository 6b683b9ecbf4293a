"""Small changes that a section could have had, made before each look, so that a dream must please through all of them.

Photographs are rotated, scaled and jittered for this (Olah, Mordvintsev and Schubert 2017); a section is sheared,
stretched in time, scaled in amplitude and recorded in another band. What is drawn is drawn anew for each step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from seisdream.dreaming.objectives.terms import Place
from seisdream.dreaming.transform_spec import Robustness
from seisdream.seismic.sections import MID_GREY

# A tilt over many octaves would leave nothing of some frequencies.
_MOST_DECIBELS = 12.0


@dataclass(frozen=True)
class RandomSeismicTransform:
    """One change of a picture, with what would undo it known to autograd.

    Attributes
    ----------
    shear : float, default 0
        Samples down for each trace across, about the middle: a dip added to all.
    stretch : float, default 1
        Factor on time, about the middle.
    gain : float, default 1
        Factor on amplitude.
    tilt_db : float, default 0
        Gain in decibels an octave above the mean frequency along time, and loss below it; 12 at most in all.
    """

    shear: float = 0.0
    stretch: float = 1.0
    gain: float = 1.0
    tilt_db: float = 0.0

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        """Return the changed picture ``(1, channel, row, column)`` in grey levels, differentiably."""
        moved = self.move(picture, "bicubic") - MID_GREY
        return MID_GREY + self.gain * _tilted(moved, self.tilt_db)

    def move(self, picture: torch.Tensor, between: str = "bilinear") -> torch.Tensor:
        """Return a picture sheared and stretched alone; what enters is reflected at the edge."""
        if self.shear == 0.0 and self.stretch == 1.0:
            return picture
        rows, columns = picture.shape[-2:]
        down = torch.linspace(-1.0, 1.0, rows, device=picture.device, dtype=picture.dtype)[:, None]
        across = torch.linspace(-1.0, 1.0, columns, device=picture.device, dtype=picture.dtype)[None]
        lean = self.shear * (columns - 1) / max(1, rows - 1)
        grid = torch.stack([across.expand(rows, columns), down / self.stretch - lean * across], dim=-1)[None]
        return F.grid_sample(picture, grid, mode=between, padding_mode="reflection", align_corners=True)

    def find(self, place: Place, size: tuple[int, ...]) -> Place:
        """Return where a place of a picture of this size went, as shares of it."""
        down, across = (2.0 * share - 1.0 for share in place)
        lean = self.shear * (size[1] - 1) / max(1, size[0] - 1)
        moved = self.stretch * (down + lean * across)
        return min(max((moved + 1.0) / 2.0, 0.0), 1.0), place[1]


def sample_transform(robustness: Robustness, random: np.random.Generator) -> RandomSeismicTransform:
    """Draw a change; factors and their inverses are equally likely."""
    shear, stretch, gain, band = random.uniform(-1.0, 1.0, 4).tolist()
    return RandomSeismicTransform(
        robustness.shear * shear,
        float(np.exp(np.log1p(robustness.stretch) * stretch)),
        float(np.exp(np.log1p(robustness.gain) * gain)),
        robustness.band * band,
    )


def _tilted(values: torch.Tensor, tilt_db: float) -> torch.Tensor:
    """Return values ``(1, channel, row, column)`` with a spectrum along rows that leans by decibels an octave."""
    n_rows = values.shape[-2]
    if tilt_db == 0.0 or n_rows < 4:
        return values
    # Mirrored, so that the end of the record does not ring into its beginning.
    spectrum = torch.fft.rfft(torch.cat([values, values.flip(-2)], dim=-2), dim=-2)
    freq = torch.arange(spectrum.shape[-2], device=values.device, dtype=values.dtype)
    energy = spectrum.abs().square().sum(dim=(0, 1, 3))
    centre = ((freq * energy).sum() / energy.sum().clamp_min(1e-30)).clamp_min(1.0)
    decibels = (tilt_db * torch.log2(freq.clamp_min(0.5) / centre)).clamp(-_MOST_DECIBELS, _MOST_DECIBELS)
    return torch.fft.irfft(spectrum * (10.0 ** (decibels / 20.0))[:, None], n=2 * n_rows, dim=-2)[..., :n_rows, :]
