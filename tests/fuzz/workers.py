"""Share inputs among processes; one that dies or hangs is replaced, and its input is a finding."""

import multiprocessing
import time
from multiprocessing.connection import wait
from traceback import format_exc

from fuzz.running import PATIENCE, SECONDS, Finding, Fuzzer, Tally, isolated

_CHUNK = 100


def run_all(kinds, n_each, seed, n_workers, seconds=float("inf"), on_chunk=lambda tallies: None):
    """Return a tally for each kind; inputs are shared by processes, and a process that dies or hangs is replaced.

    After a number of seconds no more inputs are begun.
    """
    end = time.monotonic() + seconds
    chunks = [(kind, first, min(first + _CHUNK, n_each)) for first in range(0, n_each, _CHUNK) for kind in kinds][::-1]
    tallies = {kind: Tally(kind) for kind in kinds}
    workers = [_Worker(seed) for _ in range(min(n_workers, len(chunks)))]
    while workers:
        for worker in workers:
            if worker.chunk is None and chunks and time.monotonic() < end:
                worker.begin(chunks.pop())
        workers = [worker for worker in workers if worker.chunk is not None or worker.end()]
        ready = wait([worker.connection for worker in workers], timeout=1.0)
        for number, worker in enumerate(workers):
            kind, _, last = worker.chunk
            if worker.connection in ready:
                try:
                    answer = worker.connection.recv()
                    if isinstance(answer, str):
                        raise SystemExit(answer)
                    tallies[kind].add(answer)
                    on_chunk(tallies.values())
                    worker.chunk = None
                    continue
                except (EOFError, ConnectionResetError):
                    what = "crash"
            elif worker.is_late():
                what = "hang"
            else:
                continue
            at = worker.current.value
            finding = Finding(kind, at, what, f"The process ended or was ended at this input ({what}).")
            tallies[kind].add(Tally(kind, n_inputs=at - worker.chunk[1] + 1, findings=[finding]))
            worker.kill()
            workers[number] = _Worker(seed)
            if at + 1 < last:
                chunks.append((kind, at + 1, last))
    return list(tallies.values())


class _Worker:
    """A process that runs chunks of inputs."""

    def __init__(self, seed):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.current = context.Value("q", 0, lock=False)
        self.began = context.Value("d", 0.0, lock=False)
        self.chunk = None
        self._process = context.Process(target=_work, args=(theirs, seed, self.current, self.began), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, chunk):
        self.chunk, self.began.value = chunk, time.time() + 60.0  # Imports come before the first input.
        self.connection.send(chunk)

    def is_late(self):
        return time.time() - self.began.value > 3 * PATIENCE * SECONDS

    def end(self):
        self.connection.send(None)
        self._process.join(10)
        return False

    def kill(self):
        self._process.kill()
        self._process.join()


def _work(connection, seed, current, began):
    fuzzers = {}

    def on_input(number):
        current.value, began.value = number, time.time()

    with isolated():
        while (chunk := connection.recv()) is not None:
            kind, first, last = chunk
            if kind not in fuzzers:
                try:
                    fuzzers[kind] = Fuzzer(kind, seed)
                except Exception:
                    connection.send(f"The inputs of {kind} that others are made from do not open:\n{format_exc()}")
            connection.send(fuzzers[kind].run(range(first, last), on_input))
