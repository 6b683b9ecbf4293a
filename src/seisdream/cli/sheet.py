"""`seisdream sheet`: what each layer and class draws on a section, to choose from."""

from __future__ import annotations

from typing import Any

import click

from seisdream.cli.command import command
from seisdream.cli.options import (
    DREAM_NETWORK,
    check_exists,
    default_folder,
    display_options,
    existing,
    expand_home,
    network_option,
    options_of,
    output_options,
    take,
    take_network_options,
)
from seisdream.cli.report import ProgressBar, credit_lines, notes_on_choice, report, show_notes, summary_of
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions
from seisdream.sheet.settings import SheetSettings


@command(
    examples={
        "What each layer and class draws on a line": "seisdream sheet line.sgy",
        "Four of them, around a point": "seisdream sheet line.sgy --objectives enc3,enc4,dec3,class:salt --at 860,1200",
    }
)
@click.argument("input", metavar="INPUT")
@options_of(InputOptions)
@network_option(DREAM_NETWORK)
@options_of(NetworkOptions)
@options_of(SheetSettings)
@display_options
@output_options("sheet", "INPUT.sheet")
def sheet(input: str, network: str, out: str | None, force: bool, quiet: bool, as_json: bool, **values: Any) -> None:
    """Draw what each layer and class of a network dreams on a section.

    The tiles are short dreams on a part of INPUT, on a page that opens from disk and as a picture, each with the
    command that dreams on the whole section.
    """
    input_options, (weights, network_options) = take(InputOptions, values), take_network_options(values)
    settings = SheetSettings(**take(SheetSettings, values))
    input, network = expand_home(input), expand_home(network)
    folder = default_folder(out, input, "sheet")
    check_exists(input)

    from seisdream.io.atomic import check_writable
    from seisdream.io.inputs import open_section
    from seisdream.models.registry import open_network
    from seisdream.sheet.sheet import MARKER, Sheet

    section = open_section(input, **input_options)
    made = Sheet(section, open_network(network, weights, network_options), settings)
    made.notes[:0] = notes_on_choice(section, input, input_options)
    show_notes(made.notes, quiet=quiet)
    check_writable(folder, force, is_folder=True, inputs=existing(input, weights, network), marker=MARKER)
    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        bar.start(len(made.objectives), "tile")
        for objective in made.draw():
            bar.advance(label=objective)
    files = made.save(folder, force=force)
    result = {"tiles": {objective: made.command(objective) for objective in made.tiles}}
    summary = summary_of("sheet", result, out=folder, files=files, notes=made.notes, settings=settings.to_dict())
    lines = [*credit_lines(section.attrs), f"The sheet is in {folder}; open {folder}/index.html in a browser:"]
    report(summary, lines, quiet=quiet, as_json=as_json)
