"""Volumes of labelled arrays: in memory, of dask, or lazy from any file that xarray opens."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.axes import axis_named
from seisdream.io.contents import in_ms
from seisdream.seismic.sections import VERTICAL_DIMS
from seisdream.seismic.volumes import Box, Volume

_LINE_DIMS = ("inline", "crossline")
KEPT_ATTRS = ("units", "source", "credit", "licence", "format", "long_name", "segy_line", "segy_title")
_SAMPLES_MEASURED, _MOST_LINES_MEASURED = 2**24, 16
_SAMPLES_AT_A_TIME = 2**24


class ArrayVolume(Volume):
    """A volume of an array, which is read when a block is.

    Parameters
    ----------
    array : DataArray
        With the dimensions inline, crossline and time or depth, under any of their usual names and in any order.
    mask : bool array ``(inline, crossline)``, optional
        Where there are traces. Default: where any sample is a number, which reads the whole array.
    places : Dataset, optional
        With ``cdp_x`` and ``cdp_y`` over the same dimensions as `mask`.
    dt_ms : float, optional
        Sampling interval in ms (in m or ft for depth), if the array has no times.
    muted : {"absent", "present"}, default "absent"
        Whether zeros at the edges are absent samples or amplitudes.

    Raises
    ------
    SeisdreamError
        If it does not have these dimensions (``wrong-shape``), regular numbers along them (``no-geometry``), or a
        sampling interval (``missing-argument``).
    """

    def __init__(
        self,
        array: xr.DataArray,
        *,
        mask: xr.DataArray | None = None,
        places: xr.Dataset | None = None,
        dt_ms: float | None = None,
        muted: str = "absent",
    ) -> None:
        self.source, self.options = "", {"muted": muted, **({"dt_ms": dt_ms} if dt_ms else {})}
        self.muted = muted
        names = _names_of(array)
        vertical = next(name for name in names if name in VERTICAL_DIMS)
        self.dims = ("inline", "crossline", vertical)
        # Not transposed: xarray would index a lazy array point by point.
        self._array, self._of = array, names
        self.coords = {dim: _numbers(array, names[dim], dim, dt_ms) for dim in self.dims}
        self._mask, self._places = mask, places
        self.attrs = {"units": "amplitude"} | {name: array.attrs[name] for name in KEPT_ATTRS if name in array.attrs}
        if vertical == "depth":
            self.attrs["vertical_units"] = str(array[names[vertical]].attrs.get("units", "m"))

    @property
    def chunks(self) -> tuple[int, int, int] | None:
        """Samples of a chunk along each axis: of the store, or of the dask array; None for other arrays."""
        stored = self._array.encoding.get("chunks") or self._array.chunks
        if not stored:
            return None
        sizes = {
            str(dim): one if isinstance(one, int) else one[0] for dim, one in zip(self._array.dims, stored, strict=True)
        }
        first, second, third = (int(sizes[self._of[dim]]) for dim in self.dims)
        return first, second, third

    @property
    def stored_dtype(self) -> np.dtype:
        """The type of the samples as they are stored."""
        return self._array.dtype

    def _read(self, box: Box) -> np.ndarray:
        part = self._array.isel({self._of[dim]: one for dim, one in zip(self.dims, box, strict=True)})
        values = np.asarray(part.transpose(*(self._of[dim] for dim in self.dims)).values, np.float32)
        if self._mask is not None and not (present := self.trace_mask[box[0], box[1]]).all():
            values = np.where(present[..., None], values, np.float32(np.nan))
        return values

    def _find_mask(self) -> np.ndarray:
        if self._mask is not None:
            return np.asarray(_over_lines(self._mask), bool)
        found = np.empty(self.shape[:2], bool)
        n_lines = max(1, _SAMPLES_AT_A_TIME // (self.shape[1] * self.shape[2]))
        if self.chunks:
            n_lines = -(-n_lines // self.chunks[0]) * self.chunks[0]
        for start in range(0, self.shape[0], n_lines):
            lines = slice(start, start + n_lines)
            found[lines] = ~np.isnan(self.read(lines)).all(axis=2)
        return found

    def read_places(self, inlines: slice = slice(None), crosslines: slice = slice(None)) -> dict[str, np.ndarray]:
        """Return ``cdp_x`` and ``cdp_y`` of a block, float64 ``(inline, crossline)``, if there are any."""
        places = {} if self._places is None else {name: self._places[name] for name in ("cdp_x", "cdp_y")}
        return {name: np.asarray(_over_lines(one, inlines, crosslines), np.float64) for name, one in places.items()}

    def _read_measured(self) -> np.ndarray:
        n_inlines, n_crosslines, n_samples = self.shape
        n_lines = max(1, _SAMPLES_MEASURED // (n_crosslines * n_samples))
        if n_lines < n_inlines:
            n_lines = min(n_lines, _MOST_LINES_MEASURED)
        lines = np.unique(np.linspace(0, n_inlines - 1, min(n_inlines, n_lines)).astype(int))
        values = np.concatenate([self.read(slice(line, line + 1))[0] for line in lines.tolist()]).T
        return np.where(np.isfinite(values), values, np.float32(np.nan))

    def _hash(self) -> str:
        found = sha256(repr((self.dims, self.shape, self.options)).encode())
        for dim in self.dims:
            found.update(np.ascontiguousarray(self.coords[dim]).tobytes())
        n_lines = max(1, _SAMPLES_AT_A_TIME // (self.shape[1] * self.shape[2]))
        for start in range(0, self.shape[0], n_lines):
            found.update(np.ascontiguousarray(self.read(slice(start, start + n_lines))).data)
        return found.hexdigest()


def _names_of(array: xr.DataArray) -> dict[str, str]:
    """Return the dimension of an array for inline, crossline and time or depth."""
    names = {axis_named(str(dim)) or str(dim): str(dim) for dim in array.dims}
    if len(names) == 3 and set(_LINE_DIMS) <= set(names) and any(name in VERTICAL_DIMS for name in names):
        return names
    raise SeisdreamError(
        f"A volume has the dimensions inline, crossline and time or depth; got {', '.join(map(str, array.dims))}. "
        "Rename them with `array.rename`.",
        code="wrong-shape",
    )


def _numbers(array: xr.DataArray, name: str, dim: str, dt_ms: float | None) -> np.ndarray:
    """Return the numbers along an axis, in ms for time."""
    n = array.sizes[name]
    is_vertical = dim in VERTICAL_DIMS
    if name not in array.coords:
        if is_vertical and not dt_ms:
            raise SeisdreamError(
                f"The volume has no {dim} coordinate; give the sampling interval (`dt_ms`).",
                code="missing-argument",
                option="dt_ms",
            )
        return np.arange(n) * float(dt_ms) if is_vertical and dt_ms else np.arange(n)
    numbers = np.asarray(array.coords[name].values)
    if numbers.dtype.kind not in "fiu":
        raise SeisdreamError(f"The {dim} coordinate is {numbers.dtype}; it must be numbers.", code="no-geometry")
    if dim == "time":
        numbers = in_ms(numbers, name, array.coords[name].attrs)
    if is_vertical and dt_ms:
        return float(numbers[0]) + np.arange(n) * float(dt_ms)
    steps = np.diff(numbers)
    if n > 1 and (not np.isfinite(steps).all() or not (np.abs(steps - steps[0]) <= 1e-3 * abs(steps[0])).all()):
        raise SeisdreamError(
            f"The {dim} coordinate does not have regular steps; resample the volume.", code="no-geometry"
        )
    if n > 1 and (steps[0] == 0 or (is_vertical and steps[0] < 0)):
        raise SeisdreamError(
            f"The {dim} coordinate runs from {numbers[0]:g} to {numbers[-1]:g}; it must ascend.", code="no-geometry"
        )
    return numbers if is_vertical else numbers.astype(np.int64)


def _over_lines(array: xr.DataArray, inlines: slice = slice(None), crosslines: slice = slice(None)) -> np.ndarray:
    """Return a block ``(inline, crossline)`` of an array with these dimensions under any names and in any order."""
    names = {axis_named(str(dim)) or str(dim): dim for dim in array.dims}
    dims = (names["inline"], names["crossline"])
    return array.isel(dict(zip(dims, (inlines, crosslines), strict=True))).transpose(*dims).values
