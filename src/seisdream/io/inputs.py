"""Open a section or a volume from any source: SEG-Y, pictures, arrays, samples, noise."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError, unknown_argument
from seisdream.io.arrays import ARRAY_ENDINGS, open_array
from seisdream.io.arrays import line_numbers as line_numbers_of_array
from seisdream.io.images import IMAGE_ENDINGS, open_image
from seisdream.io.noise import PREFIX, open_noise
from seisdream.io.samples import SAMPLES, fetch_sample, open_sample
from seisdream.io.segy import SEGY_ENDINGS, SegyVolume, open_segy, read_survey
from seisdream.seismic.sections import MUTED, make_section

_SELECTING = ("inline", "crossline", "time_ms", "nan", "muted", "dt_ms")
_HEADERS = ("inline_byte", "crossline_byte", "endian", "encoding")
_OPTIONS = {
    "SEG-Y": (*_SELECTING, *_HEADERS),
    "array": (*_SELECTING, "key"),
    "picture": ("nan",),
    "generated or gridded sample": ("muted",),
    "noise section": ("dt_ms", "seed"),
}
_SECTION_OPTIONS = (*_SELECTING, *_HEADERS, "key", "seed")
_VOLUME_OPTIONS = ("nan", "muted", "dt_ms", *_HEADERS)


def open_section(
    source: str | os.PathLike[str],
    *,
    inline: int | None = None,
    crossline: int | None = None,
    time_ms: float | None = None,
    dt_ms: float | None = None,
    nan: Literal["error", "absent"] | None = None,
    muted: Literal["absent", "present"] | None = None,
    inline_byte: int | None = None,
    crossline_byte: int | None = None,
    endian: Literal["big", "little"] | None = None,
    encoding: Literal["ebcdic", "ascii"] | None = None,
    key: str | None = None,
    seed: int | None = None,
    **unknown: Any,
) -> xr.DataArray:
    """Open a section from a file, a sample or noise.

    Parameters
    ----------
    source : path or str
        SEG-Y (``.sgy``, ``.segy``), a picture (PNG, JPEG, TIFF), an array (``.npy``, ``.npz``, Zarr, NetCDF, HDF5), a
        sample (``sample:built-in``, ``sample:f3``, ``sample:npra``), or white noise, ``noise:HEIGHTxWIDTH``.
    inline, crossline : int, optional
        Number of the line to open, for volumes. Default: the middle inline.
    time_ms : float, optional
        Time of a time slice in ms (or depth in m), for volumes.
    dt_ms : float, optional
        Sampling interval in ms, if the file's is missing or wrong. Default for noise: 4.
    nan : {"error", "absent"}, default "error"
        Refuse NaN and infinite samples, or treat them as absent.
    muted : {"absent", "present"}, default "absent"
        Whether zeros at the edges are absent samples or amplitudes; see `seisdream.seismic.sections.muted_samples`.
    inline_byte, crossline_byte : int, 1 to 237, optional
        First header bytes of inline and crossline numbers, for SEG-Y. Default: detected.
    endian : {"big", "little"}, optional
        Byte order of SEG-Y. Default: detected.
    encoding : {"ebcdic", "ascii"}, optional
        Encoding of the SEG-Y text header. Default: detected.
    key : str, optional
        Name of the array in ``.npz``, Zarr, NetCDF and HDF5.
    seed : int, default 0
        Random seed of noise.

    Returns
    -------
    DataArray
        float32 ``(time, trace)``, ``(row, column)`` or ``(row, column, colour)``. ``attrs["opened"]`` records how it
        was opened, as JSON: ``{"input": source, "options": options, "shape": shape}``; see `opened_as`.

    Raises
    ------
    SeisdreamError
        If the source cannot be opened as a section, or an argument does not apply to it.

    Examples
    --------
    >>> open_section("sample:built-in").dims
    ('time', 'trace')
    """
    for name in unknown:
        raise unknown_argument(name, _SECTION_OPTIONS, "open_section")
    given = {
        "inline": inline,
        "crossline": crossline,
        "time_ms": time_ms,
        "dt_ms": dt_ms,
        "nan": nan,
        "muted": muted,
        "inline_byte": inline_byte,
        "crossline_byte": crossline_byte,
        "endian": endian,
        "encoding": encoding,
        "key": key,
        "seed": seed,
    }
    for name in ("inline", "crossline", "time_ms", "dt_ms"):
        if isinstance(given[name], str):
            raise SeisdreamError(f"`{name}` is {given[name]!r}; it must be a number.", code="wrong-type", option=name)
    # A number picked from a coordinate is a NumPy number, which JSON does not know.
    options = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in given.items()
        if value is not None
    }
    name = os.fspath(source)
    _check_muted(muted)
    if name.startswith(PREFIX):
        _check_options("noise section", options, name)
        # Recorded, so that opening it again gives the same noise.
        options.setdefault("seed", 0)
        section = open_noise(name, **options)
    else:
        section = _open_sample(name, options) if name.startswith("sample:") else _open_file(name, options)
    if muted not in (None, MUTED[0]):
        section = section.assign_attrs(muted=muted)
    # As text, so that the section can be written to NetCDF or Zarr as it is.
    opened = {"input": name, "options": options, "shape": list(section.shape)}
    return section.assign_attrs(opened=json.dumps(opened, ensure_ascii=False))


def as_section(data: Any) -> xr.DataArray:
    """Return a section: opened, where the data are a path or a sample, labelled otherwise."""
    return open_section(data) if isinstance(data, str | os.PathLike) else make_section(data)


def open_volume(
    source: str | os.PathLike[str],
    *,
    dt_ms: float | None = None,
    nan: Literal["error", "absent"] = "error",
    muted: Literal["absent", "present"] = "absent",
    inline_byte: int | None = None,
    crossline_byte: int | None = None,
    endian: Literal["big", "little"] | None = None,
    encoding: Literal["ebcdic", "ascii"] | None = None,
    **unknown: Any,
) -> SegyVolume:
    """Open a SEG-Y volume, whose inlines are then read one at a time.

    Parameters
    ----------
    source : path or str
        A SEG-Y file with a 3-D survey.
    dt_ms, nan, muted, inline_byte, crossline_byte, endian, encoding
        As for `open_section`.

    Returns
    -------
    SegyVolume
        With ``inlines`` (their numbers), ``shape`` and ``open(inline)``.

    Raises
    ------
    SeisdreamError
        If the source is not SEG-Y, or holds no 3-D survey.
    """
    for name in unknown:
        raise unknown_argument(name, _VOLUME_OPTIONS, "open_volume")
    path = find_segy(os.fspath(source))
    if path is None:
        raise SeisdreamError(
            f"{source} is not a SEG-Y file; volumes are opened from SEG-Y. Open a section of an array with "
            "open_section, or label a 3-D array with seisdream.seismic.cubes.make_cube.",
            code="not-supported",
            option="source",
        )
    _check_muted(muted)
    return SegyVolume(
        path,
        nan=nan,
        muted=muted,
        inline_byte=inline_byte,
        crossline_byte=crossline_byte,
        dt_ms=dt_ms,
        endian=endian,
        encoding=encoding,
    )


def line_numbers(source: str, axis: str, **options: Any) -> list[float]:
    """Return the numbers of the sections of a volume along an axis: those that have traces, in order.

    Parameters
    ----------
    source : str
        As for `open_section`.
    axis : {"inline", "crossline", "time", "depth"}
        What the sections are.
    **options
        How the source was opened.

    Raises
    ------
    SeisdreamError
        If the source is no volume, or has no such axis.
    """
    path = find_segy(source)
    if path is None:
        return line_numbers_of_array(source, axis, key=options.get("key"), dt_ms=options.get("dt_ms")).tolist()
    layout = {name: value for name, value in options.items() if name in ("dt_ms", *_HEADERS)}
    survey = read_survey(path, **layout)
    if survey.grid is None:
        raise SeisdreamError(f"{source} is a 2-D line ({survey.confidence}), not a volume.", code="no-geometry")
    if axis in ("time", "depth"):
        return survey.times_ms.tolist()
    return survey.grid.live_numbers(axis).tolist()


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return the kind of a file by its ending: "SEG-Y", "array" or "picture"; raise if it is none of these."""
    ending = Path(path).suffix.lower()
    for kind, endings in (("SEG-Y", SEGY_ENDINGS), ("array", ARRAY_ENDINGS), ("picture", IMAGE_ENDINGS)):
        if ending in endings:
            return kind
    if not Path(path).exists():
        raise SeisdreamError(
            f"There is no file {path}; give a file, or a sample such as sample:built-in.", code="not-found"
        )
    if Path(path).is_dir():
        raise SeisdreamError(f"{path} is a folder; give one of the files in it.", code="wrong-type")
    raise SeisdreamError(
        f"The ending '{ending}' of {path} is not known; rename it to .sgy (SEG-Y), .npy, .npz, .zarr, .nc (arrays), "
        ".png, .jpg or .tif (pictures).",
        code="unreadable",
    )


def find_segy(source: str) -> str | None:
    """Return the path of a SEG-Y input (fetching a sample if it is one), or None for any other input."""
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
    return opener(name, **_without_muted(options))


def _open_sample(name: str, options: dict[str, Any]) -> xr.DataArray:
    sample, path = name.removeprefix("sample:"), find_segy(name)
    if path is None:
        _check_options("generated or gridded sample", options, name)
        return open_sample(sample)
    _check_options("SEG-Y", options, name)
    section = open_segy(path, **_without_muted(options))
    section.attrs.update(SAMPLES[sample].attrs)
    return section


def _without_muted(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of reading; ``muted`` only applies once samples are read."""
    return {name: value for name, value in options.items() if name != "muted"}


def _check_muted(muted: str | None) -> None:
    if muted not in (None, *MUTED):
        raise SeisdreamError(
            f"`muted` is '{muted}'; it must be {' or '.join(MUTED)}.", code="unknown-name", option="muted"
        )


def _check_options(kind: str, options: dict[str, Any], name: str) -> None:
    for option in options:
        if option not in _OPTIONS[kind]:
            raise SeisdreamError(
                f"`{option}` does not apply to {name}, {'an' if kind == 'array' else 'a'} {kind}; "
                f"it takes {', '.join(f'`{one}`' for one in _OPTIONS[kind])}.",
                code="incompatible",
                option=option,
            )
