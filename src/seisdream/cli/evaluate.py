"""`seisdream evaluate`: how good a network is on data that it has not seen, beside what it has to beat."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command
from seisdream.cli.legacy import (
    NETWORK_OPTIONS,
    SEGY_NAMES,
    SEGY_OPTIONS,
    DeferredProgressBar,
    expand_home,
    take_input_options,
    take_network_options,
    with_options,
)

if TYPE_CHECKING:
    from seisdream.evaluation.evaluate import Evaluation


@command(examples={})
@click.argument("network", metavar="NETWORK")
@click.option(
    "--data",
    required=True,
    metavar="SOURCE",
    help="generated, generated:shifted (or :wavelets, :noise, :blur, :structure, :beds alone), benchmark:NAME, or your "
    "own labelled folder, SEG-Y or .npz.",
)
@click.option(
    "--sections",
    type=int,
    metavar="N",
    help="How many are scored; baselines learn from up to 48 others. [default: 64 generated, or all lines]",
)
@click.option(
    "--held-out",
    type=float,
    metavar="X",
    help="Your own lines: share that is held out. [default: as in the network's training, or 0.2]",
)
@click.option(
    "--guard",
    type=click.IntRange(0),
    metavar="N",
    help="Your own lines: numbers left out beside them. [default: as in its training; or 20, or a tenth]",
)
@click.option(
    "--map",
    "map_file",
    type=click.Path(),
    metavar="FILE.json",
    help="Which of the data's classes each of the network's means, where names differ; null for none.",
)
@click.option(
    "--margin",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Leave out what lies within N samples or traces of another class.",
)
@click.option(
    "--baselines/--no-baselines",
    default=True,
    show_default=True,
    help="Score linear probes, depth only and the majority class too.",
)
@with_options(*NETWORK_OPTIONS, *SEGY_OPTIONS)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--out", type=click.Path(), metavar="DIR", help="Folder to write. [default: NETWORK-SOURCE.evaluation]")
@click.option("--force", is_flag=True, help="Replace the folder of an earlier evaluation.")
@click.option("--quiet", is_flag=True, help="No progress bar and no table.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for scripts.")
def evaluate(
    network: str,
    data: str,
    sections: int | None,
    held_out: float | None,
    guard: int | None,
    map_file: str | None,
    margin: int,
    baselines: bool,
    device: str,
    out: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Score NETWORK on held-out sections, beside what it has to beat.

    The baselines: a linear probe of the same network with random weights, each sample's depth and nothing else, and
    the majority class. A network without classes for each sample is scored by a linear probe of its layers.
    """
    network, data = expand_home(network), expand_home(data)
    network_options, weights = take_network_options(values), values.pop("weights")
    headers = take_input_options(values, SEGY_NAMES)
    folder = expand_home(out) if out else f"{_plain_name(network)}-{_plain_name(data)}.evaluation"

    from seisdream.evaluation import evaluate as evaluating
    from seisdream.evaluation.test_sets import open_held_out
    from seisdream.io.atomic import check_writable
    from seisdream.models.checkpoints import read_metadata
    from seisdream.models.registry import open_network

    class_map = evaluating.read_class_map(expand_home(map_file)) if map_file else None
    loaded = open_network(network, weights, network_options)
    is_silent = quiet or as_json
    # Another split than in training would hold out lines that the network learned from.
    story = read_metadata(network)
    asked = {name: value for name, value in (("held_out", held_out), ("guard", guard)) if value is not None}
    split = (story.split if story else {}) | asked
    opened = open_held_out(data, sections, progress=not is_silent, headers=headers, **split)
    # Last of what can be refused, so that a mended option does not find the folder in the way.
    inputs = [name for name in (network, data, map_file, weights) if name and Path(name).exists()]
    check_writable(folder, force, is_folder=True, inputs=inputs, marker="scores.json")
    with DeferredProgressBar(is_shown=not is_silent) as bar:
        see = bar.follows("section")
        evaluation = evaluating.evaluate(
            loaded, opened, class_map=class_map, with_baselines=baselines, margin=margin, device=device, progress=see
        )
    files = evaluating.write_evaluation(evaluation, folder, force=force, inputs=inputs)
    if as_json:
        summary = {"out": folder, "files": [str(path) for path in files], **evaluation.as_dict()}
        click.echo(json.dumps(summary, ensure_ascii=False))
    elif not quiet:
        _show(evaluation, files)


def _plain_name(name: str) -> str:
    """Return the end of a network's or a source's name as the part of a file's name."""
    stem = re.sub(r"\.(safetensors|npz|sgy|segy)(?=@|$)", "", Path(name).name)
    return re.sub(r"[^\w.-]+", "-", stem)


def _show(evaluation: Evaluation, files: list[Path]) -> None:
    from seisdream.evaluation.confusion import HEADLINES

    for word in ("credit", "licence"):
        if getattr(evaluation, word):
            click.echo(f"{word.capitalize()}: {getattr(evaluation, word)}")
    click.echo(
        f"{evaluation.network} on {evaluation.data}: {evaluation.n_sections} "
        f"section{'s' * (evaluation.n_sections > 1)}, "
        f"{evaluation.subject.n_samples:,} samples of known class\n"
    )
    rows = [[row["method"], *(_number(row[name]) for name in HEADLINES)] for row in evaluation.rows()]
    _table(["", *HEADLINES.values()], rows)
    click.echo()
    classes = [
        [row["class"], f"{row['samples']:,}", *(_number(row[name]) for name in ("accuracy", "iou", "f1"))]
        for row in evaluation.subject.rows()
    ]
    _table([next(iter(evaluation.scores)), "samples", "accuracy", "IoU", "F1"], classes)
    click.echo()
    for path in files:
        click.echo(f"  {path}")


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"


def _table(header: list[str], rows: list[list[str]]) -> None:
    """Print a table: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for line in (header, *rows):
        name, *numbers = line
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))]
        click.echo("  ".join(cells).rstrip())
