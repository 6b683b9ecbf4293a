"""Fixtures for all tests: the real data, and one thread so that runs repeat."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: machines are shared. The same examples each time: a red run must be red again.
settings.register_profile("seisdream", deadline=None, derandomize=True)
settings.load_profile("seisdream")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real seismic and real networks that tests measure against."""
    folder = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        message = f"no real data at {folder} (set SEISDREAM_SHARED)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder
