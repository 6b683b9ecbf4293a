"""The one record of where a result comes from: settings, input, network, versions and machine."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

MAX_HASHED_BYTES = 2**30
"""Files up to this size are hashed whole; of larger ones, the size and `_PART_BYTES` at both ends."""
_PART_BYTES = 2**25
FORM = {
    "kind": str,
    "settings": dict,
    "settings_sha256": str,
    "input": {
        "source": (str, type(None)),
        "options": dict,
        "shape": [int],
        "samples_sha256": (str, type(None)),
    },
    "network": ({"name": str, "weights": (str, type(None)), "sha256": str}, type(None)),
    "others": {...: str},
    "result": dict,
    "notes": [str],
    "machine": dict,
}
"""The form of `make_provenance` in a file, for `seisdream.io.texts.check_form`."""
_SAMPLES_AT_A_TIME = 2**20
_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "xarray", "pillow", "matplotlib")


def make_provenance(
    *,
    kind: str,
    settings: Any,
    section: xr.DataArray,
    network: Any = None,
    others: Mapping[str, Any] | None = None,
    grey_mapping: Any = None,
    result: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    volume_shape: Sequence[int] | None = None,
    files: Sequence[str] = (),
) -> dict[str, Any]:
    """Return everything that is needed to repeat a result and to check that it is the same.

    Parameters
    ----------
    kind : {"dream", "prediction", "attribution", "controls"}
        What the result is.
    settings : Settings
        With every default resolved.
    section : DataArray
        The input as it was opened: its samples are hashed, and its attributes name source, selection and licence.
    network : Network, optional
        The network that was used.
    others : mapping, optional
        Whatever else the result depends on, by name: arrays, networks, or a SHA-256 as text. Values of None are left
        out.
    grey_mapping : GreyMapping, optional
        The amplitudes that become black and white.
    result : mapping, optional
        Numbers that describe the result, such as scores and the SHA-256 of its samples.
    notes : sequence of str
        What was done differently from what the user may expect.
    volume_shape : sequence of int, optional
        Shape of the volume, where `section` is only one line of it; its samples are not hashed then.
    files : sequence of str
        Files and folders that the settings name. A replay opens them only where they are still the same.

    Returns
    -------
    dict
        Values that JSON knows, under ``seisdream`` (version), ``kind``, ``settings``, ``settings_sha256``, ``input``,
        ``network``, ``others`` and ``files`` (SHA-256 by name), ``result``, ``notes`` and ``machine``.
    """
    return {
        "seisdream": version_of("seisdream"),
        "kind": kind,
        "settings": settings.to_dict(),
        "settings_sha256": settings.sha256(),
        "input": _input_record(section, grey_mapping, volume_shape),
        "network": None if network is None else network_record(network),
        "others": {name: _sha256_of(other) for name, other in (others or {}).items() if other is not None},
        "files": {name: hash_file(name) for name in files},
        "result": dict(result or {}),
        "notes": list(notes),
        "machine": machine_record(),
    }


def _input_record(section: xr.DataArray, grey_mapping: Any, volume_shape: Sequence[int] | None) -> dict[str, Any]:
    attrs, is_volume = section.attrs, volume_shape is not None
    opened = json.loads(attrs["opened"]) if "opened" in attrs else {}
    record = {
        "source": attrs.get("source"),
        "selection": "volume" if is_volume else attrs.get("selection") or None,
        "options": opened.get("options", {}),
        "shape": [int(size) for size in (volume_shape or section.shape)],
        "samples_sha256": None if is_volume else hash_samples(section),
        # A store may have millions of files, and its volume knows what it is by other means.
        "file_sha256": attrs.get("fingerprint") or hash_file(attrs.get("segy_path", attrs.get("source"))),
        "credit": attrs.get("credit"),
        "licence": attrs.get("licence"),
    }
    if grey_mapping is not None:
        record["grey_mapping"] = {"low": float(grey_mapping.low), "high": float(grey_mapping.high)}
    return record


def network_record(network: Any) -> dict[str, Any]:
    """Return what identifies a network: its name, weights file, options and the SHA-256 of its weights."""
    return {
        "name": network.name,
        "weights": network.weights,
        "options": dict(network.options),
        "sha256": network.sha256,
        "credit": network.credit,
        "licence": network.licence,
    }


def machine_record() -> dict[str, Any]:
    """Return the versions of Python and of the packages that compute, the processor's kind and PyTorch's threads."""
    torch = sys.modules.get("torch")
    return {
        "versions": {"python": platform.python_version(), **{name: version_of(name) for name in _PACKAGES}},
        "platform": platform.machine(),
        "threads": None if torch is None else torch.get_num_threads(),
    }


def hash_samples(array: xr.DataArray | np.ndarray) -> str:
    """Return the SHA-256 of an array's shape and its samples as little-endian float32, in hexadecimal."""
    digest = hashlib.sha256(repr(array.shape).encode())
    values = np.atleast_1d(np.asarray(array))
    # Some rows at a time, because they may have to be copied.
    n_rows = max(1, _SAMPLES_AT_A_TIME // max(1, values[:1].size))
    for first in range(0, len(values), n_rows):
        digest.update(np.ascontiguousarray(values[first : first + n_rows], dtype="<f4").data)
    return digest.hexdigest()


def hash_file(source: object) -> str | None:
    """Return the SHA-256 of a file, or of a folder with all files in it; None where there is neither.

    Of a file larger than `MAX_HASHED_BYTES`, the size and both ends are hashed.
    """
    path = Path(str(source))
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(path.rglob("*")):
            if file.is_file():
                digest.update(
                    f"{file.relative_to(path).as_posix()}\0{hash_file(file)}\0".encode(errors="surrogateescape")
                )
        return digest.hexdigest()
    if not path.is_file():
        return None
    status = path.stat()
    return _hash_file(path.resolve(), status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _hash_file(path: Path, n_bytes: int, _mtime_ns: int) -> str:
    # Size and time are part of the cache's key, so that a file that changes is hashed again.
    with path.open("rb") as file:
        if n_bytes <= MAX_HASHED_BYTES:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256(str(n_bytes).encode() + file.read(_PART_BYTES))
        file.seek(-_PART_BYTES, os.SEEK_END)
        digest.update(file.read())
        return digest.hexdigest()


def _sha256_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return hash_samples(value) if isinstance(value, xr.DataArray | np.ndarray) else value.sha256


def input_files(source: object, network: Any) -> list[str]:
    """Return the files that a result was made from, which must survive it."""
    return protected_files(source, network.weights, network=network.name)


def protected_files(*names: object, network: str | None = None) -> list[str]:
    """Return those of the names that are files or folders: a result made from them must not replace them.

    A network is a file: a folder that is called like one, such as ``facies``, is no input.
    """
    found = [str(name) for name in names if name and Path(str(name)).exists()]
    return [*found, network] if network and Path(network).is_file() else found


def short_name(network: str) -> str:
    """Return a network's name; for a weights file, its name without the folder."""
    return drawable(Path(network).name) if network.endswith(".safetensors") else network


def line_name(section: xr.DataArray) -> str:
    """Return the file and the line that a section is from, for titles."""
    return drawable(
        ", ".join(Path(str(section.attrs[name])).name for name in ("source", "selection") if section.attrs.get(name))
    )


def drawable(name: str) -> str:
    """Return a name with question marks for bytes that are not UTF-8, which figures and pages cannot show."""
    return name.encode("utf-8", "replace").decode()


def version_of(package: str) -> str | None:
    """Return the version of an installed package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
