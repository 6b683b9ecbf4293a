"""Blocks of whole traces, or of whole shards, in which a volume goes from one file to another."""

from __future__ import annotations

import math
from collections.abc import Iterator

from seisdream.seismic.volumes import Box

BYTES_AT_A_TIME = 2**27


def blocks(
    shape: tuple[int, int, int],
    unit: tuple[int, ...],
    *,
    whole_traces: bool = False,
    n_bytes: int = BYTES_AT_A_TIME,
    n_header_bytes: int = 0,
) -> Iterator[Box]:
    """Yield blocks that cover a volume once, each of whole units.

    Parameters
    ----------
    shape : (int, int, int)
        Of the volume.
    unit : tuple of int
        Samples of a shard or a chunk along inline, crossline and time.
    whole_traces : bool, default False
        Whether a block has all samples of its traces, even if a unit of them is larger than `n_bytes`.
    n_bytes : int
        Most bytes of a block; one unit at least. Default: 128 MB.
    n_header_bytes : int, default 0
        Bytes of a trace besides its samples.
    """
    most = n_bytes // 4
    n_samples = shape[2] if whole_traces else _units(shape[2], unit[2], most // (unit[0] * unit[1]))
    n_crosslines = _units(shape[1], unit[1], most // (unit[0] * (n_samples + n_header_bytes // 4)))
    for inline in range(0, shape[0], unit[0]):
        for crossline in range(0, shape[1], n_crosslines):
            for sample in range(0, shape[2], n_samples):
                yield (
                    slice(inline, min(inline + unit[0], shape[0])),
                    slice(crossline, min(crossline + n_crosslines, shape[1])),
                    slice(sample, min(sample + n_samples, shape[2])),
                )


def _units(n: int, unit: int, most: int) -> int:
    """Return the samples along an axis: as many whole units as fit, but one at least."""
    return min(max(1, most // unit), math.ceil(n / unit)) * unit
