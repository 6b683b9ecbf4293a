"""Fixtures for all tests: the real data, and one thread so that runs repeat."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

# No deadline: machines are shared. The same examples each time: a red run must be red again. CI tries more of them.
N_EXAMPLES = 100 if os.environ.get("CI") else 40
settings.register_profile("seisdream", deadline=None, derandomize=True, max_examples=N_EXAMPLES)
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Skip what takes most of the time of tests that do not look at it.

    Writing to the disk for good matters only where the power fails. Figures are laid out and drawn in slow tests and
    in those that are marked ``drawn``, of each kind of figure at least one; in others their files hold one pixel, and
    their texts. A hook covers fixtures of all scopes.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: None)
        if not (item.get_closest_marker("drawn") or item.get_closest_marker("slow")):
            patch.setattr(ConstrainedLayoutEngine, "execute", lambda engine, figure: None)
            patch.setattr(Figure, "savefig", _save_one_pixel)
        return (yield)


def _save_one_pixel(figure, file, *, format, pil_kwargs=None, **_):
    Image.new("L", (1, 1)).save(file, format, **(pil_kwargs or {}))


@pytest.fixture
def quiet_machine():
    """Skip tests of time where other work has the processors."""
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
        pytest.skip("other work has the processors, so that times mean nothing")


@pytest.fixture
def full_disk(tmp_path) -> Path:
    """A disk of 1 MB, on systems where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no permission to mount a disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
