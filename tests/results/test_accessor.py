"""The ``.seisdream`` accessor: plot, grey levels, SEG-Y, saving."""

import json
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from errors import raises
from seisdream.io.segy import open_segy, read_text_header
from seisdream.seismic.sections import GreyMapping


def test_a_section_and_a_cube_are_drawn(section):
    assert section.seisdream.plot(title="a line").axes[0].get_ylabel() == "Time (ms)"
    cube = xr.DataArray(np.random.default_rng(0).normal(size=(16, 3, 5)), dims=("time", "inline", "crossline"))
    cube = cube.assign_coords(time=4.0 * np.arange(16), inline=[1, 2, 3], crossline=range(5))
    assert cube.seisdream.plot().axes[0].get_xlabel() == "Crossline"


def test_grey_levels_are_those_that_networks_receive(section):
    grey = section.seisdream.to_grey(95)
    np.testing.assert_array_equal(grey.values, GreyMapping.of(section, 95).to_grey(section.values).clip(0, 255))
    assert grey.attrs["value_range"] == (0.0, 255.0)
    assert section.attrs["units"] == "amplitude"


@pytest.mark.parametrize(("scope", "n_traces"), [("whole", 15), ("section", 5)])
def test_amplitudes_go_into_a_copy_of_the_file(segy_section, tmp_path, scope, n_traces):
    path = (segy_section * 2).seisdream.to_segy(tmp_path / "twice.sgy", segy_section, scope=scope)
    assert path.stat().st_size == 3600 + n_traces * (240 + 4 * 32)
    written = open_segy(path, inline=11) if scope == "whole" else open_segy(path)
    np.testing.assert_array_equal(written.values, 2 * segy_section.values)
    segy_section.seisdream.to_segy(tmp_path / "same.sgy", segy_section)
    same, source = ((tmp_path / name).read_bytes() for name in ("same.sgy", "volume.sgy"))
    assert same[3200:] == source[3200:]
    with raises("exists"):
        segy_section.seisdream.to_segy(path, segy_section)


def test_other_numbers_are_written_as_numbers(segy_section, tmp_path):
    share = (segy_section * 0 + 0.25).assign_attrs(units="probability", long_name="probability of salt")
    path = share.seisdream.to_segy(tmp_path / "share.sgy", like=segy_section)
    assert (open_segy(path, inline=11).values == 0.25).all()
    assert (open_segy(path, inline=10).values == 0.0).all()
    assert "probability of salt" in " ".join(read_text_header(path))


def test_segy_needs_a_section_from_segy_of_the_same_shape(section, segy_section, tmp_path):
    with raises("not-supported", "like"):
        section.seisdream.to_segy(tmp_path / "a.sgy", like=section)
    with raises("wrong-shape", "like"):
        segy_section[:-1].seisdream.to_segy(tmp_path / "a.sgy", like=segy_section)


def test_only_results_are_saved(section, tmp_path):
    with raises("not-ours"):
        section.seisdream.save(tmp_path / "out")


def test_an_input_made_in_python_must_be_given(section, make_record, tmp_path):
    record = make_record("attribution", section, result={"target": "class:salt", "target_score": "logit", "score": 1.0})
    map_ = section.rename("attribution").assign_attrs(provenance=json.dumps(record))
    with raises("missing-argument", "section"):
        map_.seisdream.save(tmp_path / "out")
    map_.seisdream.save(tmp_path / "out", section=section)
    assert (tmp_path / "out" / "attribution.json").exists()


def test_the_accessor_comes_with_the_first_array_and_without_torch_or_matplotlib():
    code = (
        "import sys, seisdream; assert 'xarray' not in sys.modules; "
        "section = seisdream.make_section([[1.0, 2.0], [3.0, 4.0]], dt_ms=4.0); "
        "assert section.seisdream.to_grey().max() == 255; "
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
