"""Pages that open from disk: one HTML file with style, script and data inside, which may load nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.resources import files
from pathlib import Path
from typing import Any

from seisdream.escaping import for_html, for_script, policy_hash
from seisdream.viewer.assets import module_text, style_text

_NAMED: ContextVar[Callable[[str], str]] = ContextVar("named", default=str)


@contextmanager
def naming_settings(named: Callable[[str], str]) -> Iterator[None]:
    """Write all pages of a block with other names for settings than Python's, such as the options of a command.

    Parameters
    ----------
    named : callable
        Returns a text with the other names; it takes one with Python's names between grave accents.
    """
    token = _NAMED.set(named)
    try:
        yield
    finally:
        _NAMED.reset(token)


def with_names(text: str) -> str:
    """Return a text for a page, with the names of settings that `naming_settings` chose."""
    return _NAMED.get()(text)


def write_page(path: Path, *, title: str, data: Any, script: str, style: str = "") -> None:
    """Write a page whose script draws the data.

    Parameters
    ----------
    path : Path
        The file.
    title : str
        Of the page.
    data : object
        Values that JSON knows; the script reads them from the element ``data``.
    script : str
        An ES module without imports, after those of the viewer and of all pages.
    style : str, optional
        A style sheet in addition to that of all pages.
    """
    script = module_text() + site_file("page.js") + script
    style = style_text() + site_file("page.css") + style
    parts = {
        "title": for_html(title),
        "data": for_script(data),
        "style": style,
        "script": script,
        "style-hash": policy_hash(style),
        "script-hash": policy_hash(script),
    }
    # In one pass, so that braces inside the parts stay as they are.
    page = re.sub(r"\{\{([a-z-]+)\}\}", lambda found: parts[found[1]], site_file("page.html"))
    path.write_text(page, encoding="utf-8")


def site_file(name: str) -> str:
    """Return a file that pages of results are made of."""
    return files("seisdream.results").joinpath("site", name).read_text(encoding="utf-8")
