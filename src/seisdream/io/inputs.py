"""Open anything that holds a section, by what it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.arrays import ARRAY_ENDINGS, open_array
from seisdream.io.images import IMAGE_ENDINGS, open_image
from seisdream.io.noise import PREFIX, open_noise
from seisdream.io.samples import SAMPLES, fetch_sample, open_sample
from seisdream.io.segy import SEGY_ENDINGS, open_segy
from seisdream.seismic.sections import MUTED

_SELECTING = ("inline", "crossline", "time_ms", "nan", "muted", "dt_ms")
_OPTIONS = {
    "SEG-Y": (*_SELECTING, "inline_byte", "crossline_byte", "endian", "encoding"),
    "array": (*_SELECTING, "key"),
    "picture": ("nan",),
    "generated or gridded sample": ("muted",),
    "field of noise": ("dt_ms", "seed"),
}


def open_section(source: str | os.PathLike[str], **options: Any) -> xr.DataArray:
    """Open a section from a file or a sample.

    Parameters
    ----------
    source : path or str
        SEG-Y (``.sgy``, ``.segy``); a picture (PNG, JPEG, TIFF); an array (``.npy``, ``.npz``, Zarr, NetCDF); or
        ``sample:built-in``, ``sample:f3``, ``sample:npra``; or white noise, ``noise:HEIGHTxWIDTH``.
    **options
        For volumes: one of ``inline``, ``crossline`` (numbers, not indices) and ``time_ms``; by default the middle
        inline. For SEG-Y what a file gets wrong: ``inline_byte``, ``crossline_byte``, ``dt_ms``,
        ``endian`` ("big", "little"), ``encoding`` ("ebcdic", "ascii"). For ``.npz`` and NetCDF: ``key``. For noise:
        ``dt_ms`` (default 4) and ``seed`` (default 0).
        ``nan``: "error" (default), or "absent" to leave NaN and infinite samples out.
        ``muted``: "absent" (default), or "present" to take zeros at the edges for amplitudes (see
        `seisdream.seismic.sections.muted_samples`).

    Returns
    -------
    DataArray
        float32 ``(time, trace)``, ``(row, column)`` or ``(row, column, colour)``. ``attrs["opened"]`` says how it was
        opened, as JSON: ``{"input": source, "options": options}``.

    Raises
    ------
    SeisdreamError
        If the file cannot be opened as a section; nothing is guessed silently.

    Examples
    --------
    >>> open_section("sample:built-in").dims
    ('time', 'trace')
    """
    options = {
        # A line number picked from a coordinate is a NumPy number, which JSON does not know.
        option: value.item() if isinstance(value, np.generic) else value
        for option, value in options.items()
        if value is not None
    }
    name = os.fspath(source)
    if (muted := options.get("muted", MUTED[0])) not in MUTED:
        raise SeisdreamError(f"--muted is {' or '.join(map(repr, MUTED))}, not '{muted}'.")
    if name.startswith(PREFIX):
        _check_options("field of noise", options, name)
        # Said, not left to a default, so that who opens it again gets the same noise.
        options.setdefault("seed", 0)
        section = open_noise(name, **options)
    else:
        section = _open_sample(name, options) if name.startswith("sample:") else _open_file(name, options)
    if muted != MUTED[0]:
        section = section.assign_attrs(muted=muted)
    # As text, so that the section can be written to NetCDF or Zarr as it is.
    return section.assign_attrs(opened=json.dumps({"input": name, "options": options}, ensure_ascii=False))


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return whether a file is "SEG-Y", an "array" or a "picture", by its ending; raise where it is none of these."""
    ending = Path(path).suffix.lower()
    for kind, endings in (("SEG-Y", SEGY_ENDINGS), ("array", ARRAY_ENDINGS), ("picture", IMAGE_ENDINGS)):
        if ending in endings:
            return kind
    if not Path(path).exists():
        raise SeisdreamError(f"There is no file {path}; name a file, or a sample such as sample:built-in.")
    if Path(path).is_dir():
        raise SeisdreamError(f"{path} is a folder; name one of the files in it.")
    raise SeisdreamError(
        f"Cannot tell what {path} holds from its ending '{ending}'; rename it to .sgy (SEG-Y), .npy, .npz, .zarr, .nc "
        "(arrays), .png, .jpg or .tif (pictures)."
    )


def find_segy(source: str) -> str | None:
    """Return the path of a SEG-Y input (fetching a sample that is one), or None where it is something else."""
    if source.startswith(PREFIX):
        return None
    if not source.startswith("sample:"):
        return source if kind_of(source) == "SEG-Y" else None
    sample = SAMPLES.get(source.removeprefix("sample:"))
    if sample is None or Path(sample.file_name).suffix.lower() not in SEGY_ENDINGS:
        return None
    return str(fetch_sample(sample.name))


def _open_file(name: str, options: dict[str, Any]) -> xr.DataArray:
    kind = kind_of(name)
    _check_options(kind, options, name)
    opener = {"SEG-Y": open_segy, "array": open_array, "picture": open_image}[kind]
    return opener(name, **_as_read(options))


def _open_sample(name: str, options: dict[str, Any]) -> xr.DataArray:
    sample, path = name.removeprefix("sample:"), find_segy(name)
    if path is None:
        _check_options("generated or gridded sample", options, name)
        return open_sample(sample)
    _check_options("SEG-Y", options, name)
    section = open_segy(path, **_as_read(options))
    section.attrs.update(SAMPLES[sample].attrs)
    return section


def _as_read(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that say what is read; what zeros are taken for is asked of samples that are read already."""
    return {name: value for name, value in options.items() if name != "muted"}


def _check_options(kind: str, options: dict[str, Any], name: str) -> None:
    for option in options:
        if option not in _OPTIONS[kind]:
            flags = ", ".join(map(_flag_of, _OPTIONS[kind]))
            raise SeisdreamError(
                f"{_flag_of(option)} does not apply to {name}, {'an' if kind == 'array' else 'a'} {kind}; "
                + (f"options for it: {flags}." if flags else "leave it out.")
            )


def _flag_of(option: str) -> str:
    return "--time" if option == "time_ms" else "--" + option.replace("_", "-")
