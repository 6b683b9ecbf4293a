"""Ctrl-C on a terminal: complete levels are kept, a bar is drawn only where a person sees it."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time

import pytest


@pytest.fixture(autouse=True)
def _no_signal_is_ignored():
    """Processes would inherit it: a hang-up is ignored below nohup, Ctrl-C in the background."""
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    earlier = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in earlier.items():
        signal.signal(number, handler)


def start(*words):
    """Start the command line with a terminal as its error stream; return the process and the terminal."""
    terminal, theirs = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    command = [sys.executable, "-m", "seisdream", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    return process, terminal


def interrupt_at(process, terminal, text, number=signal.SIGINT):
    """Send a signal to a process when a text appears on its terminal; return the whole text."""
    seen, deadline = "", time.monotonic() + 600
    while text not in seen and time.monotonic() < deadline:
        seen += os.read(terminal, 1024).decode(errors="replace")
    process.send_signal(number)
    while True:
        try:
            part = os.read(terminal, 1024)
        except OSError:  # The other end is closed.
            part = b""
        if not part:
            break
        seen += part.decode(errors="replace")
    process.communicate(timeout=600)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_keeps_the_levels_that_are_complete(array, tmp_path, number, code):
    folder = tmp_path / "d"
    words = ("--levels", 5000, "--octaves", 1, "--steps", 20, "--out", folder, "--no-film")
    process, terminal = start("dream", array, *words)
    seen = interrupt_at(process, terminal, "level 3/", number)
    assert process.returncode == code, seen
    result = json.loads((folder / "recipe.json").read_text())["result"]
    assert result["stopped"] == "interrupted"
    assert 2 <= result["n_levels"] < 5000
    assert len(list((folder / "levels").iterdir())) == result["n_levels"]


def test_an_interrupt_before_the_first_level_writes_nothing(array, tmp_path):
    process, terminal = start("dream", array, "--octaves", 1, "--steps", 500000, "--out", tmp_path / "d", "--no-film")
    seen = interrupt_at(process, terminal, "level 1/1")
    assert process.returncode == 130
    assert "nothing was written" in seen
    assert not (tmp_path / "d").exists()


def test_a_bar_is_drawn_only_on_a_terminal(seisdream, array):
    code, _, err = seisdream("dream", array, "--octaves", 1, "--steps", 1, "--no-film", "--network", "gabor")
    assert (code, "%|" in err) == (0, False)


WRITING = """
import sys
from pathlib import Path
from seisdream.cli import main
from seisdream.io.atomic import writing_folder

def work(**_):
    with writing_folder(sys.argv[1]) as partial:
        (partial / "half").touch()
        print("begun", flush=True)
        sys.stdin.read()

main.cli.main = work
main.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_that_is_incomplete(tmp_path, number):
    command = [sys.executable, "-c", WRITING, tmp_path / "new" / "out"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (128 + number, b"Interrupted.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_hang_up_that_is_ignored_interrupts_nothing(tmp_path):
    command = ["nohup", sys.executable, "-c", WRITING, tmp_path / "out"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=600)
    assert process.returncode == 0
    assert (tmp_path / "out" / "half").exists()
