"""The widget in a real JupyterLab, under the same browser as the studio."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from chromium import LIMIT_S, chromium, wait_until

pytestmark = pytest.mark.slow

PICTURES = Path(__file__).parents[2] / "build" / "studio"
CELL = """import numpy as np
import seisdream as sd
section = sd.make_section(np.random.default_rng(0).normal(size=(32, 48)), dt_ms=4.0)
sd.show(section, "gabor", steps=2, octaves=1)"""
PIXELS = """() => { const canvas = document.querySelector(".sd-base"); const {width, height} = canvas;
  const pixels = canvas.getContext("2d").getImageData(width / 4, height / 4, width / 2, height / 2).data;
  return [...pixels].filter((_, i) => i % 4 === 0); }"""


@pytest.fixture
def address(tmp_path):
    """The address of a notebook of one cell in a JupyterLab of its own."""
    pytest.importorskip("jupyterlab")
    cell = {"cell_type": "code", "id": "show", "metadata": {}, "outputs": [], "execution_count": None, "source": CELL}
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "show.ipynb").write_text(json.dumps(notebook))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += ["--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={tmp_path}"]
    folders = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = {
        **os.environ,
        **folders,
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "OMP_NUM_THREADS": "1",
    }
    base = f"http://127.0.0.1:{port}"
    with (
        (tmp_path / "log.txt").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=tmp_path) as process,
    ):
        try:
            _wait_for(f"{base}/api/status", process, tmp_path / "log.txt")
            yield f"{base}/lab/tree/show.ipynb"
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(url, process, log):
    end = time.monotonic() + LIMIT_S
    while True:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)


def test_a_cell_shows_the_section_and_its_button_dreams(address):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
        # A cell that is run before its kernel is ready waits for it.
        page.keyboard.press("Shift+Enter")
        page.locator(".sd-stage").first.wait_for()
        wait_until(page, "document.querySelector('.sd-base')?.width > 300")
        page.wait_for_timeout(300)
        before = np.array(page.evaluate(PIXELS))
        # Noise in grey: all shades, half of them darker than the middle.
        assert before.std() > 30
        assert 0.4 < (before < 128).mean() < 0.6
        page.locator("button:has-text('Dream')").first.click()
        page.locator("output:has-text('Step 2 of 2')").wait_for()
        page.locator(".sd-measures svg").first.wait_for()
        page.wait_for_timeout(300)
        after = np.array(page.evaluate(PIXELS))
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "jupyterlab.png")
        assert after.std() > 20
        assert after.shape != before.shape or (after != before).mean() > 0.1
        browser.close()
