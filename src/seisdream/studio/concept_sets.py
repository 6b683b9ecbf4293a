"""Concepts that `seisdream concepts` and `seisdream atlas` have found, so that one can be chosen and dreamed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from seisdream.errors import SeisdreamError
from seisdream.io.texts import read_record
from seisdream.studio.sources import CONCEPTS_FILE, DATA

_FORM = {
    "network": {"name": str, "sha256": str},
    "result": {"layer": str},
    "concepts": [{"name?": str, "share?": float}],
}
_PAGE = "index.html"
_SIMPLE = re.compile(r"\w+(?:[ -]\w+)*")


def describe_concepts(source: str, folder: Path) -> dict[str, Any] | None:
    """Return what can be chosen of a set of concepts; None where its record cannot be read.

    Parameters
    ----------
    source : str
        The name of the set in requests.
    folder : Path
        Of `seisdream concepts`.
    """
    try:
        record = read_record(folder / CONCEPTS_FILE, _FORM)
    except SeisdreamError:
        return None
    path = source.removeprefix(DATA) if source.startswith(DATA) else None
    layer = record["result"]["layer"]
    return {
        "source": source,
        "title": path or f"{folder.parent.name}/{folder.name}",
        "page": f"/pages/{path}/{_PAGE}" if path and (folder / _PAGE).is_file() else None,
        "network": record["network"]["name"],
        "sha256": record["network"]["sha256"],
        "layer": layer,
        "concepts": [
            {
                "number": number,
                "name": one.get("name", ""),
                "share": one.get("share"),
                "objective": f"concept:{layer}/{_word(number, one.get('name', ''))}",
            }
            for number, one in enumerate(record["concepts"])
        ],
    }


def _word(number: int, name: str) -> str:
    """Return the name of a concept where an objective can hold it as it is, else its number."""
    return name if _SIMPLE.fullmatch(name) and not name.isdecimal() else str(number)
