"""`seisdream networks` and `seisdream layers`: what there is to dream with."""

from __future__ import annotations

import json
from typing import Any

import click

from seisdream.cli.options import NETWORK_OPTIONS, take_network_options, with_options


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def networks(as_json: bool) -> None:
    """List the networks."""
    from seisdream.models.registry import list_networks

    listed = list_networks()
    if as_json:
        click.echo(json.dumps([one._asdict() for one in listed], ensure_ascii=False))
        return
    for one in listed:
        click.echo(f"{one.name:<26} {one.description}")


@click.command()
@click.argument("network")
@with_options(*NETWORK_OPTIONS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def layers(network: str, as_json: bool, **values: Any) -> None:
    """List the layers of NETWORK with their channels, stride, receptive field, and the input it wants."""
    from seisdream.dreaming.opening import open_network

    weights = values.pop("weights")
    loaded = open_network(network, weights, take_network_options(values))
    wants = loaded.preprocessing
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
        story = {
            "network": loaded.name,
            "default_layer": loaded.default_layer,
            "class_layer": loaded.class_layer,
            "n_classes": len(loaded.classes),
            "input": {"order": wants.order, "scale": wants.scale, "mean": wants.mean, "std": wants.std},
            "layers": rows,
        }
        click.echo(json.dumps(story, ensure_ascii=False))
        return
    click.echo(
        f"{loaded.name} wants {wants.n_channels} channel{'s' * (wants.n_channels > 1)} ({wants.order}): "
        f"(grey levels 0–255 × {wants.scale:g} − {_numbers(wants.mean)}) / {_numbers(wants.std)}"
    )
    if loaded.class_layer:
        click.echo(f"class:NAME asks for a channel of {loaded.class_layer}.")
    width = max(len(info.name) for info in infos)
    click.echo(f"{'layer':<{width}}  {'channels':>8}  {'stride':>9}  {'sees':>13}  kind")
    for info in infos:
        mark = "  (default)" if info.name == loaded.default_layer else ""
        sees = _pair(info.receptive_field) if info.receptive_field else "all"
        click.echo(
            f"{info.name:<{width}}  {info.n_channels:>8}  {_pair(info.stride):>9}  {sees:>13}  {info.kind}{mark}"
        )


def _pair(values: tuple[float, float] | None) -> str:
    return "–" if values is None else f"{values[0]:g} × {values[1]:g}"


def _numbers(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else "(" + ", ".join(f"{value:g}" for value in values) + ")"
