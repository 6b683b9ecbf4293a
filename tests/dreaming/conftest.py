"""Fixtures of tests of dreams."""

import pytest

from seisdream.results.dream_result import DreamResult
from seisdream.results.writer import ResultFolder


@pytest.fixture
def without_figures(monkeypatch):
    """Write no figures, which take longer than small dreams."""
    monkeypatch.setattr(DreamResult, "plot", lambda self: None)
    monkeypatch.setattr(ResultFolder, "write_figure", lambda self, name, figure: None)
