"""The record of jobs: what is promised about events, states and restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from server.errors import Problem
from server.jobs.events import LIVE_FILES_KEPT
from server.jobs.refusals import Conflict, NoSuchJob
from server.jobs.store import Store
from server.recipe import Recipe

MakeRecipe = Callable[..., Recipe]
NEWER = (
    *("warnings", "attempts", "deaths", "finish", "priority", "pausing", "starred", "removed", "task", "parent"),
    *("digest", "anew", "made_on", "reused", "needs", "waits"),
)


def test_a_submitted_job_is_queued_with_its_whole_recipe(store: Store, recipe: MakeRecipe) -> None:
    job, is_new = store.submit(recipe(seed=7))
    assert is_new
    assert job.state == "queued"
    assert Recipe.model_validate(store.get(job.id).recipe) == recipe(seed=7)
    assert job.created > 0
    assert job.started is None


def test_event_ids_of_each_job_count_from_one(store: Store, recipe: MakeRecipe) -> None:
    first, second = store.submit(recipe())[0], store.submit(recipe())[0]
    for _ in range(3):
        store.append(first.id, "log", {"level": "info", "message": "x"})
        store.append(second.id, "log", {"level": "info", "message": "x"})
    assert [event.id for event in store.events_after(first.id, 0)] == [1, 2, 3, 4]
    assert [event.id for event in store.events_after(second.id, 2)] == [3, 4]


def test_jobs_are_claimed_oldest_first_and_once(store: Store, recipe: MakeRecipe) -> None:
    ids = [store.submit(recipe(seed=seed))[0].id for seed in range(3)]
    claimed = [store.claim() for _ in range(4)]
    assert [job and job.id for job in claimed] == [*ids, None]
    assert store.get(ids[0]).state == "running"
    assert store.get(ids[0]).started is not None


def test_jobs_are_listed_newest_first(store: Store, recipe: MakeRecipe) -> None:
    ids = [store.submit(recipe(seed=seed))[0].id for seed in range(4)]
    assert [job.id for job in store.page(3)[0]] == ids[:0:-1]


def test_the_same_idempotency_key_gives_the_same_job(store: Store, recipe: MakeRecipe) -> None:
    first, _ = store.submit(recipe(), "key")
    again, is_new = store.submit(recipe(), "key")
    assert (again.id, is_new) == (first.id, False)
    assert store.submit(recipe(), "another key")[1]


def test_an_idempotency_key_is_refused_for_another_recipe(store: Store, recipe: MakeRecipe) -> None:
    store.submit(recipe(seed=1), "key")
    with pytest.raises(Conflict) as refused:
        store.submit(recipe(seed=2), "key")
    assert refused.value.code == "idempotency-key-reused"
    assert len(store.page(10)[0]) == 1


def test_the_end_of_a_job_is_its_last_event_whatever_comes_later(store: Store, recipe: MakeRecipe) -> None:
    job_id = store.submit(recipe())[0].id
    store.claim()
    assert store.end(job_id, "done", report={"faces": 12})
    store.append(job_id, "progress", {"fraction": 1.0})
    assert not store.end(job_id, "cancelled")
    events = store.events_after(job_id, 0)
    assert [event.is_last for event in events].index(True) == len(events) - 1
    assert events[-1].data == {"report": {"faces": 12}}
    job = store.get(job_id)
    assert (job.state, job.report) == ("done", {"faces": 12})
    assert job.finished is not None


def test_a_job_tells_its_newest_progress(store: Store, recipe: MakeRecipe) -> None:
    job_id = store.submit(recipe())[0].id
    store.append(job_id, "progress", {"fraction": 0.1})
    store.append(job_id, "progress", {"fraction": 0.2})
    assert store.get(job_id).progress == {"fraction": 0.2}


def test_a_replay_names_no_preview_whose_file_is_gone(store: Store, recipe: MakeRecipe) -> None:
    job_id = store.submit(recipe())[0].id
    for number in range(1, 8):
        store.append(job_id, "preview_mesh", {"artifact": f"live-{number:04d}.npz"})
        store.append(job_id, "preview_image", {"artifact": f"preview-{number:04d}.npz"})
    meshes = [event.data["artifact"] for event in store.events_after(job_id, 0) if event.name == "preview_mesh"]
    images = [event.data["artifact"] for event in store.events_after(job_id, 0) if event.name == "preview_image"]
    kept = range(8 - LIVE_FILES_KEPT, 8)
    assert meshes == [f"live-{number:04d}.npz" for number in kept]
    assert images == [f"preview-{number:04d}.npz" for number in kept]
    store.append(job_id, "log", {"level": "info", "message": "x"})
    assert store.events_after(job_id, 0)[-1].id == 1 + 14 + 1


def test_everything_outlives_the_process(tmp_path: Path, recipe: MakeRecipe) -> None:
    before = Store(tmp_path / "jobs.sqlite", lambda _: None)
    job_id = before.submit(recipe(), "key")[0].id
    before.append(job_id, "progress", {"fraction": 0.5})
    before.close()
    after = Store(tmp_path / "jobs.sqlite", lambda _: None)
    assert after.get(job_id).progress == {"fraction": 0.5}
    assert [event.id for event in after.events_after(job_id, 0)] == [1, 2]
    assert after.submit(recipe(), "key")[0].id == job_id
    after.close()


KILLED = Problem("worker-died", "The worker was stopped by signal 9.").as_json()


def test_a_job_that_was_cut_off_is_queued_again_before_younger_ones(store: Store, recipe: MakeRecipe) -> None:
    ids = [store.submit(recipe(seed=seed))[0].id for seed in range(3)]
    store.claim()
    assert store.interrupt(ids[0], "SIGKILL", KILLED) == "queued"
    again = store.claim()
    assert again is not None
    assert (again.id, again.attempts, again.error, again.finished) == (ids[0], 2, None, None)
    said = [event.data["message"] for event in store.events_after(ids[0], 0) if event.name == "log"]
    assert said == ["The worker was stopped by signal 9. The job goes on by itself."]


def test_the_second_death_of_the_same_cause_fails_the_job_with_the_reason(store: Store, recipe: MakeRecipe) -> None:
    job_id = store.submit(recipe())[0].id
    outcomes = []
    for cause in ("SIGKILL", "SIGSEGV", "SIGKILL"):
        store.claim()
        outcomes.append(store.interrupt(job_id, cause, KILLED))
    assert outcomes == ["queued", "queued", "failed"]
    job = store.get(job_id)
    assert job.error is not None
    assert job.error["code"] == "worker-died"
    assert "signal 9" in job.error["detail"]
    assert store.events_after(job_id, 0)[-1].is_last


def test_the_server_may_die_again_and_again_while_the_job_gets_on(store: Store, recipe: MakeRecipe) -> None:
    job_id = store.submit(recipe())[0].id
    for fraction in (0.2, 0.4, 0.6):
        store.claim()
        store.append(job_id, "progress", {"fraction": fraction})
        assert store.interrupt(job_id, "server", KILLED, forgives_progress=True) == "queued"
    store.claim()
    assert store.interrupt(job_id, "server", KILLED, forgives_progress=True) == "failed"


def test_a_job_told_to_finish_still_is_when_it_is_run_again(store: Store, recipe: MakeRecipe) -> None:
    job_id = store.submit(recipe())[0].id
    store.claim()
    store.change_state(job_id, ("running",), "finishing", finish=True)
    store.interrupt(job_id, "SIGKILL", KILLED)
    again = store.claim()
    assert again is not None
    assert (again.state, again.finish) == ("finishing", True)


def test_a_job_tried_again_has_nothing_held_against_it(store: Store, recipe: MakeRecipe) -> None:
    job_id = store.submit(recipe())[0].id
    for _ in range(2):
        store.claim()
        store.interrupt(job_id, "SIGKILL", KILLED)
    store.retry(job_id)
    assert store.get(job_id).error is None
    store.claim()
    assert store.interrupt(job_id, "SIGKILL", KILLED) == "queued"
    with pytest.raises(Conflict):
        store.retry(job_id)


def test_the_job_that_was_put_first_last_is_taken_first(store: Store, recipe: MakeRecipe) -> None:
    ids = [store.submit(recipe(seed=seed))[0].id for seed in range(4)]
    store.put_first(ids[2])
    store.put_first(ids[3])
    assert [store.claim().id for _ in range(4)] == [ids[3], ids[2], ids[0], ids[1]]
    with pytest.raises(Conflict):
        store.put_first(ids[0])


def test_of_a_hundred_thousand_steps_only_the_newest_is_kept(store: Store, recipe: MakeRecipe) -> None:
    job_id = store.submit(recipe())[0].id
    for step in range(50):
        store.append(job_id, "progress", {"phase": "Painting", "step": step})
    kept = [(event.id, event.data["step"]) for event in store.events_after(job_id, 0) if event.name == "progress"]
    assert kept == [(51, 49)]


def test_the_events_of_a_job_tried_again_do_not_end_before_it_does(store: Store, recipe: MakeRecipe) -> None:
    for end in ("failed", "cancelled"):
        job_id = store.submit(recipe())[0].id
        store.end(job_id, end, error={"code": "x"})
        store.retry(job_id)
        assert not any(event.is_last for event in store.events_after(job_id, 0))
        store.end(job_id, "done", report={})


def test_only_a_job_that_is_over_can_be_deleted(store: Store, recipe: MakeRecipe) -> None:
    job_id = store.submit(recipe())[0].id
    with pytest.raises(Conflict):
        store.delete(job_id)
    store.end(job_id, "cancelled")
    store.delete(job_id)
    with pytest.raises(NoSuchJob):
        store.get(job_id)
    assert store.events_after(job_id, 0) == []


def test_news_are_told_after_they_can_be_read(tmp_path: Path, recipe: MakeRecipe) -> None:
    seen: list[tuple[str, int]] = []
    store = Store(tmp_path / "jobs.sqlite", lambda job_id: seen.append((job_id, store.get(job_id).last_event)))
    job_id = store.submit(recipe())[0].id
    store.append(job_id, "log", {})
    store.claim()
    store.end(job_id, "failed", error={"code": "x"})
    assert seen == [(job_id, 1), (job_id, 2), (job_id, 3), (job_id, 5)]
    store.close()


def test_warnings_stay_with_the_job_and_are_among_its_first_events(store: Store, recipe: MakeRecipe) -> None:
    job, _ = store.submit(recipe(), warnings=["It does not know one word."])
    assert job.warnings == store.get(job.id).warnings == ["It does not know one word."]
    events = [(event.name, event.data) for event in store.events_after(job.id, 0)]
    assert events[1:] == [("log", {"level": "warning", "message": "It does not know one word."})]
    assert store.submit(recipe())[0].warnings == []


def test_a_record_of_the_first_version_is_read_and_goes_on(tmp_path: Path, recipe: MakeRecipe) -> None:
    path = tmp_path / "jobs.sqlite"
    with closing(Store(path, lambda _: None)) as store:
        job_id = store.submit(recipe())[0].id
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP INDEX jobs_by_digest")
        db.executescript("".join(f"ALTER TABLE jobs DROP COLUMN {name};" for name in NEWER) + "PRAGMA user_version = 1")
    for _ in range(2):
        with closing(Store(path, lambda _: None)) as store:
            assert store.get(job_id).warnings == []
            store.submit(recipe(), warnings=["x"])


@pytest.mark.parametrize("fault", ["not a database", "of a later version"])
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "jobs.sqlite"
    if fault == "not a database":
        path.write_bytes(b"something else" * 100)
    else:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
    with pytest.raises(Problem) as refused:
        Store(path, lambda _: None)
    assert refused.value.code == "store-broken"
    assert str(path) in refused.value.message
