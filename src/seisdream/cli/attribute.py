"""`seisdream attribute`: which samples a network's output depends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from seisdream.attribution.settings import AttributionSettings
from seisdream.cli.command import command, option
from seisdream.cli.options import (
    default_folder,
    display_options,
    existing,
    expand_home,
    network_option,
    options_of,
    output_options,
    take,
    take_network_options,
    volume_options,
)
from seisdream.cli.report import ProgressBar, credit_lines, notes_on_choice, report, show_notes
from seisdream.cli.volume_jobs import job_options, run_volume, take_job
from seisdream.errors import SeisdreamError
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions
from seisdream.volumes.settings import VolumeAttributionSettings

if TYPE_CHECKING:
    from seisdream.results.attribution_result import AttributionResult
    from seisdream.volumes.job import VolumeJob


@command(
    examples={
        "Explain the predicted class at a point": "seisdream attribute line.sgy --at 860,1660",
        "Explain one class in a window": (
            "seisdream attribute line.sgy --class salt --target-mask time=800:1200,crossline=400:600"
        ),
        "By occlusion, with a test on random weights": "seisdream attribute line.sgy --method occlusion --sanity",
        "Every inline of a volume": "seisdream attribute volume.sgy --volume --class salt --out salt",
    }
)
@click.argument("input", metavar="INPUT")
@option("--volume", is_flag=True, title="Input", help="Explain a whole volume, block by block.")
@options_of(InputOptions)
@network_option()
@options_of(NetworkOptions)
@option("--class", "class_name", metavar="NAME", title="Objective", help="Class to explain. [default: predicted class]")
@option(
    "--layer",
    metavar="TARGET",
    title="Objective",
    help="Explain a channel (LAYER:12) or a sum of channels or classes ('class:salt - class:divergent') instead.",
)
@option(
    "--at",
    metavar="TRACE,TIME",
    title="Objective",
    help="Point to explain: horizontal and vertical coordinate; of a cube INLINE,CROSSLINE,TIME. [default: the whole "
    "section]",
)
@option(
    "--target-mask",
    metavar="FILE|WINDOW",
    title="Objective",
    help="Region to explain: a picture, a polygon file, or a window such as 'time=800:1200,crossline=400:600'.",
)
@options_of(AttributionSettings)
@option(
    "--sanity",
    is_flag=True,
    title="Objective",
    help="Repeat with random weights, and report whether the map depends on what the network learned.",
)
@job_options("attributions")
@display_options
@output_options("attribution", "INPUT.attribute", segy=True)
def attribute(
    input: str,
    network: str,
    volume: bool,
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
    """Map how much each sample contributes to a network's output.

    Explain a class or a channel at a point, in a region or over the whole section; with --volume over each section of a
    volume of any size, or for a network for cubes over the volume.

    INPUT is a SEG-Y file, a picture (PNG, JPEG, TIFF), an array (.npy, .npz, Zarr, NetCDF) or a sample:
    sample:built-in, sample:f3, sample:npra.
    """
    input_options, (weights, network_options) = take(InputOptions, values), take_network_options(values)
    given_settings = take(AttributionSettings, values)
    how, executor = take_job(values, is_volume=volume)
    for one, other, given in (
        ("class_name", "layer", class_name is not None and layer is not None),
        ("at", "target_mask", at is not None and target_mask is not None),
    ):
        if given:
            raise SeisdreamError(f"Got both `{one}` and `{other}`; use one.", code="incompatible", option=one)
    point = _point(at)
    input, network = expand_home(input), expand_home(network)
    folder = default_folder(out, input, "attribute")

    from seisdream.inference.cubes import as_volume
    from seisdream.io.inputs import open_section
    from seisdream.io.masks import open_mask
    from seisdream.models.registry import open_network

    loaded = open_network(network, weights, network_options)
    if volume:
        for name, given in (("at", at), ("target_mask", target_mask), ("sanity", sanity)):
            if given:
                raise SeisdreamError(
                    f"`{name}` does not work for whole volumes; leave it out.",
                    code="not-supported",
                    option=name,
                )
        target = f"class:{class_name}" if class_name is not None else layer
        run_volume(
            "attribute",
            input,
            input_options,
            loaded,
            VolumeAttributionSettings(layer=target, **given_settings),
            how,
            executor,
            folder,
            segy=segy,
            force=force,
            quiet=quiet,
            as_json=as_json,
            lines=_lines_of_volume,
        )
        return
    settings = AttributionSettings(**given_settings)
    is_cube = loaded.n_spatial_dims == 3
    for name, given in (("target_mask", target_mask), ("sanity", sanity)):
        if is_cube and given:
            raise SeisdreamError(f"`{name}` does not work for cubes; leave it out.", code="not-supported", option=name)
    opened: Any = as_volume(input, loaded, **volume_options(input_options)) if is_cube else None
    section = open_section(input, **input_options) if opened is None else opened.open(opened.middle)
    mask = open_mask(expand_home(target_mask), section, option="target_mask") if target_mask else None

    from seisdream.attribution.attribute_cube import CubeAttributor
    from seisdream.attribution.attributor import Attributor
    from seisdream.attribution.randomization_test import n_networks, randomization_test
    from seisdream.dreaming.objectives.terms import ClassLogit
    from seisdream.io.atomic import check_writable
    from seisdream.results.attribution_result import AttributionResult
    from seisdream.results.saving import save_or_keep

    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        attributor = (Attributor if opened is None else CubeAttributor)(
            section if opened is None else opened,
            loaded,
            ClassLogit(class_name) if class_name is not None else layer,
            at=point,
            target_mask=mask,
            settings=settings,
            on_forward=bar.counter("pass"),
        )
        notes = [*notes_on_choice(section, input, input_options), *attributor.notes]
        show_notes(notes, quiet=quiet)
        inputs = existing(input, weights, network)
        check_writable(folder, force, is_folder=True, inputs=inputs, marker=AttributionResult.marker)
        loaded, explained = attributor.network, attributor.target.layer
        bar.start((n_networks(loaded, explained) if sanity else 1) * attributor.n_forward, "pass")
        test = randomization_test(attributor, loaded, explained, seed=settings.seed) if sanity else None
        result = attributor.result(test.maps["trained"] if test else attributor(), test)
    result.notes = notes
    files = save_or_keep(result.save, folder, force=force, segy="section" if segy else "none")
    report(result.summary(files, folder), _lines(result, folder), quiet=quiet, as_json=as_json)


def _lines_of_volume(job: VolumeJob, summary: dict[str, Any]) -> Iterator[str]:
    settings, direction = job.kernel.settings, job.how.direction
    parts = f"{direction} by {direction}" if job.network.n_spatial_dims == 2 else "block by block"
    yield f"Explained {settings.layer} of {job.network.name} by {settings.method}, {parts}."


def _point(text: str | None) -> tuple[float, ...] | None:
    """Return the coordinates of ``860,1660``, or of ``362,860,1660`` in a cube."""
    if text is None:
        return None
    try:
        point = tuple(float(word) for word in text.split(","))
    except ValueError:
        point = ()
    if len(point) not in (2, 3):
        raise SeisdreamError(
            f"`at` is {text}; it must be a horizontal and a vertical coordinate, such as 860,1660; in a cube inline, "
            "crossline and time, such as 362,860,1660.",
            code="wrong-type",
            option="at",
        )
    return point


def _lines(result: AttributionResult, folder: str) -> Iterator[str]:
    record = result.provenance
    yield from credit_lines(record["input"])
    found = record["result"]
    baseline = f", baseline {found['baseline_score']:.4g}" if "baseline_score" in found else ""
    yield (
        f"{found['target']}: {found['target_score']} {found['score']:.4g}{baseline}, sum of the map "
        f"{found['attributed']:.4g}"
    )
    if result.randomization is not None:
        yield f"Test on random weights: {result.randomization.sentence}"
    method = record["settings"]["method"]
    yield f"Explained {record['network']['name']} by {method}; the attribution is in {folder}:"
