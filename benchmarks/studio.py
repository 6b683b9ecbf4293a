"""Measure the studio: start, first frame, the cost of streaming, viewers, queue and upload.

    python benchmarks/studio.py [--steps 20] [--turns 2] [--upload-gb 2]

It starts a studio of its own in a temporary folder. The cost of streaming is measured in turns: the same dream by the
command line in a process that has run before (the sum of its steps and of what lies between them) and by the studio
with one viewer who fetches every frame.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

import seisdream as sd
from seisdream.dreaming.film import FilmRecorder

NETWORK, SOURCE = "facies-robust", "sample:built-in"


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
    while client.get("/api/studio").json()["workers"][0]["state"] != "ready":
        time.sleep(0.05)
    return process, client, section, {"page_s": page, "section_shown_s": shown, "warm_s": time.perf_counter() - began}


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


def wait(client, run):
    while client.get(f"/api/runs/{run}").json()["state"] in ("queued", "running", "paused"):
        time.sleep(0.1)


def by_command_line(steps):
    """Return the seconds that a dream takes as the command runs it, film frames included, files not."""
    run = sd.Dream(sd.open_section(SOURCE), NETWORK, steps=steps)
    began = time.perf_counter()
    recorder = FilmRecorder(run)
    for state in run.states():
        recorder.record(state)
    return time.perf_counter() - began


def by_studio(client, section, steps):
    """Return the seconds between the start of a run and the end of its last step, with a viewer of all frames."""
    run, began = start(client, section, steps=steps), None
    for _, name, data, seconds in events_of(client, run):
        if name == "started":
            began = seconds
        if name == "step":
            ended = seconds
            if data["frame"]:
                client.get(f"/api/runs/{run}/frames/{data['state']}")
    return ended - began


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


def peak_mb(process):
    """Return the most memory that the server has had, without its workers."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, client, section, found = measure_start(folder)
        try:
            found["first_frame_s"] = [round(measure_first_frame(client, section), 2) for _ in range(3)]
            by_command_line(1)
            turns = [(by_command_line(options.steps), by_studio(client, section, options.steps))
                     for _ in range(options.turns)]  # fmt: skip
            found["command_line_s"] = [round(one, 2) for one, _ in turns]
            found["studio_s"] = [round(other, 2) for _, other in turns]
            found["cost_of_streaming"] = round(statistics.median(other / one for one, other in turns) - 1.0, 3)
            found |= watch_together(client, section)
            found["server_mb_after_runs"] = round(peak_mb(process))
            upload(client, options.upload_gb)
            found["server_mb_after_upload"] = round(peak_mb(process))
        finally:
            process.terminate()
            process.wait(30)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
