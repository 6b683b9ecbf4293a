"""Run the studio until it is stopped, idle for long, or left by the process that started it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import IO

import uvicorn

from seisdream.errors import SeisdreamError
from seisdream.io.fetch import cache_folder
from seisdream.studio.access import Access
from seisdream.studio.app import create_app
from seisdream.studio.ending import Ending, EndingServer
from seisdream.studio.settings import StudioSettings
from seisdream.studio.studio import Studio

_WATCH_S = 2.0
_GRACE_S = 2


def serve(
    settings: StudioSettings,
    *,
    query: str = "",
    open_browser: bool = False,
    announce: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the studio until it ends.

    Parameters
    ----------
    settings : StudioSettings
        Of the studio.
    query : str
        Of the page that is opened first, such as ``source=sample:f3``.
    open_browser : bool, default False
        Open the page in the browser.
    announce : callable, optional
        Called with the address of the page, token included, when it can be opened.

    Raises
    ------
    SeisdreamError
        If the port or the home is taken (``exists``), there is no folder of data (``not-found``), or others may reach
        the studio without a password (``missing-argument``).
    """
    if not settings.is_local and not settings.password:
        raise SeisdreamError(
            f"With `host={settings.host}` others can reach the studio; give a `password`.",
            code="missing-argument",
            option="password",
        )
    if settings.data_dir is not None and not Path(settings.data_dir).is_dir():
        raise SeisdreamError(
            f"There is no folder {settings.data_dir}; `data_dir` is an existing one.",
            code="not-found",
            option="data_dir",
        )
    home = Path(settings.home) if settings.home else cache_folder() / "studio"
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home), _listen(settings.host, settings.port) as listener:
        query = f"{query}&" if query else ""
        asyncio.run(_run(settings, home.resolve(), listener, query, open_browser, announce))


async def _run(
    settings: StudioSettings,
    home: Path,
    listener: socket.socket,
    query: str,
    open_browser: bool,
    announce: Callable[[str], None],
) -> None:
    port = listener.getsockname()[1]
    studio = Studio(settings, home)
    access = Access(settings.host, port, settings.password)
    config = uvicorn.Config(
        Ending(create_app(studio, access)),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = EndingServer(config)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{shown}:{port}/?{query}token={access.token}"

    watching = asyncio.create_task(_watch(server, studio, settings))
    announcing = asyncio.create_task(_announce(server, lambda: _show(address, announce, open_browser)))
    try:
        await server.serve(sockets=[listener])
    finally:
        watching.cancel()
        announcing.cancel()


def _lock(home: Path) -> IO[str]:
    """Lock the home of a studio, as long as the file that is returned is open: two would take each other's runs."""
    file = (home / "lock").open("a", encoding="utf-8")
    try:
        import fcntl  # Not on Windows.

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except BlockingIOError as error:
        file.close()
        raise SeisdreamError(
            f"Another studio uses {home}; end it, or give this one another `home`.", code="exists", option="home"
        ) from error
    return file


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SeisdreamError(
            f"The studio cannot listen on {host}, port {port} ({error.strerror}); use another `port`, or `port=0` "
            "for a free one.",
            code="exists",
            option="port",
        ) from error


def _show(address: str, announce: Callable[[str], None], open_browser: bool) -> None:
    announce(address)
    if open_browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


async def _announce(server: uvicorn.Server, show: Callable[[], None]) -> None:
    while not server.started:
        await asyncio.sleep(0.02)
    show()


async def _watch(server: uvicorn.Server, studio: Studio, settings: StudioSettings) -> None:
    """Stop the server where nobody has used it for long, or its parent has ended."""
    parent = os.getppid()
    while True:
        await asyncio.sleep(_WATCH_S)
        idle_s = time.monotonic() - studio.last_used
        if settings.stop_after is not None and studio.is_idle and idle_s > 60.0 * settings.stop_after:
            server.should_exit = True
        if settings.with_parent and os.getppid() != parent:
            server.should_exit = True
