"""Arrays that lie in another file than the one that was given are not read."""

import os

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

from errors import raises
from seisdream.io.arrays import open_array

SECTION = np.arange(3000, dtype=np.float32).reshape(50, 60)


def link(file):
    file["seismic"] = h5py.ExternalLink("other.h5", "/seismic")


def link_to_a_group(file):
    file["group"] = h5py.ExternalLink("other.h5", "/")


def link_through_a_group(file):
    file.create_group("group")["inner"] = h5py.ExternalLink("other.h5", "/seismic")
    file["seismic"] = h5py.SoftLink("/group/inner")


def storage(file):
    file.create_dataset("seismic", SECTION.shape, "<f4", external=[("other.raw", 0, SECTION.nbytes)])


def virtual(file):
    layout = h5py.VirtualLayout(SECTION.shape, "<f4")
    layout[:] = h5py.VirtualSource("other.h5", "seismic", SECTION.shape)
    file.create_virtual_dataset("seismic", layout)


def references(file):
    file.create_dataset("numbers", data=SECTION)
    file.create_dataset("seismic", (2, 2), h5py.ref_dtype)[0, 0] = file["numbers"].ref


def variable_lengths(file):
    file.create_dataset("seismic", (2, 2), h5py.vlen_dtype(np.float32))


@pytest.mark.parametrize("ending", ["h5", "nc"])
@pytest.mark.parametrize(
    "make", [link, link_to_a_group, link_through_a_group, storage, virtual, references, variable_lengths]
)
def test_hdf5_that_names_another_file_is_refused(tmp_path, monkeypatch, make, ending):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.raw").write_bytes(SECTION.tobytes())
    with h5py.File("other.h5", "w") as file:
        file["seismic"] = SECTION
    with h5py.File(f"a.{ending}", "w") as file:
        make(file)
    with raises("untrusted"):
        open_array(f"a.{ending}")
    with raises("untrusted"):
        open_array(f"a.{ending}", key="seismic")


def test_links_within_a_file_are_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("group")["seismic"] = SECTION
        file["seismic"] = h5py.SoftLink("/group/seismic")
    np.testing.assert_array_equal(open_array(tmp_path / "a.h5", key="seismic").values, SECTION)


def test_text_in_hdf5_is_no_obstacle(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["seismic"], file["names"] = SECTION, ["a", "b"]
    np.testing.assert_array_equal(open_array(tmp_path / "a.h5", key="seismic").values, SECTION)


@pytest.mark.parametrize("pattern", ["c/0/0", "zarr.json", "c"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_whose_parts_are_symbolic_links_is_refused(tmp_path, pattern, version):
    if version == 2:
        pattern = {"c/0/0": "0.0", "zarr.json": ".zarray", "c": ".zattrs"}[pattern]
    store = tmp_path / "a.zarr"
    array = xr.DataArray(SECTION, dims=("time", "trace"), name="seismic").to_dataset()
    array.to_zarr(store, consolidated=False, zarr_format=version)
    np.testing.assert_array_equal(open_array(store).values, SECTION)
    part = store / "seismic" / pattern
    part.rename(tmp_path / "elsewhere")
    part.symlink_to(tmp_path / "elsewhere")
    with raises("untrusted"):
        open_array(store)
    (tmp_path / "link.zarr").symlink_to(store)
    with raises("untrusted"):
        open_array(tmp_path / "link.zarr")


def test_a_zarr_that_the_user_names_by_a_link_is_read(tmp_path):
    zarr.save_array(str(tmp_path / "a.zarr"), SECTION)
    (tmp_path / "link.zarr").symlink_to(tmp_path / "a.zarr")
    np.testing.assert_array_equal(open_array(tmp_path / "link.zarr").values, SECTION)


def test_a_zarr_with_a_pipe_in_it_is_refused_and_not_waited_for(tmp_path):
    store = tmp_path / "a.zarr"
    zarr.save_array(str(store), SECTION)
    chunk = next(path for path in store.rglob("*") if path.is_file() and path.suffix != ".json")
    chunk.unlink()
    os.mkfifo(chunk)
    with raises("untrusted"):
        open_array(store)


def test_groups_of_hdf5_that_hold_themselves_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["seismic"] = SECTION
        group = file.create_group("group")
        group["again"], group["root"] = group, file["/"]
    with raises("unreadable"):
        open_array(tmp_path / "a.h5")
