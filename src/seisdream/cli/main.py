"""The command line: words in, words out."""

from __future__ import annotations

import sys
import warnings

import click

from seisdream import __version__
from seisdream.cli.activations import activations
from seisdream.cli.atlas import atlas
from seisdream.cli.attribute import attribute
from seisdream.cli.controls import controls
from seisdream.cli.dream import dream
from seisdream.cli.evaluate import evaluate
from seisdream.cli.experiment import experiment
from seisdream.cli.info import info
from seisdream.cli.networks import layers, networks
from seisdream.cli.predict import predict
from seisdream.cli.quiz import quiz
from seisdream.cli.replay import replay
from seisdream.cli.train import train
from seisdream.errors import SeisdreamError

USER_ERROR, INTERRUPTED = 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="seisdream")
def cli() -> None:
    """Show what a neural network sees in seismic.

    Start with `seisdream dream sample:built-in`, or with `seisdream info YOUR.sgy`.

    Exit codes: 0 done, 2 something to mend in the input or the options, 130 interrupted.
    """


for command in (
    dream,
    info,
    networks,
    layers,
    activations,
    predict,
    attribute,
    controls,
    atlas,
    train,
    evaluate,
    experiment,
    quiz,
    replay,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit with its code."""
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = _show_note
    try:
        code = cli.main(prog_name="seisdream", standalone_mode=False)
    except SeisdreamError as error:
        click.echo(f"Error: {error}", err=True)
        code = USER_ERROR
    except click.ClickException as error:
        error.show()
        code = USER_ERROR
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        code = INTERRUPTED
    sys.exit(code or 0)


def _show_note(message, category, filename, lineno, file=None, line=None) -> None:
    click.echo(f"Note: {message}", err=True)
