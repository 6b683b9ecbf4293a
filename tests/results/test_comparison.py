"""Results compared: correlations with known answers, one scale, and what cannot be compared."""

import json

import numpy as np
import pytest
import xarray as xr

from errors import raises
from seisdream.plotting.display import DisplaySettings, displaying
from seisdream.results.comparison import compare_results
from seisdream.results.dream_result import DreamResult
from seisdream.results.writer import ResultFolder


@pytest.fixture
def folders(make_dream, section, tmp_path, monkeypatch):
    """Three dreams, whose changes are a pattern, twice the pattern, and minus the pattern; without figures."""
    pattern = xr.zeros_like(section) + np.sin(np.arange(section.sizes["trace"])).astype(np.float32)
    for name, factor in (("one", 1.0), ("twice", 2.0), ("minus", -1.0)):
        dream = make_dream(section)
        dream.dataset["dream"] = (section + factor * pattern).assign_attrs(section.attrs)
        with monkeypatch.context() as patch:
            patch.setattr(DreamResult, "plot", lambda self: None)
            patch.setattr(ResultFolder, "write_figure", lambda self, name, figure: None)
            dream.save(tmp_path / name)
    return [tmp_path / name for name in ("one", "twice", "minus")]


def test_changes_correlate_whatever_their_size(folders, section):
    compared = compare_results(folders, section=section)
    expected = [[1, 1, -1], [1, 1, -1], [-1, -1, 1]]
    np.testing.assert_allclose(compared.agreement, expected, atol=1e-5)
    assert list(compared.agreement["result"].values) == ["one", "twice", "minus"]


def test_the_folder_has_a_page_a_picture_and_the_numbers(folders, section, tmp_path):
    files = compare_results(folders, section=section).save(tmp_path / "out")
    assert {file.name for file in files} == {"index.html", "comparison.png", "comparison.json"}
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert record["agreement"][0][2] == pytest.approx(-1.0)


def test_the_page_is_drawn_as_the_display_settings_state(folders, section, tmp_path):
    with displaying(DisplaySettings(colormap="blue-red", gain=6.0)):
        compare_results(folders, section=section).save(tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    shown = '"display": {"map": "blue-red", "polarity": "normal", "gain": 6.0, "traces": "colours"}'
    assert shown.replace(" ", "") in page.replace(" ", "")


def test_results_of_one_section_and_kind_alone_are_compared(folders, make_dream, section, tmp_path):
    with raises("missing-argument"):
        compare_results(folders[:1], section=section)
    smaller = section.isel(time=slice(0, 20))
    make_dream(smaller).save(tmp_path / "smaller")
    with raises("incompatible"):
        compare_results([folders[0], tmp_path / "smaller"], section=section)
