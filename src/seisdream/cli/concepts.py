"""`seisdream concepts`: directions in which a layer's channels are active together, found without labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import (
    NetworkType,
    check_exists,
    existing,
    expand_home,
    options_of,
    output_options,
    take,
    take_network_options,
)
from seisdream.cli.report import ProgressBar, report, show_notes
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions
from seisdream.representations.concept_settings import ConceptSettings

if TYPE_CHECKING:
    from seisdream.results.concept_result import ConceptResult

_UNITS = {"lines": "line", "dreams": "step"}
"""What is counted in each step."""


@command(
    examples={
        "Concepts of a layer on a volume": "seisdream concepts facies --layer enc5 --data volume.sgy",
        "As many as reproduce best": "seisdream concepts facies --layer enc5 --data volume.sgy --concepts auto",
        "Dream of one": "seisdream dream line.sgy --network facies --layer concept:enc5/7 --concepts facies.concepts",
        "Map them": "seisdream predict line.sgy --network facies --concepts facies.concepts",
    }
)
@click.argument("network", metavar="NETWORK", type=NetworkType())
@option(
    "--data",
    metavar="INPUT",
    required=True,
    title="Input",
    help="Data to find concepts in: a SEG-Y volume, inline by inline, or anything that opens as a section.",
)
@options_of(InputOptions)
@options_of(NetworkOptions)
@options_of(ConceptSettings)
@output_options("set of concepts", "NETWORK.concepts")
def concepts(
    network: str,
    data: str,
    out: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Find the concepts of a layer: directions in which its channels are active together.

    Activations of NETWORK over the data are factorised into concepts, without labels. Each has a dream, patches of real
    data, a map, the classes that it raises, and how well it reproduces. Name them in concepts.json.
    """
    input_options, (weights, network_options) = take(InputOptions, values), take_network_options(values)
    settings = ConceptSettings(**take(ConceptSettings, values))
    data, network = expand_home(data), expand_home(network)
    folder = expand_home(out) if out else f"{Path(network).name.replace(':', '-')}.concepts"
    check_exists(data)

    from seisdream.io.atomic import check_writable
    from seisdream.models.registry import open_network
    from seisdream.representations.concepts import concepts as find_concepts
    from seisdream.results.concept_result import ConceptResult
    from seisdream.results.saving import save_or_keep

    loaded = open_network(network, weights, network_options)
    inputs = existing(data, loaded.weights, loaded.name)
    check_writable(folder, force, is_folder=True, inputs=inputs, marker=ConceptResult.marker)
    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        result = find_concepts(
            loaded,
            data,
            settings=settings,
            input_options=input_options,
            progress=lambda step, done, total: bar.set(done, total, _UNITS[step], step),
        )
    show_notes(result.notes, quiet=quiet)
    files = save_or_keep(result.save, folder, force=force)
    report(result.summary(files, folder), _lines(result, folder), quiet=quiet, as_json=as_json)


def _lines(result: ConceptResult, folder: str) -> Iterator[str]:
    found = result.provenance["result"]
    yield f"{len(result.names)} concepts of {result.layer} {_facts(found)}"
    if random := found.get("random"):
        yield f"With random weights they {_facts(random)}" if "problem" not in random else random["problem"]
    yield f"The concepts are in {folder}; name them in {result.marker}:"


def _facts(found: dict[str, Any]) -> str:
    """Return what is known of concepts together."""
    words = (
        f"explain {100 * found['explained']:.0f} % of its activations; halves of the data agree at "
        f"{found['agreement_of_halves']:.2f}"
    )
    if likeness := found.get("likeness"):
        words += (
            f"; mean best average precision {likeness['concepts']:.2f}, of single channels {likeness['channels']:.2f}"
        )
    return words
