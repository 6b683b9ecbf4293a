"""The questions of a quiz: which pairs, in which order, and the side of each target; all from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.psychophysics.trials import Trial, make_trials

VERSION = 1
"""Version of the questions; answers to different versions are not comparable."""

LEVELS_DB = (12.0, 4.0, -4.0, -12.0)
N_EACH = 3
_PRACTICE_DB = 15.0


@dataclass(frozen=True)
class Question:
    """A pair of sections, one of which has the target.

    Attributes
    ----------
    trial : Trial
        The trial that both sections come from.
    is_target_right : bool
        Whether the target is in the right section.
    """

    trial: Trial
    is_target_right: bool

    @property
    def answer(self) -> str:
        """The correct side, ``left`` or ``right``."""
        return "right" if self.is_target_right else "left"


def make_quiz(seed: int, *, n_each: int = N_EACH) -> tuple[list[Question], list[Question]]:
    """Make the questions of a quiz: one easy practice question of each kind, and the scored questions.

    Parameters
    ----------
    seed : int
        Random seed; the same seed gives the same quiz.
    n_each : int, default 3
        Number of scored questions for each kind of target at each of `LEVELS_DB`, 60 in all.

    Returns
    -------
    practice, questions : list of Question
        Scored questions are grouped by kind, so that people know what to look for; within a kind the noise levels are
        in random order, and the target is on each side in half of the questions.
    """
    rng = np.random.default_rng([seed, VERSION])
    practice = [
        Question(trial, bool(rng.random() < 0.5))
        for trial in make_trials(seed, 1, stream="practice", snr_db=(_PRACTICE_DB,))
    ]
    trials = list(make_trials(seed, n_each, stream="quiz", snr_db=LEVELS_DB))
    questions = []
    for kind in rng.permutation(TARGETS):
        of_kind = [trial for trial in trials if trial.kind == kind]
        sides = rng.permutation(np.arange(len(of_kind)) % 2 == 0)
        order = rng.permutation(len(of_kind))
        questions += [Question(of_kind[at], bool(side)) for at, side in zip(order, sides, strict=True)]
    return practice, questions
