"""What the dreams on the parts of a survey share, so that neighbouring parts agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from seisdream.inference.surroundings import Surroundings

StepScale = Callable[[torch.Tensor], torch.Tensor]
"""From the mean magnitude of each gradient, ``(batch, 1, ...)``, to the magnitude that a step is divided by."""


class MeasuredStepScale:
    """Divides each step by the mean magnitude of its own gradient, and records it.

    Attributes
    ----------
    magnitudes : list of float
        Of each step.
    """

    def __init__(self) -> None:
        self.magnitudes: list[float] = []

    def __call__(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Return the magnitude itself."""
        self.magnitudes.append(float(magnitude.mean()))
        return magnitude


class GivenStepScale:
    """Divides each step by a magnitude that was measured before, whatever its own gradient is.

    Parameters
    ----------
    magnitudes : iterable of float
        Of each step. A gradient is divided by its own magnitude where that was 0.
    """

    def __init__(self, magnitudes: Iterable[float]) -> None:
        self._left = iter(magnitudes)

    def __call__(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Return the magnitude of the next step."""
        given = torch.full_like(magnitude, next(self._left))
        return torch.where(given == 0, magnitude, given)


@dataclass(frozen=True)
class SurveyPart:
    """What a dream on a part of a survey shares with the dreams on the other parts; nothing where it stands alone.

    Attributes
    ----------
    extremes : (float, float), optional
        The smallest and the largest amplitude of the survey.
    step_scale : callable, optional
        As `StepScale`.
    around : Surroundings, optional
        The lines of the survey, for networks that take several; its statistics normalise cubes.
    is_coupled : bool, default False
        Whether the part is dreamed together with its neighbours, by `Dream.gradients`.
    is_block : bool, default False
        Whether the part is one of several blocks of a cube, between which no seams should show.
    """

    extremes: tuple[float, float] | None = None
    step_scale: StepScale | None = None
    around: Surroundings | None = None
    is_coupled: bool = False
    is_block: bool = False
