"""Clients that mean no good, or do not know better, on a real socket: each is refused in our form, and others go on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from server.api.feeds import Feeds
from server.api.office import Office
from server.api.serving import Server
from server.jobs.artifacts import job_folder
from server.jobs.events import Bell, StoredEvent
from server.jobs.store import Store
from server.recipe import read_recipe
from tests.api.conftest import TOKEN

Recipe = dict[str, Any]
HEAD = b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
def address(lasting: tuple[httpx.Client, Server]) -> tuple[str, int]:
    url = lasting[0].base_url
    assert url.port is not None
    return url.host, url.port


@pytest.fixture
def connect(address: tuple[str, int]) -> Iterator[Callable[[], socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(socket.create_connection(address, timeout=20))


def read_all(connection: socket.socket) -> bytes:
    """Until the server ends the connection."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            found += piece
    return found


def error_in(answer: bytes) -> tuple[int, dict[str, str]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    error: dict[str, str] = json.loads(body)["error"]
    assert set(error) == {"code", "headline", "detail", "next"}
    assert all(error.values())
    return int(head.split()[1]), error


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"hello\r\n\r\n", 400, "request-malformed"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "request-malformed"),
        (b"PRI * HTTP/2.0\r\n\r\n", 403, "host-refused"),
        (b"GET /v1/jobs HTTP/1.1\r\n\r\n", 400, "request-malformed"),
        (b"GET /v1/jobs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "request-malformed"),
        (b"GET /v1/jobs HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n", 400, "request-malformed"),
        (b"GET /v1/\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, "request-malformed"),
        (HEAD + b"X: a\x00b\r\n\r\n", 400, "request-malformed"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "request-malformed"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "request-malformed"),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501, "request-malformed"),
        (HEAD + b"X: " + b"[" * 200_000, 431, "header-too-large"),
        (HEAD + b"X: " + b"[" * 200_000 + b"\r\n\r\n", 431, "header-too-large"),
        (b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 431, "header-too-large"),
        (HEAD + b"Origin: http://[\r\n\r\n", 403, "origin-refused"),
        (HEAD + b"Origin: null\r\n\r\n", 403, "origin-refused"),
        (b"GET /v1/jobs HTTP/1.0\r\n\r\n", 403, "host-refused"),
        (b"GET http://evil.example/v1/jobs HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "host-refused"),
        (HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 401, "token-wrong"),
        (HEAD + b"Authorization: Bearer " + b"[" * 10_000 + b"\r\n\r\n", 401, "token-wrong"),
    ],
)
def test_what_is_no_request_is_refused_in_our_form(
    connect: Callable[[], socket.socket], sent: bytes, status: int, code: str
) -> None:
    connection = connect()
    connection.sendall(sent)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
    found, error = error_in(read_all(connection))
    assert (found, error["code"]) == (status, code)


@pytest.mark.parametrize("rest", [b"zz\r\nhello\r\n", b"5\r\nhelloXX", b"-1\r\n"])
def test_a_body_that_breaks_off_its_form_is_refused(connect: Callable[[], socket.socket], rest: bytes) -> None:
    connection = connect()
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer "
    connection.sendall(head + TOKEN.encode() + b"\r\n\r\n" + rest)
    assert error_in(read_all(connection)) == (400, error_in_form("request-malformed"))


class error_in_form(dict[str, str]):
    """Equal to every error with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code=code)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and other["code"] == self["code"]


def test_a_client_that_leaves_in_the_middle_of_its_body_is_not_waited_for(
    lasting: tuple[httpx.Client, Server], connect: Callable[[], socket.socket], capfd: pytest.CaptureFixture[str]
) -> None:
    connection = connect()
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\nAuthorization: Bearer "
    connection.sendall(head + TOKEN.encode() + b'\r\n\r\n{"kind": ')
    connection.close()
    assert lasting[0].get("/v1/hello").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


def test_answers_are_sent_at_once(address: tuple[str, int], lasting: tuple[httpx.Client, Server]) -> None:
    client, server = lasting
    assert client.get("/v1/hello").status_code == 200
    sockets = [wire.transport.get_extra_info("socket") for wire in server.server_state.connections]
    assert sockets
    assert all(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for found in sockets)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.api.wire.HEADER_SECONDS", 0.2)
    monkeypatch.setattr("server.api.bodies.BODY_SECONDS", 0.2)


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, HEAD + b"X: "])
def test_headers_that_do_not_come_end_the_connection(
    hurried: None, connect: Callable[[], socket.socket], sent: bytes
) -> None:
    connection = connect()
    connection.sendall(sent)
    assert error_in(read_all(connection)) == (408, error_in_form("request-too-slow"))


def test_a_second_request_that_does_not_come_ends_the_connection(
    hurried: None, connect: Callable[[], socket.socket]
) -> None:
    connection = connect()
    connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
    connection.sendall(HEAD)
    assert b"request-too-slow" in read_all(connection)


def test_a_body_that_does_not_come_is_refused(hurried: None, connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    head = (
        b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nConnection: close\r\nAuthorization: Bearer "
    )
    connection.sendall(head + TOKEN.encode() + b"\r\n\r\n{")
    assert error_in(read_all(connection)) == (408, error_in_form("request-too-slow"))


def test_silent_connections_make_room_for_those_that_ask(
    monkeypatch: pytest.MonkeyPatch, connect: Callable[[], socket.socket]
) -> None:
    monkeypatch.setattr("server.api.wire.most_connections", lambda: 8)
    silent = [connect() for _ in range(40)]
    for _ in range(3):
        asking = connect()
        asking.sendall(b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert read_all(asking).startswith(b"HTTP/1.1 200 OK")
    assert [read_all(connection) for connection in silent[:30]] == [b""] * 30


def test_connections_that_all_work_are_not_disturbed_by_one_more(
    monkeypatch: pytest.MonkeyPatch,
    lasting: tuple[httpx.Client, Server],
    connect: Callable[[], socket.socket],
    bricks: Recipe,
) -> None:
    job_id = lasting[0].post("/v1/jobs", json=bricks).json()["id"]
    monkeypatch.setattr("server.api.wire.most_connections", lambda: 3)
    ask = b"GET /v1/jobs/" + job_id.encode() + b"/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
    streams = [connect() for _ in range(3)]
    for stream in streams:
        stream.sendall(ask + TOKEN.encode() + b"\r\n\r\n")
        assert stream.recv(15).startswith(b"HTTP/1.1 200 OK")
    assert error_in(read_all(connect())) == (503, error_in_form("too-many-connections"))
    streams[0].close()
    assert streams[1].recv(100)


def test_few_descriptors_mean_few_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    from server.api.limits import DESCRIPTORS_KEPT_BACK, MOST_CONNECTIONS, most_connections

    for descriptors in (1, 128, 1_000_000):
        monkeypatch.setattr(resource, "getrlimit", lambda _, found=descriptors: (found, found))
        assert most_connections() <= max(8, descriptors - DESCRIPTORS_KEPT_BACK)
        assert most_connections() <= MOST_CONNECTIONS


def test_streams_over_the_limit_are_refused_and_room_is_made_by_leaving(
    monkeypatch: pytest.MonkeyPatch, live: tuple[httpx.Client, Server], office: Office, bricks: Recipe
) -> None:
    monkeypatch.setattr("server.api.feeds.MOST_STREAMS", 2)
    client, _ = live
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    path = f"/v1/jobs/{job_id}/events"
    with client.stream("GET", path) as first, client.stream("GET", path) as second:
        assert (first.status_code, second.status_code) == (200, 200)
        refused = client.get(path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too-many-streams")
        client.post(f"/v1/jobs/{job_id}/cancel")
        assert all("cancelled" in stream.read().decode() for stream in (first, second))
    assert "cancelled" in client.get(path).text


def test_the_queue_has_an_end(
    monkeypatch: pytest.MonkeyPatch, live: tuple[httpx.Client, Server], bricks: Recipe
) -> None:
    monkeypatch.setattr("server.api.routes.MOST_QUEUED", 2)
    client, _ = live
    key = {"Idempotency-Key": "first"}
    first = client.post("/v1/jobs", json=bricks, headers=key).json()["id"]
    client.post("/v1/jobs", json=bricks)
    refused = client.post("/v1/jobs", json=bricks)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue-full")
    assert client.post("/v1/jobs", json=bricks, headers=key).json()["id"] == first
    client.post(f"/v1/jobs/{first}/cancel")
    assert client.post("/v1/jobs", json=bricks).status_code == 201


def test_every_job_is_on_some_page(live: tuple[httpx.Client, Server], office: Office, bricks: Recipe) -> None:
    client, _ = live
    recipe = read_recipe(bricks)
    ids = [office.store.submit(recipe)[0].id for _ in range(25)][::-1]
    found, cursor, sizes = [], None, []
    while cursor is not None or not found:
        page = client.get("/v1/jobs", params={"limit": 10, **({} if cursor is None else {"cursor": cursor})}).json()
        found += [job["id"] for job in page["jobs"]]
        sizes.append(len(page["jobs"]))
        cursor = page["next"]
        if len(found) == 10:
            office.store.end(found[-1], "cancelled")
            office.store.delete(found[-1])  # a page's last job may go; the pages behind it stay
    assert (found, sizes) == (ids, [10, 10, 5])


@pytest.mark.parametrize("cursor", ["0", "-1", "x", "9" * 5000, "9223372036854775808", "1.0", ""])
def test_odd_cursors_are_refused(lasting: tuple[httpx.Client, Server], cursor: str) -> None:
    answer = lasting[0].get("/v1/jobs", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request-invalid")


class CountingStore(Store):
    """Counts how often events are read."""

    reads = 0

    def events_after(self, job_id: str, event_id: int) -> list[StoredEvent]:
        self.reads += 1
        return super().events_after(job_id, event_id)


def test_many_streams_of_a_job_have_one_reader(tmp_path: Any, bricks: Recipe) -> None:
    bell = Bell()
    store = CountingStore(tmp_path / "jobs.sqlite", bell.ring)
    job_id = store.submit(read_recipe(bricks))[0].id
    store.claim()

    async def follow(feeds: Feeds) -> list[StoredEvent]:
        return [event async for event in feeds.events(job_id, 0, 60.0) if event is not None]

    async def see_it_through() -> list[list[StoredEvent]]:
        feeds = Feeds(store, bell)
        readers = [asyncio.create_task(follow(feeds)) for _ in range(20)]
        while store.reads < 20:  # each catches up once
            await asyncio.sleep(0.01)
        before = store.reads
        for number in range(5):
            store.append(job_id, "log", {"level": "info", "message": str(number)})
        store.end(job_id, "cancelled")
        told = await asyncio.gather(*readers)
        assert store.reads - before < 20
        return told

    told = asyncio.run(see_it_through())
    store.close()
    assert [[event.id for event in events] for events in told] == [[1, 2, 3, 4, 5, 6, 7, 8]] * 20


def test_of_progress_only_the_newest_is_kept_and_told(
    live: tuple[httpx.Client, Server], office: Office, bricks: Recipe
) -> None:
    client, _ = live
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    office.store.claim()
    for step in range(300):
        office.store.append(job_id, "progress", {"phase": "Painting", "fraction": step / 300})
    assert len(office.store.events_after(job_id, 0)) == 3
    office.store.end(job_id, "cancelled")
    text = client.get(f"/v1/jobs/{job_id}/events").text
    assert text.count("event: progress") == 1
    assert json.dumps({"phase": "Painting", "fraction": 299 / 300}) in text


def test_a_reader_that_takes_nothing_costs_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    from server.api.feeds import _Subscription

    monkeypatch.setattr("server.api.feeds.MOST_EVENTS_WAITING", 10)

    async def never_taken() -> _Subscription:
        found = _Subscription()
        for number in range(100):
            found.put(StoredEvent(number, "progress", {}))
        assert not found.ended
        for number in range(100, 200):
            found.put(StoredEvent(number, "log", {}))
        return found

    found = asyncio.run(never_taken())
    assert found.ended
    assert [event.id for event in found.take()] == [99, *range(100, 109)]


def test_live_meshes_are_told_no_faster_than_they_are_taken() -> None:
    from server.api.feeds import _Subscription

    async def take_now_and_then() -> list[list[int]]:
        found, taken = _Subscription(), []
        for number in range(100):
            found.put(StoredEvent(number, ("preview_mesh", "preview_image", "progress", "log")[number % 4], {}))
            if number in (3, 11, 99):
                taken.append([event.id for event in found.take() if event.name != "log"])
        return taken

    assert asyncio.run(take_now_and_then()) == [[0, 1, 2], [8, 9, 10], [96, 97, 98]]


def test_a_reader_that_stops_reading_is_given_up(
    monkeypatch: pytest.MonkeyPatch, live: tuple[httpx.Client, Server], office: Office, bricks: Recipe
) -> None:
    monkeypatch.setattr("server.api.wire.STALLED_SECONDS", 0.1)
    client, server = live
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    folder = job_folder(office.data_dir, job_id)
    folder.mkdir(parents=True)
    with (folder / "mesh.glb").open("wb") as file:
        file.truncate(200_000_000)
    with client.stream("GET", f"/v1/jobs/{job_id}/artifacts/mesh.glb") as answer:
        while server.server_state.connections:
            time.sleep(0.01)
        with pytest.raises(httpx.TransportError):
            answer.read()
