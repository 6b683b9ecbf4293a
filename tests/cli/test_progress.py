"""Progress: a dream's bar counts samples; a volume job shows blocks done, rate, time left and a map."""

import io
import time
from types import SimpleNamespace

import pytest

from seisdream.cli import blocks
from seisdream.cli.blocks import BlockProgress
from seisdream.cli.report import ProgressBar
from seisdream.volumes.plan import Plan, Reach


def test_a_step_counts_by_the_samples_of_its_octave(monkeypatch):
    shape = {"n_levels": 1, "n_octaves": 2, "n_steps": 2, "level": 1, "score": 0.0}
    counted = []
    with ProgressBar(is_shown=False) as bar:
        monkeypatch.setattr(bar, "advance", lambda n, **_: counted.append(n))
        bar.phase("Opening")
        for octave in (1, 2):
            for step in (1, 2):
                bar.step(SimpleNamespace(octave=octave, step=step, **shape), [100, 300])
        total = bar._bar.total
    assert counted == [100, 100, 300, 300]
    assert total == sum(counted)


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(blocks, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def begin(monkeypatch, *, is_terminal):
    """Begin a job of 2 × 3 blocks of which the first is done; return its progress, its tasks and the error stream."""
    stream = io.StringIO()
    stream.isatty = lambda: is_terminal
    monkeypatch.setattr("sys.stderr", stream)
    plan = Plan((2, 3, 1), (1, 1, 1), (Reach(), Reach(), Reach()), "tests", {"classes": "uint8"})
    progress = BlockProgress(is_shown=True)
    progress.begin(plan, list(plan.tasks[1:]))
    return progress, plan.tasks, stream


def test_a_terminal_shows_blocks_done_rate_time_left_and_a_map(monkeypatch, clock):
    progress, tasks, stream = begin(monkeypatch, is_terminal=True)
    progress.event("start", tasks[1], 0.0)
    progress.event("start", tasks[2], 0.0)
    clock.seconds += 40
    progress.event("done", tasks[1], 15.0)
    progress.event("failed", tasks[2], 0.0)
    # The first block had been done before, and the worker took 25 seconds to start.
    assert "2 of 6 blocks, 4 a minute, 60 s left" in stream.getvalue()
    assert progress.map_lines() == ["##x", "..."]


def test_the_time_left_counts_down_between_blocks(monkeypatch, clock):
    progress, tasks, stream = begin(monkeypatch, is_terminal=True)
    monkeypatch.setattr(blocks, "_REDRAWN_S", 0.01)
    with progress:
        clock.seconds += 15
        progress.event("done", tasks[1], 15.0)
        clock.seconds += 20
        deadline = time.monotonic() + 20
        while "4 a minute, 40 s left" not in stream.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_log_gets_a_line_a_minute_without_a_map(monkeypatch, clock):
    progress, tasks, stream = begin(monkeypatch, is_terminal=False)
    for task in tasks[1:4]:
        clock.seconds += 40
        progress.event("done", task, 40.0)
    assert stream.getvalue() == "3 of 6 blocks, 1.5 a minute, 2 min left\n"


def test_a_log_has_a_line_a_minute_before_the_first_block_is_done_too(monkeypatch, clock):
    progress, tasks, stream = begin(monkeypatch, is_terminal=False)
    monkeypatch.setattr(blocks, "_REDRAWN_S", 0.01)
    progress.event("start", tasks[1], 0.0)
    assert stream.getvalue() == ""
    with progress:
        clock.seconds += 65
        deadline = time.monotonic() + 20
        while not stream.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert stream.getvalue() == "1 of 6 blocks, the next one begun 65 s ago\n"
