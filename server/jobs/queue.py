"""The queue: hands the jobs of a store to the devices, and orders to the jobs."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from server.errors import Problem
from server.jobs.artifacts import finished_report, job_folder, remove_files
from server.jobs.dispatch import Dispatch
from server.jobs.events import ACTIVE, OVER, State
from server.jobs.faults import StoreFault, store_problem
from server.jobs.intake import Terms
from server.jobs.job import Job
from server.jobs.memory import Room
from server.jobs.outbox import Ending
from server.jobs.post import Post, post_here
from server.jobs.quota import Quota
from server.jobs.refusals import Conflict
from server.jobs.store import Store
from server.jobs.supervisor import GO_ON, Supervisor
from server.recipe import Recipe

# A cancelled job is over at once, and its worker normally has left it soon after. What cannot be interrupted, such as
# the loading of a model, ends with its worker.
CANCEL_GRACE_S = 1.5
RECONCILE_EVERY_S = 1.0
# All files of all jobs are counted.
QUOTA_EVERY_S = 5.0


class Queue:
    """Runs the queued jobs of a store.

    Args:
        data_dir: job folders and worker logs go below it.
        devices: names for the workers: "auto", "cpu", "cuda", "cuda:1". One worker runs on each; "auto" is every card
            of the machine, or its processor.
        low_vram: whether the workers save their devices' memory, at the cost of time.
        elsewhere: places of further workers, on other machines.
        quota_bytes: as `Quota`.
        idle_unload_s: a worker without a job for so long ends, and is started again for the next; None: it stays warm.

    Raises:
        StoreFault: the folder cannot be written.
    """

    def __init__(
        self,
        store: Store,
        data_dir: Path,
        devices: list[str],
        low_vram: bool = False,
        quota_bytes: int | None = None,
        idle_unload_s: float | None = None,
        elsewhere: Sequence[Post] = (),
    ) -> None:
        self._store = store
        self._data_dir = data_dir
        try:
            for name in ("logs", "jobs"):
                (data_dir / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise store_problem(error, data_dir) from None
        self._lock = threading.RLock()
        self.low_vram, self._idle_unload_s = low_vram, idle_unload_s
        self._supervisors: list[Supervisor] = []
        self._dispatch = Dispatch(store, data_dir, self._rooms)
        for post in (*(post_here(name, low_vram) for name in devices), *elsewhere):
            self._add(post)
        self._closing = threading.Event()
        self._missed: set[str] = set()
        self._quota = Quota(store, data_dir, quota_bytes)
        self._caretaker = threading.Thread(target=self._take_care, name="caretaker", daemon=True)

    def _add(self, post: Post) -> Supervisor:
        added = Supervisor(
            self._store,
            self._dispatch,
            self._data_dir,
            post,
            self._data_dir / "logs" / f"worker-{len(self._supervisors)}.log",
            self._lock,
            self._idle_unload_s,
            self.use_too,
            lambda: not any(other is not added and other.state != "down" for other in self._supervisors),
        )
        self._supervisors.append(added)
        return added

    def use_too(self, devices: list[str]) -> None:
        """Start a worker on each of these devices that has none yet."""
        with self._lock:
            known = {supervisor.device for supervisor in self._supervisors}
            for name in devices:
                if name not in known and not self._closing.is_set():
                    self._add(post_here(name, self.low_vram)).start()

    def recover(self) -> None:
        """After the server's end, whatever it was: what was under way is queued again, or is done if its files are.

        What was paused, or was to be, is paused."""
        problem = Problem("server-restarted", "The server stopped while this job ran.", GO_ON)
        for job_id in self._store.in_states((*ACTIVE, "paused")):
            report = finished_report(job_folder(self._data_dir, job_id))
            if report is not None:
                self._store.settle(job_id, Ending("done", report=report))
            elif self._store.get(job_id).state != "paused":
                self._store.interrupt(job_id, "server", problem.as_json(), forgives_progress=True)

    def start(self) -> None:
        """Start the workers; jobs begin as soon as they are ready."""
        self._caretaker.start()
        for supervisor in self._supervisors:
            supervisor.start()

    def stop(self) -> None:
        """Stop the workers. Jobs under way are kept and queued again."""
        with self._lock:
            self._closing.set()
        for supervisor in self._supervisors:
            supervisor.stop()
        for supervisor in self._supervisors:
            supervisor.join()
        if self._caretaker.is_alive():
            self._caretaker.join()

    def submit(
        self, recipes: Sequence[Recipe], key: str | None, warnings: Sequence[str], terms: Terms
    ) -> tuple[list[Job], bool]:
        """As `Store.submit_all`. What was made before is done when this returns.

        Raises:
            BadRequest: "memory-short" when no device will ever have room for it; and as `Store.submit_all`.
        """
        with self._lock:
            self._dispatch.check(terms.needs)
            jobs, are_new = self._store.submit_all(recipes, key, warnings, terms)
            # Each of them, not only the first.
            reused = are_new and sum(map(self._dispatch.reuse, jobs)) > 0
        self.wake()
        return [self._store.get(job.id) for job in jobs] if reused else jobs, are_new

    def _rooms(self) -> list[Room]:
        found = [supervisor.room for supervisor in self._supervisors if supervisor.state != "down"]
        return found or [supervisor.room for supervisor in self._supervisors]

    def wake(self) -> None:
        """Tell the queue that a job was submitted."""
        for supervisor in self._supervisors:
            supervisor.wake()

    def devices(self) -> list[dict[str, Any]]:
        """Each device: wanted name, state ("off", "starting", "idle", "busy", "down"), the problem if down, facts."""
        return [
            {"wanted": device.device, "state": device.state, "problem": device.problem, **device.facts}
            for device in self._supervisors
        ]

    def cancel(self, job_id: str) -> None:
        """The job is over at once; its worker is free soon after.

        Raises:
            Conflict: the job is done or failed.
        """
        with self._lock:
            state = self._store.get(job_id).state
            if state in ("done", "failed"):
                raise Conflict("job-over", f"The job is {state} already.", "There is nothing left to cancel.")
            if state in OVER:
                return
            supervisor = self._who_has(job_id)
            if supervisor is not None:
                supervisor.order("cancel", CANCEL_GRACE_S)
            self._store.end(job_id, "cancelled")

    def finish(self, job_id: str) -> None:
        """Stop shaping and make the result from what there is. Raises Conflict."""
        with self._lock:
            if self._store.change_state(job_id, ("paused",), "queued", finish=True):
                self.wake()
                return
            supervisor = self._running(job_id, "finish", ("running", "finishing"), "running or paused")
            self._store.change_state(job_id, ("running",), "finishing", finish=True)
            supervisor.order("finish")

    def pause(self, job_id: str) -> None:
        """Keep what the job has reached and leave the device to others; it is `paused` when its worker says so, and at
        once when none has it yet.

        Raises:
            Conflict: it is finishing, or over.
        """
        with self._lock:
            if self._store.get(job_id).state != "paused" and not self._store.change_state(
                job_id, ("queued",), "paused"
            ):
                supervisor = self._running(job_id, "pause", ("running",), "queued or running")
                self._store.wish_pause(job_id, True)
                supervisor.order("pause")

    def resume(self, job_id: str) -> None:
        """Queue a paused job again. Raises Conflict."""
        with self._lock:
            if self._store.change_state(job_id, ("paused",), "queued"):
                self.wake()
            else:
                supervisor = self._running(job_id, "resume", ("running",), "paused")
                self._store.wish_pause(job_id, False)
                supervisor.order("resume")

    def retry(self, job_id: str) -> None:
        """Queue a job that failed or was cancelled again: it goes on from what was kept of it. Raises Conflict."""
        with self._lock:
            # Its worker may not have left it yet.
            if self._who_has(job_id) is not None:
                raise Conflict("wrong-state", "The job is only just being left.", "Ask again in a second.")
            self._store.retry(job_id)
        self.wake()

    def put_first(self, job_id: str) -> None:
        """Let a queued job be the next to be taken. Raises Conflict."""
        self._store.put_first(job_id)

    def delete(self, job_id: str) -> None:
        """Forget a job that is over, and remove its files. Raises Conflict, also when files would stay."""
        with self._lock:
            self._store.check_over(job_id)
            if self._who_has(job_id) is not None:
                raise Conflict("job-not-over", "The job is only just being left.", "Ask again in a second.")
            remove_files(job_folder(self._data_dir, job_id))
            self._store.delete(job_id)

    def _who_has(self, job_id: str) -> Supervisor | None:
        found = (supervisor for supervisor in self._supervisors if supervisor.run and supervisor.run.job_id == job_id)
        return next(found, None)

    def _running(self, job_id: str, order: str, states: tuple[State, ...], needed: str) -> Supervisor:
        supervisor, state = self._who_has(job_id), self._store.get(job_id).state
        if supervisor is None or state not in states:
            raise Conflict("wrong-state", f"Cannot {order} a job that is {state}.", f"It must be {needed}.")
        return supervisor

    def free_memory(self) -> None:
        """Let every worker that has no job end, and its model with it; it is started again for the next job."""
        with self._lock:
            for supervisor in self._supervisors:
                supervisor.unload()

    def _take_care(self) -> None:
        looked = 0.0
        while not self._closing.wait(RECONCILE_EVERY_S):
            try:
                self._store.write_waiting()
                self._reconcile()
                if time.monotonic() - looked >= QUOTA_EVERY_S:
                    with self._lock:
                        self._quota.keep()
                    looked = time.monotonic()
            except StoreFault:
                continue  # its supervisors say so
            except Exception:
                traceback.print_exc()

    def _reconcile(self) -> None:
        """A job that seems to run and that no worker has, twice in a row, was lost by a fault."""
        with self._lock:
            missed = {job_id for job_id in self._store.in_states(ACTIVE) if self._who_has(job_id) is None}
            problem = Problem("worker-died", "No worker had this job any more.", GO_ON)
            for job_id in missed & self._missed:
                self._store.interrupt(job_id, "lost", problem.as_json())
            self._missed = missed
        if missed:
            self.wake()
