"""The quiz, played in a headless browser by simulated people of known d′."""

import io

import numpy as np
import pytest
from PIL import Image

from chromium import chromium, opened, wait_until
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
