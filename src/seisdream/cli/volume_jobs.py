"""What the commands of whole volumes share: their options, and how a job is opened, run and reported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seisdream.cli.blocks import BlockProgress
from seisdream.cli.options import options_of, take, with_options
from seisdream.cli.report import ProgressBar, credit_lines, report, show_note, show_notes
from seisdream.errors import SeisdreamError
from seisdream.settings import Settings
from seisdream.volumes.settings import OF_COMMANDS, ExecutorSettings, VolumeSettings

if TYPE_CHECKING:
    from seisdream.models.network import Network
    from seisdream.volumes.job import VolumeJob


def job_options(of: str | None, *, exclude: Iterable[str] = ()) -> Callable[[Callable], Callable]:
    """Return a decorator that adds the options of a volume job.

    Parameters
    ----------
    of : str or None
        What the command makes, such as "predictions": the options of others are left out. None: all options.
    exclude : iterable of str
        Further settings to leave out.
    """
    others = [name for name, what in OF_COMMANDS.items() if of not in (None, what)]
    return with_options(options_of(VolumeSettings, exclude=[*others, *exclude]), options_of(ExecutorSettings))


_ENDINGS = (".zarr", ".html", ".png", ".sgy", ".segy", ".txt", ".json")
"""Of the files of a result that are listed at the end."""
OF_SECTIONS = ("inline", "crossline", "time_ms", "key", "axes", "shape")


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
    from seisdream.io.netcdf import is_netcdf

    is_store = "://" in input or os.path.isdir(input) or (os.path.isfile(input) and is_netcdf(Path(input)))
    for name in OF_SECTIONS:
        if name in options and not (name == "key" and is_store):
            raise SeisdreamError(
                f"`{name}` does not apply to a whole volume; leave it out.",
                code="incompatible",
                option=name,
            )
    return {"variable" if name == "key" else name: value for name, value in options.items()}


def run_volume(
    command: str,
    input: str,
    input_options: dict[str, Any],
    network: Network,
    settings: Settings,
    how: VolumeSettings,
    executor: ExecutorSettings,
    folder: str,
    *,
    segy: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
    lines: Callable[[VolumeJob, dict[str, Any]], Iterable[str]],
) -> None:
    """Run a command on a whole volume with its progress, and report what it wrote.

    Parameters
    ----------
    command : {"predict", "dream", "controls", "attribute"}
        What is computed.
    input, input_options
        The volume, and how it is opened.
    network : Network
        The network.
    settings, how, executor
        Of the command, of the volume job, and where it runs.
    folder : str
        To write to.
    segy, force, quiet, as_json
        The options of these names.
    lines : callable
        From the job and the numbers that describe its result to the lines that are printed before the files.
    """
    from seisdream.volumes.job import VolumeJob
    from seisdream.volumes.run import run_job
    from seisdream.volumes.volume import open_volume

    job = VolumeJob(command, open_volume(input, **volume_input(input, input_options)), network, settings, how)
    show_notes(job.notes, quiet=quiet)
    is_shown = not (quiet or as_json)
    try:
        with BlockProgress(is_shown=is_shown) as progress, ProgressBar(is_shown=is_shown) as bar:
            result = run_job(
                job,
                folder,
                executor,
                force=force,
                segy=segy,
                on_event=progress.event,
                on_begin=progress.begin,
                on_file=lambda name, done, total: bar.samples(name)(done, total),
            )
    except KeyboardInterrupt:
        show_note(f"Finished blocks are kept in {folder}; the same command computes the others.")
        raise
    files = sorted(one for one in result.folder.iterdir() if one.suffix in _ENDINGS)
    summary = {
        "kind": f"{command}-volume",
        "out": folder,
        "files": [str(one) for one in files] + ([job.how.store] if job.how.store else []),
        "notes": list(result.provenance.get("notes", ())),
        "settings": job.kernel.settings.to_dict() | job.how.to_dict(),
        "result": {
            "blocks": result.n_blocks,
            "computed": result.n_blocks - result.n_earlier,
            "seconds": round(result.seconds, 3),
            **result.summary,
        },
    }
    n_now = result.n_blocks - result.n_earlier
    done = f"Blocks: {result.n_blocks}, of which {n_now} were computed now. The result is in"
    text = [*credit_lines(job.volume.attrs), *lines(job, result.summary), f"{done} {folder}:"]
    report(summary, text, quiet=quiet, as_json=as_json)
