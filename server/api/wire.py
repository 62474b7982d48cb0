"""HTTP/1.1 on one connection: uvicorn's, with limits on time and number, and with refusals in our form."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from server.api.limits import HEADER_SECONDS, LINGER_SECONDS, STALLED_SECONDS, most_connections
from server.api.problems import Refused, answer


class Wire(H11Protocol):
    """One connection. Besides what uvicorn does:

    - small answers are sent at once, not after the other side's delayed acknowledgement;
    - headers that do not come within HEADER_SECONDS, and answers that nobody takes for STALLED_SECONDS, end it;
    - when there are too many connections, the one that has asked for nothing for the longest time ends; when all of
      them work, the new one is refused;
    - what is no HTTP, or too much of it, is answered as every other refusal is.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._most = most_connections()
        self._waits_since = self.loop.time()
        self._leaving = False
        self._gone = False
        self._late = _Timer(self.loop)
        self._stalled = _Timer(self.loop)

    @property
    def _waits_for_request(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        send_at_once(transport.get_extra_info("socket"))
        self._watch_for_headers()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        super().data_received(data)
        if self._waits_for_request:
            self._watch_for_headers()
        else:
            self._late.stop()

    def on_response_complete(self) -> None:
        self._waits_since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._late.stop()
        self._stalled.stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled.start(STALLED_SECONDS, self._abort)

    def resume_writing(self) -> None:
        self._stalled.stop()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn while it handles h11's error."""
        error = sys.exc_info()[1]
        status = getattr(error, "error_status_hint", 400)
        if status == 431:
            hint = "Send fewer or shorter headers."
            self._refuse(Refused(431, "header-too-large", "The headers of the request are too large.", hint))
        else:
            said = f"This is no request in HTTP/1.1: {str(error)[:100]}."
            self._refuse(Refused(status, "request-malformed", said, "Use a client for HTTP/1.1."))

    def _should_upgrade(self) -> bool:
        return False

    def _watch_for_headers(self) -> None:
        self._late.start(HEADER_SECONDS, self._end_late)

    def _end_late(self) -> None:
        said = f"The headers of the request did not come within {HEADER_SECONDS:.0f} s."
        self._refuse(Refused(408, "request-too-slow", said, "Connect again when the request is ready."))

    def _make_room(self) -> None:
        others = [other for other in self.connections if isinstance(other, Wire) and not other._gone]
        if len(others) <= self._most:
            return
        idle = [other for other in others if other is not self and (other._leaving or other._waits_for_request)]
        if idle:
            min(idle, key=lambda other: (not other._leaving, other._waits_since))._abort()
            return
        said = f"The server has {self._most} connections, and all of them are busy."
        self._refuse(Refused(503, "too-many-connections", said, "Close some, then try again."))

    def _abort(self) -> None:
        self._leaving = self._gone = True
        self.transport.abort()

    def _refuse(self, refusal: Refused) -> None:
        """Answer, where an answer is still possible, and end the connection."""
        if self._leaving:
            return
        self._leaving = True
        self._unset_keepalive_if_required()
        if self.cycle is not None:
            # Whoever works on its request may stop.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        said = answer(refusal)
        headers = [*said.raw_headers, (b"connection", b"close")]
        reason = STATUS_PHRASES[refusal.status]
        events = (
            h11.Response(status_code=refusal.status, headers=headers, reason=reason),
            h11.Data(data=bytes(said.body)),
            h11.EndOfMessage(),
        )
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        if self.transport.can_write_eof():
            # Closing now would reset the connection under a client that still sends, and lose the answer.
            self.transport.write_eof()
            self.loop.call_later(LINGER_SECONDS, self._abort)
        else:
            self.transport.close()


def send_at_once(connection: Any) -> None:
    """Turn off Nagle's algorithm, which holds small pieces back for some 40 ms. Nothing for other than TCP."""
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Timer:
    """Calls once; starting it while it runs changes nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, work: Callable[[], None]) -> None:
        if self._handle is None:
            self._handle = self._loop.call_later(seconds, work)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
