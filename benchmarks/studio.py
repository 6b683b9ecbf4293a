"""Measure the studio: start, first frame, the cost of streaming, viewers, queue, an hour of events, and upload.

    python benchmarks/studio.py [--steps 20] [--turns 2] [--upload-gb 2]

It starts a studio of its own in a temporary folder. The cost of streaming is measured in turns: the same dream by the
command line in a process that has run before (the sum of its steps and of what lies between them) and by the studio
with one viewer who fetches every frame; of seconds of the clock, and of the processors, which other work on the machine
changes less. An hour of events of a large section is replayed to five viewers, as fast as the server takes them.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

import seisdream as sd

NETWORK, SOURCE = "facies-robust", "sample:built-in"
REPLAYED = {"steps": 36_000, "frames": 96, "shape": (1000, 1500), "viewers": 5}
"""An hour of ten steps a second on a section of 1,000 samples and 1,500 traces."""


def events_of(client, run):
    """Yield the events of a run as (id, name, data, seconds since the first)."""
    began, block = time.perf_counter(), {}
    with client.stream("GET", f"/api/runs/{run}/events", timeout=None) as answer:
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                block[name] = value
            elif "id" in block:
                yield int(block["id"]), block["event"], json.loads(block["data"]), time.perf_counter() - began
                block = {}


def start(client, section, **settings):
    body = {"kind": "dream", "section": section, "network": NETWORK, "settings": settings}
    return client.post("/api/runs", json=body).json()["id"]


def measure_start(folder):
    """Start a studio; return its process, a client and the seconds to its page and to its warm worker."""
    began = time.perf_counter()
    words = [sys.executable, "-m", "seisdream", "studio", "--no-browser", "--port", "0", "--home", folder]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().split()[-1]
    base, _, token = address.partition("/?token=")
    client = httpx.Client(base_url=base, headers={"authorization": f"Bearer {token}"}, timeout=600)
    client.get("/api/studio").raise_for_status()
    page = time.perf_counter() - began
    section = client.post("/api/sections", json={"source": SOURCE, "options": {}}).json()["id"]
    client.get(f"/api/sections/{section}/samples").raise_for_status()
    shown = time.perf_counter() - began
    found = {"page_s": page, "section_shown_s": shown}
    for name, enough in (("warm_s", any), ("both_warm_s", all)):
        while not enough(one["state"] == "ready" for one in client.get("/api/studio").json()["workers"]):
            time.sleep(0.05)
        found[name] = time.perf_counter() - began
    found = {name: round(value, 2) for name, value in found.items()}
    return process, client, section, found | {"workers_mb": [worker_mb(one) for one in children_of(process)]}


def measure_first_frame(client, section):
    """Return the seconds from a request to the first frame in the browser's hands."""
    began = time.perf_counter()
    run = start(client, section, steps=2)
    for _, name, data, _ in events_of(client, run):
        if name == "step" and data["frame"]:
            client.get(f"/api/runs/{run}/frames/{data['state']}").raise_for_status()
            seconds = time.perf_counter() - began
            break
    client.post(f"/api/runs/{run}/stop")
    wait(client, run)
    return seconds


def measure_first_frame_while_paused(client, section):
    """Return the seconds to the first frame while another run is paused."""
    paused = start(client, section, steps=1000)
    next(name for _, name, _, _ in events_of(client, paused) if name == "step")
    client.post(f"/api/runs/{paused}/pause")
    wait(client, paused, "running")
    seconds = measure_first_frame(client, section)
    client.post(f"/api/runs/{paused}/stop")
    wait(client, paused)
    return seconds


def wait(client, run, *states):
    while client.get(f"/api/runs/{run}").json()["state"] in (states or ("queued", "running", "paused")):
        time.sleep(0.1)


def children_of(process):
    """Return the process numbers of the workers."""
    return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def worker_mb(number):
    """Return the resident memory of a worker, and its part of what processes share counted once."""
    lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
    return {
        name: round(int(one.split()[1]) / 1024)
        for one in lines
        for name in ("Rss", "Pss")
        if one.startswith(f"{name}:")
    }


def processor_seconds(process):
    """Return the seconds of the processors that the server and its workers have used."""
    processes = (process.pid, *children_of(process))
    used = [Path(f"/proc/{one}/stat").read_text().rpartition(") ")[2].split() for one in processes]
    return sum(int(one[11]) + int(one[12]) for one in used) / os.sysconf("SC_CLK_TCK")


def by_command_line(steps):
    """Return the seconds that a dream takes as the command runs it, film frames included, files not; of both kinds."""
    from seisdream.dreaming.frames import FilmRecorder  # The server of replays has no use for PyTorch.

    run = sd.Dream(sd.open_section(SOURCE), NETWORK, steps=steps)
    began = time.perf_counter(), time.process_time()
    recorder = FilmRecorder(run)
    for state in run.states():
        recorder.record(state)
    return time.perf_counter() - began[0], time.process_time() - began[1]


def by_studio(process, client, section, steps):
    """Return the seconds between the start of a run and the end of its last step, with a viewer of all frames.

    The viewer is this process.
    """
    run, n_frames = start(client, section, steps=steps), 0
    for _, name, data, seconds in events_of(client, run):
        if name == "started":
            n_states = data["n_states"]
            began = seconds, processor_seconds(process) + time.process_time()
        if name == "step":
            if data["frame"]:
                client.get(f"/api/runs/{run}/frames/{data['state']}")
                n_frames += 1
            if data["state"] == n_states:
                ended = seconds, processor_seconds(process) + time.process_time()
    return ended[0] - began[0], ended[1] - began[1], n_frames


def watch_together(client, section, n_viewers=50, n_runs=8):
    """Return whether all viewers of the first of several queued runs saw the same events, without a gap."""
    runs = [start(client, section, steps=2, octaves=2) for _ in range(n_runs)]
    seen = [[] for _ in range(n_viewers)]

    def view(number):
        with httpx.Client(base_url=client.base_url, headers=client.headers) as own:
            seen[number] = [(event, name) for event, name, _, _ in events_of(own, runs[-1])]

    viewers = [threading.Thread(target=view, args=(number,)) for number in range(n_viewers)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    states = [client.get(f"/api/runs/{run}").json() for run in runs]
    order = [one["started"] for one in states]
    return {
        "viewers_agree": all(one == seen[0] and [n for n, _ in one] == list(range(1, len(one) + 1)) for one in seen),
        "queue_in_order": order == sorted(order) and all(one["state"] == "finished" for one in states),
    }


def memory_mb(process, name="VmHWM"):
    """Return the most memory that the server has had, or what it has, without its workers."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return round(int(text.split(f"{name}:")[1].split()[0]) / 1024, 1)


class Replay:
    """A worker that reports the events of an hour, and frames, without computing them."""

    def __init__(self, role, options):
        self.is_alive = True

    async def start(self):
        """Do nothing: there is no process."""

    close = end = start

    async def call(self, task, arguments, observe=None, *, timeout_s=None):
        """Answer as a worker does."""
        if task == "open":
            return {"kind": "section", "axes": {}, "line": {}, "facts": {}}
        if task != "dream":
            return None
        folder = Path(arguments["folder"]) / "frames"
        folder.mkdir()
        frame, n_steps = os.urandom(2 * REPLAYED["shape"][0] * REPLAYED["shape"][1]), REPLAYED["steps"]
        observe("started", {"settings": {}, "notes": [], "n_states": n_steps, "shape": REPLAYED["shape"]})
        for number in range(1, n_steps + 1):
            has_frame = number % (n_steps // REPLAYED["frames"]) == 0
            if has_frame:
                (folder / f"{number}.bin").write_bytes(frame)
            names = {"level": 1, "octave": 1, "step": number, "n_levels": 1, "n_octaves": 1, "n_steps": n_steps}
            observe("step", {**names, "score": 1 / number, "milliseconds": 100.0, "state": number, "frame": has_frame})
            if number % 10 == 0:
                await asyncio.sleep(0.0)
        return {"arrays": [], "files": [], "summary": {}}


def serve_replays(home):
    """Serve a studio whose workers are replays."""
    from seisdream.studio import studio
    from seisdream.studio.serve import serve
    from seisdream.studio.settings import StudioSettings

    studio.Worker = Replay
    serve(StudioSettings(port=0, home=home), announce=lambda address: print(address, flush=True))


def measure_an_hour(folder):
    """Return the memory of the server after each tenth of an hour of events, and whether viewers saw all of them."""
    words = [sys.executable, __file__, "--replays", folder]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    base, _, token = process.stdout.readline().strip().partition("/?token=")
    client = httpx.Client(base_url=base, headers={"authorization": f"Bearer {token}"}, timeout=600)
    section = client.post("/api/sections", json={"source": SOURCE, "options": {}}).json()["id"]
    began, run, memory = time.perf_counter(), start(client, section), []
    last = [0] * REPLAYED["viewers"]

    def view(number):
        with httpx.Client(base_url=base, headers=client.headers) as own:
            for event, name, data, _ in events_of(own, run):
                assert event == last[number] + 1
                last[number] = event
                if name == "step" and data["frame"]:
                    own.get(f"/api/runs/{run}/frames/{data['state']}").raise_for_status()
                if name == "step" and number == 0 and data["state"] % (REPLAYED["steps"] // 10) == 0:
                    memory.append(memory_mb(process, "VmRSS"))

    viewers = [threading.Thread(target=view, args=(number,)) for number in range(REPLAYED["viewers"])]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    seconds = round(time.perf_counter() - began, 1)
    process.terminate()
    process.wait(30)
    return {
        "hour_server_mb": memory,
        "hour_complete": last == [REPLAYED["steps"] + 3] * len(last),
        "hour_replayed_in_s": seconds,
    }


def upload(client, gigabytes):
    part = bytes(2**20)
    parts = (part for _ in range(round(gigabytes * 1000)))
    client.post("/api/uploads?name=large.dat", content=parts).raise_for_status()


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--upload-gb", type=float, default=2.0)
    parser.add_argument("--replays", metavar="HOME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.replays:
        serve_replays(options.replays)
        return
    with tempfile.TemporaryDirectory() as folder:
        process, client, section, found = measure_start(folder)
        try:
            found["first_frame_s"] = [round(measure_first_frame(client, section), 2) for _ in range(3)]
            found["first_frame_while_paused_s"] = round(measure_first_frame_while_paused(client, section), 2)
            by_command_line(1)
            turns = [(by_command_line(options.steps), by_studio(process, client, section, options.steps))
                     for _ in range(options.turns)]  # fmt: skip
            found["command_line_s"] = [round(one[0], 2) for one, _ in turns]
            found["studio_s"] = [round(other[0], 2) for _, other in turns]
            found["frames"] = [other[2] for _, other in turns]
            for kind, name in enumerate(("cost_of_streaming", "cost_of_streaming_in_processor_time")):
                found[name] = round(statistics.median(other[kind] / one[kind] for one, other in turns) - 1.0, 3)
            found |= watch_together(client, section)
            found["server_mb_after_runs"] = memory_mb(process)
            upload(client, options.upload_gb)
            found["server_mb_after_upload"] = memory_mb(process)
        finally:
            process.terminate()
            process.wait(30)
    with tempfile.TemporaryDirectory() as folder:
        found |= measure_an_hour(folder)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
