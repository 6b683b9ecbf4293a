"""`seisdream experiment`: measurements that answer the four questions of the post."""

from __future__ import annotations

from pathlib import Path

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import NetworkType, expand_home, output_options, seed_option
from seisdream.cli.report import ProgressBar, report, summary_of
from seisdream.errors import SeisdreamError

EXPERIMENTS = ("care", "facies", "geology", "sight")


@command(
    examples={
        "A small run of an experiment, in about two minutes": "seisdream experiment facies --quick",
        "On a line of your own": "seisdream experiment geology --line my.sgy --out geology",
    }
)
@click.argument("name", metavar="EXPERIMENT", type=click.Choice(EXPERIMENTS))
@option(
    "--line",
    metavar="INPUT",
    title="Input",
    help="facies, geology: a real section to use instead of F3. [default: sample:f3]",
)
@option(
    "--labelled-lines",
    metavar="SOURCE",
    title="Input",
    help="care: labelled lines of a survey. [default: a generated survey]",
)
@option(
    "--network",
    type=NetworkType(),
    metavar="NAME|FILE",
    title="Network",
    help="A name of `seisdream networks`, or a file. [default: facies; facies-robust for the experiment facies]",
)
@option(
    "--photos",
    metavar="FILE",
    title="Network",
    help="facies: weights of GoogLeNet, fetched once by default; geology: a network that `seisdream train` trained on "
    "photographs, left out by default.",
)
@option(
    "--robust-network",
    metavar="NAME|FILE",
    title="Network",
    help="geology, sight: a network that was trained adversarially, measured on the same data. "
    "[default: facies-robust]",
)
@option(
    "--robust",
    metavar="RADIUS",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    title="Network",
    help="care: train each classifier of shortcuts again adversarially, with this radius (as for seisdream train).",
)
@option("--quick", is_flag=True, title="Optimization", help="A small run of about two minutes, with wide intervals.")
@seed_option(0, "Random seed of the whole experiment.")
@output_options("run", "EXPERIMENT.experiment")
def experiment(
    name: str,
    out: str | None,
    quick: bool,
    network: str | None,
    line: str | None,
    labelled_lines: str | None,
    photos: str | None,
    robust_network: str | None,
    robust: float | None,
    seed: int,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run an experiment and write its results, figures and page.

    \b
    care     Few labels, and shortcuts: how good a network trained on few lines is on lines far away,
             and whether dreams, atlas and controls find a planted shortcut.
    facies   Dreams of networks trained on seismic facies, and how much more of a facies they contain,
             as judged by classifiers that took no part in them.
    geology  A network trained on rock and two trained on seismic, on rock, on seismic of ever longer
             periods, and on inversions of it.
    sight    Weak targets in noise, detected by the network, by classical attributes and by an ideal
             observer.
    """  # noqa: D301  (the backslash is Click's)
    from seisdream.io.atomic import check_writable
    from seisdream.research.experiments.base import find_experiment, run_experiment

    found = find_experiment(name)
    network = (network and expand_home(network)) or found.network
    folder = expand_home(out) if out else f"{name}.experiment"
    given = {"line": line, "labelled_lines": labelled_lines, "photos": photos}
    files_given = {name: expand_home(value) for name, value in given.items() if value}
    for one, value in files_given.items():
        if not value.startswith(("sample:", "benchmark:")) and not Path(value).exists():
            raise SeisdreamError(f"`{one}` is {value}, which does not exist.", code="not-found", option=one)
    check_writable(folder, force, is_folder=True, marker="results.json", inputs=list(files_given.values()))
    inputs = files_given | {"robust": robust, "robust_network": robust_network and expand_home(robust_network)}
    is_silent = quiet or as_json
    with ProgressBar(is_shown=not is_silent) as bar:
        results, files = run_experiment(
            name,
            folder,
            network=network,
            seed=seed,
            is_quick=quick,
            inputs=inputs,
            progress=bar.callback(found.unit),
            force=force,
        )
    answers = [line for path in files if path.suffix == ".md" for line in (*_answer_of(path).splitlines(), "")]
    summary = summary_of("experiment", results, out=folder, files=files, settings={"network": network, "seed": seed})
    report(summary, answers, quiet=quiet, as_json=as_json)


def _answer_of(page: Path) -> str:
    """Return the answer of a page: the first paragraph after its title and its question."""
    parts = page.read_text(encoding="utf-8").split("\n\n")
    return parts[2]
