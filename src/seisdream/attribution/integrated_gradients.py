"""Integrated gradients (Sundararajan, Taly and Yan 2017), with captum.

The path from a baseline to the section is integrated in parts; where the parts do not add up to the change of the
score, the worst of them is halved.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from seisdream.extras import require_extra

Score = Callable[[torch.Tensor], torch.Tensor]

MAX_COMPLETENESS_ERROR = 0.01
"""Largest difference between the sum of the map and the change of the score, as a share of that change."""
_MAX_STEPS = 512
_N_PARTS = 4


def integrated_gradients(
    score: Score,
    image: torch.Tensor,
    baselines: Sequence[torch.Tensor],
    *,
    steps: int | None,
    default_steps: int,
    is_refined: bool = True,
    batch: int = 1,
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Return the integrated gradients of a score, averaged over baselines.

    Parameters
    ----------
    score : callable
        From images ``(batch, channel, row, column)`` to scores ``(batch,)``.
    image : Tensor
        ``(1, channel, row, column)``.
    baselines : sequence of Tensor
        Each shaped as the image.
    steps : int or None
        Points on the path; None: `default_steps`, more where the map is not complete.
    default_steps : int
        Points on the path to begin with.
    is_refined : bool, default True
        Whether to add steps, and to warn, where the map is not complete.
    batch : int, default 1
        Images that are computed at once.

    Returns
    -------
    map : Tensor
        ``(1, channel, row, column)``.
    info : dict
        ``steps``, ``baseline_score`` and ``completeness_error``.
    """
    ends = np.linspace(0.0, 1.0, 2 if steps else _N_PARTS + 1).tolist()
    n_points = steps or default_steps // _N_PARTS
    path = _Path(score, image, n_points, batch)
    parts = [path.part(baseline, *span) for baseline in baselines for span in pairwise(ends)]
    change = sum(part.change for part in parts) / len(baselines)

    def completeness_error() -> float:
        return abs(sum(part.error for part in parts)) / len(baselines) / max(abs(change), 1e-12)

    max_steps = _MAX_STEPS * len(baselines)
    is_adaptive = is_refined and not steps
    while is_adaptive and completeness_error() > MAX_COMPLETENESS_ERROR and n_points * (len(parts) + 1) <= max_steps:
        worst = max(parts, key=lambda part: abs(part.error))
        parts.remove(worst)
        middle = 0.5 * (worst.first + worst.last)
        parts += [path.part(worst.baseline, *span) for span in ((worst.first, middle), (middle, worst.last))]
    error, n_steps = completeness_error(), n_points * len(parts) // len(baselines)
    if error > MAX_COMPLETENESS_ERROR and is_refined:
        warnings.warn(
            f"Integrated gradients differ from the change of the score ({change:.3g}) by {100 * error:.1f} %; use more "
            f"than {n_steps} `steps`.",
            stacklevel=4,
        )
    with torch.no_grad():
        baseline_score = sum(float(score(baseline)) for baseline in baselines) / len(baselines)
    map_ = torch.stack([part.map for part in parts]).sum(0) / len(baselines)
    return map_, {"steps": n_steps, "baseline_score": baseline_score, "completeness_error": error}


@dataclass(frozen=True, eq=False)  # Compared by identity, because tensors cannot be compared.
class _Part:
    """The integral over a part of the path from a baseline to the section, and the change of the score along it."""

    baseline: torch.Tensor
    first: float
    last: float
    map: torch.Tensor
    change: float

    @property
    def error(self) -> float:
        return float(self.map.sum(dtype=torch.float64)) - self.change


@dataclass(frozen=True)
class _Path:
    score: Score
    image: torch.Tensor
    n_points: int
    batch: int

    def part(self, baseline: torch.Tensor, first: float, last: float) -> _Part:
        method = require_extra("captum.attr", "attribution", "Attribution").IntegratedGradients(self.score)
        low, high = (baseline + share * (self.image - baseline) for share in (first, last))
        map_ = method.attribute(high, low, n_steps=self.n_points, internal_batch_size=self.batch)
        with torch.no_grad():
            change = float(self.score(high)) - float(self.score(low))
        return _Part(baseline, first, last, map_, change)
