"""Words that come from files, made harmless where they are shown: in a terminal, a page and a table.

A layer, class, network or file may have any name. In a terminal its control characters could move the cursor or
change what was printed before, and marks of direction could reverse what is read; in a page it could be markup; in a
spreadsheet a formula. Figures do not read dollar signs as mathematics: see `seisdream.plotting.panels`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import unicodedata
from typing import Any

# Marks that change the direction of what follows: embeddings, overrides, isolates, and marks without width.
_DIRECTIONS = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
# Controls, halves of surrogate pairs, and the separators of lines and paragraphs.
_HARMFUL_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
_KEPT = {"\n", "\t"}
# Some spreadsheets take the full-width signs of East Asian keyboards as well.
_FORMULA_STARTS = (*"=+-@＝＋－＠", "\t", "\r", "\n")


def for_terminal(text: str) -> str:
    r"""Return a text with control characters and marks of direction as ``\u001b``, which JSON reads as well.

    Examples
    --------
    >>> print(for_terminal("salt\x1b[2J"))
    salt\u001b[2J
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{ord(one):04x}" if _is_harmful(one) else one for one in text)


def for_line(text: str) -> str:
    """Return a text as one line of a terminal, with its ends of lines as codes too."""
    return for_terminal(text).replace("\n", "\\u000a")


def for_html(text: str) -> str:
    """Return a text as the content or the quoted attribute of an HTML element."""
    return html.escape(for_terminal(text))


def for_script(data: Any) -> str:
    """Return values as JSON inside a script element of a page, which no text of theirs can end."""
    words = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    # Halves of surrogate pairs, in names that are not UTF-8, become escapes.
    return words.encode("utf-8", "backslashreplace").decode("utf-8")


def policy_hash(content: str) -> str:
    """Return the hash of the content of an inline script or style, as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def for_csv(value: Any) -> Any:
    """Return the value of a cell; a text that a spreadsheet would compute is written after an apostrophe.

    Numbers stay numbers, also those that are texts already.

    Examples
    --------
    >>> for_csv("=1+1"), for_csv("-salt"), for_csv("-1.5"), for_csv(-1.5)
    ("'=1+1", "'-salt", '-1.5', -1.5)
    """
    if not isinstance(value, str) or not value.lstrip(" ").startswith(_FORMULA_STARTS) or _is_number(value):
        return value
    return f"'{value}"


def _is_harmful(one: str) -> bool:
    return one not in _KEPT and (one in _DIRECTIONS or unicodedata.category(one) in _HARMFUL_CATEGORIES)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
