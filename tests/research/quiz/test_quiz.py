"""The quiz: balanced questions, a page that does not reveal answers, and scores of simulated people."""

import base64
import csv
import hashlib
import itertools
import json
import re

import numpy as np
import pytest

from errors import raises
from seisdream.research.psychophysics.signal_detection import d_prime_interval_2afc
from seisdream.research.psychophysics.study import (
    ATTRIBUTES,
    IDEAL,
    NETWORK,
    OBSERVERS,
    UNTRAINED,
    TrialResponses,
)
from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.quiz.answers import (
    COLUMNS,
    PEOPLE,
    Answer,
    _compare,
    _pooled_interval,
    read_answers,
    score_answers,
)
from seisdream.research.quiz.observers import respond_to
from seisdream.research.quiz.page import make_page, scramble
from seisdream.research.quiz.questions import LEVELS_DB, make_quiz


@pytest.fixture(scope="module")
def quiz():
    return make_quiz(3, n_each=2)


def _row(**changes):
    row = {"version": "1", "seed": "3", "sitting": "abc", "trial": "1", "kind": "fault", "snr_db": "12"}
    return row | {"target": "left", "answer": "left", "seconds": "1.5"} | changes


def _write(path, rows, columns=COLUMNS):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_questions_are_balanced_and_grouped_by_kind(quiz):
    practice, questions = quiz
    assert sorted(question.trial.kind for question in practice) == sorted(TARGETS)
    kinds = [question.trial.kind for question in questions]
    assert len(questions) == 40
    assert sum(one != other for one, other in itertools.pairwise(kinds)) == len(TARGETS) - 1
    for kind in TARGETS:
        of_kind = [question for question in questions if question.trial.kind == kind]
        assert sum(question.is_target_right for question in of_kind) == len(of_kind) / 2
        assert sorted(question.trial.snr_db for question in of_kind) == sorted(LEVELS_DB * 2)
    again = make_quiz(3, n_each=2)[1]
    assert [(one.trial.seed, one.answer) for one in again] == [(one.trial.seed, one.answer) for one in questions]
    assert [one.trial.seed for one in make_quiz(4, n_each=2)[1]] != [one.trial.seed for one in questions]


def test_the_page_is_self_contained_and_does_not_reveal_answers(quiz):
    practice, questions = quiz
    responses = _respond(questions)
    page = make_page(3, practice, questions, responses)
    # No address but the name of SVG, and no other file.
    assert not re.search(
        r"https?://(?!www\.w3\.org/2000/svg\")|src=|<link|@import|fetch\(|XMLHttpRequest|localStorage|cookie", page
    )
    data = json.loads(re.search(r'id="quiz">(\{.*\})</script>', page).group(1))
    assert len(data["trials"]) == 45
    assert not {"answer", "target", "artefact", "seed"} & set(data["trials"][0])
    hidden = base64.b64decode(data["hidden"])
    assert not {b"targets", b"network", b"left", b"right"} & set(re.findall(rb"[a-z]+", hidden))
    # The page unscrambles it with the bytes of the same generator.
    stream = base64.b64decode(scramble("\0" * len(hidden), 3))
    read = json.loads(bytes(one ^ other for one, other in zip(hidden, stream, strict=True)))
    assert read["targets"] == [question.answer for question in (*practice, *questions)]
    assert read["network"] == responses.correct(NETWORK).tolist()
    assert read["ideal"] == [4.0] * 40
    for trial in data["trials"]:
        assert all(image.startswith("data:image/png;base64,") for image in trial["images"])
        top, left, bottom, right = trial["box"]
        assert 0 <= top < bottom <= 100
        assert 0 <= left < right <= 100
    # The size of an image does not reveal the answer: sizes differ by noise alone.
    larger = np.array([len(trial["images"][1]) > len(trial["images"][0]) for trial in data["trials"]])
    agree = np.mean(larger == [side == "right" for side in read["targets"]])
    assert 0.2 < agree < 0.8


def test_a_sitting_that_is_read_twice_counts_once(tmp_path):
    one = _write(tmp_path / "one.csv", [_row(), _row(trial="2", answer="right")])
    other = _write(tmp_path / "other.csv", [_row(sitting="def")])
    answers = read_answers([one, one, other])
    assert answers == [
        Answer(3, "abc", 1, True, 1.5),
        Answer(3, "abc", 2, False, 1.5),
        Answer(3, "def", 1, True, 1.5),
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": "2"}, "incompatible"),
        ({"answer": "up"}, "corrupt"),
        ({"seconds": "soon"}, "corrupt"),
        ({"trial": "0"}, "corrupt"),
    ],
)
def test_rows_that_the_page_does_not_write_are_refused(tmp_path, changes, code):
    with raises(code) as error:
        read_answers([_write(tmp_path / "bad.csv", [_row(**changes)])])
    assert "line 2" in str(error.value)


def test_other_files_are_refused(tmp_path):
    with raises("unreadable"):
        read_answers([_write(tmp_path / "other.csv", [_row()], ("version", "seed"))])
    with raises("not-found"):
        read_answers([tmp_path / "none.csv"])
    with raises("missing-argument"):
        score_answers([])
    with raises("corrupt"):
        score_answers([Answer(3, "abc", 61, True, 1.0)])


def _respond(questions):
    """Return random responses of all observers to the questions."""
    n = len(questions)
    rng = np.random.default_rng(0)
    scores = {name: np.stack([rng.standard_normal(n), 1.0 + rng.standard_normal(n)], 1) for name in OBSERVERS}
    levels = np.array([question.trial.snr_db for question in questions])
    kinds = np.array([question.trial.kind for question in questions])
    return TrialResponses(np.arange(n), kinds, levels, np.full(n, 4.0), np.full((n, 2), ""), scores)


def test_the_pooled_d_prime_of_simulated_people_is_recovered(quiz):
    """25 sittings of players with a Gaussian decision variable."""
    questions, rng = quiz[1], np.random.default_rng(5)
    pooled = []
    for number in range(25):
        evidence = 1.2 + np.sqrt(2.0) * rng.standard_normal(len(questions)) > 0
        chosen = [
            question.answer if right else {"left": "right", "right": "left"}[question.answer]
            for question, right in zip(questions, evidence, strict=True)
        ]
        pooled += [
            Answer(3, str(number), trial, choice == question.answer, 0.0)
            for trial, (question, choice) in enumerate(zip(questions, chosen, strict=True), start=1)
        ]
    keys = [(3, number) for number in range(1, len(questions) + 1)]
    scores = _compare(pooled, keys, _respond(questions))
    people = scores.overall[PEOPLE]
    assert people["d_prime"] == pytest.approx(1.2, abs=0.15)
    assert people["d_prime_interval"][0] < 1.2 < people["d_prime_interval"][1]
    # All trials have the ideal d' 4, so the efficiency is the squared ratio.
    assert people["efficiency"] == pytest.approx((people["d_prime"] / 4) ** 2, rel=0.02)
    assert (scores.n_sittings, scores.n_answers, scores.levels_db) == (25, 1000, LEVELS_DB)
    assert len(scores.by_level[PEOPLE]) == len(LEVELS_DB)
    covered = [low <= 1.2 <= high for low, high in (one["d_prime_interval"] for one in scores.sittings)]
    assert np.mean(covered) >= 0.9
    assert set(scores.overall) == {IDEAL, NETWORK, ATTRIBUTES, PEOPLE}


def test_the_interval_of_a_few_similar_sittings_is_not_narrower_than_that_of_all_answers():
    correct, sitting = np.tile(np.arange(20) < 15, 3).astype(float), np.repeat([0, 1, 2], 20)
    assert _pooled_interval(correct, sitting) == d_prime_interval_2afc(45, 60)
    # Sittings that differ by more than chance widen it.
    apart = np.concatenate([np.ones(20), np.ones(20), np.zeros(20)])
    low, high = _pooled_interval(apart, sitting)
    assert low < d_prime_interval_2afc(40, 60)[0]
    assert high > d_prime_interval_2afc(40, 60)[1]


def test_the_page_may_run_its_own_script_and_nothing_else(quiz):
    page = make_page(3, *quiz, _respond(quiz[1]))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    assert "unsafe-inline" not in policy
    assert not re.search(r"\s(style|on\w+)=", page.partition("<body>")[2].partition("<script")[0])
    for element in ("style", "script"):
        (content,) = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy


def test_the_answers_on_the_page_are_those_that_files_are_scored_with(quiz, monkeypatch):
    """Both fit the same read-outs and respond to the same trials; the page needs no attributes."""
    questions, asked = quiz[1], []

    def fit_panel(network, seed, n_pairs, progress, *, fitted):
        asked.append((network, seed, n_pairs, fitted))
        return Panel()

    class Panel:
        def respond(self, trials, progress):
            assert [trial.seed for trial in trials] == [question.trial.seed for question in questions]
            return _respond(questions)

    monkeypatch.setattr("seisdream.research.quiz.observers.fit_panel", fit_panel)
    monkeypatch.setattr("seisdream.research.quiz.answers.make_quiz", lambda seed: quiz)
    right = respond_to(questions).correct(NETWORK)
    scores = score_answers([Answer(3, "abc", trial, True, 1.0) for trial in range(1, 41)])
    assert scores.overall[NETWORK]["proportion_correct"] == pytest.approx(right.mean())
    assert asked == [("facies", 0, 6, (NETWORK,)), ("facies", 0, 6, (NETWORK, ATTRIBUTES))]


@pytest.mark.slow
def test_an_observer_that_is_not_needed_changes_no_other(quiz):
    questions = [question for question in quiz[1] if question.trial.snr_db == 12.0]
    few = respond_to(questions, n_pairs=1)
    all_of_them = respond_to(questions, fitted=(NETWORK, UNTRAINED, ATTRIBUTES), n_pairs=1)
    assert ATTRIBUTES not in few.scores
    assert set(all_of_them.scores) > set(few.scores)
    for name in (IDEAL, NETWORK):
        np.testing.assert_array_equal(few.scores[name], all_of_them.scores[name])
