"""A volume job: planned, run by an executor, resumed where it was interrupted, and never finished with a hole."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import check_writable, remove_leftovers, writing_file
from seisdream.io.stores import is_url
from seisdream.io.write_errors import explaining_refusals
from seisdream.io.written_files import is_ours, record_of
from seisdream.io.zarr_arrays import shard_key
from seisdream.models.network import Network
from seisdream.provenance import drawable, input_files, short_name, version_of
from seisdream.results.writer import check_disk_space
from seisdream.settings import Settings, to_json
from seisdream.volumes.commands import make_kernel
from seisdream.volumes.dreams import INLINES
from seisdream.volumes.executors import Outcome, Pool, ProcessPool, Run, SerialPool, run_tasks
from seisdream.volumes.marks import BLOCKS, unfinished
from seisdream.volumes.plan import Plan, Task, chunks_of, sha256_of, slices
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import ExecutorSettings, VolumeSettings
from seisdream.volumes.store import MARKER, create_result, open_result
from seisdream.volumes.volume import Volume
from seisdream.volumes.worker import NetworkSource, VolumeSource, Work

PARTIAL = ".partial-"
"""In the names of files that are not whole yet."""
LOCK, MISSING = "lock", "missing.txt"
"""Files of a job's folder: its lock, and the list of blocks that are missing."""
STORES = {
    "predict": "prediction.zarr",
    "dream": "dream.zarr",
    "controls": "controls.zarr",
    "attribute": "attribution.zarr",
}
"""The folder of the result of a command."""
_N_LISTED = 5

Event = Literal["start", "done", "failed"]
Observer = Callable[[Event, Task, float], None]
"""Receives what became of a task, and for "done" the seconds that a worker took for it, else 0."""


@dataclass
class JobResult:
    """What a job has come to.

    Attributes
    ----------
    folder : Path
        Of the job.
    store : str
        Path or URL of the result, a Zarr group.
    n_blocks, n_earlier : int
        All blocks, and those that an earlier run had finished.
    missing : dict of Task to str
        Blocks that are not finished, and why.
    stopped : str
        Why the run ended early; "" where it did not.
    seconds : float
        That the run took.
    provenance : dict
        Of the result.
    summary : dict
        Numbers that describe the result.
    """

    folder: Path
    store: str
    n_blocks: int
    n_earlier: int
    missing: dict[Task, str] = field(default_factory=dict)
    stopped: str = ""
    seconds: float = 0.0
    provenance: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)

    def require_complete(self) -> None:
        """Raise `SeisdreamError` (``incomplete``) with a list of what is missing."""
        if not self.missing:
            return
        listed = [
            str(task) if reason == self.stopped else f"{task}: {reason}"
            for task, reason in list(self.missing.items())[:_N_LISTED]
        ]
        more = len(self.missing) - len(listed)
        rest = f" and {more} more ({self.folder / MISSING} lists them)" if more else ""
        stopped = f"{self.stopped} " if self.stopped else ""
        raise SeisdreamError(
            f"{stopped}{len(self.missing)} of {self.n_blocks} blocks are missing: {'; '.join(listed)}{rest}. The same "
            "command computes only these.",
            code="incomplete",
        )


class Probe(NamedTuple):
    """What one block needed.

    Attributes
    ----------
    read_s, compute_s : float
        Seconds.
    peak_bytes : int
        The most memory that this process has had so far.
    """

    read_s: float
    compute_s: float
    peak_bytes: int


class VolumeJob:
    """A command for a whole volume.

    Parameters
    ----------
    command : {"predict", "dream", "controls", "attribute"}
        What is computed.
    volume : Volume
        The input.
    network : Network
        The network.
    settings : Settings
        Of the command.
    how : VolumeSettings, optional
        Direction, blocks and number formats.
    part : str, optional
        Its name as a part of another job.

    Attributes
    ----------
    before : VolumeJob or None
        The job that runs first, in a folder of its own in the folder of this one: of a dream in both directions, that
        on inlines.
    """

    def __init__(
        self,
        command: str,
        volume: Volume,
        network: Network,
        settings: Any,
        how: VolumeSettings | None = None,
        *,
        part: str = "",
    ) -> None:
        self.command, self.volume, self.network, self._part = command, volume, network, part
        self.settings: Settings = settings
        self.how = how or VolumeSettings()
        self.scale = measure_scale(volume, settings.percentile)
        self.kernel = make_kernel(command, volume, network, settings, self.how, self.scale)
        self.before: VolumeJob | None = None
        if self.how.direction == "both":
            store = self.how.store and f"{self.how.store.rstrip('/')}-{INLINES}"
            inlines = self.how.replace(direction="inline", store=store)
            self.before = VolumeJob(command, volume, network, settings, inlines, part=INLINES)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the output depends on: a finished block is used again only where all of it is the same."""
        return {
            "command": self.command,
            "seisdream": version_of("seisdream"),
            "settings": self.settings.to_dict(),
            "volume_settings": self.how.to_dict(),
            "network": self.network.sha256,
            "network_options": options_of(self.network),
            "input": self.volume.fingerprint,
            "input_options": {name: str(value) for name, value in self.volume.options.items()},
        }

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plan, after that of the job that runs before."""
        return (*(self.before.plans if self.before else ()), self.plan)

    @property
    def title(self) -> str:
        """Of figures: the names of the volume and the network."""
        of = "concepts of " if self.network.class_kind == "concept" else ""
        return f"{drawable(Path(self.volume.source or 'volume').name)}: {of}{short_name(self.network.name)}"

    @property
    def notes(self) -> list[str]:
        """What limits the result, a sentence each."""
        return self.kernel.notes()

    @cached_property
    def plan(self) -> Plan:
        """The tasks."""
        dtypes = {name: one.dtype for name, one in self.kernel.variables.items()}
        return Plan(
            self.kernel.shape, self.kernel.shard, self.kernel.reach, sha256_of(self.identity), dtypes, self._part
        )

    def run(
        self,
        folder: str | os.PathLike[str],
        executor: ExecutorSettings | None = None,
        *,
        force: bool = False,
        more_bytes: int = 0,
        on_event: Observer = lambda event, task, seconds: None,
        on_begin: Callable[[Plan, list[Task]], None] = lambda plan, tasks: None,
        on_complete: Callable[[JobResult], None] = lambda result: None,
    ) -> JobResult:
        """Compute all blocks that are not finished.

        Parameters
        ----------
        folder : path
            Of the job. Where it holds an earlier run of the same job, only what is left is computed.
        executor : ExecutorSettings, optional
            Where the blocks are computed.
        force : bool, default False
            Remove an earlier job in the folder, and begin again.
        more_bytes : int, default 0
            Bytes that will be written to the folder after the blocks.
        on_event : callable, optional
            Called with "start", "done" or "failed", a task, and the seconds that a worker took for it where it is done.
        on_begin : callable, optional
            Called with the plan and the tasks that are left, before the first one starts.
        on_complete : callable, optional
            Called with the result when all blocks are finished, while no other job can write to the folder.

        Raises
        ------
        SeisdreamError
            If the folder is a URL (``not-supported``), another job is writing to it (``exists``), it holds a job with
            other settings (``incompatible``), there is no room for it (``too-large``), it cannot be written
            (``write-failed``), or the volume changed while the job ran (``changed``).
        """
        if is_url(os.fspath(folder)):
            raise SeisdreamError(
                f"{os.fspath(folder)} is a URL; a job is locked and resumed in a folder of a disk. Give a folder, "
                "and the URL of the result as `store`.",
                code="not-supported",
                option="out",
            )
        executor, folder, began = executor or ExecutorSettings(), Path(folder), time.monotonic()
        inputs = input_files(self.volume.source, self.network)
        if force or not (is_ours(folder / MARKER) or self._is_only_begun(folder)):
            check_writable(folder, force, is_folder=True, inputs=inputs, marker=MARKER)
        if not is_ours(folder / MARKER):
            what = f"{', '.join(self.plan.dtypes)} of {self.volume.source or 'the volume'}, not compressed,"
            if more_bytes:
                remedy = "use `segy=False` (Zarr only)"
            elif "number_format" in self.kernel.takes and self.how.number_format != "float16":
                remedy = "use `number_format=float16`"
            else:
                remedy = "write the store elsewhere (`store`), or use a smaller volume"
            n_bytes = 0 if self.how.store else sum(one.output_bytes for one in self.plans)
            check_disk_space(folder, n_bytes + more_bytes, what, remedy)
        with explaining_refusals(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            self._begin(folder, force)
            left = self._unfinished(folder)
            result = JobResult(folder, self._store(folder), len(self.plan.tasks), 0)
            result.n_earlier = result.n_blocks - len(left)
            result.provenance = json.loads((folder / MARKER).read_text(encoding="utf-8"))["provenance"]
            run = Run()
            if self.before:
                first = self.before.run(folder / self.before.plan.part, executor, on_event=on_event, on_begin=on_begin)
                result.n_blocks, result.n_earlier = first.n_blocks + result.n_blocks, first.n_earlier + result.n_earlier
                result.missing, run.stopped = first.missing, first.stopped
            if not result.missing:
                on_begin(self.plan, left)
                run = self._run(folder, left, executor, on_event) if left else Run()
            # The marks on the disk decide, not what workers have answered.
            reason = run.stopped or "not computed"
            result.missing |= {task: run.failed.get(task, reason) for task in self._unfinished(folder)}
            result.stopped, result.seconds = run.stopped, time.monotonic() - began
            _list_missing(folder, result.missing)
            if not self.volume.is_unchanged():
                raise SeisdreamError(
                    f"{self.volume.source} changed while the job ran, so the blocks in {folder} are not all of one "
                    "volume; begin again with `force=True`.",
                    code="changed",
                )
            if not result.missing:
                on_complete(result)
        return result

    def _unfinished(self, folder: Path) -> list[Task]:
        """Return the tasks without a mark, or with a mark but without a file for each variable."""
        keys = open_result(self._store(folder)).keys()
        return unfinished(
            folder,
            self.plan.tasks,
            lambda task: all(shard_key(name, task.index) in keys for name in self.plan.dtypes),
        )

    def _store(self, folder: Path) -> str:
        """Return the path or the URL of the result."""
        return self.how.store or os.path.abspath(folder / STORES[self.command])

    def _run(self, folder: Path, tasks: list[Task], executor: ExecutorSettings, on_event: Observer) -> Run:
        work = self._work(folder)
        pool = make_pool(work, executor, len(tasks))

        def report(outcome: Outcome) -> None:
            if outcome.error is None:
                on_event("done", outcome.task, sum(outcome.value.seconds.values()))
            else:
                on_event("failed", outcome.task, 0.0)

        return run_tasks(pool, tasks, report, lambda task: on_event("start", task, 0.0))

    def _work(self, folder: Path) -> Work:
        source = NetworkSource.of(self.network, folder)
        return Work(
            self.command,
            VolumeSource.of(self.volume),
            source,
            self.settings,
            self.how,
            self.scale,
            dict(self.kernel.measured),
            self.plan.job,
            str((folder / MARKER).resolve()),
            str(folder.resolve()),
            self._store(folder),
        )

    def _is_only_begun(self, folder: Path) -> bool:
        """Return whether an earlier job ended before it had written what it is."""
        known = {LOCK, STORES[self.command]}
        names = {child.name for child in folder.iterdir()} if folder.is_dir() else set()
        return LOCK in names and {name for name in names if PARTIAL not in name} <= known

    def _begin(self, folder: Path, force: bool) -> None:
        """Prepare the folder: compare its job with this one, or write this one."""
        marker = folder / MARKER
        if marker.exists() and not force:
            record = json.loads(marker.read_text(encoding="utf-8"))
            check_same(record["identity"], self.identity, folder)
            self.kernel.measured = record["measured"]
            # What a killed process was writing; nobody else writes while the folder is locked.
            remove_leftovers(folder)
            for partial in list(folder.rglob(f".*{PARTIAL}*")):
                if partial.is_file():
                    partial.unlink(missing_ok=True)
            return
        with explaining_refusals(folder):
            _clear(folder)
            self.kernel.measured = self.kernel.measure()
            provenance = self.kernel.provenance()
            variables = self.kernel.variables
            store = create_result(
                self._store(folder),
                self.volume,
                {name: one.dtype for name, one in variables.items()},
                chunks=chunks_of(self.plan.shard),
                shards=self.plan.shard,
                attrs={"provenance": json.dumps(provenance, ensure_ascii=False), **self.kernel.attrs},
                variable_attrs={name: one.attrs for name, one in variables.items()},
                force=force,
            )
            record = {
                "command": self.command,
                "identity": self.identity,
                "plan": self.plan.to_dict(),
                "geometry": store.digest_geometry(),
                "measured": dict(self.kernel.measured),
                "provenance": provenance,
                **record_of(
                    MARKER,
                    LOCK,
                    MISSING,
                    "network.pickle",
                    "*.html",
                    "*.png",
                    "*.s*gy",
                    "*.txt",
                    f"{BLOCKS}/*",
                    "*.zarr/*",
                    f"{INLINES}/*",
                ),
            }
            with writing_file(marker) as new:
                new.write_text(to_json(record, indent=1), encoding="utf-8")

    def probe(self) -> Probe:
        """Read and compute one block in this process; nothing is written."""
        live = [task for task in self.plan.tasks if self._has_traces(task)]
        task = live[len(live) // 2]
        self.kernel.measured = self.kernel.measured or self.kernel.measure()
        began = time.perf_counter()
        values = self.volume.read(*slices(task.input))
        read = time.perf_counter()
        self.kernel.compute(values, task)
        return Probe(read - began, time.perf_counter() - read, _peak_bytes())

    def _has_traces(self, task: Task) -> bool:
        return bool(self.volume.trace_mask[slices(task.output)[:2]].any())


def measure_scale(volume: Volume, percentile: float) -> AmplitudeScale:
    """Return the amplitude scale of a volume."""
    mapping, statistics = volume.grey_mapping(percentile), volume.statistics
    mean = statistics.sum / statistics.count
    variance = max(0.0, statistics.sum_squares / statistics.count - mean**2)
    return AmplitudeScale(mapping.low, mapping.high, mean, math.sqrt(variance), statistics.min, statistics.max)


def count_workers(executor: ExecutorSettings, n_tasks: int) -> tuple[int, int]:
    """Return the workers on this machine and the threads of each; no more workers than tasks."""
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    n_workers = 1 if executor.executor == "serial" else max(1, min(executor.workers or n_cores, n_tasks))
    return n_workers, executor.threads or max(1, n_cores // n_workers)


def make_pool(work: Any, executor: ExecutorSettings, n_tasks: int) -> Pool:
    """Return the pool of an executor."""
    n_workers, n_threads = count_workers(executor, n_tasks)
    if executor.executor == "dask" or executor.scheduler is not None:
        from seisdream.volumes.dask_pool import DaskPool

        return DaskPool(work, executor.scheduler, n_workers, n_threads)
    return SerialPool(work) if executor.executor == "serial" else ProcessPool(work, n_workers, n_threads)


def options_of(network: Network) -> dict[str, Any]:
    """Return what the output of a network depends on besides its weights, ready for JSON."""
    return {
        **network.options,
        "classes": list(network.classes),
        "preprocessing": repr(network.preprocessing),
        "frequencies": network.frequencies,
        "wavenumbers": network.wavenumbers,
    }


def _clear(folder: Path) -> None:
    """Remove a job but for its lock: the marks first, so that no block counts as finished if this is interrupted."""
    ranks = {BLOCKS: -1, MARKER: 1}
    for child in sorted(folder.iterdir(), key=lambda child: ranks.get(child.name, 0)):
        if child.name != LOCK:
            shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()


def _peak_bytes() -> int:
    try:
        import resource  # Not on Windows.
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def check_same(earlier: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """Raise `SeisdreamError` (``incompatible``) where the job of a folder is another one, with what differs."""
    if earlier == json.loads(json.dumps(now)):
        return
    before, after = _flat(earlier), _flat(json.loads(json.dumps(now)))
    changed = [
        f"{name} {before.get(name)} there, {after.get(name)} now"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    raise SeisdreamError(
        f"{folder} holds another job ({'; '.join(changed)}); blocks of two jobs are never mixed. Use the earlier "
        "settings, write to another folder, or begin again with `force=True`.",
        code="incompatible",
        option="out",
    )


def _flat(identity: dict[str, Any]) -> dict[str, str]:
    flat = {}
    for name, value in identity.items():
        if isinstance(value, dict):
            flat |= {key: str(one) for key, one in value.items()}
        else:
            flat[name] = str(value)[:12]
    return flat


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a job's folder; raise where another process has it. It ends with the process."""
    with explaining_refusals(folder):
        file = (folder / LOCK).open("a+b")
    with file:
        try:
            import fcntl  # Not on Windows.

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except BlockingIOError as error:
            raise SeisdreamError(
                f"Another process is writing to {folder}; wait until it has ended, or write to another folder.",
                code="exists",
                option="out",
            ) from error
        yield


def _list_missing(folder: Path, missing: dict[Task, str]) -> None:
    path = folder / MISSING
    try:
        if missing:
            path.write_text("".join(f"{task}: {reason}\n" for task, reason in missing.items()), encoding="utf-8")
        else:
            path.unlink(missing_ok=True)
    except OSError:
        pass  # The disk is full; the error lists them.
