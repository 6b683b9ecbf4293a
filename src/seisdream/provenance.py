"""What results say of where they come from: the files, the network, the line, the machine."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import xarray as xr

# Files up to this size are hashed whole, in addition to the samples that were used.
HASHED_FILE_BYTES = 2**30


def input_files(source: object, network: Any) -> list[str]:
    """Return the files that a result was made from, which must survive it."""
    files = (source, network.weights, network.name)
    return [str(name) for name in files if name and Path(str(name)).is_file()]


def short_name(network: str) -> str:
    """Return a network's name, of a file without the folders that it lies in."""
    return Path(network).name if network.endswith(".safetensors") else network


def line_name(section: xr.DataArray) -> str:
    """Return which file and which line of it a section is, for titles."""
    return ", ".join(Path(str(section.attrs[name])).name for name in ("source", "selection") if section.attrs.get(name))


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """Return the versions of Python and of some packages, and the kind of processor."""
    return {
        "versions": {"python": platform.python_version(), **{name: version_of(name) for name in packages}},
        "platform": platform.machine(),
    }


def hash_file(source: object) -> str | None:
    """Return the SHA-256 of a file; None where it is no file, or larger than `HASHED_FILE_BYTES`."""
    path = Path(str(source))
    if not path.is_file() or path.stat().st_size > HASHED_FILE_BYTES:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version_of(package: str) -> str | None:
    """Return the version of an installed package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
