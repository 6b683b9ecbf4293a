"""Sections as the viewer of the browser reads them: a header in words and samples as bytes."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from seisdream.seismic.sections import absent_samples, axis_unit, is_colour, is_picture

ABSENT = -32768
"""The sample that stands for no data; amplitudes are -32767 to 32767."""
_LARGEST = 32767
_NO_CLASS = 255
_MOST_SPECTRA = 256
# The line of a volume as `open_section` describes it, such as "inline 200".
_LINE_NAMES = ("inline", "crossline", "time", "depth")
_SELECTION = re.compile(rf"({'|'.join(_LINE_NAMES)}) (-?\d+\.?\d*)")
# Coordinates of each trace that a readout names.
_TRACE_COORDS = ("inline", "crossline", "cdp")


@dataclass(frozen=True)
class EncodedSection:
    """A section for the viewer.

    Attributes
    ----------
    header : dict
        ``shape``, ``dtype``, ``limit`` (amplitude of the largest sample), the axes ``down`` and ``across``,
        ``quantity``, ``unit``, ``title``, ``credit``; for classes their names and colours; for averages the
        ``spectrum`` of the samples that were averaged.
    samples : bytes
        Row by row, time down, little-endian: int16 amplitudes, uint8 classes, or red, green, blue and opacity.
    """

    header: dict[str, Any]
    samples: bytes

    def body(self) -> bytes:
        """Return the length of the header in four bytes, the header as JSON, and the samples, aligned to 8 bytes."""
        header = json.dumps(self.header, ensure_ascii=False, allow_nan=False).encode()
        header += b" " * (-(4 + len(header)) % 8)
        return len(header).to_bytes(4, "little") + header + self.samples

    def inline(self) -> dict[str, Any]:
        """Return the header with the samples, compressed and in base 64, for the JSON of a page."""
        packed = base64.b64encode(zlib.compress(self.samples, 6)).decode()
        return {**self.header, "samples": packed, "compression": "deflate"}


def encode_section(
    section: xr.DataArray,
    *,
    title: str | None = None,
    quantity: str | None = None,
    value_range: tuple[float, float] | None = None,
    colormap: str | None = None,
    absent: np.ndarray | None = None,
    most_samples: int | None = None,
) -> EncodedSection:
    """Encode amplitudes, other numbers, or a picture.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)``, ``(row, column)`` or ``(row, column, colour)``.
    title : str, optional
        Default: the name of the source.
    quantity : str, optional
        What the numbers are, for the colour bar. Default: the units of the section, such as "amplitude".
    value_range : (float, float), optional
        Values of the first and the last colour. Default: those of a picture; of amplitudes, a symmetric clip.
    colormap : str, optional
        Colours of numbers that are not amplitudes, whatever those of amplitudes are.
    absent : array, optional
        Booleans ``(time, trace)`` of samples without data. Default: missing and muted ones.
    most_samples : int, optional
        A larger section is averaged over blocks to at most so many samples, so that a page stays small.

    Returns
    -------
    EncodedSection
    """
    absent = absent_samples(section) if absent is None else absent
    values = np.asarray(section.values, np.float64)
    axes = [_axis(section, 0), _axis(section, 1)]
    traces = _trace_coords(section)
    spectrum = None
    if most_samples is not None and (blocks := _block_size(absent.shape, most_samples)) != (1, 1):
        if values.ndim == 2 and value_range is None:
            # Averages have lost the high frequencies.
            amplitude = _mean_spectrum(np.where(absent, 0.0, np.nan_to_num(values)))
            spectrum = {"interval": axes[0].get("step", 1.0), "amplitude": amplitude}
        values, absent = _average(values, absent, blocks)
        axes = [_thin_axis(axis, block) for axis, block in zip(axes, blocks, strict=True)]
        traces = {name: _middles(numbers, blocks[1]) for name, numbers in traces.items()}
    units = str(section.attrs.get("units", "grey level" if is_picture(section) else "amplitude"))
    header: dict[str, Any] = {
        "title": title or str(section.attrs.get("source") or section.name or "Section"),
        "shape": list(absent.shape),
        "down": axes[0],
        "across": axes[1],
        "line": _line_of(section),
        "along": traces,
        "quantity": quantity or units,
        "unit": units if quantity and units not in ("amplitude", quantity) else "",
        "credit": str(section.attrs.get("credit", "")),
    }
    if is_picture(section) and value_range is None:
        value_range = tuple(section.attrs["value_range"])
    if is_colour(section):
        low, high = value_range or (0.0, 255.0)
        pixels = np.zeros((*absent.shape, 4), np.uint8)
        pixels[..., :3] = np.rint(np.clip((np.nan_to_num(values) - low) * (255.0 / (high - low)), 0.0, 255.0))
        pixels[..., 3] = np.where(absent, 0, 255)
        return EncodedSection({**header, "dtype": "rgba8"}, pixels.tobytes())
    absent = absent | ~np.isfinite(values)
    limit = float(np.abs(values, where=~absent, out=np.zeros_like(values)).max(initial=0.0)) or 1.0
    samples = np.rint(values * (_LARGEST / limit))
    samples[absent] = ABSENT
    header |= {"dtype": "int16", "limit": limit}
    if spectrum is not None:
        header["spectrum"] = spectrum
    if value_range is not None:
        header["range"] = [float(bound) for bound in value_range]
    if colormap is not None:
        header["map"] = colormap
    return EncodedSection(header, samples.astype("<i2").tobytes())


def encode_classes(
    codes: xr.DataArray,
    names: Sequence[str],
    colours: Sequence[str],
    *,
    title: str | None = None,
    most_samples: int | None = None,
) -> EncodedSection:
    """Encode a map of classes.

    Parameters
    ----------
    codes : DataArray
        ``(time, trace)``: codes 0 to 253; larger ones are no class.
    names, colours : sequence of str
        Of each class by its code; colours as ``#rrggbb``.
    title : str, optional
        Default: "Classes".
    most_samples : int, optional
        Of a larger map, the class in the middle of each block is taken; the blocks are those of `encode_section`.

    Returns
    -------
    EncodedSection
    """
    if most_samples is not None:
        blocks = zip(codes.dims, codes.shape, _block_size(codes.shape, most_samples), strict=True)
        codes = codes.isel({dim: _middles(list(range(n)), block) for dim, n, block in blocks})
    header = {
        "title": title or "Classes",
        "shape": list(codes.shape),
        "dtype": "uint8",
        "down": _axis(codes, 0),
        "across": _axis(codes, 1),
        "classes": [{"name": name, "colour": colour} for name, colour in zip(names, colours, strict=True)],
    }
    return EncodedSection(header, np.clip(codes.values, 0, _NO_CLASS).astype(np.uint8).tobytes())


def _axis(section: xr.DataArray, axis: int) -> dict[str, Any]:
    """Return an axis of the section: its first number and step, or all numbers where they are uneven."""
    dim = str(section.dims[axis])
    coord = section[dim]
    numbers = np.asarray(coord.values, np.float64)
    described = {"name": dim, "unit": axis_unit(section, dim)}
    steps = np.diff(numbers)
    if steps.size and (steps[0] == 0 or not np.allclose(steps, steps[0], rtol=1e-3)):
        return {**described, "values": numbers.tolist()}
    step = float((numbers[-1] - numbers[0]) / steps.size) if steps.size else 1.0
    return {**described, "first": float(numbers[0]), "step": step}


def _mean_spectrum(values: np.ndarray) -> list[float]:
    """Return the mean amplitude spectrum of at most 256 traces, evenly spaced, as the viewer computes it."""
    n_samples, n_traces = values.shape
    step = -(-n_traces // _MOST_SPECTRA)
    length = 2 ** max(1, (n_samples - 1).bit_length())
    amplitude = np.abs(np.fft.rfft(values[:, step // 2 :: step], length, axis=0)).mean(axis=1)
    return [float(f"{one:.4g}") for one in amplitude]


def _line_of(section: xr.DataArray) -> dict[str, float]:
    """Return the number of the inline, crossline, time or depth that the section is."""
    known = [name for name in _LINE_NAMES if name in section.coords and not section[name].ndim]
    if known:
        return {name: float(section[name]) for name in known}
    match = _SELECTION.match(str(section.attrs.get("selection", "")))
    return {match[1]: float(match[2])} if match else {}


def _trace_coords(section: xr.DataArray) -> dict[str, list[float]]:
    across = section.dims[1]
    named = [name for name in _TRACE_COORDS if name in section.coords and section[name].dims == (across,)]
    return {name: section[name].values.tolist() for name in named if name != across}


def _block_size(shape: tuple[int, ...], most_samples: int) -> tuple[int, int]:
    """Return rows and columns of the blocks that a section is averaged over; the longer axis is divided first."""
    blocks = [1, 1]
    counts = list(shape)
    while counts[0] * counts[1] > max(1, most_samples):
        longer = int(counts[1] > counts[0])
        blocks[longer] += 1
        counts[longer] = -(-shape[longer] // blocks[longer])
    return blocks[0], blocks[1]


def _average(values: np.ndarray, absent: np.ndarray, blocks: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of the samples of each block that are there, and the blocks without any."""
    present = (~absent).reshape(absent.shape + (1,) * (values.ndim - 2))
    sums, counts = np.where(present, values, 0.0), np.broadcast_to(present, values.shape).astype(np.float64)
    for axis, block in enumerate(blocks):
        edges = np.arange(0, values.shape[axis], block)
        sums, counts = np.add.reduceat(sums, edges, axis=axis), np.add.reduceat(counts, edges, axis=axis)
    empty = counts == 0
    return sums / np.where(empty, 1.0, counts), empty if values.ndim == 2 else empty[..., 0]


def _thin_axis(axis: dict[str, Any], block: int) -> dict[str, Any]:
    if "values" in axis:
        return {**axis, "values": _middles(axis["values"], block)}
    return {**axis, "first": axis["first"] + axis["step"] * (block - 1) / 2, "step": axis["step"] * block}


def _middles(numbers: list[float], block: int) -> list[float]:
    """Return the number in the middle of each block."""
    return [numbers[min(first + block // 2, len(numbers) - 1)] for first in range(0, len(numbers), block)]
