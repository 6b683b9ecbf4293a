"""Answers to the quiz: read, checked against the questions, pooled, and compared with network and ideal observer."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.texts import check_regular
from seisdream.research.psychophysics.sensitivity import estimate_dprime
from seisdream.research.psychophysics.signal_detection import (
    d_prime_2afc,
    d_prime_interval_2afc,
    efficiency,
    efficiency_interval,
)
from seisdream.research.psychophysics.study import (
    ATTRIBUTES,
    IDEAL,
    NETWORK,
    TrialResponses,
)
from seisdream.research.quiz.observers import N_PAIRS, respond_to
from seisdream.research.quiz.questions import LEVELS_DB, VERSION, make_quiz

PEOPLE = "people"
COLUMNS = ("version", "seed", "sitting", "trial", "kind", "snr_db", "target", "answer", "seconds")
"""Columns of a file of answers, which has a row for each question."""

SIDES = ("left", "right")

_COMPARED = (IDEAL, NETWORK, ATTRIBUTES)
_N_BOOTSTRAP = 2000


@dataclass(frozen=True)
class Answer:
    """One answer of one person.

    Attributes
    ----------
    seed : int
        Seed of the quiz.
    sitting : str
        Random number that stands for the person.
    trial : int
        Number of the question, from 1.
    is_correct : bool
        Whether the section with the target was chosen.
    seconds : float
        Response time in seconds.
    """

    seed: int
    sitting: str
    trial: int
    is_correct: bool
    seconds: float


def read_answers(paths: Sequence[str | os.PathLike[str]]) -> list[Answer]:
    """Read any number of files of answers; a sitting that occurs twice counts once.

    Raises
    ------
    SeisdreamError
        If a file cannot be read, belongs to another version of the quiz, or was not written by the page.
    """
    answers: dict[tuple[str, int], Answer] = {}
    for path in paths:
        for line, row in enumerate(_read_rows(path), start=2):
            answer = _parse_answer(f"{path}, line {line}", row)
            answers.setdefault((answer.sitting, answer.trial), answer)
    return list(answers.values())


def _read_rows(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    try:
        check_regular(path)
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or ()
    except FileNotFoundError as error:
        raise SeisdreamError(f"There is no file {path}.", code="not-found", option="answers") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SeisdreamError(f"Cannot read {path} as CSV: {error}.", code="unreadable", option="answers") from error
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise SeisdreamError(
            f"{path} has no column {missing[0]!r}; name files of answers that were saved from the quiz page.",
            code="unreadable",
            option="answers",
        )
    return rows


def _parse_answer(where: str, row: dict[str, Any]) -> Answer:
    try:
        version, seed, trial = int(row["version"]), int(row["seed"]), int(row["trial"])
        seconds = float(row["seconds"])
    except (TypeError, ValueError) as error:
        raise SeisdreamError(
            f"{where}: version, seed, trial and seconds must be numbers ({error}).", code="corrupt", option="answers"
        ) from error
    if version != VERSION:
        raise SeisdreamError(
            f"{where}: these are answers to version {version} of the quiz, whose questions differ from those of "
            f"version {VERSION}; score them with the version of seisdream that wrote the page.",
            code="incompatible",
            option="answers",
        )
    is_valid = row["answer"] in SIDES and row["target"] in SIDES and row["sitting"] and seed >= 0 and trial >= 1
    if not is_valid or not 0 <= seconds < math.inf:
        raise SeisdreamError(
            f"{where}: the quiz page does not write a row such as {', '.join(map(str, row.values()))}.",
            code="corrupt",
            option="answers",
        )
    return Answer(seed, row["sitting"], trial, row["answer"] == row["target"], seconds)


@dataclass(frozen=True)
class QuizScores:
    """Sensitivity of people, the network and the ideal observer for the same questions.

    Attributes
    ----------
    levels_db : tuple of float
        Signal-to-noise ratios in dB.
    n_sittings, n_answers : int
        Number of sittings and of answers.
    overall : dict
        By observer the measures of `estimate_dprime`; for people ``d_prime``, ``proportion_correct`` and
        ``efficiency`` with intervals.
    by_level : dict
        For each observer ``d_prime`` and its interval at each level.
    sittings : list of dict
        For each sitting ``sitting``, ``n``, ``proportion_correct``, ``d_prime`` and its exact interval, and
        ``median_seconds``.
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
    n_pairs: int = N_PAIRS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> QuizScores:
    """Pool answers, and compare them with a network and the ideal observer on the same questions.

    Parameters
    ----------
    answers : sequence of Answer
        Answers from `read_answers`, at least one.
    network : str, default "facies"
        As for `seisdream.load_network`.
    n_pairs : int, default 6
        Number of pairs of each kind at each level that read-outs are fitted on; none is a question.
    progress : callable, optional
        Called with the number of pairs done and the total.

    Returns
    -------
    QuizScores
        Intervals for people are exact for all answers together. For several sittings they are widened to the
        bootstrap interval over sittings, because the answers of one person are correlated.

    Raises
    ------
    SeisdreamError
        If there is no answer, or an answer to a question that its quiz does not have.
    """
    if not answers:
        raise SeisdreamError(
            "The files hold no answers; the quiz page saves them at the end of a sitting.",
            code="missing-argument",
            option="answers",
        )
    questions = {seed: make_quiz(seed)[1] for seed in sorted({answer.seed for answer in answers})}
    for answer in answers:
        n_questions = len(questions[answer.seed])
        if answer.trial > n_questions:
            raise SeisdreamError(
                f"Sitting {answer.sitting} answers question {answer.trial}, but the quiz with seed {answer.seed} has "
                f"{n_questions} questions.",
                code="corrupt",
                option="answers",
            )
    keys = [(seed, number) for seed, of_seed in questions.items() for number in range(1, len(of_seed) + 1)]
    asked = [questions[seed][number - 1] for seed, number in keys]
    responses = respond_to(asked, network=network, fitted=(NETWORK, ATTRIBUTES), n_pairs=n_pairs, progress=progress)
    return _compare(answers, keys, responses)


def _compare(answers: Sequence[Answer], keys: list[tuple[int, int]], responses: TrialResponses) -> QuizScores:
    """Score answers and responses; ``keys`` are the seed and number of the question of each response."""
    row_of_question = {question: row for row, question in enumerate(keys)}
    rows = np.array([row_of_question[answer.seed, answer.trial] for answer in answers])
    correct = np.array([answer.is_correct for answer in answers], float)
    names = sorted({answer.sitting for answer in answers})
    sitting = np.array([names.index(answer.sitting) for answer in answers])
    snr_db, limit = responses.snr_db[rows], responses.ideal_d_prime[rows]
    answered = responses.select(np.unique(rows))
    levels = tuple(level for level in LEVELS_DB if (snr_db == level).any())
    overall = {name: estimate_dprime(answered, name) for name in _COMPARED}
    overall[PEOPLE] = {
        "n_answers": len(correct),
        "proportion_correct": float(correct.mean()),
        **_pooled_d_prime(correct, sitting),
        "efficiency": efficiency(correct, limit),
        "efficiency_interval": efficiency_interval(correct, limit),
    }
    by_level = {
        name: [estimate_dprime(answered.select(answered.snr_db == level), name) for level in levels]
        for name in _COMPARED
    }
    by_level[PEOPLE] = [_pooled_d_prime(correct[snr_db == level], sitting[snr_db == level]) for level in levels]
    seconds = np.array([answer.seconds for answer in answers])
    sittings = [
        _score_sitting(name, correct[sitting == number], seconds[sitting == number])
        for number, name in enumerate(names)
    ]
    return QuizScores(levels, len(names), len(correct), overall, by_level, sittings)


def _score_sitting(name: str, correct: np.ndarray, seconds: np.ndarray) -> dict[str, Any]:
    n_correct = int(correct.sum())
    return {
        "sitting": name,
        "n": len(correct),
        "proportion_correct": n_correct / len(correct),
        "d_prime": d_prime_2afc(n_correct, len(correct)),
        "d_prime_interval": d_prime_interval_2afc(n_correct, len(correct)),
        "median_seconds": float(np.median(seconds)),
    }


def _pooled_d_prime(correct: np.ndarray, sitting: np.ndarray) -> dict[str, Any]:
    return {
        "d_prime": d_prime_2afc(float(correct.sum()), len(correct)),
        "d_prime_interval": _pooled_interval(correct, sitting),
    }


def _pooled_interval(correct: np.ndarray, sitting: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """Return the interval of people's d′: exact, and for several sittings widened to the bootstrap over sittings.

    The bootstrap alone would be too narrow for a few similar sittings.
    """
    low, high = d_prime_interval_2afc(int(correct.sum()), len(correct))
    sittings = np.unique(sitting)
    if len(sittings) == 1:
        return low, high
    n_correct = np.array([correct[sitting == one].sum() for one in sittings])
    n_answers = np.array([(sitting == one).sum() for one in sittings])
    resampled = np.random.default_rng(seed).integers(0, len(sittings), (_N_BOOTSTRAP, len(sittings)))
    values = [d_prime_2afc(float(n_correct[rows].sum()), int(n_answers[rows].sum())) for rows in resampled]
    bootstrap_low, bootstrap_high = np.percentile(values, [2.5, 97.5])
    return min(low, float(bootstrap_low)), max(high, float(bootstrap_high))
