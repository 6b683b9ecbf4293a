"""A volume is read inline by inline; a single section stands alone."""

import numpy as np
import pytest
import xarray as xr

from errors import raises
from segy_files import make_segy, numbered
from seisdream.inference.section_source import open_sections
from seisdream.io.inputs import open_section
from seisdream.io.segy import SegyVolume
from seisdream.seismic.sections import GreyMapping


@pytest.fixture
def volume(tmp_path):
    samples = np.random.default_rng(0).standard_normal((5 * 8, 30)).astype(np.float32)
    words = numbered(range(100, 110, 2), range(300, 308))
    return make_segy(tmp_path / "volume.sgy", samples, words=words)


def test_a_volume_is_its_inlines_and_a_selected_line_is_one_section(volume):
    lines = open_sections(volume)
    assert lines.names == ("inline 100", "inline 102", "inline 104", "inline 106", "inline 108")
    assert lines.inlines == (100, 102, 104, 106, 108)
    np.testing.assert_array_equal(lines.open(3).values, open_section(volume, inline=106).values)
    assert open_sections(volume, every=2).names == ("inline 100", "inline 104", "inline 108")
    assert open_sections(volume, every=2).positions == (0, 2, 4)
    alone = open_sections(volume, crossline=305)
    assert (len(alone), alone.open(0).dims) == (1, ("time", "inline"))


def test_an_opened_volume_and_an_array_are_read_alike(volume):
    opened = SegyVolume(volume)
    lines = open_sections(opened)
    array = xr.concat(
        [opened.open(inline) for inline in opened.inlines], xr.DataArray(list(opened.inlines), dims="inline")
    )
    array = array.assign_coords(inline=list(opened.inlines)).transpose("inline", "crossline", "time")
    for number in range(5):
        of_array = open_sections(array).open(number)
        assert of_array.dims == ("time", "crossline")
        np.testing.assert_array_equal(of_array, lines.open(number))
    assert open_sections(array).names == lines.names


def test_inlines_without_samples_are_left_out():
    values = np.random.default_rng(0).normal(size=(4, 6, 20)).astype(np.float32)
    values[1] = np.nan
    array = xr.DataArray(values, dims=("inline", "crossline", "time"), coords={"time": np.arange(20.0)})
    assert open_sections(array).inlines == (0, 2, 3)
    with raises("no-signal"):
        open_sections(array.copy(data=np.full_like(values, np.nan)))


def test_a_section_in_memory_is_its_own_source():
    section = open_section("sample:built-in")
    source = open_sections(section)
    assert len(source) == 1
    assert source.open(0) is section
    assert source.mapping == GreyMapping.of(section)
