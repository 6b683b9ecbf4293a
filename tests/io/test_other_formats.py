"""Seismic Unix, gzip, MDIO, MATLAB, headerless arrays, axes in any order and under any name; refusals of the rest."""

import gzip
import json
import warnings
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
import xarray as xr
import zarr

from errors import raises
from segy_files import ibm_words, make_segy, numbered, wiggles
from seisdream.errors import SeisdreamError
from seisdream.io.inputs import find_segy, open_section, open_segy_volume
from seisdream.io.segy import open_segy, read_survey, write_segy_like, writing_segy_numbers
from seisdream.seismic.sections import make_section
from seisdream.synthetic.earth import make_earth

GRID = numbered(np.arange(100, 108), np.arange(300, 320))
D = wiggles(160, 128)
INLINE_104 = D.reshape(8, 20, 128)[4].T
LINE = np.random.default_rng(3).normal(size=(64, 40)).astype(np.float32)
VOLUME = np.random.default_rng(4).normal(size=(5, 6, 20)).astype(np.float32)


# Seismic Unix and gzip -------------------------------------------------------------------


@pytest.fixture(params=["big", "little"])
def segy(tmp_path, request):
    return make_segy(tmp_path / "whole.sgy", D, words=GRID, endian=request.param)


@pytest.mark.parametrize("name", ["line.su", "line.sgy", "line.SEGY", "line.su.gz"])
def test_seismic_unix_opens_also_under_another_name(segy, tmp_path, name):
    data = segy.read_bytes()[3600:]
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    survey = read_survey(tmp_path / name)
    assert (survey.kind, survey.n_traces, survey.dt_ms, survey.text_header) == ("3-D", 160, 4.0, ())
    assert bool(survey.notes) == (".su" not in name)
    section = open_section(tmp_path / name, inline=104)
    np.testing.assert_array_equal(section, INLINE_104)
    assert open_segy_volume(tmp_path / name).shape == (8, 20, 128)


def test_seismic_unix_is_written_as_seismic_unix(segy, tmp_path):
    data = segy.read_bytes()[3600:]
    (tmp_path / "a.su").write_bytes(data)
    original = open_segy(tmp_path / "a.su", inline=104)
    report = write_segy_like(original + 1, original, tmp_path / "b.su", line="x")
    assert (report.text_line, (tmp_path / "b.su").stat().st_size) == (0, len(data))
    np.testing.assert_array_equal(open_segy(tmp_path / "b.su", inline=104), INLINE_104 + 1)
    with writing_segy_numbers(original, tmp_path / "c.su", line="x", scope="section") as numbers:
        numbers.put(original * 0 + 3)
    assert (open_segy(tmp_path / "c.su") == 3).all()
    assert read_survey(tmp_path / "c.su").n_traces == 20


def test_a_damaged_seismic_unix_file_is_refused(segy, tmp_path):
    data = bytearray(segy.read_bytes()[3600:])
    data[114:118] = bytes(4)
    (tmp_path / "a.su").write_bytes(data)
    with raises("unreadable"):
        read_survey(tmp_path / "a.su")


def test_gzip_is_unpacked_once_and_records_its_own_name(tmp_path):
    path = make_segy(tmp_path / "a.sgy", D, words=GRID)
    (tmp_path / "a.sgy.gz").write_bytes(gzip.compress(path.read_bytes()))
    section = open_section(tmp_path / "a.sgy.gz", inline=104)
    np.testing.assert_array_equal(section, INLINE_104)
    opened = json.loads(section.attrs["opened"])
    assert opened["input"] == str(tmp_path / "a.sgy.gz")
    assert open_section(opened["input"], **opened["options"]).identical(section)
    assert find_segy(str(tmp_path / "a.sgy.gz")) is not None
    write_segy_like(section + 1, section, tmp_path / "b.sgy", line="x")
    np.testing.assert_array_equal(open_segy(tmp_path / "b.sgy", inline=104), INLINE_104 + 1)
    first, second = (read_survey(tmp_path / "a.sgy.gz").layout.file for _ in range(2))
    assert first == second
    (tmp_path / "b.sgy.gz").write_bytes((tmp_path / "a.sgy.gz").read_bytes()[:-100])
    with raises("corrupt"):
        read_survey(tmp_path / "b.sgy.gz")


# Names and order of axes -----------------------------------------------------------------


@pytest.mark.parametrize(
    "dims",
    [
        ("iline", "xline", "twt"),
        ("INLINE", "CROSSLINE", "samples"),
        ("il", "xl", "TWT"),
        ("INLINE_3D", "CROSSLINE_3D", "sample"),
        ("inlines", "crosslines", "two_way_time"),
        ("iline", "xline", "z"),
        ("Inline", "Xline", "Depth"),
    ],
)
def test_axes_of_every_generation_of_names(tmp_path, dims):
    coords = {dims[0]: np.arange(10, 15), dims[1]: np.arange(30, 36), dims[2]: np.arange(20) * 4}
    xr.Dataset({"data": (dims, VOLUME)}, coords=coords).to_zarr(tmp_path / "a.zarr", zarr_format=2)
    section = open_section(tmp_path / "a.zarr", inline=12)
    assert section.dims == ("depth" if dims[2].lower() in ("z", "depth") else "time", "crossline")
    np.testing.assert_array_equal(section, VOLUME[2].T)
    assert section[section.dims[0]].values[1] == 4


def test_cdps_and_line_numbers_of_a_stack_are_kept(tmp_path):
    coords = {"cdp": np.arange(100, 140), "twt": np.arange(64) * 4, "iline": ("cdp", np.arange(40)),
              "xline": ("cdp", np.arange(40) * 2)}  # fmt: skip
    xr.Dataset({"data": (("cdp", "twt"), LINE.T)}, coords=coords).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    section = open_section(tmp_path / "a.nc")
    assert section.dims == ("time", "trace")
    assert section.trace.values.tolist() == list(range(100, 140))
    assert section.inline.values.tolist() == list(range(40))
    assert section.crossline.values[-1] == 78


@pytest.mark.parametrize("axes", ["trace,time", ("trace", "time"), ["cdp", "twt"]])
def test_transposed_arrays(tmp_path, axes):
    np.save(tmp_path / "a.npy", LINE.T)
    section = open_section(tmp_path / "a.npy", axes=axes, dt_ms=4)
    assert section.dims == ("time", "trace")
    np.testing.assert_array_equal(section, LINE)
    opened = json.loads(section.attrs["opened"])
    assert open_section(opened["input"], **opened["options"]).identical(section)
    np.testing.assert_array_equal(open_section(tmp_path / "a.npy", axes=axes), LINE)
    assert open_section(tmp_path / "a.npy", axes=axes, dt_ms=5, vertical="depth").dims == ("depth", "trace")


def test_transposed_volumes_and_wrong_axes(tmp_path):
    np.save(tmp_path / "v.npy", VOLUME.transpose(2, 1, 0))
    section = open_section(tmp_path / "v.npy", axes="time,crossline,inline", dt_ms=2, inline=3)
    np.testing.assert_array_equal(section, VOLUME[3].T)
    for axes, code in (("time,crossline", "wrong-shape"), ("time,xl,xline", "unknown-name"), ("a,b,c", "unknown-name")):
        with raises(code, "axes"):
            open_section(tmp_path / "v.npy", axes=axes)
    with raises("incompatible", "axes"):
        open_section(make_segy(tmp_path / "a.sgy", D), axes="trace,time")


# MDIO, MATLAB, no header -----------------------------------------------------------------


def test_mdio_of_xarray(tmp_path):
    coords = {"inline": np.arange(5), "crossline": np.arange(6), "time": np.arange(20) * 4}
    volume = xr.Dataset({"amplitude": (tuple(coords), VOLUME)}, coords=coords)
    for number, zarr_format in enumerate((2, 3)):
        volume.to_zarr(tmp_path / f"{number}.mdio", zarr_format=zarr_format, consolidated=False)
        section = open_section(tmp_path / f"{number}.mdio", inline=2)
        np.testing.assert_array_equal(section, VOLUME[2].T)
        assert section.dims == ("time", "crossline")


def test_mdio_before_version_1_has_its_axes_in_the_root(tmp_path):
    root = zarr.open_group(str(tmp_path / "a.mdio"), mode="w", zarr_format=2)
    axes = {"inline": range(10, 15), "crossline": range(30, 36), "sample": range(0, 80, 4)}
    root.attrs["dimension"] = [{"name": name, "coords": list(numbers)} for name, numbers in axes.items()]
    root.create_group("data").create_array("chunked_012", shape=VOLUME.shape, dtype="f4")[:] = VOLUME
    section = open_section(tmp_path / "a.mdio", inline=12)
    np.testing.assert_array_equal(section, VOLUME[2].T)
    assert (section.attrs["format"], section.time.values[1], section.crossline.values[0]) == ("MDIO", 4, 30)


def test_mdio_with_records_of_trace_headers_and_fill_values_of_0(tmp_path):
    root = zarr.open_group(str(tmp_path / "a.mdio"), mode="w", zarr_format=2)
    coords = {"inline": np.arange(5), "crossline": np.arange(6), "time": np.arange(20) * 4}
    arrays = {"amplitude": VOLUME, "headers": np.zeros((5, 6), [("inline", "i4"), ("cdp_x", "f8")]), **coords}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, values in arrays.items():
            array = root.create_array(name, shape=values.shape, dtype=values.dtype)
            array[...] = values
            array.attrs["_ARRAY_DIMENSIONS"] = [name] if name in coords else list(coords)[: values.ndim]
        section = open_section(tmp_path / "a.mdio", inline=0)
    assert section.time.values.tolist() == coords["time"].tolist()
    np.testing.assert_array_equal(section, VOLUME[0].T)


def test_mdio_with_maps_over_its_lines_needs_no_key(tmp_path):
    coords = {"inline": np.arange(5), "crossline": np.arange(6), "time": np.arange(20) * 4}
    maps = {"trace_mask": np.ones((5, 6), bool), "cdp_x": np.zeros((5, 6)), "fold": np.ones((5, 6), "i4")}
    data = {"migrated": (tuple(coords), VOLUME)} | {name: (tuple(coords)[:2], one) for name, one in maps.items()}
    xr.Dataset(data, coords=coords).to_zarr(tmp_path / "a.mdio", zarr_format=3, consolidated=False)
    np.testing.assert_array_equal(open_section(tmp_path / "a.mdio", inline=2), VOLUME[2].T)


def test_names_of_stores_and_archives(tmp_path):
    xr.Dataset({"data": (("iline", "xline", "twt"), VOLUME)}).to_netcdf(tmp_path / "a.seisnc", engine="h5netcdf")
    np.testing.assert_array_equal(open_section(tmp_path / "a.seisnc", inline=2), VOLUME[2].T)
    zarr.save_array(tmp_path / "a-store", VOLUME)
    np.testing.assert_array_equal(open_section(tmp_path / "a-store", inline=2), VOLUME[2].T)
    with zipfile.ZipFile(tmp_path / "a.sgy.zip", "w") as archive:
        archive.writestr("a.sgy", b"x")
    with raises("unreadable") as error:
        open_section(tmp_path / "a.sgy.zip")
    assert "unpack" in str(error.value)


def test_arrays_in_groups_of_hdf5(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["survey/stack"], file["survey/iline"] = VOLUME, np.arange(10, 15)
    np.testing.assert_array_equal(open_section(tmp_path / "a.h5", inline=12), VOLUME[2].T)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["other/stack"] = VOLUME + 1
    with raises("ambiguous", "key"):
        open_section(tmp_path / "a.h5")
    np.testing.assert_array_equal(open_section(tmp_path / "a.h5", key="other/stack", inline=2), VOLUME[2].T + 1)


def test_matlab_structures_and_version_4_state_what_to_save(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"line": {"data": LINE}})
    scipy.io.savemat(tmp_path / "b.mat", {"data": LINE.astype("f8")}, format="4")
    for name, code in (("a.mat", "wrong-shape"), ("b.mat", "unreadable")):
        with raises(code) as error:
            open_section(tmp_path / name)
        assert "-v7" in str(error.value)


@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_before_7_3(tmp_path, compressed):
    values = {"section": LINE, "twt": np.arange(64)[None] * 2.0, "name": "a line", "n": 3}
    scipy.io.savemat(tmp_path / "a.mat", values, do_compression=compressed)
    section = open_section(tmp_path / "a.mat")
    np.testing.assert_array_equal(section, LINE)
    assert (section.dims, section.time.values[1], section.attrs["format"]) == (("time", "trace"), 2.0, "MATLAB")
    np.testing.assert_array_equal(open_section(tmp_path / "a.mat", key="section"), LINE)


def test_matlab_7_3_has_its_first_axis_fastest(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["data"] = VOLUME.transpose(2, 1, 0)
        file["inline"] = np.arange(10.0, 15.0)[:, None]
    data = bytearray(path.read_bytes())
    data[:20] = b"MATLAB 7.3 MAT-file,"
    path.write_bytes(data)
    np.testing.assert_array_equal(open_section(path, inline=12, dt_ms=4), VOLUME[2].T)


def test_a_damaged_matlab_file_is_one_error(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"data": LINE})
    data = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(data[:300])
    with raises("unreadable"):
        open_section(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("sample_format", "endian", "words"),
    [("ieee", None, LINE), ("ieee", "big", LINE.astype(">f4")), ("ibm", "big", ibm_words(LINE).astype(">u4")),
     ("int16", "little", (LINE * 1000).astype("<i2")), ("ieee-big", None, LINE.astype(">f4"))],
)  # fmt: skip
def test_headerless_arrays(tmp_path, sample_format, endian, words):
    path = tmp_path / "a.dat"
    path.write_bytes(words.tobytes())
    section = open_section(path, shape=(64, 40), sample_format=sample_format, endian=endian, dt_ms=4)
    scale = 1000 if sample_format == "int16" else 1
    np.testing.assert_allclose(section / scale, LINE, atol=1e-3 if scale > 1 else 1e-6)
    opened = json.loads(section.attrs["opened"])
    assert open_section(opened["input"], **opened["options"]).identical(section)


def test_headerless_arrays_of_another_shape_or_format_draw_a_note(tmp_path):
    path, traces = tmp_path / "a.dat", wiggles(80, 120)
    for kind in ("<f4", ">f4"):
        path.write_bytes(traces.astype(kind).tobytes())
        endian = {"<": "little", ">": "big"}[kind[0]]
        options = {"sample_format": "ieee", "axes": "trace,time", "dt_ms": 4}
        assert "notes" not in open_section(path, shape=(80, 120), endian=endian, **options).attrs
        (note,) = json.loads(open_section(path, shape=(120, 80), endian=endian, **options).attrs["notes"])
        assert "`shape=(80,120)`" in note
        other = "big" if endian == "little" else "little"
        if endian == "little":
            with raises("not-finite") as error:
                open_section(path, shape=(80, 120), endian=other, **options)
            assert "`sample_format='ieee-little'`" in str(error.value)
        section = open_section(path, shape=(80, 120), endian=other, nan="absent", **options)
        (note,) = json.loads(section.attrs["notes"])
        assert f"`sample_format='ieee-{endian}'`" in note


def test_a_volume_whose_traces_run_along_another_axis_draws_a_note(tmp_path):
    cube = make_earth(4, n_samples=64, n_inlines=32, n_traces=40).seismic.values
    for order, axes in (((2, 0, 1), "time,inline,crossline"), ((0, 2, 1), "inline,time,crossline")):
        np.save(tmp_path / "a.npy", cube.transpose(order))
        (note,) = json.loads(open_section(tmp_path / "a.npy").attrs["notes"])
        assert f"`axes='{axes}'`" in note
        section = open_section(tmp_path / "a.npy", axes=axes, dt_ms=4, inline=16)
        assert "notes" not in section.attrs
        np.testing.assert_array_equal(section, cube[16].T)
    np.save(tmp_path / "a.npy", cube)
    assert "notes" not in open_section(tmp_path / "a.npy").attrs


def test_headerless_arrays_need_a_shape_that_fits(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(LINE.T.tobytes())
    for options, code, name in (
        ({}, "missing-argument", "shape"),
        ({"shape": (40, 64)}, "missing-argument", "sample_format"),
        ({"shape": (40, 65), "sample_format": "ieee"}, "wrong-shape", "shape"),
        ({"shape": (40, 64), "sample_format": "int16"}, "wrong-shape", "shape"),
        ({"shape": (2560,), "sample_format": "ieee"}, "wrong-shape", "shape"),
    ):
        with raises(code, name):
            open_section(path, **options)
    section = open_section(path, shape=[40, 64], sample_format="ieee", axes="trace,time", dt_ms=4)
    np.testing.assert_array_equal(section, LINE)
    path.write_bytes(make_segy(tmp_path / "a.sgy", D).read_bytes())
    with raises("missing-argument") as error:
        open_section(path)
    assert "rename it to .sgy" in str(error.value)


@pytest.mark.parametrize(
    ("name", "converter"),
    [("a.vds", "SEGYExport"), ("a.zgy", "Petrel"), ("a.rsf", "sfsegywrite"), ("a.csv", "numpy.loadtxt"),
     ("a.npy.gz", "unpack"), ("a.pkl", ".npy"), ("a.segd", "SEG-Y"), ("a.unknown", ".sgy")],
)  # fmt: skip
def test_other_formats_are_named_with_what_converts_them(tmp_path, name, converter):
    (tmp_path / name).write_bytes(b"something")
    with raises("unreadable") as error:
        open_section(tmp_path / name)
    assert converter in str(error.value)


def test_undefined_values_of_arrays(tmp_path):
    values = LINE.copy()
    values[:20, 3] = -999.25
    np.save(tmp_path / "a.npy", values)
    with raises("not-finite", "undefined"):
        open_section(tmp_path / "a.npy")
    assert int(np.isnan(open_section(tmp_path / "a.npy", undefined="auto")).sum()) == 20
    assert open_section(tmp_path / "a.npy", undefined="present").attrs["undefined"] == "present"
    np.save(tmp_path / "b.npy", np.where(values < -900, 255, 3).astype("u1"))
    assert open_section(tmp_path / "b.npy").attrs["value_range"] == (0, 255)
    assert make_section(values, dt_ms=4).shape == values.shape


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_matlab_files_never_end_the_interpreter(tmp_path, compressed):
    scipy.io.savemat(tmp_path / "a.mat", {"data": LINE[:8]}, do_compression=compressed)
    data, rng = (tmp_path / "a.mat").read_bytes(), np.random.default_rng(0)
    codes = {"opened"}
    for _ in range(60):
        damaged = bytearray(data)
        for place in rng.integers(120, min(len(data), 260), 3):
            damaged[place] = rng.integers(256)
        (tmp_path / "b.mat").write_bytes(damaged)
        try:
            open_section(tmp_path / "b.mat", nan="absent", undefined="present")
        except SeisdreamError as error:
            codes.add(error.code)
    assert "unreadable" in codes
    assert codes <= {"opened", "unreadable", "wrong-shape", "too-large", "wrong-type", "no-signal"}
