"""Contenders of a benchmark take turns in processes of their own, and one that fails does not stop the others."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = str(Path(__file__).parents[1] / "benchmarks")


@pytest.fixture
def in_turns(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from contenders import in_turns

    return in_turns


def command(preparation):
    """Return the command of a worker whose turn is ``turn``."""
    source = f"import sys; sys.path.insert(0, {BENCHMARKS!r})\nfrom contenders import answer\n{preparation}"
    return [sys.executable, "-c", source]


def noting(name, path):
    return command(f"""
def turn():
    print("noise on standard output")
    open({str(path)!r}, "a").write({name!r})
    return {{"name": {name!r}}}

answer(lambda: turn)
""")


def test_they_take_turns_and_the_first_round_does_not_count(in_turns, tmp_path):
    path = tmp_path / "order"
    results, errors = in_turns({name: noting(name, path) for name in "ab"}, rounds=2)
    assert path.read_text() == "ababab"
    assert errors == {}
    assert [one["name"] for one in results["a"]] == ["a", "a"]
    assert all(one["seconds"] > 0 and one["peak_gib"] > 0 for one in results["b"])


def test_failures_are_reported_in_a_line_and_the_rest_goes_on(in_turns, tmp_path):
    commands = {
        "absent": command("answer(lambda: __import__('no_such_package'))"),
        "stopping": command("answer(lambda: lambda: 1 / 0)"),
        "dying": command("import os; os._exit(3)"),
        "sound": noting("s", tmp_path / "order"),
    }
    results, errors = in_turns(commands, rounds=1)
    assert list(results) == ["sound"]
    assert errors == {
        "absent": "ModuleNotFoundError: No module named 'no_such_package'",
        "stopping": "ZeroDivisionError: division by zero",
        "dying": "ended with exit status 3",
    }
