"""A headless browser, controlled over the WebDriver protocol."""

import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress

import pytest
import requests

ATTEMPTS, PATIENCE_S = 4, 45
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"),
    *("--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update"),
)
_ARROWS = {"left": "\ue012", "right": "\ue014"}


def find_chromium():
    """Return the browser and its driver; if they are missing, skip the test, or fail in CI."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if browser and driver:
        return browser, driver
    message = "no Chromium with chromedriver here (on Debian: apt-get install chromium chromium-driver)"
    if os.environ.get("CI"):
        pytest.fail(message)
    return pytest.skip(message)


class Browser:
    """One window."""

    def __init__(self, url):
        self._url = url

    def ask(self, method, path, body=None):
        """Send one command and return its value."""
        answer = requests.request(method, self._url + path, json=body, timeout=60).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def open(self, path):
        """Open a file from disk."""
        self.ask("POST", "/url", {"url": path.as_uri()})

    def run(self, script, *args):
        """Run JavaScript and return what it returns."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, condition, seconds=20.0):
        """Wait until a JavaScript expression is true, and return it."""
        end = time.monotonic() + seconds
        while not (value := self.run(f"return {condition}")):
            assert time.monotonic() < end, f"never came true: {condition}"
            time.sleep(0.01)
        return value

    def click(self, selector):
        """Click as a person would: where the element is, if nothing covers it."""
        found = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        self.ask("POST", f"/element/{next(iter(found.values()))}/click", {})

    def press(self, key):
        """Press and let go of a key."""
        value = _ARROWS.get(key, key)
        keys = [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": keys}]})

    def size(self, width, height):
        """Make the window as wide and high as a device's."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        body = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
        self.ask("POST", "/goog/cdp/execute", body)

    def prefer(self, scheme):
        """Prefer light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    def picture(self):
        """Return a screenshot as PNG bytes."""
        return base64.b64decode(self.ask("GET", "/screenshot"))


@contextmanager
def browsing(downloads):
    """Start a browser that saves into a folder, and end it."""
    chromium, driver = find_chromium()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for attempt in range(ATTEMPTS):
            process, url = _start_driver(driver)
            try:
                browser = _open_window(url, chromium, f"{profile}/{attempt}", downloads)
                if browser is None:
                    continue  # On a machine under load a browser may hang before its first window.
                yield browser
                browser.ask("DELETE", "")
                return
            finally:
                # The browser is a child of the driver, and must not outlive it.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)
        pytest.fail(f"Chromium opened no window in {ATTEMPTS} attempts of {PATIENCE_S} s")


def _start_driver(driver):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([driver, f"--port={port}"], start_new_session=True, **quiet)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        with suppress(requests.ConnectionError):
            if requests.get(f"{url}/status", timeout=5).json()["value"]["ready"]:
                break
        time.sleep(0.1)
    return process, url


def _open_window(url, chromium, profile, downloads):
    """Return a window, or None where none came in time."""
    options = {
        "binary": chromium,
        "args": [*ARGUMENTS, f"--user-data-dir={profile}"],
        "prefs": {"download.default_directory": str(downloads), "download.prompt_for_download": False},
    }
    wanted = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
    try:
        answer = requests.post(f"{url}/session", json={"capabilities": wanted}, timeout=PATIENCE_S).json()["value"]
    except requests.RequestException:
        return None
    return Browser(f"{url}/session/{answer['sessionId']}") if "sessionId" in answer else None
