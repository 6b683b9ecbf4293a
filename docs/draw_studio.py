"""Draw the screens of the studio and a dream under way: docs/pictures/studio-*. Needs Chromium and Playwright.

python docs/draw_studio.py
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures"
sys.path.insert(0, str(DOCS.parent / "tests"))

from chromium import chromium, opened  # noqa: E402

WINDOW = {"width": 1440, "height": 900}
MARGIN = 16
FILM_SIZE, FRAME_MS, MOST_FRAMES = (760, 475), 350, 24


def _shoot(page):
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def _keep(page, name, last=None):
    """Keep the window, or the page down to the end of an element."""
    area = None
    if last is not None:
        end = page.locator(last).bounding_box()
        area = {"x": 0, "y": 0, "width": WINDOW["width"], "height": end["y"] + end["height"] + MARGIN}
    picture = Image.open(io.BytesIO(page.screenshot(full_page=last is not None, clip=area))).convert("RGB")
    picture.save(PICTURES / f"studio-{name}.jpg", quality=82, optimize=True)


def _go(page, screen):
    page.click(f"#screens a:has-text('{screen}')")
    page.wait_for_selector("h1")


def main():
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "seisdream", "studio", "--no-browser", "--port", "0", "--home", home]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            address = process.stdout.readline().split(" at ")[1].strip()
            try:
                with chromium() as browser, opened(browser, address, viewport=WINDOW) as page:
                    page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
                    draw(page)
            finally:
                process.terminate()


def draw(page):
    _go(page, "Dream")
    page.select_option("#class", "clinoforms")
    page.click("button.primary:has-text('Dream')")
    page.wait_for_selector(".scrubber output:has-text('step')", timeout=60_000)
    film = []
    while len(film) < MOST_FRAMES and not page.locator("text=/^Finished/").count():
        film.append(_shoot(page).resize(FILM_SIZE, Image.Resampling.LANCZOS))
        page.wait_for_timeout(1000)
    page.wait_for_selector("text=/^Finished/", timeout=300_000)
    film += [_shoot(page).resize(FILM_SIZE, Image.Resampling.LANCZOS)] * 4
    film[0].save(
        PICTURES / "studio-film.webp", save_all=True, append_images=film[1:], duration=FRAME_MS, loop=0, quality=45
    )
    _keep(page, "dream", ".scrubber")
    page.click(".panel button:has-text('Compare')")
    page.wait_for_selector(".sd-measures svg")
    page.wait_for_timeout(500)
    _keep(page, "compare", ".sd-measures")
    _go(page, "What fires")
    width = page.locator(".sd-stage").bounding_box()["width"]
    page.locator(".sd-stage").click(position={"x": 64 + 0.75 * (width - 148), "y": 380})
    page.wait_for_selector(".channels", timeout=60_000)
    page.click("button:has-text('Why')")
    page.wait_for_selector("text=Red: evidence for", timeout=300_000)
    page.mouse.move(5, 500)
    page.wait_for_timeout(500)
    _keep(page, "fires")
    _go(page, "Dream")
    page.click("text=Which rock?")
    page.wait_for_selector(".sd-legend li", timeout=300_000)
    page.wait_for_timeout(500)
    _keep(page, "classes")


if __name__ == "__main__":
    main()
