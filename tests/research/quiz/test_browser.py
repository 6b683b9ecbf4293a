"""The quiz, played in a headless browser by simulated people of known d′."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from browser import browsing
from seisdream.research.psychophysics.signal_detection import d_prime_interval_2afc
from seisdream.research.quiz.answers import read_answers
from seisdream.research.quiz.page import make_page
from seisdream.research.quiz.questions import make_quiz

SEED, READY = 11, "mode === 'play' && performance.now() - shownAt > MIN_RESPONSE_MS"
OTHER = {"left": "right", "right": "left"}


@pytest.fixture(scope="module")
def quiz():
    practice, questions = make_quiz(SEED, n_each=1)
    return practice[:2], questions


@pytest.fixture(scope="module")
def page(quiz, tmp_path_factory):
    path = tmp_path_factory.mktemp("quiz") / "quiz.html"
    path.write_text(make_page(SEED, *quiz), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads):
    with browsing(downloads) as browser:
        yield browser


def _choose(browser, side, by_key):
    browser.wait(READY)
    if by_key:
        browser.press(side)
    else:
        browser.click(f"#{side}")


def _practise(browser, practice, by_key=True):
    browser.click("#consent")
    browser.click("#start")
    for number, question in enumerate(practice):
        # The first answer is correct and the second wrong; the page gives feedback on both.
        _choose(browser, question.answer if number == 0 else OTHER[question.answer], by_key)
        feedback = browser.run("return document.getElementById('feedback').textContent")
        assert feedback.startswith("Yes" if number == 0 else "No")
        assert question.answer in feedback
        browser.click("#next")
    browser.wait("mode === 'ready'")
    browser.click("#begin")


def _saved(browser, downloads, seconds=10.0):
    before = set(downloads.iterdir())
    browser.click("#save")
    end = time.monotonic() + seconds
    while not (new := {path for path in downloads.glob("*.csv") if path not in before}):
        assert time.monotonic() < end, "no file was saved"
        time.sleep(0.05)
    return new.pop()


@pytest.mark.parametrize(("d_prime", "by_key"), [(0.9, True), pytest.param(2.2, False, marks=pytest.mark.slow)])
def test_answers_of_a_simulated_person_are_saved_and_read(browser, page, quiz, downloads, d_prime, by_key):
    practice, questions = quiz
    rng = np.random.default_rng(int(10 * d_prime))
    browser.size(1280, 860) if by_key else browser.size(390, 844)
    browser.open(page)
    _practise(browser, practice, by_key)
    chosen = []
    for question in questions:
        # A Gaussian decision variable, whose mean is d' higher with the target.
        chooses_target = d_prime + rng.standard_normal() > rng.standard_normal()
        chosen.append(question.answer if chooses_target else OTHER[question.answer])
        _choose(browser, chosen[-1], by_key)
    browser.wait("mode === 'done'")
    answers = read_answers([_saved(browser, downloads)])
    assert [answer.trial for answer in answers] == list(range(1, 21))
    assert [answer.is_correct for answer in answers] == [
        question.answer == choice for question, choice in zip(questions, chosen, strict=True)
    ]
    n_right = sum(answer.is_correct for answer in answers)
    low, high = d_prime_interval_2afc(n_right, 20)
    assert low < d_prime < high
    assert {answer.seed for answer in answers} == {SEED}
    assert all(answer.seconds >= 0.1 for answer in answers)
    assert f"{n_right} of 20 correct" in browser.run("return document.getElementById('score').textContent")


def test_the_quiz_needs_consent_and_pause_stops_the_clock(browser, page, quiz, downloads):
    browser.open(page)
    assert browser.run("return document.getElementById('start').disabled")
    browser.press("right")
    assert browser.run("return mode") == "welcome"
    _practise(browser, quiz[0])
    browser.wait(READY)
    browser.press("p")
    assert browser.run("return mode") == "paused"
    browser.press("left")
    time.sleep(0.6)
    browser.press("p")
    _choose(browser, "left", by_key=True)
    answered = browser.wait("answers.length && answers")
    assert len(answered) == 1
    assert browser.run("return current") == len(quiz[0]) + 1
    # Answers within 100 ms of the next pair are ignored, such as those of a key held down.
    browser.run("for (let i = 0; i < 5; i++) answer('right')")
    assert browser.run("return answers.length") == 1
    browser.wait(READY)
    browser.click("#pause")
    browser.click("#stop")
    assert len(read_answers([_saved(browser, downloads)])) == 1


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 640)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_window_in_light_and_dark_mode(browser, page, width, height, scheme):
    browser.size(width, height)
    browser.prefer(scheme)
    browser.open(page)
    browser.click("#consent")
    browser.click("#start")
    browser.wait(READY)
    # A question is visible without scrolling in either direction.
    sizes = browser.run(
        "const pair = document.getElementById('pair').getBoundingClientRect();"
        "return [document.documentElement.scrollWidth, innerWidth, pair.bottom, innerHeight]"
    )
    assert sizes[0] <= sizes[1]
    assert sizes[2] <= sizes[3]
    with Image.open(io.BytesIO(browser.picture())) as picture:
        corner = np.mean(picture.convert("RGB").getpixel((2, picture.height - 3)))
    assert (corner > 200) == (scheme == "light")
    names = browser.run(
        "return [...document.querySelectorAll('button')].filter(one => one.offsetParent)"
        ".map(one => [one.getAttribute('aria-label') || one.textContent, one.getBoundingClientRect().height])"
    )
    assert all(name.strip() and size >= 40 for name, size in names)
