"""Settings as frozen dataclasses whose fields carry their range, help text, group and flag.

A field is declared once, by `setting`. Its check, its command-line option and its line in the documentation are made
from that declaration.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import math
import operator
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from seisdream.errors import SeisdreamError, unknown_argument

GROUPS = ("Input", "Network", "Objective", "Parameterization", "Optimization", "Volume", "Display", "Output")
"""Groups of options, in the order in which ``--help`` lists them."""


@dataclass(frozen=True)
class Declaration:
    """What is declared of a setting, in the metadata of its field.

    Attributes
    ----------
    help : str
        One plain sentence, for ``--help`` and the documentation.
    group : str
        One of `GROUPS`.
    is_primary : bool
        Whether ``--help`` lists it; otherwise ``--help-all`` does.
    auto : str
        What None stands for, such as ``"4, fewer on small sections"``.
    minimum, maximum : float, optional
        Bounds that are allowed themselves.
    above, below : float, optional
        Bounds that are not allowed themselves.
    choices : tuple of str
        The words that are allowed; for a tuple of words, each of them.
    metavar : str
        What stands for the value in ``--help``.
    flag : str
        The option's name; by default the field's with dashes.
    separator : str
        Between the numbers or words of a tuple on the command line.
    unsupported : tuple of str
        Kinds of input that the setting does not apply to (``"cube"``, ``"variants"``).
    parse : callable, optional
        Turns a text on the command line into the value; by default by the field's type.
    check : callable, optional
        Returns in words what is expected instead, or None where a value is valid.
    is_hidden : bool
        Whether it is set by the program and has no option.
    """

    help: str
    group: str = "Optimization"
    is_primary: bool = False
    auto: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    metavar: str = ""
    flag: str = ""
    separator: str = ","
    unsupported: tuple[str, ...] = ()
    parse: Callable[[str], Any] | None = None
    check: Callable[[Any], str | None] | None = None
    is_hidden: bool = False


def setting(default: Any, help: str, **declaration: Any) -> Any:
    """Declare a field of a `Settings` class; keywords are those of `Declaration`.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Steps(Settings):
    ...     steps: int = setting(10, "Steps in each octave.", minimum=0)
    >>> Steps(steps=3).to_dict()
    {'steps': 3}
    """
    metadata = {"setting": Declaration(help=help, **declaration)}
    if isinstance(default, dict | list):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Setting:
    """One field of a `Settings` class with its declaration.

    Attributes
    ----------
    name : str
        Name of the field.
    type : type
        Without None.
    is_optional : bool
        Whether None is allowed.
    default : object
        Its default.
    declared : Declaration
        Range, help, group and flag.
    """

    name: str
    type: Any
    is_optional: bool
    default: Any
    declared: Declaration

    @property
    def flag(self) -> str:
        """The option's name on the command line."""
        return self.declared.flag or "--" + self.name.replace("_", "-")

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        one = self.declared
        if one.choices:
            return ("some of " if _is_tuple(self.type) else "one of ") + ", ".join(one.choices)
        if one.minimum is not None and one.maximum is not None:
            return f"{one.minimum:g} to {one.maximum:g}"
        if one.minimum is not None and one.below is None:
            return f"{one.minimum:g} or more"
        limits = (("at least", one.minimum), ("above", one.above), ("at most", one.maximum), ("below", one.below))
        if bounds := [f"{word} {limit:g}" for word, limit in limits if limit is not None]:
            return " and ".join(bounds)
        return _type_name(self.type)

    def convert(self, value: Any) -> Any:
        """Return a value as the plain type of the field; raise `SeisdreamError` where it is of another type."""
        if value is None:
            if self.is_optional:
                return None
            raise SeisdreamError(
                f"`{self.name}` is None; it must be {_type_name(self.type)}.",
                code="missing-argument",
                option=self.name,
            )
        try:
            return _converted(self.type, value)
        except (TypeError, ValueError, OverflowError) as error:
            is_words = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
            shown = repr(",".join(value)) if is_words else repr(value)
            raise SeisdreamError(
                f"`{self.name}` is {shown}; it must be {_type_name(self.type)}.", code="wrong-type", option=self.name
            ) from error

    def validate(self, value: Any) -> None:
        """Raise `SeisdreamError` where a converted value is outside its range."""
        if value is None:
            return
        expected = None if self._is_in_range(value) else self.expected
        if expected is None and self.declared.check is not None:
            expected = self.declared.check(value)
        if expected is not None:
            shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
            raise SeisdreamError(
                f"`{self.name}` is {shown}; it must be {expected}.", code="out-of-range", option=self.name
            )

    def from_text(self, text: str) -> Any:
        """Return the value of a text on the command line."""
        if self.declared.parse is not None:
            return self.convert(self.declared.parse(text))
        if _is_tuple(self.type):
            words = tuple(word.strip() for word in text.split(self.declared.separator) if word.strip())
            return self.convert(words)
        return self.convert(text)

    def to_words(self, value: Any) -> list[str]:
        """Return the words on a command line that give the field a value other than None."""
        if self.type is bool:
            return [self.flag if value else f"--no-{self.flag.removeprefix('--')}"]
        if isinstance(value, Mapping):
            text = ",".join(f"{name}={_number_text(amount)}" for name, amount in value.items())
        elif isinstance(value, tuple):
            text = self.declared.separator.join(map(_number_text, value))
        else:
            text = _number_text(value)
        # A text that begins with a dash would be read as an option.
        return [f"{self.flag}={text}"] if text.startswith("-") else [self.flag, text]

    def _is_in_range(self, value: Any) -> bool:
        one = self.declared
        parts = value if isinstance(value, tuple) else (value,)
        if one.choices:
            return all(part in one.choices for part in parts)
        numbers = [part for part in parts if isinstance(part, int | float) and not isinstance(part, bool)]
        return all(
            math.isfinite(number)
            and (one.minimum is None or number >= one.minimum)
            and (one.maximum is None or number <= one.maximum)
            and (one.above is None or number > one.above)
            and (one.below is None or number < one.below)
            for number in numbers
        )


@dataclass(frozen=True)
class Settings:
    """Base of all settings: plain values, validated when they are made, which survive a round trip through JSON.

    Raises
    ------
    SeisdreamError
        If a value has the wrong type (``wrong-type``) or is outside its range (``out-of-range``).
    """

    def __post_init__(self) -> None:
        for one in self.declared():
            value = one.convert(getattr(self, one.name))
            one.validate(value)
            object.__setattr__(self, one.name, value)

    @classmethod
    def declared(cls) -> tuple[Setting, ...]:
        """Return the fields with their declarations."""
        return _declared(cls)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from plain values; a name that does not exist is an error with near matches."""
        names = [one.name for one in cls.declared()]
        for name in values:
            if name not in names:
                raise unknown_argument(name, names, cls.__name__)
        return cls(**values)

    @classmethod
    def of(cls, settings: Self | None, overrides: Mapping[str, Any]) -> Self:
        """Return settings with some of them replaced; by default the defaults with some replaced."""
        values = {} if settings is None else {one.name: getattr(settings, one.name) for one in cls.declared()}
        return cls.from_dict(values | dict(overrides))

    def replace(self, **values: Any) -> Self:
        """Return the same settings but for these."""
        return dataclasses.replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as values that JSON knows."""
        return json.loads(json.dumps({one.name: getattr(self, one.name) for one in self.declared()}))

    def to_json(self) -> str:
        """Return the settings as one line of JSON."""
        return to_json(self.to_dict(), sort_keys=True)

    def sha256(self) -> str:
        """Return the SHA-256 of the settings, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def to_json(value: Any, **options: Any) -> str:
    """Return a value as JSON; file names that are not UTF-8 are escaped, so that `json.loads` returns them."""
    return json.dumps(value, ensure_ascii=False, **options).encode("utf-8", "backslashreplace").decode("utf-8")


@functools.cache
def _declared(cls: type[Settings]) -> tuple[Setting, ...]:
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        hint, is_optional = hints[field.name], False
        if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
            kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
            hint, is_optional = kinds[0], len(kinds) < len(typing.get_args(hint))
            if len(kinds) > 1:
                hint = typing.Union[tuple(kinds)]  # noqa: UP007
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        declaration = field.metadata.get("setting") or Declaration("", is_hidden=True)
        found.append(Setting(field.name, hint, is_optional, default, declaration))
    return tuple(found)


def split_pair(text: str) -> tuple[str, ...]:
    """Split ``0.5x1`` into its two numbers, for the vertical and the horizontal axis; ``0.5`` stands for both."""
    words = text.lower().replace("×", "x").split("x")
    return tuple(words * 2 if len(words) == 1 else words)


def _number_text(value: Any) -> str:
    """Return a number in its shortest exact form, or a word as it is."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


_TYPE_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def _is_tuple(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) is typing.Union or isinstance(kind, types.UnionType)


def _type_name(kind: Any) -> str:
    if _is_union(kind):
        return " or ".join(_type_name(one) for one in typing.get_args(kind))
    if _is_tuple(kind):
        parts = typing.get_args(kind)
        what = "numbers" if parts[0] in (int, float) else "words"
        return f"{what} separated by commas" if parts[-1] is Ellipsis else f"{len(parts)} {what}"
    return _TYPE_NAMES.get(kind, "a mapping from names to values")


def _converted(kind: Any, value: Any) -> Any:
    if _is_union(kind):
        for one in typing.get_args(kind)[:-1]:
            with contextlib.suppress(TypeError, ValueError):
                return _converted(one, value)
        return _converted(typing.get_args(kind)[-1], value)
    if _is_tuple(kind):
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise TypeError("not a sequence")
        parts, values = typing.get_args(kind), tuple(value)
        if parts[-1] is Ellipsis:
            parts = (parts[0],) * len(values)
        if len(parts) != len(values):
            raise ValueError("another length")
        return tuple(_converted(part, one) for part, one in zip(parts, values, strict=True))
    if kind is int:
        return int(value) if isinstance(value, str) else operator.index(value)
    if kind is float:
        return float(value)
    if kind is bool:
        if isinstance(value, str):
            raise TypeError("text, not true or false")
        return bool(value)
    if kind is str:
        return os.fspath(value)
    return json.loads(json.dumps(dict(value)))
