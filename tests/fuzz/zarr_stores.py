"""Zarr stores of both versions, as folders and in a ZIP."""

import io
import json
import zipfile

import numpy as np
import xarray as xr
import zarr

from fuzz.mutations import as_json, mutate_bytes, mutate_json
from seisdream.io.inputs import open_section

_METADATA = (".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json")


def seeds(folder):
    values = np.arange(120, dtype=np.float32).reshape(10, 12)
    dataset = xr.Dataset(
        {"amplitude": (("time", "trace"), values)}, {"time": np.arange(10) * 4.0, "trace": np.arange(12)}
    )
    for version in (2, 3):
        (folder / f"group{version}").mkdir()
        dataset.to_zarr(folder / f"group{version}" / "store.zarr", zarr_format=version, consolidated=version == 2)
        (folder / f"array{version}").mkdir()
        array = zarr.create_array(
            folder / f"array{version}" / "store.zarr", shape=(10, 12), chunks=(4, 5), dtype="i2", zarr_format=version
        )
        array[:] = values.astype("i2")
    (folder / "zip").mkdir()
    with zipfile.ZipFile(folder / "zip" / "store.zarr.zip", "w") as packed:
        for path in sorted((folder / "group3" / "store.zarr").rglob("*")):
            if path.is_file():
                packed.writestr(str(path.relative_to(folder / "group3" / "store.zarr")), path.read_bytes())


def mutate(files, random, others):
    if list(files) == ["store.zarr.zip"]:
        data = files["store.zarr.zip"]
        if random.random() < 0.3:
            return {"store.zarr.zip": mutate_bytes(data, random)}
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            files = _mutate_files({name: packed.read(name) for name in packed.namelist()}, random)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return {"store.zarr.zip": packed.getvalue()}
    return _mutate_files(files, random)


def _mutate_files(files, random):
    name = random.choice(sorted(files, key=lambda name: (not name.endswith(_METADATA), name)))
    change = random.random()
    if change < 0.05:
        del files[name]
    elif name.endswith(_METADATA) and change < 0.8:
        files[name] = as_json(mutate_json(json.loads(files[name]), random), random)
    else:
        files[name] = mutate_bytes(files[name], random)
    return files


def use(folder):
    open_section(next(folder.iterdir()) if any(folder.iterdir()) else folder / "store.zarr", nan="absent")
