"""Open a section or a volume from any source: SEG-Y, Seismic Unix, pictures, arrays, samples, noise."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError, unknown_argument
from seisdream.io.arrays import ARRAY_ENDINGS, open_array
from seisdream.io.arrays import line_numbers as line_numbers_of_array
from seisdream.io.foreign import describe_foreign
from seisdream.io.headerless import HEADERLESS_ENDINGS, map_headerless, open_headerless
from seisdream.io.images import IMAGE_ENDINGS, open_image
from seisdream.io.noise import PREFIX, open_noise
from seisdream.io.samples import SAMPLES, fetch_sample, open_sample
from seisdream.io.segy import SegyVolume, is_segy_name, open_segy, read_survey
from seisdream.io.zarr_store import is_zarr_folder
from seisdream.seismic.sections import MUTED, make_section

_SELECTING = ("inline", "crossline", "time_ms", "nan", "undefined", "muted", "dt_ms", "vertical")
_HEADERS = ("inline_byte", "crossline_byte", "endian", "encoding", "sample_format")
_OPTIONS = {
    "SEG-Y": (*_SELECTING, *_HEADERS),
    "array": (*_SELECTING, "key", "axes"),
    "headerless array": (*_SELECTING, "shape", "sample_format", "endian", "axes"),
    "picture": ("nan",),
    "generated or gridded sample": ("muted",),
    "noise section": ("dt_ms", "seed"),
}
_KINDS = {"SEG-Y": "a SEG-Y file", "array": "an array"}
_SECTION_OPTIONS = (*_SELECTING, *_HEADERS, "key", "axes", "shape", "seed")
_VOLUME_OPTIONS = ("nan", "undefined", "muted", "dt_ms", "vertical", *_HEADERS)


def open_section(
    source: str | os.PathLike[str],
    *,
    inline: int | None = None,
    crossline: int | None = None,
    time_ms: float | None = None,
    dt_ms: float | None = None,
    nan: Literal["error", "absent"] | None = None,
    undefined: str | float | Sequence[float] | None = None,
    muted: Literal["absent", "present"] | None = None,
    vertical: Literal["time", "depth"] | None = None,
    inline_byte: int | str | None = None,
    crossline_byte: int | str | None = None,
    endian: Literal["big", "little"] | None = None,
    encoding: Literal["ebcdic", "ascii"] | None = None,
    sample_format: str | int | None = None,
    key: str | None = None,
    axes: str | Sequence[str] | None = None,
    shape: Sequence[int] | None = None,
    seed: int | None = None,
    **unknown: Any,
) -> xr.DataArray:
    """Open a section from a file, a sample or noise.

    Parameters
    ----------
    source : path or str
        SEG-Y (``.sgy``, ``.segy``, also as ``.gz``), Seismic Unix (``.su``), a picture (PNG, JPEG, TIFF), an array
        (``.npy``, ``.npz``, Zarr, MDIO, NetCDF, HDF5, MATLAB; with ``shape`` ``.dat`` and ``.bin`` without a header), a
        sample (``sample:built-in``, ``sample:f3``, ``sample:npra``), or white noise, ``noise:HEIGHTxWIDTH``.
    inline, crossline : int, optional
        Number of the line to open, for volumes. Default: the middle inline.
    time_ms : float, optional
        Time of a time slice in ms (or depth in m), for volumes.
    dt_ms : float, optional
        Sampling interval in ms (in m or ft for depth), if the file's is missing or wrong. Default for noise: 4.
    nan : {"error", "absent"}, default "error"
        Refuse NaN and infinite samples, or treat them as absent.
    undefined : {"error", "auto", "present"}, float or sequence of float, default "error"
        Refuse samples of a value that marks undefined ones, such as -999.25 or 1e30, treat those that are found as
        absent, use them as amplitudes, or treat samples of these values as absent; see
        `seisdream.seismic.undefined.find_undefined`.
    muted : {"absent", "present"}, default "absent"
        Whether zeros at the edges are absent samples or amplitudes; see `seisdream.seismic.sections.muted_samples`.
    vertical : {"time", "depth"}, optional
        The vertical axis of SEG-Y and of arrays without one. Default: time.
    inline_byte, crossline_byte : int, 1 to 237, or str, optional
        First header bytes of inline and crossline numbers, for SEG-Y; ``"189:int16"`` or ``"189:float"`` with a format.
        Default: detected.
    endian : {"big", "little"}, optional
        Byte order of SEG-Y (default: detected) and of a headerless array (default: little).
    encoding : {"ebcdic", "ascii"}, optional
        Encoding of the SEG-Y text header. Default: detected.
    sample_format : str or int, optional
        Format of the samples, for SEG-Y whose header is wrong and for headerless arrays: ``ibm``, ``ieee``, ``int16``
        and so on, or a code of the SEG-Y standard.
    key : str, optional
        Name of the array in ``.npz``, Zarr, NetCDF, HDF5 and MATLAB.
    axes : str or sequence of str, optional
        Names of the axes of an array in the order in which it is stored, such as ``("trace", "time")``.
    shape : sequence of int, optional
        Shape of a headerless array.
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
        "undefined": undefined,
        "muted": muted,
        "vertical": vertical,
        "inline_byte": inline_byte,
        "crossline_byte": crossline_byte,
        "endian": endian,
        "encoding": encoding,
        "sample_format": sample_format,
        "key": key,
        "axes": axes,
        "shape": shape,
        "seed": seed,
    }
    options = {name: _plain(value) for name, value in given.items() if value is not None}
    _check_types(options)
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


def _plain(value: Any) -> Any:
    """Return an option as JSON knows it: a number picked from a coordinate is a NumPy number."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def _check_types(options: dict[str, Any]) -> None:
    """Raise `SeisdreamError` where an option, which a file may state, is of another type than it has."""
    for names, expected, fits in (
        (("inline", "crossline", "time_ms", "dt_ms", "seed"), "a number, not larger than 2^63", _is_number),
        (("shape",), "a sequence of whole numbers", lambda value: _is_list(value, int)),
        (("axes",), "text or a sequence of texts", lambda value: isinstance(value, str) or _is_list(value, str)),
        (("key", "nan", "muted", "vertical", "endian", "encoding"), "text", lambda value: isinstance(value, str)),
    ):
        for name in names:
            if name in options and not fits(options[name]):
                raise SeisdreamError(
                    f"`{name}` is {options[name]!r}; it must be {expected}.", code="wrong-type", option=name
                )


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and not (isinstance(value, int) and abs(value) >= 2**63)


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) and not isinstance(one, bool) for one in value)


def as_section(data: Any) -> xr.DataArray:
    """Return a section: opened, where the data are a path or a sample, labelled otherwise."""
    return open_section(data) if isinstance(data, str | os.PathLike) else make_section(data)


def open_segy_volume(
    source: str | os.PathLike[str],
    *,
    dt_ms: float | None = None,
    nan: Literal["error", "absent"] = "error",
    undefined: str | float | Sequence[float] | None = None,
    muted: Literal["absent", "present"] = "absent",
    vertical: Literal["time", "depth"] | None = None,
    inline_byte: int | str | None = None,
    crossline_byte: int | str | None = None,
    endian: Literal["big", "little"] | None = None,
    encoding: Literal["ebcdic", "ascii"] | None = None,
    sample_format: str | int | None = None,
    **unknown: Any,
) -> SegyVolume:
    """Open a SEG-Y volume, whose inlines are then read one at a time.

    Parameters
    ----------
    source : path or str
        A SEG-Y file with a 3-D survey.
    dt_ms, nan, undefined, muted, vertical, inline_byte, crossline_byte, endian, encoding, sample_format
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
            f"{source} is not a SEG-Y file; here volumes are opened from SEG-Y. Open another volume with "
            "`seisdream.open_volume`, or a section of it with `seisdream.open_section`.",
            code="not-supported",
            option="source",
        )
    _check_muted(muted)
    given = {
        "nan": nan,
        "muted": muted,
        "undefined": undefined,
        "vertical": vertical,
        "inline_byte": inline_byte,
        "crossline_byte": crossline_byte,
        "dt_ms": dt_ms,
        "endian": endian,
        "encoding": encoding,
        "sample_format": sample_format,
    }
    options = {name: _plain(value) for name, value in given.items() if value is not None}
    _check_types(options)
    return SegyVolume(path, **options)


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
        labels = {name: options.get(name) for name in ("key", "axes", "vertical", "dt_ms")}
        is_headerless = Path(source).suffix.lower() in HEADERLESS_ENDINGS
        layout = {name: options.get(name) for name in ("shape", "sample_format", "endian")}
        contents = map_headerless(source, **layout) if is_headerless else None
        return line_numbers_of_array(source, axis, contents=contents, **labels).tolist()
    layout = {name: value for name, value in options.items() if name in ("dt_ms", "vertical", *_HEADERS)}
    survey = read_survey(path, **layout)
    if survey.grid is None or not survey.is_volume:
        raise SeisdreamError(f"{source} is a {survey.kind} ({survey.confidence}), not a volume.", code="no-geometry")
    if axis in ("time", "depth"):
        return survey.times_ms.tolist()
    return survey.grid.live_numbers(axis).tolist()


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return the kind of a file by its ending: "SEG-Y" (Seismic Unix too), "array", "headerless array" or "picture".

    Raises
    ------
    SeisdreamError
        If it is none of these; the message states what it is and what converts it, if that is known.
    """
    ending = Path(path).suffix.lower()
    if is_segy_name(path):
        return "SEG-Y"
    if Path(path).is_dir() and is_zarr_folder(path):
        return "array"
    kinds = (("array", ARRAY_ENDINGS), ("headerless array", HEADERLESS_ENDINGS), ("picture", IMAGE_ENDINGS))
    for kind, endings in kinds:
        if ending in endings:
            return kind
    if not Path(path).exists():
        raise SeisdreamError(
            f"There is no file {path}; give a file, or a sample such as sample:built-in.", code="not-found"
        )
    if Path(path).is_dir():
        raise SeisdreamError(f"{path} is a folder; give one of the files in it.", code="wrong-type")
    if (foreign := describe_foreign(path)) is not None:
        raise SeisdreamError(f"{path} is {foreign}", code="unreadable")
    raise SeisdreamError(
        f"The ending '{ending}' of {path} is not known. If it is one of these formats, rename it: .sgy (SEG-Y), .su "
        "(Seismic Unix), .npy, .npz, .zarr, .mdio, .nc, .h5, .mat (arrays), .dat (samples without a header), .png, "
        ".jpg or .tif (pictures).",
        code="unreadable",
    )


def find_segy(source: str) -> str | None:
    """Return the path of a SEG-Y input (fetching a sample if it is one), or None for any other input."""
    if source.startswith(PREFIX):
        return None
    if not source.startswith("sample:"):
        return source if kind_of(source) == "SEG-Y" else None
    sample = SAMPLES.get(source.removeprefix("sample:"))
    if sample is None or not is_segy_name(sample.file_name):
        return None
    return str(fetch_sample(sample.name))


def _open_file(name: str, options: dict[str, Any]) -> xr.DataArray:
    kind = kind_of(name)
    _check_options(kind, options, name)
    openers = {"SEG-Y": open_segy, "array": open_array, "headerless array": open_headerless, "picture": open_image}
    opener = openers[kind]
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


def check_input_options(source: str, options: Mapping[str, Any]) -> None:
    """Raise if an option of opening does not apply to a file."""
    if not source.startswith((PREFIX, "sample:")):
        _check_options(kind_of(source), options, source)


def _check_options(kind: str, options: Mapping[str, Any], name: str) -> None:
    for option in options:
        if option not in _OPTIONS[kind]:
            raise SeisdreamError(
                f"`{option}` does not apply to {name}, {_KINDS.get(kind, f'a {kind}')}; "
                f"it takes {', '.join(f'`{one}`' for one in _OPTIONS[kind])}.",
                code="incompatible",
                option=option,
            )
