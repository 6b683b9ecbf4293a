"""The plan of a volume job: explicit tasks, each of which owns one shard of the output."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Span = tuple[int, int]
"""A half-open range of positions along an axis."""
Block = tuple[Span, Span, Span]
"""Of inlines, crosslines and samples."""
Shape = tuple[int, int, int]

CHUNK = 64
"""Longest side of a chunk of the output in samples."""


@dataclass(frozen=True)
class Reach:
    """What a task needs around its output along one axis.

    Attributes
    ----------
    halo : int
        Samples on each side.
    alignment : int
        Shards and input blocks start at multiples of this many samples, so that strides fall as on the whole.
    is_whole : bool
        Whether the whole axis is needed, whatever the shard.
    least : int
        Samples that are read at least, where the axis has so many: those at its ends get more on the other side.
    """

    halo: int = 0
    alignment: int = 1
    is_whole: bool = False
    least: int = 0

    def around(self, span: Span, n_samples: int) -> Span:
        """Return the positions that are needed for a range of the output."""
        if self.is_whole:
            return 0, n_samples
        latest = min(span[0] - self.halo, n_samples - self.least)
        first = max(0, latest // self.alignment * self.alignment)
        return first, min(n_samples, max(span[1] + self.halo, first + self.least))


@dataclass(frozen=True)
class Task:
    """One shard of the output and the block of the input that it is computed from.

    Attributes
    ----------
    index : (int, int, int)
        Of the shard, along inlines, crosslines and samples.
    output, input : Block
        What is written, and what is read for it.
    key : str
        SHA-256 of the job, the input block and the output: a finished block is known by it.
    part : str
        As of the plan.
    """

    index: tuple[int, int, int]
    output: Block
    input: Block
    key: str
    part: str = ""

    def __str__(self) -> str:
        return f"block {','.join(map(str, self.index))}{self.part and f' of {self.part}'}"


@dataclass(frozen=True)
class Plan:
    """All tasks of a job.

    Attributes
    ----------
    shape : (int, int, int)
        Inlines, crosslines and samples of the volume.
    shard : (int, int, int)
        Of the output, along the same axes; those at the end are smaller.
    reach : (Reach, Reach, Reach)
        What a task needs around its shard.
    job : str
        SHA-256 of settings, network and input.
    dtypes : mapping of str to str
        NumPy's names of the number formats of the output, by variable.
    part : str
        Which part of a job of several this is; "" where it is the only one, or the last.
    """

    shape: Shape
    shard: Shape
    reach: tuple[Reach, Reach, Reach]
    job: str
    dtypes: Mapping[str, str]
    part: str = ""

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks, inlines first; together they cover every sample of the output once."""
        spans = [_divide(*one) for one in zip(self.shape, self.shard, strict=True)]
        return tuple(self._task(index, spans) for index in itertools.product(*map(range, self.grid)))

    @property
    def grid(self) -> tuple[int, int, int]:
        """Numbers of shards along inlines, crosslines and samples."""
        n_inlines, n_crosslines, n_samples = (-(-n // side) for n, side in zip(self.shape, self.shard, strict=True))
        return n_inlines, n_crosslines, n_samples

    def _task(self, index: tuple[int, ...], spans: Sequence[Sequence[Span]]) -> Task:
        output = tuple(along[position] for along, position in zip(spans, index, strict=True))
        needed = tuple(one.around(span, n) for one, span, n in zip(self.reach, output, self.shape, strict=True))
        key = sha256_of([self.job, output, needed, dict(self.dtypes)])
        return Task(index, output, needed, key, self.part)  # pyright: ignore[reportArgumentType]

    def to_dict(self) -> dict[str, Any]:
        """Return the plan without its tasks, ready for JSON."""
        reach = [[one.halo, one.alignment, one.is_whole, one.least] for one in self.reach]
        known = {"shape": self.shape, "shard": self.shard, "reach": reach, "job": self.job, "part": self.part}
        return json.loads(json.dumps(known | {"dtypes": dict(self.dtypes)}))

    @classmethod
    def from_dict(cls, known: Mapping[str, Any]) -> Plan:
        """Return the plan of `to_dict`."""
        reach = tuple(Reach(*one) for one in known["reach"])
        shape, shard = tuple(known["shape"]), tuple(known["shard"])
        return cls(shape, shard, reach, known["job"], known["dtypes"], known["part"])  # pyright: ignore[reportArgumentType]

    @property
    def overlap(self) -> float:
        """Samples that are read for each sample that is written; 1: no overlap."""
        return sum(n_samples(task.input) for task in self.tasks) / math.prod(self.shape)

    @property
    def largest_input(self) -> int:
        """Samples of the largest input block."""
        return max(n_samples(task.input) for task in self.tasks)

    @property
    def bytes_per_sample(self) -> int:
        """Bytes of the output for each sample, before compression."""
        return sum(np.dtype(one).itemsize for one in self.dtypes.values())

    @property
    def block_bytes(self) -> int:
        """Bytes of a worker's input block and output shard, without what the network needs."""
        return 4 * self.largest_input + math.prod(self.shard) * self.bytes_per_sample

    @property
    def output_bytes(self) -> int:
        """Bytes of the output before compression: the most that it takes on the disk."""
        return math.prod(self.shape) * self.bytes_per_sample


def n_samples(block: Block) -> int:
    """Return the number of samples of a block."""
    return math.prod(stop - first for first, stop in block)


def slices(block: Block) -> tuple[slice, slice, slice]:
    """Return the slices of a block."""
    inlines, crosslines, samples = (slice(*span) for span in block)
    return inlines, crosslines, samples


def sha256_of(value: Any) -> str:
    """Return the SHA-256 of a value that JSON knows, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def align_shard(shard: Sequence[int], shape: Shape, reach: Sequence[Reach]) -> Shape:
    """Return a shard rounded up to the alignment and to whole chunks along each axis, and no larger than the volume."""
    sides = []
    for side, n, one in zip(shard, shape, reach, strict=True):
        step = math.lcm(one.alignment, CHUNK if side > CHUNK else 1)
        sides.append(min(n, -(-side // step) * step))
    return sides[0], sides[1], sides[2]


def chunks_of(shard: Shape) -> Shape:
    """Return the samples of a chunk, which is compressed and read as one; a shard has a whole number of them.

    A shard as long as the volume may end within a chunk.
    """
    first, second, third = (min(CHUNK, side) for side in shard)
    return first, second, third


def _divide(n: int, side: int) -> list[Span]:
    return [(first, min(first + side, n)) for first in range(0, n, side)]
