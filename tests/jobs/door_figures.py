"""How fast the door is while both cores are busy: `python -m tests.jobs.door_figures` (`make door`) prints a table.

A figure and no test: it depends on the machine, whose load is printed beside it.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.api.office import Office
from server.api.serving import Server
from server.recipe import read_recipe
from tests.jobs.chaos.kills import TEXTURE, wait_for
from tests.jobs.chaos.kills import Server as ServerProcess

TOKEN = "the-token-of-these-figures"
ANSWERS, EVENTS, JOBS, STREAMS = 2000, 500, 1000, 100
PAIRS, STRETCH_S = 4, 10.0
# Reads one stream and says when each event came, in seconds since 1970.
READER = """
import http.client, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("GET", f"/v1/jobs/{sys.argv[2]}/events", headers={"Authorization": f"Bearer {sys.argv[3]}"})
for line in connection.getresponse():
    if line.startswith(b"id: "):
        print(line[4:].decode().strip(), time.time(), flush=True)
"""


def spin() -> None:
    while True:
        pass


@contextmanager
def busy_cores() -> Iterator[None]:
    spinning = [multiprocessing.Process(target=spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.join()


@contextmanager
def door(folder: Path) -> Iterator[tuple[Office, int]]:
    """An office without workers behind a socket, and its port."""
    office = Office.open(folder, TOKEN, ["cpu"])
    ready = threading.Event()
    server = Server(office, ready.set)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=[[listener]])
        thread.start()
        ready.wait(60)
        yield office, listener.getsockname()[1]
        server.stop()
        thread.join()
    office.store.close()


def asked(connection: http.client.HTTPConnection, path: str) -> tuple[float, Any]:
    """Milliseconds, and the answer."""
    since = time.perf_counter()
    connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
    answer = json.loads(connection.getresponse().read())
    return (time.perf_counter() - since) * 1e3, answer


def answers(port: int, job_id: str) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    return [asked(connection, f"/v1/jobs/{job_id}")[0] for _ in range(ANSWERS)]


def listings(port: int) -> list[float]:
    """Milliseconds of whole lists, page by page."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    found = []
    for _ in range(10):
        total, cursor, count = 0.0, "", 0
        while cursor is not None:
            took, page = asked(connection, f"/v1/jobs?limit=500{cursor and f'&cursor={cursor}'}")
            total, cursor, count = total + took, page["next"], count + len(page["jobs"])
        assert count == JOBS
        found.append(total)
    return found


def delays(office: Office, port: int, job_id: str) -> list[float]:
    """Milliseconds from an event's commit to its arrival."""
    command = [sys.executable, "-c", READER, str(port), job_id, TOKEN]
    written: dict[int, float] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        for number in range(EVENTS):
            office.store.append(job_id, "log", {"level": "info", "message": str(number)})
            written[office.store.get(job_id).last_event] = time.time()
            time.sleep(0.02)
        office.store.end(job_id, "cancelled")
        came = {int(number): float(at) for number, at in (line.split() for line in reader.stdout)}
    return [max(0.0, came[number] - at) * 1e3 for number, at in written.items()]


def read_streams(port: int, token: str, job_id: str, stop: Any) -> None:
    """Hold STREAMS streams of a job open, and read them."""
    reading = selectors.DefaultSelector()
    for _ in range(STREAMS):
        stream = socket.create_connection(("127.0.0.1", port))
        head = f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
        stream.sendall(head.encode())
        reading.register(stream, selectors.EVENT_READ)
    while not stop.is_set():
        for key, _ in reading.select(0.2):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.recv(65536)


def paces(folder: Path) -> tuple[list[float], list[float]]:
    """Steps a second of a running job alone, and with STREAMS streams of it; by turns."""
    server = ServerProcess(folder)
    job_id = server.submit(TEXTURE | {"steps": 100_000, "prompt": "red bricks"})
    step = lambda: (server.job(job_id)["progress"] or {}).get("step", 0)  # noqa: E731
    wait_for(lambda: step() > 50, "the job")

    def pace() -> float:
        first, since = step(), time.perf_counter()
        time.sleep(STRETCH_S)
        return float((step() - first) / (time.perf_counter() - since))

    alone, watched = [], []
    token = server.client.headers["authorization"].removeprefix("Bearer ")
    for _ in range(PAIRS):
        alone.append(pace())
        stop = multiprocessing.Event()
        port = server.client.base_url.port
        readers = multiprocessing.Process(target=read_streams, args=(port, token, job_id, stop))
        readers.start()
        time.sleep(1.0)
        watched.append(pace())
        stop.set()
        readers.join()
    server.stop()
    return alone, watched


def share(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def main() -> None:
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, door(Path(folder)) as (office, port), busy_cores():
        recipe = read_recipe(TEXTURE)
        jobs = [job for _ in range(JOBS // 100) for job in office.store.submit_all([recipe] * 100)[0]]
        time.sleep(1.0)
        one = answers(port, jobs[0].id)
        print(f"GET of a job, both cores busy:    p50 {share(one, 50):6.1f} ms, p99 {share(one, 99):6.1f} ms (15)")
        whole = listings(port)
        print(f"list of {JOBS} jobs, in pages:      median {statistics.median(whole):6.1f} ms (100)")
        late = delays(office, port, jobs[0].id)
        print(f"event after its commit:           p50 {share(late, 50):6.1f} ms, p95 {share(late, 95):6.1f} ms (20)")
        print(f"load: {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        data_dir.mkdir(mode=0o700)
        alone, watched = paces(data_dir)
    cost = 1 - statistics.median(watched) / statistics.median(alone)
    print(
        f"a job alone {statistics.median(alone):.1f} steps/s, {STREAMS} streams {statistics.median(watched):.1f}:",
        end=" ",
    )
    print(f"they cost {cost:.1%} (5 %); alone {min(alone):.1f} to {max(alone):.1f}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
