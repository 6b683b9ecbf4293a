"""`seisdream export`: a volume as SEG-Y, with the headers of its survey."""

from __future__ import annotations

from typing import Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import SEGY_FIELDS, check_exists, expand_home, json_option, options_of, quiet_option, take
from seisdream.cli.report import ProgressBar, report, summary_of
from seisdream.io.options import InputOptions

# Samples are written as they are, so undefined ones need no option.
_FIELDS = tuple(name for name in SEGY_FIELDS if name != "undefined")


@command(
    examples={
        "The SEG-Y file that a store was ingested from": "seisdream export survey.zarr survey.sgy",
        "A dream that loads on top of its survey": "seisdream export dream.zarr --like survey.sgy dream.sgy",
        "The classes of a prediction": (
            "seisdream export facies/prediction.zarr --like survey.sgy --variable classes class.sgy"
        ),
    }
)
@click.argument("input", metavar="STORE")
@click.argument("target", metavar="FILE")
@option("--like", metavar="SURVEY", help="SEG-Y survey, or its ingested store, whose headers the file gets.")
@option("--variable", metavar="NAME", help="Variable of the store. [default: amplitude, or the only one]")
@option(
    "--absent",
    type=float,
    default=-1.0,
    metavar="X",
    help="Value of absent samples of a variable of floats that is not amplitude. [default: -1]",
)
@options_of(InputOptions, only=_FIELDS)
@option("--force", is_flag=True, help="Replace an existing file.")
@quiet_option
@json_option
def export(
    input: str,
    target: str,
    like: str | None,
    variable: str | None,
    absent: float,
    force: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Write a volume of a Zarr store as SEG-Y, with the headers of its survey byte for byte.

    STORE is a folder or a URL, with the inlines, crosslines and samples of the survey. Without --like it is a store
    that was ingested from SEG-Y, which holds all headers.
    """
    options = take(InputOptions, values, only=_FIELDS)
    input, target = expand_home(input), expand_home(target)
    if like is not None:
        like = expand_home(like)
        check_exists(like)

    from seisdream.volumes.export import export as export_volume

    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        written = export_volume(
            input,
            target,
            like=like,
            variable=variable,
            absent=absent,
            force=force,
            progress=bar.samples(),
            **options,
        )
    result = {"n_changed": written.n_changed, "n_clipped": written.n_clipped, "text_line": written.text_line}
    lines = [f"{written.n_changed:,} samples differ from {like or input}. Written:"]
    if written.n_clipped:
        lines.insert(0, f"{written.n_clipped:,} samples were beyond the range of the file and were clipped to it.")
    report(
        summary_of("export", result, out=target, files=[target], settings=options), lines, quiet=quiet, as_json=as_json
    )
