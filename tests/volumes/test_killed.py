"""A job that was killed at random moments and continued equals one that ran through, bit for bit."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def files_in(store):
    return {path.relative_to(store): path.read_bytes() for path in store.rglob("c/*/*/*")}


@pytest.mark.slow
def test_a_job_that_is_killed_twenty_times_and_continued_equals_one_that_ran_through(tmp_path):
    words = [sys.executable, TESTS / "killed_job.py", tmp_path, "20"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    whole, killed = (files_in(tmp_path / name / "prediction.zarr") for name in ("whole", "killed"))
    assert len(whole) == 3 * 7
    assert whole == killed
