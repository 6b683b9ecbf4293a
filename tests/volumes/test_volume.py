"""Volumes of any kind: the same blocks, geometry and statistics."""

import pickle

import numpy as np
import pytest
import xarray as xr

import seisdream as sd
from errors import raises
from segy_files import ibm_words, make_segy, numbered, ramp, wiggles
from seisdream.io.segy import geometry, grid
from seisdream.io.segy.survey import read_survey
from seisdream.seismic.amplitude_statistics import AmplitudeStatistics
from seisdream.volumes.ingest import ingest
from seisdream.volumes.slices import orthogonal_slices
from seisdream.volumes.store import create_result, open_result
from small_volumes import make_volume

SHAPE = (5, 4, 12)


def make_volume_file(path, *, missing=(), is_crossline_sorted=False, **options):
    """Write a volume of 5 inlines, 4 crosslines and 12 samples, and return the file and its amplitudes."""
    words = {name: one.reshape(SHAPE[:2]) for name, one in numbered(range(100, 110, 2), range(7, 11)).items()}
    words |= {71: -10, 181: words[189] * 250, 185: words[193] * 250}
    values = ramp(SHAPE[0] * SHAPE[1], SHAPE[2]).reshape(SHAPE)
    axes = (1, 0) if is_crossline_sorted else (0, 1)
    kept = np.setdiff1d(np.arange(SHAPE[0] * SHAPE[1]), missing)
    flat = {word: np.broadcast_to(one, SHAPE[:2]).transpose(axes).ravel()[kept] for word, one in words.items()}
    traces = values.transpose(*axes, 2).reshape(-1, SHAPE[2])[kept]
    make_segy(path, traces, words=flat, **options)
    expected = np.full((SHAPE[0] * SHAPE[1], SHAPE[2]), np.nan, np.float32)
    expected[kept] = traces
    expected = expected.reshape(*(SHAPE[axis] for axis in axes), SHAPE[2]).transpose(*axes, 2)
    return path, expected


@pytest.mark.parametrize("is_crossline_sorted", [False, True])
@pytest.mark.parametrize("missing", [(), (0, 7, 19)])
def test_blocks_of_segy_are_its_traces(tmp_path, missing, is_crossline_sorted):
    path, expected = make_volume_file(tmp_path / "a.sgy", missing=missing, is_crossline_sorted=is_crossline_sorted)
    volume = sd.open_volume(path)
    assert volume.dims == ("inline", "crossline", "time")
    assert volume.coords["inline"].tolist() == [100, 102, 104, 106, 108]
    assert volume.sampling == 4.0
    np.testing.assert_array_equal(volume.trace_mask, ~np.isnan(expected[..., 0]))
    np.testing.assert_array_equal(volume.read(), expected)
    np.testing.assert_array_equal(volume.read(slice(1, 3), slice(2, None), slice(4, 9)), expected[1:3, 2:, 4:9])
    np.testing.assert_array_equal(volume.read(samples=slice(3, 4)), expected[..., 3:4])
    places = volume.read_places(slice(1, 3))
    present = ~np.isnan(expected[1:3, :, 0])
    np.testing.assert_array_equal(places["cdp_x"][present], np.broadcast_to([[2550.0], [2600.0]], (2, 4))[present])


@pytest.mark.parametrize("is_crossline_sorted", [False, True])
@pytest.mark.parametrize("missing", [(), (7,)])
def test_of_very_many_traces_on_a_regular_grid_only_the_grid_is_kept(
    tmp_path, monkeypatch, missing, is_crossline_sorted
):
    monkeypatch.setattr(geometry, "MANY_TRACES", 10)
    monkeypatch.setattr(geometry, "_N_FIRST", 8)
    monkeypatch.setattr(grid, "_HEADERS_AT_A_TIME", 9)
    path, expected = make_volume_file(tmp_path / "a.sgy", missing=missing, is_crossline_sorted=is_crossline_sorted)
    volume = sd.open_volume(path)
    assert (volume.grid.index is None) == (not missing)
    np.testing.assert_array_equal(volume.read(), expected)
    np.testing.assert_array_equal(volume.trace_mask, ~np.isnan(expected[..., 0]))


def test_a_header_that_no_sample_shows_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(geometry, "MANY_TRACES", 10)
    monkeypatch.setattr(geometry, "_N_FIRST", 8)
    monkeypatch.setattr(grid, "_N_SPREAD", 8)
    words = numbered(range(40), range(50))
    words[189][1023] = 999
    path = make_segy(tmp_path / "a.sgy", ramp(2000, 3), words=words)
    assert read_survey(path).grid.is_sampled
    assert np.argwhere(~sd.open_volume(path).trace_mask).tolist() == [[20, 23]]


def test_a_volume_goes_to_another_process(tmp_path):
    path, expected = make_volume_file(tmp_path / "a.sgy")
    result = create_result(tmp_path / "a.zarr", sd.open_volume(path), {"dream": "f4"})
    result.write_shard("dream", (0, 0, 0), expected)
    for volume in (sd.open_volume(path), sd.open_volume(tmp_path / "a.zarr"), sd.open_volume(expected, dt_ms=4.0)):
        again = pickle.loads(pickle.dumps(volume))
        np.testing.assert_array_equal(again.read(), expected)
        assert again.fingerprint == volume.fingerprint


def test_an_array_in_any_order_is_a_volume():
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    values[0, 1] = np.nan
    array = xr.DataArray(
        values.transpose(2, 1, 0),
        dims=("twt", "xline", "iline"),
        coords={"twt": np.arange(12) * 0.004, "xline": np.arange(4), "iline": np.arange(5)},
    )
    array.twt.attrs["units"] = "s"
    for one in (array, array.chunk({"iline": 2})):
        volume = sd.open_volume(one)
        np.testing.assert_array_equal(volume.read(slice(0, 3)), values[:3])
        assert volume.sampling == pytest.approx(4.0)
        assert volume.trace_mask.sum() == 19
        assert volume.open(0).dims == ("time", "crossline")
    assert volume.chunks == (2, 4, 12)
    assert sd.open_volume(xr.Dataset({"a": array}), variable="a").shape == SHAPE


def test_a_result_has_the_geometry_of_its_volume(tmp_path):
    path, expected = make_volume_file(tmp_path / "a.sgy", missing=(3,))
    volume = sd.open_volume(path)
    result = create_result(
        tmp_path / "out.zarr", volume, {"dream": "f4", "class": "i1"}, chunks=(2, 2, 4), shards=(4, 2, 8)
    )
    assert result.shard_grid("dream") == (2, 2, 2)
    for index in np.ndindex(result.shard_grid("dream")):
        result.write_shard("dream", index, expected[result.shard_box("dream", index)])
    opened = xr.open_zarr(tmp_path / "out.zarr", consolidated=False)
    assert opened["dream"].dims == ("inline", "crossline", "time")
    np.testing.assert_array_equal(opened["dream"].values, expected)
    np.testing.assert_array_equal(opened["inline"], volume.coords["inline"])
    np.testing.assert_array_equal(opened["time"], volume.coords["time"])
    np.testing.assert_array_equal(opened["trace_mask"], volume.trace_mask)
    np.testing.assert_array_equal(opened["cdp_x"], volume.read_places()["cdp_x"])
    assert {"cdp_x", "cdp_y"} <= set(opened.coords)
    assert (opened["class"].values == -1).all()
    again = open_result(tmp_path / "out.zarr")
    assert again.shard_digest("class", (0, 0, 0)) is None
    digest = again.write_shard("class", (1, 1, 1), np.zeros((1, 2, 4)))
    assert digest == result.shard_digest("class", (1, 1, 1))
    with raises("wrong-shape"):
        again.write_shard("class", (1, 1, 1), np.zeros((4, 2, 8)))
    with raises("out-of-range"):
        again.write_shard("class", (2, 0, 0), np.zeros((1, 2, 4)))
    with raises("exists"):
        create_result(tmp_path / "out.zarr", volume, {"dream": "f4"})
    create_result(tmp_path / "out.zarr", volume, {"dream": "f4"}, force=True)
    assert open_result(tmp_path / "out.zarr").variables == ("dream",)


def test_a_result_in_an_object_store_is_that_of_a_folder(tmp_path):
    path, expected = make_volume_file(tmp_path / "a.sgy")
    volume = sd.open_volume(path)
    for target in (f"memory://{tmp_path.name}/a.zarr", tmp_path / "a.zarr"):
        result = create_result(target, volume, {"dream": "f4"}, chunks=(2, 2, 4), shards=(4, 4, 4))
        for index in np.ndindex(result.shard_grid("dream")):
            result.write_shard("dream", index, expected[result.shard_box("dream", index)])
        again = sd.open_volume(target)
        assert again.chunks == (2, 2, 4)
        np.testing.assert_array_equal(again.read(slice(1, 4), slice(0, 2), slice(5, 9)), expected[1:4, :2, 5:9])
        before = again.fingerprint
        result.write_shard("dream", (0, 0, 0), expected[:4, :, :4] + 1)
        assert sd.open_volume(target).fingerprint != before


def test_statistics_are_those_of_the_samples():
    values = np.random.default_rng(0).normal(size=(20, 30, 50)).astype(np.float32)
    values[0] = 0.0
    values[1, 0] = np.nan
    known = values[np.isfinite(values) & (values != 0)].astype(np.float64)
    found = AmplitudeStatistics.from_mdio(AmplitudeStatistics.of(values).to_mdio())
    assert (found.count, found.min, found.max) == (known.size, known.min(), known.max())
    assert found.sum == pytest.approx(known.sum())
    assert found.rms == pytest.approx(np.sqrt((known**2).mean()))
    for percentile in (10, 50, 99, 100):
        assert found.percentile(percentile) == pytest.approx(np.percentile(np.abs(known), percentile), rel=0.02)
    assert sd.open_volume(values, dt_ms=2.0).statistics.count == known.size


def test_ibm_floats_keep_their_value(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    path = make_segy(tmp_path / "a.sgy", ibm_words(values), sample_format=1, words=numbered(range(3), range(2)))
    np.testing.assert_allclose(sd.open_volume(path).read().reshape(6, 8), values, rtol=1e-6)


def test_what_is_no_volume_is_refused(tmp_path):
    with raises("wrong-shape"):
        sd.open_volume(np.zeros((3, 4)))
    with raises("missing-argument", "dt_ms"):
        sd.open_volume(np.zeros((3, 4, 5)))
    with raises("wrong-shape"):
        sd.open_volume(xr.DataArray(np.zeros((3, 4, 5)), dims=("a", "b", "c")))
    with raises("not-found"):
        sd.open_volume(tmp_path / "none.zarr")
    with raises("not-found"):
        sd.open_volume("memory://nowhere/none.zarr")
    with raises("unknown-argument"):
        sd.open_volume(np.zeros((3, 4, 5)), dt_ms=4.0, inline_byte=9)
    irregular = xr.DataArray(np.zeros((3, 2, 2)), dims=("inline", "crossline", "time"), coords={"inline": [1, 2, 5]})
    with raises("no-geometry"):
        sd.open_volume(irregular, dt_ms=4.0)


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_of_mdio_opens_as_it_is(tmp_path, version):
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    mask = np.ones(SHAPE[:2], bool)
    mask[1, 2] = False
    values[1, 2] = 0.0
    statistics = AmplitudeStatistics.of(values)
    dataset = xr.Dataset(
        {"amplitude": (("inline", "crossline", "depth"), values), "trace_mask": (("inline", "crossline"), mask)},
        coords={
            "inline": np.arange(5, dtype=np.int32),
            "crossline": np.arange(4, dtype=np.int32),
            "depth": np.arange(12, dtype=np.int32) * 10,
            "cdp_x": (("inline", "crossline"), np.arange(20.0).reshape(5, 4)),
            "cdp_y": (("inline", "crossline"), np.arange(20.0).reshape(5, 4)),
        },
    )
    dataset["amplitude"].attrs["statsV1"] = statistics.to_mdio()
    encoding = {"inline": {"fill_value" if version == 3 else "_FillValue": 0}}
    dataset.to_zarr(tmp_path / "survey.mdio", zarr_format=version, consolidated=False, encoding=encoding)
    volume = sd.open_volume(tmp_path / "survey.mdio")
    assert volume.dims == ("inline", "crossline", "depth")
    assert volume.coords["inline"].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(volume.read(), np.where(mask[..., None], values, np.nan))
    np.testing.assert_array_equal(volume.trace_mask, mask)
    assert volume.statistics.sum == statistics.sum
    assert volume.read_places(slice(1, 2))["cdp_x"].tolist() == [[4.0, 5.0, 6.0, 7.0]]
    assert volume.open(3).dims == ("depth", "crossline")


def test_a_damaged_or_missing_file_of_an_ingested_survey_is_never_read_as_absent_samples(tmp_path):
    path = make_segy(tmp_path / "a.sgy", wiggles(20, 32), words=numbered(range(5), range(4)))
    ingest(path, tmp_path / "a.zarr", chunks=(2, 4, 32), shards=(2, 4, 32))
    volume, shard = sd.open_volume(tmp_path / "a.zarr"), tmp_path / "a.zarr" / "amplitude" / "c" / "1" / "0" / "0"
    shard.write_bytes(bytes(byte ^ 0xFF for byte in shard.read_bytes()))
    assert np.isfinite(volume.read(slice(0, 2))).all()
    with raises("corrupt"):
        volume.read(slice(0, 3))
    shard.unlink()
    with raises("corrupt", "source"):
        sd.open_volume(tmp_path / "a.zarr")


def test_slices_through_the_middle_are_named_with_their_numbers_and_units(tmp_path):
    path, expected = make_volume_file(tmp_path / "a.sgy")
    volume = sd.open_volume(path)
    result = xr.Dataset(coords={dim: volume.coords[dim] for dim in volume.dims})
    slices = orthogonal_slices(volume, result)
    assert [one.section.name for one in slices] == ["inline 104", "crossline 9", "time 24 ms"]
    np.testing.assert_array_equal(slices[0].section, expected[2].T)


def test_an_unknown_variable_is_refused_with_the_names_of_all(tmp_path):
    array = xr.DataArray(np.zeros(SHAPE, np.float32), dims=("inline", "crossline", "time"))
    array = array.assign_coords(inline=range(5), crossline=range(4), time=np.arange(12) * 4.0)
    xr.Dataset({"classes": array, "entropy": array}).to_zarr(tmp_path / "a.zarr", consolidated=False)
    with raises("unknown-name", "variable") as caught:
        sd.open_volume(tmp_path / "a.zarr", variable="class")
    assert "classes, entropy" in str(caught.value)


def test_a_netcdf_file_is_read_block_by_block_and_in_other_processes(tmp_path):
    array, path = make_volume(), tmp_path / "survey.nc"
    array.to_dataset().to_netcdf(path, engine="h5netcdf")
    volume = sd.open_volume(path)
    copy = pickle.loads(pickle.dumps(volume))
    assert copy.fingerprint == volume.fingerprint
    np.testing.assert_array_equal(copy.read(slice(1, 3), slice(2, 9), slice(4, 8)), array[1:3, 2:9, 4:8])
    assert volume.is_unchanged()
    path.touch()
    assert not volume.is_unchanged()
