"""What goes when the files of jobs take more than they may, and in which order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.errors import Problem
from server.jobs.artifacts import job_folder
from server.jobs.queue import Queue
from server.jobs.quota import NEVER, Quota
from server.jobs.store import Store
from server.recipe import Recipe
from server.studio.kept_names import MOST_KEPT

MakeRecipe = Callable[..., Recipe]
ALL = ("field.safetensors", "mesh.glb", "recipe.json", "report.json", "state.safetensors", "thumbnail.png")


@pytest.fixture
def done(store: Store, recipe: MakeRecipe, tmp_path: Path) -> Callable[..., str]:
    """A job that is over, with files of 1000 bytes."""

    def make(state: Any = "done", files: tuple[str, ...] = ALL) -> str:
        job_id = store.submit(recipe())[0].id
        store.end(job_id, state, report={} if state == "done" else None, error={} if state == "failed" else None)
        folder = job_folder(tmp_path, job_id)
        folder.mkdir(parents=True)
        for name in files:
            (folder / name).write_bytes(b"x" * 1000)
        return job_id

    return make


def keep(store: Store, data_dir: Path, most: int | None) -> None:
    Quota(store, data_dir, most).keep()


def names(data_dir: Path, job_id: str) -> set[str]:
    return {path.name for path in job_folder(data_dir, job_id).iterdir()}


def kept_run(data_dir: Path, name: str, age_s: float = 0.0) -> Path:
    (data_dir / "unfinished").mkdir(exist_ok=True)
    path = data_dir / "unfinished" / name
    path.write_bytes(b"x" * 1000)
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def test_nothing_goes_while_there_is_room(store: Store, done: Callable[..., str], tmp_path: Path) -> None:
    job_id = done()
    run = kept_run(tmp_path, "a.safetensors")
    for most in (7000, None):
        keep(store, tmp_path, most)
        assert names(tmp_path, job_id) == set(ALL)
        assert run.exists()
        assert store.get(job_id).removed == []


def test_states_of_runs_go_first_then_ends_then_fields_then_results_and_of_each_the_oldest(
    store: Store, done: Callable[..., str], tmp_path: Path
) -> None:
    first, second = done(), done("failed")
    newer, older = kept_run(tmp_path, "a.safetensors", 10), kept_run(tmp_path, "b.safetensors", 20)
    keep(store, tmp_path, 13_500)
    assert (newer.exists(), older.exists()) == (True, False)
    keep(store, tmp_path, 12_500)
    assert not newer.exists()
    gone: set[str] = set()
    most = 12_500
    for name in ("state.safetensors", "field.safetensors"):
        most -= 1000
        keep(store, tmp_path, most)
        assert set(ALL) - names(tmp_path, first) == gone | {name}
        assert set(ALL) - names(tmp_path, second) == gone
        most -= 1000
        keep(store, tmp_path, most)
        gone |= {name}
        assert set(ALL) - names(tmp_path, second) == gone
    keep(store, tmp_path, most - 1000)
    assert names(tmp_path, first) == set(NEVER)
    assert "mesh.glb" in names(tmp_path, second)
    keep(store, tmp_path, 1)
    assert names(tmp_path, second) == set(NEVER)
    assert [store.get(job_id).removed for job_id in (first, second)] == [sorted({*ALL} - {*NEVER})] * 2


def test_starred_jobs_and_jobs_that_are_not_over_lose_nothing(
    store: Store, done: Callable[..., str], recipe: MakeRecipe, tmp_path: Path
) -> None:
    starred, waiting = done(), store.submit(recipe(seed=1))[0].id
    store.star(starred, True)
    job_folder(tmp_path, waiting).mkdir()
    (job_folder(tmp_path, waiting) / "preview-0001.npz").write_bytes(b"x" * 1000)
    assert store.claim() is not None
    aside, in_use = kept_run(tmp_path, "a.safetensors.aside", 1000), kept_run(tmp_path, "b.safetensors", -10)
    keep(store, tmp_path, 1)
    assert names(tmp_path, starred) == set(ALL)
    assert names(tmp_path, waiting) == {"preview-0001.npz"}
    assert aside.exists()
    assert in_use.exists()
    store.star(starred, False)
    keep(store, tmp_path, 1)
    assert names(tmp_path, starred) == set(NEVER)


def test_what_was_set_aside_for_a_run_that_nobody_goes_on_with_may_go(
    store: Store, recipe: MakeRecipe, tmp_path: Path
) -> None:
    job_id = store.submit(recipe())[0].id
    kept_run(tmp_path, "a.safetensors.aside")
    keep(store, tmp_path, None)
    assert [path.name for path in (tmp_path / "unfinished").iterdir()] == ["a.safetensors.aside"]
    store.end(job_id, "cancelled")
    keep(store, tmp_path, None)
    assert [path.name for path in (tmp_path / "unfinished").iterdir()] == ["a.safetensors"]


def test_links_in_a_jobs_place_are_neither_counted_nor_emptied(
    store: Store, done: Callable[..., str], tmp_path: Path
) -> None:
    job_id = done(files=())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_bytes(b"x" * 1000)
    job_folder(tmp_path, job_id).rmdir()
    job_folder(tmp_path, job_id).symlink_to(elsewhere)
    keep(store, tmp_path, 1)
    assert (elsewhere / "mine.txt").exists()
    assert store.get(job_id).removed == []


def test_a_running_queue_keeps_its_quota_and_a_retried_job_has_lost_nothing(
    store: Store, done: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.jobs.queue.QUOTA_EVERY_S", 0.0)
    job_id = done("failed")
    queue = Queue(store, tmp_path, [], quota_bytes=2500)
    queue.start()
    deadline = time.monotonic() + 60
    while not store.get(job_id).removed:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    queue.retry(job_id)
    assert store.get(job_id).removed == []
    queue.stop()
    assert names(tmp_path, job_id) == set(NEVER)


def test_what_is_kept_of_a_job_whose_worker_died_stays_until_it_is_over(
    store: Store, recipe: MakeRecipe, tmp_path: Path
) -> None:
    job_id = store.submit(recipe("endless"))[0].id
    store.claim()
    given_up, kept = kept_run(tmp_path, "a.safetensors", 1000), kept_run(tmp_path, "b.safetensors", -0.001)
    died = Problem("worker-died", "The worker was stopped by signal 9.", "It goes on.")
    store.interrupt(job_id, "was stopped by signal 9", died.as_json())
    assert store.get(job_id).state == "queued"
    for _ in range(2):
        keep(store, tmp_path, 1)
        assert (given_up.exists(), kept.exists()) == (False, True)
        store.claim()  # the next worker has it, and loads the model still
    store.end(job_id, "cancelled")
    keep(store, tmp_path, 1)
    assert not kept.exists()


def test_of_runs_that_were_given_up_only_the_newest_are_kept_however_much_room_there_is(
    store: Store, recipe: MakeRecipe, tmp_path: Path
) -> None:
    begun = store.submit(recipe("endless"))[0].id
    store.claim()
    of_it = [kept_run(tmp_path, f"own-{number}.safetensors", -1) for number in range(MOST_KEPT + 3)]
    given_up = [kept_run(tmp_path, f"{number}.safetensors", 1000 - number) for number in range(MOST_KEPT + 3)]
    keep(store, tmp_path, None)
    assert [run.exists() for run in given_up] == [False] * 3 + [True] * MOST_KEPT
    assert all(run.exists() for run in of_it)
    store.end(begun, "cancelled")
    keep(store, tmp_path, None)
    assert not any(run.exists() for run in given_up)
    assert sum(run.exists() for run in of_it) == MOST_KEPT
