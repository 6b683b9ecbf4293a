"""Debian's Chromium under Playwright, for the tests of pages."""

import os
import shutil
from contextlib import contextmanager

import pytest

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"]


@contextmanager
def chromium():
    """Start a browser; where there is none, skip the test, or fail in CI."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        message = "no Chromium here (on Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(browser, url, **options):
    """Open a page, and fail where its scripts raise or print an error."""
    # A page in the context that is open already takes half the time.
    context = browser.new_context(**options) if options or not browser.contexts else browser.contexts[0]
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.goto(url)
    yield page
    assert problems == [], problems
    page.close()
    if options:
        context.close()
