"""The command line as a fixture."""

import sys
import warnings

import pytest

from seisdream.cli.main import main


@pytest.fixture
def seisdream(monkeypatch, capsys):
    """Run the command line in this process; return its exit code, output and error output."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["seisdream", *map(str, words)])
        with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run
