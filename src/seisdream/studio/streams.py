"""Routes of events, as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from seisdream.studio.answers import Id
from seisdream.studio.history import LAST_EVENTS
from seisdream.studio.studio import Studio

RETRY_MS = 1000
"""After which a browser connects again."""
_PING_S = 15.0


def add_streams(app: FastAPI, studio: Studio) -> None:
    """Add the streams of a run's events and of all changes."""
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
                now = {one["id"]: one for one in runs.listed(50)}
                for run, short in now.items():
                    if seen.get(run) != short:
                        yield short
                for run in seen.keys() - now.keys():
                    if studio.history.run(run) is None:
                        yield {"id": run, "state": "removed"}
                seen = now
                await arrived.wait()

        async def stream() -> AsyncIterator[bytes]:
            yield format_sse_event(retry=RETRY_MS)
            async for short in _with_pings(changed()):
                yield KEEPALIVE_COMMENT if short is None else format_sse_event(data_str=json.dumps(short), event="run")

        return EventSourceResponse(_counted(studio, stream()))


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
