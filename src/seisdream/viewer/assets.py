"""The text of the viewer's module and style, for a page, a server and a notebook."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

# In the order in which one needs the other.
_SCRIPTS = (
    "colours", "elements", "samples", "axes", "measures", "curves", "webgl", "painter", "wiggles", "pointers",
    "toolbar", "section-viewer", "comparison",
)  # fmt: skip
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export (?=async |class |const |function )", re.MULTILINE)


@cache
def module_text() -> str:
    """Return the viewer as one ES module without imports, which a page may hold inline.

    It exports ``SectionViewer``, ``Comparison``, ``Section``, ``decodeSection`` (of a page) and ``parseSection`` (of
    the studio's API), and the functions they are made of.
    """
    return "".join(_IMPORT.sub("", _read(name)) for name in _SCRIPTS)


def curves_text() -> str:
    """Return the part of the viewer that draws curves, as a script that is no module."""
    return "".join(without_modules(_read(name)) for name in ("elements", "curves"))


def without_modules(script: str) -> str:
    """Return an ES module without its imports and exports."""
    return _EXPORT.sub("", _IMPORT.sub("", script))


@cache
def style_text() -> str:
    """Return the viewer's style sheet."""
    return (files("seisdream.viewer") / "viewer.css").read_text("utf-8")


def _read(name: str) -> str:
    return (files("seisdream.viewer") / "scripts" / f"{name}.js").read_text("utf-8")
