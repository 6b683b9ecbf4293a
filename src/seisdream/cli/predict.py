"""`seisdream predict`: the class of every sample, as maps, arrays and SEG-Y."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

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
from seisdream.cli.report import ProgressBar, credit_lines, notes_on_choice, notes_on_file, report, show_notes
from seisdream.cli.volume_jobs import job_options, run_volume, take_job
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions

if TYPE_CHECKING:
    from seisdream.models.network import Network
    from seisdream.volumes.job import VolumeJob


@command(
    examples={
        "Predict facies on a SEG-Y line": "seisdream predict line.sgy",
        "One inline of a volume, without augmentations": "seisdream predict volume.sgy --inline 362 --augmentations 0",
        "The whole volume, inline by inline": "seisdream predict volume.sgy --volume --out facies",
        "A line with traces twice as far apart as in training": "seisdream predict line.sgy --scale 1x2",
    }
)
@click.argument("input", metavar="INPUT")
@option("--volume", is_flag=True, title="Input", help="Predict a whole volume, block by block.")
@options_of(InputOptions)
@network_option()
@options_of(NetworkOptions)
@option(
    "--concepts",
    metavar="FOLDER",
    title="Network",
    is_primary=True,
    help="Map the concepts in a folder of `seisdream concepts` instead of classes.",
)
@options_of(PredictionSettings)
@job_options("predictions")
@display_options
@output_options("prediction", "INPUT.predict", segy=True)
def predict(
    input: str,
    network: str,
    concepts: str | None,
    volume: bool,
    out: str | None,
    force: bool,
    segy: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Predict the class of every sample, with probabilities and uncertainty.

    INPUT is a SEG-Y file, a picture (PNG, JPEG, TIFF), an array (.npy, .npz, Zarr, NetCDF) or a sample:
    sample:built-in, sample:f3, sample:npra.
    """
    input_options, (weights, network_options) = take(InputOptions, values), take_network_options(values)
    settings = PredictionSettings(**take(PredictionSettings, values))
    input, network = expand_home(input), expand_home(network)
    how, executor = take_job(values, is_volume=volume)
    folder = default_folder(out, input, "predict")

    from seisdream.models.registry import open_network, require_class_map

    if concepts is None:
        require_class_map(network)
    loaded = open_network(network, weights, network_options)
    if concepts is not None:
        from seisdream.representations.concepts import open_concepts

        loaded = open_concepts(expand_home(concepts), loaded)
    output: dict[str, Any] = {"force": force, "quiet": quiet, "as_json": as_json}
    if volume:

        def lines(job: VolumeJob, summary: dict[str, Any]) -> Iterator[str]:
            return _shares(loaded, summary["shares"])

        run_volume(
            "predict", input, input_options, loaded, settings, how, executor, folder, segy=segy, lines=lines, **output
        )
    else:
        _predict(input, input_options, loaded, settings, folder, segy=segy, **output)


def _predict(
    input: str,
    input_options: dict[str, Any],
    network: Network,
    settings: PredictionSettings,
    folder: str,
    *,
    segy: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    from seisdream.inference.cubes import as_volume
    from seisdream.inference.predict_cube import CubePredictor
    from seisdream.inference.predictor import Predictor
    from seisdream.io.atomic import check_writable
    from seisdream.io.inputs import open_section
    from seisdream.results.load import load_result
    from seisdream.results.prediction_result import PredictionResult
    from seisdream.results.prediction_writer import write_section_prediction
    from seisdream.results.saving import save_or_keep

    is_cube = network.n_spatial_dims == 3
    opened: Any = as_volume(input, network, **volume_options(input_options)) if is_cube else None
    section = opened.open(opened.middle) if is_cube else open_section(input, **input_options)
    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        predictor = (CubePredictor if is_cube else Predictor)(network, settings, on_tile=bar.counter("tile"))
        predictor = predictor.harmonised_with(section)
        first = notes_on_file(section) if is_cube else notes_on_choice(section, input, input_options)
        notes = [*first, *predictor.notes_on(opened if isinstance(predictor, CubePredictor) else section)]
        show_notes(notes, quiet=quiet)
        inputs = existing(input, network.weights, network.name)
        check_writable(folder, force, is_folder=True, inputs=inputs, marker=PredictionResult.marker)
        if isinstance(predictor, CubePredictor):
            bar.start(predictor.n_tiles((opened.shape[2], *opened.shape[:2])), "tile")
            result = PredictionResult(predictor(opened), predictor.provenance(opened), notes, opened)
            files = save_or_keep(result.save, folder, force=force, segy="section" if segy else "none")
            summary = result.summary(files, folder)
        else:
            bar.start(predictor.n_tiles((section.shape[0], section.shape[1])), "tile")
            files = write_section_prediction(section, predictor, folder, notes=notes, segy=segy, force=force)
            summary = load_result(folder).summary(files, folder)
    lines = [*credit_lines(section.attrs), *_shares(network, summary["result"]["shares"])]
    end = f"Predicted with {network.name}; the prediction is in {folder}:"
    report(summary, [*lines, end], quiet=quiet, as_json=as_json)


def _shares(network: Network, shares: dict[str, float]) -> Iterator[str]:
    """Yield the shares of the classes, in stratigraphic order or the largest first."""
    names = list(shares) if network.is_ordered else sorted(shares, key=lambda name: -shares[name])
    for name in names:
        if shares[name] >= 0.0005:
            yield f"{100 * shares[name]:6.1f} %  {name}"
