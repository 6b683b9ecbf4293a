"""Penalties of implausible sections, which are added to an objective like numbers, with a minus sign.

They are computed on the network's input, at the octave's size, in units of the clip amplitude (0 is zero amplitude or
mid-grey, ±1 is black and white), so that a weight means the same on every survey.

Examples
--------
>>> from seisdream.dreaming.objectives import Layer
>>> print(Layer("enc2") - 0.5 * TotalVariation())
enc2 - 0.5*penalty:tv
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F

from seisdream.dreaming.objectives.terms import Term, Window
from seisdream.models.network import Network
from seisdream.seismic.sections import MID_GREY

# Smooths the total variation around 0, where it has no derivative; a share of the clip amplitude.
_SMALL = 1e-3
# Standard deviation of the structure tensor's window, in samples and traces.
_TENSOR_WINDOW = 3.0


@dataclass(frozen=True)
class Penalty(Term):
    """A property of the section itself that grows as the section gets less plausible."""

    layer: str = field(default="", init=False)
    name = "penalty"

    def bind(self, network: Network) -> Term:
        """Return this penalty; it needs no network."""
        return self

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Raise, because a penalty has no activations."""
        raise TypeError(f"{self.target()} is a penalty of the section; use `measure`.")

    def measure(self, section: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Return the penalty, differentiably.

        Parameters
        ----------
        section, start : Tensor
            The section now and at the start of the dream, ``(1, channel, *space)`` in clip amplitudes.
        """
        raise NotImplementedError

    def target(self) -> str:
        """Return ``penalty:name``."""
        return f"penalty:{self.name}"


@dataclass(frozen=True)
class TotalVariation(Penalty):
    """The mean magnitude of the gradient (Rudin, Osher and Fatemi, Physica D 60, 1992): 0 for a constant section."""

    name = "tv"
    supports_cubes: ClassVar[bool] = False

    def measure(self, section: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Return the mean over samples, in clip amplitudes a sample."""
        down, across = torch.diff(section, dim=-2)[..., :-1], torch.diff(section, dim=-1)[..., :-1, :]
        return (down.square() + across.square() + _SMALL**2).sqrt().mean() - _SMALL


@dataclass(frozen=True)
class Energy(Penalty):
    """The mean squared amplitude."""

    name = "l2"

    def measure(self, section: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Return the mean over samples."""
        return section.square().mean()


@dataclass(frozen=True)
class Distance(Penalty):
    """The mean squared change from the section that the dream started from."""

    name = "distance"

    def measure(self, section: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Return the mean over samples."""
        return (section - start).square().mean()


@dataclass(frozen=True)
class Histogram(Penalty):
    """The squared Wasserstein distance between the histograms of the section and of the start.

    It is the mean squared difference of amplitudes of equal rank.
    """

    name = "histogram"

    def measure(self, section: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Return the mean over ranks."""
        now, before = (values.flatten(2).sort(dim=-1).values for values in (section, start))
        return (now - before).square().mean()


@dataclass(frozen=True)
class Discontinuity(Penalty):
    """How much amplitudes change along reflections: the share of the gradient's energy along the local dip.

    The dip is that of the section's structure tensor (Fehmers and Höcker, Geophysics 68, 2003). 0 where every
    reflection continues with constant amplitude, 0.5 where there is no preferred direction.
    """

    name = "discontinuity"
    supports_cubes: ClassVar[bool] = False

    def measure(self, section: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Return the energy along the dip divided by the whole, 0 to 0.5 or slightly more."""
        plane = section.mean(dim=1, keepdim=True)
        padded = F.pad(plane, (1, 1, 1, 1), mode="replicate")
        down = 0.5 * (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1])
        across = 0.5 * (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2])
        with torch.no_grad():
            dd, da, aa = (_smooth(product) for product in (down * down, down * across, across * across))
            angle = 0.5 * torch.atan2(2.0 * da, dd - aa)
        along = -torch.sin(angle) * down + torch.cos(angle) * across
        energy = (down.square() + across.square()).sum()
        return along.square().sum() / energy.clamp_min(1e-12)


def _smooth(values: torch.Tensor) -> torch.Tensor:
    """Return values through a Gaussian window; the edge value continues outside."""
    half = round(3 * _TENSOR_WINDOW)
    offsets = torch.arange(-half, half + 1, device=values.device, dtype=values.dtype)
    window = torch.exp(-0.5 * (offsets / _TENSOR_WINDOW) ** 2)
    window = window / window.sum()
    padded = F.pad(values, (half,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, window[None, None, :, None]), window[None, None, None])


PENALTIES = {kind.name: kind for kind in (TotalVariation, Energy, Discontinuity, Histogram, Distance)}
"""Penalties by their names in objective syntax."""


class Penalties:
    """The penalties of an objective, summed with their weights, and their gradient over the image.

    Parameters
    ----------
    terms : sequence of Term
        Those that are penalties count; the others are ignored.
    """

    def __init__(self, terms: Sequence[Term]):
        self.terms = tuple(term for term in terms if isinstance(term, Penalty))

    def __call__(self, image: torch.Tensor, start: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Return the weighted sum and its gradient.

        Parameters
        ----------
        image, start : Tensor
            ``(1, channel, *space)`` in grey levels, now and at the start of the dream.
        """
        if not self.terms:
            return 0.0, torch.zeros_like(image)
        leaf = image.detach().requires_grad_(True)
        now, before = leaf / MID_GREY - 1.0, start / MID_GREY - 1.0
        score = sum((term.weight * term.measure(now, before) for term in self.terms), torch.zeros(()).to(image))
        (gradient,) = torch.autograd.grad(score, leaf, allow_unused=True)
        return float(score.detach()), torch.zeros_like(image) if gradient is None else gradient
