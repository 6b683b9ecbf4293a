"""Tests of figures look at them."""

import pytest


@pytest.fixture(autouse=True)
def _drawn(drawn):
    """Lay figures out and draw them."""
