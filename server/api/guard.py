"""The door: who may ask at all. Runs before routing, so that not even unknown paths answer to strangers."""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.problems import Refused, answer
from server.ranges import shown

OPEN_PATHS = ("/v1/health",)
# The names by which a server that listens on loopback is called.
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_PORT = re.compile(r":[0-9]+\Z")


class Guard:
    """ASGI middleware that checks Host, Origin and the bearer token.

    A web page could reach a loopback server by a name that resolves to 127.0.0.1 (DNS rebinding); it cannot do so by an
    address, and it cannot hide its Origin.

    Args:
        token: what `Authorization: Bearer` must carry.
        hosts: what Host may be, exactly, before its port: addresses, IPv6 in brackets.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(hosts)

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
        if not is_one_of(host, self._hosts):
            hint = f"Call it {' or '.join(sorted(self._hosts))}."
            raise Refused(403, "host-refused", f"This server does not answer for the host {shown(host)}.", hint)
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            hint = "Only pages of the server itself may use it. Programs send no Origin."
            raise Refused(403, "origin-refused", f"Web pages of {shown(origin)} may not use this server.", hint)
        if path in OPEN_PATHS:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            hint = "Send 'Authorization: Bearer TOKEN' with the token from server.json in the server's data folder."
            raise Refused(401, "token-wrong", "The token is missing or wrong.", hint)


def is_one_of(host: str, hosts: Collection[str]) -> bool:
    """Whether a Host header ("127.0.0.1:8000", "[::1]", "localhost") is one of these names; any port may follow."""
    return _PORT.sub("", host).lower() in hosts
