"""Refuse HDF5, NetCDF 4 and Zarr whose arrays lie in other files, before anything is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra


def check_hdf5(path: Path) -> None:
    """Raise `SeisdreamError` (``untrusted``) where an HDF5 file refers to other files, or holds objects.

    External links, external storage and virtual data sets can name any file of this machine. Arrays of references or of
    variable length are no numbers.
    """
    h5py = require_extra("h5py", "formats", "Opening NetCDF 4 and HDF5")
    with h5py.File(path, "r") as file:
        groups, known = [file], set()
        while groups:
            group = groups.pop()
            for name in group:
                where, link = f"{path}: {group.name.rstrip('/')}/{name}", group.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise _refusal(where, "is a link to another file")
                if not isinstance(link, h5py.HardLink):  # What a soft link names is in this file too.
                    continue
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address in known:
                    continue
                known.add(address)
                if isinstance(item, h5py.Group):
                    groups.append(item)
                elif isinstance(item, h5py.Dataset):
                    _check_dataset(item, where, h5py)


def _check_dataset(dataset: Any, where: str, h5py: Any) -> None:
    if dataset.is_virtual:
        raise _refusal(where, "is a virtual data set, whose samples lie in other files")
    if dataset.external:
        raise _refusal(where, "keeps its samples in another file")
    if dataset.dtype.kind == "O" and h5py.check_string_dtype(dataset.dtype) is None:
        raise SeisdreamError(
            f"{where} holds objects ({dataset.dtype}); expected numbers or text. Save the array as numbers.",
            code="untrusted",
        )


def check_zarr_links(path: Path) -> None:
    """Raise `SeisdreamError` (``untrusted``) where a Zarr folder holds links or pipes instead of files and folders."""
    folders: list[str] = [os.fspath(path)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    raise _refusal(entry.path, "is a symbolic link")
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif not entry.is_file(follow_symlinks=False):
                    raise SeisdreamError(
                        f"{entry.path} is a pipe, a socket or a device, not a file; remove it.", code="untrusted"
                    )


def _refusal(where: str, what: str) -> SeisdreamError:
    return SeisdreamError(
        f"{where} {what}, which a file that was sent to you could use to show any file of this machine, so it is not "
        "read. If you trust it, copy the array into one file or folder (h5repack, cp -rL), or open it with xarray in "
        "Python and use the array.",
        code="untrusted",
    )
