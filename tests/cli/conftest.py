"""The command line as a fixture."""

import json
import sys
import warnings

import numpy as np
import pytest

from seisdream.cli.main import main
from seisdream.errors import CODES


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


@pytest.fixture
def refused(seisdream):
    """Run the command line where it must refuse; return the code of the error and the option that it names."""

    def run(*words):
        code, out, _ = seisdream(*words, "--json")
        assert code == 2, out
        error = json.loads(out)["error"]
        assert error["code"] in CODES
        return error["code"], error["option"]

    return run


@pytest.fixture
def array(tmp_path):
    """Return a file of 80 × 90 random samples."""
    path = tmp_path / "line.npy"
    np.save(path, np.random.default_rng(0).normal(size=(80, 90)).astype(np.float32))
    return path
