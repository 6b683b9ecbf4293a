"""What programs export: Seismic Unix, gzip, MATLAB before 7.3 and 7.3, samples without a header, MDIO."""

import gzip
import io

import h5py
import numpy as np
import scipy.io
import zarr

from fuzz import zarr_stores
from fuzz.mutations import NUMBERS, mutate_bytes
from segy_files import make_segy, numbered, ramp
from seisdream.io.inputs import open_section, open_segy_volume

_LINE = np.arange(120, dtype=np.float32).reshape(10, 12)


def seeds(folder):
    for name in ("line.su", "line.sgy.gz", "line.su.gz", "old.mat", "packed.mat", "new.mat", "line.dat", "store"):
        (folder / name).mkdir()
    segy = make_segy(folder / "whole.sgy", ramp(20, 16), words=numbered(range(4), range(5)))
    data = segy.read_bytes()
    segy.unlink()
    for name, content in (
        ("line.su", data[3600:]),
        ("line.sgy.gz", gzip.compress(data)),
        ("line.su.gz", gzip.compress(data[3600:])),
        ("line.dat", _LINE.tobytes()),
    ):
        (folder / name / name).write_bytes(content)
    for name, is_packed in (("old.mat", False), ("packed.mat", True)):
        scipy.io.savemat(folder / name / name, {"section": _LINE, "twt": np.arange(10.0)}, do_compression=is_packed)
    with h5py.File(folder / "new.mat" / "new.mat", "w", userblock_size=512) as file:
        file["section"] = _LINE.T
    with (folder / "new.mat" / "new.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file,")
    root = zarr.open_group(str(folder / "store" / "a.mdio"), mode="w", zarr_format=2)
    axes = {"inline": range(2), "crossline": range(3), "sample": range(0, 20, 4)}
    root.attrs["dimension"] = [{"name": name, "coords": list(numbers)} for name, numbers in axes.items()]
    root.create_group("data").create_array("chunked_012", shape=(2, 3, 5), dtype="f4")[:] = np.arange(30).reshape(
        2, 3, 5
    )


def mutate(files, random, others):
    if len(files) > 1:
        return zarr_stores.mutate(files, random, others)
    ((name, data),) = files.items()
    if name.endswith(".gz") and random.random() < 0.5:
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
            file.write(mutate_bytes(gzip.decompress(data), random, span=random.choice((None, (3200, 3840)))))
        return {name: packed.getvalue()}
    if name == "line.dat":
        return {name: mutate_bytes(data, random) if random.random() < 0.3 else data, "shape": _shape(random).encode()}
    return {name: mutate_bytes(data, random, span=random.choice((None, (0, 400))))}


def _shape(random):
    return ",".join(str(random.choice((10, 12, 120, *NUMBERS))) for _ in range(random.choice((2, 2, 3, 1))))


def use(folder):
    paths = sorted(folder.iterdir())
    path = paths[0] if paths else folder / "a.mdio"
    if path.suffix == ".dat":
        shape = (folder / "shape").read_text() if (folder / "shape").exists() else "10,12"
        open_section(path, shape=list(map(int, shape.split(","))), sample_format="ieee", nan="absent")
        return
    open_section(path, nan="absent")
    if path.suffix == ".gz":
        open_segy_volume(path, nan="absent")
