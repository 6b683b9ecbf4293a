"""Pages: the site of the studio, the login, the quiz, atlases, and what commands wrote to the folder of data."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from seisdream.studio.access import ATLAS_HEADERS, FILE_HEADERS, Access
from seisdream.studio.answers import TYPES, FileName, Id, send_file
from seisdream.studio.studio import Studio, below
from seisdream.viewer.assets import module_text, style_text

_SITE = Path(__file__).with_name("site")


def add_pages(app: FastAPI, studio: Studio, access: Access) -> None:
    """Add the pages."""

    def page(name: str) -> Response:
        return FileResponse(below(_SITE, name), media_type=TYPES.get(Path(name).suffix, "application/octet-stream"))

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

    guessing = asyncio.Lock()

    @app.post("/login", include_in_schema=False)
    async def login(password: Annotated[str, Form(max_length=1000)] = "") -> Response:
        if access.is_password(password):
            return RedirectResponse("/", 303, headers={"Set-Cookie": access.cookie})
        async with guessing:  # One guess a second, of all browsers together.
            await asyncio.sleep(1.0)
        return RedirectResponse("/login", 303)

    @app.get("/pages/{name:path}", include_in_schema=False)
    async def data_page(name: FileName) -> Response:
        return send_file(await asyncio.to_thread(studio.sources.page, name), FILE_HEADERS)

    @app.get("/quiz", include_in_schema=False)
    async def quiz() -> Response:
        return send_file(await studio.quiz(), FILE_HEADERS)

    @app.get("/atlas/{atlas}/{key}/{name:path}", include_in_schema=False)
    async def atlas_file(atlas: Id, key: str, name: FileName) -> Response:
        folder = await asyncio.to_thread(studio.atlas_folder, atlas, key)
        return send_file(below(folder, name), ATLAS_HEADERS)
