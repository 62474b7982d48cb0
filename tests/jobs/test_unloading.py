"""A worker without a job gives its memory back, when asked or after a while, and is there for the next job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from server.jobs.queue import Queue
from server.jobs.store import Store
from server.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


@contextmanager
def working(data_dir: Path, idle_unload_s: float | None) -> Iterator[tuple[Store, Queue]]:
    with closing(Store(data_dir / "jobs.sqlite", lambda _: None)) as store:
        queue = Queue(store, data_dir, ["cpu"], idle_unload_s=idle_unload_s)
        queue.start()
        yield store, queue
        queue.stop()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_a_worker_without_a_job_is_let_go_when_asked_and_the_next_job_starts_another(
    tmp_path: Path, recipe: MakeRecipe
) -> None:
    with working(tmp_path, None) as (store, queue):
        until(lambda: queue.devices()[0]["state"] == "idle")
        first = queue.devices()[0]["pid"]
        endless = store.submit(recipe("endless"))[0].id
        queue.wake()
        until(lambda: store.get(endless).state == "running")
        queue.free_memory()  # nothing of a job that runs
        until(lambda: (store.get(endless).progress or {}).get("step", 0) > 2)
        assert queue.devices()[0]["pid"] == first
        queue.cancel(endless)
        until(lambda: queue.devices()[0]["state"] == "idle")
        queue.free_memory()
        until(lambda: queue.devices()[0]["state"] == "off")
        assert not Path(f"/proc/{first}").exists()
        assert queue.devices()[0]["problem"] == ""
        job_id = store.submit(recipe())[0].id
        queue.wake()
        until(lambda: store.get(job_id).state == "done")
        assert store.get(job_id).attempts == 1


def test_a_worker_that_was_idle_for_long_enough_ends_by_itself(tmp_path: Path, recipe: MakeRecipe) -> None:
    with working(tmp_path, 0.2) as (store, queue):
        for seed in range(2):
            until(lambda: queue.devices()[0]["state"] == "off")
            job_id = store.submit(recipe(seed=seed))[0].id
            queue.wake()
            until(lambda job_id=job_id: store.get(job_id).state == "done")  # type: ignore[misc]
            assert store.get(job_id).attempts == 1
        until(lambda: queue.devices()[0]["state"] == "off")
