"""The server of a data folder, as commands ask it: found by server.json, over HTTP, with its own refusals.

`http.client` never asks the system for a proxy: what is on this computer stays on it.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from server.api import API_VERSION
from server.errors import BadRequest, Problem

# An answer may take this long; a stream says every few seconds that it is still there.
PATIENCE_S = 30.0
# How long a server may take to be back while a job is followed.
RETURN_S = 20.0
_SAFE = "Jobs and results are safe in the folder."


@dataclass(frozen=True)
class Told:
    """One event of a job's stream."""

    id: int
    name: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        return self.name in ("done", "failed") or (self.name == "state" and self.data.get("state") == "cancelled")


class RunningServer:
    """The server that uses a data folder now.

    Args:
        certificate: the PEM file by which a server with TLS is known, if the system does not know it.

    Raises:
        Problem: "server-not-running", "server-file-unusable", "server-incompatible"; "server-lost", "server-slow",
            "not-our-server" from every method, and whatever the server itself says.
    """

    def __init__(self, data_dir: Path, certificate: Path | None = None) -> None:
        self._data_dir = data_dir
        self._certificate = certificate
        self._said = _read_server_file(data_dir)

    def get(self, path: str) -> dict[str, Any]:
        """`path` begins behind "/v1/"."""
        return self._ask("GET", path)

    def post(self, path: str) -> dict[str, Any]:
        return self._ask("POST", path)

    def put(self, path: str) -> dict[str, Any]:
        return self._ask("PUT", path)

    def delete(self, path: str) -> dict[str, Any]:
        return self._ask("DELETE", path)

    def events(self, job_id: str) -> Iterator[Told]:
        """What happened to a job and what happens, to its last event; also over a restart of the server."""
        after, lost_at = 0, None
        while True:
            try:
                for event in self._stream(job_id, after):
                    after, lost_at = event.id, None
                    yield event
                    if event.is_last:
                        return
                lost_at = lost_at or time.monotonic()
            except Problem as problem:
                # Only what a restart mends.
                if problem.code not in ("server-lost", "server-not-running", "server-slow"):
                    raise
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > RETURN_S:
                    raise
            time.sleep(0.5)
            if (self._data_dir / "server.json").exists():
                self._said = _read_server_file(self._data_dir)

    def _stream(self, job_id: str, after: int) -> Iterator[Told]:
        connection, response = self._send("GET", f"jobs/{quote(job_id, safe='')}/events", {"Last-Event-ID": str(after)})
        try:
            if response.status != 200:
                _read(response)
            yield from parse(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(error) from None
        finally:
            connection.close()

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        connection, response = self._send(method, path, {})
        try:
            return _read(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(error) from None
        finally:
            connection.close()

    def _send(
        self, method: str, path: str, headers: dict[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = self._connection()
        try:
            connection.request(
                method, f"/v1/{path}", headers={"Authorization": f"Bearer {self._said['token']}", **headers}
            )
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._lost(error) from None

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._said["host"], self._said["port"]
        if self._said["scheme"] == "http":
            return http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        try:
            trusted = ssl.create_default_context(cafile=self._certificate)
        except OSError as error:
            hint = "Give the file that the server was started with."
            raise BadRequest("tls-unusable", f"{self._certificate} cannot be used: {error.strerror}.", hint) from None
        return http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=trusted)

    def _lost(self, error: Exception) -> Problem:
        if isinstance(error, ssl.SSLCertVerificationError):
            hint = "Give its certificate as --tls-certificate."
            return Problem("tls-unusable", f"The server's certificate is not trusted: {error.verify_message}.", hint)
        if isinstance(error, TimeoutError):
            said = f"The server (process {self._said['pid']}) has not answered within {PATIENCE_S:.0f} s."
            return Problem("server-slow", said, f"It may be busy: try again. {_SAFE}")
        where = f"http://{self._said['host']}:{self._said['port']}"
        said = f"The server that {self._data_dir / 'server.json'} names does not answer at {where} ({error})."
        return Problem("server-lost", said, f"{_SAFE} {_start(self._data_dir)}")


def parse(lines: Iterable[bytes]) -> Iterator[Told]:
    """Server-sent events as this server sends them: id, event and one line of JSON."""
    fields: dict[str, str] = {}
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        name, _, value = line.partition(":")
        if line:
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield Told(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


def _start(data_dir: Path) -> str:
    return f"Start it again with: python -m server serve --data-dir {data_dir}"


def _read_server_file(data_dir: Path) -> dict[str, Any]:
    file = data_dir / "server.json"
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        found = {name: kind(said[name]) for name, kind in _FIELDS.items()}
    except FileNotFoundError:
        safe = (
            _SAFE if (data_dir / "jobs.sqlite").exists() else "There is no list of jobs in it: is it the right folder?"
        )
        raise Problem("server-not-running", f"No server uses {data_dir} now.", f"{safe} {_start(data_dir)}") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        hint = f"{_SAFE} Remove it, then start the server again."
        raise Problem("server-file-unusable", f"{file} cannot be read: {reason}.", hint) from None
    if found["api"] != API_VERSION:
        said = f"The server speaks version {found['api']} of its interface, this command speaks version {API_VERSION}."
        raise Problem("server-incompatible", said, "Use the command of the server's own release.")
    return found


_FIELDS: dict[str, type] = {"scheme": str, "host": str, "port": int, "token": str, "pid": int, "api": int}


def _read(response: http.client.HTTPResponse) -> dict[str, Any]:
    written = response.read()
    if response.status == 204:
        return {}
    try:
        answer = json.loads(written)
        if response.status < 400:
            return dict(answer)
        error = answer["error"]
        refusal = BadRequest if response.status == 422 else Problem
        raise refusal(error["code"], error["detail"], error["next"])
    except (ValueError, LookupError, TypeError):
        said = f"What answers there is not this program's server (HTTP {response.status})."
        raise Problem("not-our-server", said, "Remove server.json, then start the server again.") from None
