"""Options of commands whose settings are not declared yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from seisdream.errors import SeisdreamError

SEGY_OPTIONS = (
    click.option("--inline-byte", type=int, metavar="BYTE", help="SEG-Y: where inline numbers are. [default: 189]"),
    click.option(
        "--crossline-byte",
        type=int,
        metavar="BYTE",
        help="SEG-Y: where crossline numbers are. [default: 193]",
    ),
    click.option("--dt-ms", type=float, metavar="MS", help="Sampling interval, where the file's is wrong or missing."),
    click.option("--endian", type=click.Choice(["big", "little"]), help="SEG-Y: byte order. [default: told apart]"),
    click.option(
        "--encoding",
        type=click.Choice(["ebcdic", "ascii"]),
        help="SEG-Y: of the text header. [default: told apart]",
    ),
)

INPUT_OPTIONS = (
    click.option("--inline", type=int, metavar="N", help="Section of a volume along inline number N."),
    click.option("--crossline", type=int, metavar="N", help="Section of a volume along crossline number N."),
    click.option("--time", "time_ms", type=float, metavar="MS", help="Slice of a volume at a time in ms."),
    *SEGY_OPTIONS,
    click.option("--key", metavar="KEY", help="Which array of an .npz or variable of a NetCDF or Zarr."),
    click.option(
        "--nan",
        type=click.Choice(["error", "absent"]),
        help="NaN and infinite samples: refuse them, or leave them out and untouched. [default: error]",
    ),
    click.option(
        "--muted",
        type=click.Choice(["absent", "present"]),
        help="Exact zeros from the edges inwards: leave them out and at zero, or take them for amplitudes. "
        "[default: absent]",
    ),
)

DEFAULT_NETWORK = "facies"

NETWORK_OPTIONS = (
    click.option("--weights", type=click.Path(), metavar="FILE", help="Weights: .safetensors, .caffemodel, .pt."),
    click.option("--classes", type=click.Path(), metavar="FILE", help="Names of the classes, one a line."),
    click.option(
        "--input-order",
        type=click.Choice(["grey", "rgb", "bgr"]),
        help="Your own network: channels it wants.",
    ),
    click.option("--input-scale", type=float, metavar="X", help="Your own network: factor on grey levels 0–255."),
    click.option("--input-mean", metavar="M[,M,M]", help="Your own network: subtracted after scaling."),
    click.option("--input-std", metavar="S[,S,S]", help="Your own network: divided by last."),
)


def with_options(*options: Callable) -> Callable:
    """Return a decorator that adds the options to a command, in the order in which they stand."""

    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def expand_home(name: str) -> str:
    """Return a name with ``~`` as the home folder, where the shell left it in."""
    return os.path.expanduser(name) if name.startswith("~") else name


def check_exists(input: str) -> None:
    """Raise `SeisdreamError` where an input is neither a sample nor there."""
    if not input.startswith(("sample:", "noise:")) and not Path(input).exists():
        raise SeisdreamError(
            f"There is no file {input}; name a file, a sample such as sample:built-in, or noise:256x384."
        )


def with_default(flag: str, default: Any, help: str) -> Callable:
    """Return an option of the default's type that shows its default."""
    return click.option(flag, default=default, show_default=True, help=help)


SEGY_NAMES = ("inline_byte", "crossline_byte", "dt_ms", "endian", "encoding")
INPUT_NAMES = ("inline", "crossline", "time_ms", *SEGY_NAMES, "key", "nan", "muted")


def take_input_options(values: dict[str, Any], names: Sequence[str] = INPUT_NAMES) -> dict[str, Any]:
    """Move the options that say how an input is opened out of a command's values."""
    options = {name: values.pop(name) for name in names}
    return {name: value for name, value in options.items() if value is not None}


def take_network_options(values: dict[str, Any]) -> dict[str, Any]:
    """Move the options that say what a network wants, but for its weights, out of a command's values."""
    options = {
        "classes": values.pop("classes"),
        "order": values.pop("input_order"),
        "scale": values.pop("input_scale"),
        "mean": _numbers("--input-mean", values.pop("input_mean")),
        "std": _numbers("--input-std", values.pop("input_std")),
    }
    return {name: value for name, value in options.items() if value is not None}


def _numbers(option: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a number, or three between commas", param_hint=option) from None


_PICKING = ("inline", "crossline", "time_ms")


def notes_on_choice(section: Any, input: str, input_options: dict[str, Any]) -> list[str]:
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


class DreamProgress:
    """A bar with octave, level, score, rate and time left.

    Parameters
    ----------
    n_states : int
        How many steps there will be.
    is_shown : bool
        Whether to draw anything.
    """

    def __init__(self, n_states: int, *, is_shown: bool):
        from tqdm import tqdm

        self._bar = tqdm(total=n_states, unit="step", disable=not is_shown, dynamic_ncols=True, leave=True)

    def __enter__(self) -> DreamProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def see(self, state: Any) -> None:
        """Move on by one step."""
        self._bar.set_description(
            f"level {state.level}/{state.n_levels} octave {state.octave}/{state.n_octaves}", refresh=False
        )
        self._bar.set_postfix_str(f"score {state.score:.4g}", refresh=False)
        self._bar.update()


class DeferredProgressBar:
    """A bar that stands from where it is started, after all that can be refused was; then another may follow it.

    Parameters
    ----------
    is_shown : bool
        Whether to draw anything.
    """

    def __init__(self, *, is_shown: bool):
        self._is_shown, self._unit, self._title, self._bar = is_shown, "", "", None

    def __enter__(self) -> DeferredProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def start(self, total: int, unit: str, title: str = "", done: int = 0) -> None:
        """Begin to count, with so many done already."""
        from tqdm import tqdm

        self.__exit__()
        self._unit, self._title = unit, title
        self._bar = tqdm(
            total=total, initial=done, desc=title or None, unit=unit, disable=not self._is_shown, dynamic_ncols=True
        )

    def counts(self, unit: str) -> Callable[..., None]:
        """Return what counts one more, or a number of them, where that is what the bar counts."""

        def see(n: int = 1) -> None:
            if self._bar is not None and self._unit == unit:
                # What turns out to be more than was foreseen is still told with what is left of it.
                self._bar.total = max(self._bar.total, self._bar.n + n)
                self._bar.update(n)

        return see

    def follows(self, unit: str) -> Callable[[int, int], None]:
        """Return what is told how many are done, of how many, and starts the bar when it is told first."""

        def see(done: int, total: int) -> None:
            self.see(done, total, unit)

        return see

    def see(self, done: int, total: int, unit: str, title: str = "") -> None:
        """Move the bar to how many are done, of how many; a new one where the title is new."""
        if self._bar is None or title != self._title:
            self.start(total, unit, title, done if title else 0)
        assert self._bar is not None
        self._bar.update(done - self._bar.n)
