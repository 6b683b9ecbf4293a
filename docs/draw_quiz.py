"""Draw what the quiz looks like on a desktop and on a phone: docs/pictures/quiz.png. Needs Chromium and Playwright.

python docs/draw_quiz.py
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from seisdream.research.quiz.page import write_quiz

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from chromium import chromium, opened, wait_until  # noqa: E402

SIZES = (("light", 1000, 720), ("dark", 360, 720))


def main():
    pictures = []
    with tempfile.TemporaryDirectory() as folder, chromium() as engine, opened(engine, "about:blank") as browser:
        page = Path(folder) / "quiz.html"
        write_quiz(page)
        for scheme, width, height in SIZES:
            browser.set_viewport_size({"width": width, "height": height})
            browser.emulate_media(color_scheme=scheme)
            browser.goto(page.as_uri())
            browser.click("#consent")
            browser.click("#start")
            wait_until(browser, "mode === 'play' && shownAt < Infinity")
            # The third practice pair, after two answers.
            for _ in range(2):
                wait_until(browser, "mode === 'play' && performance.now() - shownAt > MIN_RESPONSE_MS")
                browser.keyboard.press("ArrowLeft")
                browser.keyboard.press("ArrowLeft")
            wait_until(browser, "mode === 'play' && shownAt < Infinity")
            pictures.append(Image.open(io.BytesIO(browser.screenshot())).convert("RGB"))
    gap = 24
    sheet = Image.new("RGB", (sum(one.width for one in pictures) + gap, pictures[0].height), "white")
    sheet.paste(pictures[0], (0, 0))
    sheet.paste(pictures[1], (pictures[0].width + gap, 0))
    sheet.quantize(256).save(DOCS / "pictures" / "quiz.png", optimize=True)


if __name__ == "__main__":
    main()
