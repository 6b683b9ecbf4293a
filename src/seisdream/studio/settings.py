"""Settings of the studio; free of heavy imports, so that ``--help`` stays fast."""

from __future__ import annotations

import os
from dataclasses import dataclass

from seisdream.settings import Settings, setting

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this machine reaches."""


@dataclass(frozen=True)
class StudioSettings(Settings):
    """Where the studio listens, what it may open, and its limits."""

    data_dir: str | None = setting(
        None,
        "Folder whose sections, volumes, jobs and atlases can be opened.",
        group="Input",
        is_primary=True,
        metavar="DIR",
    )
    atlases: tuple[str, ...] = setting(
        (),
        "Further atlases that `seisdream atlas` has built.",
        group="Input",
        metavar="DIR[,DIR]",
        flag="--atlas",
    )
    upload_gb: float = setting(
        4.0, "Largest upload in GB.", group="Input", above=0, maximum=10_000, metavar="X", flag="--upload-gb"
    )
    uploads: int = setting(20, "Most uploads that are kept.", group="Input", minimum=0, maximum=10_000, metavar="N")
    networks: tuple[str, ...] = setting(
        (),
        "Further networks that can be chosen: files, or PACKAGE.MODULE:FACTORY, which is code that runs.",
        group="Network",
        is_primary=True,
        metavar="NAME[,NAME]",
        flag="--network",
    )
    workers: int = setting(
        1,
        "Runs that compute at the same time, each with its share of the cores.",
        group="Output",
        minimum=1,
        maximum=64,
        metavar="N",
    )
    host: str = setting(
        LOCAL_HOSTS[0],
        "Address to listen on; another than this machine's own needs --password.",
        group="Output",
        is_primary=True,
        metavar="ADDRESS",
    )
    port: int = setting(
        8765,
        "Port to listen on; 0: any free one.",
        group="Output",
        is_primary=True,
        minimum=0,
        maximum=65535,
        metavar="N",
    )
    password: str | None = setting(
        None,
        "Password that browsers are asked for. Also as the environment variable SEISDREAM_STUDIO_PASSWORD.",
        group="Output",
        metavar="TEXT",
    )
    home: str | None = setting(
        None,
        "Folder of the history, results and uploads.",
        group="Output",
        metavar="DIR",
        auto="a folder studio in the user's cache",
    )
    stop_after: float | None = setting(
        None,
        "Stop after so many minutes without a request or a run.",
        group="Output",
        above=0,
        maximum=1e6,
        metavar="MINUTES",
    )
    with_parent: bool = setting(False, "Stop when the process that started the studio has ended.", group="Output")

    @property
    def threads(self) -> int | None:
        """Threads of each run that computes; None: those that PyTorch chooses."""
        return None if self.workers == 1 else max(1, (os.cpu_count() or 1) // self.workers)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the studio."""
        return self.host in LOCAL_HOSTS
