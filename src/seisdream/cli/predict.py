"""`seisdream predict`: what a network takes each sample for, as maps, arrays and SEG-Y."""

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
from seisdream.dreaming.settings import PRECISIONS
from seisdream.errors import SeisdreamError
from seisdream.inference.prediction_settings import PREDICTION_FILE, STRATIGRAPHIC_ORDERS, PredictionSettings

if TYPE_CHECKING:
    import xarray as xr

    from seisdream.inference.predict import Predictor
    from seisdream.io.segy import SegyVolume

_DEFAULT = PredictionSettings()


@command(examples={})
@click.argument("input", metavar="INPUT")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="As `seisdream networks` lists it.")
@with_options(*NETWORK_OPTIONS, *INPUT_OPTIONS)
@click.option("--volume", is_flag=True, help="All inlines of a SEG-Y volume, not one section of it.")
@with_default("--percentile", _DEFAULT.percentile, "Of absolute amplitude that becomes black and white.")
@with_default(
    "--augmentations",
    _DEFAULT.augmentations,
    "Variants (mirrored, louder, stretched, moved) looked at beside the section itself, for the uncertainty; 0: none.",
)
@click.option(
    "--tile",
    type=int,
    metavar="N",
    help="Side of a tile in samples, 0: none. [default: 1024 for sections above 2 megasamples]",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=_DEFAULT.precision,
    show_default=True,
    help="auto: bfloat16 where the hardware has it.",
)
@click.option(
    "--stratigraphic-order",
    type=click.Choice(STRATIGRAPHIC_ORDERS),
    default=_DEFAULT.stratigraphic_order,
    show_default=True,
    help="down: no class lies above one that comes before it, as intervals between horizons, which are written too; "
    "auto: where the network says so of its classes.",
)
@click.option(
    "--scale",
    metavar="X[xX]",
    help="Share of the section's samples, and traces, at which it is looked at: 0.5x1 shows one sampled every 2 ms to "
    "a network that learned from 4 ms. [default: 1]",
)
@with_default("--device", _DEFAULT.device, "auto, cpu, cuda or mps.")
@click.option("--out", type=click.Path(), metavar="DIR", help="Folder to write. [default: INPUT.predict]")
@click.option("--force", is_flag=True, help="Replace the folder of an earlier prediction.")
@click.option(
    "--segy/--no-segy",
    default=True,
    show_default=True,
    help="For SEG-Y, write class, probabilities, entropy and uncertainty as SEG-Y too.",
)
@click.option("--quiet", is_flag=True, help="No progress bar and no list of files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for scripts.")
def predict(
    input: str,
    network: str,
    volume: bool,
    out: str | None,
    force: bool,
    segy: bool,
    quiet: bool,
    as_json: bool,
    scale: str | None,
    **values: Any,
) -> None:
    """Tell which class each sample of a section is, how probable each class, and how sure that is.

    INPUT is a SEG-Y file, a picture (PNG, JPEG, TIFF), an array (.npy, .npz, Zarr, NetCDF) or a sample:
    sample:built-in, sample:f3, sample:npra.
    """
    input_options, network_options = take_input_options(values), take_network_options(values)
    weights = values.pop("weights")
    settings = PredictionSettings(**values, scale=_scale(scale))
    input = expand_home(input)
    folder = expand_home(out) if out else input.removeprefix("sample:").rstrip("/\\") + ".predict"

    # What can be refused at once is, before PyTorch is imported.
    check_exists(input)
    if volume:
        _check_volume(input, input_options)

    from seisdream.inference.predict import Predictor
    from seisdream.io.atomic import check_writable
    from seisdream.models.registry import check_maps_classes, open_network

    check_maps_classes(network)
    opened = _open(input, input_options, is_volume=volume)
    with DeferredProgressBar(is_shown=not (quiet or as_json)) as bar:
        predictor = Predictor(open_network(network, weights, network_options), settings, on_tile=bar.counts("tile"))
        notes = _notes_on(opened, predictor, input, input_options)
        show_notes(notes, quiet=quiet)
        # Last of what can be refused, so that a mended option does not find the folder in the way.
        inputs = [name for name in (input, weights, network) if name and Path(name).exists()]
        check_writable(folder, force, is_folder=True, inputs=inputs, marker=PREDICTION_FILE)
        files = _predict(opened, predictor, folder, segy, force, bar)
    _report(predictor, folder, files, notes, quiet=quiet, as_json=as_json)


def _scale(text: str | None) -> tuple[float, float]:
    """Return the shares of samples and traces of ``0.5x1``; of ``0.5``, the same of both."""
    words = (text or "1").lower().replace("×", "x").split("x")
    try:
        down, across = (float(word) for word in (words * 2 if len(words) == 1 else words))
    except ValueError:
        raise click.BadParameter(
            f"'{text}' is no share of samples and traces, such as 0.5x1 or 0.5", param_hint="--scale"
        ) from None
    return down, across


def _check_volume(input: str, input_options: dict[str, Any]) -> None:
    from seisdream.io.inputs import find_segy

    for name, option in (("inline", "--inline"), ("crossline", "--crossline"), ("time_ms", "--time")):
        if name in input_options:
            raise SeisdreamError(f"Got --volume and {option}; the first takes all inlines, the second one section.")
    if "key" in input_options:
        raise SeisdreamError("--key does not apply to --volume, which takes SEG-Y; leave it out.")
    if find_segy(input) is None:
        raise SeisdreamError(
            f"--volume takes a SEG-Y volume, and {input} is none; predict its sections one by one (--inline, "
            "--crossline)."
        )


def _open(input: str, input_options: dict[str, Any], *, is_volume: bool) -> xr.DataArray | SegyVolume:
    from seisdream.io.inputs import find_segy, open_section
    from seisdream.io.segy import SegyVolume

    if not is_volume:
        return open_section(input, **input_options)
    path = find_segy(input)
    assert path is not None
    return SegyVolume(path, **input_options)


def _notes_on(
    opened: xr.DataArray | SegyVolume, predictor: Predictor, input: str, input_options: dict[str, Any]
) -> list[str]:
    from seisdream.io.segy import SegyVolume

    if isinstance(opened, SegyVolume):
        return predictor.notes_on(opened.open(opened.middle))
    return [*notes_on_choice(opened, input, input_options), *predictor.notes_on(opened)]


def _predict(
    opened: xr.DataArray | SegyVolume,
    predictor: Predictor,
    folder: str,
    segy: bool,
    force: bool,
    bar: DeferredProgressBar,
) -> list[Path]:
    from seisdream.io.segy import SegyVolume
    from seisdream.results.prediction_files import write_prediction, write_volume_prediction

    if isinstance(opened, SegyVolume):
        bar.start(len(opened.inlines), "inline")
        see = bar.counts("inline")
        return write_volume_prediction(opened, predictor, folder, segy=segy, force=force, on_inline=see)
    bar.start(predictor.n_tiles((opened.shape[0], opened.shape[1])), "tile")
    return write_prediction(opened, predictor(opened), predictor.network, folder, segy=segy, force=force)


def _report(
    predictor: Predictor, folder: str, files: list[Path], notes: list[str], *, quiet: bool, as_json: bool
) -> None:
    if quiet and not as_json:
        return
    story = json.loads((Path(folder) / PREDICTION_FILE).read_text(encoding="utf-8"))
    legend = json.loads((Path(folder) / "legend.json").read_text(encoding="utf-8"))
    shares = {one["name"]: one["share"] for one in legend["classes"]}
    if as_json:
        summary = {"out": folder, "files": [str(path) for path in files], "shares": shares, "notes": notes, **story}
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    for word in ("credit", "licence"):
        if story["input"][word]:
            click.echo(f"{word.capitalize()}: {story['input'][word]}")
    is_ordered = predictor.network.is_ordered
    for name, share in shares.items() if is_ordered else sorted(shares.items(), key=lambda one: -one[1]):
        if share >= 0.0005:
            click.echo(f"{share:7.1%}  {name}")
    click.echo(f"Predicted with {predictor.network.name}; the prediction is in {folder}:")
    for path in files:
        click.echo(f"  {path}")
