"""Quick looks in the queue: each waits, paused, for somebody who wants the rest of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from server.jobs.artifacts import job_folder
from server.jobs.intake import Terms
from server.jobs.outbox import Ending
from server.jobs.store import Store
from server.recipe import Recipe
from tests.jobs.conftest import Office

MakeRecipe = Callable[..., Recipe]
# Of a texture, a look is the first 40 % of its steps.
STEPS = 10


def looks(office: Office, recipe_of: MakeRecipe, *seeds: int) -> list[str]:
    asked = [recipe_of("bricks", steps=STEPS, seed=seed) for seed in seeds]
    jobs, _ = office.store.submit_all(asked, terms=Terms(task="look"))
    office.queue.wake()
    return [office.wait_for_state(job.id, "paused", "done").id for job in jobs]


def test_looks_are_paused_one_after_the_other_each_with_its_thumbnail(office: Office, recipe_of: MakeRecipe) -> None:
    for job_id in looks(office, recipe_of, 1, 2, 3):
        job = office.store.get(job_id)
        assert (job.state, job.task) == ("paused", "looked")
        assert (job.progress or {})["step"] == 4
        events = office.store.events_after(job_id, 0)
        (look,) = [event.data for event in events if event.name == "look"]
        assert (job_folder(office.data_dir, job_id) / look["artifact"]).is_file()
        assert events[-1].data == {"state": "paused"}
    assert office.worker_pid() > 0  # its device is free


def test_only_what_is_resumed_goes_on_and_makes_only_the_rest(office: Office, recipe_of: MakeRecipe) -> None:
    wanted, other = looks(office, recipe_of, 4, 5)
    office.queue.resume(wanted)
    job = office.wait_for_state(wanted, "done", "failed", "paused")
    assert (job.state, job.task) == ("done", "looked")
    logged = (job_folder(office.data_dir, wanted) / "log.jsonl").read_text(encoding="utf-8")
    assert "Going on from step 4 of 10" in logged
    assert (job.report or {})["steps"] == STEPS
    assert office.store.get(other).state == "paused"
    office.queue.cancel(other)


def test_a_look_can_be_finished_as_it_is(office: Office, recipe_of: MakeRecipe) -> None:
    (job_id,) = looks(office, recipe_of, 6)
    office.queue.finish(job_id)
    job = office.wait_for_state(job_id, "done")
    assert ((job.report or {})["steps"], (job.report or {})["stopped_by"]) == (4, "finish")


def test_a_look_that_was_cancelled_waits_again_when_it_is_retried_and_paused(
    office: Office, recipe_of: MakeRecipe
) -> None:
    (job_id,) = looks(office, recipe_of, 7)
    office.queue.cancel(job_id)
    office.queue.retry(job_id)
    office.queue.pause(job_id)
    job = office.wait_for_state(job_id, "paused", "done", "failed")
    assert (job.state, job.task) == ("paused", "looked")
    office.queue.resume(job_id)
    assert (office.wait_for_state(job_id, "done", "failed").report or {})["steps"] == STEPS


def test_looks_survive_the_server_and_any_number_of_them_is_kept(tmp_path: Path, recipe_of: MakeRecipe) -> None:
    seeds = range(12)  # more than the runs that were given up of which the states are kept
    with closing(Office(tmp_path)) as office:
        ids = looks(office, recipe_of, *seeds)
    with closing(Office(tmp_path)) as office:
        office.queue.recover()
        assert [office.store.get(job_id).state for job_id in ids] == ["paused"] * len(ids)
        office.queue.resume(ids[0])
        office.wait_for_state(ids[0], "done")
        logged = (job_folder(tmp_path, ids[0]) / "log.jsonl").read_text(encoding="utf-8")
        assert "Going on from step 4 of 10" in logged


def test_a_look_that_is_told_to_finish_while_its_worker_leaves_it_is_finished(store: Store, recipe: MakeRecipe) -> None:
    (job,), _ = store.submit_all([recipe("bricks", steps=STEPS)], terms=Terms(task="look"))
    store.claim()
    store.change_state(job.id, ("running",), "finishing", finish=True)
    store.settle(job.id, Ending("paused", task="looked"))
    assert (store.get(job.id).state, store.get(job.id).task) == ("queued", "looked")
    taken = store.claim()
    assert taken is not None
    assert (taken.id, taken.state) == (job.id, "finishing")
