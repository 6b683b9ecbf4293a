"""Experiments as ``--quick`` runs them, in half a minute to two minutes each."""

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["geology", "care"])
def test_a_quick_run_writes_its_results_and_page(name, quick_run):
    _, folder = quick_run(name)
    assert (folder / "page.md").is_file()
