"""`seisdream experiment`: the questions of the post, answered with numbers."""

from __future__ import annotations

import json
from pathlib import Path

import click

from seisdream.cli.options import DEFAULT_NETWORK, expand_home
from seisdream.cli.progress import DeferredProgressBar
from seisdream.errors import SeisdreamError


@click.command()
@click.argument("name", metavar="EXPERIMENT")
@click.option("--out", type=click.Path(), metavar="DIR", help="Folder to write. [default: NAME.experiment]")
@click.option("--quick", is_flag=True, help="A small run of about two minutes, whose intervals are wide.")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="As `seisdream networks` lists it.")
@click.option("--line", metavar="INPUT", help="facies, geology: a real section, in F3's place.  [default: sample:f3]")
@click.option("--lines", metavar="SOURCE", help="care: labelled lines of a survey.  [default: a generated survey]")
@click.option("--photos", metavar="FILE", help="facies: GoogLeNet's weights.  [default: fetched once]  geology: what "
              "`seisdream train` made of photographs.  [default: left out]")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything that is drawn.")
@click.option("--force", is_flag=True, help="Replace the folder of an earlier run.")
@click.option("--quiet", is_flag=True, help="No progress bar, and nothing printed.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object, for scripts.")
def experiment(
    name: str,
    out: str | None,
    quick: bool,
    network: str,
    line: str | None,
    lines: str | None,
    photos: str | None,
    seed: int,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run an EXPERIMENT and write its results, figures and page.

    \b
    care     If we are careful what we ask for? How few labels do on lines far away, and
             whether dream, atlas and controls name a planted shortcut.
    facies   What if we train the network on seismic facies? Dreams of networks, and
             how much more of a facies they hold by judges that did not dream.
    geology  Better yet, geology? A network that knows only rock and one that knows
             seismic, shown rock, seismic of ever longer periods, and inversions of it.
    sight    Dumb machines, or can they see more than us? Weak targets in noise, told
             by the network, by classical attributes and by an ideal observer.
    """  # noqa: D301  (the backslash is Click's)
    from seisdream.io.atomic import check_writable
    from seisdream.research.experiments.base import find_experiment, run_experiment

    found = find_experiment(name)
    network = expand_home(network)
    folder = expand_home(out) if out else f"{name}.experiment"
    asked = {"line": line, "lines": lines, "photos": photos}
    inputs = {what: expand_home(value) for what, value in asked.items() if value}
    for what, value in inputs.items():
        if not value.startswith("sample:") and not Path(value).exists():
            raise SeisdreamError(f"There is no {value} (--{what}).")
    check_writable(folder, force, is_folder=True, marker="results.json", inputs=list(inputs.values()))
    is_silent = quiet or as_json
    with DeferredProgressBar(is_shown=not is_silent) as bar:
        results, files = run_experiment(
            name,
            folder,
            network=network,
            seed=seed,
            is_quick=quick,
            inputs=inputs,
            progress=bar.follows(found.unit),
            force=force,
        )
    if as_json:
        click.echo(json.dumps({"out": folder, "files": [str(path) for path in files], **results}, ensure_ascii=False))
    elif not quiet:
        page = next(path for path in files if path.suffix == ".md")
        click.echo(_answer_of(page))
        for path in files:
            click.echo(f"  {path}")


def _answer_of(page: Path) -> str:
    """Return the first paragraph of a page: after its title and the question, the answer."""
    parts = page.read_text(encoding="utf-8").split("\n\n")
    return parts[2] + "\n"
