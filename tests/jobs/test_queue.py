"""The queue with a real worker process: jobs done, stopped, and survived."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.jobs.artifacts import job_folder
from server.jobs.queue import Queue
from server.jobs.store import Conflict, Store
from server.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


def test_a_texture_job_is_done_with_its_files(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("bricks"))
    job = office.wait_for_state(job_id, "done", "failed")
    assert job.error is None
    assert job.report["steps"] == 3
    folder = job_folder(office.data_dir, job_id)
    assert "texture.png" in job.report["artifacts"]
    assert all((folder / name).is_file() for name in job.report["artifacts"])
    events = office.store.events_after(job_id, 0)
    assert [event.data["state"] for event in events if event.name == "state"] == ["queued", "running", "done"]
    assert events[-1].name == "done"
    fractions = [event.data["fraction"] for event in events if event.name == "progress"]
    assert fractions == sorted(fractions)


def test_a_mesh_job_is_done_with_its_files(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("cube"))
    job = office.wait_for_state(job_id, "done", "failed")
    assert job.error is None
    with np.load(job_folder(office.data_dir, job_id) / "mesh.npz", allow_pickle=False) as mesh:
        assert mesh["position"].dtype == np.float32
        assert mesh["triangle"].max() < len(mesh["position"])
        assert mesh["colour"].shape == (len(mesh["position"]), 4)
    assert job.report["faces"] > 0


def test_jobs_run_one_after_the_other_in_one_warm_worker(office: Any, recipe: MakeRecipe) -> None:
    pid = office.worker_pid()
    ids = [office.submit(recipe("bricks", seed=seed)) for seed in range(2)]
    first, second = [office.wait_for_state(job_id, "done", "failed") for job_id in ids]
    assert first.finished <= second.started
    assert office.worker_pid() == pid


def test_a_queued_job_is_cancelled_at_once_and_never_runs(office: Any, recipe: MakeRecipe) -> None:
    running = office.submit(recipe("endless"))
    waiting = office.submit(recipe("bricks"))
    office.wait_for_state(running, "running")
    office.queue.cancel(waiting)
    assert office.store.get(waiting).state == "cancelled"
    office.queue.cancel(running)
    office.wait_for_state(running, "cancelled")
    assert office.names(waiting) == ["state", "state"]


def test_a_running_job_stops_when_cancelled_and_the_worker_goes_on(office: Any, recipe: MakeRecipe) -> None:
    pid = office.worker_pid()
    job_id = office.submit(recipe("endless"))
    office.wait_for_step(job_id, 2)
    office.queue.cancel(job_id)
    office.queue.cancel(job_id)  # asking twice is no error
    job = office.wait_for_state(job_id, "cancelled", "done", "failed")
    assert job.state == "cancelled"
    assert job.progress["step"] < 100_000
    assert office.store.events_after(job_id, 0)[-1].is_last
    office.queue.cancel(job_id)
    following = office.submit(recipe("bricks"))
    assert office.wait_for_state(following, "done", "failed").state == "done"
    assert office.worker_pid() == pid


def test_a_job_can_be_cancelled_while_it_loads(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("endless", prompt="blue waves"))
    office.wait_for_state(job_id, "running")
    office.queue.cancel(job_id)
    assert office.wait_for_state(job_id, "cancelled", "done", "failed").state == "cancelled"


def test_a_job_told_to_finish_keeps_what_exists(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("endless"))
    office.wait_for_step(job_id, 2)
    office.queue.finish(job_id)
    job = office.wait_for_state(job_id, "done", "failed")
    assert job.report["stopped_by"] == "finish"
    states = [event.data["state"] for event in office.store.events_after(job_id, 0) if event.name == "state"]
    assert states == ["queued", "running", "finishing", "done"]


def test_a_paused_job_makes_no_steps_until_it_is_resumed(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("endless"))
    office.wait_for_step(job_id, 2)
    office.queue.pause(job_id)
    assert office.store.get(job_id).state == "paused"

    def stands_still() -> bool:
        # The step under way may still end.
        before = office.store.get(job_id).last_event
        time.sleep(0.3)
        return bool(office.store.get(job_id).last_event == before)

    office.wait_for(stands_still, "the pause")
    step = office.store.get(job_id).progress["step"]
    office.queue.resume(job_id)
    assert office.store.get(job_id).state == "running"
    office.wait_for_step(job_id, step + 2)
    office.queue.pause(job_id)
    office.queue.cancel(job_id)
    office.wait_for_state(job_id, "cancelled")


def test_orders_that_make_no_sense_are_refused(office: Any, recipe: MakeRecipe) -> None:
    running = office.submit(recipe("endless"))
    queued = office.submit(recipe("bricks"))
    office.wait_for_state(running, "running")
    for order, job_id in [(office.queue.resume, queued), (office.queue.pause, queued), (office.queue.finish, queued)]:
        with pytest.raises(Conflict) as refused:
            order(job_id)
        assert "queued" in refused.value.message
    office.queue.cancel(running)
    done = office.wait_for_state(queued, "done")
    for order in (office.queue.cancel, office.queue.pause, office.queue.finish):
        with pytest.raises(Conflict):
            order(done.id)


def test_a_recipe_the_prior_cannot_do_fails_with_its_reason(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("bricks", prior="/no/such/folder"))
    job = office.wait_for_state(job_id, "failed", "done")
    assert job.error["code"] in ("prior-unknown", "prior-broken")
    assert office.store.events_after(job_id, 0)[-1].data == job.error


def test_a_crashed_worker_fails_its_job_in_plain_words_and_is_replaced(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("endless"))
    office.wait_for_step(job_id, 1)
    pid = office.worker_pid()
    os.kill(pid, signal.SIGSEGV)
    job = office.wait_for_state(job_id, "failed", "done")
    assert job.error["code"] == "worker-died"
    assert "SIGSEGV" in job.error["detail"]
    assert "Segmentation fault" in job.error["detail"]  # the telling line of its log
    assert office.store.events_after(job_id, 0)[-1].name == "failed"
    following = office.submit(recipe("bricks"))
    assert office.wait_for_state(following, "done", "failed").state == "done"
    assert office.worker_pid() != pid


def test_a_worker_that_died_idle_costs_no_job(office: Any, recipe: MakeRecipe) -> None:
    pid = office.worker_pid()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    job_id = office.submit(recipe("bricks"))
    assert office.wait_for_state(job_id, "done", "failed").error is None


def test_a_job_whose_worker_is_stuck_is_cancelled_all_the_same(
    office: Any, recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.jobs.queue.CANCEL_GRACE_S", 0.1)
    job_id = office.submit(recipe("endless"))
    office.wait_for_step(job_id, 1)
    os.kill(office.worker_pid(), signal.SIGSTOP)
    office.queue.cancel(job_id)
    assert office.wait_for_state(job_id, "cancelled", "failed", "done").state == "cancelled"


def test_jobs_for_a_device_that_is_not_there_fail_with_the_reason(
    tmp_path: Path, recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    error = fail_on(Queue(store := Store(tmp_path / "jobs.sqlite", ignore), tmp_path, ["cuda"]), store, recipe())
    assert error["code"] == "worker-did-not-start"
    assert "torch cannot use cuda here" in error["detail"]


def test_jobs_fail_with_the_reason_when_no_worker_can_be_started(tmp_path: Path, recipe: MakeRecipe) -> None:
    (tmp_path / "logs" / "worker-0.log").mkdir(parents=True)
    error = fail_on(Queue(store := Store(tmp_path / "jobs.sqlite", ignore), tmp_path, ["cpu"]), store, recipe())
    assert error["code"] == "worker-did-not-start"
    assert "worker-0.log" in error["detail"]


def ignore(_: str) -> None:
    pass


def fail_on(queue: Queue, store: Store, recipe: Recipe) -> dict[str, str]:
    job_id = store.submit(recipe)[0].id
    queue.start()
    deadline = time.monotonic() + 120
    while store.get(job_id).state in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    queue.stop()
    error = store.get(job_id).error
    store.close()
    assert error is not None
    return error
