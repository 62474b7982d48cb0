"""The queue with a real worker process: jobs done, stopped, and survived."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.jobs.artifacts import job_folder
from server.jobs.post import post_here
from server.jobs.process import WorkerProcess
from server.jobs.queue import Queue
from server.jobs.refusals import Conflict, NoSuchJob
from server.jobs.store import Store
from server.recipe import Recipe
from tests.jobs.conftest import Office

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


def test_a_paused_job_leaves_its_device_to_others_and_goes_on_where_it_was(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("endless"))
    office.wait_for_step(job_id, 2)
    office.queue.pause(job_id)
    paused = office.wait_for_state(job_id, "paused")
    other = office.submit(recipe("bricks"))
    assert office.wait_for_state(other, "done", "failed").state == "done"
    assert office.store.get(job_id).last_event == paused.last_event
    office.queue.resume(job_id)
    office.wait_for_step(job_id, paused.progress["step"] + 1)
    said = [event.data["message"] for event in office.store.events_after(job_id, 0) if event.name == "log"]
    assert any("Going on from step" in message for message in said)
    office.queue.cancel(job_id)


def test_a_paused_job_can_be_finished_or_cancelled(office: Any, recipe: MakeRecipe) -> None:
    ids = [office.submit(recipe("endless", seed=seed)) for seed in (11, 12)]
    for job_id in ids:
        office.wait_for_step(job_id, 2)
        office.queue.pause(job_id)
        office.wait_for_state(job_id, "paused")
    office.queue.cancel(ids[0])
    assert office.store.get(ids[0]).state == "cancelled"
    office.queue.finish(ids[1])
    assert office.wait_for_state(ids[1], "done", "failed").report["stopped_by"] == "finish"


def test_a_job_that_is_paused_before_its_turn_lets_others_pass_and_waits(office: Any, recipe: MakeRecipe) -> None:
    running = office.submit(recipe("endless"))
    held, other = office.submit(recipe("bricks", seed=1)), office.submit(recipe("bricks", seed=2))
    office.queue.pause(held)
    office.queue.cancel(running)
    office.wait_for_state(other, "done")
    assert office.store.get(held).state == "paused"
    office.queue.resume(held)
    office.wait_for_state(held, "done")


def test_a_job_that_is_to_go_on_at_once_is_never_left_paused(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("endless", seed=13))
    office.wait_for_step(job_id, 2)
    for _ in range(20):
        office.queue.pause(job_id)
        office.queue.resume(job_id)
    step = office.store.get(job_id).progress["step"]
    office.wait_for_step(job_id, step + 5)
    office.queue.cancel(job_id)
    assert "paused" not in [event.data.get("state") for event in office.store.events_after(job_id, 0)]


def test_orders_that_make_no_sense_are_refused(office: Any, recipe: MakeRecipe) -> None:
    running = office.submit(recipe("endless"))
    queued = office.submit(recipe("bricks"))
    office.wait_for_state(running, "running")
    for order in (office.queue.resume, office.queue.finish):
        with pytest.raises(Conflict) as refused:
            order(queued)
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


def test_a_job_goes_on_by_itself_in_another_worker_and_fails_at_the_second_death_of_one_cause(
    office: Any, recipe: MakeRecipe
) -> None:
    job_id = office.submit(recipe("endless", seed=21))
    for attempt in (1, 2):
        office.wait_for(lambda n=attempt: office.store.get(job_id).attempts == n, "the attempt")
        office.wait_for_state(job_id, "running")
        pid = office.worker_pid()
        os.kill(pid, signal.SIGSEGV)
        office.wait_for(lambda dead=pid: office.queue.devices()[0].get("pid") != dead, "its end")
    job = office.wait_for_state(job_id, "failed", "done")
    assert job.error["code"] == "worker-died"
    assert "SIGSEGV" in job.error["detail"]
    assert "Segmentation fault" in job.error["detail"]  # the telling line of its log
    assert office.store.events_after(job_id, 0)[-1].name == "failed"
    following = office.submit(recipe("bricks"))
    assert office.wait_for_state(following, "done", "failed").state == "done"
    assert office.worker_pid() != pid


def test_a_worker_told_to_end_keeps_its_job_and_another_goes_on_with_it(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("bricks", steps=150, seed=22, guidance={"stop_threshold": 0.0}))
    office.wait_for_step(job_id, 5)
    os.kill(office.worker_pid(), signal.SIGTERM)
    job = office.wait_for_state(job_id, "done", "failed")
    assert (job.error, job.attempts, job.report["steps"]) == (None, 2, 150)
    said = [event.data["message"] for event in office.store.events_after(job_id, 0) if event.name == "log"]
    assert any("Going on from step" in message for message in said)


def test_a_stopped_worker_is_made_to_go_on(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("endless", seed=23))
    office.wait_for_step(job_id, 2)
    os.kill(office.worker_pid(), signal.SIGSTOP)
    step = office.store.get(job_id).progress["step"]
    office.wait_for_step(job_id, step + 20)
    office.queue.cancel(job_id)


def test_orders_to_a_worker_that_does_not_read_wait_for_nobody(office: Any, recipe: MakeRecipe) -> None:
    worker = WorkerProcess(post_here("cpu"), office.data_dir / "unread.log", lambda worker, answer: None)
    os.kill(worker.pid, signal.SIGSTOP)
    for _ in range(20_000):
        worker.send("cancel", job="a job of some name")
    worker.stop()
    assert "SIGKILL" in worker.how_it_ended()


def test_an_idle_worker_that_died_is_buried_and_not_shown_as_idle(office: Any, recipe: MakeRecipe) -> None:
    office.wait_for_state(office.submit(recipe("bricks")), "done")
    pid = office.worker_pid()
    os.kill(pid, signal.SIGKILL)
    office.wait_for(lambda: office.queue.devices()[0].get("pid") != pid, "its end")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_last_words_are_those_of_the_job_and_not_of_the_one_before(office: Any, recipe: MakeRecipe) -> None:
    (office.data_dir / "logs").mkdir(exist_ok=True)
    worker = WorkerProcess(post_here("cpu"), log := office.data_dir / "logs" / "words.log", lambda worker, answer: None)
    log.write_text("the reason of an earlier job\n", encoding="utf-8")
    worker.begin_job()
    worker.kill()
    worker.how_it_ended()
    assert worker.last_words() == ""


def test_a_cancelled_job_is_over_before_its_worker_has_left_it(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("endless", seed=24))
    office.wait_for_step(job_id, 1)
    os.kill(office.worker_pid(), signal.SIGSTOP)
    office.queue.cancel(job_id)
    assert office.store.get(job_id).state == "cancelled"
    following = office.submit(recipe("bricks", seed=25))
    assert office.wait_for_state(following, "done", "failed").state == "done"


def test_a_job_that_no_worker_has_is_queued_again(office: Any, recipe: MakeRecipe) -> None:
    running = office.submit(recipe("endless", seed=26))
    office.wait_for_state(running, "running")
    lost = office.store.submit(recipe("bricks", seed=27))[0].id
    assert office.store.claim().id == lost  # as if a supervisor had taken it and forgotten it
    office.wait_for_state(lost, "queued")
    office.queue.cancel(running)
    assert office.wait_for_state(lost, "done", "failed").state == "done"


def test_a_deleted_job_leaves_no_files_and_says_so_when_it_would(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("bricks", seed=28))
    office.wait_for_state(job_id, "done")
    folder = job_folder(office.data_dir, job_id)
    office.queue.delete(job_id)
    assert not folder.exists()
    with pytest.raises(NoSuchJob):
        office.store.get(job_id)


def test_a_folder_that_is_a_link_is_neither_written_to_nor_emptied(
    office: Any, recipe: MakeRecipe, tmp_path: Path
) -> None:
    running = office.submit(recipe("endless", seed=29))
    office.wait_for_step(running, 1)
    job_id = office.submit(recipe("bricks", seed=30))
    (tmp_path / "mine").write_text("x", encoding="utf-8")
    job_folder(office.data_dir, job_id).symlink_to(tmp_path)
    office.queue.cancel(running)
    assert office.wait_for_state(job_id, "done", "failed").error["code"] == "file-unusable"
    office.queue.delete(job_id)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_failed_job_can_be_tried_again(office: Any, recipe: MakeRecipe, tmp_path: Path) -> None:
    job_id = office.submit(recipe("endless", seed=31))
    office.wait_for_step(job_id, 1)
    office.queue.cancel(job_id)

    def retried() -> bool:
        try:
            office.queue.retry(job_id)
        except Conflict:
            return False  # its worker is only just leaving it
        return True

    office.wait_for(retried, "the retry")
    office.wait_for_state(job_id, "running")
    office.queue.finish(job_id)
    assert office.wait_for_state(job_id, "done", "failed").state == "done"


def test_a_worker_that_died_idle_costs_no_job(office: Any, recipe: MakeRecipe) -> None:
    pid = office.worker_pid()
    os.kill(pid, signal.SIGKILL)
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


def test_a_worker_that_hangs_while_it_starts_is_replaced_once_and_then_said_to_be_down(
    tmp_path: Path, recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow" / "torch").mkdir(parents=True)
    hangs = tmp_path / "slow" / "torch" / "__init__.py"
    hangs.write_text("import time\ntime.sleep(3600)\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(hangs.parents[1]))
    monkeypatch.setattr("server.jobs.watch.START_LIMIT_S", 2.0)
    with closing(Office(tmp_path)) as office:
        job_id = office.submit(recipe("bricks"))
        job = office.wait_for_state(job_id, "failed", "done")
        assert job.error["code"] == "worker-did-not-start"
        assert "said nothing for 2 seconds while it started" in job.error["detail"]
        assert [device["state"] for device in office.queue.devices()] == ["down"]

        # Once it can start, the same job is tried again and is done.
        hangs.unlink()
        monkeypatch.delenv("PYTHONPATH")
        monkeypatch.setattr("server.jobs.watch.START_LIMIT_S", 180.0)
        office.queue.retry(job_id)
        assert office.wait_for_state(job_id, "failed", "done").state == "done"


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
