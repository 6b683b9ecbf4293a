"""Public seismic lines, downloaded once."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.fetch import Progress, fetch
from seisdream.io.segy import open_segy
from seisdream.seismic.sections import make_section


@dataclass(frozen=True)
class Sample:
    """A public seismic line.

    Attributes
    ----------
    name : str
        As in ``sample:NAME``.
    title : str
        A short description.
    url : str
        Address, at a fixed revision.
    file_name : str
        Name in the cache.
    sha256 : str
        Hash of the file.
    credit, licence : str
        Owner, and terms of use.
    """

    name: str
    title: str
    url: str
    file_name: str
    sha256: str
    credit: str
    licence: str

    @property
    def attrs(self) -> dict[str, str]:
        """Attributes of a section of this sample: ``source``, ``credit`` and ``licence``."""
        return {"source": f"sample:{self.name}", "credit": self.credit, "licence": self.licence}


SAMPLES = {
    sample.name: sample
    for sample in (
        Sample(
            name="f3",
            title="inline 362 of F3, Dutch North Sea",
            url="https://raw.githubusercontent.com/seg/tutorials-2017/b38f798866dd4e1a38c78cfd45edb7b2cfd3d785/"
            "1710_Colored_inversion/data/export_inline362.ascii",
            file_name="f3_inline362.ascii",
            sha256="a4a03b1e452c93d8dfcf8cde151b89b28bf6df4fc1382500ceffdc440027caa5",
            credit="F3: TNO and dGB Earth Sciences",
            licence="CC BY-SA",
        ),
        Sample(
            name="npra",
            title="line 31-81, National Petroleum Reserve Alaska",
            url="https://raw.githubusercontent.com/agilescientific/seisplot/"
            "5d489950c0065de8c36ee48a0c79bc3e908bf87b/data/31_81_PR.sgy",
            file_name="31_81_PR.sgy",
            sha256="174ee9918cac8a71a8fe33c14abda2df583ef108f6a8f8dcda5a28f2bb42e7f2",
            credit="U.S. Geological Survey",
            licence="public domain",
        ),
    )
}
_F3_DT_MS = 4.0


def fetch_sample(name: str, *, cache_folder: str | os.PathLike[str] | None = None, progress: Progress = True) -> Path:
    """Return the file of a sample, downloaded on first use.

    Parameters
    ----------
    name : str
        ``f3`` or ``npra``.
    cache_folder, progress
        As ``folder`` and ``progress`` of `seisdream.io.fetch.fetch`.

    Returns
    -------
    pathlib.Path
        The cached file, whose hash has been checked.

    Raises
    ------
    SeisdreamError
        If there is no such sample, or it cannot be downloaded; the message says where to put a copy.
    """
    if name not in SAMPLES:
        names = ", ".join(f"sample:{known}" for known in ("built-in", *SAMPLES))
        raise SeisdreamError(f"There is no sample '{name}'; choose one of {names}.", code="unknown-name")
    sample = SAMPLES[name]
    return fetch(sample.url, sample.file_name, sha256=sample.sha256, folder=cache_folder, progress=progress)


def open_sample(
    name: str, *, cache_folder: str | os.PathLike[str] | None = None, progress: Progress = True
) -> xr.DataArray:
    """Open a sample as a section, with its credit and licence.

    Parameters
    ----------
    name : str
        ``built-in`` (generated, nothing is downloaded), ``f3`` or ``npra``.
    cache_folder, progress
        As for `fetch_sample`.

    Returns
    -------
    DataArray
        float32 amplitudes: ``(time, crossline)`` for ``f3``, ``(time, trace)`` for the others.

    Raises
    ------
    SeisdreamError
        As `fetch_sample`.
    """
    if name == "built-in":
        return _built_in().copy()
    path = fetch_sample(name, cache_folder=cache_folder, progress=progress)
    section = _read_f3(path) if name == "f3" else open_segy(path)
    return section.assign_attrs(SAMPLES[name].attrs)


def _read_f3(path: Path) -> xr.DataArray:
    """Read a text file with one trace per line: inline, crossline, samples."""
    table = np.loadtxt(path, ndmin=2)
    inlines, crosslines, amplitudes = table[:, 0], table[:, 1].astype(int), table[:, 2:].T
    return make_section(
        amplitudes,
        dims=("time", "crossline"),
        coords={"time": np.arange(len(amplitudes)) * _F3_DT_MS, "crossline": crosslines},
        units="amplitude",
        format="text",
        selection=f"inline {inlines[0]:.0f}",
    )


@functools.cache
def _built_in() -> xr.DataArray:
    # Imported here because the generator is slow to import and most inputs are files.
    from seisdream.synthetic import make_built_in_section

    return make_built_in_section()
