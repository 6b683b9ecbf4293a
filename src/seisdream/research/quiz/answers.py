"""Answers to the quiz: read, checked against the questions, pooled, and scored beside the network and the limit."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.research.experiments.sight import ready_panel
from seisdream.research.psychophysics.signal_detection import (
    d_prime_2afc,
    efficiency,
    efficiency_interval,
    interval_2afc,
)
from seisdream.research.psychophysics.study import ATTRIBUTES, IDEAL, NETWORK, TrialResponses, measure
from seisdream.research.quiz.questions import LEVELS_DB, VERSION, make_quiz

PEOPLE = "people"
COLUMNS = ("version", "seed", "sitting", "trial", "kind", "snr_db", "target", "answer", "seconds")
"""What a file of answers holds, a row for each question."""

_N_BOOTSTRAP = 2000


@dataclass(frozen=True)
class Answer:
    """One choice of one person.

    Attributes
    ----------
    seed : int
        Of the quiz.
    sitting : str
        A random number in place of a name.
    trial : int
        Number of the question, from 1.
    is_correct : bool
        Whether the target was chosen.
    seconds : float
        How long it took.
    """

    seed: int
    sitting: str
    trial: int
    is_correct: bool
    seconds: float


def read_answers(paths: Sequence[str | os.PathLike[str]]) -> list[Answer]:
    """Read any number of files of answers; a sitting that comes twice counts once.

    Raises
    ------
    SeisdreamError
        If a file is none, is of another version of the quiz, or holds what the page would not have written.
    """
    answers: dict[tuple[str, int], Answer] = {}
    for path in paths:
        try:
            with Path(path).open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                rows = list(reader)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            why = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
            raise SeisdreamError(f"{path} cannot be read as answers to the quiz: {why}.") from error
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise SeisdreamError(
                f"{path} has no column {missing[0]!r}, so it holds no answers; name files saved by the quiz's page."
            )
        for line, row in enumerate(rows, start=2):
            answer = _answer_of(path, line, row)
            answers.setdefault((answer.sitting, answer.trial), answer)
    return list(answers.values())


def _answer_of(path: object, line: int, row: dict[str, Any]) -> Answer:
    try:
        version, seed, trial = int(row["version"]), int(row["seed"]), int(row["trial"])
        seconds = float(row["seconds"])
    except (TypeError, ValueError) as error:
        raise SeisdreamError(f"{path}, line {line}: {error}; the page wrote numbers there.") from error
    if version != VERSION:
        raise SeisdreamError(
            f"{path} answers version {version} of the quiz and this seisdream makes version {VERSION}, with other "
            "questions; score it with the seisdream that made the page."
        )
    sides = ("left", "right")
    if row["answer"] not in sides or row["target"] not in sides or not row["sitting"] or seed < 0 or trial < 1:
        raise SeisdreamError(f"{path}, line {line}, is not what the page writes: {', '.join(map(str, row.values()))}.")
    return Answer(seed, row["sitting"], trial, row["answer"] == row["target"], seconds)


@dataclass(frozen=True)
class Scores:
    """What people, the network and the limit reached on the questions that people saw.

    Attributes
    ----------
    levels_db : tuple of float
        Signal-to-noise ratios.
    n_sittings, n_answers : int
        How many took part, and how many answers they gave.
    overall : dict
        By observer what `measure` tells; for people ``d_prime``, ``share_correct``, ``efficiency``, with intervals.
    by_level : dict
        For each observer ``d_prime`` and its interval at each level.
    sittings : list of dict
        For each person ``sitting``, ``n``, ``share_correct``, ``d_prime`` and its exact interval, ``median_seconds``.
    """

    levels_db: tuple[float, ...]
    n_sittings: int
    n_answers: int
    overall: dict[str, dict[str, Any]]
    by_level: dict[str, list[dict[str, Any]]]
    sittings: list[dict[str, Any]]


def score_answers(
    answers: Sequence[Answer],
    *,
    network: str = "facies",
    n_learn: int = 6,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Scores:
    """Pool answers, and let the network and the limit answer the same questions.

    Parameters
    ----------
    answers : sequence of Answer
        From `read_answers`, at least one.
    network : str, default "facies"
        As for `seisdream.load_network`.
    n_learn : int, default 6
        Pairs of each kind at each level that the network's read-out learns from; none is a question.
    progress : callable, optional
        Called with what is done, of how much.

    Returns
    -------
    Scores
        Intervals of people are exact ones of all answers together; where there are several sittings, as much wider as
        drawing whole sittings again makes them, since answers of one are alike.

    Raises
    ------
    SeisdreamError
        If there is no answer, or one to a question that its quiz does not have.
    """
    if not answers:
        raise SeisdreamError("There is no answer in the files; the page saves them when a sitting is over.")
    questions = {seed: make_quiz(seed)[1] for seed in sorted({answer.seed for answer in answers})}
    for answer in answers:
        if answer.trial > len(questions[answer.seed]):
            raise SeisdreamError(
                f"Sitting {answer.sitting} answers question {answer.trial}, and the quiz of seed {answer.seed} has "
                f"{len(questions[answer.seed])}."
            )
    asked = [(seed, number) for seed, of_seed in questions.items() for number in range(1, len(of_seed) + 1)]
    trials = [questions[seed][number - 1].trial for seed, number in asked]
    total = [0]

    def learning(done: int, n_pairs: int) -> None:
        total[0] = n_pairs + len(trials)
        progress(done, total[0])

    panel = ready_panel(network, 0, n_learn, learning)
    watched = panel.watch(trials, lambda done: progress(total[0] - len(trials) + done, total[0]))
    return _compare(answers, asked, watched)


def _compare(answers: Sequence[Answer], asked: list[tuple[int, int]], watched: TrialResponses) -> Scores:
    row_of = {question: row for row, question in enumerate(asked)}
    rows = np.array([row_of[answer.seed, answer.trial] for answer in answers])
    correct = np.array([answer.is_correct for answer in answers], float)
    names = sorted({answer.sitting for answer in answers})
    who = np.array([names.index(answer.sitting) for answer in answers])
    snr_db, limit = watched.snr_db[rows], watched.ideal_d_prime[rows]
    n_correct, n = int(correct.sum()), len(correct)
    shown = watched.where(np.unique(rows))
    observers = (IDEAL, NETWORK, ATTRIBUTES)
    overall = {name: measure(shown, name) for name in observers}
    overall[PEOPLE] = {
        "n_answers": n,
        "share_correct": n_correct / n,
        "d_prime": d_prime_2afc(n_correct, n),
        "d_prime_interval": _interval(correct, who),
        "efficiency": efficiency(correct, limit),
        "efficiency_interval": efficiency_interval(correct, limit),
    }
    levels = tuple(level for level in LEVELS_DB if (snr_db == level).any())
    by_level = {name: [measure(shown.where(shown.snr_db == level), name) for level in levels] for name in observers}
    by_level[PEOPLE] = [
        {
            "d_prime": d_prime_2afc(float(correct[snr_db == level].sum()), int((snr_db == level).sum())),
            "d_prime_interval": _interval(correct[snr_db == level], who[snr_db == level]),
        }
        for level in levels
    ]
    sittings = []
    for number, name in enumerate(names):
        mine = who == number
        n_right, n_mine = int(correct[mine].sum()), int(mine.sum())
        sittings.append(
            {
                "sitting": name,
                "n": n_mine,
                "share_correct": n_right / n_mine,
                "d_prime": d_prime_2afc(n_right, n_mine),
                "d_prime_interval": interval_2afc(n_right, n_mine),
                "median_seconds": float(np.median([one.seconds for one in answers if one.sitting == name])),
            }
        )
    return Scores(levels, len(names), n, overall, by_level, sittings)


def _interval(correct: np.ndarray, who: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """Return the interval of people's d′: exact, and of several as wide as drawing whole sittings again makes it.

    A few sittings drawn again hardly differ, and would be surer than all answers together can be.
    """
    people = np.unique(who)
    low, high = interval_2afc(int(correct.sum()), len(correct))
    if len(people) == 1:
        return low, high
    right = np.array([correct[who == one].sum() for one in people])
    total = np.array([(who == one).sum() for one in people])
    drawn = np.random.default_rng(seed).integers(0, len(people), (_N_BOOTSTRAP, len(people)))
    values = [d_prime_2afc(float(right[row].sum()), int(total[row].sum())) for row in drawn]
    least, most = np.percentile(values, [2.5, 97.5])
    return min(low, float(least)), max(high, float(most))
