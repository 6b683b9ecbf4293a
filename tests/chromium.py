"""Debian's Chromium under Playwright, for the tests of pages."""

import importlib.util
import os
import shutil
import time
from contextlib import contextmanager

import pytest

# Machines of CI are slow and loaded: a wait ends late where it fails, and at once where it succeeds.
LIMIT_S = 180.0
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"]
# WebGL without a graphics processor, as slow as it is exact.
WEBGL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@contextmanager
def chromium(graphics=("--disable-gpu",)):
    """Start a browser; where there is none, skip the test, or fail in CI."""
    path = _find()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=path, args=[*ARGUMENTS, *graphics], timeout=1000 * LIMIT_S)
        yield browser
        browser.close()


def _find():
    if importlib.util.find_spec("playwright") is None:
        message = "Playwright is not installed (pip install playwright)"
    elif path := next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None):
        return path
    else:
        message = "Chromium is not installed (on Debian: apt-get install chromium)"
    return pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@contextmanager
def opened(browser, url, *, expected=None, **options):
    """Open a page, and fail where its scripts raise or print an error, except one with the expected words."""
    # A page in the context that is open already takes half the time.
    context = browser.new_context(**options) if options or not browser.contexts else browser.contexts[0]
    page = context.new_page()
    page.set_default_timeout(1000 * LIMIT_S)
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.goto(url)
    yield page
    problems = [one for one in problems if expected is None or expected not in one]
    assert problems == [], problems
    page.close()
    if options:
        context.close()


def wait_until(page, condition, seconds=LIMIT_S):
    """Wait until a JavaScript expression is true.

    Playwright's own `wait_for_function` evaluates text inside the page, which the policies of our pages do not allow.
    """
    end = time.monotonic() + seconds
    while not page.evaluate(f"Boolean({condition})"):
        assert time.monotonic() < end, f"never became true: {condition}"
        page.wait_for_timeout(10)


def wait_for_frames(page):
    """Wait until what has changed is painted."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
