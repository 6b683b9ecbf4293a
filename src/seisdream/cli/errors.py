"""Errors and notes of the library, with the options of the command line."""

from __future__ import annotations

import ast
import io
import re
from typing import Any

import click
from click.exceptions import NoSuchCommand

from seisdream.cli.terminal import echo
from seisdream.errors import SeisdreamError
from seisdream.escaping import for_terminal
from seisdream.settings import to_json

USER_ERROR, INCOMPLETE, BLOCKS_MISSING = 2, 3, 4
"""Exit codes: invalid input or options, a result without a file that could not be written, and one with holes."""

_OF_COMMANDS = {"variable": "key", "target": "layer"}
"""Arguments of Python that have another name as options of commands."""
_ARGUMENT = re.compile(r"`([a-z]\w*)(?:=([^`]*))?`")


class CommandError(click.ClickException):
    """A `SeisdreamError` in a command, its message naming the command's options.

    Parameters
    ----------
    error : SeisdreamError
        What the library raised.
    command : click.Command, optional
        Whose options the message names.
    """

    exit_code = USER_ERROR

    def __init__(self, error: SeisdreamError, command: click.Command | None = None):
        super().__init__(name_options(str(error), command))
        self.code = error.code
        self.option = name_options(f"`{error.option}`", command).strip("`") if error.option else None


def name_options(text: str, command: click.Command | None) -> str:
    """Return a text in which Python's arguments are the command's options.

    `` `name` `` becomes ``--name``, `` `name=value` `` becomes ``--name value`` and `` `name=True` `` becomes
    ``--name``. A name that is no option or argument of the command stays as it is.
    """
    params = {param.name: param for param in command.params} if command is not None else {}

    def named(found: re.Match[str]) -> str:
        param = params.get(found[1]) or params.get(_OF_COMMANDS.get(found[1], ""))
        return found[0] if param is None else _written(param, found[2])

    return _ARGUMENT.sub(named, text)


def _written(param: click.Parameter, value: str | None) -> str:
    if not isinstance(param, click.Option):
        return param.human_readable_name
    flag = max(param.opts, key=len)
    if value is None or value == "True":
        return flag
    if value == "False":
        has_none = "none" in getattr(param.type, "choices", ())
        return param.secondary_opts[0] if param.secondary_opts else f"{flag} none" if has_none else f"no {flag}"
    if value == "None":
        return f"no {flag}"
    return f"{flag} {_word(value, getattr(param.type, 'separator', ','))}"


def _word(value: str, separator: str) -> str:
    """Return a value of Python as it is written on the command line."""
    try:
        plain: Any = ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return value
    return separator.join(map(str, plain)) if isinstance(plain, tuple | list) else str(plain)


def show_error(error: click.ClickException | SeisdreamError, *, as_json: bool) -> int:
    """Print an error, as one JSON object where that is wanted; return the exit code."""
    if isinstance(error, SeisdreamError):
        error = CommandError(error)
    if as_json:
        code, option = _code_and_option(error)
        record = {"code": code, "message": error.format_message(), "option": option}
        echo(to_json({"error": record}))
    else:
        # Before Click removes what it takes for colours.
        error.message = for_terminal(error.message)  # pyright: ignore[reportAttributeAccessIssue]
        shown = io.StringIO()
        error.show(shown)
        echo(shown.getvalue().rstrip("\n"), err=True, has_lines=True)
    return BLOCKS_MISSING if getattr(error, "code", "") == "incomplete" else USER_ERROR


def _code_and_option(error: click.ClickException) -> tuple[str, str | None]:
    if isinstance(error, CommandError):
        return error.code, error.option
    if isinstance(error, NoSuchCommand):
        return "unknown-name", None
    if isinstance(error, click.NoSuchOption):
        return "unknown-argument", error.option_name
    if isinstance(error, click.BadParameter):
        code = "missing-argument" if isinstance(error, click.MissingParameter) else "invalid"
        return code, error.param.get_error_hint(error.ctx).strip("'") if error.param and error.ctx else None
    return "invalid", None
