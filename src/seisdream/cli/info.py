"""`seisdream info`: what an input holds, before it is used."""

from __future__ import annotations

import re
from typing import Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.errors import name_options
from seisdream.cli.options import expand_home, json_option, options_of, take
from seisdream.cli.report import report, summary_of
from seisdream.cli.terminal import echo
from seisdream.io.options import InputOptions

_BLANK = re.compile(r"\s*(C\s*\d*)?\s*")
"""A line of a text header without text: its number alone."""


@command(
    examples={
        "Check a SEG-Y file": "seisdream info line.sgy",
        "Try other bytes for the line numbers": "seisdream info line.sgy --inline-byte 9 --crossline-byte 21",
        "Only the numbers, for scripts": "seisdream info line.sgy --no-text --json",
    }
)
@click.argument("input", metavar="INPUT")
@options_of(InputOptions)
@option(
    "--text/--no-text",
    default=True,
    help="Show the text header of a SEG-Y file, without blank lines. [default: --text]",
)
@json_option
@click.pass_context
def info(context: click.Context, input: str, text: bool, as_json: bool, **values: Any) -> None:
    """Report what an input holds, what looks wrong and how to fix it.

    INPUT is a SEG-Y or Seismic Unix file, a picture, an array or a sample.
    """
    from seisdream.io.description import describe_input

    options = take(InputOptions, values)
    described = describe_input(expand_home(input), options)
    for problem in described["problems"]:
        problem.update({key: name_options(problem[key], context.command) for key in ("what", "fix")})
    if as_json:
        report(summary_of("info", described, settings=options), as_json=True)
        return
    problems, header = described.pop("problems"), described.pop("text_header", [])
    width = max(len(name) for name in described)
    for name, value in described.items():
        if value is not None:
            echo(f"{name.replace('_', ' '):<{width}}  {value}")
    # Blank lines of the text header are left out, and what looks wrong comes last, where a terminal shows it.
    if text and (written := [line.rstrip() for line in header if not _BLANK.fullmatch(line)]):
        echo()
        echo("Text header:")
        for line in written:
            echo(line)
    echo()
    for problem in problems:
        echo(f"{'Must be fixed' if problem['is_fatal'] else 'Looks wrong'}: {problem['what']} {problem['fix']}")
    if not problems:
        echo("Nothing looks wrong.")
