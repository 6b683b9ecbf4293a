"""`seisdream dream`: dream on a section and write what came out."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.command import command
from seisdream.cli.legacy import (
    DEFAULT_NETWORK,
    INPUT_OPTIONS,
    NETWORK_OPTIONS,
    DeferredProgressBar,
    DreamProgress,
    check_exists,
    expand_home,
    notes_on_choice,
    show_notes,
    take_input_options,
    take_network_options,
    with_default,
    with_options,
)
from seisdream.dreaming.settings import (
    EDGES,
    PARAMETERIZATIONS,
    PRECISIONS,
    PRIORS,
    RECIPE_FILE,
    SPECTRA,
    VARIANTS_FILE,
    DreamSettings,
)
from seisdream.dreaming.transform_spec import MILD
from seisdream.errors import SeisdreamError

if TYPE_CHECKING:
    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.outputs import Film

_DEFAULT = DreamSettings()

# One option for each number of the recipe, its default the recipe's own.
RECIPE_OPTIONS = (
    click.option(
        "--layer",
        metavar="L",
        help="What to increase: LAYER, LAYER:12, LAYER:12@neuron, LAYER:12@ROW,COLUMN, class:NAME, probability:NAME, "
        "direction:LAYER@FILE, caricature:LAYER, inversion:LAYER, style:LAYER, diversity:LAYER, each also as "
        "NETWORK::…, or a sum such as 'class:salt - 0.5*penalty:tv'. [default: the network's own]",
    ),
    click.option(
        "--parameterization",
        type=click.Choice(PARAMETERIZATIONS),
        default=_DEFAULT.parameterization,
        show_default=True,
        help="What is free: the samples, their spectrum, their phase, the survey's band, reflectivity or rock.",
    ),
    click.option(
        "--spectrum",
        type=click.Choice(SPECTRA),
        help="fourier: how strong each frequency is. [default: own; 1/f for pictures]",
    ),
    click.option(
        "--window-ms", type=float, metavar="MS", help="phase: keep the spectrum of windows of time this long."
    ),
    click.option(
        "--band", metavar="F1-F2-F3-F4", help="bandlimited: corners in Hz, such as 8-12-60-80. [default: as measured]"
    ),
    click.option(
        "--wavelet",
        metavar="W",
        help="reflectivity, impedance: ricker:30, ormsby:8-12-60-80, or a file of samples. [default: as estimated]",
    ),
    click.option(
        "--bounds", metavar="LOW-HIGH", help="impedance: least and greatest, in 10⁶ kg m⁻² s⁻¹. [default: 1.5-12]"
    ),
    click.option(
        "--prior", type=click.Choice(PRIORS), help="impedance: blocky, smooth, or free within bounds. [default: tv]"
    ),
    click.option(
        "--survey", type=click.Path(), metavar="FILE", help="Measure spectrum, band or wavelet on this section instead."
    ),
    click.option(
        "--keep", metavar="NAMES", help="Hold the input's band, bounds or histogram after every step; commas between."
    ),
    click.option("--octaves", type=int, metavar="N", help="Sizes to dream at. [default: 4, fewer on small sections]"),
    with_default("--octave-scale", _DEFAULT.octave_scale, "Ratio between octaves."),
    click.option("--octave-scale-vertical", type=float, metavar="X", help="The same down the section (1: leave it)."),
    click.option("--octave-scale-horizontal", type=float, metavar="X", help="The same across the section."),
    click.option(
        "--allow-small", is_flag=True, help="Dream on a section smaller than what one unit of the layer sees."
    ),
    with_default("--steps", _DEFAULT.steps, "Steps in each octave."),
    with_default("--step-size", _DEFAULT.step_size, "Mean change of a step, in grey levels of 255."),
    with_default("--jitter", _DEFAULT.jitter, "Largest random shift, in samples."),
    click.option(
        "--robust",
        metavar="CHANGES",
        help="Change the section a little before each look: shear, stretch, gain and band with their most, such as "
        f"{MILD}, which mild stands for. [default: jitter alone]",
    ),
    click.option(
        "--edges",
        type=click.Choice(EDGES),
        help="What a shift brings in. [default: mirror for seismic, wrap for pictures]",
    ),
    with_default("--clip/--no-clip", _DEFAULT.clip, "Keep the network's view within grey levels 0 to 255."),
    with_default("--percentile", _DEFAULT.percentile, "Of absolute amplitude that becomes black and white."),
    click.option("--colour", is_flag=True, help="Dream in the network's colours; the result is no longer amplitude."),
    with_default("--levels", _DEFAULT.levels, "Dreams in a row (the post: 8)."),
    click.option(
        "--zoom",
        type=float,
        metavar="X",
        help="Enlargement between levels. [default: 0.05; 0 for data with geometry]",
    ),
    with_default("--seed", _DEFAULT.seed, "Of the jitter, and of noise."),
    click.option(
        "--guide",
        type=click.Path(),
        metavar="FILE",
        help="Become like this section or picture, by its layer, style or inversion.",
    ),
    click.option(
        "--mask",
        metavar="FILE|WINDOW",
        help="Where the dream may change things: a picture, a polygon file, or a window such as "
        "'time=800:1200,crossline=400:600'. A polygon file has a horizontal and a vertical coordinate a line.",
    ),
    click.option(
        "--where",
        metavar="FILE|WINDOW",
        help="Where the objective counts, as for --mask; elsewhere the network may say what it likes.",
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default=_DEFAULT.precision,
        show_default=True,
        help="auto: bfloat16 where the hardware has it.",
    ),
    with_default("--device", _DEFAULT.device, "auto, cpu, cuda or mps."),
    click.option(
        "--tile",
        type=int,
        metavar="N",
        help="Side of a tile in samples, 0: none. [default: 1024 for sections above 2 megasamples]",
    ),
)


@command(examples={})
@click.argument("input", metavar="INPUT")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="As `seisdream networks` lists it.")
@with_options(*NETWORK_OPTIONS, *RECIPE_OPTIONS, *INPUT_OPTIONS)
@click.option(
    "--variants",
    type=int,
    metavar="N",
    help="Dream N times side by side, with seeds that count up; diversity:LAYER in --layer makes them unlike.",
)
@click.option("--out", type=click.Path(), metavar="DIR", help="Folder to write. [default: INPUT.dream]")
@click.option("--force", is_flag=True, help="Replace the folder of an earlier dream.")
@click.option("--film/--no-film", default=True, show_default=True, help="Write film.mp4 and film.gif.")
@click.option(
    "--segy",
    type=click.Choice(["whole", "section", "none"]),
    default="whole",
    show_default=True,
    help="dream.sgy: the whole file with the dreamed samples in place, only the section's traces, or none.",
)
@click.option("--quiet", is_flag=True, help="No progress bar and no list of files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for scripts.")
def dream(
    input: str,
    network: str,
    variants: int | None,
    out: str | None,
    force: bool,
    film: bool,
    segy: str,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Dream on a section and write pictures, a film, and the result in the section's own units.

    INPUT is a SEG-Y file, a picture (PNG, JPEG, TIFF), an array (.npy, .npz, Zarr, NetCDF) or a sample:
    sample:built-in, sample:f3, sample:npra; or noise:HEIGHTxWIDTH.
    """
    input_options, network_options = take_input_options(values), take_network_options(values)
    input = expand_home(input)
    folder = (
        expand_home(out) if out else input.removeprefix("sample:").replace("noise:", "noise-").rstrip("/\\") + ".dream"
    )
    recipe = DreamSettings(
        input=input, input_options=input_options, network=network, network_options=network_options, **values
    )

    # What can be refused at once is, before PyTorch is imported.
    check_exists(input)

    if _sees_cubes(network):
        if variants is not None:
            raise SeisdreamError(f"{network} looks at cubes, and variants are of sections; leave out --variants.")
        _dream_cube(recipe, folder, force=force, segy=segy, quiet=quiet, as_json=as_json)
        return
    if variants is not None:
        _dream_variants(recipe, variants, folder, force=force, film=film, segy=segy, quiet=quiet, as_json=as_json)
        return

    from seisdream.dreaming.opening import dream_from_recipe
    from seisdream.dreaming.outputs import Film, check_room, input_files, write_dream
    from seisdream.io.atomic import check_writable

    run = dream_from_recipe(recipe)
    run.notes[:0] = notes_on_choice(run.original, input, input_options)
    show_notes(run.notes, quiet=quiet)
    # Last of what can be refused, so that a mended option does not find the folder in the way.
    check_writable(folder, force, is_folder=True, inputs=input_files(run), marker=RECIPE_FILE)
    check_room(run, folder, segy)
    n_notes = len(run.notes)
    reel = Film(run) if film else None
    with stopping_between_steps() as stop:
        stopped, problem = _consume(run, reel, stop, is_shown=not (quiet or as_json))
        if stopped and not run.level_views and not (problem and run.scores):
            if problem:
                raise problem
            click.echo("Interrupted before the first level was whole: nothing was written.", err=True)
            raise click.exceptions.Exit(130)
        # A first Ctrl-C from here on lets the writing end: levels that are whole are not lost.
        files = write_dream(run, folder, film=reel, stopped=stopped, force=force, segy_scope=segy)
    show_notes(run.notes[n_notes:], quiet=quiet)
    if not quiet and stopped == "interrupted":
        click.echo(f"Interrupted: {len(run.level_views)} of {run.recipe.levels} levels are kept.", err=True)
    _report(run, folder, files, stopped, quiet=quiet, as_json=as_json)
    if problem is not None:
        raise problem
    if stopped or stop.is_asked:
        raise click.exceptions.Exit(130)


def _sees_cubes(network: str) -> bool:
    from seisdream.models.checkpoints import read_metadata

    story = read_metadata(network)
    return story is not None and story.settings.get("n_dims") == 3


def _dream_cube(recipe: DreamSettings, folder: str, *, force: bool, segy: str, quiet: bool, as_json: bool) -> None:
    """Dream on a whole SEG-Y volume with a network for cubes."""
    from seisdream.dreaming.cube_files import read_cube, write_cube
    from seisdream.dreaming.cubes import run_recipe
    from seisdream.dreaming.outputs import protected_input_files
    from seisdream.io.atomic import check_writable
    from seisdream.io.inputs import find_segy
    from seisdream.io.segy import SegyVolume
    from seisdream.models.registry import open_network

    source, options = str(recipe.input), dict(recipe.input_options)
    path, network = find_segy(source), open_network(str(recipe.network), recipe.weights, recipe.network_options)
    if path is None or {"inline", "crossline", "time_ms"} & set(options):
        raise SeisdreamError(
            f"{network.name} looks at cubes: give it a whole SEG-Y volume (no --inline, --crossline or --time) or, in "
            "Python, an array (seisdream.dreaming.cubes.dream_cube); or use a network for sections (--network facies)."
        )
    volume = SegyVolume(path, **options)
    cube, mask = read_cube(volume)
    check_writable(folder, force, is_folder=True, inputs=protected_input_files(recipe), marker=RECIPE_FILE)
    scores: list[float] = []
    with DeferredProgressBar(is_shown=not (quiet or as_json)) as bar:
        see = bar.counts("step")

        def on_step(n_done: int, n_steps: int, score: float) -> None:
            if n_done == 1:
                bar.start(n_steps, "step")
            see()
            scores.append(score)

        # Missing traces must not make the rest of the volume louder.
        mapping = volume.grey_mapping(recipe.percentile)
        dreamed = run_recipe(recipe, cube, network, mask=mask, mapping=mapping, on_step=on_step)
    files = write_cube(volume, cube, mask, dreamed, network, folder, segy=segy != "none", force=force)
    if as_json:
        told = {"out": folder, "files": [str(file) for file in files], "scores": scores}
        click.echo(json.dumps(told | {"recipe": json.loads(dreamed.attrs["recipe"])}, ensure_ascii=False))
    elif not quiet:
        layer = json.loads(dreamed.attrs["recipe"])["layer"]
        click.echo(f"Dreamed with {network.name} at {layer}, on the whole volume; the dream is in {folder}:")
        for file in files:
            click.echo(f"  {file}")


def _dream_variants(
    recipe: DreamSettings, n_dreams: int, folder: str, *, force: bool, film: bool, segy: str, quiet: bool, as_json: bool
) -> None:
    """Dream several times side by side and write all of them, or nothing."""
    from seisdream.dreaming.batch import variants_from_recipe
    from seisdream.dreaming.outputs import Film, check_room, input_files, write_variants
    from seisdream.io.atomic import check_writable

    run = variants_from_recipe(recipe, n_dreams)
    first, source = run.dreams[0], str(recipe.input)
    first.notes[:0] = notes_on_choice(first.original, source, recipe.input_options)
    show_notes(first.notes, quiet=quiet)
    check_writable(folder, force, is_folder=True, inputs=input_files(first), marker=VARIANTS_FILE)
    check_room(first, folder, segy)
    reels = {dream: Film(dream) for dream in run.dreams} if film else {}
    with stopping_between_steps() as stop, DreamProgress(run.n_states, is_shown=not (quiet or as_json)) as progress:
        for dream, state in run.states():
            progress.see(state)
            if film:
                reels[dream].see(state)
            if stop.is_asked:
                click.echo("Interrupted before the variants were whole: nothing was written.", err=True)
                raise click.exceptions.Exit(130)
    files = write_variants(run.dreams, folder, films=list(reels.values()), force=force, segy_scope=segy)
    scores = [dream.scores[-1]["score"] if dream.scores else None for dream in run.dreams]
    if as_json:
        told = {"out": folder, "files": [str(path) for path in files], "last_scores": scores, "notes": first.notes}
        click.echo(json.dumps(told | {"recipe": first.recipe.to_dict()}, ensure_ascii=False))
    elif not quiet:
        click.echo(f"Dreamed {n_dreams} times with {first.network.name} at {first.recipe.layer}, into {folder}:")
        click.echo(f"  {files[-1]}")
        for number in range(1, n_dreams + 1):
            click.echo(f"  {Path(folder) / str(number)}")


def _consume(run: Dream, reel: Film | None, stop: _Stop, *, is_shown: bool) -> tuple[str | None, Exception | None]:
    """Run a dream to its end, to an interrupt, or to a step that is not finite; return why it stopped."""
    from seisdream.dreaming.dream import NonFiniteStepError

    with DreamProgress(run.n_states, is_shown=is_shown) as progress:
        states = run.states()
        try:
            for state in states:
                progress.see(state)
                if reel is not None:
                    reel.see(state)
                if stop.is_asked:
                    states.close()
                    return "interrupted", None
        except NonFiniteStepError as error:
            return "not finite", error
    return None, None


class _Stop:
    is_asked = False


@contextmanager
def stopping_between_steps() -> Iterator[_Stop]:
    """Let a first Ctrl-C ask for a stop between steps; a second one interrupts at once."""
    stop = _Stop()

    def ask(_number, _frame) -> None:
        if stop.is_asked:
            raise KeyboardInterrupt
        stop.is_asked = True

    earlier = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, earlier)


def _report(run: Dream, folder: str, files: list[Path], stopped: str | None, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        summary = {
            "out": folder,
            "files": [str(path) for path in files],
            "stopped": stopped,
            "levels": len(run.level_views),
            "steps": len(run.scores),
            "first_score": run.scores[0]["score"] if run.scores else None,
            "last_score": run.scores[-1]["score"] if run.scores else None,
            "seconds": round(sum(row["milliseconds"] for row in run.scores) / 1e3, 3),
            "likeness": run.likeness,
            "notes": run.notes,
            "recipe": run.recipe.to_dict(),
        }
        click.echo(json.dumps(summary, ensure_ascii=False))
    elif not quiet:
        for word in ("credit", "licence"):
            if run.original.attrs.get(word):
                click.echo(f"{word.capitalize()}: {run.original.attrs[word]}")
        click.echo(f"Dreamed with {run.network.name} at {run.recipe.layer}; the dream is in {folder}:")
        for path in files:
            click.echo(f"  {path}")
        if run.likeness:
            now = run.likeness["result"]
            click.echo(
                f"The dream's seismogram and the input correlate at {now['correlation']:.3f} "
                f"(NRMS {now['nrms_percent']:.0f} %)."
            )
