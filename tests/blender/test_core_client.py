"""Talking to a server: its errors, its events, and what happens when a connection is lost."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from fake_server import make_cube, run_until_told

from blender_msd.core import events
from blender_msd.core.client import Client, Unreachable
from blender_msd.core.errors import Interrupted, Problem
from blender_msd.core.interrupt import Interrupt

RECIPE = {"kind": "mesh", "prompt": "a red cube"}


def alive() -> None:
    pass


def test_our_server_passes_the_check_and_a_proxy_is_never_asked(client, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    client.check()


def test_an_address_may_be_written_without_its_scheme(fake):
    Client(f"127.0.0.1:{fake.port}", fake.token).check()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://127.0.0.1",
        "http://127.0.0.1:notaport",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:-1",
        "http://",
        "http://[::1",
        "http://a..b",
        "http://127.0.0.1 :8188",
        "http://two words",
        "http://" + "ä" * 300,
        "http://\x07",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(Problem) as caught:
        Client(url, "")
    assert caught.value.code == "address-unreadable"


def test_only_this_computer_counts_as_loopback():
    assert Client("http://localhost:1", "").is_loopback
    assert Client("http://127.8.0.1:1", "").is_loopback
    assert Client("http://[::1]:1", "").is_loopback
    assert not Client("http://192.168.1.2:1", "").is_loopback
    assert not Client("http://localhost.example.org:1", "").is_loopback


def test_a_wrong_token_is_named(fake):
    with pytest.raises(Problem) as caught:
        Client(fake.url, "wrong").check()
    assert caught.value.code == "token-wrong"


@pytest.mark.parametrize("token", ["鸭子", "two\nlines", "a\x00b", "é"])
def test_a_token_that_cannot_be_sent_is_said_before_it_is(fake, token):
    with pytest.raises(Problem, match=r"server\.json") as caught:
        Client(fake.url, token)
    assert caught.value.code == "token-wrong"


def test_another_program_at_the_address_is_named(fake, client):
    fake.name = "ComfyUI"
    with pytest.raises(Problem, match="ComfyUI") as caught:
        client.check()
    assert caught.value.code == "not-our-server"


def test_a_program_that_speaks_no_json_is_no_server_of_ours():
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n<html>")
        connection.close()

    threading.Thread(target=answer, daemon=True).start()
    with pytest.raises(Problem) as caught:
        Client(f"127.0.0.1:{listener.getsockname()[1]}", "").check()
    assert caught.value.code == "not-our-server"
    listener.close()


def test_nobody_at_the_address_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable):
        Client(f"http://127.0.0.1:{port}", "").check()


def test_a_refusal_arrives_with_the_servers_own_words(fake, client):
    fake.refusal = (422, {"code": "prompt-unreadable", "detail": "No 'zebra' here.", "next": "Known: duck, cube."})
    with pytest.raises(Problem) as caught:
        client.submit(RECIPE, "key")
    assert (caught.value.code, caught.value.message) == ("prompt-unreadable", "No 'zebra' here.")
    assert caught.value.hint == "Known: duck, cube."


def test_events_arrive_in_order_and_the_stream_ends_with_the_job(client):
    job_id = client.submit(RECIPE, "key")
    names = [event.name for event in events.follow(client, job_id, Interrupt(), alive)]
    assert names == ["state", "state", *["progress", "preview_mesh"] * 4, "state", "done"]


def test_a_lost_connection_is_taken_up_behind_the_last_event(fake, client):
    fake.cut_after = {3, 7}
    job_id = client.submit(RECIPE, "key")
    followed = list(events.follow(client, job_id, Interrupt(), alive))
    assert [event.id for event in followed] == [str(number + 1) for number in range(12)]
    assert fake.last_event_ids == [0, 3, 7]


def test_a_server_that_stays_away_is_given_up(fake, client, monkeypatch):
    monkeypatch.setattr(events, "PATIENCE", 0.5)
    fake.script = lambda job: None
    fake.cut_after = {1}
    job_id = client.submit(RECIPE, "key")
    stream = events.follow(client, job_id, Interrupt(), alive)
    next(stream)
    fake.close()
    with pytest.raises(Problem) as caught:
        next(stream)
    assert caught.value.code == "server-lost"


def test_a_dead_server_is_reported_at_once(fake, client):
    fake.script = lambda job: None
    fake.cut_after = {1}
    job_id = client.submit(RECIPE, "key")

    def dead() -> None:
        raise Problem("server-stopped", "It was killed.")

    with pytest.raises(Problem, match="killed"):
        list(events.follow(client, job_id, Interrupt(), dead))


def test_an_interrupt_wakes_a_reader_that_waits_for_news(fake, client):
    fake.script = run_until_told
    job_id = client.submit(RECIPE, "key")
    stop = Interrupt()
    stream = events.follow(client, job_id, stop, alive)
    while next(stream).name != "preview_mesh":
        pass
    began = time.monotonic()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(Interrupted):
        next(stream)
    # Only the order of magnitude matters: far below the time that a silent stream is given.
    assert time.monotonic() - began < 5


def test_long_and_split_events_are_put_together():
    lines = [b": hello\n", b"id: 4\r\n", b"event: log\n", b'data: {"level":\n', b'data: "info"}\n', b"\n", b"\n"]
    parsed = list(events.parse(lines))
    assert parsed == [None, events.Event("4", "log", {"level": "info"})]


def test_an_event_without_an_object_is_refused():
    with pytest.raises(Problem):
        list(events.parse([b"data: [1, 2]\n", b"\n"]))
    with pytest.raises(Problem):
        list(events.parse([b"data: " + b"[" * 100_000 + b"\n", b"\n"]))


def test_the_fake_makes_whole_jobs_so_that_these_tests_mean_something(fake, client):
    assert fake.script is make_cube
    job_id = client.submit(RECIPE, "key")
    list(events.follow(client, job_id, Interrupt(), alive))
    assert client.artifact(job_id, "mesh.glb") == b"glTF"
    with pytest.raises(Problem) as caught:
        client.artifact(job_id, "nothing.npz")
    assert caught.value.code == "artifact-unknown"
