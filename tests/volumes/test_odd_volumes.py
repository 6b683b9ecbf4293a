"""Volumes at the edge of what is one: each ends in a complete answer or in a clear refusal."""

import numpy as np
import pytest

from errors import raises
from seisdream.volumes.ingest import ingest
from seisdream.volumes.run import open_job_result
from seisdream.volumes.settings import ExecutorSettings
from seisdream.volumes.verify import verify
from small_volumes import make_dream_job, make_job, make_volume

SERIAL = ExecutorSettings(executor="serial")


def odd_volume(kind):
    shape = {"one inline": (1, 24, 32), "one crossline": (7, 1, 32), "one trace": (1, 1, 32), "one sample": (7, 24, 1)}
    volume = make_volume(shape=(7, 24, 32)).fillna(1.0)
    if kind in shape:
        return volume[tuple(slice(n) for n in shape[kind])]
    if kind == "infinite samples":
        volume[3, 4, 5:9] = np.inf
    elif kind == "dead lines":
        volume[1:4] = 0.0
    elif kind == "lines without traces":
        volume[1:4] = np.nan
    else:
        volume[:] = {"all dead": 0.0, "no trace": np.nan}[kind]
    return volume


REFUSED = {
    "one crossline": "too-small",
    "one trace": "too-small",
    "one sample": "too-small",
    "all dead": "no-signal",
    "no trace": "no-signal",
}


@pytest.mark.parametrize("kind", ["one inline", "dead lines", "lines without traces", "infinite samples"])
def test_an_odd_volume_is_computed_whole(tmp_path, kind):
    ingest(odd_volume(kind), tmp_path / "survey.zarr")
    make_job(tmp_path).run(tmp_path / "out", SERIAL).require_complete()
    assert verify(tmp_path / "out").is_whole


@pytest.mark.parametrize("kind", ["one inline", "dead lines", "lines without traces"])
def test_dead_and_missing_lines_stay_as_they_are_in_a_dream(tmp_path, kind):
    volume = odd_volume(kind)
    ingest(volume, tmp_path / "survey.zarr")
    make_dream_job(tmp_path).run(tmp_path / "out", SERIAL).require_complete()
    dream, before = open_job_result(tmp_path / "out").dream.values, volume.values
    is_live = np.nan_to_num(before).any(axis=(1, 2))
    np.testing.assert_array_equal(dream[~is_live], before[~is_live])
    assert all((one != other).any() for one, other in zip(dream[is_live], before[is_live], strict=True))


@pytest.mark.parametrize("n_dims", [2, 3])
def test_the_step_scale_is_measured_on_sections_and_blocks_with_a_signal(tmp_path, n_dims):
    volume = make_volume(shape=(24, 24, 32)).fillna(0.0)
    volume[5:19] = 0.0  # What is at a quarter, a half and three quarters of the volume is dead.
    ingest(volume, tmp_path / "survey.zarr")
    how = {"block": (2, 1, 1)} if n_dims == 2 else {"block": (4, 24, 32)}
    measured = make_dream_job(tmp_path, n_dims=n_dims, how=how).kernel.measure()
    assert np.min(measured["step_scale"]) > 0
    if n_dims == 2:
        assert measured["sections"] == ["inline 104", "inline 119"]


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("make", [make_job, make_dream_job])
def test_what_cannot_be_computed_is_refused(tmp_path, kind, make):
    ingest(odd_volume(kind), tmp_path / "survey.zarr")
    with raises(REFUSED[kind]):
        make(tmp_path).run(tmp_path / "out", SERIAL)
