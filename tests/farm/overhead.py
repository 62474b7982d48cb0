"""What Ray costs: twelve jobs on two workers of the server's own, and on two of a cluster on this computer, in turn.

`python -m tests.farm.overhead [ROUNDS]`, on a computer that has nothing else to do.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.farm.clusters import cluster
from tests.farm.served import MESH, Served, served

JOBS = 12
RECIPE = {**MESH, "steps": 60}


def seconds_for_all(server: Served) -> float:
    """From the first submission to the end of the last job; the workers have the prior already."""
    since = time.monotonic()
    job_ids = [server.submit(RECIPE, seed=seed) for seed in range(JOBS)]
    for job_id in job_ids:
        server.until(job_id, "done")
    return time.monotonic() - since


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    with tempfile.TemporaryDirectory() as name, cluster((1, 1)) as made:
        folder, options = Path(name), ["--ray", made.address, "--ray-cores", "1"]
        with (
            served(folder / "here" / "data", ["--devices", "cpu,cpu"], made.environment) as here,
            served(folder / "ray" / "data", options, made.environment) as there,
        ):
            servers = {"here": here, "ray": there}
            for server in servers.values():
                server.until_all_are("idle")
                seconds_for_all(server)
            print(f"{'round':>5}{'here':>10}{'Ray':>10}{'more':>8}   load", flush=True)
            more = []
            for number in range(rounds):
                # What changes slowly meanwhile is nobody's.
                order = ["here", "ray"] if number % 2 == 0 else ["ray", "here"]
                took = {which: seconds_for_all(servers[which]) for which in order}
                more.append(took["ray"] / took["here"] - 1)
                load = os.getloadavg()[0]
                print(f"{number:5}{took['here']:8.1f} s{took['ray']:8.1f} s{more[-1]:8.1%}{load:7.1f}", flush=True)
            print(f"{JOBS} jobs take {statistics.median(more):.1%} longer on Ray (the median of {rounds} rounds).")


if __name__ == "__main__":
    main()
