"""How the studio ends while requests are under way: each has an answer, and the server waits for none of them."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class EndingServer(uvicorn.Server):
    """A server that cancels the requests under way when it ends; an application within `Ending` answers them."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the requests, then the server."""
        for task in self.server_state.tasks:
            task.cancel()
        await super().shutdown(sockets)


class Ending:
    """Answers requests that are cancelled: streams of events end, and others answer that the studio has ended.

    Parameters
    ----------
    app : ASGI application
        Of the studio.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        last: Message | None = None

        async def send_and_note(message: Message) -> None:
            nonlocal last
            last = message
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            if last is not None:
                if last["type"] == "http.response.start" or last.get("more_body"):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            error = {"message": "The studio has ended.", "code": "changed", "option": None}
            await JSONResponse({"error": error}, 503, {"Connection": "close"})(scope, receive, send)
