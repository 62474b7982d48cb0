"""The door: who may ask at all. Runs before routing, so that not even unknown paths answer to strangers."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.problems import Refused, answer

OPEN_PATHS = ("/v1/health",)


class Guard:
    """ASGI middleware that checks Host, Origin and the bearer token.

    A web page could reach a loopback server by a name that resolves to 127.0.0.1 (DNS rebinding); it cannot do so by an
    address, and it cannot hide its Origin.

    Args:
        token: what `Authorization: Bearer` must carry.
        loopback_only: whether Host must be this computer; otherwise it may be any IP address.
    """

    def __init__(self, app: ASGIApp, token: str, loopback_only: bool) -> None:
        self._app = app
        self._token = token.encode()
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(Headers(scope=scope), scope["path"])
            except Refused as refusal:
                await answer(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, headers: Headers, path: str) -> None:
        host = headers.get("host", "")
        if not is_address_of_ours(host, self._loopback_only):
            hint = "Use http://127.0.0.1:PORT."
            raise Refused(403, "host-refused", f"This server does not answer for the host {host[:80]!r}.", hint)
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            raise Refused(403, "origin-refused", f"Web pages of {origin[:80]} may not use this server.")
        if path in OPEN_PATHS:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            hint = "Send 'Authorization: Bearer TOKEN' with the token from server.json in the server's data folder."
            raise Refused(401, "token-wrong", "The token is missing or wrong.", hint)


def is_address_of_ours(host: str, loopback_only: bool) -> bool:
    """Whether a Host header ("127.0.0.1:8000", "[::1]", "localhost") names a server that may be this one."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost":
            return True
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not loopback_only
