"""`seisdream activations`: what a layer says, for probes of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seisdream.cli.notes import notes_on_choice, show_notes
from seisdream.cli.options import (
    DEFAULT_NETWORK,
    INPUT_OPTIONS,
    NETWORK_OPTIONS,
    check_exists,
    take_input_options,
    take_network_options,
    with_options,
)
from seisdream.dreaming.settings import PRECISIONS


@click.command()
@click.argument("input", metavar="INPUT")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="As `seisdream networks` lists it.")
@click.option("--layer", metavar="L", help="One layer's name. [default: the network's own]")
@with_options(*NETWORK_OPTIONS, *INPUT_OPTIONS)
@click.option("--percentile", type=float, default=99.0, show_default=True, help="Of amplitude, for the grey mapping.")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help="auto: bfloat16 where the hardware has it.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--out", type=click.Path(), required=True, metavar="FILE.npy", help="The array to write.")
@click.option("--force", is_flag=True, help="Replace an earlier file.")
def activations(
    input: str,
    network: str,
    layer: str | None,
    percentile: float,
    precision: str,
    device: str,
    out: str,
    force: bool,
    **values: Any,
) -> None:
    """Write what a layer says about a section, as (channel, row, column) float32.

    Beside FILE.npy goes FILE.positions.npz: for each row and column of units the position of their centres in
    the section, in samples counted from 0 (row, column) and in the section's own coordinates.
    """
    if not out.endswith(".npy"):
        raise click.BadParameter(f"'{out}' does not end in .npy", param_hint="--out")
    import numpy as np

    from seisdream.dreaming.opening import open_network
    from seisdream.inference.recorder import record_activations
    from seisdream.io.atomic import check_writable, writing_file
    from seisdream.io.inputs import open_section

    input_options, network_options = take_input_options(values), take_network_options(values)
    check_exists(input)
    section = open_section(input, **input_options)
    loaded = open_network(network, values["weights"], network_options)
    name = loaded.layer(layer or loaded.default_layer).name
    show_notes(notes_on_choice(section, input, input_options), quiet=False)
    # Last of what can be refused, so that a mended option does not find the file in the way.
    beside = Path(out).with_suffix(".positions.npz")
    inputs = [name for name in (input, values["weights"]) if name and Path(name).exists()]
    for path in (out, beside):
        check_writable(path, force, is_folder=False, inputs=inputs)
    recorded = record_activations(
        section,
        loaded,
        name,
        percentile=percentile,
        precision=precision,
        device=device,
    )
    positions = {str(name): coord.values for name, coord in recorded.coords.items() if name != "channel"}
    with writing_file(beside, force=force, inputs=inputs) as partial:
        np.savez(partial, **positions)
    with writing_file(out, force=force, inputs=inputs) as partial:
        np.save(partial, recorded.values)
    shape = " × ".join(str(size) for size in recorded.shape)
    click.echo(f"{recorded.name} of {loaded.name}, {shape} (channel, row, column):\n  {out}\n  {beside}")
