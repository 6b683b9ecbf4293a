"""Options that are made from declared settings, and those that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from seisdream.cli.command import option
from seisdream.errors import SeisdreamError
from seisdream.settings import Setting, Settings, setting

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
    settings: type[Settings], *, only: Iterable[str] = (), exclude: Iterable[str] = ()
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
    """
    names, without = set(only), set(exclude)
    return with_options(
        *(
            _option(one)
            for one in settings.declared()
            if one.name not in without and (one.name in names if names else not one.declared.is_hidden)
        )
    )


def _option(one: Setting) -> Callable[[Callable], Callable]:
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
        is_primary=declared.is_primary,
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


@dataclass(frozen=True)
class InputOptions(Settings):
    """How an input is opened."""

    inline: int | None = setting(
        None, "Section of a volume along this inline.", group="Input", is_primary=True, metavar="N"
    )
    crossline: int | None = setting(
        None, "Section of a volume along this crossline.", group="Input", is_primary=True, metavar="N"
    )
    time_ms: float | None = setting(
        None, "Slice of a volume at this time in ms.", group="Input", is_primary=True, metavar="MS", flag="--time"
    )
    dt_ms: float | None = setting(
        None,
        "Sampling interval in ms (for depth in m or ft), where that of the file is wrong or missing.",
        group="Input",
        is_primary=True,
        metavar="MS",
        above=0,
    )
    vertical: str | None = setting(
        None, "Vertical axis of SEG-Y and of arrays.", group="Input", choices=("time", "depth"), auto="time"
    )
    inline_byte: int | str | None = setting(
        None,
        "SEG-Y: byte of the inline number in the trace header, and its format if that is not int32, such as 189:int16 "
        "or 189:float.",
        group="Input",
        metavar="BYTE[:FORMAT]",
        auto="189",
    )
    crossline_byte: int | str | None = setting(
        None,
        "SEG-Y: byte of the crossline number in the trace header, and its format.",
        group="Input",
        metavar="BYTE[:FORMAT]",
        auto="193",
    )
    endian: str | None = setting(None, "SEG-Y: byte order.", group="Input", choices=("big", "little"), auto="detected")
    encoding: str | None = setting(
        None, "SEG-Y: encoding of the text header.", group="Input", choices=("ebcdic", "ascii"), auto="detected"
    )
    sample_format: str | None = setting(
        None,
        "SEG-Y and .dat: format of the samples, such as ibm, ieee, int16 or a code of the SEG-Y standard.",
        group="Input",
        metavar="FORMAT",
        auto="that of the file",
    )
    key: str | None = setting(
        None, "Array of an .npz or .mat, or variable of a NetCDF or Zarr.", group="Input", metavar="KEY"
    )
    axes: tuple[str, ...] | None = setting(
        None,
        "Arrays: names of the axes as they are stored, such as trace,time.",
        group="Input",
        metavar="AXIS,AXIS[,AXIS]",
        auto="those of the file",
    )
    shape: tuple[int, ...] | None = setting(
        None, ".dat and .bin: numbers of samples along the axes, such as 462,951.", group="Input", metavar="N,N[,N]"
    )
    nan: str | None = setting(
        None,
        "NaN and infinite samples: refuse them (error), or leave them out and unchanged (absent).",
        group="Input",
        choices=("error", "absent"),
        auto="error",
    )
    undefined: str | None = setting(
        None,
        "Samples of one value that marks undefined ones, such as -999.25 or 1e30: refuse them (error), leave out those "
        "that are found (auto) or those of a value (VALUE), or use them as amplitudes (present).",
        group="Input",
        metavar="error|auto|present|VALUE[,VALUE]",
        auto="error",
    )
    muted: str | None = setting(
        None,
        "Exact zeros from the edges inwards: leave them out and at zero (absent), or use them as amplitudes (present).",
        group="Input",
        choices=("absent", "present"),
        auto="absent",
    )


@dataclass(frozen=True)
class NetworkOptions(Settings):
    """Weights, classes and normalisation of a network."""

    weights: str | None = setting(
        None,
        "Weights: .safetensors, .caffemodel or .pt.",
        group="Network",
        is_primary=True,
        metavar="FILE",
    )
    classes: str | None = setting(None, "Names of the classes, one a line.", group="Network", metavar="FILE")
    class_layer: str | None = setting(
        None,
        "Layer with one channel for each class, before any softmax.",
        group="Network",
        metavar="LAYER",
        auto="what the network returns",
    )
    class_activation: str | None = setting(
        None,
        "From logits to probabilities: one class at each position (softmax) or several labels at once (sigmoid).",
        group="Network",
        choices=("softmax", "sigmoid"),
        auto="as the network does itself",
    )
    dims: int | None = setting(
        None,
        "Your own network: 2 for sections, 3 for cubes (time, inline, crossline).",
        group="Network",
        metavar="2|3",
        minimum=2,
        maximum=3,
        auto="detected",
    )
    input_order: str | None = setting(
        None, "Your own network: input channels.", group="Network", choices=("grey", "rgb", "bgr")
    )
    input_scale: float | None = setting(None, "Your own network: factor on grey levels 0 to 255.", group="Network")
    input_mean: tuple[float, ...] | None = setting(
        None,
        "Your own network: subtracted after scaling, for all channels or for each.",
        group="Network",
        metavar="M[,M,M]",
    )
    input_std: tuple[float, ...] | None = setting(
        None, "Your own network: divided by last, for all channels or for each.", group="Network", metavar="S[,S,S]"
    )
    normalise: str | None = setting(
        None,
        "Your own network: how amplitudes were normalised in training. fixed: grey levels, clipped at the percentile. "
        "zscore: mean 0, standard deviation 1. zscore-clip:3: clipped at 3 standard deviations too. minmax: to -1…1; "
        "minmax:0,1: to 0…1. Two steps are joined by +, as in zscore-clip:3+minmax.",
        group="Network",
        metavar="fixed|zscore|zscore-clip:N|minmax[:A,B]",
        auto="fixed",
    )
    statistics: str | None = setting(
        None,
        "Your own network: where the statistics of normalise are measured: the section, each window that the network "
        "is given, or the volume.",
        group="Network",
        choices=("section", "window", "volume"),
        auto="section",
    )
    input_lines: int | None = setting(
        None,
        "Your own network: neighbouring lines that it takes as channels, the section in the middle.",
        group="Network",
        metavar="N",
        minimum=1,
        auto="1",
    )
    input_constants: tuple[float, ...] | None = setting(
        None,
        "Your own network: further channels of one value each, after the others.",
        group="Network",
        metavar="C[,C]",
    )


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
        help=f"A name of `seisdream networks`, or a file. [default: {default}]",
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
    if not input.startswith(("sample:", "noise:")) and not os.path.exists(input):
        raise SeisdreamError(
            f"There is no file {input}; use a file, a sample such as sample:built-in, or noise:256x384.",
            code="not-found",
            option="input",
        )
