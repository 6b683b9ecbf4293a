"""A SEG-Y volume, read block by block: headers are read once, samples when a block is read."""

from __future__ import annotations

import json
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy.grid import agrees_with_headers
from seisdream.io.segy.samples import read_samples
from seisdream.io.segy.sections import Selection, are_places, read_places, read_selection
from seisdream.io.segy.survey import Survey, read_survey
from seisdream.io.segy.traces import decode_traces, read_part, read_traces
from seisdream.seismic.sections import MOST_SAMPLES, check_finite
from seisdream.seismic.undefined import blank_undefined, is_undefined, parse_undefined
from seisdream.seismic.volumes import Box, Volume

# As many traces as `survey_statistics` uses.
_N_MEASURED = 2000
_BYTES_AT_A_TIME = 2**25
# Where a block has fewer of the samples of its traces, only these are read.
_LEAST_SHARE = 0.25


class SegyVolume(Volume):
    """A 3-D survey in a SEG-Y file.

    Parameters
    ----------
    path : path
        The file.
    nan : {"error", "absent"}, default "error"
        Refuse samples that are NaN or infinite, or treat them as absent (NaN).
    muted : {"absent", "present"}, default "absent"
        Whether zeros at the edges are absent samples or amplitudes; see `seisdream.seismic.sections.muted_samples`.
    **options
        As for `read_survey`: ``inline_byte``, ``crossline_byte``, ``dt_ms``, ``endian``, ``encoding``,
        ``sample_format``, ``vertical``, ``undefined``.

    Attributes
    ----------
    survey : Survey
        Headers and geometry of the file.

    Raises
    ------
    SeisdreamError
        If the file is damaged or holds no 3-D survey.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        nan: str = "error",
        muted: str = "absent",
        **options: Any,
    ) -> None:
        options = {name: value for name, value in options.items() if value is not None}
        survey = _read_whole(path, options)
        survey.require_usable()
        if survey.grid is None or not survey.is_volume:
            raise SeisdreamError(
                f"{path} is not a volume ({survey.confidence}); give the header bytes of "
                "inline and crossline numbers (`inline_byte`, `crossline_byte`), or another file.",
                code="no-geometry",
                option="inline_byte",
            )
        if len(survey.grid.crosslines) * survey.n_samples > MOST_SAMPLES:
            raise SeisdreamError(
                f"An inline of {path} has {len(survey.grid.crosslines) * survey.n_samples:,} samples; at most "
                f"{MOST_SAMPLES:,} can be opened at once.",
                code="too-large",
            )
        self.survey, self.grid, self._nan, self.muted = survey, survey.grid, nan, muted
        self.source, self.options = str(path), {**options, "nan": nan, "muted": muted}
        self._opened = json.dumps({"input": self.source, "options": self.options}, ensure_ascii=False)
        self.dims = ("inline", "crossline", survey.vertical)
        self.coords = {
            "inline": survey.grid.inlines,
            "crossline": survey.grid.crosslines,
            survey.vertical: survey.times_ms,
        }
        attrs = {
            "units": "amplitude",
            "source": self.source,
            "format": "SEG-Y",
            "opened": self._opened,
            "vertical_units": survey.units,
            "notes": json.dumps(survey.notes, ensure_ascii=False) if survey.notes else None,
            "undefined": "present" if survey.undefined == "present" else None,
        }
        self.attrs = {name: value for name, value in attrs.items() if value is not None}

    def open(self, inline: int) -> xr.DataArray:
        """Return an inline ``(time, crossline)`` as `open_segy` does, without ``cdp_x`` and ``cdp_y``."""
        section = read_selection(self.survey, Selection.line(self.survey, "inline", self._position(inline)), self._nan)
        return section.assign_attrs(muted=self.muted, opened=self._opened)

    def _find_mask(self) -> np.ndarray:
        return np.ones(self.shape[:2], bool) if self.grid.index is None else self.grid.index >= 0

    def read_places(self, inlines: slice = slice(None), crosslines: slice = slice(None)) -> dict[str, np.ndarray]:
        """Return ``cdp_x`` and ``cdp_y`` of a block, float64 ``(inline, crossline)``, if the file has any."""
        return read_places(self.survey.layout, self.grid.block(inlines, crosslines)) if self._has_places else {}

    @cached_property
    def _has_places(self) -> bool:
        some = np.unique(np.linspace(0, self.survey.n_traces - 1, _N_MEASURED // 4).astype(np.int64))
        return are_places(read_places(self.survey.layout, some))

    def _read(self, box: Box) -> np.ndarray:
        traces, samples = self.grid.block(box[0], box[1]), box[2]
        flat = traces.ravel()
        n_samples = samples.stop - samples.start
        values = np.empty((flat.size, n_samples), np.float32)
        values[flat < 0] = np.nan
        layout, rows = self.survey.layout, np.flatnonzero(flat >= 0)
        rows = rows[np.argsort(flat[rows], kind="stable")]
        is_part = n_samples < _LEAST_SHARE * layout.n_samples
        n_block = max(1, _BYTES_AT_A_TIME // (n_samples * layout.sample_bytes if is_part else layout.trace_bytes))
        for start in range(0, rows.size, n_block):
            part = rows[start : start + n_block]
            raw = read_part(layout, flat[part], samples) if is_part else read_traces(layout, flat[part])
            decode_traces(raw, layout, values, part, slice(None) if is_part else samples)
        return self.checked(values.reshape(*traces.shape, n_samples), traces >= 0)

    def checked(self, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return samples ``(inline, crossline, time)``, absent ones NaN, as the options `nan` and `undefined` want.

        Undefined values are those that the options or the check of the whole file name, the same in each block.
        """
        values = check_finite(values, self.survey.path, self._nan, is_present=mask[..., None])
        stated = parse_undefined(self.survey.undefined)
        named = self.survey.undefined_values if stated == "auto" else () if isinstance(stated, str) else stated
        if named and (found := is_undefined(values, named)).any():
            values = np.where(found, np.float32(np.nan), values)
        return values

    def _read_measured(self) -> np.ndarray:
        layout = self.survey.layout
        n_most = min(layout.n_traces, _N_MEASURED, max(1, 2**24 // layout.n_samples))
        traces = np.unique(np.linspace(0, layout.n_traces - 1, n_most).astype(np.int64))
        values = read_samples(layout, traces)
        values[~np.isfinite(values)] = np.nan
        return blank_undefined(values, self.survey.path, self.survey.undefined, self.survey.undefined_values)

    def is_unchanged(self) -> bool:
        """Return whether the file has the length and the time that it had when it was opened."""
        return self.survey.layout.is_unchanged()

    def _hash(self) -> str:
        layout = self.survey.layout
        with layout.file.open("rb") as file:
            head = file.read(layout.start)
        known = {"n_bytes": layout.n_bytes, "mtime_ns": layout.mtime_ns, **self.options}
        return sha256(
            json.dumps(known, sort_keys=True, default=str).encode()
            + head
            + b"".join(np.ascontiguousarray(self.coords[dim]).tobytes() for dim in self.dims)
        ).hexdigest()


def _read_whole(path: str | Path, options: dict[str, Any]) -> Survey:
    """Read every header; where all agree with a regular grid, only the grid is kept in memory."""
    survey = read_survey(path, **options)
    if (grid := survey.grid) is not None:
        pair = survey.inline_byte, survey.crossline_byte
        if not grid.is_sampled or agrees_with_headers(grid, survey.layout, pair):  # pyright: ignore[reportArgumentType]
            return survey
    return read_survey(path, **options, every_trace=True)
