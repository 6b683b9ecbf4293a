"""`seisdream compare`: what two networks have in common, on the same sections."""

from __future__ import annotations

from typing import Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import (
    NetworkType,
    check_exists,
    default_folder,
    existing,
    expand_home,
    options_of,
    output_options,
    take,
    take_network_options,
)
from seisdream.cli.report import ProgressBar, credit_lines, report, show_notes, summary_of
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions
from seisdream.representations.comparison_settings import ComparisonSettings


@command(
    examples={
        "What facies and geology have in common on a line": "seisdream compare facies geology --data line.sgy",
        "An old and a new network, on every tenth inline": "seisdream compare old.safetensors new.safetensors "
        "--data volume.sgy --every 10",
    }
)
@click.argument("first", metavar="NETWORK_A", type=NetworkType())
@click.argument("second", metavar="NETWORK_B", type=NetworkType())
@option(
    "--data",
    metavar="INPUT",
    required=True,
    title="Input",
    help="Data on which both are evaluated: a SEG-Y volume, inline by inline, or anything that opens as a section.",
)
@options_of(InputOptions)
@options_of(NetworkOptions)
@option("--other-weights", metavar="FILE", title="Network", help="Weights of NETWORK_B.")
@options_of(ComparisonSettings)
@output_options("comparison", "INPUT.comparison")
def compare(
    first: str,
    second: str,
    data: str,
    other_weights: str | None,
    out: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Compare what two networks have learned, on the same sections.

    Activations of a layer of both are factorised together: the page shows which concepts both networks have and which
    only one, with maps and dreams, the similarity of all layers, where predictions differ, and dreams of the
    difference. Options of a network, such as its input order, apply to both.
    """
    input_options, (weights, network_options) = take(InputOptions, values), take_network_options(values)
    settings = ComparisonSettings(**take(ComparisonSettings, values))
    first, second, data = expand_home(first), expand_home(second), expand_home(data)
    folder = default_folder(out, data, "comparison")
    check_exists(data)

    from seisdream.io.atomic import check_writable
    from seisdream.models.registry import open_network
    from seisdream.representations.comparison import MARKER, compare_networks

    inputs = existing(data, weights, other_weights, first, second)
    check_writable(folder, force, is_folder=True, inputs=inputs, marker=MARKER)
    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        found = compare_networks(
            open_network(first, weights, network_options),
            open_network(second, other_weights, network_options),
            data,
            settings=settings,
            input_options=input_options,
            progress=lambda step, done, total: bar.set(done, total, step.removesuffix("s"), step),
        )
    show_notes(found.notes, quiet=quiet)
    files = found.save(folder, force=force)
    numbers = found.summary()
    summary = summary_of(
        "comparison", numbers, out=folder, files=files, notes=found.notes, settings=found.settings.to_dict()
    )
    names = [one.name for one in found.networks]
    lines = [
        *credit_lines(found.line.attrs),
        f"Of {len(found.concepts)} concepts {numbers['both']} are in both networks, {numbers['first_only']} in "
        f"{names[0]} alone and {numbers['second_only']} in {names[1]} alone; linear CKA of {found.settings.layer} and "
        f"{found.settings.other_layer} is {numbers['cka']}.",
    ]
    if numbers["differing"] is not None:
        lines.append(f"Predictions differ on {numbers['differing']:.1%} of the middle line.")
    report(
        summary, [*lines, f"The comparison is in {folder}; open {folder}/index.html in a browser:"], quiet=quiet,
        as_json=as_json,
    )  # fmt: skip
