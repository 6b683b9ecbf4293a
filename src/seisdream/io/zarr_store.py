"""Open Zarr and MDIO stores, after a check that nothing in them runs code."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.io.contents import Contents
from seisdream.io.links import check_zarr_links
from seisdream.io.netcdf import add_dataset, open_dataset

AnyPath = str | os.PathLike[str]

_ZARR_METADATA_NAMES = (".zarray", "zarr.json")
_PLAIN_V2_DTYPE = re.compile(r"[<>|][biufcmMSU]\d+(\[[a-zA-Z0-9]+\])?")
_PLAIN_V3_DTYPE = re.compile(
    r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)|r\d+|string|variable_length_utf8|fixed_length_utf32"
    r"|null_terminated_bytes|numpy\.(datetime64|timedelta64)"
)
_PLAIN_CODECS = {
    "bytes", "endian", "transpose", "sharding_indexed", "vlen-utf8", "blosc", "zstd", "gzip", "zlib", "bz2", "lzma",
    "lz4", "shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "crc32", "crc32c", "adler32", "fletcher32",
}  # fmt: skip


def is_zarr_folder(path: AnyPath) -> bool:
    """Return whether a folder is a Zarr store, whatever its name."""
    return any((Path(path) / name).is_file() for name in (*_ZARR_METADATA_NAMES, ".zgroup"))


def has_zarr(path: Path) -> bool:
    """Return whether a ZIP archive holds a Zarr store."""
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith((*_ZARR_METADATA_NAMES, ".zgroup")) for name in archive.namelist())


@contextmanager
def open_zarr(path: Path) -> Iterator[Contents]:
    """Open a Zarr or MDIO folder, or a ZIP archive of one."""
    zarr = require_extra("zarr", "formats", "Opening Zarr")
    require_extra("zarr.storage", "formats", "Opening Zarr")
    if path.is_dir():
        check_zarr_links(path)
    _check_zarr_metadata(path)
    contents = Contents("MDIO" if path.suffix.lower() == ".mdio" else "Zarr")
    store: Any = zarr.storage.ZipStore(path, mode="r") if path.is_file() else str(path)
    try:
        node = zarr.open(store, mode="r", use_consolidated=False)
        if isinstance(node, zarr.Array):
            contents.add("", node)
        elif "dimension" in node.attrs and "data" in node:
            _add_mdio(contents, node)
        elif (
            dataset := _as_dataset(
                store,
                engine="zarr",
                consolidated=False,
                drop_variables=_records(node),
                # The fill value of MDIO, 0, is an amplitude and a line number too.
                mask_and_scale=path.suffix.lower() != ".mdio",
            )
        ) is not None:
            add_dataset(contents, dataset)
        else:
            for name, array in node.arrays():
                contents.add(name, array)
        yield contents
    finally:
        if path.is_file():
            store.close()


def _records(node: Any) -> list[str]:
    """Return the arrays of records, such as the trace headers of MDIO, which are not numbers."""
    return [name for name, array in node.arrays() if array.dtype.kind == "V"]


def _add_mdio(contents: Contents, node: Any) -> None:
    """Add the arrays of an MDIO store before version 1, whose axes are named in the attributes of its root."""
    contents.format = "MDIO"
    axes = [(str(one["name"]), np.asarray(one["coords"])) for one in node.attrs["dimension"]]
    for name, numbers in axes:
        contents.add(name, numbers)
    for name, array in node["data"].arrays():
        contents.add(name, array, tuple(axis for axis, _ in axes) if array.ndim == len(axes) else None)


def _as_dataset(store: Any, **options: Any) -> xr.Dataset | None:
    """Open a group that names its axes; return None for any other group."""
    try:
        return open_dataset(store, **options)
    except (KeyError, ValueError, AttributeError):
        return None


def _check_zarr_metadata(path: Path) -> None:
    """Raise if the type or the codecs of an array could run code, before Zarr or xarray read anything.

    Only the root, its direct children and those of ``data`` are ever opened, so only their metadata are checked.
    """
    if path.is_dir():
        parents = [path, *([path / "data"] if (path / "data").is_dir() else [])]
        folders = [path, *(child for parent in parents for child in parent.iterdir() if child.is_dir())]
        files = [folder / name for folder in folders for name in _ZARR_METADATA_NAMES]
        documents = {str(file.relative_to(path)): file.read_bytes() for file in files if file.is_file()}
    else:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.count("/") <= 1 + name.startswith("data/")]
            documents = {name: archive.read(name) for name in names if name.endswith(_ZARR_METADATA_NAMES)}
    check_zarr_documents(documents, path)


def check_zarr_documents(documents: Mapping[str, bytes], source: AnyPath) -> None:
    """Raise if the type or the codecs of an array could run code.

    Parameters
    ----------
    documents : mapping
        Content of ``zarr.json`` and ``.zarray`` files by their keys; other metadata are ignored.
    source : path or URL
        The store, for the message.
    """
    for name, text in documents.items():
        if name.endswith(_ZARR_METADATA_NAMES):
            _check_zarr_node(json.loads(text), f"{source} ({name})")


def _check_zarr_node(node: dict[str, Any], where: str) -> None:
    """Check the metadata of a Zarr array, version 2 or 3, or of a group and the arrays in its consolidated metadata."""
    for name, child in ((node.get("consolidated_metadata") or {}).get("metadata") or {}).items():
        _check_zarr_node(child, f"{where}: {name}")
    if node.get("node_type") == "array":
        dtype, codecs = node["data_type"], node["codecs"]
        is_plain = _is_plain_record(dtype, _PLAIN_V3_DTYPE)
    elif "dtype" in node:
        dtype, filters = node["dtype"], node.get("filters") or []
        codecs = [*filters, *([node["compressor"]] if node.get("compressor") else [])]
        is_text = dtype == "|O" and [one.get("id") for one in filters] == ["vlen-utf8"]
        is_plain = is_text or _is_plain_record(dtype, _PLAIN_V2_DTYPE)
    else:
        return
    if not is_plain:
        raise SeisdreamError(
            f"{where} has the data type {dtype}; expected numbers or text. Reading arrays of Python objects can run "
            "code, so they are never read; save the array as numbers.",
            code="untrusted",
        )
    _check_zarr_codecs(codecs, where)


def _is_plain_record(dtype: Any, plain: re.Pattern[str]) -> bool:
    """Return whether a Zarr type is of numbers or text, or a record of named fields of these, such as trace headers."""
    fields: Any = dtype if isinstance(dtype, list) else None
    if isinstance(dtype, dict):
        if dtype["name"] in ("structured", "struct"):
            fields = dtype["configuration"]["fields"]
        else:
            dtype = dtype["name"]
    if fields is None:
        return bool(plain.fullmatch(str(dtype)))
    kinds = [one["data_type"] if isinstance(one, dict) else one[1] for one in fields]
    return all(_is_plain_record(kind, plain) for kind in kinds)


def _check_zarr_codecs(codecs: list[Any], where: str) -> None:
    for codec in codecs:
        name, settings = (codec, {}) if isinstance(codec, str) else (codec.get("id") or codec["name"], codec)
        settings = settings | (settings.get("configuration") or {})
        if str(name).removeprefix("numcodecs.") not in _PLAIN_CODECS:
            raise SeisdreamError(
                f"{where} uses the codec '{name}', which is not supported, because some codecs can run code; "
                f"save the array with one of {', '.join(sorted(_PLAIN_CODECS))}.",
                code="untrusted",
            )
        for key in ("dtype", "astype"):
            if key in settings and not _PLAIN_V2_DTYPE.fullmatch(str(settings[key])):
                raise SeisdreamError(
                    f"{where}: the codec '{name}' has the {key} {settings[key]}; expected a type of numbers.",
                    code="untrusted",
                )
        _check_zarr_codecs([*settings.get("codecs", ()), *settings.get("index_codecs", ())], where)
