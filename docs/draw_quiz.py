"""Draw the quiz and its result on a desktop and on a phone. Needs Chromium and Playwright.

It writes docs/pictures/quiz.png and docs/pictures/quiz-result.png. The answers are those of a program whose d′ falls
with the signal-to-noise ratio.

python docs/draw_quiz.py
"""

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from seisdream.research.quiz.page import write_quiz
from seisdream.research.quiz.questions import make_quiz

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from chromium import chromium, opened, wait_for_frames, wait_until  # noqa: E402

SIZES = (("light", 1000, 720), ("dark", 360, 720))
SEED, D_PRIMES = 1, {12.0: 3.0, 4.0: 2.0, -4.0: 1.0, -12.0: 0.3}
READY = "mode === 'play' && performance.now() - shownAt > MIN_RESPONSE_MS"
OTHER = {"left": "right", "right": "left"}


def main():
    pictures, results = [], []
    with tempfile.TemporaryDirectory() as folder, chromium() as engine, opened(engine, "about:blank") as browser:
        page = Path(folder) / "quiz.html"
        write_quiz(page, seed=SEED)
        for scheme, width, height in SIZES:
            browser.set_viewport_size({"width": width, "height": height})
            browser.emulate_media(color_scheme=scheme)
            browser.goto(page.as_uri())
            browser.click("#consent")
            browser.click("#start")
            wait_until(browser, "mode === 'play' && shownAt < Infinity")
            # The third practice pair, after two answers.
            for _ in range(2):
                wait_until(browser, READY)
                browser.keyboard.press("ArrowLeft")
                browser.keyboard.press("ArrowLeft")
            wait_until(browser, "mode === 'play' && shownAt < Infinity")
            pictures.append(_picture(browser))
            _play_to_the_end(browser)
            results.append(_picture(browser, full_page=True))
    _write_row(pictures, "quiz.png")
    _write_row(results, "quiz-result.png")


def _play_to_the_end(browser):
    practice, questions = make_quiz(SEED)
    for _ in practice[2:]:
        wait_until(browser, READY)
        browser.keyboard.press("ArrowLeft")
        browser.keyboard.press("ArrowLeft")
    browser.click("#begin")
    rng = np.random.default_rng(SEED)
    for question in questions:
        wait_until(browser, READY)
        chooses_target = D_PRIMES[question.trial.snr_db] + rng.standard_normal() > rng.standard_normal()
        browser.keyboard.press(f"Arrow{(question.answer if chooses_target else OTHER[question.answer]).title()}")
    wait_until(browser, "mode === 'done'")
    wait_for_frames(browser)


def _picture(browser, **options):
    return Image.open(io.BytesIO(browser.screenshot(**options))).convert("RGB")


def _write_row(pictures, name):
    gap, height = 24, max(one.height for one in pictures)
    sheet = Image.new("RGB", (sum(one.width for one in pictures) + gap * (len(pictures) - 1), height), "white")
    left = 0
    for one in pictures:
        sheet.paste(one, (left, 0))
        left += one.width + gap
    sheet.quantize(256).save(DOCS / "pictures" / name, optimize=True)


if __name__ == "__main__":
    main()
