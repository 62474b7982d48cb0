"""Twelve jobs on a cluster of two nodes; a node is killed, comes back, and is cut off; what is unfit is refused.

`python -m tests.farm.whole` (`make farm`) says what held. Nodes are cut off where they are hosts of their own: as root.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.farm.clusters import Cluster, can_have_hosts, cluster
from tests.farm.served import LONG_TEXTURE, MESH, SHORT_MESH, Served, refused, served, wait_for
from tests.jobs.chaos.kills import result_of, same

JOBS = 12
RECIPES: list[dict[str, Any]] = [
    {**(SHORT_MESH if seed % 2 else LONG_TEXTURE | {"steps": 60}), "seed": seed} for seed in range(JOBS)
]
LASTING: list[dict[str, Any]] = [{**MESH, "steps": 40, "seed": 20}, {**LONG_TEXTURE, "seed": 21}]


def whole(folder: Path) -> Iterator[str]:
    """Sentences about what held, as soon as it did.

    Raises:
        AssertionError: it did not.
    """
    with cluster((1, 1)) as made:
        options = ["--ray", made.address, "--ray-cores", "1"]
        with served(folder / "farm" / "data", options, made.environment) as server:
            yield f"Workers: {', '.join(device['node'] for device in server.until_all_are('idle'))}."
            yield from _kill(server, made)
            if can_have_hosts():
                yield from _cut_off(server, made)
                yield from _pass_over(server, made)
        if can_have_hosts():
            said = refused(folder / "blind" / "data", options, made.environment)
            assert "does not see the data folder" in said, said
            yield f"A server is refused: {said}"
    with cluster((), has_token=False) as made:
        said = refused(
            folder / "open" / "data", ["--ray", made.address], made.environment | {"RAY_AUTH_TOKEN": "a" * 32}
        )
        assert "anybody" in said, said
        yield f"A server is refused: {said}"


def _kill(server: Served, made: Cluster) -> Iterator[str]:
    since = time.monotonic()
    truth = [server.submit(recipe) for recipe in RECIPES]
    for job_id in truth:
        server.until(job_id, "done")
    yield f"{JOBS} jobs are done after {time.monotonic() - since:.0f} s."
    again = [server.submit(recipe) for recipe in RECIPES]
    server.until(again[JOBS // 3], "done")
    for job_id in again:
        if server.job(job_id)["state"] == "running":
            server.until_step(job_id, 1)
    made.nodes[-1].kill()
    jobs = [server.until(job_id, "done") for job_id in again]
    _check_same(server, truth, again)
    yield f"A node was killed in the middle of {JOBS} more: {_tries(jobs)}, and all results are the same to the bit."
    made.add(1)
    server.until_all_are("idle")
    yield "Another node came, and the worker is on it."


def _cut_off(server: Served, made: Cluster) -> Iterator[str]:
    truth = [server.submit(recipe) for recipe in LASTING]
    for job_id in truth:
        server.until(job_id, "done")
    again = [server.submit(recipe) for recipe in LASTING]
    for job_id in again:
        server.until_step(job_id, 1)
    there = made.nodes[-1].address
    orphan = next(device["pid"] for device in server.devices() if there in device["node"])
    made.nodes[-1].pull_cable()
    since = time.monotonic()

    def taken_again() -> bool:
        return any(server.job(job_id)["attempts"] > 1 for job_id in again)

    lived = _seconds_until(lambda: not psutil.pid_exists(orphan) or taken_again())
    assert not psutil.pid_exists(orphan), "a worker that was cut off still worked on a job that another had"
    jobs = [server.until(job_id, "done") for job_id in again]
    _check_same(server, truth, again)
    assert sum(job["attempts"] for job in jobs) > len(jobs), "the node was cut off too late"
    took = f"its worker ended after {lived:.0f} s, its job elsewhere after {time.monotonic() - since:.0f} s"
    yield f"A node was cut off: {took}, and all results are the same to the bit."


def _pass_over(server: Served, made: Cluster) -> Iterator[str]:
    made.add(1, hidden=server.data_dir.parents[1])
    waiting = lambda: [each["problem"] for each in server.devices() if "does not see" in each["problem"]]  # noqa: E731
    yield f"A node that does not see the data folder is passed over: {wait_for(waiting, 'the worker to say why')[0]}"
    server.until(server.submit(RECIPES[0]), "done")


def _check_same(server: Served, truth: list[str], again: list[str]) -> None:
    for one, other in zip(truth, again, strict=True):
        assert same(result_of(server.data_dir, one), result_of(server.data_dir, other)), f"{other} is not as {one}"


def _tries(jobs: list[dict[str, Any]]) -> str:
    tries = [job["attempts"] for job in jobs]
    assert max(tries) > 1, "no job was on the node"
    return f"{sum(count > 1 for count in tries)} went on elsewhere"


def _seconds_until(condition: Callable[[], bool]) -> float:
    since = time.monotonic()
    wait_for(condition, "it")
    return time.monotonic() - since


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for sentence in whole(Path(folder)):
            print(sentence, flush=True)


if __name__ == "__main__":
    main()
