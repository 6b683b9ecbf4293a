"""The arrays inside an ``.npz``, unpacked where they are indexed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError

# An array inside an .npz is unpacked whole; larger ones belong in .npy or Zarr, which are read in part.
MAX_UNPACKED_BYTES = 4 * 2**30
# The best ratio of deflate; an array that declares more than this is not in the file.
_BEST_COMPRESSION = 1040


def members(archive: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Yield the arrays of an ``.npz`` by name."""
    for member in archive.infolist():
        if member.filename.endswith(".npy"):
            yield member.filename.removesuffix(".npy"), member


class PackedArray:
    """An array inside an .npz; only its header is read until it is indexed."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path):
        self._archive, self._member, self._path = archive, member, path
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read_header is None:
                raise SeisdreamError(
                    f"{path}: {member.filename} is not a plain array (format {version}).", code="not-supported"
                )
            self.shape, _, self.dtype = read_header(file)

    def __getitem__(self, indices: Any) -> np.ndarray:
        n_bytes = int(np.prod([*self.shape, self.dtype.itemsize], dtype=object))
        what = f"{self._path}: {self._member.filename} declares {self.shape}, {n_bytes:,} bytes"
        if n_bytes > _BEST_COMPRESSION * max(self._member.compress_size, 1) + 4096:
            raise SeisdreamError(
                f"{what}, more than its {self._member.compress_size:,} packed bytes can hold; it is damaged.",
                code="corrupt",
            )
        if n_bytes > MAX_UNPACKED_BYTES:
            raise SeisdreamError(
                f"{what}, too much to unpack; save it as .npy or Zarr, which are read in part.", code="too-large"
            )
        with self._archive.open(self._member) as file:
            return np.lib.format.read_array(file, allow_pickle=False)[indices]
