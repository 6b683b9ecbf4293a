"""`seisdream controls`: where responses exceed those to surrogate noise and to untrained networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import (
    NetworkType,
    default_folder,
    display_options,
    existing,
    expand_home,
    network_option,
    options_of,
    output_options,
    take,
    take_network_options,
)
from seisdream.cli.report import ProgressBar, credit_lines, notes_on_choice, report, show_notes
from seisdream.cli.volume_jobs import job_options, run_volume, take_job
from seisdream.errors import SeisdreamError
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions
from seisdream.significance.settings import ControlSettings

if TYPE_CHECKING:
    from seisdream.results.control_result import ControlResult
    from seisdream.volumes.job import VolumeJob


@command(
    examples={
        "Test a network's default layer on a line": "seisdream controls line.sgy",
        "Only activations, which is fast": "seisdream controls line.sgy --measure activation --layer class:salt",
        "Compare with a second network": "seisdream controls line.sgy --against second.safetensors",
        "Every inline of a volume": "seisdream controls volume.sgy --volume --measure activation --out controls",
    }
)
@click.argument("input", metavar="INPUT")
@option("--volume", is_flag=True, title="Input", help="Test a whole volume: each section, or block of a cube.")
@options_of(InputOptions)
@network_option()
@options_of(NetworkOptions)
@option(
    "--against",
    multiple=True,
    type=NetworkType(),
    metavar="NETWORK",
    title="Network",
    help="Another network to evaluate in the same way; repeat for more.",
)
@options_of(ControlSettings)
@job_options("controls", exclude=["block"])
@display_options
@output_options("run of controls", "INPUT.controls", segy=True)
def controls(
    input: str,
    network: str,
    volume: bool,
    against: tuple[str, ...],
    out: str | None,
    force: bool,
    segy: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Map where responses exceed those to surrogate noise and untrained networks.

    With --volume, each section of a volume of any size is tested, or with a network for cubes each block of it.

    INPUT is a SEG-Y file, a picture (PNG, JPEG, TIFF), an array (.npy, .npz, Zarr, NetCDF), a sample (sample:built-in,
    sample:f3, sample:npra), or noise:HEIGHTxWIDTH.
    """
    input_options, (weights, network_options) = take(InputOptions, values), take_network_options(values)
    settings = ControlSettings(**take(ControlSettings, values))
    how, executor = take_job(values, is_volume=volume)
    input, network = expand_home(input), expand_home(network)
    folder = default_folder(out, input, "controls")
    others = [expand_home(one) for one in against]
    seed = {"seed": settings.seed} if input.startswith("noise:") else {}

    from seisdream.models.registry import open_network

    if volume:
        if against:
            raise SeisdreamError(
                "`against` does not work for whole volumes; run the controls of each network in a folder of its own.",
                code="not-supported",
                option="against",
            )
        run_volume(
            "controls",
            input,
            input_options,
            open_network(network, weights, network_options),
            settings,
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

    from seisdream.io.inputs import open_section

    section = open_section(input, **seed, **input_options)

    from seisdream.io.atomic import check_writable
    from seisdream.results.control_result import ControlResult
    from seisdream.results.saving import save_or_keep
    from seisdream.significance.permutation import PermutationTest

    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        run = PermutationTest(
            section,
            open_network(network, weights, network_options),
            settings,
            against=[open_network(other) for other in others],
            on_section=bar.counter("section"),
        )
        notes = [*notes_on_choice(section, input, input_options), *run.notes]
        show_notes(notes, quiet=quiet)
        inputs = existing(input, weights, network, *others)
        check_writable(folder, force, is_folder=True, inputs=inputs, marker=ControlResult.marker)
        bar.start(run.n_evaluations, "section")
        result = run()
    result.notes = notes
    files = save_or_keep(result.save, folder, force=force, segy="section" if segy else "none")
    report(result.summary(files, folder), _lines(result, folder), quiet=quiet, as_json=as_json)


def _lines_of_volume(job: VolumeJob, summary: dict[str, Any]) -> Iterator[str]:
    settings, direction = job.kernel.settings, job.how.direction
    parts = f"{direction} by {direction}" if job.network.n_spatial_dims == 2 else "block by block"
    for measure, share in summary["significant"].items():
        found = f"{measure}: {100 * share:.1f} % of the samples are significant"
        yield f"{found} at a false discovery rate of {settings.q:g}"
    yield f"Tested {settings.layer} of {job.network.name}, {parts}."


def _lines(result: ControlResult, folder: str) -> Iterator[str]:
    record = result.provenance
    yield from credit_lines(record["input"])
    for measure, rows in record["result"]["measures"].items():
        for row in rows:
            yield (
                f"{measure}, {row['network']}: {row['significant']} of {row['n_blocks']} blocks significant, "
                f"largest effect {row['largest_effect']:.1f}"
            )
    yield result.conclusion
    yield f"Tested {result.settings.layer} of {record['network']['name']}; the controls are in {folder}:"
