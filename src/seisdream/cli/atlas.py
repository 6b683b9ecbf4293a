"""`seisdream atlas`: a book of a network, channel by channel, as a site that opens from disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from seisdream.atlas.settings import AtlasSettings
from seisdream.cli.command import command
from seisdream.cli.legacy import (
    INPUT_OPTIONS,
    NETWORK_OPTIONS,
    DeferredProgressBar,
    check_exists,
    expand_home,
    take_input_options,
    take_network_options,
    with_default,
    with_options,
)

_DEFAULT = AtlasSettings()


@command(examples={})
@click.argument("network", metavar="NETWORK")
@click.option(
    "--data",
    metavar="INPUT",
    required=True,
    help="What it is measured on: a SEG-Y volume, inline by inline, or anything that opens as a section.",
)
@with_options(*NETWORK_OPTIONS)
@click.option("--layers", metavar="L,L,…", help="Names or patterns such as 'enc*'. [default: the network's stages]")
@click.option("--channels-at-most", type=int, metavar="N", help="The first N channels of each layer. [default: all]")
@with_default("--seeds", _DEFAULT.seeds, "Dreams of each channel, each from noise of its own.")
@with_default("--size", _DEFAULT.size, "Samples and traces of a dream.")
@with_default("--steps", _DEFAULT.steps, "Of each dream.")
@with_default("--step-size", _DEFAULT.step_size, "Mean change of a step, in grey levels.")
@with_default("--patches", _DEFAULT.patches, "Real patches of each channel.")
@with_default("--every", _DEFAULT.every, "Look at each Nth inline of a volume.")
@with_options(*INPUT_OPTIONS)
@with_default("--percentile", _DEFAULT.percentile, "Of absolute amplitude that becomes black and white.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default=_DEFAULT.precision,
    show_default=True,
    help="Of the dreams. auto: bfloat16 where the hardware has it.",
)
@with_default("--device", _DEFAULT.device, "auto, cpu, cuda or mps.")
@click.option("--out", type=click.Path(), metavar="DIR", help="Folder to write. [default: NETWORK.atlas]")
@click.option("--force", is_flag=True, help="Begin anew where another atlas is.")
@click.option("--quiet", is_flag=True, help="No progress bar and no list of files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for scripts.")
def atlas(
    network: str,
    data: str,
    layers: str | None,
    out: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Make a book of NETWORK: what each channel looks for, answers to and serves.

    Each channel gets dreams from noise, the real patches that excite it most, what dip, frequency and polarity it is
    tuned to, which channels are like it and which classes it serves, on a page that opens from disk. An atlas that was
    interrupted, or killed, goes on where it was when the same command is given again.
    """
    input_options, network_options = take_input_options(values), take_network_options(values)
    weights = values.pop("weights")
    names = tuple(word.strip() for word in (layers or "").split(",") if word.strip())
    settings = AtlasSettings(layers=names, **values)
    data, network = expand_home(data), expand_home(network)
    folder = expand_home(out) if out else f"{Path(network).name.replace(':', '-')}.atlas"

    # What can be refused at once is, before PyTorch is imported.
    from seisdream.atlas.settings import ATLAS_FILE
    from seisdream.io.atomic import check_writable

    check_exists(data)
    if not (Path(folder) / ATLAS_FILE).is_file():
        check_writable(folder, force, is_folder=True, marker=ATLAS_FILE)

    from seisdream.atlas.build import build_atlas
    from seisdream.models.registry import open_network

    with DeferredProgressBar(is_shown=not (quiet or as_json)) as bar:
        files = build_atlas(
            open_network(network, weights, network_options), data, folder, settings=settings,
            input_options=input_options, force=force,
            progress=lambda step, done, total: bar.see(done, total, _UNITS[step], step),
        )  # fmt: skip
    if as_json:
        story = json.loads((Path(folder) / ATLAS_FILE).read_text(encoding="utf-8"))
        click.echo(json.dumps({"out": folder, "files": [str(path) for path in files], **story}, ensure_ascii=False))
    elif not quiet:
        click.echo(f"The atlas is in {folder}; open {files[0]} in a browser:")
        for path in files:
            click.echo(f"  {path}")


_UNITS = {"lines": "line", "patches": "line", "plane waves": "wave", "dreams": "channel"}
