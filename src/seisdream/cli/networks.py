"""`seisdream networks` and `seisdream layers`: networks and layers to choose from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command
from seisdream.cli.options import NetworkType, expand_home, json_option, options_of, take_network_options
from seisdream.cli.report import report, summary_of
from seisdream.cli.terminal import echo
from seisdream.models.options import NetworkOptions

if TYPE_CHECKING:
    from seisdream.models.layers import LayerInfo

_MOST_CLASSES = 40


@command(
    examples={
        "List the networks": "seisdream networks",
        "The same for scripts": "seisdream networks --json",
    }
)
@json_option
def networks(as_json: bool) -> None:
    """List the networks that can be used."""
    from seisdream.models.registry import list_networks

    listed = list_networks()
    if as_json:
        report(summary_of("networks", {"networks": [one._asdict() for one in listed]}), as_json=True)
        return
    for one in listed:
        echo(f"{one.name:<26} {one.description}")
        if one.classes:
            echo(f"{'':<26} classes: {', '.join(_short(one.classes))}")


@command(
    examples={
        "List the layers of a network": "seisdream layers facies",
        "List the layers of a network of your own": "seisdream layers mynets:small --input-order grey",
    }
)
@click.argument("network", metavar="NETWORK", type=NetworkType())
@options_of(NetworkOptions)
@json_option
def layers(network: str, as_json: bool, **values: Any) -> None:
    """List the layers of a network with channels and receptive fields.

    NETWORK is a name that `seisdream networks` lists, or a file. The normalisation of its input comes first. Tokens of
    a transformer have names of their own: /class, /registers and /patches after the layer's name.
    """
    from seisdream.models.registry import open_network

    weights, options = take_network_options(values)
    loaded = open_network(expand_home(network), weights, options)
    needs = loaded.preprocessing
    infos = list(loaded.layers.values())
    if as_json:
        rows = [
            {
                "name": info.name,
                "kind": info.kind,
                "channels": info.n_channels,
                "stride": info.stride,
                "receptive_field": info.receptive_field,
            }
            for info in infos
        ]
        description = {
            "network": loaded.name,
            "default_layer": loaded.default_layer,
            "class_layer": loaded.class_layer,
            "n_classes": len(loaded.classes),
            "classes": list(loaded.classes),
            "input": {
                "order": needs.order,
                "scale": needs.scale,
                "mean": needs.mean,
                "std": needs.std,
                "normalise": needs.normalise,
                "statistics": needs.statistics,
                "lines": needs.lines,
                "constants": needs.constants,
            },
            "layers": rows,
        }
        settings = {"weights": weights, "network_options": options}
        report(summary_of("layers", description, notes=loaded.notes, settings=settings), as_json=True)
        return
    class_layer = loaded.class_layer  # may be refused, before anything is printed
    echo(
        f"{loaded.name} takes {needs.n_channels} channel{'s' * (needs.n_channels > 1)} ({needs.order}): "
        f"{needs.describe()}"
    )
    for note in loaded.notes:
        echo(note)
    if class_layer:
        echo(f"class:NAME is a channel of {class_layer} ({loaded.class_activation}).")
        if loaded.classes:
            names = _short(loaded.classes)
            n_left = len(names) - _MOST_CLASSES
            more = f" and {n_left} more (--json lists all)" if n_left > 0 else ""
            echo(f"Classes: {', '.join(names[:_MOST_CLASSES])}{more}.")
    by_module: dict[str, list[LayerInfo]] = {}
    for info in infos:
        by_module.setdefault(info.module or info.name, []).append(info)
    width = max(map(len, by_module))
    echo(f"{'layer':<{width}}  {'channels':>8}  {'stride':>9}  {'receptive field':>15}  kind")
    for name, (info, *tokens) in by_module.items():
        parts = f"  ({', '.join(part.name.removeprefix(name) for part in tokens)})" if tokens else ""
        default = [part.name for part in (info, *tokens) if part.name == loaded.default_layer]
        mark = f"  (default{': ' + default[0].removeprefix(name) if tokens else ''})" if default else ""
        info = tokens[-1] if tokens else info  # the patches
        field = _by_axis(info.receptive_field) if info.receptive_field else "whole input"
        echo(
            f"{name:<{width}}  {info.n_channels:>8}  {_by_axis(info.stride):>9}  {field:>15}  {info.kind}{parts}{mark}"
        )


def _short(classes: Iterable[str]) -> list[str]:
    """Return names of classes without what follows a comma."""
    return [name.partition(",")[0] for name in classes]


def _by_axis(values: tuple[float, ...] | None) -> str:
    return "–" if values is None else " × ".join(f"{value:g}" for value in values)
