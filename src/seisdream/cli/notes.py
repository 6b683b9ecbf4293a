"""What a command settled by itself, said to the user in a line each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import xarray as xr

_PICKING = ("inline", "crossline", "time_ms")


def notes_on_choice(section: xr.DataArray, input: str, input_options: dict[str, Any]) -> list[str]:
    """Return which section of a volume or a stack was taken where none was named, and how to name another."""
    selection = str(section.attrs.get("selection") or "")
    axis, _, number = selection.partition(" ")
    # A line by itself is "whole line", and nothing was picked.
    if axis not in ("inline", "crossline", "time") or not number or any(name in input_options for name in _PICKING):
        return []
    across = ", or one across them with --crossline N or --time MS" if section.attrs.get("format") == "SEG-Y" else ""
    return [f"{input} holds several sections; taking {selection}, in the middle. Name another with --{axis} N{across}."]


def show_notes(notes: Iterable[str], *, quiet: bool) -> None:
    """Show notes beside the results, on the error stream."""
    if not quiet:
        for note in notes:
            click.echo(f"Note: {note}", err=True)
