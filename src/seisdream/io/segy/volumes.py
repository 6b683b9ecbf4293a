"""A SEG-Y volume inline by inline: the headers are read once, and one inline's samples are in memory at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy.samples import read_samples
from seisdream.io.segy.survey import read_survey
from seisdream.seismic.sections import MOST_SAMPLES, GreyMapping, check_finite

# As many traces as `survey_statistics` measures amplitudes on.
_N_MEASURED = 2000


class SegyVolume:
    """A 3-D survey in a SEG-Y file.

    Parameters
    ----------
    path : path
        The file.
    nan : {"error", "absent"}, default "error"
        What to do with samples that are NaN or infinite: refuse, or mark them as absent.
    muted : {"absent", "present"}, default "absent"
        What zeros at the edges are taken for; see `seisdream.seismic.sections.muted_samples`.
    **options
        As for `read_survey`: ``inline_byte``, ``crossline_byte``, ``dt_ms``, ``endian``, ``encoding``.

    Attributes
    ----------
    survey : Survey
    inlines : tuple of int
        The numbers of the inlines, in ascending order; `has_traces` says which have any.

    Raises
    ------
    SeisdreamError
        If the file is not sound or holds no 3-D survey.
    """

    def __init__(self, path: str | Path, *, nan: str = "error", muted: str = "absent", **options: Any) -> None:
        # Every header, because every trace will be read: a spread of them would not do.
        survey = read_survey(path, **options, every_trace=True)
        for problem in survey.problems:
            if problem.is_fatal:
                raise SeisdreamError(f"{path}: {problem.what} {problem.mend}")
        if survey.grid is None:
            raise SeisdreamError(
                f"{path} holds no volume ({survey.confidence}): leave out --volume to take it as one line, or name "
                "the bytes that number inlines and crosslines (--inline-byte, --crossline-byte)."
            )
        if len(survey.grid.crosslines) * survey.n_samples > MOST_SAMPLES:
            raise SeisdreamError(f"An inline of {path} has more than the {MOST_SAMPLES} samples opened at once.")
        self.survey, self._grid, self._nan, self._muted = survey, survey.grid, nan, muted
        opened = {"input": str(path), "options": {**options, "nan": nan, "muted": muted}}
        self._opened = json.dumps(opened, ensure_ascii=False)
        self.inlines = tuple(survey.grid.inlines.tolist())

    @property
    def shape(self) -> tuple[int, int, int]:
        """Inlines, crosslines and samples."""
        return len(self._grid.inlines), len(self._grid.crosslines), self.survey.n_samples

    def has_traces(self, inline: int) -> bool:
        """Return whether an inline has any trace in the file."""
        return bool((self._traces(inline) >= 0).any())

    @property
    def middle(self) -> int:
        """The number of the inline in the middle of those that have traces."""
        filled = [inline for inline in self.inlines if self.has_traces(inline)]
        return filled[len(filled) // 2]

    def open(self, inline: int) -> xr.DataArray:
        """Return an inline ``(time, crossline)`` as `open_segy` would, but for ``cdp_x`` and ``cdp_y``."""
        survey, traces = self.survey, self._traces(inline)
        values = check_finite(read_samples(survey.layout, traces), survey.path, self._nan, is_present=traces >= 0)
        return xr.DataArray(
            values,
            dims=("time", "crossline"),
            coords={
                "time": survey.times_ms,
                "crossline": self._grid.crosslines,
                "trace_index": ("crossline", traces),
            },
            attrs={
                "units": "amplitude",
                "source": str(survey.path),
                "format": "SEG-Y",
                "selection": f"inline {inline}",
                "muted": self._muted,
                "opened": self._opened,
                "segy_path": str(survey.path),
                "segy_endian": survey.endian,
                "segy_encoding": survey.encoding,
                "segy_n_bytes": survey.layout.n_bytes,
                "segy_mtime_ns": survey.layout.mtime_ns,
            },
        )

    def grey_mapping(self, percentile: float) -> GreyMapping:
        """Return one grey mapping for the whole volume, measured on a spread of its traces."""
        layout = self.survey.layout
        n_most = min(layout.n_traces, _N_MEASURED, max(1, 2**24 // layout.n_samples))
        spread = np.unique(np.linspace(0, layout.n_traces - 1, n_most).astype(np.int64))
        values = read_samples(layout, spread)
        values[~np.isfinite(values)] = np.nan
        if not np.nan_to_num(values).any():
            raise SeisdreamError(
                f"All {len(spread)} traces of {self.survey.path} that amplitudes were measured on are dead or absent; "
                "choose another file, or predict one section at a time (--inline)."
            )
        spread_out = xr.DataArray(values, dims=("time", "trace"), attrs={"muted": self._muted})
        return GreyMapping.of(spread_out, percentile)

    def _traces(self, inline: int) -> np.ndarray:
        return self._grid.traces(inline=self.inlines.index(inline))
