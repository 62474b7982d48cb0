"""One worker for each device, and a job on each of them at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from server.jobs.store import Store
from server.recipe import Recipe
from tests.jobs.conftest import Office

MakeRecipe = Callable[..., Recipe]


def test_each_device_has_a_job_of_its_own_at_the_same_time(tmp_path: Path, recipe: MakeRecipe) -> None:
    with closing(Office(tmp_path, ["cpu", "cpu"])) as office:
        store, queue, until = office.store, office.queue, office.until
        ids = [store.submit(recipe("endless", seed=seed))[0].id for seed in range(3)]
        queue.wake()
        until(lambda: len(store.in_states(["running"])) == 2)
        until(lambda: all((store.get(job_id).progress or {}).get("step") for job_id in ids[:2]))
        assert store.in_states(["running"]) == ids[:2]
        assert [device["state"] for device in queue.devices()] == ["busy", "busy"]
        assert len({device["pid"] for device in queue.devices()}) == 2
        queue.cancel(ids[0])
        until(lambda: store.get(ids[2]).state == "running")


def test_devices_that_a_worker_has_found_get_workers_too_and_each_but_once(tmp_path: Path, recipe: MakeRecipe) -> None:
    with closing(Office(tmp_path, ["auto"])) as office:
        store, queue, until = office.store, office.queue, office.until
        until(lambda: queue.devices()[0]["state"] == "idle")
        found = len(queue.devices())
        for _ in range(2):
            queue.use_too(["cpu"])
        assert [device["wanted"] for device in queue.devices()][found:] == ["cpu"]
        ids = [store.submit(recipe("endless", seed=seed))[0].id for seed in range(found + 1)]
        queue.wake()
        until(lambda: store.in_states(["running"]) == ids)
    with closing(Store(tmp_path / "jobs.sqlite", lambda _: None)) as store:
        assert store.in_states(["queued"]) == ids
    queue.use_too(["cuda:7"])
    assert len(queue.devices()) == found + 1
