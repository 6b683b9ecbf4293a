"""A headless Chromium, controlled by Playwright."""

import importlib.util
import os
import shutil
import time
from contextlib import contextmanager

import pytest

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server")
TIMEOUT_MS = 60_000


def find_chromium():
    """Return the path of Chromium; without it or Playwright, skip the test, or fail in CI."""
    if importlib.util.find_spec("playwright") is None:
        message = "Playwright is not installed (pip install playwright)"
    elif chromium := shutil.which("chromium"):
        return chromium
    else:
        message = "Chromium is not installed (on Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(message)
    return pytest.skip(message)


@contextmanager
def browsing(width=1280, height=800):
    """Start a browser with one page, which gives the block a `playwright.sync_api.Page`, and end it.

    An error in a script of the page that nothing catches fails the test.
    """
    chromium = find_chromium()
    from playwright.sync_api import sync_playwright

    errors = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS, timeout=3 * TIMEOUT_MS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        browser.close()
    assert errors == []


def wait_until(page, condition):
    """Wait until a JavaScript expression is true.

    Playwright's own `wait_for_function` evaluates text inside the page, which the policies of our pages do not allow.
    """
    end = time.monotonic() + TIMEOUT_MS / 1e3
    while not page.evaluate(f"Boolean({condition})"):
        assert time.monotonic() < end, f"never became true: {condition}"
        page.wait_for_timeout(10)
