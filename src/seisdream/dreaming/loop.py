"""The loop: octaves of steps over a batch ``(batch, channel, *space)``, for any parameterization and objective."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from seisdream.dreaming.evaluator import Evaluator
from seisdream.dreaming.gradient_smoothing import smooth_gradient
from seisdream.dreaming.parameterizations.base import Parameterization
from seisdream.dreaming.transforms import Transform
from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import Size


class NonFiniteStepError(SeisdreamError):
    """A step gave NaN or infinity; the dream stopped and kept the last good state."""


@dataclass(frozen=True)
class DreamState:
    """One step of a dream.

    Attributes
    ----------
    level, octave, step : int
        Counted from 1.
    n_levels, n_octaves, n_steps : int
        How many there will be.
    scores : tuple of float
        The objective of each dream of the batch before the step.
    milliseconds : float
        Duration of the step.
    """

    level: int
    octave: int
    step: int
    n_levels: int
    n_octaves: int
    n_steps: int
    scores: tuple[float, ...]
    milliseconds: float
    _render: Callable[[], torch.Tensor]

    @property
    def score(self) -> float:
        """The mean score of the batch."""
        return sum(self.scores) / len(self.scores)

    @cached_property
    def image(self) -> torch.Tensor:
        """Return the network's input after the step, at its full size: ``(batch, channel, *space)`` in grey levels."""
        return self._render()

    @property
    def ends_level(self) -> bool:
        """Whether this is the last step of its level."""
        return (self.octave, self.step) == (self.n_octaves, self.n_steps)


@dataclass
class Gradient:
    """The gradient of a step before the step is taken, which may be replaced.

    Attributes
    ----------
    values : Tensor
        ``(batch, channel, *space)`` at the size of the octave.
    """

    values: torch.Tensor


def ascend(
    parameterization: Parameterization,
    evaluate: Evaluator,
    sizes: Sequence[Size],
    n_steps: int,
    step_size: float,
    draw_transforms: Callable[[], Sequence[Transform]],
    smooth: float = 0.0,
    *,
    level: tuple[int, int] = (1, 1),
    is_coupled: bool = False,
) -> Iterator[DreamState | Gradient]:
    """Run one level of gradient ascent, and yield the state after each step.

    Parameters
    ----------
    parameterization : Parameterization
        What is optimized; it holds the result.
    evaluate : Evaluator
        From images to scores and gradients.
    sizes : sequence of tuple of int
        Of the octaves, smallest first.
    n_steps : int
        In each octave.
    step_size : float
        Mean change of a step, in grey levels.
    draw_transforms : callable
        Draws the transform of each dream for the next forward pass.
    smooth : float, default 0
        Scale in samples at which gradients are smoothed (`smooth_gradient`); 0 for none.
    level : (int, int), default (1, 1)
        The number of the level, counted from 1, and how many there will be.
    is_coupled : bool, default False
        Whether to yield each gradient before its step too.

    Raises
    ------
    NonFiniteStepError
        If a step gives NaN or infinity (``not-finite``); what is optimized stays as it was before that step.
    """
    parameterization.begin_level(sizes)
    for octave in range(len(sizes)):
        parameterization.begin_octave(octave)
        for step in range(1, n_steps + 1):
            began = time.perf_counter()
            scores, gradients = evaluate(parameterization.image(), draw_transforms())
            scores = tuple(float(score) for score in scores)
            gradient = Gradient(smooth_gradient(gradients, smooth) if smooth else gradients)
            if is_coupled:
                yield gradient
            values = parameterization.propose(gradient.values, step_size)
            # The smallest and the largest are NaN where anything is, and take no copy of the values.
            extremes = torch.stack(torch.aminmax(values))
            if not (np.isfinite(scores).all() and bool(torch.isfinite(extremes).all())):
                raise NonFiniteStepError(
                    f"Step {step} of octave {octave + 1} gave a score of {', '.join(f'{one:g}' for one in scores)} and "
                    "a result that is not finite; the last good state is kept. Use `precision=float32`, a smaller "
                    "`step_size`, or check for extreme amplitudes (seisdream info).",
                    code="not-finite",
                )
            parameterization.accept(values)
            yield DreamState(
                level=level[0],
                octave=octave + 1,
                step=step,
                n_levels=level[1],
                n_octaves=len(sizes),
                n_steps=n_steps,
                scores=scores,
                milliseconds=(time.perf_counter() - began) * 1e3,
                _render=parameterization.full_image(),
            )
