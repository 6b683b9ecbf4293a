"""`seisdream verify`: whether every block of a volume job is there and undamaged."""

from __future__ import annotations

from typing import Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import expand_home, json_option, quiet_option
from seisdream.cli.report import ProgressBar, report, summary_of

_N_LISTED = 20
DAMAGED = 1
"""Exit code where anything is missing or damaged."""


@command(
    examples={
        "Check the result of a volume job": "seisdream verify survey.predict",
        "Let the next run compute damaged blocks again": "seisdream verify survey.predict --repair",
    }
)
@click.argument("folder", metavar="DIR")
@option("--repair", is_flag=True, help="Mark damaged blocks as not finished; the job's command then computes them.")
@quiet_option
@json_option
@click.pass_context
def verify(context: click.Context, folder: str, repair: bool, quiet: bool, as_json: bool) -> None:
    """Check that every block of a volume job is finished and no file of its store has changed.

    DIR is the folder that a command wrote with --volume. The exit code is 1 where anything is missing or damaged.
    """
    from seisdream.volumes.verify import verify as verify_job

    folder = expand_home(folder)
    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        found = verify_job(folder, repair=repair, on_block=bar.callback("block"))
    missing = [str(task) for task in found.missing]
    damaged = {str(task): what for task, what in found.damaged.items()}
    result: dict[str, Any] = {
        "blocks": found.n_blocks,
        "missing": missing,
        "damaged": damaged,
        "geometry": found.geometry,
    }
    geometry = [f"{one} {what}; begin the job again with --force" for one, what in found.geometry.items()]
    blocks = [*(f"{one} is missing" for one in missing), *(f"{one}: {what}" for one, what in damaged.items())]
    wrong = [*geometry, *blocks]
    more = [f"and {len(wrong) - _N_LISTED} more (--json lists all)"] if len(wrong) > _N_LISTED else []
    verdict = f"{len(blocks)} are missing or damaged" if blocks else "all are finished and undamaged"
    lines = [*wrong[:_N_LISTED], *more, f"Blocks: {found.n_blocks}; {verdict}."]
    report(summary_of("verification", result, out=folder), lines, quiet=quiet, as_json=as_json)
    context.exit(0 if found.is_whole else DAMAGED)
