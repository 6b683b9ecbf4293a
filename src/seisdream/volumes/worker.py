"""What a worker of a volume job does with a task: read, compute, write, mark as finished."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.errors import SeisdreamError
from seisdream.io.write_errors import explaining_refusals
from seisdream.models.checkpoints import split_variant
from seisdream.models.network import Network
from seisdream.models.registry import open_network
from seisdream.settings import Settings
from seisdream.volumes.commands import make_kernel
from seisdream.volumes.marks import Mark, write_mark
from seisdream.volumes.plan import Task, slices
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import VolumeSettings
from seisdream.volumes.store import open_result
from seisdream.volumes.volume import Volume, open_volume


@dataclass(frozen=True)
class NetworkSource:
    """How a worker loads the network: by its name, or from a file that the job has written.

    Attributes
    ----------
    name : str
        As for `open_network`; the file where `is_pickled`.
    weights : str or None
        File of weights.
    options : str
        The network's options as JSON.
    sha256 : str
        Of the weights.
    is_pickled : bool
        Whether `name` is a file with the network itself.
    """

    name: str
    weights: str | None
    options: str
    sha256: str
    is_pickled: bool = False

    @classmethod
    def of(cls, network: Network, folder: Path) -> NetworkSource:
        """Return the source of a network; a module object is written to a folder."""
        classes = network.options.get("classes")
        is_file = isinstance(classes, str) and os.path.isfile(classes)
        options = json.dumps({**network.options, **({"classes": os.path.abspath(str(classes))} if is_file else {})})
        if network.is_loadable:
            weights = None if network.weights is None else os.path.abspath(network.weights)
            return cls(_absolute(network.name), weights, options, network.sha256)
        file = folder / "network.pickle"
        try:
            with explaining_refusals(folder):
                file.write_bytes(pickle.dumps(network))
        except SeisdreamError:
            raise
        except Exception as error:
            raise SeisdreamError(
                f"{network.name} cannot be sent to worker processes: {error}. Use `executor=serial`, or load the "
                "network by a name (PACKAGE.MODULE:FACTORY).",
                code="not-supported",
                option="executor",
            ) from error
        return cls(str(file.resolve()), None, options, network.sha256, is_pickled=True)

    def load(self) -> Network:
        """Return the network.

        Raises
        ------
        SeisdreamError
            If it is not the one that the job began with (``changed``).
        """
        if self.is_pickled:
            # Written by this job, into its own folder.
            network = pickle.loads(Path(self.name).read_bytes())
        else:
            network = open_network(self.name, self.weights, json.loads(self.options))
        if network.sha256 != self.sha256:
            raise SeisdreamError(
                f"The weights of {network.name} are no longer those that the job began with; restore them, or write "
                "to another folder.",
                code="changed",
                option="network",
            )
        return network


@dataclass(frozen=True)
class VolumeSource:
    """How a worker opens the volume: from its source, or where it is in memory as it is.

    Attributes
    ----------
    source : str or Volume
        For `open_volume`.
    options : str
        Arguments of `open_volume` as JSON.
    fingerprint : str
        Of the volume.
    """

    source: Any
    options: str
    fingerprint: str

    @classmethod
    def of(cls, volume: Volume) -> VolumeSource:
        """Return the source of a volume."""
        if not volume.source:
            return cls(volume, "{}", volume.fingerprint)
        is_local = os.path.exists(volume.source)
        source = os.path.abspath(volume.source) if is_local else volume.source
        return cls(source, json.dumps(volume.options), volume.fingerprint)

    def open(self) -> Volume:
        """Return the volume.

        Raises
        ------
        SeisdreamError
            If it is not the one that the job began with (``changed``).
        """
        volume = open_volume(self.source, **json.loads(self.options))
        if volume.fingerprint != self.fingerprint:
            raise SeisdreamError(
                f"{self.source} is no longer the volume that the job began with; restore it, or write to another "
                "folder.",
                code="changed",
            )
        return volume


@dataclass(frozen=True)
class Work:
    """Everything that a worker needs, in plain values.

    Attributes
    ----------
    command : str
        As for `make_kernel`.
    volume : VolumeSource
        The input.
    network : NetworkSource
        The network.
    settings : Settings
        Of the command.
    how : VolumeSettings
        Direction, blocks and number formats.
    scale : AmplitudeScale
        Of the volume.
    measured : dict
        What the kernel measured when the job began.
    job : str
        SHA-256 of the job, `Plan.job`.
    marker : str
        The file that names the job of the folder.
    folder : str
        The job's folder.
    store : str
        Of the result.
    """

    command: str
    volume: VolumeSource
    network: NetworkSource
    settings: Settings
    how: VolumeSettings
    scale: AmplitudeScale
    measured: dict[str, Any]
    job: str
    marker: str
    folder: str
    store: str

    def __call__(self) -> Worker:
        """Open the volume and the result, and load the network."""
        return Worker(self)


class Worker:
    """A worker that is ready to compute tasks."""

    def __init__(self, work: Work) -> None:
        volume = work.volume.open()
        self._work, self._volume, self._folder = work, volume, Path(work.folder)
        network = work.network.load()
        self._kernel = make_kernel(work.command, volume, network, work.settings, work.how, work.scale)
        self._kernel.measured, self._kernel.folder = work.measured, self._folder
        self._store = open_result(work.store)

    def __call__(self, task: Task) -> Mark:
        """Compute and write the shard of a task, and mark it as finished.

        Raises
        ------
        SeisdreamError
            If the folder has another job by now (``changed``), or cannot be written (``write-failed``).
        """
        began = time.perf_counter()
        values = self._volume.read(*slices(task.input))
        read = time.perf_counter()
        arrays = self._kernel.compute(values, task)
        computed = time.perf_counter()
        self._require_own_job()
        checksums = {}
        with explaining_refusals(self._folder):
            for name, array in arrays.items():
                checksums[name] = self._store.write_shard(name, task.index, array)
            seconds = {"read": read - began, "compute": computed - read, "write": time.perf_counter() - computed}
            mark = Mark(task.key, checksums, checksum(values), {name: round(one, 4) for name, one in seconds.items()})
            write_mark(self._folder, task, mark)
        return mark

    def _require_own_job(self) -> None:
        """Raise where another job has begun in the folder, because the process that started this worker was killed."""
        record = json.loads(Path(self._work.marker).read_text(encoding="utf-8"))
        if record["plan"]["job"] != self._work.job:
            raise SeisdreamError(f"Another job has begun in {self._folder}; this one has ended.", code="changed")


def _absolute(network: str) -> str:
    """Return the name of a network for workers in any folder: that of a file is absolute.

    Other names stay, although a file or folder here may be called like a network that ships.
    """
    name, variant = split_variant(network)
    file, colon, factory = name.rpartition(":") if ".py:" in name else (name, "", "")
    if not os.path.isfile(file):
        return network
    return f"{os.path.abspath(file)}{colon}{factory}{variant and f'@{variant}'}"


def checksum(array: np.ndarray) -> str:
    """Return the SHA-256 of an array's samples, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
