"""Routes of runs, their results and volume jobs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

from seisdream.errors import SeisdreamError
from seisdream.studio.access import FILE_HEADERS
from seisdream.studio.answers import FileName, Id, send_file, send_section
from seisdream.studio.bodies import MaskBody, RunBody
from seisdream.studio.jobs import describe_job
from seisdream.studio.run_files import ARRAYS, COMMANDS, FRAMES, MASK, RESULT, SPECTRA
from seisdream.studio.studio import Studio, below

_EXPORTS = {
    "segy": ("*.sgy", "*.segy", "*.su"),
    "png": ("dream-figure.png", "figure.png", "dream-slices.png", "slices.png", "dream-variants.png"),
    "film": ("dream.mp4", "dream.gif"),
    "settings": ("recipe.json", "variants.json", "prediction.json", "attribution.json", "controls.json"),
}


def add_runs(app: FastAPI, studio: Studio) -> None:
    """Add the routes that start, list and control runs."""
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
        return {"runs": runs.listed(limit, before)}

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


def add_results(app: FastAPI, studio: Studio) -> None:
    """Add the routes of frames, arrays and files of runs."""
    runs = studio.runs

    @app.get("/api/runs/{run}/frames/{state}", response_class=Response)
    async def frame(run: Id, state: Annotated[int, InPath(ge=1, le=10_000_000)]) -> Response:
        """Return the section after a step of a dream."""
        return send_section(below(runs.folder(run) / FRAMES, f"{state}.bin"))

    @app.get("/api/runs/{run}/arrays/{name}", response_class=Response)
    async def array(run: Id, name: FileName) -> Response:
        """Return an array of the result."""
        return send_section(below(runs.folder(run) / ARRAYS, f"{name}.bin"))

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
        return send_file(below(runs.folder(run), SPECTRA))

    @app.get("/api/runs/{run}/mask", response_model=MaskBody)
    async def mask(run: Id) -> Response:
        """Return the mask of a run that was drawn by hand."""
        return send_file(below(runs.folder(run), MASK))

    @app.get("/api/runs/{run}/commands", response_class=Response)
    async def commands(run: Id) -> Response:
        """Return the command and the Python code that repeat the result."""
        return send_file(below(runs.folder(run), COMMANDS))

    @app.get("/api/runs/{run}/files/{name:path}", response_class=Response)
    async def result_file(run: Id, name: FileName) -> Response:
        """Return a file of the result."""
        return send_file(below(runs.folder(run) / RESULT, name), FILE_HEADERS)

    @app.get("/api/runs/{run}/export/{what}", response_class=Response)
    async def export(run: Id, what: Literal["segy", "zarr", "png", "film", "settings"]) -> Response:
        """Return a file of the result to be saved."""
        place = runs.folder(run) / RESULT
        patterns = _EXPORTS["settings" if what == "zarr" else what]
        found = [path for pattern in patterns for path in sorted(place.glob(pattern))]
        if not found:
            reason = "; its headers would be those of the input, which is no SEG-Y file" if what == "segy" else ""
            raise SeisdreamError(f"The result has no {what}{reason}.", code="not-found", option="what")
        path = await studio.zarr_of(run) if what == "zarr" else found[0]
        return FileResponse(path, filename=f"{run}-{path.name}", media_type="application/octet-stream")


def add_jobs(app: FastAPI, studio: Studio) -> None:
    """Add the routes of atlases and volume jobs."""

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
        return studio.runs.add({"kind": "volume", "job": str(folder), "line": {}, "settings": {}}, "", folder.name)
