"""Open Zarr stores, MDIO too, as volumes that are read block by block, from a folder or from a URL."""

from __future__ import annotations

import json
import os
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.io.array_volumes import KEPT_ATTRS, ArrayVolume
from seisdream.io.axes import axis_named
from seisdream.io.links import check_zarr_links
from seisdream.io.netcdf import open_dataset
from seisdream.io.stores import MADE_BY, is_url, open_store
from seisdream.io.zarr_store import check_zarr_documents
from seisdream.seismic.amplitude_statistics import AmplitudeStatistics
from seisdream.seismic.sections import VERTICAL_DIMS
from seisdream.seismic.volumes import Box

_AXES = {"inline", "crossline"}
# The variables that describe MDIO's traces.
_TRACE_MASK = "trace_mask"


class StoredVolume(ArrayVolume):
    """A volume of a store, which is opened again where it is unpickled.

    Parameters
    ----------
    dataset : Dataset
        The store, opened and unread.
    variable : str
        The variable with the samples.
    source : str
        Path or URL of the store.
    digest : str
        Hash of its metadata and of the names, sizes and times of its files.
    **options
        As for `ArrayVolume`.
    """

    def __init__(self, dataset: xr.Dataset, variable: str, source: str, digest: str, **options: Any) -> None:
        array = dataset[variable]
        places = dataset if "cdp_x" in dataset.variables and "cdp_y" in dataset.variables else None
        super().__init__(array, mask=dataset.get("trace_mask"), places=places, **options)
        self.source, self._digest, self._stored = source, digest, array.attrs.get("statsV1")
        self.options = {**self.options, "variable": variable}
        attrs = {name: dataset.attrs[name] for name in KEPT_ATTRS if name in dataset.attrs}
        self.attrs = {**attrs, **self.attrs, "source": source}

    def _read(self, box: Box) -> np.ndarray:
        try:
            return super()._read(box)
        except (SeisdreamError, MemoryError):
            raise
        except Exception as error:  # A codec can raise almost anything on damaged bytes.
            ranges = ", ".join(f"{one.start} to {one.stop - 1}" for one in box)
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SeisdreamError(
                f"The samples of {self.source} at the positions {ranges} (inline, crossline, {self.dims[2]}) cannot be "
                f"read ({reason}). Check that the disk or server answers; if so, the store is damaged: copy it or "
                "ingest the survey again.",
                code="corrupt",
            ) from error

    def _read_statistics(self) -> AmplitudeStatistics:
        stored = AmplitudeStatistics.from_mdio(self._stored) if self._stored else None
        if stored is not None and stored.counts.size:
            return stored
        return super()._read_statistics()

    def _hash(self) -> str:
        return sha256(repr((self._digest, self.options)).encode()).hexdigest()

    def is_unchanged(self) -> bool:
        """Return whether the files of the store are still as they were when it was opened."""
        return digest_of_store(self.source) == self._digest

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(open_zarr_volume, self.source, **self.options), ()


def open_zarr_volume(
    source: str | os.PathLike[str],
    *,
    variable: str | None = None,
    dt_ms: float | None = None,
    muted: str = "absent",
) -> StoredVolume:
    """Open a variable of a Zarr store, version 2 or 3, as a volume.

    Parameters
    ----------
    source : path or URL
        A folder, whatever its ending, or a URL that fsspec opens, such as ``s3://bucket/survey.zarr``.
    variable : str, optional
        Name of the variable. Default: the one that the store names (``defaultVariableName``), ``amplitude``, or the
        only one with inlines, crosslines and times.
    dt_ms : float, optional
        Sampling interval, if the store has no times.
    muted : {"absent", "present"}, default "absent"
        Whether zeros at the edges are absent samples or amplitudes.

    Raises
    ------
    SeisdreamError
        If there is no such store (``not-found``), its types or codecs could run code (``untrusted``), or it holds no
        such volume.
    """
    name = os.fspath(source)
    dataset = open_zarr_dataset(name)
    found = variable_of(dataset, name, variable)
    if MADE_BY.items() <= dataset.attrs.items() and "statsV1" in dataset[found].attrs:
        _check_shards(dataset[found], name)
    return StoredVolume(dataset, found, name, digest_of_store(name), dt_ms=dt_ms, muted=muted)


def open_zarr_dataset(source: str, *, is_masked: bool | None = None) -> xr.Dataset:
    """Open a store as a dataset of xarray, unread, after a check that nothing in it runs code.

    Parameters
    ----------
    source : path or URL
        The store.
    is_masked : bool, optional
        Whether fill values are NaN. Default: not in MDIO, whose traces are known from their mask.
    """
    require_extra("zarr", "volumes", "Opening Zarr")
    store = open_store(source)
    documents = store.metadata()
    if not documents:
        raise SeisdreamError(f"There is no Zarr store at {source}; check the path.", code="not-found", option="source")
    if not is_url(source):
        check_zarr_links(Path(source))
    check_zarr_documents(documents, source)
    is_mdio = any(key.split("/")[0] == _TRACE_MASK for key in documents)
    # The fill value of MDIO is an amplitude and a line number too; its traces are known from their mask.
    options: dict[str, Any] = {"engine": "zarr", "mask_and_scale": not is_mdio if is_masked is None else is_masked}
    try:
        return open_dataset(store.opened(), consolidated=False, **options)
    except (KeyError, ValueError, AttributeError) as error:
        raise SeisdreamError(
            f"{source} cannot be opened by xarray: {error}. A volume is a group whose arrays name their dimensions.",
            code="unreadable",
            option="source",
        ) from error


def variable_of(dataset: xr.Dataset, source: str, given: str | None) -> str:
    """Return the name of the volume of a dataset: the one that is given, the one that it names, or the only one."""
    volumes = volumes_of(dataset)
    if given is not None:
        if given not in volumes:
            raise SeisdreamError(
                f"{source} has no volume '{given}'; it has {', '.join(sorted(volumes)) or 'none'}.",
                code="unknown-name",
                option="variable",
            )
        return given
    stated = dataset.attrs.get("attributes", {})
    default = stated.get("defaultVariableName") if isinstance(stated, dict) else None
    for name in (default, dataset.attrs.get("defaultVariableName"), "amplitude"):
        if name in volumes:
            return str(name)
    if len(volumes) == 1:
        return volumes[0]
    if not volumes:
        raise SeisdreamError(
            f"{source} has no array with the dimensions inline, crossline and time or depth, so it holds no volume.",
            code="wrong-shape",
            option="source",
        )
    raise SeisdreamError(
        f"{source} has the volumes {', '.join(volumes)}; name one with `variable`.", code="ambiguous", option="variable"
    )


def volumes_of(dataset: xr.Dataset) -> list[str]:
    """Return the names of the variables of numbers with the dimensions inline, crossline and time or depth."""
    return [str(name) for name, one in dataset.data_vars.items() if _is_volume(one)]


def _is_volume(array: xr.DataArray) -> bool:
    names = {axis_named(str(dim)) for dim in array.dims}
    return array.ndim == 3 and names >= _AXES and bool(names & set(VERTICAL_DIMS)) and array.dtype.kind in "fiub"


def _check_shards(array: xr.DataArray, source: str) -> None:
    """Raise if a file of a variable is missing, which Zarr reads as absent samples; `ingest` writes every one."""
    sizes = array.encoding.get("shards") or array.encoding["chunks"]
    grid = [-(-n // size) for n, size in zip(array.shape, sizes, strict=True)]
    expected = {f"{array.name}/c/" + "/".join(map(str, index)) for index in np.ndindex(*grid)}
    missing = sorted(expected - {key for key, *_ in open_store(source).listing()})
    if missing:
        raise SeisdreamError(
            f"{source} is damaged: it lacks {len(missing)} of its {len(expected)} files of samples, such as "
            f"{missing[0]}. Copy it or ingest the survey again.",
            code="corrupt",
            option="source",
        )


def digest_of_store(source: str) -> str:
    """Return a hash of the metadata of a store and of the names, sizes and times of all its files."""
    store = open_store(source)
    documents = {key: sha256(content).hexdigest() for key, content in store.metadata().items()}
    return sha256(json.dumps([sorted(documents.items()), store.listing()]).encode()).hexdigest()
