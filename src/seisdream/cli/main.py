"""The command `seisdream`, with all its commands."""

from __future__ import annotations

import sys
import warnings
from contextlib import suppress

import click
import cloup

from seisdream import __version__
from seisdream.cli.activations import activations
from seisdream.cli.atlas import atlas
from seisdream.cli.attribute import attribute
from seisdream.cli.command import CONTEXT, Group
from seisdream.cli.compare import compare
from seisdream.cli.completion import completion
from seisdream.cli.concepts import concepts
from seisdream.cli.controls import controls
from seisdream.cli.dream import dream
from seisdream.cli.errors import INCOMPLETE, show_error
from seisdream.cli.evaluate import evaluate
from seisdream.cli.experiment import experiment
from seisdream.cli.export import export
from seisdream.cli.info import info
from seisdream.cli.ingest import ingest
from seisdream.cli.networks import layers, networks
from seisdream.cli.plan import plan
from seisdream.cli.predict import predict
from seisdream.cli.quiz import quiz
from seisdream.cli.replay import replay
from seisdream.cli.report import show_note
from seisdream.cli.sheet import sheet
from seisdream.cli.signals import exit_code, raise_interrupts, was_interrupted
from seisdream.cli.studio import studio
from seisdream.cli.terminal import echo
from seisdream.cli.train import train
from seisdream.cli.verify import verify
from seisdream.errors import IncompleteResultWarning, SeisdreamError


@cloup.group(
    cls=Group,
    context_settings=CONTEXT,
    sections=[
        cloup.Section("Dream", [sheet, dream, replay, studio]),
        cloup.Section("Predict and explain", [predict, attribute, controls, activations, concepts, atlas, compare]),
        cloup.Section("Whole volumes", [ingest, export, plan, verify]),
        cloup.Section("Train a network", [train, evaluate]),
        cloup.Section("Look up", [info, networks, layers, completion]),
        cloup.Section("Research", [experiment, quiz]),
    ],
    examples={
        "Dream on a generated section": "seisdream dream sample:built-in",
        "Check a SEG-Y file before using it": "seisdream info line.sgy",
        "List all options of a command": "seisdream dream --help-all",
    },
)
@click.version_option(__version__, prog_name="seisdream")
def cli() -> None:
    """Show what a neural network sees in seismic.

    Exit codes: 0 done, 1 a replay that is not identical or a volume that verify found incomplete, 2 invalid input or
    options, 3 done without a film, figure or SEG-Y that could not be written, 4 blocks of a volume are missing, 128 + N
    ended by signal N (130 Ctrl-C).
    """


def main() -> None:
    """Run the command line and exit with its code."""
    raise_interrupts()
    _incomplete.clear()
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = _show_warning
    try:
        code = cli.main(prog_name="seisdream", standalone_mode=False)
    except (SeisdreamError, click.ClickException) as error:
        code = show_error(error, as_json="--json" in sys.argv[1:])
    except (click.Abort, KeyboardInterrupt):
        with suppress(OSError):  # The terminal may be closed.
            echo("Interrupted.", err=True)
        code = exit_code()
    except OSError:
        if not was_interrupted():
            raise
        code = exit_code()
    sys.exit(code or (INCOMPLETE if _incomplete else 0))


_incomplete: list[Warning | str] = []


def _show_warning(message: Warning | str, category: type[Warning], *_where: object) -> None:
    if issubclass(category, IncompleteResultWarning):
        _incomplete.append(message)
    show_note(" ".join(str(message).splitlines()))  # Packages warn in paragraphs.
