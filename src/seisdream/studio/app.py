"""The HTTP API of the studio and its pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Form, Query, Request
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.exceptions import HTTPException

from seisdream import __version__
from seisdream.attribution.settings import AttributionSettings
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.io.options import InputOptions
from seisdream.significance.settings import ControlSettings
from seisdream.studio.access import FILE_POLICY, LARGEST_BODY, PAGE_POLICY, Access, AccessMiddleware
from seisdream.studio.bodies import MaskBody, PointBody, RunBody, SectionBody
from seisdream.studio.history import LAST_EVENTS
from seisdream.studio.jobs import describe_job
from seisdream.studio.presets import NETWORKS, PRESETS
from seisdream.studio.run_files import ARRAYS, COMMANDS, FRAMES, MASK, RESULT, SPECTRA
from seisdream.studio.runs import MOST_QUEUED
from seisdream.studio.schema import schema_of
from seisdream.studio.sources import SAMPLES
from seisdream.studio.studio import PREDICTOR, WARM_NETWORK, Studio, below
from seisdream.viewer.assets import module_text, style_text

SECTION_TYPE = "application/vnd.seisdream.section"
RETRY_MS = 1000
"""After which a browser connects again."""
_PING_S = 15.0
_SITE = Path(__file__).with_name("site")
_STATUS = {"not-found": 404, "untrusted": 403, "too-large": 413, "changed": 409}
_TYPES = {
    ".css": "text/css", ".csv": "text/csv", ".gif": "image/gif", ".html": "text/html", ".jpg": "image/jpeg",
    ".js": "text/javascript", ".json": "application/json", ".mp4": "video/mp4", ".png": "image/png",
    ".svg": "image/svg+xml", ".txt": "text/plain", ".webp": "image/webp", ".woff2": "font/woff2",
}  # fmt: skip
_EXPORTS = {
    "segy": ("*.sgy", "*.segy", "*.su"),
    "png": ("dream-figure.png", "figure.png", "dream-slices.png", "slices.png", "dream-variants.png"),
    "film": ("dream.mp4", "dream.gif"),
    "settings": ("recipe.json", "variants.json", "prediction.json", "attribution.json", "controls.json"),
}

Id = Annotated[str, InPath(pattern=r"^[0-9a-f]{16}$")]
FileName = Annotated[str, InPath(max_length=1000)]


def create_app(studio: Studio, access: Access, *, on_close: Callable[[], None] = lambda: None) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    studio : Studio
        Its state.
    access : Access
        Its secrets.
    on_close : callable, optional
        Called when it has ended.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await studio.start()
        yield
        await studio.close()
        on_close()

    app = FastAPI(
        title="seisdream studio",
        version=__version__,
        summary="Dream on seismic from a browser or a script.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # The pages of the documentation come from another site.
        redoc_url=None,
        lifespan=lifespan,
        max_body_size=LARGEST_BODY,
    )
    app.add_middleware(AccessMiddleware, access=access, on_use=studio.note_use)
    _answer_errors(app)
    _add_pages(app, studio, access)
    _add_looking_up(app, studio)
    _add_sections(app, studio)
    _add_runs(app, studio)
    _add_results(app, studio)
    _add_streams(app, studio)
    _add_jobs(app, studio)

    return app


def _answer_errors(app: FastAPI) -> None:
    def answer(status: int, message: str, code: str, option: str | None = None) -> JSONResponse:
        return JSONResponse({"error": {"message": message, "code": code, "option": option}}, status)

    @app.exception_handler(SeisdreamError)
    async def refused(request: Request, error: SeisdreamError) -> JSONResponse:
        return answer(_STATUS.get(error.code, 400), str(error), error.code, error.option)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
        return answer(
            422, f"{'.'.join(where) or 'The body'}: {first['msg']}.", "wrong-type", where[0] if where else None
        )

    @app.exception_handler(HTTPException)
    async def failed(request: Request, error: HTTPException) -> JSONResponse:
        response = answer(error.status_code, str(error.detail), "not-found" if error.status_code == 404 else "invalid")
        response.headers.update(error.headers or {})
        return response


def _add_pages(app: FastAPI, studio: Studio, access: Access) -> None:
    def page(name: str) -> Response:
        return FileResponse(below(_SITE, name), media_type=_TYPES.get(Path(name).suffix, "application/octet-stream"))

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        token = request.query_params.get("token")
        if token is None:
            return page("index.html")
        if not access.is_token(token):
            return RedirectResponse("/login", 303)
        rest = "&".join(one for one in request.url.query.split("&") if not one.startswith("token="))
        return RedirectResponse(f"/?{rest}" if rest else "/", 303, headers={"Set-Cookie": access.cookie})

    @app.get("/runs/{run}", include_in_schema=False)
    async def run_page(run: Id) -> Response:
        return page("index.html")

    @app.get("/site/{name:path}", include_in_schema=False)
    async def site(name: FileName) -> Response:
        return page(name)

    @app.get("/viewer/viewer.js", include_in_schema=False)
    async def viewer_script() -> Response:
        return Response(module_text(), media_type="text/javascript")

    @app.get("/viewer/viewer.css", include_in_schema=False)
    async def viewer_style() -> Response:
        return Response(style_text(), media_type="text/css")

    @app.get("/login", include_in_schema=False)
    async def login_page() -> Response:
        return HTMLResponse(Path(__file__).with_name("login.html").read_text(encoding="utf-8"))

    @app.post("/login", include_in_schema=False)
    async def login(password: Annotated[str, Form(max_length=1000)] = "") -> Response:
        if access.is_password(password):
            return RedirectResponse("/", 303, headers={"Set-Cookie": access.cookie})
        await asyncio.sleep(1.0)  # So that guessing takes long.
        return RedirectResponse("/login", 303)

    @app.get("/quiz", include_in_schema=False)
    async def quiz() -> Response:
        return _file(await studio.quiz(), policy=FILE_POLICY)

    @app.get("/atlas/{atlas}/{name:path}", include_in_schema=False)
    async def atlas_file(atlas: Id, name: FileName) -> Response:
        folder = await asyncio.to_thread(studio.atlas_folder, atlas)
        return _file(below(folder, name), policy=PAGE_POLICY)


def _add_looking_up(app: FastAPI, studio: Studio) -> None:
    schemas = {
        "dream": schema_of(DreamSettings),
        "predict": schema_of(PredictionSettings),
        "attribute": schema_of(AttributionSettings),
        "controls": schema_of(ControlSettings),
        "open": schema_of(InputOptions, exclude=("inline", "crossline", "time_ms")),
    }
    schemas["attribute"]["properties"] |= {
        "target": {
            "title": "Target",
            "description": "What is explained: class:NAME, a channel LAYER:12, or a sum of such.",
            "type": ["string", "null"],
            "default": None,
            "x-auto": "the predicted class",
        },
        "at": {
            "title": "Point",
            "description": "Horizontal and vertical coordinate of the point that is explained.",
            "type": ["array", "null"],
            "items": {"type": "number"},
            "default": None,
            "x-auto": "the whole section",
        },
    }

    @app.get("/api/studio")
    async def state() -> dict[str, Any]:
        """Return the limits of the studio, its samples, and what it is doing."""
        settings = studio.settings
        return {
            "version": __version__,
            "network": WARM_NETWORK,
            "predictor": PREDICTOR,
            "has_data_dir": studio.data_dir is not None,
            "limits": {
                "upload_bytes": round(settings.upload_gb * 1e9),
                "uploads": settings.uploads,
                "queue": MOST_QUEUED,
            },
            "samples": [{"source": name, "title": title} for name, title in SAMPLES.items()],
            "quiz": "/quiz",
            **studio.runs.state(),
        }

    @app.get("/api/presets")
    async def presets() -> list[dict[str, Any]]:
        """Return settings that make a good picture at once."""
        return [one.to_dict() for one in PRESETS]

    @app.get("/api/schema")
    async def schema() -> dict[str, Any]:
        """Return JSON schemas of the settings of each kind of run, and of opening."""
        return schemas

    @app.get("/api/networks")
    async def networks() -> list[dict[str, Any]]:
        """Return the networks that can be chosen."""
        return [{"name": name, "title": title} for name, title in NETWORKS.items()] + [
            {"name": name, "title": "named where the studio was started"} for name in studio.settings.networks
        ]

    @app.get("/api/networks/{name:path}")
    async def network(name: Annotated[str, InPath(max_length=500)]) -> dict[str, Any]:
        """Return the layers and classes of a network."""
        return await studio.network(name)

    @app.post("/api/point")
    async def point(body: PointBody) -> dict[str, Any]:
        """Return the channels that are most active at a point, and its class probabilities."""
        return await studio.point(body.model_dump())


def _add_sections(app: FastAPI, studio: Studio) -> None:
    @app.get("/api/files")
    async def files(path: Annotated[str, Query(max_length=4096)] = "") -> dict[str, Any]:
        """Return the content of a folder below the folder of data."""
        return {"path": path, "entries": await asyncio.to_thread(studio.sources.folder, path)}

    @app.get("/api/uploads")
    async def uploads() -> list[dict[str, Any]]:
        """Return the uploads."""
        return studio.uploads.list()

    @app.post("/api/uploads", status_code=201, max_body_size=studio.uploads.most_bytes + 1)
    async def upload(request: Request, name: Annotated[str, Query(min_length=1, max_length=500)]) -> dict[str, Any]:
        """Keep the body of the request as a file."""
        return await studio.uploads.receive(name, request.stream())

    @app.delete("/api/uploads/{upload}", status_code=204)
    async def remove_upload(upload: Id) -> None:
        """Remove an upload."""
        studio.uploads.remove(upload)

    @app.post("/api/sections")
    async def open_section(body: SectionBody) -> dict[str, Any]:
        """Open a source: its facts, problems, axes, amplitudes and geometry."""
        return await studio.open_section(body.source, body.options)

    @app.get("/api/sections/{section}")
    async def section(section: Id) -> dict[str, Any]:
        """Return a section that was opened before."""
        return studio.section(section)

    @app.get("/api/sections/{section}/samples", response_class=Response)
    async def samples(
        section: Id, inline: int | None = None, crossline: int | None = None, time: float | None = None
    ) -> Response:
        """Return the samples of a section, or of one of a volume, as the viewer reads them."""
        line = {"inline": inline, "crossline": crossline, "time": time}
        given = {name: float(value) for name, value in line.items() if value is not None}
        return _body(await studio.samples(section, given))


def _add_runs(app: FastAPI, studio: Studio) -> None:
    runs = studio.runs

    @app.post("/api/runs", status_code=201)
    async def start(body: RunBody) -> dict[str, Any]:
        """Add a run to the queue."""
        return studio.add_run(body.model_dump())

    @app.get("/api/runs")
    async def history(
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[str | None, Query(pattern=r"^[0-9a-f]{16}$")] = None,
    ) -> dict[str, Any]:
        """Return runs, newest first."""
        return {"runs": [runs.short(one["id"]) for one in studio.history.runs(limit, before)]}

    @app.get("/api/runs/{run}")
    async def show(run: Id) -> dict[str, Any]:
        """Return everything about a run."""
        return runs.shown(run)

    @app.post("/api/runs/{run}/{action}")
    async def act(run: Id, action: Literal["pause", "resume", "stop"]) -> dict[str, Any]:
        """Pause a run, let it go on, or stop it; a second stop ends its worker."""
        getattr(runs, action)(run)
        return runs.shown(run)

    @app.delete("/api/runs/{run}", status_code=204)
    async def remove(run: Id) -> None:
        """Remove a run and its files."""
        runs.remove(run)


def _add_results(app: FastAPI, studio: Studio) -> None:
    runs = studio.runs

    def folder(run: str) -> Path:
        runs.shown(run)
        return runs.folder(run)

    @app.get("/api/runs/{run}/frames/{state}", response_class=Response)
    async def frame(run: Id, state: Annotated[int, InPath(ge=1, le=10_000_000)]) -> Response:
        """Return the section after a step of a dream."""
        return _body(below(folder(run) / FRAMES, f"{state}.bin"))

    @app.get("/api/runs/{run}/arrays/{name}", response_class=Response)
    async def array(run: Id, name: FileName) -> Response:
        """Return an array of the result."""
        return _body(below(folder(run) / ARRAYS, f"{name}.bin"))

    @app.get("/api/runs/{run}/scores")
    async def scores(run: Id) -> dict[str, list[float]]:
        """Return the score before each step, and how long it took."""
        names = ("level", "octave", "step", "score", "milliseconds")
        runs.shown(run)
        rows = list(studio.history.steps(run))
        return {name: [row[name] for row in rows] for name in names}

    @app.get("/api/runs/{run}/spectra", response_class=Response)
    async def spectra(run: Id) -> Response:
        """Return the amplitude spectra before and after a dream, in dB below the highest peak."""
        return _file(below(folder(run), SPECTRA))

    @app.get("/api/runs/{run}/mask", response_model=MaskBody)
    async def mask(run: Id) -> Response:
        """Return the mask of a run that was drawn by hand."""
        return _file(below(folder(run), MASK))

    @app.get("/api/runs/{run}/commands", response_class=Response)
    async def commands(run: Id) -> Response:
        """Return the command and the Python code that repeat the result."""
        return _file(below(folder(run), COMMANDS))

    @app.get("/api/runs/{run}/files/{name:path}", response_class=Response)
    async def result_file(run: Id, name: FileName) -> Response:
        """Return a file of the result."""
        return _file(below(folder(run) / RESULT, name), policy=FILE_POLICY)

    @app.get("/api/runs/{run}/export/{what}", response_class=Response)
    async def export(run: Id, what: Literal["segy", "zarr", "png", "film", "settings"]) -> Response:
        """Return a file of the result to be saved."""
        place = folder(run)
        if what == "zarr":
            below(place, f"{RESULT}/{_marker(place)}")
            path = await studio.zarr_of(run)
        else:
            found = [path for pattern in _EXPORTS[what] for path in sorted((place / RESULT).glob(pattern))]
            if not found:
                raise SeisdreamError(f"The result has no {what}.", code="not-found", option="what")
            path = found[0]
        return FileResponse(path, filename=f"{run}-{path.name}", media_type="application/octet-stream")


def _add_streams(app: FastAPI, studio: Studio) -> None:
    runs = studio.runs

    @app.get("/api/runs/{run}/events", response_class=Response)
    async def events(run: Id, request: Request, after: Annotated[int, Query(ge=0, le=2**53)] = 0) -> Response:
        """Stream the events of a run, all of them or those after ``Last-Event-ID``."""
        record = runs.shown(run)
        last = request.headers.get("last-event-id", "")
        after = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else after
        if record["state"] in LAST_EVENTS and after >= record["last_event"]:
            return Response(status_code=204)  # Which ends the browser's attempts to connect again.

        async def stream() -> AsyncIterator[bytes]:
            yield format_sse_event(retry=RETRY_MS)
            async for event in _with_pings(runs.events(run, after)):
                if event is None:
                    yield KEEPALIVE_COMMENT
                else:
                    yield format_sse_event(data_str=event.data, event=event.name, id=str(event.id))

        return EventSourceResponse(_counted(studio, stream()))

    @app.get("/api/events", response_class=Response)
    async def changes() -> Response:
        """Stream the runs whose state changes."""

        async def changed() -> AsyncIterator[dict[str, Any]]:
            seen: dict[str, dict[str, Any]] = {}
            while True:
                arrived = runs.changed.next
                now = {one["id"]: runs.short(one["id"]) for one in studio.history.runs(50)}
                for run, short in now.items():
                    if seen.get(run) != short:
                        yield short
                for run in seen.keys() - now.keys():
                    yield runs.short(run)
                seen = now
                await arrived.wait()

        async def stream() -> AsyncIterator[bytes]:
            yield format_sse_event(retry=RETRY_MS)
            async for short in _with_pings(changed()):
                yield KEEPALIVE_COMMENT if short is None else format_sse_event(data_str=json.dumps(short), event="run")

        return EventSourceResponse(_counted(studio, stream()))


def _add_jobs(app: FastAPI, studio: Studio) -> None:
    @app.get("/api/atlases")
    async def atlases() -> list[dict[str, Any]]:
        """Return the atlases below the folder of data."""
        return await asyncio.to_thread(studio.atlases)

    @app.get("/api/jobs")
    async def jobs() -> list[dict[str, Any]]:
        """Return the volume jobs below the folder of data, and those of runs."""
        return await asyncio.to_thread(studio.jobs)

    @app.get("/api/jobs/{job}")
    async def job(job: Id) -> dict[str, Any]:
        """Return a volume job with the state of its blocks: 0 open, 1 finished, 2 failed."""
        folder = await asyncio.to_thread(studio.job_folder, job)
        described = await asyncio.to_thread(describe_job, folder, with_blocks=True)
        if described is None:
            raise SeisdreamError(f"The record of the job '{job}' cannot be read.", code="unreadable", option="job")
        return described

    @app.post("/api/jobs/{job}/resume", status_code=201)
    async def resume(job: Id) -> dict[str, Any]:
        """Compute the blocks of a job that are not finished."""
        folder = await asyncio.to_thread(studio.job_folder, job)
        return studio.runs.add({"kind": "volume", "job": str(folder), "line": {}, "settings": {}}, folder.name)


def _body(path: Path) -> Response:
    return FileResponse(path, media_type=SECTION_TYPE, headers={"Cache-Control": "private, max-age=3600"})


def _file(path: Path, *, policy: str | None = None) -> Response:
    """Return a file; what browsers do not show is saved."""
    kind = _TYPES.get(path.suffix.lower())
    headers = {} if policy is None else {"Content-Security-Policy": policy}
    if kind is None:
        return FileResponse(path, filename=path.name, media_type="application/octet-stream", headers=headers)
    return FileResponse(path, media_type=kind, headers=headers)


def _marker(place: Path) -> str:
    found = [name for name in _EXPORTS["settings"] if (place / RESULT / name).is_file()]
    return found[0] if found else "recipe.json"


async def _with_pings(items: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield items as they come, and None where none has come for a while, so that connections stay open."""
    waiting = asyncio.ensure_future(anext(items))
    try:
        while True:
            done, _ = await asyncio.wait([waiting], timeout=_PING_S)
            if not done:
                yield None
                continue
            try:
                item = waiting.result()
            except StopAsyncIteration:
                return
            waiting = asyncio.ensure_future(anext(items))
            yield item
    finally:
        waiting.cancel()


async def _counted(studio: Studio, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    studio.n_streams += 1
    try:
        async for part in stream:
            yield part
    finally:
        studio.n_streams -= 1
        studio.note_use()
