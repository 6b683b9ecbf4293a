"""Options that are made from declared settings, and those that several commands share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from seisdream.cli.command import option
from seisdream.errors import SeisdreamError
from seisdream.models.options import NetworkOptions
from seisdream.plotting.display import DisplaySettings, displaying
from seisdream.settings import Setting, Settings

DEFAULT_NETWORK, DREAM_NETWORK = "facies", "facies-robust"
"""The networks that predict and that dream, where none is named."""
NETWORK_NAMES = ("facies", "facies-robust", "geology", "f3-intervals", "faults", "gabor", "googlenet", "squeezenet1_1")
"""Networks with a name of their own; the shell completes them."""

SEGY_FIELDS = (
    "inline_byte", "crossline_byte", "dt_ms", "endian", "encoding", "sample_format", "vertical", "undefined"
)  # fmt: skip
"""How SEG-Y is read, also where no section of it is selected."""


class SettingType(click.ParamType):
    """The values of a declared setting: its words, its range and its completion.

    Parameters
    ----------
    one : Setting
        The declared setting.
    """

    def __init__(self, one: Setting):
        self.one, self.name, self.separator = one, one.name, one.declared.separator

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value that a word stands for, within its range."""
        converted = self.one.from_text(value) if isinstance(value, str) else self.one.convert(value)
        self.one.validate(converted)
        return converted

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the choices, or a letter for the kind of value."""
        declared = self.one.declared
        if declared.metavar or not declared.choices:
            return declared.metavar or {int: "N", float: "X"}.get(self.one.type, "TEXT")
        return "[" + "|".join(declared.choices) + "]"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the choices that begin like this, or leave it to the shell to find a file."""
        declared = self.one.declared
        if "FILE" in declared.metavar:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(word) for word in declared.choices if word.startswith(incomplete)]


class NetworkType(click.ParamType):
    """A network's name or file, completed by the shell."""

    name = "network"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin like this; with none, leave it to the shell to find a file."""
        names = [name for name in NETWORK_NAMES if name.startswith(incomplete)]
        return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


def options_of(
    settings: type[Settings], *, only: Iterable[str] = (), exclude: Iterable[str] = (), is_primary: bool = True
) -> Callable[[Callable], Callable]:
    """Return a decorator that adds an option for each declared setting.

    An option that is not given is None, so the settings' own defaults are the only ones.

    Parameters
    ----------
    settings : type
        A class of declared settings.
    only : iterable of str
        The fields to take; by default all that are not hidden.
    exclude : iterable of str
        Fields to leave out.
    is_primary : bool, default True
        Whether ``--help`` lists those that are primary.
    """
    names, without = set(only), set(exclude)
    return with_options(
        *(
            _option(one, is_primary=is_primary and one.declared.is_primary)
            for one in settings.declared()
            if one.name not in without and (one.name in names if names else not one.declared.is_hidden)
        )
    )


def _option(one: Setting, *, is_primary: bool) -> Callable[[Callable], Callable]:
    declared, flag = one.declared, one.flag
    kind: dict[str, Any] = {"type": SettingType(one)}
    if one.type is bool:
        kind = {"is_flag": True}
        if one.default:
            flag = f"{flag}/--no-{flag.removeprefix('--')}"
    default = _default_text(one)
    return option(
        flag,
        one.name,
        default=None,
        title=declared.group,
        is_primary=is_primary,
        help=f"{declared.help} [default: {default}]" if default else declared.help,
        **kind,
    )


def _default_text(one: Setting) -> str:
    """Return what holds where an option is not given, or nothing where that needs no word."""
    if one.declared.auto:
        return one.declared.auto
    if one.type is bool:
        return one.flag if one.default else ""
    if one.default is None or one.default in ((), {}, ""):
        return ""
    if isinstance(one.default, tuple):
        return one.declared.separator.join(
            f"{value:g}" if isinstance(value, float) else str(value) for value in one.default
        )
    return f"{one.default:g}" if isinstance(one.default, float) else str(one.default)


def with_options(*decorators: Callable[[Callable], Callable]) -> Callable[[Callable], Callable]:
    """Return a decorator that applies several, so that options stand in this order."""

    def decorate(function: Callable) -> Callable:
        for one in reversed(decorators):
            function = one(function)
        return function

    return decorate


def network_option(default: str = DEFAULT_NETWORK) -> Callable[[Callable], Callable]:
    """Return a decorator that adds ``--network``."""
    return option(
        "--network",
        default=default,
        type=NetworkType(),
        metavar="NAME|FILE",
        title="Network",
        help=f"A name of `seisdream networks`, a file, or PACKAGE.MODULE:FACTORY. [default: {default}]",
    )


def seed_option(default: int, help: str) -> Callable[[Callable], Callable]:
    """Return a decorator that adds ``--seed``."""
    return option(
        "--seed",
        type=click.IntRange(0),
        default=default,
        metavar="N",
        title="Optimization",
        help=f"{help} [default: {default}]",
    )


def output_options(
    what: str, default: str, *, segy: bool = False, resumes: bool = False
) -> Callable[[Callable], Callable]:
    """Return a decorator that adds ``--out``, ``--force``, ``--quiet`` and ``--json``.

    Parameters
    ----------
    what : str
        What is written, such as ``"prediction"``.
    default : str
        The default of ``--out``, in words.
    segy : bool
        Whether there is ``--segy/--no-segy``.
    resumes : bool
        Whether an earlier run in the folder is continued without ``--force``.
    """
    force = f"Start again instead of resuming the earlier {what}." if resumes else f"Replace an earlier {what}."
    one_file = default.rpartition(".")[2] in ("html", "png", "npy")
    segy_option = option(
        "--segy/--no-segy", default=True, is_primary=False, help="For SEG-Y input, write SEG-Y too. [default: --segy]"
    )
    return with_options(
        option(
            "--out",
            type=click.Path(),
            metavar="FILE" if one_file else "DIR",
            help=f"{'File' if one_file else 'Folder'} to write. [default: {default}]",
        ),
        option("--force", is_flag=True, help=force),
        *([segy_option] if segy else []),
        quiet_option,
        json_option,
    )


def display_options(function: Callable) -> Callable:
    """Add the options of figures and pages, which hold while the command runs."""

    @functools.wraps(function)
    def run(*args: Any, **values: Any) -> Any:
        with displaying(DisplaySettings(**take(DisplaySettings, values))):
            return function(*args, **values)

    return options_of(DisplaySettings)(run)


quiet_option = option("--quiet", is_flag=True, help="Print errors only.")
json_option = option("--json", "as_json", is_flag=True, help="Print one JSON object, for scripts.")


def take(settings: type[Settings], values: dict[str, Any], *, only: Iterable[str] = ()) -> dict[str, Any]:
    """Move the given options of a class of settings out of a command's values."""
    names = set(only) or {one.name for one in settings.declared()}
    taken = {name: values.pop(name) for name in list(values) if name in names}
    return {name: value for name, value in taken.items() if value is not None}


def take_network_options(values: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Move the options of a network out of a command's values; return its weights and the others."""
    given = take(NetworkOptions, values)
    weights = given.pop("weights", None)
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    return weights, {name.removeprefix("input_"): value for name, value in plain.items()}


def volume_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with which a whole volume is opened; raise `SeisdreamError` for those of a section."""
    for name in ("inline", "crossline", "time_ms", "key", "axes", "shape"):
        if name in options:
            raise SeisdreamError(
                f"`{name}` does not apply to a whole SEG-Y volume, which `volume=True` and networks for cubes take; "
                "leave it out.",
                code="incompatible",
                option=name,
            )
    return options


def expand_home(name: str) -> str:
    """Return a name with ``~`` as the home folder, where the shell left it in."""
    return os.path.expanduser(name) if name.startswith("~") else name


def default_folder(out: str | None, name: str, ending: str) -> str:
    """Return the folder to write: ``out``, or the name of the input with an ending."""
    if out:
        return expand_home(out)
    return name.removeprefix("sample:").replace("noise:", "noise-").rstrip("/\\") + f".{ending}"


def existing(*names: str | None) -> list[str]:
    """Return the names that are files or folders, which the output must not replace."""
    return [name for name in names if name and os.path.exists(name)]


def check_exists(input: str) -> None:
    """Raise `SeisdreamError`, before PyTorch is imported, where an input file does not exist."""
    if not input.startswith(("sample:", "noise:")) and "://" not in input and not os.path.exists(input):
        raise SeisdreamError(
            f"There is no file {input}; use a file, a sample such as sample:built-in, or noise:256x384.",
            code="not-found",
            option="input",
        )
