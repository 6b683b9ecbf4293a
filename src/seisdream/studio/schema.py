"""JSON schemas of settings, made from their declarations."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any

from seisdream.settings import Setting, Settings

_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}


def schema_of(settings: type[Settings], *, exclude: Iterable[str] = ()) -> dict[str, Any]:
    """Return the JSON schema of the settings that a person can set.

    Parameters
    ----------
    settings : type
        A class of declared settings.
    exclude : iterable of str
        Fields to leave out.
    """
    without = set(exclude)
    fields = [one for one in settings.declared() if not one.declared.is_hidden and one.name not in without]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {one.name: _property(one) for one in fields},
    }


def _property(one: Setting) -> dict[str, Any]:
    declared = one.declared
    described: dict[str, Any] = {
        "title": _title(one.name),
        "description": declared.help,
        "default": list(one.default) if isinstance(one.default, tuple) else one.default,
        "x-group": declared.group,
        "x-primary": declared.is_primary,
        "x-auto": declared.auto,
        "x-flag": one.flag,
        "x-unsupported": list(declared.unsupported),
    }
    shape = _shape(one.type)
    part = shape["items"] if shape["type"] == "array" else shape
    bounds = {
        "minimum": declared.minimum,
        "maximum": declared.maximum,
        "exclusiveMinimum": declared.above,
        "exclusiveMaximum": declared.below,
        "enum": list(declared.choices) or None,
    }
    part |= {name: value for name, value in bounds.items() if value is not None}
    if one.is_optional:
        shape["type"] = [shape["type"], "null"] if isinstance(shape["type"], str) else [*shape["type"], "null"]
        if "enum" in shape:
            shape["enum"] = [*shape["enum"], None]
    return described | shape


def _title(name: str) -> str:
    """Return the name of a setting in words, with its unit."""
    words = name.removesuffix("_ms").replace("_", " ").capitalize()
    return f"{words} (ms)" if name.endswith("_ms") else words


def _shape(kind: Any) -> dict[str, Any]:
    if typing.get_origin(kind) is tuple:
        parts = typing.get_args(kind)
        shape: dict[str, Any] = {"type": "array", "items": _shape(parts[0])}
        return shape if parts[-1] is Ellipsis else shape | {"minItems": len(parts), "maxItems": len(parts)}
    if typing.get_origin(kind) is typing.Union:
        return {"type": [_TYPES[one] for one in typing.get_args(kind)]}
    return {"type": _TYPES.get(kind, "object")}
