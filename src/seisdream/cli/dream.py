"""`seisdream dream`: dream on a section, in several variants, or on a cube, and write the result."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import (
    InputOptions,
    NetworkOptions,
    check_exists,
    default_folder,
    expand_home,
    network_option,
    options_of,
    output_options,
    take,
    take_network_options,
    with_options,
)
from seisdream.cli.progress import ProgressBar
from seisdream.cli.report import credit_lines, notes_on_choice, report, show_notes
from seisdream.dreaming.settings import DreamSettings

if TYPE_CHECKING:
    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.film import FilmRecorder
    from seisdream.results.dream_result import DreamResult


@command(
    examples={
        "Dream on a generated section": "seisdream dream sample:built-in",
        "Make an inline of your survey more like salt": "seisdream dream survey.sgy --inline 362 --layer class:salt",
        "Keep the change within the survey's band": "seisdream dream line.sgy --parameterization bandlimited",
        "The recipe of 2015": "seisdream dream line.sgy --network googlenet --layer inception_4c/output --levels 8",
    }
)
@click.argument("input", metavar="INPUT")
@network_option()
@options_of(InputOptions)
@options_of(NetworkOptions)
@options_of(DreamSettings, exclude=("weights",))
@with_options(
    option("--film/--no-film", default=True, help="Write film.gif, and film.mp4 with ffmpeg. [default: --film]"),
    option(
        "--segy",
        type=click.Choice(["whole", "section", "none"]),
        default="whole",
        is_primary=False,
        help="dream.sgy: a copy of the whole file with the dreamed samples in place, only the section's traces, or "
        "none. [default: whole]",
    ),
)
@output_options("dream", "INPUT.dream")
def dream(
    input: str,
    network: str,
    out: str | None,
    force: bool,
    film: bool,
    segy: str,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Dream on INPUT and write pictures, a film, and the result in INPUT's own units.

    INPUT is a SEG-Y file, a picture (PNG, JPEG, TIFF), an array (.npy, .npz, Zarr, NetCDF), a sample (sample:built-in,
    sample:f3, sample:npra) or noise:HEIGHTxWIDTH. A 3-D network dreams on a whole SEG-Y volume.
    """
    input_options = take(InputOptions, values)
    weights, network_options = take_network_options(values)
    input, given = expand_home(input), {name: value for name, value in values.items() if value is not None}
    folder = default_folder(out, input, "dream")
    settings = DreamSettings(
        input=input,
        input_options=input_options,
        network=network,
        weights=weights,
        network_options=network_options,
        **given,
    )
    check_exists(input)

    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.film import FilmRecorder
    from seisdream.io.atomic import check_writable
    from seisdream.results.dream_result import DreamResult, check_room

    run = Dream.from_settings(settings)
    run.notes[:0] = notes_on_choice(run.original, input, input_options) if run.volume is None else []
    show_notes(run.notes, quiet=quiet)
    n_notes = len(run.notes)
    marker = DreamResult.variants_marker if run.n_dreams > 1 else DreamResult.marker
    check_writable(folder, force, is_folder=True, inputs=run.input_files, marker=marker)
    check_room(folder, source=run.original, settings=run.settings, volume=run.volume, segy=segy)
    recorder = FilmRecorder(run) if film else None
    with _stopping_between_steps() as stop:
        stopped, problem = _run(run, recorder, stop, is_shown=not (quiet or as_json))
        if stopped and not run.n_levels_done and not (problem and run.has_progressed):
            if problem:
                raise problem
            click.echo("Interrupted before the first level was complete: nothing was written.", err=True)
            raise click.exceptions.Exit(130)
        # From here on, a first Ctrl-C lets the writing finish: complete levels are not lost.
        result = run.result(stopped=stopped, frames=recorder.frames if recorder else ())
        files = result.save(folder, force=force, segy=segy)
    show_notes(result.notes[n_notes:], quiet=quiet)
    if not quiet and stopped == "interrupted":
        click.echo(f"Interrupted: {run.n_levels_done} of {run.settings.levels} levels are kept.", err=True)
    # Of variants, their own folders hold the rest.
    listed = [path for path in files if path.parent == Path(folder) or run.n_dreams == 1]
    summary = result.summary(files, folder)
    report(summary, _lines(run, result, folder), files=listed, quiet=quiet, as_json=as_json)
    if problem is not None:
        raise problem
    if stopped or stop.is_requested:
        raise click.exceptions.Exit(130)


def _run(
    run: Dream, recorder: FilmRecorder | None, stop: _Stop, *, is_shown: bool
) -> tuple[str | None, Exception | None]:
    """Run a dream to its end, to an interrupt, or to a step that is not finite; return why it stopped."""
    from seisdream.dreaming.loop import NonFiniteStepError

    with ProgressBar(is_shown=is_shown) as bar:
        states = run.states()
        try:
            for state in states:
                bar.step(state, run.n_states)
                if recorder is not None:
                    recorder.record(state)
                if stop.is_requested:
                    states.close()
                    return "interrupted", None
        except NonFiniteStepError as error:
            return "not finite", error
    return None, None


class _Stop:
    is_requested = False


@contextmanager
def _stopping_between_steps() -> Iterator[_Stop]:
    """Let a first Ctrl-C request a stop between steps; a second one interrupts at once."""
    stop = _Stop()

    def request(_number, _frame) -> None:
        if stop.is_requested:
            raise KeyboardInterrupt
        stop.is_requested = True

    earlier = signal.signal(signal.SIGINT, request)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, earlier)


def _lines(run: Dream, result: DreamResult, folder: str) -> list[str]:
    """Return what to print after a dream, before its files."""
    what = f"{run.n_dreams} variants" if run.n_dreams > 1 else "Dreamed"
    lines = [*credit_lines(run.original.attrs)]
    if repeatability := result.repeatability.get("result"):
        lines.append(
            f"The seismogram of the result and the input correlate at {repeatability['correlation']:.3f} "
            f"(NRMS {repeatability['nrms_percent']:.0f} %)."
        )
    return [*lines, f"{what} with {run.network.name} at {run.settings.layer}; the result is in {folder}:"]
