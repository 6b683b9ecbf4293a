"""The trials of a quiz: which pairs, in which order, with the target on which side; all from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.psychophysics.trials import Trial, make_trials

VERSION = 1
"""Of the trials: answers to one version say nothing about those of another."""

LEVELS_DB = (12.0, 4.0, -4.0, -12.0)
N_EACH = 3
_PRACTICE_DB = 15.0


@dataclass(frozen=True)
class Question:
    """A pair to choose from.

    Attributes
    ----------
    trial : Trial
        What is shown.
    is_target_right : bool
        Where the target is.
    """

    trial: Trial
    is_target_right: bool

    @property
    def answer(self) -> str:
        """``left`` or ``right``."""
        return "right" if self.is_target_right else "left"


def make_quiz(seed: int, *, n_each: int = N_EACH) -> tuple[list[Question], list[Question]]:
    """Make the questions of a quiz: practice, one of each kind under little noise, and those that count.

    Parameters
    ----------
    seed : int
        The same seed makes the same quiz.
    n_each : int, default 3
        Of each kind of target at each of `LEVELS_DB`: 60 questions in all.

    Returns
    -------
    practice, questions : list of Question
        Questions come kind by kind, so that one knows what to look for, and within a kind in any order of noise; the
        target is on each side in half of them.
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
