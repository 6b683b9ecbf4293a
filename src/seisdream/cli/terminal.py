"""The one way to print: words from files cannot steer the terminal."""

from __future__ import annotations

import click

from seisdream.escaping import for_terminal


def echo(text: object = "", *, err: bool = False) -> None:
    """Print a line, on the error stream where that is wanted; control characters are printed as their codes."""
    click.echo(for_terminal(str(text)), err=err)
