"""`seisdream evaluate`: score a network on held-out data, compared with baselines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import (
    SEGY_FIELDS,
    NetworkType,
    existing,
    expand_home,
    options_of,
    output_options,
    take,
    take_network_options,
)
from seisdream.cli.report import ProgressBar, credit_lines, report, show_notes, summary_of
from seisdream.evaluation.settings import EvaluationSettings
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions

if TYPE_CHECKING:
    from seisdream.evaluation.evaluate import Evaluation

_EXAMPLES = {
    "Score facies on generated sections": "seisdream evaluate facies --data generated",
    "Score your network on the lines that its training held out": "seisdream evaluate mine.train/network.safetensors "
    "--data LABELLED_FOLDER",
}


@command(examples=_EXAMPLES)
@click.argument("network", type=NetworkType())
@option(
    "--data",
    required=True,
    metavar="SOURCE",
    title="Input",
    help="generated, generated:shifted (or one shift: :wavelets, :noise, :blur, :structure, :beds), benchmark:NAME, or "
    "your labelled folder, SEG-Y or .npz.",
)
@options_of(EvaluationSettings)
@options_of(InputOptions, only=SEGY_FIELDS)
@options_of(NetworkOptions)
@output_options("evaluation", "NETWORK-SOURCE.evaluation")
def evaluate(network: str, data: str, out: str | None, force: bool, quiet: bool, as_json: bool, **values: Any) -> None:
    """Score a network on held-out sections, compared with baselines.

    The baselines are a linear probe of the same network with random weights, the most frequent class at each depth, and
    the majority class. A network that does not predict a class for each sample is scored by a linear probe of its
    layers.
    """
    network, data = expand_home(network), expand_home(data)
    weights, network_options = take_network_options(values)
    input_options, given = take(InputOptions, values, only=SEGY_FIELDS), take(EvaluationSettings, values)
    folder = expand_home(out) if out else f"{_file_name(network)}-{_file_name(data)}.evaluation"

    from seisdream.evaluation.evaluate import SCORES_FILE
    from seisdream.evaluation.evaluate import evaluate as score
    from seisdream.io.atomic import check_writable
    from seisdream.models.registry import open_network
    from seisdream.results.saving import save_or_keep

    settings = EvaluationSettings(**given, input_options=input_options)
    loaded = open_network(network, weights, network_options)
    inputs = existing(network, data, weights)
    check_writable(folder, force, is_folder=True, inputs=inputs, marker=SCORES_FILE)
    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        evaluation = score(loaded, data, settings=settings, progress=bar.callback("section"))
    files = save_or_keep(evaluation.save, folder, force=force, inputs=inputs)
    notes = evaluation.notes
    show_notes(notes, quiet=quiet)
    summary = summary_of(
        "evaluation", evaluation.as_dict(), out=folder, files=files, notes=notes, settings=settings.to_dict()
    )
    report(summary, _lines(evaluation), quiet=quiet, as_json=as_json)


def _file_name(name: str) -> str:
    """Return the end of the name of a network or a source as part of a file name."""
    stem = re.sub(r"\.(safetensors|npz|sgy|segy)(?=@|$)", "", Path(name).name)
    return re.sub(r"[^\w.-]+", "-", stem)


def _lines(evaluation: Evaluation) -> list[str]:
    from seisdream.evaluation.scores import HEADLINES

    sections = f"{evaluation.n_sections} section{'s' if evaluation.n_sections > 1 else ''}"
    samples = f"{evaluation.main_scores.n_samples:,} samples of known class"
    methods = [[row["method"], *(_number(row[name]) for name in HEADLINES)] for row in evaluation.rows()]
    classes = [
        [row["class"], f"{row['samples']:,}", *(_number(row[name]) for name in ("accuracy", "iou", "f1"))]
        for row in evaluation.main_scores.rows()
    ]
    return [
        *credit_lines({"credit": evaluation.credit, "licence": evaluation.licence}),
        f"{evaluation.network} on {evaluation.data}: {sections}, {samples}",
        "",
        *_table(["", *HEADLINES.values()], methods),
        "",
        *_table([next(iter(evaluation.scores)), "samples", "accuracy", "IoU", "F1"], classes),
        "",
    ]


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table: names aligned left, numbers right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for name, *numbers in (header, *rows):
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines
