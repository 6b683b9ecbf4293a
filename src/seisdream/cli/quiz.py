"""`seisdream quiz`: a page on which people detect targets, and the score of their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import cloup

from seisdream.cli.command import CONTEXT, Command, Group
from seisdream.cli.options import expand_home, network_option, output_options
from seisdream.cli.report import ProgressBar, report, summary_of
from seisdream.cli.terminal import echo

if TYPE_CHECKING:
    from seisdream.research.quiz.answers import QuizScores


@cloup.group(
    cls=Group,
    context_settings=CONTEXT,
    invoke_without_command=True,
    examples={
        "Write the page, and open it in a browser": "seisdream quiz --out quiz.html",
        "Score what people saved": "seisdream quiz score answers-*.csv",
    },
)
@cloup.option("--out", type=click.Path(), metavar="FILE.html", help="Page to write. [default: quiz.html]")
@cloup.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    metavar="N",
    help="Random seed of the questions; people's answers are compared only on the same questions. [default: 1]",
)
@network_option()
@cloup.option("--force", is_flag=True, help="Replace an earlier page.")
@cloup.option("--quiet", is_flag=True, help="Print errors only.")
@click.pass_context
def quiz(context: click.Context, out: str | None, seed: int, network: str, force: bool, quiet: bool) -> None:
    """Write a quiz page on weak targets in noise, or score its answers.

    The page shows 60 pairs, which take about five minutes, one key or tap each. At the end it draws the person's
    curve with those of the network and the ideal observer for the same pairs. It opens from disk and sends nothing;
    answers stay in the page until they are saved as CSV. `seisdream quiz score` pools those of several people.
    """
    if context.invoked_subcommand:
        return
    from seisdream.io.atomic import check_writable

    file = expand_home(out or "quiz.html")
    check_writable(file, force, is_folder=False)

    from seisdream.research.quiz.page import write_quiz

    with ProgressBar(is_shown=not quiet) as bar:
        n_questions = write_quiz(
            file, seed=seed, network=expand_home(network), progress=bar.callback("pair"), force=force
        )
    if not quiet:
        echo(f"{file}: {n_questions} questions. Open it in a browser; nothing is sent anywhere.")


@quiz.command(
    cls=Command,
    context_settings=CONTEXT,
    examples={"Pool all answers": "seisdream quiz score answers-*.csv --out people.png"},
)
@click.argument("answers", nargs=-1, required=True, type=click.Path(), metavar="ANSWERS.csv...")
@network_option()
@output_options("figure", "people.png")
def score(answers: tuple[str, ...], out: str | None, network: str, force: bool, quiet: bool, as_json: bool) -> None:
    """Pool the ANSWERS of any number of people, and draw their d' with the network's and the ideal observer's."""
    from seisdream.io.atomic import check_writable, writing_file

    names = [expand_home(name) for name in answers]
    file = expand_home(out or "people.png")
    check_writable(file, force, is_folder=False, inputs=names)

    from seisdream.plotting.panels import write_figure
    from seisdream.research.plotting.sight import draw_people
    from seisdream.research.psychophysics.study import ATTRIBUTES, IDEAL, NETWORK, OBSERVERS
    from seisdream.research.quiz.answers import PEOPLE, read_answers, score_answers

    read = read_answers(names)
    is_silent = quiet or as_json
    with ProgressBar(is_shown=not is_silent) as bar:
        scores = score_answers(read, network=expand_home(network), progress=bar.callback("pair"))
    order = (IDEAL, NETWORK, ATTRIBUTES, PEOPLE)
    people = f"{scores.n_sittings} sitting{'s' * (scores.n_sittings > 1)}, {scores.n_answers} answers"
    figure = draw_people(
        scores.levels_db,
        {name: scores.by_level[name] for name in order},
        order=[*OBSERVERS, PEOPLE],  # The colours of the experiment on sight.
        note=f"People: {people}.",
    )
    with writing_file(file, force=force, inputs=names) as partial:
        write_figure(figure, partial)
    summary = summary_of("quiz", asdict(scores), out=file, files=[file], settings={"network": network})
    report(summary, [*_table(scores, order), "", people], quiet=quiet, as_json=as_json)


def _table(scores: QuizScores, order: tuple[str, ...]) -> Iterator[str]:
    yield f"{'':14}{'correct':>8}{'d-prime':>9}  {'95 %':^16}{'efficiency':>12}"
    for name in order:
        row = scores.overall[name]
        low, high = row["d_prime_interval"]
        limits = f"{low:.2f} to {high:.2f}"
        yield (f"{name:14}{row['proportion_correct']:8.2f}{row['d_prime']:9.2f}  {limits:^16}{row['efficiency']:12.3g}")
