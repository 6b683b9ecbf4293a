"""Array files open as sections; volumes are read in part; no file runs code or exhausts memory."""

import gc
import io
import json
import pickle
import warnings
import zipfile

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import raises
from seisdream.errors import SeisdreamError
from seisdream.io.arrays import open_array, write_array
from seisdream.seismic.sections import make_section

RNG = np.random.default_rng(7)
SECTION = RNG.normal(0, 1000, (12, 9)).astype(np.float32)
VOLUME = RNG.normal(0, 1000, (4, 5, 6)).astype(np.float32)
AXES = {"inline": np.arange(100, 104), "crossline": np.arange(300, 310, 2), "time": np.arange(6) * 4.0}


def test_a_plain_array_has_rows_and_columns_or_times_and_traces(tmp_path):
    np.save(tmp_path / "a.npy", SECTION.astype(">f8"))
    section = open_array(tmp_path / "a.npy")
    assert section.dims == ("row", "column")
    assert section.dtype == np.float32
    assert section.attrs == {"source": str(tmp_path / "a.npy"), "format": "npy", "units": "amplitude"}
    np.testing.assert_array_equal(section, SECTION)
    timed = open_array(tmp_path / "a.npy", dt_ms=2)
    assert timed.dims == ("time", "trace")
    np.testing.assert_array_equal(timed.time, np.arange(12) * 2.0)
    np.testing.assert_array_equal(timed.trace, np.arange(1, 10))
    with raises("out-of-range"):
        open_array(tmp_path / "a.npy", dt_ms=0)


@pytest.mark.parametrize(
    ("dtype", "value_range"),
    [("u1", (0, 255)), ("u2", (0, 65535)), ("bool", (0, 1)), ("i2", None), ("f4", None)],
)
def test_unsigned_numbers_are_pictures(tmp_path, dtype, value_range):
    np.save(tmp_path / "a.npy", np.eye(4, dtype=dtype))
    assert open_array(tmp_path / "a.npy").attrs.get("value_range") == value_range


def test_three_channels_are_a_colour_picture(tmp_path):
    colours = RNG.uniform(0, 255, (6, 7, 3)).astype(np.float32)
    for values in (colours, colours.astype(np.uint8)):
        np.save(tmp_path / "a.npy", values)
        section = open_array(tmp_path / "a.npy")
        assert section.dims == ("row", "column", "colour")
        assert section.attrs["value_range"] == (0, 255)
        np.testing.assert_array_equal(section, values)


def test_colours_may_come_first_in_a_file(tmp_path):
    colours = RNG.integers(0, 65535, (3, 6, 7)).astype(np.uint16)
    xr.DataArray(colours, dims=("band", "row", "column"), name="data").to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    section = open_array(tmp_path / "a.nc")
    assert section.dims == ("row", "column", "colour")
    assert section.attrs["value_range"] == (0, 65535)
    np.testing.assert_array_equal(section, np.moveaxis(colours, 0, -1))


def test_a_plain_volume_is_numbered_from_zero(tmp_path):
    np.save(tmp_path / "v.npy", VOLUME)
    section = open_array(tmp_path / "v.npy", inline=1)
    assert section.dims == ("row", "crossline")
    np.testing.assert_array_equal(section, VOLUME[1].T)
    section = open_array(tmp_path / "v.npy", crossline=3, dt_ms=4)
    assert section.dims == ("time", "inline")
    assert section.attrs["selection"] == "crossline 3"
    np.testing.assert_array_equal(section, VOLUME[:, 3].T)
    section = open_array(tmp_path / "v.npy", time_ms=8.5, dt_ms=4)
    assert section.dims == ("inline", "crossline")
    np.testing.assert_array_equal(section, VOLUME[:, :, 2])
    assert open_array(tmp_path / "v.npy").attrs["selection"] == "inline 2"
    with raises("not-found"):
        open_array(tmp_path / "v.npy", inline=7)
    with raises("incompatible"):
        open_array(tmp_path / "v.npy", inline=1, crossline=1)
    np.save(tmp_path / "s.npy", SECTION)
    with raises("incompatible"):
        open_array(tmp_path / "s.npy", inline=1)
    np.save(tmp_path / "w.npy", VOLUME[:1])
    np.testing.assert_array_equal(open_array(tmp_path / "w.npy"), VOLUME[0])


def test_a_huge_volume_is_never_read_whole(tmp_path):
    path = tmp_path / "huge.npy"
    with open(path, "wb") as file:
        shape = (400, 1500, 1000)
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + 4 * 400 * 1500 * 1000)  # 2.4 GB, sparse
    assert open_array(path, inline=399).shape == (1000, 1500)
    np.lib.format.open_memmap(tmp_path / "flat.npy", mode="w+", dtype="u1", shape=(30_000, 30_000))
    with raises("too-large"):
        open_array(tmp_path / "flat.npy")


def test_npz_numbers_become_coordinates(tmp_path):
    times = np.arange(12) * 4.0
    np.savez(tmp_path / "a.npz", amplitude=SECTION, label=SECTION, crossline=np.arange(50, 59), time_ms=times)
    section = open_array(tmp_path / "a.npz")
    assert section.dims == ("time", "crossline")
    assert section.crossline[0] == 50
    assert section.time[-1] == 44
    np.savez(
        tmp_path / "b.npz",
        x=SECTION.T,
        time_ms=times,
        inline=np.arange(9),
        crossline=np.ones(9),
    )
    section = open_array(tmp_path / "b.npz", dt_ms=2)
    assert section.dims == ("time", "inline")
    np.testing.assert_array_equal(section, SECTION)
    assert section.time[-1] == 22
    assert section.crossline.dims == ("inline",)
    np.savez(tmp_path / "c.npz", volume=VOLUME, inline=AXES["inline"], crossline=AXES["crossline"])
    np.testing.assert_array_equal(open_array(tmp_path / "c.npz", crossline=304), VOLUME[:, 2].T)


def test_npz_keys(tmp_path):
    np.savez(tmp_path / "a.npz", porosity=SECTION, velocity=SECTION, lags=np.arange(3))
    with raises("ambiguous"):
        open_array(tmp_path / "a.npz")
    assert open_array(tmp_path / "a.npz", key="velocity").shape == (12, 9)
    with raises("unknown-name"):
        open_array(tmp_path / "a.npz", key="velocty")
    np.savez(tmp_path / "b.npz", mine=SECTION, labels=SECTION.astype(np.uint8))
    np.testing.assert_array_equal(open_array(tmp_path / "b.npz"), SECTION)
    np.savez(tmp_path / "c.npz", lags=np.arange(3))
    with raises("wrong-shape"):
        open_array(tmp_path / "c.npz")
    np.save(tmp_path / "d.npy", SECTION)
    with raises("incompatible"):
        open_array(tmp_path / "d.npy", key="data")


def test_real_f3(shared):
    section = open_array(shared / "data" / "f3_inline362.npz")
    assert section.dims == ("time", "crossline")
    assert section.shape == (463, 951)
    assert (section.time[-1], section.crossline[0], section.crossline[-1]) == (1848, 300, 1250)
    crossline = open_array(shared / "data" / "f3_crosslines_intervals.npz", crossline=351)
    assert crossline.shape == (512, 512)
    assert crossline.attrs["value_range"] == (0, 255)
    assert crossline.attrs["selection"] == "crossline 351"


@pytest.mark.parametrize("n_dims", [2, 3])
@pytest.mark.parametrize("ending", ["zarr", "zarr.zip", "nc", "h5", "classic.nc"])
def test_xarray_files_round_trip(tmp_path, ending, n_dims):
    path = tmp_path / f"a.{ending}"
    dims = ("iline", "xline", "twt")
    coords = dict(zip(dims, AXES.values(), strict=True))
    volume = xr.DataArray(VOLUME, dims=dims, coords=coords, name="data")
    volume.twt.attrs["units"] = "s"
    volume = volume.assign_coords(twt=volume.twt / 1000.0).astype("f4")
    volume.twt.attrs["units"] = "s"
    volume = volume if n_dims == 3 else volume.isel(iline=2, drop=True)
    if ending == "zarr.zip":
        with zarr.storage.ZipStore(path, mode="w") as store, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            volume.to_dataset().to_zarr(store, consolidated=False)
    elif ending == "zarr":
        volume.to_dataset().to_zarr(path, consolidated=False)
    else:
        volume.to_netcdf(path, engine="scipy" if "classic" in ending else "h5netcdf")
    section = open_array(path, **({"inline": 102} if n_dims == 3 else {}))
    assert section.dims == ("time", "crossline")
    np.testing.assert_array_equal(section, VOLUME[2].T)
    np.testing.assert_allclose(section.time, AXES["time"])
    np.testing.assert_array_equal(section.crossline, AXES["crossline"])
    if n_dims == 3:
        np.testing.assert_array_equal(open_array(path, time_ms=8), VOLUME[:, :, 2])
        with raises("not-found"):
            open_array(path, crossline=301)


def test_files_without_names_for_their_axes(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["seismic"] = VOLUME
    np.testing.assert_array_equal(open_array(tmp_path / "a.h5", inline=3), VOLUME[3].T)
    zarr.save_array(str(tmp_path / "b.zarr"), VOLUME)
    np.testing.assert_array_equal(open_array(tmp_path / "b.zarr", crossline=1), VOLUME[:, 1].T)
    group = zarr.open_group(str(tmp_path / "c.zarr"), mode="w")
    group.create_array("seismic", shape=VOLUME.shape, dtype="f4")[:] = VOLUME
    group.create_array("inline", shape=(4,), dtype="i8")[:] = AXES["inline"]
    np.testing.assert_array_equal(open_array(tmp_path / "c.zarr", inline=103), VOLUME[3].T)


def test_only_the_chunks_of_the_section_are_read(tmp_path):
    xr.DataArray(VOLUME, dims=("inline", "crossline", "time"), name="seismic").to_dataset().to_zarr(
        tmp_path / "a.zarr", encoding={"seismic": {"chunks": (1, 5, 6)}}, consolidated=False
    )
    for chunk in (tmp_path / "a.zarr" / "seismic" / "c").glob("[013]/0/0"):
        chunk.write_bytes(b"spoiled")
    np.testing.assert_array_equal(open_array(tmp_path / "a.zarr", inline=2), VOLUME[2].T)
    with raises("unreadable"):
        open_array(tmp_path / "a.zarr", inline=1)


def test_unusual_axes_are_kept(tmp_path):
    xr.DataArray(SECTION, dims=("offset", "angle"), name="x").to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    assert open_array(tmp_path / "a.nc").dims == ("offset", "angle")
    np.save(tmp_path / "b.npy", np.zeros((2, 3, 4, 5)))
    with raises("wrong-shape"):
        open_array(tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", np.zeros(5))
    with raises("wrong-shape"):
        open_array(tmp_path / "c.npy")


def test_missing_samples_are_counted_or_absent(tmp_path):
    values = SECTION.copy()
    values[0, :3], values[1, 1] = np.nan, -np.inf
    np.save(tmp_path / "a.npy", values)
    with raises("not-finite"):
        open_array(tmp_path / "a.npy")
    assert np.isnan(open_array(tmp_path / "a.npy", nan="absent").values).sum() == 4
    with raises("unknown-name"):
        open_array(tmp_path / "a.npy", nan="zero")


class Evil:
    def __reduce__(self):
        return (open, ("/nowhere/evil", "w"))


def test_pickles_are_refused(tmp_path):
    (tmp_path / "a.npy").write_bytes(pickle.dumps(Evil()))
    np.save(tmp_path / "b.npy", np.array([[Evil(), 1]], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "c.npz", data=np.array([[Evil(), 1]], dtype=object))
    for name, code in (("a.npy", "unreadable"), ("b.npy", "untrusted"), ("c.npz", "wrong-type")):
        with raises(code) as error:
            open_array(tmp_path / name)
        assert name in str(error.value)


class WritesFile:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def write_zarr_v2(folder, arrays):
    """Write a Zarr store of version 2 by hand, as an attacker would: metadata and bytes of each array."""
    folder.mkdir()
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    for name, (changes, chunk) in arrays.items():
        (folder / name).mkdir()
        metadata = {"zarr_format": 2, "chunks": [3], "shape": [3], "dtype": "<f4", "fill_value": None, "order": "C",
                    "compressor": None, "filters": None, **changes}  # fmt: skip
        (folder / name / ".zarray").write_text(json.dumps(metadata))
        (folder / name / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": ["time", "trace"][: chunk.ndim]}))
        text = pickle.dumps(chunk) if metadata["filters"] else chunk.tobytes()
        (folder / name / ".".join("0" * chunk.ndim)).write_bytes(text)


@pytest.mark.parametrize("dtype", ["|O", "<f4"])
@pytest.mark.parametrize("is_zip", [False, True])
def test_a_zarr_coordinate_with_a_pickle_filter_is_refused_unread(tmp_path, dtype, is_zip):
    mark, path = tmp_path / "mark", tmp_path / "a.zarr"
    coordinate = np.array([WritesFile(mark), 1, 2], dtype=object)
    changes = {"dtype": dtype, "filters": [{"id": "pickle", "protocol": 5}]}
    numbers = np.ones((3, 3), np.float32)
    write_zarr_v2(path, {"seismic": ({"shape": [3, 3], "chunks": [3, 3]}, numbers), "time": (changes, coordinate)})
    if is_zip:
        with zipfile.ZipFile(tmp_path / "a.zarr.zip", "w") as archive:
            for file in path.rglob("*"):
                archive.write(file, file.relative_to(path))
        path = tmp_path / "a.zarr.zip"
    with raises("untrusted"):
        open_array(path)
    assert not mark.exists()


def test_zarr_metadata_are_refused_in_consolidated_form_and_version_3(tmp_path):
    good = {"time": ({}, np.arange(3, dtype=np.float32) * 4)}
    for name, key, value in (
        ("type", "data_type", {"name": "object", "configuration": {}}),
        ("codec", "codecs", [{"name": "numcodecs.pickle"}]),
        ("nested", "codecs", [{"name": "sharding_indexed", "configuration": {"codecs": [{"name": "pickle"}]}}]),
    ):
        array = {"zarr_format": 3, "node_type": "array", "shape": [3, 3], "data_type": "float32", "codecs": ["bytes"]}
        array[key] = value
        group = {"zarr_format": 3, "node_type": "group", "attributes": {}}
        group["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": {"a": array}}
        for document in (array, group):
            path = tmp_path / f"{name}-{document['node_type']}.zarr"
            path.mkdir()
            (path / "zarr.json").write_text(json.dumps(document))
            with raises("untrusted"):
                open_array(path)
    write_zarr_v2(tmp_path / "delta.zarr", good)
    metadata = json.loads((tmp_path / "delta.zarr" / "time" / ".zarray").read_text())
    metadata["filters"] = [{"id": "delta", "dtype": "|O"}]
    (tmp_path / "delta.zarr" / "time" / ".zarray").write_text(json.dumps(metadata))
    with raises("untrusted"):
        open_array(tmp_path / "delta.zarr")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_stores_with_texts_and_compression_still_open(tmp_path, zarr_format):
    data = xr.Dataset({"seismic": (("time", "trace"), SECTION)}, {"time": np.arange(12) * 4.0})
    data["well"] = ("trace", np.array([f"well {n}" * n for n in range(9)], dtype=object))
    data["name"] = ("trace", np.array(["line"] * 9))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on strings, which have no settled form in version 3
        data.to_zarr(tmp_path / "a.zarr", zarr_format=zarr_format, consolidated=zarr_format == 2)
    np.testing.assert_array_equal(open_array(tmp_path / "a.zarr", key="seismic"), SECTION)


def test_complex_numbers_and_texts_are_refused(tmp_path):
    for values in (SECTION.astype(complex), np.full((3, 3), "a")):
        np.save(tmp_path / "a.npy", values)
        with raises("wrong-type"):
            open_array(tmp_path / "a.npy")


def test_an_npz_that_declares_too_much_is_refused_before_it_is_unpacked(tmp_path):
    header = io.BytesIO()
    description = {"descr": "<f4", "fortran_order": False, "shape": (20_000, 20_000)}
    np.lib.format.write_array_header_1_0(header, description)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", header.getvalue() + bytes(100))
    with raises("corrupt"):
        open_array(tmp_path / "a.npz")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {**description, "shape": (200, 2000, 3000)})
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("data.npy", header.getvalue() + bytes(6_000_000))
    with raises("too-large"):
        open_array(tmp_path / "b.npz")


@pytest.mark.parametrize("ending", ["npy", "npz", "nc", "classic.nc"])
def test_truncated_files_are_refused(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    if ending == "npy":
        np.save(path, SECTION)
    elif ending == "npz":
        np.savez_compressed(path, data=SECTION)
    else:
        engine = "scipy" if "classic" in ending else "h5netcdf"
        xr.DataArray(SECTION, dims=("time", "trace"), name="data").to_netcdf(path, engine=engine)
    whole = path.read_bytes()
    with warnings.catch_warnings():
        if "classic" in ending:
            # SciPy leaves a truncated file open until it is collected, and warns then.
            warnings.simplefilter("ignore")
        for n_kept in [0, 3, 40, *np.random.default_rng(0).integers(0, len(whole), 10)]:
            path.write_bytes(whole[:n_kept])
            with raises("unreadable"):
                open_array(path)
        with raises("not-found"):
            open_array(tmp_path / "none.npy")
        gc.collect()


@settings(max_examples=100, deadline=None)
@given(data=st.data(), ending=st.sampled_from(["npy", "npz"]))
def test_corrupt_bytes_never_crash(data, ending, tmp_path_factory):
    buffer = io.BytesIO()
    np.save(buffer, SECTION) if ending == "npy" else np.savez_compressed(buffer, data=SECTION)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"corrupt.{ending}"
    path.write_bytes(content)
    try:
        section = open_array(path, nan="absent")
    except SeisdreamError:
        return
    assert section.size <= len(content)


def test_write_array_round_trip(tmp_path):
    section = make_section(SECTION, dt_ms=4.0)
    write_array(section, tmp_path / "a.npy")
    assert np.load(tmp_path / "a.npy").dtype == np.float32
    np.testing.assert_array_equal(open_array(tmp_path / "a.npy", dt_ms=4.0), SECTION)
