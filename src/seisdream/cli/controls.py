"""`seisdream controls`: where a network makes more of a section than of noise like it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command
from seisdream.cli.legacy import (
    DEFAULT_NETWORK,
    INPUT_OPTIONS,
    NETWORK_OPTIONS,
    DeferredProgressBar,
    check_exists,
    expand_home,
    notes_on_choice,
    show_notes,
    take_input_options,
    take_network_options,
    with_default,
    with_options,
)
from seisdream.controls.settings import CONTROLS_FILE, MEASURES, NULLS, ControlSettings

if TYPE_CHECKING:
    from seisdream.results.control_result import ControlResult

_DEFAULT = ControlSettings()


@command(examples={})
@click.argument("input", metavar="INPUT")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="As `seisdream networks` lists it.")
@with_options(*NETWORK_OPTIONS)
@click.option("--layer", metavar="L", help="What is asked, as for a dream. [default: the network's own]")
@click.option(
    "--against", multiple=True, metavar="NETWORK", help="Another network that is asked the same; any number of them."
)
@with_default("--random", _DEFAULT.random, "Networks of the same architecture with random weights; 0: none.")
@click.option(
    "--measure",
    type=click.Choice(["both", *MEASURES]),
    default=_DEFAULT.measure,
    show_default=True,
    help="What is compared: how much the layer fires (fast), what a dream changes, or both.",
)
@click.option(
    "--null",
    type=click.Choice(NULLS),
    default=_DEFAULT.null,
    show_default=True,
    help="What chance is: the section's phases scrambled, noise of its spectrum, or its traces shuffled.",
)
@with_default("--surrogates", _DEFAULT.surrogates, "How many surrogates of that kind.")
@click.option(
    "--others/--no-others", default=_DEFAULT.others, show_default=True, help="A quarter as many of the other kinds too."
)
@with_default("--seeds", _DEFAULT.seeds, "Dreams on the section, for how stable they are.")
@with_default("--q", _DEFAULT.q, "False discovery rate at which a region is called.")
@with_default("--block", _DEFAULT.block, "Side of a block in samples.")
@with_default("--octaves", _DEFAULT.octaves, "Sizes to dream at.")
@with_default("--steps", _DEFAULT.steps, "Steps in each octave.")
@with_default("--step-size", _DEFAULT.step_size, "Mean change of a step, in grey levels of 255.")
@with_options(*INPUT_OPTIONS)
@with_default("--percentile", _DEFAULT.percentile, "Of absolute amplitude that becomes black and white.")
@with_default("--seed", _DEFAULT.seed, "Of surrogates, dreams and random weights.")
@with_default("--device", _DEFAULT.device, "auto, cpu, cuda or mps.")
@click.option("--out", type=click.Path(), metavar="DIR", help="Folder to write. [default: INPUT.controls]")
@click.option("--force", is_flag=True, help="Replace the folder of earlier controls.")
@click.option("--segy/--no-segy", default=True, show_default=True, help="For SEG-Y, write the maps as SEG-Y too.")
@click.option("--quiet", is_flag=True, help="No progress bar and no list of files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for scripts.")
def controls(
    input: str,
    network: str,
    against: tuple[str, ...],
    out: str | None,
    force: bool,
    segy: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Show where a network makes more of a section than of noise like it, and whether it learned to.

    INPUT is a SEG-Y file, a picture (PNG, JPEG, TIFF), an array (.npy, .npz, Zarr, NetCDF) or a sample:
    sample:built-in, sample:f3, sample:npra; or noise:HEIGHTxWIDTH.
    """
    input_options, network_options = take_input_options(values), take_network_options(values)
    weights = values.pop("weights")
    settings = ControlSettings(**values)
    input = expand_home(input)
    name = input.removeprefix("sample:").replace("noise:", "noise-").rstrip("/\\")
    folder = expand_home(out) if out else name + ".controls"

    # What can be refused at once is, before PyTorch is imported.
    check_exists(input)

    from seisdream.controls.permutation import PermutationTest
    from seisdream.io.atomic import check_writable
    from seisdream.io.inputs import open_section
    from seisdream.models.registry import open_network

    of_noise = {"seed": settings.seed} if input.startswith("noise:") else {}
    section = open_section(input, **of_noise, **input_options)
    with DeferredProgressBar(is_shown=not (quiet or as_json)) as bar:
        run = PermutationTest(
            section,
            open_network(network, weights, network_options),
            settings,
            against=[open_network(other) for other in against],
            on_section=bar.counts("look"),
        )
        notes = [*notes_on_choice(section, input, input_options), *run.notes]
        show_notes(notes, quiet=quiet or as_json)
        # Last of what can be refused, so that a mended option does not find the folder in the way.
        inputs = [name for name in (input, weights, network, *against) if name and Path(name).exists()]
        check_writable(folder, force, is_folder=True, inputs=inputs, marker=CONTROLS_FILE)
        bar.start(run.n_evaluations, "look")
        result = run()
    files = result.save(folder, force=force, segy="section" if segy else "none")
    _report(result, folder, files, quiet=quiet, as_json=as_json)


def _report(result: ControlResult, folder: str, files: list[Path], *, quiet: bool, as_json: bool) -> None:
    if quiet and not as_json:
        return
    story = json.loads((Path(folder) / CONTROLS_FILE).read_text(encoding="utf-8"))
    if as_json:
        click.echo(json.dumps({"out": folder, "files": [str(path) for path in files], **story}, ensure_ascii=False))
        return
    for word in ("credit", "licence"):
        if story["input"][word]:
            click.echo(f"{word.capitalize()}: {story['input'][word]}")
    for measure, rows in story["result"]["measures"].items():
        for row in rows:
            click.echo(
                f"{measure}, {row['network']}: {row['significant']} of {row['n_blocks']} blocks significant, largest "
                f"effect {row['largest_effect']:.1f}"
            )
    click.echo(result.conclusion)
    click.echo(f"Tested {result.settings.layer} of {story['network']['name']}; the controls are in {folder}:")
    for path in files:
        click.echo(f"  {path}")
