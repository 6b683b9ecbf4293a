"""`seisdream attribute`: which samples make a network say what it says at a place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seisdream.attribution.settings import ATTRIBUTION_FILE, BASELINES, METHODS, SCORES, AttributionSettings
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
from seisdream.errors import SeisdreamError

if TYPE_CHECKING:
    from seisdream.attribution.attributor import Attributor
    from seisdream.attribution.randomization_test import RandomizationTest

_DEFAULT = AttributionSettings()


@command(examples={})
@click.argument("input", metavar="INPUT")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="As `seisdream networks` lists it.")
@with_options(*NETWORK_OPTIONS)
@click.option("--class", "class_name", metavar="NAME", help="The class asked about. [default: the one told there]")
@click.option(
    "--layer",
    metavar="L",
    help="Asked about instead of a class: a channel, LAYER:12, or a sum such as 'class:salt - class:divergent'.",
)
@click.option("--at", metavar="TRACE,TIME", help="The point asked about: across and down, in the section's numbers.")
@click.option(
    "--target-mask",
    metavar="FILE|WINDOW",
    help="The region asked about: a picture, a polygon file, or a window such as 'time=800:1200,crossline=400:600'. "
    "With neither, the whole section.",
)
@click.option(
    "--method", type=click.Choice(METHODS), default=_DEFAULT.method, show_default=True, help="How it is found out."
)
@click.option(
    "--score",
    type=click.Choice(SCORES),
    default=_DEFAULT.score,
    show_default=True,
    help="Of a class: its logit, or its share after the softmax.",
)
@click.option(
    "--baseline",
    type=click.Choice(BASELINES),
    help="Integrated gradients and occlusion: what the section is compared with. [default: zero]",
)
@click.option("--steps", type=int, metavar="N", help="Integrated gradients: looks. [default: 64, to 512 where needed]")
@click.option("--patch", metavar="NxN", help="Occlusion: samples hidden at once, down x across. [default: 32x32]")
@click.option("--stride", metavar="NxN", help="Occlusion: samples between windows. [default: half a window]")
@click.option("--cam-layer", metavar="L", help="Grad-CAM: the layer that is weighed. [default: the last coarse one]")
@click.option("--gamma", type=float, metavar="X", help="LRP: preference for what speaks for. [default: 0.25]")
@click.option(
    "--sanity", is_flag=True, help="Ask networks with random weights too, and say whether the map depends on them."
)
@with_options(*INPUT_OPTIONS)
@with_default("--percentile", _DEFAULT.percentile, "Of absolute amplitude that becomes black and white.")
@with_default("--seed", _DEFAULT.seed, "Of noise, and of random weights.")
@with_default("--device", _DEFAULT.device, "auto, cpu, cuda or mps.")
@click.option("--out", type=click.Path(), metavar="DIR", help="Folder to write. [default: INPUT.attribute]")
@click.option("--force", is_flag=True, help="Replace the folder of an earlier attribution.")
@click.option("--segy/--no-segy", default=True, show_default=True, help="For SEG-Y, write the map as SEG-Y too.")
@click.option("--quiet", is_flag=True, help="No progress bar and no list of files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for scripts.")
def attribute(
    input: str,
    network: str,
    class_name: str | None,
    layer: str | None,
    at: str | None,
    target_mask: str | None,
    sanity: bool,
    out: str | None,
    force: bool,
    segy: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Show which samples make a network say what it says at a point or in a region.

    INPUT is a SEG-Y file, a picture (PNG, JPEG, TIFF), an array (.npy, .npz, Zarr, NetCDF) or a sample:
    sample:built-in, sample:f3, sample:npra.
    """
    input_options, network_options = take_input_options(values), take_network_options(values)
    weights = values.pop("weights")
    for name in ("patch", "stride"):
        values[name] = _size(f"--{name}", values[name])
    settings = AttributionSettings(**values)
    if class_name is not None and layer is not None:
        raise SeisdreamError("Got --class and --layer; a class is one layer's channel, so name one of them.")
    if at is not None and target_mask is not None:
        raise SeisdreamError("Got --at and --target-mask; ask about a point or a region.")
    point = _point(at)
    input = expand_home(input)
    folder = expand_home(out) if out else input.removeprefix("sample:").rstrip("/\\") + ".attribute"

    # What can be refused at once is, before PyTorch is imported.
    check_exists(input)

    from seisdream.attribution.attributor import Attributor
    from seisdream.attribution.randomization_test import n_networks, randomization_test
    from seisdream.dreaming.objectives.terms import ClassLogit
    from seisdream.io.atomic import check_writable
    from seisdream.io.inputs import open_section
    from seisdream.io.masks import open_mask
    from seisdream.models.registry import open_network

    section = open_section(input, **input_options)
    with DeferredProgressBar(is_shown=not (quiet or as_json)) as bar:
        attributor = Attributor(
            section,
            open_network(network, weights, network_options),
            ClassLogit(class_name) if class_name is not None else layer,
            at=point,
            target_mask=open_mask(target_mask, section, option="target_mask") if target_mask else None,
            settings=settings,
            on_forward=bar.counts("look"),
        )
        notes = [*notes_on_choice(section, input, input_options), *attributor.notes]
        show_notes(notes, quiet=quiet)
        # Last of what can be refused, so that a mended option does not find the folder in the way.
        inputs = [name for name in (input, weights, network) if name and Path(name).exists()]
        check_writable(folder, force, is_folder=True, inputs=inputs, marker=ATTRIBUTION_FILE)
        layer = attributor.target.layer
        bar.start((n_networks(attributor.network, layer) if sanity else 1) * attributor.n_forward, "look")
        test = randomization_test(attributor, attributor.network, layer, seed=settings.seed) if sanity else None
        map_ = test.maps["trained"] if test else attributor()
    result = attributor.result(map_, test)
    files = result.save(folder, force=force, segy="section" if segy else "none")
    _report(attributor, test, folder, files, notes, quiet=quiet, as_json=as_json)


def _size(option: str, text: str | None) -> tuple[int, int] | None:
    """Return rows and columns of ``32x16``."""
    if text is None:
        return None
    words = text.lower().replace("×", "x").split("x")
    if len(words) != 2 or not all(word.strip().isdecimal() for word in words):
        raise click.BadParameter(f"'{text}' is not samples down and across, such as 32x16", param_hint=option)
    return int(words[0]), int(words[1])


def _point(text: str | None) -> tuple[float, float] | None:
    """Return across and down of ``860,1660``."""
    if text is None:
        return None
    try:
        across, down = (float(word) for word in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"'{text}' is not a point; write its numbers across and down, such as 860,1660", param_hint="--at"
        ) from None
    return across, down


def _report(
    attributor: Attributor,
    sanity: RandomizationTest | None,
    folder: str,
    files: list[Path],
    notes: list[str],
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    if quiet and not as_json:
        return
    story = json.loads((Path(folder) / ATTRIBUTION_FILE).read_text(encoding="utf-8"))
    if as_json:
        summary = {"out": folder, "files": [str(path) for path in files], "notes": notes, **story}
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    for word in ("credit", "licence"):
        if story["input"][word]:
            click.echo(f"{word.capitalize()}: {story['input'][word]}")
    result = story["result"]
    line = f"{result['target']}: {result['target_score']} {result['score']:.4g}"
    if "baseline_score" in result:
        line += f", of the baseline {result['baseline_score']:.4g}"
    click.echo(f"{line}, attributed {result['attributed']:.4g}")
    if sanity is not None:
        click.echo(f"Sanity: {sanity.sentence}")
    click.echo(f"Asked {attributor.network.name} by {story['settings']['method']}; the attribution is in {folder}:")
    for path in files:
        click.echo(f"  {path}")
