"""Run mutated inputs under limits of time and memory, and collect what went wrong."""

import gc
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random

from seisdream.errors import SeisdreamError

KINDS = (
    "headers", "bodies", "pictures", "arrays", "zarr_stores", "hdf5", "weights", "recipes", "objectives", "quiz",
    "tables", "checkpoints", "exports", "scripts",
)  # fmt: skip
SECONDS = 5.0
"""An input that takes longer hangs."""

PATIENCE = 4
"""Multiple of that time for an input that waits more than it computes."""

MEMORY, MEMORY_PER_BYTE = 64 * 2**20, 1100
"""An input may take this many bytes, and more for each byte of its files: what deflate can pack into one."""

_ADDRESS_SPACE = 8
"""Multiple of that limit at which the system refuses memory: reserved memory counts there although it is not used."""


class Hang(BaseException):
    """Raised by the clock; no handler of `Exception` catches it."""


@dataclass
class Finding:
    """An input that was neither opened nor refused in order."""

    kind: str
    number: int
    what: str
    report: str


@dataclass
class Tally:
    """What a number of inputs of one kind did."""

    kind: str
    n_inputs: int = 0
    n_opened: int = 0
    n_refused: int = 0
    worst_bytes: int = 0
    slowest_seconds: float = 0.0
    findings: list = field(default_factory=list)

    def add(self, other):
        self.n_inputs += other.n_inputs
        self.n_opened += other.n_opened
        self.n_refused += other.n_refused
        self.worst_bytes = max(self.worst_bytes, other.worst_bytes)
        self.slowest_seconds = max(self.slowest_seconds, other.slowest_seconds)
        self.findings += other.findings


class Fuzzer:
    """Makes and runs the inputs of one kind; an input follows from the seed, the kind and its number alone."""

    def __init__(self, kind, seed=0):
        self.kind, self.seed = kind, seed
        self._module = import_module(f"fuzz.{kind}")
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._module.seeds(Path(folder))
            self.seeds = [_read_files(one) for one in sorted(Path(folder).iterdir())]
        # The first use imports what it needs, which counts against no input.
        n_opened = 0
        for files in self.seeds:
            with _written(files) as folder, warnings.catch_warnings(), suppress(SeisdreamError):
                warnings.simplefilter("ignore")
                self._module.use(folder)
                n_opened += 1
        assert n_opened > len(self.seeds) / 2, f"{n_opened} of {len(self.seeds)} seeds of {kind} open"

    def make(self, number):
        """Return the files of an input, by name."""
        random = Random(f"{self.seed} {self.kind} {number}")
        files = random.choice(self.seeds)
        return self._module.mutate(dict(files), random, self.seeds)

    def run(self, numbers, on_input=lambda number: None):
        """Run inputs by their numbers and return what they did."""
        tally = Tally(self.kind)
        for number in numbers:
            on_input(number)
            self._run_one(number, tally)
        return tally

    def _run_one(self, number, tally):
        files = self.make(number)
        limit = MEMORY + MEMORY_PER_BYTE * sum(map(len, files.values()))
        tally.n_inputs += 1
        with _written(files) as folder, _limited(limit) as used:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self._module.use(folder)
                tally.n_opened += 1
            except SeisdreamError:
                tally.n_refused += 1
            except Hang:
                tally.findings.append(Finding(self.kind, number, "hang", traceback.format_exc()))
            except (Exception, SystemExit) as error:
                what = "memory" if _is_out_of_memory(error) else "traceback"
                tally.findings.append(Finding(self.kind, number, what, traceback.format_exc(limit=-12)))
        tally.worst_bytes = max(tally.worst_bytes, used.n_bytes)
        tally.slowest_seconds = max(tally.slowest_seconds, used.seconds)
        # Python prints these as tracebacks, although nothing catches them.
        tally.findings += [Finding(self.kind, number, "traceback", text) for text in used.ignored[:1]]
        if used.n_bytes > limit:
            text = f"it took {used.n_bytes / 2**20:.0f} MiB, at most {limit / 2**20:.0f} are its due"
            tally.findings.append(Finding(self.kind, number, "memory", text))


@contextmanager
def isolated():
    """Keep inputs from the network and from the user's cache, and stay in one thread."""
    import socket

    import torch

    def refuse(*_args, **_kwargs):
        raise OSError("fuzzers have no network")

    torch.set_num_threads(1)
    before = socket.socket.connect, socket.getaddrinfo, os.environ.get("SEISDREAM_CACHE")
    with tempfile.TemporaryDirectory() as cache:
        socket.socket.connect, socket.getaddrinfo = refuse, refuse
        os.environ["SEISDREAM_CACHE"] = cache
        try:
            yield
        finally:
            socket.socket.connect, socket.getaddrinfo = before[:2]
            if before[2] is None:
                del os.environ["SEISDREAM_CACHE"]
            else:
                os.environ["SEISDREAM_CACHE"] = before[2]


@dataclass
class _Used:
    n_bytes: int = 0
    seconds: float = 0.0
    ignored: list = field(default_factory=list)


@contextmanager
def _limited(n_bytes):
    used = _Used()
    gc.collect(0)
    hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: used.ignored.append(_in_words(unraisable))
    _forget_peak()
    before, size = _status("VmRSS"), _status("VmSize")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    began, spent = time.perf_counter(), time.process_time()

    def raise_hang(_signal, _frame):
        # On a machine under load an input may wait for its turn; one that waits for something else never ends.
        is_waiting = time.process_time() - spent < SECONDS / 2
        if not is_waiting or time.perf_counter() - began > PATIENCE * SECONDS:
            raise Hang(f"it takes more than {SECONDS:g} s")

    handler = signal.signal(signal.SIGALRM, raise_hang)
    resource.setrlimit(resource.RLIMIT_AS, (size + _ADDRESS_SPACE * n_bytes, hard))
    # Again each second, should the first have come where exceptions are ignored.
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 1.0)
    try:
        yield used
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        gc.collect(0)
        sys.unraisablehook = hook
        used.seconds = time.perf_counter() - began
        used.n_bytes = max(0, _status("VmHWM") - before)


def _in_words(unraisable):
    error = unraisable.exc_value
    return f"Exception ignored in {unraisable.object!r}\n" + "".join(traceback.format_exception(error))


def _is_out_of_memory(error):
    return isinstance(error, MemoryError) or "allocate memory" in str(error)


def _forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _status(name):
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(name + ":"))


def _read_files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@contextmanager
def _written(files):
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    here = os.getcwd()
    try:
        write_files(folder, files)
        os.chdir(folder)
        yield folder
    finally:
        os.chdir(here)
        shutil.rmtree(folder, ignore_errors=True)


def write_files(folder, files):
    """Write the files of an input into a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
