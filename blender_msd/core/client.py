"""The server's HTTP interface, seen from Blender. Called from threads only.

`http.client` is used because, unlike `urllib`, it never asks the system for a proxy: loopback traffic stays at home.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import quote

from .address import read_address
from .arrays import MAX_DOWNLOAD
from .errors import Problem, read_problem
from .interrupt import Interrupt
from .job_requests import SUBMISSION, JobRequests
from .sent import Sent
from .stranger import what_answers

API = 1
SERVER_NAME = "blender-msd"

# An answer may take this long; the stream of events may be silent this long (the server sends a heartbeat every 3 s).
TIMEOUT = 5.0
SILENCE = 15.0

_CHUNK = 1 << 20
# A thousand models take a megabyte or two.
_MAX_ANSWER = 16 * 1024 * 1024


class Unreachable(Problem):
    """Nobody answers; trying again may help."""

    def __init__(self, reason: object) -> None:
        super().__init__("server-lost", f"No answer from the server ({reason}).", "Start it again.")


class Slow(Unreachable):
    """Somebody listens, but has not answered in time; that is no sign that the server is dead."""

    def __init__(self) -> None:
        Problem.__init__(
            self, "server-slow", "The server has not answered yet.", "It may be busy. Wait a little, then try again."
        )


class Client(JobRequests):
    """One server.

    Args:
        url: "http://127.0.0.1:8188", as `read_address` takes it.
        token: the server's bearer token.

    Raises:
        Problem: "address-unreadable", "token-wrong".
    """

    def __init__(self, url: str, token: str) -> None:
        self.address = read_address(url)
        if not (token.isascii() and token.isprintable()):
            hint = "Copy it again from the server's server.json."
            raise Problem("token-wrong", "The token has characters that no token has.", hint)
        self._token = token

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this computer, so that no internet is involved."""
        return self.address.is_loopback

    def require_online_access(self, allowed: bool) -> None:
        """Raises Problem: "online-access-off" when the server is elsewhere and Blender may not use the internet."""
        if not self.is_loopback and not allowed:
            hint = "Allow Online Access in the preferences (System), or use a server on this computer."
            raise Problem("online-access-off", "The server is on another computer.", hint)

    def check(self) -> None:
        """Make sure that our server answers, in our version, and takes our token. No disk is involved.

        Raises:
            Slow: it does not answer yet.
            Problem: "server-lost", "not-our-server", "server-incompatible", "token-wrong".
        """
        health = self._health()
        if health.get("name") != SERVER_NAME:
            name = str(health.get("name", "an unknown program"))[:60]
            raise Problem("not-our-server", f"Found {name} at this address.", "Change the address or the port.")
        if health.get("api") != API:
            message = f"The server speaks version {health.get('api')}, this add-on speaks version {API}."
            raise Problem("server-incompatible", message, "Update both to the same release.")
        try:
            self._ask("GET", "/v1/hello")
        except Problem as problem:
            if problem.code != "request-refused":
                raise
            message = f"The server (version {str(health.get('version'))[:20]}) is older than this add-on."
            raise Problem("server-incompatible", message, "Update both to the same release.") from None

    def _health(self) -> dict[str, Any]:
        try:
            return self._ask("GET", "/v1/health")
        except Problem as problem:
            is_stranger = problem.code in ("not-our-server", "server-lost")
            found = what_answers(self.address) if is_stranger else ""
            if not found:
                raise
        raise Problem("not-our-server", f"Found {found} at this address.", "Change the address or the port.")

    def capabilities(self, refresh: bool = False) -> dict[str, Any]:
        """What the server can do, as far as it knows by now.

        Args:
            refresh: let it look for models again; what it finds is in later answers.
        """
        return self._ask("GET", f"/v1/capabilities{'?refresh=true' if refresh else ''}")

    def submit(self, recipe: dict[str, Any], key: str, stop: Interrupt | None = None) -> str:
        """Queue a job and return its id; the same `key` never makes two jobs. `stop` wakes who waits for it."""
        answer = self._ask("POST", "/v1/jobs", recipe, {"Idempotency-Key": key}, SUBMISSION, stop)
        return str(answer["id"])

    def attach(self, pid: int) -> None:
        """Keep the server for the program with this process id, whoever started it."""
        self._ask("PUT", f"/v1/leases/{pid}")

    def detach(self, pid: int) -> bool:
        """Let go of it; whether other programs use it."""
        return bool(self._ask("DELETE", f"/v1/leases/{pid}").get("leases"))

    def keep(self, file: Sent, stop: Interrupt) -> None:
        """Give the server a file that a recipe will name.

        Raises:
            Problem: the server's own ("uvs-outside", "image-too-large", ...), or "server-lost".
        """
        self._ask("PUT", f"/v1/{file.kind}/{file.name}", file.data, timeout=SUBMISSION, stop=stop)

    def artifact(self, job_id: str, name: str) -> bytes:
        """One file of a job.

        Raises:
            Problem: the server's own ("artifact-unknown"), or "artifact-too-large".
        """
        connection = self._connect(TIMEOUT)
        try:
            response = self._send(connection, "GET", f"/v1/jobs/{quote(job_id)}/artifacts/{quote(name)}")
            return _read(response, MAX_DOWNLOAD)
        except (OSError, http.client.HTTPException) as error:
            raise _no_answer(error) from None
        finally:
            connection.close()

    def open_events(self, job_id: str, after: str, stop: Interrupt) -> tuple[Any, http.client.HTTPResponse]:
        """Open the job's event stream behind event id `after`; `stop` wakes whoever reads it.

        Returns:
            The connection, to be closed, and the response, to be read line by line.
        """
        connection = self._connect(SILENCE)
        stop.watch(connection.sock)
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        try:
            return connection, self._send(connection, "GET", f"/v1/jobs/{quote(job_id)}/events", headers=headers)
        except (OSError, http.client.HTTPException) as error:
            stop.watch(None)
            connection.close()
            raise _no_answer(error) from None
        except Problem:
            stop.watch(None)
            connection.close()
            raise

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
        stop: Interrupt | None = None,
    ) -> dict[str, Any]:
        connection = self._connect(TIMEOUT if timeout is None else timeout)
        if stop is not None:
            stop.watch(connection.sock)
        try:
            response = self._send(connection, method, path, body, headers)
            text = _read(response, _MAX_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise _no_answer(error) from None
        finally:
            if stop is not None:
                stop.watch(None)
            connection.close()
        return {} if response.status == http.client.NO_CONTENT else _as_object(text)

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if self.address.secure:
            connection = http.client.HTTPSConnection(
                self.address.host, self.address.port, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(self.address.host, self.address.port, timeout=TIMEOUT)
        try:
            connection.connect()
        except OSError as error:
            # On this computer only a listener whose queue is full lets somebody wait; another one may be switched off.
            raise _no_answer(error) if self.is_loopback else Unreachable(error) from None
        connection.sock.settimeout(timeout)
        return connection

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        sent = {"Authorization": f"Bearer {self._token}", "Connection": "close"} | (headers or {})
        data = None
        if isinstance(body, bytes):
            data = body
            sent["Content-Type"] = "application/octet-stream"
        elif body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        connection.request(method, path, body=data, headers=sent)
        response = connection.getresponse()
        if response.status >= 400:
            raise _problem(response.status, _read(response, _MAX_ANSWER))
        return response


def _no_answer(error: Exception) -> Unreachable:
    return Slow() if isinstance(error, TimeoutError) else Unreachable(error)


def _read(response: http.client.HTTPResponse, limit: int) -> bytes:
    # In pieces: a socket read gives Blender's main thread its turn.
    pieces, size = [], 0
    while piece := response.read(_CHUNK):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise Problem("artifact-too-large", f"The answer is larger than {limit >> 20} MB.", "Ask for fewer faces.")
    return b"".join(pieces)


def _as_object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Problem("not-our-server", "The answer is not from our server.", "Change the address or the port.")
    return value


def _problem(status: int, text: bytes) -> Problem:
    error = _as_object(text).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return Problem("not-our-server", f"The answer was error {status}.", "Change the address or the port.")
    return read_problem(error)
