"""A SEG-Y volume, read inline by inline: headers are read once, samples of one inline at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.segy.samples import read_samples
from seisdream.io.segy.sections import Selection, read_selection
from seisdream.io.segy.survey import read_survey
from seisdream.seismic.cubes import make_cube
from seisdream.seismic.sections import MOST_SAMPLES, GreyMapping, fill_absent
from seisdream.seismic.undefined import blank_undefined

# As many traces as `survey_statistics` uses.
_N_MEASURED = 2000


class SegyVolume:
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
    inlines : tuple of int
        The inline numbers, ascending. `has_traces` returns which of them have traces.

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
        # Every trace will be read, so every header is.
        survey = read_survey(path, **options, every_trace=True)
        survey.require_usable()
        if survey.grid is None:
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
        self.survey, self._grid, self._nan, self._muted = survey, survey.grid, nan, muted
        opened = {"input": str(path), "options": {**options, "nan": nan, "muted": muted}}
        self._opened = json.dumps(opened, ensure_ascii=False)
        self.inlines = tuple(survey.grid.inlines.tolist())

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of inlines, crosslines and samples."""
        return len(self._grid.inlines), len(self._grid.crosslines), self.survey.n_samples

    def has_traces(self, inline: int) -> bool:
        """Return whether the file has any trace of an inline."""
        return bool((self._grid.traces(inline=self._position(inline)) >= 0).any())

    @property
    def middle(self) -> int:
        """Number of the middle one of the inlines that have traces."""
        live = [inline for inline in self.inlines if self.has_traces(inline)]
        return live[len(live) // 2]

    def open(self, inline: int) -> xr.DataArray:
        """Return an inline ``(time, crossline)`` as `open_segy` does, without ``cdp_x`` and ``cdp_y``."""
        section = read_selection(self.survey, Selection.line(self.survey, "inline", self._position(inline)), self._nan)
        return section.assign_attrs(muted=self._muted, opened=self._opened)

    def read_cube(self) -> tuple[xr.DataArray, np.ndarray]:
        """Read the whole volume.

        Returns
        -------
        cube : DataArray
            float32 ``(time, inline, crossline)``, 0 where there is no sample.
        present : array
            float32 of the same shape: 1 where there is a sample, else 0.

        Raises
        ------
        SeisdreamError
            If the volume has too many samples for memory, or no signal.
        """
        n_samples = int(np.prod(self.shape, dtype=np.int64))
        if n_samples > MOST_SAMPLES:
            raise SeisdreamError(
                f"{self.survey.path} has {n_samples:.3g} samples; a cube has at most {MOST_SAMPLES:.3g}. Cut the "
                "volume, or dream on its sections with a network for sections.",
                code="too-large",
            )
        values, absent = zip(*(fill_absent(self.open(inline)) for inline in self.inlines), strict=True)
        middle = self.open(self.middle)
        vertical = middle[self.survey.vertical]
        # The vertical axis of a cube is called time; that of depth carries its own name and units.
        names = {"long_name": "Depth", "units": self.survey.units} if self.survey.vertical == "depth" else {}
        coords = {
            "time": ("time", vertical.values, names),
            "inline": list(self.inlines),
            "crossline": middle["crossline"].values,
        }
        cube = xr.DataArray(np.stack(values, 1), dims=("time", "inline", "crossline"), coords=coords)
        kept = {name: middle.attrs[name] for name in ("notes", "undefined") if name in middle.attrs}
        cube = make_cube(cube, source=str(self.survey.path), format="SEG-Y", opened=self._opened, **kept)
        return cube, np.where(np.stack(absent, 1), np.float32(0), np.float32(1))

    def grey_mapping(self, percentile: float) -> GreyMapping:
        """Return one grey mapping for the whole volume, measured on evenly spaced traces.

        Parameters
        ----------
        percentile : float, 50 to 100
            As for `GreyMapping.of`.
        """
        layout = self.survey.layout
        n_most = min(layout.n_traces, _N_MEASURED, max(1, 2**24 // layout.n_samples))
        traces = np.unique(np.linspace(0, layout.n_traces - 1, n_most).astype(np.int64))
        values = read_samples(layout, traces)
        values[~np.isfinite(values)] = np.nan
        values = blank_undefined(values, self.survey.path, self.survey.undefined, self.survey.undefined_values)
        if not np.nan_to_num(values).any():
            raise SeisdreamError(
                f"All {len(traces)} traces of {self.survey.path} on which amplitudes were measured are dead or absent; "
                "use another file, or one section at a time (`inline`).",
                code="no-signal",
            )
        measured = xr.DataArray(values, dims=("time", "trace"), attrs={"muted": self._muted})
        return GreyMapping.of(measured, percentile)

    def _position(self, inline: int) -> int:
        return self.inlines.index(inline)
