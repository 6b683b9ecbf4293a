"""What the server holds: history, sources, uploads, workers and the folders of its home."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from seisdream import __version__
from seisdream.atlas.settings import ATLAS_FILE, CONCEPTS, DREAMS, folder_name
from seisdream.errors import SeisdreamError
from seisdream.io.options import InputOptions
from seisdream.studio.concept_sets import describe_concepts
from seisdream.studio.folders import find_folders, id_of
from seisdream.studio.history import History
from seisdream.studio.jobs import MARKER, describe_job
from seisdream.studio.pool import WorkerPool
from seisdream.studio.run_files import ZARR
from seisdream.studio.runs import Runs
from seisdream.studio.settings import StudioSettings
from seisdream.studio.sources import CONCEPTS_FILE, Sources, state_of
from seisdream.studio.uploads import Uploads
from seisdream.studio.workers import TaskTimeoutError, Worker, WorkerLostError

WARM_NETWORK, PREDICTOR = "facies-robust", "facies"
"""Networks that dream and that predict, where none is named."""
_INDEX = "index.html"
_OPENING_S = 60.0
_ANSWER_S = 300.0
_CACHE_BYTES = 500_000_000
_SELECTING = ("inline", "crossline", "time_ms")


class Studio:
    """The state of a studio.

    Parameters
    ----------
    settings : StudioSettings
        Of the studio.
    home : Path
        Folder of the history, results and uploads.
    """

    def __init__(self, settings: StudioSettings, home: Path):
        self.settings = settings
        self.data_dir = None if settings.data_dir is None else Path(settings.data_dir).resolve()
        self._runs_folder, self._cache, self._tiles = home / "runs", home / "sections", home / "tiles"
        for folder in (self._runs_folder, self._cache, self._tiles):
            folder.mkdir(parents=True, exist_ok=True)
        atlases = tuple(Path(folder).resolve() for folder in settings.atlases)
        self.sources = Sources(self.data_dir, home / "uploads", atlases)
        self.uploads = Uploads(home / "uploads", round(settings.upload_gb * 1e9), settings.uploads)
        self.history = History(home / "history.sqlite")
        options = {
            "data_dir": None if self.data_dir is None else str(self.data_dir),
            "uploads": str(home / "uploads"),
            "atlases": [str(folder) for folder in atlases],
            "networks": list(settings.networks),
            "threads": settings.threads,
        }
        self.reader, self.inspector = Worker("reader", options), Worker("runner", options)
        self._pool = WorkerPool(lambda: Worker("runner", options), WARM_NETWORK)
        self.runs = Runs(self.history, self._runs_folder, self._pool, settings.workers)
        self._warming: asyncio.Task | None = None
        self._home, self._secret = home, secrets.token_bytes(32)
        self._networks: dict[str, dict[str, Any]] = {}
        self._making_quiz = asyncio.Lock()
        self.last_used, self.n_streams = time.monotonic(), 0

    async def start(self) -> None:
        """Start the workers that are needed at once."""
        # The reader first: a section can be seen before the network is warm.
        await self.reader.start()
        self.runs.start()
        self._warming = asyncio.create_task(self._warm_inspector())

    async def _warm_inspector(self) -> None:
        """Describe the first network before a page asks for it, as soon as a run can begin."""
        await self._pool.is_warm.wait()
        with suppress(SeisdreamError):  # The page that asks has the message.
            await self.network(WARM_NETWORK)

    async def close(self) -> None:
        """End the workers and close the history."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        for worker in (self.runs, self.reader, self.inspector):
            await worker.close()
        self.history.close()

    def note_use(self) -> None:
        """Note that somebody uses the studio now."""
        self.last_used = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether nobody watches and nothing runs."""
        return not self.runs.is_busy and not self.n_streams

    # Sections.

    async def open_section(self, source: str, options: dict[str, Any]) -> dict[str, Any]:
        """Describe a source, and keep it under a permanent id."""
        for name in _SELECTING:
            if name in options:
                raise SeisdreamError(
                    f"`{name}` selects a section; give it where samples are read, or as the line of a run.",
                    code="incompatible",
                    option=name,
                )
        given = {name: one for name, one in InputOptions.from_dict(options).to_dict().items() if one is not None}
        described = await self._ask(self.reader, "open", {"source": source, "options": given}, _OPENING_S)
        section = hashlib.sha256(json.dumps([source, given], sort_keys=True).encode()).hexdigest()[:16]
        record = {"id": section, "source": source, "title": self._title(source), "options": given, **described}
        self.history.keep_section(record)
        return record

    def section(self, section: str) -> dict[str, Any]:
        """Return the record of a section; raise `SeisdreamError` (``not-found``) where there is none."""
        record = self.history.section(section)
        if record is None:
            raise SeisdreamError(
                f"There is no section '{section[:40]}'; open its source first.", code="not-found", option="section"
            )
        return record

    def reference(self, section: str) -> dict[str, Any]:
        """Return what a worker needs to open a section."""
        record = self.section(section)
        return {"source": record["source"], "options": record["options"]}

    async def samples(self, section: str, line: dict[str, float]) -> Path:
        """Return the file with the samples of a section, as the viewer reads them."""
        record = self.section(section)
        line = line or record["line"]
        path = self._cache / f"{self._key(record, line)}.bin"
        if not path.is_file():
            arguments = {**self.reference(section), "line": line, "title": _titled(record, line), "out": str(path)}
            await self._ask(self.reader, "samples", arguments, _OPENING_S)
            _prune(self._cache, keep=path)
        return path

    async def tile(
        self, section: str, line: dict[str, float], network: str, objective: str, concepts: str | None
    ) -> Path:
        """Return the file with a small dream of an objective on a part of a section, made when it is first wanted."""
        record = self.section(section)
        line = line or record["line"]
        # Other names than those of the command line are no files.
        states = [state_of(network) if network in self.settings.networks else ()]
        if concepts is not None:
            states.append(state_of(os.path.join(self.sources.resolve(concepts), CONCEPTS_FILE)))
        path = self._tiles / f"{self._key(record, line, network, states, objective, concepts)}.json"
        if not path.is_file():
            what = {"line": line, "network": network, "objective": objective, "concepts": concepts, "out": str(path)}
            await self._ask(self.inspector, "tile", {"section": self.reference(section), **what}, _ANSWER_S)
            _prune(self._tiles, keep=path)
        return path

    def _key(self, record: dict[str, Any], *more: Any) -> str:
        """Return the name of what is kept of a section as long as its file is the same."""
        known = json.dumps([record["id"], state_of(self.sources.resolve(record["source"])), *more], sort_keys=True)
        return hashlib.sha256(known.encode()).hexdigest()[:32]

    def _title(self, source: str) -> str:
        path = self.sources.resolve(source)
        return source if path == source else os.path.basename(path)

    # Networks and points.

    async def network(self, name: str) -> dict[str, Any]:
        """Describe a network."""
        if name not in self._networks:
            self._networks[name] = await self._ask(self.inspector, "network", {"name": name}, _ANSWER_S)
        return self._networks[name]

    async def point(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return what fires at a point."""
        arguments = arguments | {"section": self.reference(arguments["section"])}
        found = await self._ask(self.inspector, "point", arguments, _ANSWER_S)
        atlases = await asyncio.to_thread(self.atlases)
        atlas = next((one["id"] for one in atlases if one["network"] == arguments["network"]), None)
        for layer in found["layers"]:
            for one in layer["channels"]:
                one["picture"] = self._picture(atlas, layer["layer"], one["channel"])
        return found

    def _picture(self, atlas: str | None, layer: str, channel: int) -> str | None:
        """Return the link of what a channel draws in an atlas; None where there is none."""
        picture = f"{DREAMS}/{folder_name(layer)}/{channel:03d}.webp"
        if atlas is None or not (_named(self._atlas_folders(), atlas, "atlas") / picture).is_file():
            return None
        return self._atlas_link(atlas, picture)

    async def quiz(self) -> Path:
        """Return the page of the quiz, made when it is first wanted."""
        # A class opens it at once, and only the first waits for it to be made.
        async with self._making_quiz:
            path = self._home / f"quiz-{__version__}.html"
            if not path.is_file():
                await self._ask(self.inspector, "quiz", {"out": str(path)}, _ANSWER_S)
        return path

    async def zarr_of(self, run: str) -> Path:
        """Return the arrays of a run's result as a Zarr store in a zip file."""
        path = self.runs.folder(run) / ZARR
        if not path.is_file():
            await self._ask(self.inspector, "zarr", {"folder": str(self.runs.folder(run))}, _ANSWER_S)
        return path

    async def _ask(self, worker: Worker, task: str, arguments: dict[str, Any], timeout_s: float) -> Any:
        try:
            return await worker.call(task, arguments, timeout_s=timeout_s)
        except TaskTimeoutError as error:
            raise SeisdreamError(
                f"The studio gave up: {error} Use a smaller file, or the command line.", code="too-large"
            ) from error
        except WorkerLostError as error:
            raise SeisdreamError(
                f"{error} The file may be damaged, or too large for the memory of this computer.", code="crashed"
            ) from error

    # Runs.

    def add_run(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add a run to the queue."""
        section, label, mask = body.pop("section"), body.pop("label"), body.pop("mask")
        record = self.section(section)
        line = body.pop("line") or record["line"]
        if mask is not None and not mask["polygons"] and (mask["shape"] is None or mask["data"] is None):
            raise SeisdreamError(
                "`mask` needs `polygons`, or `shape` and `data`.", code="missing-argument", option="mask"
            )
        if mask is not None and body["kind"] != "dream":
            raise SeisdreamError("`mask` is one of dreams; leave it out.", code="incompatible", option="mask")
        request = body | {"section": self.reference(section), "section_id": section, "line": line}
        return self.runs.add(request, _titled(record, line), label, mask)

    # Jobs and atlases.

    def jobs(self) -> list[dict[str, Any]]:
        """Return the volume jobs in the folder of data and of runs."""
        return [job for folder in self._job_folders() if (job := describe_job(folder)) is not None]

    def job_folder(self, job: str) -> Path:
        """Return the folder of a job; raise `SeisdreamError` (``not-found``) where there is none."""
        return _named(self._job_folders(), job, "job")

    def atlases(self) -> list[dict[str, Any]]:
        """Return the whole atlases in the folder of data and those that were named, with their concepts."""
        listed, sources = [], {folder: source for source, folder in self.sources.concepts()}
        for folder in self._atlas_folders():
            try:
                record = json.loads((folder / ATLAS_FILE).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if not isinstance(record, dict):
                continue
            network = record.get("network")
            name = network.get("name") if isinstance(network, dict) else None
            atlas = id_of(folder)
            listed.append(
                {
                    "id": atlas,
                    "title": folder.name,
                    "network": name,
                    "link": self._atlas_link(atlas, _INDEX),
                    "concepts": sources.get(_concepts_folder(folder, record)),
                }
            )
        return listed

    def concepts(self) -> list[dict[str, Any]]:
        """Return the sets of concepts in the folder of data and in atlases."""
        described = (describe_concepts(source, folder) for source, folder in self.sources.concepts())
        return [one for one in described if one is not None]

    def atlas_folder(self, atlas: str, key: str) -> Path:
        """Return the folder of an atlas, with the key of its links; raise `SeisdreamError` (``not-found``) without."""
        folders = self._atlas_folders() if hmac.compare_digest(key.encode(), self._atlas_key(atlas).encode()) else []
        return _named(folders, atlas, "atlas")

    def _atlas_link(self, atlas: str, name: str) -> str:
        return f"/atlas/{atlas}/{self._atlas_key(atlas)}/{name}"

    def _atlas_key(self, atlas: str) -> str:
        """Return what opens the files of one atlas, and nothing else, until the studio ends."""
        return hmac.new(self._secret, atlas.encode(), "sha256").hexdigest()

    def _job_folders(self) -> list[Path]:
        return list(find_folders([*self._data_dirs(), self._runs_folder], MARKER))

    def _atlas_folders(self) -> list[Path]:
        # The page of an atlas is written last.
        found = find_folders([*self.sources.atlases, *self._data_dirs()], ATLAS_FILE)
        return list(dict.fromkeys(folder for folder in found if (folder / _INDEX).is_file()))

    def _data_dirs(self) -> list[Path]:
        return [] if self.data_dir is None else [self.data_dir]


def _titled(record: dict[str, Any], line: dict[str, float]) -> str:
    """Return the title of a line of a section."""
    return record["title"] + "".join(f", {name} {value:g}" for name, value in line.items())


def _concepts_folder(atlas: Path, record: dict[str, Any]) -> Path:
    """Return the folder of the concepts that an atlas was given, or of its own."""
    settings = record.get("settings")
    given = settings.get("concepts") if isinstance(settings, dict) else None
    return Path(given).resolve() if isinstance(given, str) else atlas / CONCEPTS


def _named(folders: list[Path], name: str, what: str) -> Path:
    for folder in folders:
        if id_of(folder) == name:
            return folder
    raise SeisdreamError(f"There is no {what} '{name[:40]}'.", code="not-found", option=what)


def _prune(folder: Path, keep: Path) -> None:
    """Remove the oldest files of a folder that has grown too large."""
    files = sorted(((path.stat(), path) for path in folder.glob(f"*{keep.suffix}")), key=lambda one: one[0].st_mtime)
    n_bytes = sum(status.st_size for status, _ in files)
    for status, path in files:
        if n_bytes <= _CACHE_BYTES:
            return
        if path != keep:
            path.unlink(missing_ok=True)
            n_bytes -= status.st_size


def below(folder: Path, name: str) -> Path:
    """Return a file below a folder; raise `SeisdreamError` (``not-found``) where it is none, or lies elsewhere."""
    try:
        path = (folder / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        path = None
    if path is None or "\0" in name or not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise SeisdreamError(f"There is no file {name[:100]!r}.", code="not-found", option="name")
    return path
