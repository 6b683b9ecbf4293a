"""What a command prints: notes on the error stream, the result as lines or as one JSON object."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.errors import name_options

if TYPE_CHECKING:
    import xarray as xr


def show_notes(notes: Iterable[str], *, quiet: bool) -> None:
    """Print notes on the error stream."""
    if not quiet:
        for note in notes:
            show_note(note)


def show_note(note: object) -> None:
    """Print a note on the error stream; arguments are named as options of the command that runs."""
    context = click.get_current_context(silent=True)
    click.echo(f"Note: {name_options(str(note), context.command if context else None)}", err=True)


def summary_of(
    kind: str,
    result: Mapping[str, Any],
    *,
    out: str | None = None,
    files: Iterable[str | os.PathLike[str]] = (),
    notes: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what ``--json`` prints: the same keys for every command."""
    return {
        "kind": kind,
        "out": out,
        "files": [os.fspath(file) for file in files],
        "notes": list(notes),
        "settings": dict(settings or {}),
        "result": dict(result),
    }


def report(
    summary: Mapping[str, Any],
    lines: Iterable[str] = (),
    *,
    files: Iterable[str | os.PathLike[str]] | None = None,
    quiet: bool = False,
    as_json: bool,
) -> None:
    """Print a summary as JSON, or else lines and files, by default all that were written."""
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
    elif not quiet:
        for line in (*lines, *(f"  {file}" for file in (summary["files"] if files is None else files))):
            click.echo(line)


def credit_lines(attributes: Mapping[str, Any]) -> list[str]:
    """Return the credit and licence of an input, a line each."""
    return [f"{word.capitalize()}: {attributes[word]}" for word in ("credit", "licence") if attributes.get(word)]


def notes_on_choice(section: xr.DataArray, input: str, input_options: Mapping[str, Any]) -> list[str]:
    """Return a note on which section of a volume or a stack was used where none was named."""
    selection = str(section.attrs.get("selection") or "")
    axis, _, number = selection.partition(" ")
    is_chosen = any(name in input_options for name in ("inline", "crossline", "time_ms"))
    if is_chosen or not number or axis not in ("inline", "crossline", "time"):  # A 2-D line is a "whole line".
        return []
    name, other = ("time_ms=MS", "`inline=N`") if axis == "time" else (f"{axis}=N", "`time_ms=MS`")
    others = f" or {other}" if section.attrs.get("format") == "SEG-Y" else ""
    return [
        f"{input} holds several sections; this is {selection}, the middle one. Choose another with `{name}`{others}."
    ]
