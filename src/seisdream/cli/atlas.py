"""`seisdream atlas`: an HTML atlas of a network's channels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from seisdream.atlas.settings import ATLAS_FILE, AtlasSettings
from seisdream.cli.command import command, option
from seisdream.cli.options import (
    NetworkType,
    check_exists,
    expand_home,
    options_of,
    output_options,
    take,
    take_network_options,
)
from seisdream.cli.report import ProgressBar, report, show_notes, summary_of
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions

_UNITS = {"lines": "line", "patches": "line", "plane waves": "wave", "dreams": "channel", "concepts": "step"}
"""What is counted in each step."""


@command(
    examples={
        "An atlas of facies on a volume": "seisdream atlas facies --data volume.sgy",
        "Two layers, on every tenth inline": "seisdream atlas facies --data volume.sgy --layers enc4,enc5 --every 10",
    }
)
@click.argument("network", metavar="NETWORK", type=NetworkType())
@option(
    "--data",
    metavar="INPUT",
    required=True,
    title="Input",
    help="Data to measure responses on: a SEG-Y volume, inline by inline, or anything that opens as a section.",
)
@options_of(InputOptions)
@options_of(NetworkOptions)
@options_of(AtlasSettings)
@output_options("atlas", "NETWORK.atlas", resumes=True)
def atlas(
    network: str,
    data: str,
    out: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Build an HTML atlas of a network's channels.

    Each channel of NETWORK gets feature visualisations, its top-activating patches of real data, its tuning to dip,
    frequency and polarity, similar channels, and the classes it contributes to, on a page that opens from disk. The
    first page opens with the concepts of a layer. An interrupted atlas resumes when the same command is given again.
    """
    input_options, (weights, network_options) = take(InputOptions, values), take_network_options(values)
    settings = AtlasSettings(**take(AtlasSettings, values))
    data, network = expand_home(data), expand_home(network)
    folder = expand_home(out) if out else f"{Path(network).name.replace(':', '-')}.atlas"
    check_exists(data)

    from seisdream.io.atomic import check_writable

    if not (Path(folder) / ATLAS_FILE).is_file():
        check_writable(folder, force, is_folder=True, marker=ATLAS_FILE)

    from seisdream.atlas.build import build_atlas
    from seisdream.models.registry import open_network

    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        files = build_atlas(
            open_network(network, weights, network_options),
            data,
            folder,
            settings=settings,
            input_options=input_options,
            force=force,
            progress=lambda step, done, total: bar.set(done, total, _UNITS[step], step),
        )
    record = json.loads((Path(folder) / ATLAS_FILE).read_text(encoding="utf-8"))
    notes = record["notes"]
    show_notes(notes, quiet=quiet)
    summary = summary_of("atlas", record, out=folder, files=files, notes=notes, settings=settings.to_dict())
    report(summary, [f"The atlas is in {folder}; open {files[0]} in a browser:"], quiet=quiet, as_json=as_json)
