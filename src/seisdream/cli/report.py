"""What a command prints: progress and notes on the error stream, the result as lines or as one JSON object."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from seisdream.cli.errors import name_options
from seisdream.cli.terminal import echo
from seisdream.settings import to_json

if TYPE_CHECKING:
    import xarray as xr

    from seisdream.dreaming.loop import DreamState
    from seisdream.seismic.volumes import Volume


def show_notes(notes: Iterable[str], *, quiet: bool) -> None:
    """Print notes on the error stream."""
    if not quiet:
        for note in notes:
            show_note(note)


def show_note(note: object) -> None:
    """Print a note on the error stream, once; arguments are named as options of the command that runs."""
    context = click.get_current_context(silent=True)
    if context is not None:
        shown = context.meta.setdefault("seisdream.notes", set())
        if str(note) in shown:
            return
        shown.add(str(note))
    echo(f"Note: {name_options(str(note), context.command if context else None)}", err=True)


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
        echo(to_json(summary))
    elif not quiet:
        for line in (*lines, *(f"  {file}" for file in (summary["files"] if files is None else files))):
            echo(line)


def credit_lines(attributes: Mapping[str, Any]) -> list[str]:
    """Return the credit and licence of an input, a line each."""
    return [f"{word.capitalize()}: {attributes[word]}" for word in ("credit", "licence") if attributes.get(word)]


def notes_on_file(section: xr.DataArray) -> list[str]:
    """Return what looks wrong in the file of a section, although it could be opened."""
    return json.loads(section.attrs.get("notes", "[]"))


def notes_on_volume(volume: Volume) -> list[str]:
    """Return what looks wrong in the file of a volume, although it could be opened."""
    return json.loads(volume.attrs.get("notes", "[]"))


def notes_on_choice(section: xr.DataArray, input: str, input_options: Mapping[str, Any]) -> list[str]:
    """Return notes on the file and its amplitudes, and on which section was used where none was named."""
    from seisdream.io.description import notes_on_amplitudes

    found = [*notes_on_file(section), *notes_on_amplitudes(section)]
    selection = str(section.attrs.get("selection") or "")
    axis, _, number = selection.partition(" ")
    is_chosen = any(name in input_options for name in ("inline", "crossline", "time_ms"))
    is_only = section.attrs.get("segy_kind") in ("single inline", "single crossline")
    if is_chosen or is_only or not number or axis not in ("inline", "crossline", "time", "depth"):
        return found
    name, other = ("time_ms=MS", "`inline=N`") if axis in ("time", "depth") else (f"{axis}=N", "`time_ms=MS`")
    others = f" or {other}" if section.attrs.get("format") == "SEG-Y" else ""
    return [
        *found,
        f"{input} holds several sections; this is {selection}, the middle one. Choose another with `{name}`{others}.",
    ]


_WITHOUT_COUNT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


class ProgressBar:
    """A bar that appears with the first progress, when all checks have passed.

    Nothing is drawn where the error stream is no terminal.

    Parameters
    ----------
    is_shown : bool
        Whether to draw anything.
    """

    def __init__(self, *, is_shown: bool):
        self._is_shown = is_shown and sys.stderr.isatty()
        self._unit, self._title, self._bar = "", "", None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def start(self, total: float, unit: str, title: str = "", done: int = 0, *, is_counted: bool = True) -> None:
        """Begin to count, with so many done already; what is not counted shows its share and the time left alone."""
        from tqdm import tqdm

        self.__exit__()
        self._unit, self._title = unit, title
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=title or None,
            unit=unit,
            disable=not self._is_shown,
            dynamic_ncols=True,
            bar_format=None if is_counted else _WITHOUT_COUNT,
        )

    def advance(self, n: float = 1, *, label: str = "", values: str = "") -> None:
        """Count more, with what is being done before the bar and values after it."""
        assert self._bar is not None
        if label:
            self._bar.set_description(label, refresh=False)
        if values:
            self._bar.set_postfix_str(values, refresh=False)
        # Where there is more to do than expected, the total grows.
        self._bar.total = max(self._bar.total, self._bar.n + n)
        self._bar.update(n)

    def step(self, state: DreamState, n_samples: Sequence[int]) -> None:
        """Count a step of a dream by the samples of its octave, so that the time left is that of the work left."""
        if self._bar is None or self._unit != "step":
            self.start(state.n_levels * state.n_steps * sum(n_samples), "step", is_counted=False)
        label = f"level {state.level}/{state.n_levels} octave {state.octave}/{state.n_octaves} "
        label += f"step {state.step}/{state.n_steps}"
        self.advance(n_samples[state.octave - 1], label=label, values=f"score {state.score:.4g}")

    def phase(self, title: str) -> None:
        """Show what is done before or after that which is counted."""
        self.start(0, "phase", title, is_counted=False)
        assert self._bar is not None
        self._bar.bar_format, self._bar.leave = "{desc} …", False
        self._bar.refresh()

    def counter(self, unit: str) -> Callable[..., None]:
        """Return a function that counts one more, or more, where the bar counts this unit."""

        def count(n: int = 1) -> None:
            if self._bar is not None and self._unit == unit:
                self.advance(n)

        return count

    def callback(self, unit: str) -> Callable[[int, int], None]:
        """Return a function of how many are done and of how many, which starts the bar."""

        def set_progress(done: int, total: int) -> None:
            self.set(done, total, unit)

        return set_progress

    def samples(self, title: str = "") -> Callable[[int, int], None]:
        """Return a function of how many samples are done and of how many, with rate and time left in bytes.

        Parameters
        ----------
        title : str, optional
            Before the bar; a new title starts a new bar.
        """

        def set_progress(done: int, total: int) -> None:
            if self._bar is None or title != self._title:
                self.start(4 * total, "B", title)
                assert self._bar is not None
                self._bar.unit_scale = True
            self._bar.update(4 * done - self._bar.n)

        return set_progress

    def set(self, done: int, total: int, unit: str, title: str = "") -> None:
        """Move the bar to how many are done, of how many; a new title starts a new bar."""
        if self._bar is None or title != self._title:
            self.start(total, unit, title, done if title else 0)
        assert self._bar is not None
        self._bar.update(done - self._bar.n)
