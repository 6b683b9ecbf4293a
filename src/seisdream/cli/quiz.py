"""`seisdream quiz`: a page on which people choose, and the score of what they chose."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from seisdream.cli.options import DEFAULT_NETWORK, expand_home
from seisdream.cli.progress import DeferredProgressBar

if TYPE_CHECKING:
    from seisdream.research.quiz.answers import Scores


@click.group(invoke_without_command=True)
@click.option("--out", type=click.Path(), metavar="FILE.html", help="Page to write. [default: quiz.html]")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Chooses the questions; the same for all whose answers are compared question by question.",
)
@click.option("--force", is_flag=True, help="Replace a page that is there.")
@click.option("--quiet", is_flag=True, help="No progress bar, and nothing printed.")
@click.pass_context
def quiz(context: click.Context, out: str | None, seed: int, force: bool, quiet: bool) -> None:
    """Write a quiz: one page, opened from disk, on which people tell weak targets from nothing.

    60 pairs in about five minutes, one key or tap each. Answers stay in the page until they are saved as CSV;
    `seisdream quiz score` pools them and draws people's d' beside the network's and the ideal observer's.
    """
    if context.invoked_subcommand:
        return
    from seisdream.io.atomic import check_writable

    file = expand_home(out or "quiz.html")
    check_writable(file, force, is_folder=False)

    from seisdream.research.quiz.page import write_quiz

    with DeferredProgressBar(is_shown=not quiet) as bar:
        n_questions = write_quiz(file, seed=seed, progress=bar.follows("pair"), force=force)
    if not quiet:
        click.echo(f"{file}: {n_questions} questions. Open it in a browser; nothing is sent anywhere.")


@quiz.command()
@click.argument("answers", nargs=-1, required=True, type=click.Path(), metavar="ANSWERS.csv...")
@click.option("--out", type=click.Path(), metavar="FILE.png", help="Figure to write. [default: people.png]")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="As `seisdream networks` lists it.")
@click.option("--force", is_flag=True, help="Replace a figure that is there.")
@click.option("--quiet", is_flag=True, help="No progress bar and no table.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for scripts.")
def score(answers: tuple[str, ...], out: str | None, network: str, force: bool, quiet: bool, as_json: bool) -> None:
    """Pool ANSWERS of any number of people, and draw their d' beside the network's and the limit."""
    from seisdream.io.atomic import check_writable, writing_file

    names = [expand_home(name) for name in answers]
    file = expand_home(out or "people.png")
    check_writable(file, force, is_folder=False, inputs=names)

    from seisdream.plotting.figures import write_figure
    from seisdream.research.plotting.sight import draw_people
    from seisdream.research.psychophysics.study import ATTRIBUTES, IDEAL, NETWORK, OBSERVERS
    from seisdream.research.quiz.answers import PEOPLE, read_answers, score_answers

    read = read_answers(names)
    is_silent = quiet or as_json
    with DeferredProgressBar(is_shown=not is_silent) as bar:
        scores = score_answers(read, network=expand_home(network), progress=bar.follows("pair"))
    order = (IDEAL, NETWORK, ATTRIBUTES, PEOPLE)
    people = f"{scores.n_sittings} sitting{'s' * (scores.n_sittings > 1)}, {scores.n_answers} answers"
    figure = draw_people(
        scores.levels_db,
        {name: scores.by_level[name] for name in order},
        order=[*OBSERVERS, PEOPLE],  # Each has the colour that it has in the experiment on sight.
        note=f"People: {people}.",
    )
    with writing_file(file, force=force, inputs=names) as aside:
        write_figure(figure, aside)
    if as_json:
        click.echo(json.dumps({"out": file, **asdict(scores)}, ensure_ascii=False))
    elif not quiet:
        _show(scores, order)
        click.echo(f"\n{people}\n  {file}")


def _show(scores: Scores, order: tuple[str, ...]) -> None:
    click.echo(f"{'':14}{'right':>8}{'d-prime':>9}  {'95 %':^16}{'efficiency':>12}")
    for name in order:
        row = scores.overall[name]
        low, high = row["d_prime_interval"]
        limits = f"{low:.2f} to {high:.2f}"
        click.echo(f"{name:14}{row['share_correct']:8.2f}{row['d_prime']:9.2f}  {limits:^16}{row['efficiency']:12.3g}")
