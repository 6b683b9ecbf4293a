"""What the commands of whole volumes share: their options, and how a job is opened, run and reported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from seisdream.cli.blocks import BlockProgress
from seisdream.cli.options import options_of, take, with_options
from seisdream.cli.report import report, show_note
from seisdream.errors import SeisdreamError
from seisdream.volumes.settings import ExecutorSettings, VolumeSettings

if TYPE_CHECKING:
    from seisdream.volumes.job import JobResult, VolumeJob

job_options: Callable[[Callable], Callable] = with_options(options_of(VolumeSettings), options_of(ExecutorSettings))
"""Options of a volume job that predicts."""
dream_job_options: Callable[[Callable], Callable] = with_options(
    options_of(VolumeSettings, exclude=("number_format", "all_probabilities")), options_of(ExecutorSettings)
)
"""Options of a volume job that dreams."""

_OF_SECTIONS = ("inline", "crossline", "time_ms", "key", "axes", "shape")


def take_job(values: dict[str, Any], *, is_volume: bool) -> tuple[VolumeSettings, ExecutorSettings]:
    """Move the options of a volume job out of a command's values.

    Raises
    ------
    SeisdreamError
        If one is given without ``--volume`` (``incompatible``).
    """
    how, executor = take(VolumeSettings, values), take(ExecutorSettings, values)
    if not is_volume and (given := next(iter({**how, **executor}), None)):
        raise SeisdreamError(
            f"`{given}` is a setting of whole volumes; add `volume=True`, or leave it out.",
            code="incompatible",
            option=given,
        )
    return VolumeSettings(**how), ExecutorSettings(**executor)


def volume_input(input: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with which a volume is opened; raise `SeisdreamError` for those of a section."""
    is_store = "://" in input or os.path.isdir(input)
    for name in _OF_SECTIONS:
        if name in options and not (name == "key" and is_store):
            raise SeisdreamError(
                f"`{name}` does not apply to a whole volume, which `volume=True` takes; leave it out.",
                code="incompatible",
                option=name,
            )
    return {"variable" if name == "key" else name: value for name, value in options.items()}


def run_job(
    job: VolumeJob,
    run: Callable[..., JobResult],
    folder: str,
    executor: ExecutorSettings,
    *,
    force: bool,
    quiet: bool,
    as_json: bool,
    lines: Callable[[dict[str, Any]], Iterable[str]] = lambda summary: (),
) -> None:
    """Run a job with its progress, and report what it wrote.

    Parameters
    ----------
    job : VolumeJob
        The job.
    run : callable
        As `seisdream.volumes.predict.run_prediction`.
    folder : str
        To write to.
    executor : ExecutorSettings
        Where blocks are computed.
    force, quiet, as_json
        The options of these names.
    lines : callable, optional
        From the summary to the lines that are printed before the files.
    """
    progress = BlockProgress(is_shown=not (quiet or as_json))
    try:
        result = run(job, folder, executor, force=force, on_event=progress.event, on_begin=progress.begin)
    except KeyboardInterrupt:
        show_note(f"Finished blocks are kept in {folder}; the same command computes the others.")
        raise
    files = sorted(
        one for one in result.folder.iterdir() if one.suffix in (".zarr", ".png", ".sgy", ".segy", ".txt", ".json")
    )
    summary = {
        "kind": f"{job.command}-volume",
        "out": folder,
        "files": [str(one) for one in files],
        "notes": list(result.provenance.get("notes", ())),
        "settings": job.settings.to_dict() | job.how.to_dict(),
        "result": {
            "blocks": result.n_blocks,
            "computed": result.n_blocks - result.n_earlier,
            "seconds": round(result.seconds, 3),
            **result.summary,
        },
    }
    done = f"{result.n_blocks} blocks, {result.n_blocks - result.n_earlier} of them computed now; the result is in"
    report(summary, [*lines(summary), f"{done} {folder}:"], quiet=quiet, as_json=as_json)
