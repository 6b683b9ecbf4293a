"""Progress: a dream's bar counts samples; a volume job shows blocks done, rate, time left and a map."""

import io
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
    progress.event("start", tasks[1])
    progress.event("start", tasks[2])
    clock.seconds += 15
    progress.event("done", tasks[1])
    progress.event("failed", tasks[2])
    assert "1 of 5 blocks, 4 a minute, 60 s left" in stream.getvalue()
    assert progress.map_lines() == ["##x", "..."]


def test_a_log_gets_a_line_a_minute_without_a_map(monkeypatch, clock):
    progress, tasks, stream = begin(monkeypatch, is_terminal=False)
    for task in tasks[1:4]:
        clock.seconds += 40
        progress.event("done", task)
    assert stream.getvalue() == "2 of 5 blocks, 1.5 a minute, 2 min left\n"
