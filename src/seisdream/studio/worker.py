"""A worker process of the studio: reads tasks as lines of JSON, and writes events and results as such lines."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

from seisdream.errors import SeisdreamError
from seisdream.studio.control import Control, StoppedError
from seisdream.studio.sources import Sources

READER_BYTES = 3 * 2**30
"""Memory that a reader may use: a file that asks for more is refused, and the computer goes on."""

Task = Callable[..., Any]


def main() -> None:
    """Run a worker; its role and options are the words on the command line."""
    role, options = sys.argv[1], json.loads(sys.argv[2])
    if options["threads"]:
        os.environ.setdefault("OMP_NUM_THREADS", str(options["threads"]))
    answers = _take_standard_output()
    _give_way_in_memory(role)

    def send(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message).encode() + b"\n")
        answers.flush()

    tasks, control = SimpleQueue(), Control(lambda name, data: send({"event": name, "data": data}))
    threading.Thread(target=_listen, args=(sys.stdin.buffer, tasks, control), daemon=True).start()
    data_dir = options["data_dir"]
    atlases = tuple(map(Path, options["atlases"]))
    sources = Sources(None if data_dir is None else Path(data_dir), Path(options["uploads"]), atlases)
    known = _tasks(role, sources, frozenset(options["networks"]))
    while True:
        message = tasks.get()
        try:
            send({"result": known[message["task"]](control=control, **message["arguments"])})
        except StoppedError:
            send({"result": {"stopped": True}})
        except SeisdreamError as error:
            send({"error": {"message": str(error), "code": error.code, "option": error.option}})
        except MemoryError:
            send(_failure("It needs more memory than there is; use a smaller section.", "too-large"))
        except Exception as error:  # What a hostile file can bring about is not known in advance.
            traceback.print_exc()
            send(_failure(f"The worker failed: {type(error).__name__}.", "invalid"))


def _failure(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "option": None}}


def _take_standard_output() -> BinaryIO:
    """Return standard output for answers alone; what packages print goes to the error output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _give_way_in_memory(role: str) -> None:
    """Limit the memory of readers; where the computer runs out of it, let the system end workers, not the server."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    if role == "reader":
        with suppress(ImportError, ValueError, OSError):
            import resource  # Not on Windows.

            resource.setrlimit(resource.RLIMIT_DATA, (READER_BYTES, READER_BYTES))


def _listen(lines: BinaryIO, tasks: SimpleQueue, control: Control) -> None:
    """Pass tasks on and obey control words; end the process where the server has ended."""
    for line in lines:
        message = json.loads(line)
        if "control" in message:
            control.obey(message["control"])
        else:
            control.begin()
            tasks.put(message)
    os._exit(0)


def _tasks(role: str, sources: Sources, networks: frozenset[str]) -> dict[str, Task]:
    if role == "reader":
        from seisdream.studio.reading import Reader

        reader = Reader(sources)
        return {"open": reader.open, "samples": reader.samples}
    from seisdream.studio.computing import Runner
    from seisdream.studio.inspection import Inspector

    runner, inspector = Runner(sources, networks), Inspector(sources, networks)
    return {
        "warm": runner.warm,
        "dream": runner.dream,
        "predict": runner.predict,
        "attribute": runner.attribute,
        "controls": runner.controls,
        "volume": runner.volume,
        "network": inspector.network,
        "point": inspector.point,
        "tile": inspector.tile,
        "quiz": inspector.quiz,
        "zarr": inspector.zarr,
    }


if __name__ == "__main__":
    main()
