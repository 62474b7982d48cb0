"""Jobs without end on one server: are memory and descriptors the same after half an hour?

`python -m tests.jobs.soak 30` (`make soak MINUTES=30`) prints a line a minute, and fails when they are not.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.jobs.chaos.kills import MESH, TEXTURE, Server, wait_for

# The first jobs load libraries and fill caches.
WARM_UP = 1 / 3
FLAT = 0.05


@dataclass(frozen=True)
class Sample:
    at: float
    server_bytes: int
    worker_bytes: int
    descriptors: int


def sample(server: Server, since: float) -> Sample:
    serving, working = psutil.Process(server.process.pid), psutil.Process(server.worker_pid())
    return Sample(
        time.monotonic() - since,
        serving.memory_info().rss,
        working.memory_info().rss,
        serving.num_fds() + working.num_fds(),
    )


def one_round(server: Server, number: int) -> None:
    """A mesh, a texture that is paused on the way, and one that is cancelled; the oldest of each is deleted."""
    mesh = server.submit(MESH | {"seed": number})
    paused = server.submit(TEXTURE | {"seed": number, "steps": 100})
    cancelled = server.submit(TEXTURE | {"seed": number, "steps": 100_000})
    wait_for(lambda: server.job(paused)["state"] in ("running", "done"), "the texture")
    if server.client.post(f"/v1/jobs/{paused}/pause").status_code == 200:
        wait_for(lambda: server.job(paused)["state"] in ("paused", "done"), "the pause")
        server.client.post(f"/v1/jobs/{paused}/resume")
    wait_for(lambda: server.job(cancelled)["state"] == "running", "the other texture")
    server.client.post(f"/v1/jobs/{cancelled}/cancel")
    assert [server.until_over(job_id)["state"] for job_id in (mesh, paused)] == ["done", "done"]
    for job_id in (mesh, paused):
        with server.client.stream("GET", f"/v1/jobs/{job_id}/events") as events:
            assert "event: done" in "\n".join(events.iter_lines())
    wait_for(lambda: server.client.delete(f"/v1/jobs/{cancelled}").status_code == 204, "the deletion")


def drift(samples: list[Sample], name: str) -> float:
    """How much more the last quarter has than the first one after the warm-up, as a share."""
    values = [getattr(it, name) for it in samples[int(len(samples) * WARM_UP) :]]
    quarter = max(1, len(values) // 4)
    return statistics.median(values[-quarter:]) / statistics.median(values[:quarter]) - 1


def main() -> int:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    samples: list[Sample] = []
    since = shown = time.monotonic()
    print(f"{'minute':>7}{'rounds':>8}{'server MB':>11}{'worker MB':>11}{'descriptors':>13}{'load':>6}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        data_dir.mkdir(mode=0o700)
        server = Server(data_dir)
        try:
            for number in itertools.count():
                one_round(server, number)
                samples.append(now := sample(server, since))
                is_over = now.at >= minutes * 60
                if is_over or number == 0 or time.monotonic() - shown >= 60:
                    shown = time.monotonic()
                    sizes = f"{now.server_bytes / 1e6:11.1f}{now.worker_bytes / 1e6:11.1f}{now.descriptors:13}"
                    print(f"{now.at / 60:7.1f}{number + 1:8}{sizes}{os.getloadavg()[0]:6.1f}", flush=True)
                if is_over:
                    break
        finally:
            server.stop()
    drifts = {name: drift(samples, name) for name in ("server_bytes", "worker_bytes", "descriptors")}
    print(", ".join(f"{name.replace('_', ' ')} {by:+.1%}" for name, by in drifts.items()), f"(flat: {FLAT:.0%})")
    return 1 if max(drifts.values()) > FLAT else 0


if __name__ == "__main__":
    raise SystemExit(main())
