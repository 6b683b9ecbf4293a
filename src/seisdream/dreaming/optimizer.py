"""Steps uphill over what is free, where that is not the samples themselves.

The network looks at the section that follows from what is free, resized to each octave in turn; its gradient, whole or
in tiles, is carried back through the resizing and through the parameterization. So what is free lies on the section's
own grid at every octave, and the section keeps what the parameterization promises at every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch

from seisdream.dreaming.octaves import Size
from seisdream.dreaming.parameterizations.base import Byproduct, Parameterization
from seisdream.inference.resize import resize

# From a picture that the network looks at to its score and the score's gradient there.
Look = Callable[[torch.Tensor], tuple[Any, torch.Tensor]]
Keep = Callable[[torch.Tensor], torch.Tensor]


class Scale(Protocol):
    """From a section's units to grey levels: a `GreyMapping`, or the numbers of several ``(section, 1, 1, 1)``."""

    @property
    def low(self) -> Any:
        """The value that becomes black."""

    @property
    def units_per_grey(self) -> Any:
        """The change in units that one grey level stands for."""


class ParameterizedAscent:
    """What is free on its way uphill; several sections of one size climb beside each other, each by its own steps.

    Parameters
    ----------
    parameterization : Parameterization
        What is free, at its start.
    mapping : Scale
        From the section's units to grey levels.
    clip : bool
        Show the network grey levels 0 to 255 only; what is beyond gets no gradient.
    weight : Tensor, optional
        ``(row, column)``, 0 where the section must stay to 1 where all may change.
    keeps : sequence of callables
        Projections of the section, applied after each step in order.
    """

    def __init__(
        self,
        parameterization: Parameterization,
        mapping: Scale,
        *,
        clip: bool,
        weight: torch.Tensor | None = None,
        keeps: tuple[Keep, ...] = (),
    ):
        self._parameterization = parameterization
        self._mapping, self._clip, self._keeps = mapping, clip, keeps
        self._weight = None if weight is None else weight.to(parameterization.start)
        self.free = self._first = parameterization.free

    @property
    def start(self) -> torch.Tensor:
        """The section that the dream started from, ``(section, channel, row, column)``, or the cube."""
        return self._parameterization.start

    def section(self, free: torch.Tensor | None = None) -> torch.Tensor:
        """Return the section ``(section, channel, row, column)`` in its own units; where the weight is 0, the start."""
        rendered = self._parameterization.render(self.free if free is None else free)
        if self._weight is None:
            return rendered
        return self.start + self._weight * (rendered - self.start)

    def picture(self, section: torch.Tensor | None = None) -> torch.Tensor:
        """Return what the network looks at, at the section's size."""
        section = self.section() if section is None else section
        grey = (section - self._mapping.low) / self._mapping.units_per_grey
        return grey.clamp(0.0, 255.0) if self._clip else grey

    @property
    def wavelet(self) -> np.ndarray | None:
        """The wavelet that the section is convolved with, or None."""
        return self._parameterization.wavelet

    def byproducts(self, *, at_start: bool = False) -> dict[str, Byproduct]:
        """Return what else the dream found, or began with."""
        return self._parameterization.byproducts(self._first if at_start else self.free)

    def step(self, look: Look, size: Size, step_size: float) -> Any:
        """Take one step.

        Parameters
        ----------
        look : callable
            From a picture to its score and the gradient there.
        size : tuple of int
            The octave's.
        step_size : float
            Mean change of the section in grey levels, where it may change.

        Returns
        -------
        score
            What `look` said it was before the step.
        """
        free = self.free.detach()
        leaf = free.clone().requires_grad_(True)
        view = resize(self.picture(self.section(leaf)), size)
        score, gradient = look(view.detach())
        (over_free,) = torch.autograd.grad(view, leaf, gradient)
        direction = self._parameterization.uphill(free, over_free)
        # How the section changes to first order, so that a step means the same whatever is free.
        change = self._change(free, direction)
        n_free = change[0].numel() if self._weight is None else self._weight.sum() * change.shape[1]
        magnitude = (
            change.abs().sum(tuple(range(1, change.ndim)), keepdim=True) / n_free / abs(self._mapping.units_per_grey)
        )
        magnitude = magnitude.reshape(-1, *(1 for _ in direction.shape[1:]))
        direction = torch.where(magnitude == 0, direction, step_size / magnitude * direction)
        stepped = self._parameterization.settle(free + direction)
        for keep in self._keeps:
            nearer = self._parameterization.approach(stepped, keep(self.section(stepped)))
            assert nearer is not None, "settings that do not go together are refused before"
            stepped = nearer
        self.free = stepped
        return score

    def _change(self, free: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        """Return how the section changes along a direction, to first order."""
        # The gradient is linear in what is carried back, so differentiated once more it goes forward.
        leaf = free.clone().requires_grad_(True)
        section = self.section(leaf)
        carried = torch.zeros_like(section, requires_grad=True)
        (back,) = torch.autograd.grad(section, leaf, carried, create_graph=True)
        return torch.autograd.grad(back, carried, direction)[0]


def likeness(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Return how alike two sections are: their correlation, and their difference as NRMS in percent.

    NRMS is 200 times the difference's root mean square over the sum of both, 0 for equal sections and 141 for
    unrelated ones (Kragh and Christie, "Seismic repeatability, normalized rms, and predictability", The Leading Edge
    21, 2002).
    """
    one, other = np.asarray(one, np.float64).ravel(), np.asarray(other, np.float64).ravel()
    rms = [float(np.sqrt(np.mean(values**2))) for values in (one, other, one - other)]
    alike = float(np.corrcoef(one, other)[0, 1]) if one.std() and other.std() else float("nan")
    return {"correlation": round(alike, 4), "nrms_percent": round(200.0 * rms[2] / max(rms[0] + rms[1], 1e-30), 1)}
