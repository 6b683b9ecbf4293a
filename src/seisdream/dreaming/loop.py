"""The loop: octaves of steps over a batch ``(batch, channel, *space)``, for any parameterization and objective."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
class Step:
    """One step of one level.

    Attributes
    ----------
    octave, step : int
        Counted from 1.
    scores : tuple of float
        The objective of each dream before the step.
    milliseconds : float
        Duration of the step.
    """

    octave: int
    step: int
    scores: tuple[float, ...]
    milliseconds: float


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
    is_coupled: bool = False,
) -> Iterator[Step | Gradient]:
    """Run one level of gradient ascent, and yield after each step.

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
        Scale in samples at which gradients are smoothed; see `smooth_gradient`.
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
            gradient = Gradient(smooth_gradient(gradients, smooth))
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
            yield Step(octave + 1, step, scores, (time.perf_counter() - began) * 1e3)
