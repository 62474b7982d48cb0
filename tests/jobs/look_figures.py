"""What quick looks cost: four looks at a duck beside one sketch of it, and the rest of one of them, in one run.

    .venv/bin/python -m tests.jobs.look_figures [FOLDER]

Prints a JSON document: seconds on the clock and of the processor for each, and the shares of a sketch. The looks'
thumbnails stay in FOLDER.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil

from server.jobs.artifacts import job_folder
from server.jobs.intake import Terms
from server.recipe import read_recipe
from tests.jobs.conftest import Office

DUCK = {"kind": "mesh", "prompt": "a yellow duck", "preset": "sketch"}
SEEDS = (1, 2, 3, 4)
PATIENCE_S = 3600.0


class Clock:
    """Seconds on the clock and of the worker's processor."""

    def __init__(self, office: Office) -> None:
        self._worker = psutil.Process(office.worker_pid())
        self._began = self._now()

    def _now(self) -> tuple[float, float]:
        spent = self._worker.cpu_times()
        return time.monotonic(), spent.user + spent.system

    def read(self) -> dict[str, float]:
        names = ("clock", "processor")
        return {name: round(b - a, 2) for name, a, b in zip(names, self._began, self._now(), strict=True)}


def wait(office: Office, job_ids: list[str], state: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while any(office.store.get(job_id).state != state for job_id in job_ids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def timed(office: Office, begin: Callable[[], list[str]], state: str) -> dict[str, float]:
    clock = Clock(office)
    wait(office, begin(), state)
    return clock.read()


def figures(data_dir: Path) -> dict[str, object]:
    sketch = read_recipe({**DUCK, "seed": 0})
    with closing(Office(data_dir)) as office:
        # The model is there already when somebody asks for looks, and for sketches.
        wait(office, [office.submit(sketch.model_copy(update={"steps": 2, "prompt": "a red ball"}))], "done")
        whole = timed(office, lambda: [office.submit(sketch)], "done")
        asked = [sketch.model_copy(update={"seed": seed}) for seed in SEEDS]
        looks: list[str] = []

        def look() -> list[str]:
            looks.extend(job.id for job in office.store.submit_all(asked, terms=Terms(task="look"))[0])
            office.queue.wake()
            return looks

        def resume() -> list[str]:
            office.queue.resume(looks[0])
            return looks[:1]

        four = timed(office, look, "paused")
        rest = timed(office, resume, "done")
        for seed, job_id in zip(SEEDS, looks, strict=True):
            shutil.copy(job_folder(data_dir, job_id) / "thumbnail.png", data_dir / f"seed-{seed}.png")
    shares = {name: {"looks": four[name] / whole[name], "rest": rest[name] / whole[name]} for name in whole}
    return {"sketch": whole, "four looks": four, "the rest of one": rest, "of a sketch": shares}


if __name__ == "__main__":
    print(json.dumps(figures(Path(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp())), indent=2))
