"""What `evaluate farm` foretells, beside what comes: `python -m tests.farm.plan_figures` (part of `make farm`).

A figure and no test: it depends on the machine, whose load is printed with it. A few rows are made first, by as many
processes at once as there will be; from what they take, the time of twelve others is foretold, which are then made.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from server.commands.batch_report import MAKING, TOLD
from server.evaluation.farm import Farm
from server.evaluation.farm_plan import predict

ROOT = Path(__file__).parents[2]
HEAD = "kind,prompt,seed,prior,steps,render_size,texture.width,texture.height"
FEW, ROWS, MACHINES = 4, 12, 2


def make(folder: Path, seeds: range) -> tuple[float, list[float], list[float]]:
    """Make a row for each seed, MACHINES at once, each in a process of its own.

    Returns:
        Seconds until all were done; of each process, but for its object; of each object.
    """
    # Objects of a night differ; so do these, by how many steps they take.
    steps = [20 + 20 * (seed % FEW) for seed in seeds]
    rows = [f"texture,red bricks,{seed},exact,{some},16,32,32" for seed, some in zip(seeds, steps, strict=True)]
    table = folder / "rows.csv"
    table.write_text("\n".join([HEAD, *rows]), encoding="utf-8")
    out = folder / "rows"

    def one(part: int) -> float:
        command = [sys.executable, "-m", "server", "batch", str(table), "--part", f"{part}/{len(seeds)}"]
        since = time.monotonic()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        return time.monotonic() - since

    since = time.monotonic()
    with ThreadPoolExecutor(MACHINES) as machines:
        took = list(machines.map(one, range(1, len(seeds) + 1)))
    whole = time.monotonic() - since
    objects = [json.loads(file.read_text(encoding="utf-8"))["seconds"] for file in (out / MAKING).glob(f"*/{TOLD}")]
    return whole, [(sum(took) - sum(objects)) / len(seeds)], objects


def main() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        before = os.getloadavg()[0]
        _, starts, objects = make(Path(first), range(FEW))
        nights = [night.seconds for night in predict(objects, ROWS, Farm(MACHINES, statistics.mean(starts)))]
        said = f"{statistics.median(nights):.0f} s ({min(nights):.0f} to {max(nights):.0f})"
        print(f"foretold from {FEW} rows: {said}, with {starts[0]:.1f} s to start", flush=True)
        measured, _, _ = make(Path(second), range(FEW, FEW + ROWS))
        print(f"{ROWS} rows on {MACHINES} processes: {measured:.0f} s; load {before:.1f} to {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
