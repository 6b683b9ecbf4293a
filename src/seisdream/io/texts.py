"""Read text and JSON from files that others may have written: regular files only, and of the expected form."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seisdream.errors import SeisdreamError

AnyPath = str | os.PathLike[str]

_MOST_RECORD_BYTES = 64 * 2**20


def check_regular(path: AnyPath) -> None:
    """Raise `OSError` where a path is a pipe, a socket or a device, at which reading could wait for ever."""
    try:
        mode = Path(path).stat().st_mode
    except ValueError as error:  # a null character in the name
        raise FileNotFoundError(f"'{os.fspath(path)!r}' is not the name of a file") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError("it is a pipe, a socket or a device, not a file")


def read_text(path: AnyPath, encoding: str = "utf-8-sig") -> str:
    """Return the text in a file.

    Raises
    ------
    OSError, UnicodeDecodeError
        If it cannot be read, is not a regular file, or is not text in this encoding.
    """
    check_regular(path)
    return Path(path).read_text(encoding=encoding)


def parse_json(text: str) -> Any:
    """Return the values in a JSON text; raise `ValueError` where it is damaged, nested too deeply, or not Unicode."""
    try:
        values = json.loads(text)
        if "\\ud" in text.lower():
            # Half of a surrogate pair can be written in JSON, but never be printed or written to a file, unless it is
            # Python's form of a byte in a file name that is not UTF-8.
            json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogateescape")
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return values


def read_record(path: AnyPath, form: Any = dict, *, option: str | None = None) -> Any:
    """Return the values in a JSON file that seisdream wrote, checked by `check_form`.

    Raises
    ------
    SeisdreamError
        If the file cannot be read, or has another form (``corrupt``).
    """
    try:
        if Path(path).stat().st_size > _MOST_RECORD_BYTES:
            raise ValueError(f"it has more than {_MOST_RECORD_BYTES:,} bytes")
        values = parse_json(read_text(path))
        check_form(values, form)
    except (OSError, ValueError) as error:
        raise SeisdreamError(
            f"{path} cannot be read as JSON of seisdream: {error}. It is damaged or was not written by this version; "
            "restore it, or repeat what wrote it.",
            code="corrupt",
            option=option,
        ) from error
    return values


def check_form(values: Any, form: Any, where: str = "") -> None:
    """Raise `ValueError` where values of JSON do not have a form.

    Parameters
    ----------
    values : object
        What JSON holds.
    form : type, tuple, list, dict or callable
        A type (``float`` includes whole numbers, and neither includes true and false); a tuple of forms, one of which
        must fit; a list of one form, for each element; a dict from names to forms, all of which are needed but those
        whose names end in ``?``, where ``...`` stands for all other names; or a function that returns in words what is
        expected instead, or None where the values fit.
    where : str
        Name of the values, for the message.

    Examples
    --------
    >>> check_form({"name": "enc1", "sizes": [4, 5]}, {"name": str, "sizes": [int], "title?": str})
    """
    if (expected := _misfit(values, form)) is not None:
        raise ValueError(f"{where or 'it'} is {_in_short(values)}; expected {expected}")
    if isinstance(form, tuple):
        chosen = next(one for one in form if _misfit(values, one) is None)
        check_form(values, chosen, where)
    elif isinstance(form, list):
        for number, value in enumerate(values):
            check_form(value, form[0], f"{where}[{number}]")
    elif isinstance(form, Mapping):
        for name, part in form.items():
            if name is not ... and name.removesuffix("?") not in values and not name.endswith("?"):
                raise ValueError(f"{where or 'it'} has no '{name}'")
            if name is not ... and name.removesuffix("?") in values:
                bare = name.removesuffix("?")
                check_form(values[bare], part, f"{where}.{bare}" if where else bare)
        if ... in form:
            known = {name.removesuffix("?") for name in form if name is not ...}
            for name in values.keys() - known:
                check_form(values[name], form[...], f"{where}.{name}" if where else name)


_WORDS = {
    dict: "an object", list: "a list", str: "text", int: "a whole number", float: "a number", bool: "true or false",
    type(None): "null",
}  # fmt: skip


def _misfit(values: Any, form: Any) -> str | None:
    """Return what is expected instead of values whose own type, or that of all alternatives, is wrong."""
    if isinstance(form, tuple):
        misfits = [_misfit(values, one) for one in form]
        return None if None in misfits else " or ".join(str(one) for one in misfits)
    if isinstance(form, list | Mapping) or form in _WORDS:
        kind = list if isinstance(form, list) else dict if isinstance(form, Mapping) else form
        kinds = (int, float) if kind is float else (kind,)
        fits = isinstance(values, kinds) and (kind is bool or not isinstance(values, bool))
        return None if fits else _WORDS[kind]
    return form(values)


def _in_short(values: Any) -> str:
    text = json.dumps(values, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
