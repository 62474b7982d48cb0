from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from server.api.app import build_app
from server.api.office import Office
from server.api.serving import Server

TOKEN = "the-token-of-this-test"
BRICKS: dict[str, Any] = {
    "kind": "texture",
    "prompt": "red bricks",
    "prior": "exact",
    "steps": 3,
    "render_size": 16,
    "texture": {"width": 32, "height": 32},
}


@pytest.fixture
def bricks() -> dict[str, Any]:
    return dict(BRICKS)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office whose workers were not started: what is submitted stays queued."""
    office = Office.open(tmp_path, TOKEN, ["cpu"], heartbeat_s=0.05)
    yield office
    office.queue.stop()
    office.store.close()


@pytest.fixture
def client(office: Office) -> TestClient:
    return TestClient(build_app(office), base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.fixture
def never_failing(office: Office) -> TestClient:
    """A client that shows a failure of the server as the answer 500, as a socket does."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    app = build_app(office)
    return TestClient(app, base_url="http://127.0.0.1", headers=headers, raise_server_exceptions=False)


@contextmanager
def served(office: Office) -> Iterator[tuple[httpx.Client, Server]]:
    """An office behind a real socket."""
    ready = threading.Event()
    server = Server(office, ready.set)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=[[listener]])
        thread.start()
        assert ready.wait(20)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20) as client:
            yield client, server
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def live(office: Office) -> Iterator[tuple[httpx.Client, Server]]:
    """The same office behind a real socket, for streams that stay open."""
    with served(office) as found:
        yield found


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Server]]:
    """One for all tests of a file: it must be the same after each of them."""
    office = Office.open(tmp_path_factory.mktemp("lasting"), TOKEN, ["cpu"], heartbeat_s=0.05)
    with served(office) as found:
        yield found
    office.queue.stop()
    office.store.close()
