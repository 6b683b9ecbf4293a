"""Ctrl-C on a terminal: complete levels are kept, a bar is drawn only where a person sees it."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time


def start(*words):
    """Start the command line with a terminal as its error stream; return the process and the terminal."""
    terminal, theirs = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    command = [sys.executable, "-m", "seisdream", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    return process, terminal


def interrupt_at(process, terminal, text):
    """Interrupt a process when a text appears on its terminal; return the whole text."""
    seen, deadline = "", time.monotonic() + 120
    while text not in seen and time.monotonic() < deadline:
        seen += os.read(terminal, 1024).decode(errors="replace")
    process.send_signal(signal.SIGINT)
    while True:
        try:
            part = os.read(terminal, 1024)
        except OSError:  # The other end is closed.
            part = b""
        if not part:
            break
        seen += part.decode(errors="replace")
    process.communicate(timeout=120)
    return seen


def test_an_interrupt_keeps_the_levels_that_are_complete(array, tmp_path):
    folder = tmp_path / "d"
    words = ("--levels", 5000, "--octaves", 1, "--steps", 20, "--out", folder, "--no-film")
    process, terminal = start("dream", array, *words)
    seen = interrupt_at(process, terminal, "level 3/")
    assert process.returncode == 130, seen
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
