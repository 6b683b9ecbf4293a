"""`seisdream studio`: dream in the browser."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlencode

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import expand_home, options_of, take
from seisdream.cli.report import show_note
from seisdream.cli.terminal import echo
from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.studio.settings import StudioSettings


@command(
    examples={
        "Dream in the browser": "seisdream studio",
        "Open one file": "seisdream studio line.sgy",
        "Choose among the files of a folder": "seisdream studio --data-dir surveys",
        "For a class in one network": "seisdream studio --host 0.0.0.0 --password dune",
    }
)
@click.argument("file", metavar="[FILE]", required=False)
@options_of(StudioSettings)
@option("--browser/--no-browser", default=True, help="Open the page in the browser. [default: --browser]")
def studio(file: str | None, browser: bool, **values: Any) -> None:
    """Open the studio: a page on which the network dreams, live.

    FILE is a section or a volume to begin with; without --data-dir the files of its folder can be opened too. The
    address that is printed holds a token: whoever has it can use the studio, until it ends with Ctrl-C.
    """
    given = take(StudioSettings, values)
    for name in ("data_dir", "home"):
        if name in given:
            given[name] = expand_home(given[name])
    given["networks"] = tuple(expand_home(name) for name in given.get("networks", ()))
    given.setdefault("password", os.environ.get("SEISDREAM_STUDIO_PASSWORD"))
    query = ""
    if file is not None:
        source, folder = _source(expand_home(file), given.get("data_dir"))
        given.setdefault("data_dir", folder)
        query = urlencode({"source": source})
    settings = StudioSettings(**given)
    for module in ("fastapi", "uvicorn", "multipart"):
        require_extra(module, "studio", "The studio")

    from seisdream.studio.serve import serve

    if not settings.is_local:
        show_note(
            f"Others can reach the studio at {settings.host}: whoever has the password can read the data and use this "
            "computer. The connection is not encrypted."
        )
    serve(settings, query=query, open_browser=browser, announce=lambda address: echo(f"The studio is at {address}"))


def _source(file: str, data_dir: str | None) -> tuple[str, str | None]:
    """Return the source of a file for the studio, and the folder of data that holds it."""
    if file.startswith(("sample:", "noise:")):
        return file, None
    if not os.path.exists(file):
        raise SeisdreamError(
            f"There is no file {file}; use a file, or a sample such as sample:built-in.",
            code="not-found",
            option="file",
        )
    path = os.path.realpath(file)
    folder = os.path.realpath(data_dir) if data_dir else os.path.dirname(path)
    below = os.path.relpath(path, folder)
    if below.startswith(".."):
        raise SeisdreamError(
            f"{file} is not below {data_dir}; leave out `data_dir`, or give the folder that holds the file.",
            code="incompatible",
            option="data_dir",
        )
    return f"data:{below.replace(os.sep, '/')}", folder
