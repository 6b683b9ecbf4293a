"""A volume of samples as SEG-Y, with the headers of the survey that it belongs to."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.segy import SegyVolume, WriteReport
from seisdream.io.segy.rewriting import SegyFile, rewriting_segy
from seisdream.io.segy.text_lines import ATTRIBUTION_MARK, CONTROLS_MARK, DREAM_MARK, NOT_DATA_MARK, PREDICTION_MARK
from seisdream.io.stores import is_url
from seisdream.io.zarr_store import is_zarr_folder
from seisdream.provenance import version_of
from seisdream.seismic.volumes import Box, Volume
from seisdream.volumes.blocks import blocks
from seisdream.volumes.stored_segy import StoredSegy
from seisdream.volumes.volume import open_volume

Progress = Callable[[int, int], None]

_AMPLITUDES = ("amplitude", "dream")
_MARKS = (DREAM_MARK, PREDICTION_MARK, ATTRIBUTION_MARK, CONTROLS_MARK)
_BLOCK = (64, 64, 64)
_BYTES_AT_A_TIME = 2**25


def export(
    result: Any,
    target: str | os.PathLike[str],
    *,
    like: str | os.PathLike[str] | SegyVolume | None = None,
    variable: str | None = None,
    absent: float = -1.0,
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> WriteReport:
    """Write a volume as SEG-Y: every header of a survey byte for byte, its samples replaced.

    Amplitudes keep the sample format, and samples that did not change keep their bytes, so that a survey that was
    ingested is exported byte for byte. Classes, probabilities and other numbers get 4-byte IEEE floats where the survey
    has integers. Some hundred megabytes are in memory at most.

    Parameters
    ----------
    result : path, URL, array or Volume
        As for `seisdream.open_volume`.
    target : path
        The file; it appears whole or not at all.
    like : path, URL or SegyVolume, optional
        The survey, with the same inlines, crosslines and samples: SEG-Y, or the store that was ingested from it.
        Default: `result` itself, where it is such a store.
    variable : str, optional
        Variable of the store. Default: ``amplitude``, or the only one. ``amplitude``, ``dream`` and variables whose
        attribute ``units`` is "amplitude" are amplitudes. The attributes ``segy_line`` and ``segy_title`` of the
        variable or the store, if there are any, are written into the text header, as `write_text_lines` does.
    absent : float, default -1
        Written for floats, not amplitudes, that are absent. Classes keep 255.
    force : bool, default False
        Replace an existing file.
    progress : callable, optional
        Called with the number of samples that are done, and of all.
    **options
        How the survey is opened, as for `seisdream.open_volume`.

    Returns
    -------
    WriteReport
        How many samples changed.

    Raises
    ------
    SeisdreamError
        If the geometries differ (``incompatible``), a store has no headers (``missing-argument``) or not all of them
        (``incomplete``), the target exists, or it cannot be written.
    """
    volume = open_volume(result, **({"variable": variable} if variable else {}))
    survey = _open_survey(volume.source if like is None else like, options)
    _check_geometry(volume, survey.volume)
    name = str(variable or volume.options.get("variable", ""))
    is_amplitude = name in _AMPLITUDES or (volume.attrs.get("units") == "amplitude" and not _has_integers(volume))
    line, title = volume.attrs.get("segy_line"), volume.attrs.get("segy_title", ())
    if line is None and not is_amplitude:
        line = f"{PREDICTION_MARK} {version_of('seisdream')}: {name or 'values'}, {absent:g} absent"
    elif line is None and name == "dream":
        line = f"{DREAM_MARK} {version_of('seisdream')}"
        title = title or (f"{NOT_DATA_MARK}: {line}",)
    mark = next((one for one in _MARKS if line and one in line), str(line or ""))
    progress = progress or (lambda done, total: None)
    n_done, total = 0, int(np.prod(volume.shape, dtype=np.int64))
    size = {"n_bytes": _BYTES_AT_A_TIME, "n_header_bytes": survey.layout.header_bytes}
    boxes = list(blocks(volume.shape, volume.chunks or _BLOCK, whole_traces=True, **size))
    is_same = volume.source == survey.volume.source and volume.options == survey.volume.options
    progress(0, total)
    with (
        rewriting_segy(
            survey,
            Path(target),
            is_amplitude=is_amplitude,
            line=line,
            mark=mark,
            title=title,
            absent=absent,
            force=force,
        ) as file,
        ThreadPoolExecutor(1) as pool,
    ):
        following = pool.submit(_read, volume, boxes[0])
        for number, box in enumerate(boxes):
            values = following.result()
            if number + 1 < len(boxes):
                following = pool.submit(_read, volume, boxes[number + 1])
            traces = survey.index(box[0], box[1]).ravel()
            rows = np.flatnonzero(traces >= 0)
            rows = rows[np.argsort(traces[rows], kind="stable")]
            if rows.size:
                is_in_order = rows.size == traces.size and bool((np.diff(rows) == 1).all())
                own = values if is_in_order else values[rows]
                raw = survey.traces(box, rows, own if is_same else None)
                file.put(traces[rows], raw, None if is_same else own)
            n_done += values.size
            progress(n_done, total)
    return file.report


def _read(volume: Volume, box: Box) -> np.ndarray:
    """Return the samples of a block as traces ``(trace, time)``."""
    values = volume.read(*box)
    return values.reshape(-1, values.shape[2])


def _open_survey(like: Any, options: dict[str, Any]) -> SegyFile | StoredSegy:
    if isinstance(like, SegyVolume):
        return SegyFile(like)
    name = os.fspath(like)
    if not name:
        raise SeisdreamError(
            "An array in memory has no SEG-Y headers; give the survey that it was computed on (`like`).",
            code="missing-argument",
            option="like",
        )
    if is_url(name) or (os.path.isdir(name) and is_zarr_folder(name)):
        for option in options:
            raise SeisdreamError(
                f"`{option}` states how SEG-Y is read, and {name} is a Zarr store; leave it out.",
                code="incompatible",
                option=option,
            )
        return StoredSegy(name)
    survey = open_volume(like, **{"nan": "absent", "undefined": "present", **options})
    assert isinstance(survey, SegyVolume)
    return SegyFile(survey)


def _has_integers(volume: Volume) -> bool:
    return getattr(volume, "stored_dtype", np.dtype("f4")).kind in "iub"


def _check_geometry(volume: Volume, survey: Volume) -> None:
    if volume.shape != survey.shape:
        shapes = [" × ".join(map(str, one.shape)) for one in (volume, survey)]
        raise SeisdreamError(
            f"The volume has {shapes[0]} inlines, crosslines and samples, but {survey.source} has {shapes[1]}; give "
            "the survey that the volume was computed on.",
            code="incompatible",
            option="like",
        )
    for dim, other in zip(volume.dims, survey.dims, strict=True):
        numbers, expected = volume.coords[dim], survey.coords[other]
        if not np.allclose(numbers, expected, rtol=0, atol=1e-3):
            raise SeisdreamError(
                f"The volume has {dim} {numbers[0]:g} to {numbers[-1]:g}, but {survey.source} has {expected[0]:g} to "
                f"{expected[-1]:g}; give the survey that the volume was computed on.",
                code="incompatible",
                option="like",
            )
