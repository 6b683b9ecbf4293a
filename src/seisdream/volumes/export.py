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
from seisdream.io.segy.rewriting import rewriting_segy
from seisdream.io.segy.text_lines import ATTRIBUTION_MARK, CONTROLS_MARK, DREAM_MARK, NOT_DATA_MARK, PREDICTION_MARK
from seisdream.provenance import version_of
from seisdream.seismic.volumes import Box, Volume
from seisdream.volumes.blocks import blocks
from seisdream.volumes.volume import open_volume

Progress = Callable[[int, int], None]

_AMPLITUDES = ("amplitude", "dream")
_MARKS = (DREAM_MARK, PREDICTION_MARK, ATTRIBUTION_MARK, CONTROLS_MARK)
_BLOCK = (64, 64, 64)


def export(
    result: Any,
    target: str | os.PathLike[str],
    *,
    like: str | os.PathLike[str] | SegyVolume,
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
    like : path or SegyVolume
        The survey, with the same inlines, crosslines and samples.
    variable : str, optional
        Variable of the store. Default: ``amplitude``, or the only one. ``amplitude``, ``dream`` and variables whose
        attribute ``units`` is "amplitude" are amplitudes. The attributes ``segy_line`` and ``segy_title`` of the
        variable or the store, if there are any, are written into the text header, as `write_text_lines` does.
    absent : float, default -1
        Written for numbers, not amplitudes, that are absent.
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
        If the geometries differ (``incompatible``), the target exists, or it cannot be written.
    """
    survey = like if isinstance(like, SegyVolume) else _open_survey(like, options)
    volume = open_volume(result, **({"variable": variable} if variable else {}))
    _check_geometry(volume, survey)
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
    boxes = list(blocks(volume.shape, volume.chunks or _BLOCK, whole_traces=True))
    progress(0, total)
    with (
        rewriting_segy(
            survey.survey,
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
            traces = survey.grid.block(box[0], box[1]).ravel()
            rows = np.flatnonzero(traces >= 0)
            rows = rows[np.argsort(traces[rows], kind="stable")]
            in_order = rows.size == traces.size and bool((np.diff(rows) == 1).all())
            file.put(traces[rows], values if in_order else values[rows])
            n_done += values.size
            progress(n_done, total)
    return file.report


def _read(volume: Volume, box: Box) -> np.ndarray:
    """Return the samples of a block as traces ``(trace, time)``."""
    values = volume.read(*box)
    return values.reshape(-1, values.shape[2])


def _open_survey(like: str | os.PathLike[str], options: dict[str, Any]) -> SegyVolume:
    survey = open_volume(like, **{"nan": "absent", "undefined": "present", **options})
    if not isinstance(survey, SegyVolume):
        raise SeisdreamError(
            f"{os.fspath(like)} is not SEG-Y; `like` is the SEG-Y file whose headers are written.",
            code="not-supported",
            option="like",
        )
    return survey


def _has_integers(volume: Volume) -> bool:
    return getattr(volume, "stored_dtype", np.dtype("f4")).kind in "iub"


def _check_geometry(volume: Volume, survey: SegyVolume) -> None:
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
