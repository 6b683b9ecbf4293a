"""`seisdream dream`: dream on a section or a volume and write the result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import (
    DREAM_NETWORK,
    check_exists,
    default_folder,
    display_options,
    expand_home,
    network_option,
    options_of,
    output_options,
    take,
    take_network_options,
)
from seisdream.cli.report import ProgressBar, credit_lines, notes_on_choice, report, show_notes
from seisdream.cli.signals import Stop, exit_code, stopping_between_steps
from seisdream.cli.terminal import echo
from seisdream.cli.volume_jobs import job_options, run_volume, take_job
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions

if TYPE_CHECKING:
    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.frames import FilmRecorder
    from seisdream.results.dream_result import DreamResult
    from seisdream.volumes.job import VolumeJob


@command(
    examples={
        "Dream on a generated section": "seisdream dream sample:built-in",
        "Dream of salt on one inline of a volume": "seisdream dream volume.sgy --inline 362 --layer class:salt",
        "Eight levels, as in the post of 2015": "seisdream dream photo.jpg --network googlenet --levels 8",
        "The whole volume, inline by inline": "seisdream dream volume.sgy --volume --layer class:salt --out salt",
    }
)
@click.argument("input", metavar="INPUT")
@option("--volume", is_flag=True, title="Input", help="Dream on a whole volume, block by block.")
@options_of(InputOptions)
@network_option(DREAM_NETWORK)
@options_of(NetworkOptions)
@options_of(DreamSettings)
@job_options("dreams")
@option(
    "--film/--no-film", default=None, help="Write dream.gif, and dream.mp4 where there is ffmpeg. [default: --film]"
)
@option(
    "--path/--no-path",
    default=True,
    is_primary=False,
    help="Check whether a dream of a class goes through the network as real sections of it do. [default: --path]",
)
@option(
    "--segy",
    type=click.Choice(["whole", "section", "none"]),
    default="whole",
    is_primary=False,
    help="For SEG-Y input, write dream.sgy: the whole file with the dreamed samples in place, only the section's "
    "traces, or none. [default: whole]",
)
@display_options
@output_options("dream", "INPUT.dream")
def dream(
    input: str,
    network: str,
    volume: bool,
    out: str | None,
    force: bool,
    film: bool | None,
    path: bool,
    segy: str,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Dream on a section or a volume and write the result.

    INPUT is a SEG-Y file, a picture (PNG, JPEG, TIFF), an array (.npy, .npz, Zarr, NetCDF), a sample (sample:built-in,
    sample:f3, sample:npra), or noise:HEIGHTxWIDTH. The result has the input's units and, for SEG-Y, its headers; it
    comes with pictures and a film. A network for cubes dreams on a whole SEG-Y volume in memory. With --volume a volume
    of any size is dreamed: each inline or crossline, or by networks for cubes in overlapping blocks.
    """
    input_options, (weights, network_options) = take(InputOptions, values), take_network_options(values)
    input, network = expand_home(input), expand_home(network)
    folder = default_folder(out, input, "dream")
    how, executor = take_job(values, is_volume=volume)
    if volume:
        settings = DreamSettings(**take(DreamSettings, values))
        _refuse_files_of_sections(film=film, segy=segy)
        from seisdream.models.registry import open_network

        run_volume(
            "dream",
            input,
            input_options,
            open_network(network, weights, network_options),
            settings,
            how,
            executor,
            folder,
            segy=segy == "whole",
            force=force,
            quiet=quiet,
            as_json=as_json,
            lines=_lines_of_volume,
        )
        return
    settings = DreamSettings(
        input=input,
        input_options=input_options,
        network=network,
        weights=weights,
        network_options=network_options,
        **take(DreamSettings, values),
    )
    check_exists(input)

    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.frames import FilmRecorder
    from seisdream.io.atomic import check_writable
    from seisdream.results.dream_result import DreamResult, check_room
    from seisdream.results.saving import save_or_keep

    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        bar.phase("Opening the input and the network")
        run = Dream.from_settings(settings)
    if run.volume is None:
        run.notes[:0] = notes_on_choice(run.original, input, input_options)
    show_notes(run.notes, quiet=quiet)
    marker = DreamResult.variants_marker if run.n_dreams > 1 else DreamResult.marker
    check_writable(folder, force, is_folder=True, inputs=run.input_files, marker=marker)
    check_room(folder, source=run.original, settings=run.settings, volume=run.volume, segy=segy)
    n_notes = len(run.notes)
    recorder = FilmRecorder(run) if film is not False else None
    with stopping_between_steps() as stop:
        with ProgressBar(is_shown=not (quiet or as_json)) as bar:
            stopped, problem = _run(run, recorder, stop, bar)
        if stopped and not run.n_levels_done and not (problem and run.has_progressed):
            if problem:
                raise problem
            echo("Interrupted before the first level was complete: nothing was written.", err=True)
            click.get_current_context().exit(exit_code())
        # A first Ctrl-C from here on lets the writing end, so that complete levels are not lost.
        result = run.result(stopped=stopped, frames=recorder.frames if recorder else ())
        with ProgressBar(is_shown=not (quiet or as_json)) as bar:
            try:
                if path and not stopped and "class:" in (run.settings.layer or ""):
                    bar.phase("Comparing the dream with real patches of its class")
                    _add_path_check(result, run)
            finally:  # A dream is written, whatever becomes of its check.
                bar.phase("Writing files, pictures and the film")
                files = save_or_keep(result.save, folder, force=force, segy=segy)
    show_notes(result.notes[n_notes:], quiet=quiet)
    if stopped == "interrupted" and not quiet:
        n_done, n_levels = run.n_levels_done, run.settings.levels
        kept = f"{n_done} of {n_levels} levels are kept" if n_done < n_levels else "the dream was complete, and is kept"
        echo(f"Interrupted: {kept}.", err=True)
    shown = [path for path in files if path.parent == Path(folder)] if result.variants else files
    report(result.summary(files, folder), _lines(run, result, folder), files=shown, quiet=quiet, as_json=as_json)
    if problem is not None:
        raise problem
    if stopped or stop.is_requested:
        click.get_current_context().exit(exit_code())


def _add_path_check(result: DreamResult, run: Dream) -> None:
    # Imported after the dream, whose first step would wait for it.
    from seisdream.significance.path_check import add_path_check

    add_path_check(result, run.network)


def _refuse_files_of_sections(*, film: bool | None, segy: str) -> None:
    for name, is_given, use in (("film", film, "`film=False`"), ("segy", segy == "section", "`whole` or `none`")):
        if is_given:
            raise SeisdreamError(
                f"`{name}` does not work for whole volumes; leave it out, or use {use}.",
                code="not-supported",
                option=name,
            )


def _lines_of_volume(job: VolumeJob, summary: dict[str, Any]) -> Iterator[str]:
    direction = job.how.direction
    how = "on inlines and on crosslines" if direction == "both" else f"{direction} by {direction}"
    how = "block by block" if job.network.n_spatial_dims == 3 else how
    yield f"Dreamed with {job.network.name} at {job.kernel.settings.layer}, {how}."


def _run(
    run: Dream, recorder: FilmRecorder | None, stop: Stop, bar: ProgressBar
) -> tuple[str | None, Exception | None]:
    """Run a dream to its end, to an interrupt or to a step that is not finite; return why it stopped."""
    from seisdream.dreaming.loop import NonFiniteStepError

    states = run.states()
    try:
        for state in states:
            bar.step(state, run.octave_samples)
            if recorder is not None:
                recorder.record(state)
            if stop.is_requested:
                states.close()
                return "interrupted", None
    except NonFiniteStepError as error:
        return "not finite", error
    return None, None


def _lines(run: Dream, result: DreamResult, folder: str) -> Iterator[str]:
    yield from credit_lines(run.original.attrs)
    if agreement := result.repeatability.get("result"):
        yield (
            f"The dream's seismogram correlates at {agreement['correlation']:.3f} with the input "
            f"(NRMS {agreement['nrms_percent']:.0f} %)."
        )
    for number, one in enumerate(result.variants or (result,), start=1):
        if path := one.provenance["result"].get("path"):
            of = f" of variant {number}" if result.variants else ""
            yield (
                f"Path check{of}: {path['conclusion']}. A layer is natural where the dream activates its channels as "
                f"real patches of the class do ({path['n_dreamed']} dreamed and {path['n_real']} real ones)."
            )
    what = f"Dreamed {run.n_dreams} times" if result.variants else "Dreamed"
    where = ", on the whole volume" if result.volume is not None else ""
    yield f"{what} with {run.network.name} at {run.settings.layer}{where}; the result is in {folder}:"
