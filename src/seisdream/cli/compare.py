"""`seisdream compare`: several results of one section, or what two networks have in common on the same sections."""

from __future__ import annotations

import itertools
from typing import Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import (
    NetworkType,
    check_exists,
    default_folder,
    display_options,
    existing,
    expand_home,
    options_of,
    output_options,
    take,
    take_network_options,
)
from seisdream.cli.report import ProgressBar, credit_lines, report, show_notes, summary_of
from seisdream.errors import SeisdreamError
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions
from seisdream.representations.comparison_settings import ComparisonSettings

_UNITS = {"lines": "line", "dreams": "step", "differences": "dream"}
"""What is counted in each step."""


@command(
    examples={
        "Two dreams of one line, side by side": "seisdream compare line.sgy.dream salt",
        "What facies and geology have in common on a line": "seisdream compare facies geology --data line.sgy",
        "An old and a new network, on every tenth inline": "seisdream compare old.safetensors new.safetensors "
        "--data volume.sgy --every 10",
    }
)
@click.argument("names", metavar="A B [C]...", nargs=-1, required=True, type=NetworkType())
@option(
    "--data",
    metavar="INPUT",
    title="Input",
    help="Compare two networks on these data: a SEG-Y volume, inline by inline, or anything that opens as a section.",
)
@options_of(InputOptions)
@options_of(NetworkOptions)
@option("--other-weights", metavar="FILE", title="Network", help="Weights of the second network.")
@options_of(ComparisonSettings)
@display_options
@output_options("comparison", "comparison, or INPUT.comparison with `data`")
def compare(
    names: tuple[str, ...],
    data: str | None,
    other_weights: str | None,
    out: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Compare results of one section, or what two networks have learned.

    A, B and so on are folders of results of one kind and one section: the page compares any two by wipe, blink and
    difference, and shows how well they agree (dreams: the correlation of what they changed).

    With --data, A and B are two networks. Activations of a layer of both are factorised together: the page shows which
    concepts both networks have and which only one, with maps and dreams, the similarity of all layers, where
    predictions differ, and dreams of the difference. Options of a network, such as its input order, apply to both.
    """
    given = (take(InputOptions, values), *take_network_options(values), take(ComparisonSettings, values))
    names = tuple(map(expand_home, names))
    output = {"force": force, "quiet": quiet, "as_json": as_json}
    if data is not None:
        if len(names) != 2:
            raise SeisdreamError(f"`data` compares two networks; got {len(names)}.", code="incompatible", option="data")
        _compare_networks(names, expand_home(data), other_weights, given, out, **output)
        return
    if any(given) or other_weights:
        raise SeisdreamError(
            "These options apply to a comparison of networks, which also needs `data`; results are compared without.",
            code="missing-argument",
            option="data",
        )
    _compare_results(names, expand_home(out) if out else "comparison", **output)


def _compare_results(names: tuple[str, ...], folder: str, *, force: bool, quiet: bool, as_json: bool) -> None:
    from seisdream.io.atomic import check_writable
    from seisdream.results.comparison import MARKER, compare_results

    made = compare_results(names)
    check_writable(folder, force, is_folder=True, inputs=names, marker=MARKER)
    files = made.save(folder, force=force)
    result = {"measure": made.measure, "results": list(made.results), "agreement": made.table}
    lines = [
        *credit_lines(made.section.attrs),
        f"{made.measure}:",
        *(f"  {a}, {b}: {made.agreement.loc[a, b].item():.3f}" for a, b in itertools.combinations(made.results, 2)),
        f"The comparison is in {folder}; open {folder}/index.html in a browser:",
    ]
    report(summary_of("comparison", result, out=folder, files=files), lines, quiet=quiet, as_json=as_json)


def _compare_networks(
    names: tuple[str, ...],
    data: str,
    other_weights: str | None,
    given: tuple[dict[str, Any], str | None, dict[str, Any], dict[str, Any]],
    out: str | None,
    *,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    input_options, weights, network_options, values = given
    settings, (first, second) = ComparisonSettings(**values), names
    folder = default_folder(out, data, "comparison")
    check_exists(data)

    from seisdream.io.atomic import check_writable
    from seisdream.models.registry import open_network
    from seisdream.representations.comparison import compare_networks
    from seisdream.representations.comparison_result import MARKER

    inputs = existing(data, weights, other_weights, first, second)
    check_writable(folder, force, is_folder=True, inputs=inputs, marker=MARKER)
    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        found = compare_networks(
            open_network(first, weights, network_options),
            open_network(second, other_weights, network_options),
            data,
            settings=settings,
            input_options=input_options,
            progress=lambda step, done, total: bar.set(done, total, _UNITS[step], step),
        )
    show_notes(found.notes, quiet=quiet)
    files = found.save(folder, force=force)
    numbers = found.summary()
    summary = summary_of(
        "comparison", numbers, out=folder, files=files, notes=found.notes, settings=found.settings.to_dict()
    )
    used = [one.name for one in found.networks]
    lines = [
        *credit_lines(found.line.attrs),
        f"Of {len(found.concepts)} concepts {numbers['both']} are in both networks, {numbers['first_only']} in "
        f"{used[0]} alone and {numbers['second_only']} in {used[1]} alone; linear CKA of {found.settings.layer} and "
        f"{found.settings.other_layer} is {numbers['cka']}.",
    ]
    if numbers["differing"] is not None:
        lines.append(f"Predictions differ on {100 * numbers['differing']:.1f} % of the middle line.")
    report(
        summary, [*lines, f"The comparison is in {folder}; open {folder}/index.html in a browser:"], quiet=quiet,
        as_json=as_json,
    )  # fmt: skip
