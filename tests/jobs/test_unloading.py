"""A worker without a job gives its memory back, when asked or after a while, and is there for the next job."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from server.recipe import Recipe
from tests.jobs.conftest import Office

MakeRecipe = Callable[..., Recipe]


def test_a_worker_without_a_job_is_let_go_when_asked_and_the_next_job_starts_another(
    tmp_path: Path, recipe: MakeRecipe
) -> None:
    with closing(Office(tmp_path, idle_unload_s=None)) as office:
        store, queue, until = office.store, office.queue, office.until
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
    with closing(Office(tmp_path, idle_unload_s=0.2)) as office:
        store, queue, until = office.store, office.queue, office.until
        for seed in range(2):
            until(lambda: queue.devices()[0]["state"] == "off")
            job_id = store.submit(recipe(seed=seed))[0].id
            queue.wake()
            until(lambda job_id=job_id: store.get(job_id).state == "done")  # type: ignore[misc]
            assert store.get(job_id).attempts == 1
        until(lambda: queue.devices()[0]["state"] == "off")
