"""Volume jobs as runs of the studio: begun, paused between blocks, and continued."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.models.registry import open_network
from seisdream.significance.settings import ControlSettings
from seisdream.studio.control import Control
from seisdream.studio.requests import Requests, files_in, public_values
from seisdream.volumes.job import MARKER, JobResult, VolumeJob
from seisdream.volumes.plan import Plan, Task
from seisdream.volumes.run import run_job
from seisdream.volumes.settings import ExecutorSettings, VolumeAttributionSettings, VolumeSettings
from seisdream.volumes.volume import open_volume

JOB = "job"
"""The folder of a new job, in that of its run."""
_SETTINGS = {
    "predict": PredictionSettings,
    "dream": DreamSettings,
    "controls": ControlSettings,
    "attribute": VolumeAttributionSettings,
}


def run_volume(request: Mapping[str, Any], requests: Requests, place: Path, control: Control) -> dict[str, Any]:
    """Run a job until all its blocks are finished.

    Parameters
    ----------
    request : mapping
        As for a run of a section, with ``command`` and ``direction``; or ``job``, the folder of an earlier job.
    requests : Requests
        Makes settings.
    place : Path
        Folder of the run.
    control : Control
        Between blocks the run can be paused and stopped; finished blocks are kept.
    """
    earlier = request.get("job")
    folder = Path(earlier) if earlier else place / JOB
    job = _earlier_job(folder, requests) if earlier else _new_job(request, requests)
    n_done = 0

    def begin(plan: Plan, left: list[Task]) -> None:
        nonlocal n_done
        n_done = len(plan.tasks) - len(left)
        started = {"n_states": len(plan.tasks), "shape": list(plan.grid), "folder": str(folder)}
        control.report("started", {"settings": job.settings.to_dict(), "notes": job.notes, **started})

    def event(kind: str, task: Task, seconds: float) -> None:
        nonlocal n_done
        n_done += kind == "done"
        progress = {"done": n_done, "total": len(job.plan.tasks), "what": "blocks"}
        control.report("progress", {**progress, "block": list(task.index), "block_state": kind})
        if kind != "start":
            control.check()

    # One process, which is where pause and stop are heard.
    executor = ExecutorSettings(executor="serial")
    result = run_job(job, folder, executor, segy=False, on_event=event, on_begin=begin)
    return {"arrays": [], "files": [], "summary": _summary(result), "notes": job.notes, "folder": str(folder)}


def _summary(result: JobResult) -> dict[str, Any]:
    numbers = {"blocks": result.n_blocks, "computed": result.n_blocks - result.n_earlier}
    return numbers | {"seconds": round(result.seconds, 3), **result.summary}


def _new_job(request: Mapping[str, Any], requests: Requests) -> VolumeJob:
    command, section = request.get("command") or "predict", request["section"]
    path, options = requests.input(section, {})
    how = VolumeSettings(direction=request.get("direction") or "inline")
    if command == "dream":
        settings = requests.dream_settings(request["settings"], section, {}, request["network"])
        # A job knows its input and its network itself.
        settings = settings.replace(input=None, input_options={}, network=None)
    else:
        kind = _SETTINGS[command]
        given = public_values(kind, request["settings"])
        if "layer" in given:
            given["layer"] = requests.objective(given["layer"])
        settings = kind(**given)
    return VolumeJob(command, open_volume(path, **options), requests.open_network(request["network"]), settings, how)


def _earlier_job(folder: Path, requests: Requests) -> VolumeJob:
    """Return the job of a folder, as its record describes it."""
    try:
        record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        command, identity, provenance = record["command"], record["identity"], record["provenance"]
        known, network = provenance["input"], provenance["network"]
        settings = _SETTINGS[command].from_dict(identity["settings"])
        how = VolumeSettings.from_dict(identity["volume_settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SeisdreamError(f"{folder} holds no job that can be read.", code="unreadable", option="job") from error
    if not requests.holds(known["source"], *files_in(settings.to_dict()).values()):
        raise SeisdreamError(
            f"The job in {folder} reads files that the studio may not open; start the studio with a `data_dir` that "
            "holds them, or resume the job with its command.",
            code="untrusted",
            option="job",
        )
    if not os.path.exists(known["source"]):
        raise SeisdreamError(
            f"{known['source']}, the input of the job, is not there; put it back.", code="not-found", option="job"
        )
    loaded = open_network(
        requests.network(network["name"]),
        network["weights"],
        network["options"],
        trust_code=network["name"] in requests.networks,
    )
    return VolumeJob(command, open_volume(known["source"], **known["options"]), loaded, settings, how)
