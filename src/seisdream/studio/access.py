"""Who may use the studio: a token or password, then a cookie; requests from other sites are refused."""

from __future__ import annotations

import functools
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seisdream.studio.settings import LOCAL_HOSTS

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; media-src 'self' blob:; frame-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)
"""Content-Security-Policy of the pages of the studio."""
_SANDBOX = "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts allow-downloads"
# A page in a sandbox has an origin of its own, so its window belongs to no group of the studio's windows.
FILE_HEADERS = {"Content-Security-Policy": _SANDBOX, "Cross-Origin-Opener-Policy": "unsafe-none"}
"""Of pages that commands wrote and of the quiz: in a sandbox, their scripts reach neither the studio nor its API."""
ATLAS_HEADERS = {
    **FILE_HEADERS,
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    + _SANDBOX,
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Of the files of an atlas: its pages are in a sandbox too, and load its own scripts and pictures."""
LARGEST_BODY = 2**25
"""Bytes of the body of a request, but for uploads."""
_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
_OPEN_PATHS = ("/login", "/site/login.css")
_KEYED_PATHS = "/atlas/"
"""Browsers send no cookies for pages in a sandbox: the addresses of their files hold a key."""


class Access:
    """The secrets of one run of the studio.

    Parameters
    ----------
    host : str
        Address that the studio listens on.
    port : int
        Its port: cookies of studios on other ports have other names.
    password : str, optional
        That browsers may give instead of the token.
    token : str, optional
        By default a random one.
    """

    def __init__(self, host: str, port: int, password: str | None = None, token: str | None = None):
        self.token = token or secrets.token_urlsafe(32)
        self._host, self._password, self._session = host, password, secrets.token_urlsafe(32)
        self.cookie_name = f"seisdream-studio-{port}"

    @property
    def cookie(self) -> str:
        """The value of the header that sets the cookie."""
        return f"{self.cookie_name}={self._session}; Path=/; HttpOnly; SameSite=Strict"

    def is_token(self, text: str) -> bool:
        """Return whether a text is the token."""
        return _is_same(text, self.token)

    def is_password(self, text: str) -> bool:
        """Return whether a text is the password, or the token."""
        return self.is_token(text) or (self._password is not None and _is_same(text, self._password))

    def is_known(self, headers: Headers) -> bool:
        """Return whether a request carries the cookie, or the token as a bearer; passwords are for `is_password`."""
        scheme, _, credential = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(credential.strip()):
            return True
        cookies = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            return False
        return self.cookie_name in cookies and _is_same(cookies[self.cookie_name].value, self._session)

    def is_host(self, host: str) -> bool:
        """Return whether a Host header names this machine: other names may be those of an attacker's DNS."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in LOCAL_HOSTS or name == self._host:
            return True
        return self._host not in LOCAL_HOSTS and (_is_address(name) or name.lower() in _names_of_machine())


class AccessMiddleware:
    """Refuses requests from other hosts, origins and people, and adds the headers of security.

    Parameters
    ----------
    app : ASGI application
        Of the studio.
    access : Access
        Its secrets.
    on_use : callable
        Called where a request is let in.
    """

    def __init__(self, app: ASGIApp, access: Access, on_use: Callable[[], None]):
        self._app, self._access, self._on_use = app, access, on_use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # There are no other connections, such as web sockets.

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(("/api/", "/login")):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        self._on_use()
        await self._app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if not self._access.is_host(host):
            return _refused(403, "The studio does not answer to this name; use the address that it printed.")
        origin = headers.get("origin")
        is_reading = scope["method"] in ("GET", "HEAD")
        if origin is not None and urlsplit(origin).netloc != host and not (origin == "null" and is_reading):
            return _refused(403, "The request came from another site.")
        if not is_reading and headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
            return _refused(403, "The request came from another site.")
        if (
            path in _OPEN_PATHS
            or path.startswith(_KEYED_PATHS)
            or (path == "/" and "token" in QueryParams(scope["query_string"]))
        ):
            return None
        if self._access.is_known(headers):
            return None
        if path.startswith("/api/") or not is_reading:
            return _refused(401, "The studio needs its token: open the address that it printed, or log in.")
        return RedirectResponse("/login", 303)


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "code": "untrusted", "option": None}}, status)


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@functools.cache
def _names_of_machine() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name}.local", socket.getfqdn().lower()}
