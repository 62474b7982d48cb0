from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from server.jobs.events import Bell
from server.jobs.intake import Terms
from server.jobs.job import Job
from server.jobs.queue import Queue
from server.jobs.store import Store
from server.recipe import Recipe, read_recipe

# The cheapest real jobs there are, and one that would never end by itself.
BRICKS = {
    "kind": "texture",
    "prompt": "red bricks",
    "prior": "exact",
    "steps": 3,
    "render_size": 16,
    "guidance": {"estimator": "tweedie"},
    "texture": {"width": 32, "height": 32},
}
CUBE = {
    "kind": "mesh",
    "prompt": "a red cube",
    "prior": "exact",
    "steps": 3,
    "render_size": 16,
    "mesh": {"resolution": 16, "faces": 200, "texture_size": 64},
}
ENDLESS = {**BRICKS, "steps": 100_000}
# A busy machine takes minutes to import torch.
PATIENCE_S = 600.0
# Of memory: next to nothing.
EASY: Mapping[str, int] = MappingProxyType({})


def build(name: str = "bricks", **changes: Any) -> Recipe:
    return read_recipe({"bricks": BRICKS, "cube": CUBE, "endless": ENDLESS}[name] | changes)


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """recipe("bricks" | "cube" | "endless", seed=...)"""
    return build


@pytest.fixture(scope="module")
def recipe_of() -> Callable[..., Recipe]:
    """The same for what a whole module shares."""
    return build


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "jobs.sqlite", on_news=lambda _: None)
    yield store
    store.close()


class Office:
    """A store with a running queue of real worker processes, one a device, and ways to wait for what they do.

    Args:
        settings: further ones of the queue.
    """

    def __init__(self, data_dir: Path, devices: Sequence[str] = ("cpu",), **settings: Any) -> None:
        self.data_dir = data_dir
        self.store = Store(data_dir / "jobs.sqlite", Bell().ring)
        self.queue = Queue(self.store, data_dir, list(devices), **settings)
        self.queue.start()

    def submit(self, recipe: Recipe) -> str:
        """Queue it as one that is like no other."""
        return self.ask(recipe).id

    def ask(self, recipe: Recipe, digest: str = "", anew: bool = False, needs: Mapping[str, int] = EASY) -> Job:
        (job,), _ = self.queue.submit([recipe], None, [], Terms([digest], anew, needs))
        return job

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while not (value := condition()):
            assert time.monotonic() < deadline, f"waited in vain for {what}; devices: {self.queue.devices()}"
            time.sleep(0.02)
        return value

    def until(self, condition: Callable[[], Any]) -> None:
        self.wait_for(condition, "a condition")

    def wait_for_state(self, job_id: str, *states: str) -> Any:
        return self.wait_for(lambda: (job := self.store.get(job_id)).state in states and job, f"{states}")

    def wait_for_step(self, job_id: str, step: int) -> None:
        def reached() -> bool:
            progress = self.store.get(job_id).progress
            return progress is not None and progress["step"] >= step

        self.wait_for(reached, f"step {step}")

    def worker_pid(self) -> int:
        self.wait_for(lambda: self.queue.devices()[0]["state"] in ("idle", "busy"), "the worker")
        return int(self.queue.devices()[0]["pid"])

    def names(self, job_id: str) -> list[str]:
        return [event.name for event in self.store.events_after(job_id, 0)]

    def close(self) -> None:
        self.queue.stop()
        self.store.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office(tmp_path_factory.mktemp("office"))
    yield office
    office.close()
