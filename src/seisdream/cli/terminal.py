"""The one way to print: words from files cannot steer the terminal."""

from __future__ import annotations

import click

from seisdream.escaping import for_line, for_terminal


def echo(text: object = "", *, err: bool = False, has_lines: bool = False) -> None:
    """Print a line, or a text with several, on the error stream where that is wanted.

    Control characters are printed as their codes.
    """
    click.echo((for_terminal if has_lines else for_line)(str(text)), err=err)
