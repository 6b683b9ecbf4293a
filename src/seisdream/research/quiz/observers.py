"""The answers of the network, the attributes and the ideal observer to the questions of a quiz."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from seisdream.research.psychophysics.study import NETWORK, TrialResponses, fit_panel
from seisdream.research.quiz.questions import Question

N_PAIRS = 6
"""Number of pairs of each kind at each level that read-outs are fitted on."""

_SEED = 0


def respond_to(
    questions: Sequence[Question],
    *,
    network: str = "facies",
    fitted: Collection[str] = (NETWORK,),
    n_pairs: int = N_PAIRS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrialResponses:
    """Fit the read-outs on pairs that are in no quiz, and let the observers respond to the questions.

    Parameters
    ----------
    questions : sequence of Question
        Questions of one or several quizzes.
    network : str, default "facies"
        As for `seisdream.load_network`.
    fitted : collection of str, default (NETWORK,)
        Observers with a read-out that are needed in addition to the ideal one.
    n_pairs : int, default 6
        Number of pairs of each kind at each level that the read-outs are fitted on.
    progress : callable, optional
        Called with the number of pairs done and the total.

    Returns
    -------
    TrialResponses
        A row for each question, in their order.
    """
    n_fitted = 0

    def on_fit(done: int, n_learn: int) -> None:
        nonlocal n_fitted
        n_fitted = n_learn
        progress(done, n_learn + len(questions))

    panel = fit_panel(network, _SEED, n_pairs, on_fit, fitted=fitted)
    return panel.respond(
        [question.trial for question in questions], lambda done: progress(n_fitted + done, n_fitted + len(questions))
    )
