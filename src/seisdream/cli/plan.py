"""`seisdream plan`: what a volume job would compute, read and write; nothing runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from seisdream.cli.blocks import describe_duration
from seisdream.cli.command import command, option
from seisdream.cli.options import (
    DEFAULT_NETWORK,
    DREAM_NETWORK,
    NetworkType,
    expand_home,
    json_option,
    options_of,
    take,
    take_network_options,
    with_options,
)
from seisdream.cli.report import report, show_notes, summary_of
from seisdream.cli.volume_jobs import OF_SECTIONS, job_options, take_job, volume_input
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions
from seisdream.settings import Settings
from seisdream.significance.settings import ControlSettings
from seisdream.volumes.settings import VolumeAttributionSettings

_SETTINGS: dict[str, type[Settings]] = {
    "predict": PredictionSettings,
    "dream": DreamSettings,
    "controls": ControlSettings,
    "attribute": VolumeAttributionSettings,
}
# `block` is that of the volume job.
_NAMES = {command: [one.name for one in kind.declared() if one.name != "block"] for command, kind in _SETTINGS.items()}


def _all_settings() -> Callable[[Callable], Callable]:
    """Return a decorator that adds an option for each setting of any command, once."""
    seen: set[str] = {"block"}
    decorators = []
    for name, kind in _SETTINGS.items():
        # What a volume refuses stays an option, so that the error says why, but only `--help-all` lists it.
        refused = {
            one.name for one in kind.declared() if "volume" in one.declared.unsupported and not one.declared.is_hidden
        }
        decorators.append(options_of(kind, exclude=seen | refused, is_primary=name in ("predict", "dream")))
        if refused - seen:
            decorators.append(options_of(kind, only=refused - seen, is_primary=False))
        seen |= set(_NAMES[name])
    return with_options(*decorators)


@command(
    examples={
        "Plan the prediction of a volume": "seisdream plan survey.zarr --network facies",
        "With the time of one block, measured": "seisdream plan survey.zarr --probe --workers 8",
        "Plan the dream of a volume": "seisdream plan survey.zarr --command dream --layer class:salt --probe",
        "Larger blocks for a network for cubes": "seisdream plan survey.sgy --network faults.pt --block 256,256,256",
    }
)
@click.argument("survey", metavar="SURVEY")
@option(
    "--command",
    type=click.Choice(list(_SETTINGS)),
    default="predict",
    title="Input",
    help="Command whose blocks are planned. [default: predict]",
)
@option("--probe", is_flag=True, title="Input", help="Read and compute one block, and estimate the time of all.")
@options_of(InputOptions, exclude=OF_SECTIONS)
@options_of(InputOptions, only=OF_SECTIONS, is_primary=False)
@option(
    "--network",
    type=NetworkType(),
    metavar="NAME|FILE",
    title="Network",
    help=f"A name of `seisdream networks`, a file, or PACKAGE.MODULE:FACTORY. [default: {DREAM_NETWORK} for dream, "
    f"else {DEFAULT_NETWORK}]",
)
@options_of(NetworkOptions)
@_all_settings()
@job_options(None, exclude=["strengths"])
@json_option
def plan(survey: str, command: str, probe: bool, network: str | None, as_json: bool, **values: Any) -> None:
    """Show the blocks of a volume job, with their halos, memory, disk space and time.

    SURVEY is a volume: SEG-Y, a Zarr store or MDIO. Nothing is written.
    """
    input_options, (weights, network_options) = take(InputOptions, values), take_network_options(values)
    settings = _take_settings(command, values)
    how, executor = take_job(values, is_volume=True)

    from seisdream.models.registry import open_network
    from seisdream.provenance import short_name
    from seisdream.results.writer import describe_bytes
    from seisdream.volumes.job import VolumeJob, count_workers
    from seisdream.volumes.volume import open_volume

    survey = expand_home(survey)
    network = network or (DREAM_NETWORK if command == "dream" else DEFAULT_NETWORK)
    volume = open_volume(survey, **volume_input(survey, input_options))
    job = VolumeJob(command, volume, open_network(expand_home(network), weights, network_options), settings, how)
    show_notes(job.notes, quiet=as_json)
    made, n_workers = job.plan, count_workers(executor, len(job.plan.tasks))[0]
    halo, disk = [one.halo for one in made.reach], sum(one.output_bytes for one in job.plans)
    result: dict[str, Any] = {
        "network": job.network.name,
        "volume": list(made.shape),
        "blocks": sum(len(one.tasks) for one in job.plans),
        "grid": list(made.grid),
        "block": list(made.shard),
        "halo": halo,
        "overlap": round(made.overlap, 3),
        "read_bytes": round(4 * math.prod(made.shape) * made.overlap),
        "workers": n_workers,
        "block_bytes": made.block_bytes,
        "disk_bytes": disk,
    }
    lines = [
        f"network  {short_name(job.network.name)}, for {'sections' if job.network.n_spatial_dims == 2 else 'cubes'}",
        f"volume   {_by(made.shape)} (inline, crossline, {volume.dims[2]})",
        *(f"blocks   {len(one.tasks)} of {_by(one.shard)}, in a grid of {_by(one.grid)}" for one in job.plans),
        f"halo     {_by(halo)} samples: {made.overlap:.2f} samples are read for each that is written",
        f"memory   {describe_bytes(made.block_bytes)} for the block of a worker, and what the network needs"
        + ("" if probe else " (measured by --probe)"),
        f"disk     at most {describe_bytes(disk)} ({', '.join(made.dtypes)}), less where it compresses",
    ]
    if probe:
        measured = job.probe()
        # Of both directions, blocks of inlines are as large as those of crosslines.
        n_rounds = math.ceil(sum(len(one.tasks) for one in job.plans) / n_workers)
        seconds = n_rounds * (measured.read_s + measured.compute_s)
        result |= {
            "read_s": round(measured.read_s, 4),
            "compute_s": round(measured.compute_s, 4),
            "peak_bytes": measured.peak_bytes,
            "estimated_s": round(seconds, 1),
        }
        lines += [
            f"probe    one block: {measured.read_s:.2f} s to read, {measured.compute_s:.2f} s to compute; this process "
            f"had {describe_bytes(measured.peak_bytes)} at most",
            f"time     about {describe_duration(seconds)} with {n_workers} worker{'s' * (n_workers > 1)} as fast as "
            "this process",
        ]
    summary = summary_of("plan", result, notes=job.notes, settings=job.kernel.settings.to_dict() | how.to_dict())
    report(summary, lines, as_json=as_json)


def _take_settings(command: str, values: dict[str, Any]) -> Settings:
    """Move the settings of a command out of the values; raise `SeisdreamError` for those of the others."""
    own = take(_SETTINGS[command], values, only=_NAMES[command])
    for other, kind in _SETTINGS.items():
        if given := next(iter(take(kind, values, only=_NAMES[other])), None):
            raise SeisdreamError(
                f"`{given}` is a setting of {other}, and the plan is of {command}; leave it out, or use "
                f"`command={other}`.",
                code="incompatible",
                option=given,
            )
    return _SETTINGS[command](**own)


def _by(sizes: Any) -> str:
    return " × ".join(map(str, sizes))
