"""The application: its routes, its errors, and what begins and ends with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from seisdream import __version__
from seisdream.errors import SeisdreamError
from seisdream.studio.access import LARGEST_BODY, Access, AccessMiddleware
from seisdream.studio.lookups import add_looking_up, add_sections
from seisdream.studio.pages import add_pages
from seisdream.studio.results import add_jobs, add_results, add_runs
from seisdream.studio.streams import add_streams
from seisdream.studio.studio import Studio

_STATUS = {"not-found": 404, "untrusted": 403, "too-large": 413, "changed": 409}


def create_app(studio: Studio, access: Access) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    studio : Studio
        Its state.
    access : Access
        Its secrets.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await studio.start()
        yield
        await studio.close()

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
    add_pages(app, studio, access)
    add_looking_up(app, studio)
    add_sections(app, studio)
    add_runs(app, studio)
    add_results(app, studio)
    add_streams(app, studio)
    add_jobs(app, studio)
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
