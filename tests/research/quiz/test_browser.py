"""The quiz, played in a headless browser by simulated people of known d′."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from chromium import chromium, opened, wait_until
from seisdream.research.psychophysics.sensitivity import estimate_dprime
from seisdream.research.psychophysics.signal_detection import (
    d_prime_2afc,
    d_prime_interval_2afc,
    proportion_correct_2afc,
)
from seisdream.research.psychophysics.study import IDEAL, NETWORK, TrialResponses
from seisdream.research.quiz.answers import read_answers
from seisdream.research.quiz.page import make_page
from seisdream.research.quiz.questions import LEVELS_DB, make_quiz

SEED, READY = 11, "mode === 'play' && performance.now() - shownAt > MIN_RESPONSE_MS"
OTHER = {"left": "right", "right": "left"}


@pytest.fixture(scope="module")
def quiz():
    practice, questions = make_quiz(SEED, n_each=1)
    return practice[:2], questions


def _respond(questions, is_correct, ideal_d_prime):
    """Return responses of a network and an ideal observer whose answers are known."""
    n = len(questions)
    network = np.stack([np.zeros(n), np.where(is_correct, 1.0, -1.0)], 1)
    levels = np.array([question.trial.snr_db for question in questions])
    kinds = np.array([question.trial.kind for question in questions])
    scores = {NETWORK: network, IDEAL: np.tile([0.0, 1.0], (n, 1))}
    return TrialResponses(np.arange(n), kinds, levels, np.asarray(ideal_d_prime, float), np.full((n, 2), ""), scores)


@pytest.fixture(scope="module")
def responses(quiz):
    rng = np.random.default_rng(2)
    return _respond(quiz[1], rng.random(20) < 0.6, rng.uniform(0.2, 3.0, 20))


@pytest.fixture(scope="module")
def page(quiz, responses, tmp_path_factory):
    path = tmp_path_factory.mktemp("quiz") / "quiz.html"
    path.write_text(make_page(SEED, *quiz, responses), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with chromium() as engine, opened(engine, "about:blank") as browser:
        yield browser


def _choose(browser, side, by_key):
    wait_until(browser, READY)
    if by_key:
        browser.keyboard.press(f"Arrow{side.title()}")
    else:
        browser.click(f"#{side}")


def _practise(browser, practice, by_key=True):
    browser.click("#consent")
    browser.click("#start")
    for number, question in enumerate(practice):
        # The first answer is correct and the second wrong; the page gives feedback on both.
        _choose(browser, question.answer if number == 0 else OTHER[question.answer], by_key)
        feedback = browser.evaluate("document.getElementById('feedback').textContent")
        assert feedback.startswith("Yes" if number == 0 else "No")
        assert question.answer in feedback
        browser.click("#next")
    wait_until(browser, "mode === 'ready'")
    browser.click("#begin")


def _saved(browser, folder):
    with browser.expect_download() as download:
        browser.click("#save")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.mark.parametrize(("d_prime", "by_key"), [(0.9, True), pytest.param(2.2, False, marks=pytest.mark.slow)])
def test_answers_of_a_simulated_person_are_saved_and_read(browser, page, quiz, tmp_path, d_prime, by_key):
    practice, questions = quiz
    rng = np.random.default_rng(int(10 * d_prime))
    browser.set_viewport_size({"width": 1280, "height": 860} if by_key else {"width": 390, "height": 844})
    browser.goto(page.as_uri())
    _practise(browser, practice, by_key)
    chosen = []
    for question in questions:
        # A Gaussian decision variable, whose mean is d' higher with the target.
        chooses_target = d_prime + rng.standard_normal() > rng.standard_normal()
        chosen.append(question.answer if chooses_target else OTHER[question.answer])
        _choose(browser, chosen[-1], by_key)
    wait_until(browser, "mode === 'done'")
    answers = read_answers([_saved(browser, tmp_path)])
    assert [answer.trial for answer in answers] == list(range(1, 21))
    assert [answer.is_correct for answer in answers] == [
        question.answer == choice for question, choice in zip(questions, chosen, strict=True)
    ]
    n_right = sum(answer.is_correct for answer in answers)
    low, high = d_prime_interval_2afc(n_right, 20)
    assert low < d_prime < high
    assert {answer.seed for answer in answers} == {SEED}
    assert all(answer.seconds >= 0.1 for answer in answers)
    assert f"{n_right} of 20 correct" in browser.evaluate("document.getElementById('score').textContent")


def test_the_quiz_needs_consent_and_pause_stops_the_clock(browser, page, quiz, tmp_path):
    browser.goto(page.as_uri())
    assert browser.evaluate("document.getElementById('start').disabled")
    browser.keyboard.press("ArrowRight")
    assert browser.evaluate("mode") == "welcome"
    _practise(browser, quiz[0])
    wait_until(browser, READY)
    browser.keyboard.press("p")
    assert browser.evaluate("mode") == "paused"
    browser.keyboard.press("ArrowLeft")
    browser.wait_for_timeout(600)
    browser.keyboard.press("p")
    _choose(browser, "left", by_key=True)
    wait_until(browser, "answers.length")
    assert browser.evaluate("answers.length") == 1
    assert browser.evaluate("current") == len(quiz[0]) + 1
    # Answers within 100 ms of the next pair are ignored, such as those of a key held down.
    browser.evaluate("() => { for (let i = 0; i < 5; i++) answer('right') }")
    assert browser.evaluate("answers.length") == 1
    wait_until(browser, READY)
    browser.click("#pause")
    browser.click("#stop")
    assert len(read_answers([_saved(browser, tmp_path)])) == 1


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 640)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_window_in_light_and_dark_mode(browser, page, width, height, scheme):
    browser.set_viewport_size({"width": width, "height": height})
    browser.emulate_media(color_scheme=scheme)
    browser.goto(page.as_uri())
    browser.click("#consent")
    browser.click("#start")
    wait_until(browser, READY)
    # A question is visible without scrolling in either direction.
    sizes = browser.evaluate(
        "[document.documentElement.scrollWidth, innerWidth,"
        " document.getElementById('pair').getBoundingClientRect().bottom, innerHeight]"
    )
    assert sizes[0] <= sizes[1]
    assert sizes[2] <= sizes[3]
    with Image.open(io.BytesIO(browser.screenshot())) as picture:
        corner = np.mean(picture.convert("RGB").getpixel((2, picture.height - 3)))
    assert (corner > 200) == (scheme == "light")
    names = browser.evaluate(
        "[...document.querySelectorAll('button')].filter(one => one.offsetParent)"
        ".map(one => [one.getAttribute('aria-label') || one.textContent, one.getBoundingClientRect().height])"
    )
    assert all(name.strip() and size >= 40 for name, size in names)


def _score_on_page(browser, person, network, ideal, levels):
    pairs = [
        {"level": float(level), "person": float(one), "network": float(other), "ideal": float(limit)}
        for level, one, other, limit in zip(levels, person, network, ideal, strict=True)
    ]
    # Infinity is no number of JSON.
    write = "(_, one) => one === Infinity ? 'inf' : one === -Infinity ? '-inf' : one"
    return json.loads(browser.evaluate(f"pairs => JSON.stringify(compareObservers(pairs), {write})", pairs))


def _equals(score, proportion, d_prime, d_prime_interval):
    found = [score["proportion"], score["dPrime"], *map(float, score["dPrimeInterval"])]
    return found == pytest.approx([proportion, d_prime, *d_prime_interval], abs=1e-9)


@pytest.mark.parametrize("person", ["all", "none", "half", "random"])
def test_the_page_scores_answers_as_the_command_does(browser, page, quiz, responses, person):
    rng = np.random.default_rng(7)
    correct = {"all": np.ones(20), "none": np.zeros(20), "half": np.arange(20) % 2, "random": rng.random(20) < 0.5}
    browser.goto(page.as_uri())
    levels = responses.snr_db
    found = _score_on_page(
        browser, correct[person], responses.correct(NETWORK), responses.ideal_d_prime, levels.tolist()
    )
    assert [one["level"] for one in found["levels"]] == sorted(LEVELS_DB)
    for scores in (found["overall"], *found["levels"]):
        rows = levels == scores["level"] if "level" in scores else np.full(20, True)
        n, n_right = rows.sum(), int(correct[person][rows].sum())
        assert scores["n"] == n == (5 if "level" in scores else 20)
        interval = d_prime_interval_2afc(n_right, n)
        assert _equals(scores["person"], n_right / n, d_prime_2afc(n_right, n), interval)
        assert scores["person"]["proportionInterval"] == pytest.approx(
            proportion_correct_2afc(np.array(interval)).tolist(), abs=1e-9
        )
        network = estimate_dprime(responses.select(rows), NETWORK, n_bootstrap=2)
        n_right = round(n * network["proportion_correct"])
        interval = d_prime_interval_2afc(n_right, n)
        assert _equals(scores["network"], network["proportion_correct"], network["d_prime"], interval)
        ideal = estimate_dprime(responses.select(rows), IDEAL, n_bootstrap=2)
        assert _equals(scores["ideal"], ideal["proportion_correct"], ideal["d_prime"], [ideal["d_prime"]] * 2)


def test_ties_of_the_network_count_half(browser, page):
    browser.goto(page.as_uri())
    found = _score_on_page(browser, [1, 0], [0.5, 1], [0, 0], [4, 4])["overall"]
    assert found["network"]["proportion"] == 0.75
    assert found["network"]["dPrime"] == pytest.approx(d_prime_2afc(1.5, 2), abs=1e-9)
    assert found["ideal"]["proportion"] == 0.5


MARKS = """[0, 1, 2].map(i => [...document.querySelectorAll(`.sd-mark-${i}`)].map(mark => {
  const box = mark.getBoundingClientRect();
  return [(box.left + box.right) / 2 + scrollX, (box.top + box.bottom) / 2 + scrollY]; }))"""
COLOURS = "[0, 1, 2].map(i => getComputedStyle(document.querySelector(`.sd-mark-${i}`)).fill)"
TABLE = """[...document.querySelectorAll("table tr")].map(row =>
  [...row.cells].map(cell => cell.innerText.replaceAll("\u00a0", " ")))"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 360)])
def test_a_quiz_played_by_keyboard_ends_with_the_curves_of_all_three(browser, quiz, tmp_path, scheme, width):
    """One pair at each level: the person fails at the noisiest, the network at all but the clearest."""
    practice, questions = quiz[0][:1], quiz[1][:4]
    levels = [question.trial.snr_db for question in questions]
    assert sorted(levels) == sorted(LEVELS_DB)
    # Proportions of the ideal observer that are known: Φ(d′ / √2) = 0.9 for d′ = 1.8124.
    responses = _respond(questions, [level == 12.0 for level in levels], [1.81239] * 4)
    path = tmp_path / "quiz.html"
    path.write_text(make_page(SEED, practice, questions, responses), encoding="utf-8")
    browser.set_viewport_size({"width": width, "height": 800})
    browser.emulate_media(color_scheme=scheme)
    browser.goto(path.as_uri())
    for key in ("Tab", "Space", "Tab", "Enter"):  # Consent, and begin.
        browser.keyboard.press(key)
    _choose(browser, practice[0].answer, by_key=True)
    browser.keyboard.press("Enter")
    wait_until(browser, "mode === 'ready'")
    browser.keyboard.press("Enter")
    for question in questions:
        assert browser.evaluate("document.getElementById('result').textContent") == ""
        assert not browser.is_visible("#done")
        is_hardest = question.trial.snr_db == min(LEVELS_DB)
        _choose(browser, OTHER[question.answer] if is_hardest else question.answer, by_key=True)
    wait_until(browser, "mode === 'done'")
    assert browser.evaluate("document.activeElement.id") == "done-title"
    assert browser.inner_text("#score") == "3 of 4 correct"
    rows = browser.evaluate(TABLE)
    assert rows[0] == ["Signal to noise", "Pairs", "You", "Network", "Ideal observer"]
    cells = {row[0]: [cell.split("\n")[0] for cell in row[1:]] for row in rows[1:]}
    assert cells == {
        "−12 dB": ["1", "0 %", "0 %", "90 %"],
        "−4 dB": ["1", "100 %", "0 %", "90 %"],
        "4 dB": ["1", "100 %", "0 %", "90 %"],
        "12 dB": ["1", "100 %", "100 %", "90 %"],
        "All": ["4", "75 %", "25 %", "90 %"],
        # √2 z(3.5 / 5) and √2 z(1.5 / 5).
        "Sensitivity d′": ["4", "0.74", "−0.74", "1.81"],
    }
    assert rows[5][2].split("\n")[1] == "19–99 %"  # Clopper and Pearson, 3 of 4.
    words = browser.get_attribute("#result svg", "aria-label")
    assert "You: 75\u00a0%" in words
    assert "Network: 25\u00a0%" in words
    text = browser.inner_text("#result figure")
    assert all(word in text for word in ("You", "Network", "Ideal observer", "Guessing"))
    assert all(word in browser.text_content("#result svg") for word in ("(dB)", "Proportion correct", "−12", "12"))
    marks, colours = browser.evaluate(MARKS), browser.evaluate(COLOURS)
    assert len(set(colours)) == 3
    with Image.open(io.BytesIO(browser.screenshot(full_page=True))) as picture:
        picture = picture.convert("RGB")
    person, network, ideal = ([y for _, y in points] for points in marks)
    bottom, top = person[0], person[1]
    assert bottom - top > 150
    assert person == pytest.approx([bottom, top, top, top], abs=0.6)
    assert network == pytest.approx([bottom, bottom, bottom, top], abs=0.6)
    assert ideal == pytest.approx([top + 0.1 * (bottom - top)] * 4, abs=0.6)
    for points, colour in zip(marks, colours, strict=True):
        expected = [int(one) for one in re.findall(r"\d+", colour)]
        for x, y in points:
            assert np.abs(np.subtract(picture.getpixel((int(x), int(y))), expected)).max() <= 8
        assert all(0 < x < width for x, _ in points)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
