"""NetCDF files, of the classic format and in HDF5, and plain HDF5."""

import h5py
import numpy as np
import xarray as xr

from fuzz.mutations import mutate_bytes
from seisdream.io.inputs import open_section


def seeds(folder):
    values = np.arange(120, dtype=np.float32).reshape(10, 12)
    dataset = xr.Dataset(
        {"amplitude": (("time", "trace"), values, {"units": "m"})},
        {"time": ("time", np.arange(10) * 4.0, {"units": "ms"}), "trace": np.arange(12)},
    )
    for name, options in (
        ("classic.nc", {"engine": "scipy"}),
        ("new.nc", {"engine": "h5netcdf"}),
        ("packed.nc", {"engine": "h5netcdf", "encoding": {"amplitude": {"zlib": True, "chunksizes": (5, 6)}}}),
    ):
        (folder / name).mkdir()
        dataset.to_netcdf(folder / name / name, **options)
    (folder / "plain.h5").mkdir()
    with h5py.File(folder / "plain.h5" / "plain.h5", "w") as file:
        file["data"] = values
        file["group/other"] = values.astype("i2")


def mutate(files, random, others):
    ((name, data),) = files.items()
    alike = [content for one in others for other, content in one.items() if other[-3:] == name[-3:]]
    span = random.choice((None, (0, 200), (0, 2000)))
    return {name: mutate_bytes(data, random, alike, span)}


def use(folder):
    open_section(next(folder.iterdir()), nan="absent")
