"""What Ray costs: twelve jobs on two workers of the server's own, and on two of a cluster on this computer, in turn.

`python -m tests.farm.overhead [ROUNDS [JOBS]]`, on a computer that has nothing else to do. Where it has, the seconds of
the processor, of all processes that take part, still tell.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.farm.clusters import Cluster, cluster
from tests.farm.served import MESH, Served, served

RECIPE = {**MESH, "steps": 20}


def seconds_for(jobs: int, server: Served, made: Cluster | None) -> tuple[float, float]:
    """From the first submission to the end of the last job, and of the processor; the workers have the prior already.

    Args:
        made: the cluster, if the workers are there.
    """
    roots = [server.process.pid, *(node.process.pid for node in (made.nodes if made else []) if node.process)]
    since, spent = time.monotonic(), _processor_seconds(roots)
    job_ids = [server.submit(RECIPE, seed=seed) for seed in range(jobs)]
    for job_id in job_ids:
        server.until(job_id, "done")
    return time.monotonic() - since, _processor_seconds(roots) - spent


def _processor_seconds(roots: list[int]) -> float:
    """Of these processes and all below them, those that have ended included."""
    found = [psutil.Process(root) for root in roots]
    return sum(sum(each.cpu_times()[:4]) for root in found for each in [root, *root.children(recursive=True)])


def main() -> None:
    given = [int(argument) for argument in sys.argv[1:]]
    rounds, jobs = (*given, *(4, 12)[len(given) :])
    with tempfile.TemporaryDirectory() as name, cluster((1, 1)) as made:
        folder, options = Path(name), ["--ray", made.address, "--ray-cores", "1"]
        with (
            served(folder / "here" / "data", ["--devices", "cpu,cpu"], made.environment) as here,
            served(folder / "ray" / "data", options, made.environment) as there,
        ):
            servers: dict[str, tuple[Served, Cluster | None]] = {"here": (here, None), "ray": (there, made)}
            for server, where in servers.values():
                server.until_all_are("idle")
                seconds_for(2, server, where)
            print(
                f"round{'here':>10}{'Ray':>10}{'more':>8}{'processor':>13}{'Ray':>10}{'more':>8}{'load':>7}", flush=True
            )
            more, busier = [], []
            for number in range(rounds):
                # What changes slowly meanwhile is nobody's.
                order = ["here", "ray"] if number % 2 == 0 else ["ray", "here"]
                took = {which: seconds_for(jobs, *servers[which]) for which in order}
                (here_s, here_cpu), (ray_s, ray_cpu) = took["here"], took["ray"]
                more.append(ray_s / here_s - 1)
                busier.append(ray_cpu / here_cpu - 1)
                clock = f"{here_s:8.1f} s{ray_s:8.1f} s{more[-1]:8.1%}"
                processor = f"{here_cpu:11.1f} s{ray_cpu:8.1f} s{busier[-1]:8.1%}"
                print(f"{number:5}{clock}{processor}{os.getloadavg()[0]:7.1f}", flush=True)
            longer, heavier = statistics.median(more), statistics.median(busier)
            print(f"On Ray {jobs} jobs take {longer:.1%} longer and {heavier:.1%} more of the processor (medians).")


if __name__ == "__main__":
    main()
