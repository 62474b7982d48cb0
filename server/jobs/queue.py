"""The queue: one thread per device takes the oldest queued job and sees it through in that device's worker process."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.errors import Problem
from server.jobs.artifacts import job_folder
from server.jobs.events import State
from server.jobs.process import WorkerProcess
from server.jobs.refusals import Conflict
from server.jobs.store import Job, Store

# A cancelled job is normally left within one step. Loading a model cannot be interrupted, so its worker is replaced.
CANCEL_GRACE_S = 5.0
GO_ON = "Submit the recipe again: it goes on from where it was."


class _Device:
    """A device's worker (None before the first start) and what is known of it."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.worker: WorkerProcess | None = None
        self.facts: dict[str, Any] = {}
        self.state = "off"
        self.problem = ""


class Queue:
    """Runs the queued jobs of a store.

    Args:
        data_dir: job folders and worker logs go below it.
        devices: names for the workers: "auto", "cpu", "cuda", "cuda:1". One worker runs on each.
        low_vram: whether the workers save their devices' memory, at the cost of time.
    """

    def __init__(self, store: Store, data_dir: Path, devices: list[str], low_vram: bool = False) -> None:
        self._store = store
        self._low_vram = low_vram
        self._data_dir = data_dir
        (data_dir / "logs").mkdir(parents=True, exist_ok=True)
        self._devices = [
            _Device(name, data_dir / "logs" / f"worker-{number}.log") for number, name in enumerate(devices)
        ]
        # Guards the way from "queued" to a worker that has the job, so that no order to a job is lost in between.
        self._changed = threading.Condition()
        self._running: dict[str, WorkerProcess] = {}
        self._cancelled: set[str] = set()
        self._closing = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the workers; jobs begin as soon as they are ready."""
        for device in self._devices:
            thread = threading.Thread(target=self._serve, args=[device], name=f"queue {device.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop the workers. Queued jobs stay queued; jobs under way fail with "server-stopped"."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            workers = [device.worker for device in self._devices if device.worker]
        for worker in workers:
            worker.stop()
        for thread in self._threads:
            thread.join()

    def wake(self) -> None:
        """Tell the queue that a job was submitted."""
        with self._changed:
            self._changed.notify_all()

    def devices(self) -> list[dict[str, Any]]:
        """Each device: wanted name, state ("off", "starting", "idle", "busy", "down"), the problem if down, facts."""
        return [
            {"wanted": device.name, "state": device.state, "problem": device.problem, **device.facts}
            for device in self._devices
        ]

    def cancel(self, job_id: str) -> None:
        """A queued job is over at once; a running one within a step, or when its worker was stopped.

        Raises:
            Conflict: the job is done or failed.
        """
        with self._changed:
            if self._store.end(job_id, "cancelled", before=("queued",)):
                return
            state = self._store.get(job_id).state
            if state in ("done", "failed"):
                raise Conflict("job-over", f"The job is {state} already.", "There is nothing left to cancel.")
            worker = self._running.get(job_id)
            if worker is None:  # left behind by a fault of the server, or cancelled before
                self._store.end(job_id, "cancelled")
                return
            if job_id in self._cancelled:
                return
            self._cancelled.add(job_id)
            worker.send("cancel", job=job_id)
        patience = threading.Timer(CANCEL_GRACE_S, self._kill_if_still_running, [job_id])
        patience.daemon = True
        patience.start()

    def finish(self, job_id: str) -> None:
        """Stop shaping and make the result from what there is. Raises Conflict."""
        self._order(job_id, "finish", ("running", "paused"), "finishing")

    def pause(self, job_id: str) -> None:
        """Wait after the current step, keeping everything in memory. Raises Conflict."""
        self._order(job_id, "pause", ("running",), "paused")

    def resume(self, job_id: str) -> None:
        """Raises Conflict."""
        self._order(job_id, "resume", ("paused",), "running")

    def _order(self, job_id: str, order: str, before: tuple[State, ...], after: State) -> None:
        with self._changed:
            state = self._store.get(job_id).state
            if state == after:
                return
            if state not in before or job_id not in self._running:
                needed = " or ".join(before)
                raise Conflict("wrong-state", f"Cannot {order} a job that is {state}.", f"It must be {needed}.")
            self._store.change_state(job_id, before, after)
            self._running[job_id].send(order, job=job_id)

    def _kill_if_still_running(self, job_id: str) -> None:
        with self._changed:
            # Under the lock, so that the worker cannot have gone on to the next job.
            if job_id in self._running:
                self._running[job_id].kill()

    def _serve(self, device: _Device) -> None:
        self._guarded(self._start_worker, device)
        while not self._closing:
            self._guarded(self._do_next, device)
        if device.worker is not None:
            device.worker.stop()

    def _guarded(self, work: Callable[[_Device], None], device: _Device) -> None:
        """The thread of a device must outlive any fault, a full disk for instance: nobody else would take the jobs."""
        try:
            work(device)
        except Exception:
            traceback.print_exc()
            time.sleep(1.0)  # the fault may last, and trying at once would only fill the log

    def _start_worker(self, device: _Device) -> None:
        with self._changed:
            if self._closing:
                return
            device.state, device.worker = "starting", None
            try:
                worker = device.worker = WorkerProcess(device.name, device.log, self._low_vram)
            except OSError as error:
                device.state, device.problem = "down", f"The worker could not be started: {error}."
                return
        ready = next(worker.answers(), None)
        if ready is None:
            device.state, device.worker = "down", None
            device.problem = f"The worker {worker.how_it_ended()} while it started. {worker.last_words()}".strip()
        else:
            device.state, device.problem, device.facts = "idle", "", ready["facts"]

    def _do_next(self, device: _Device) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._store.any_queued())
        if device.worker is None or not device.worker.alive:
            self._start_worker(device)
        worker = device.worker
        with self._changed:
            job = None if self._closing else self._store.claim()
            if job is None:
                return
            if worker is None:
                hint = f"Repair what it names, then submit the recipe again. Log: {device.log}"
                problem = Problem("worker-did-not-start", device.problem, hint)
                self._store.end(job.id, "failed", error=problem.as_json())
                return
            self._running[job.id] = worker
            folder = str(job_folder(self._data_dir, job.id).absolute())
            unfinished = str((self._data_dir / "unfinished").absolute())
            worker.send("make", job=job.id, recipe=job.recipe, folder=folder, unfinished=unfinished)
            device.state = "busy"
        try:
            self._see_through(device, worker, job)
        except Exception as error:
            worker.stop()  # it may still be busy with this job
            hint = "See the server's output for the details."
            problem = Problem("internal", f"The server could not go on with this job: {error}.", hint)
            self._store.end(job.id, "failed", error=problem.as_json())
            raise
        finally:
            with self._changed:
                del self._running[job.id]
                self._cancelled.discard(job.id)
            device.state = "idle"
        if not worker.alive:
            self._start_worker(device)

    def _see_through(self, device: _Device, worker: WorkerProcess, job: Job) -> None:
        for answer in worker.answers():
            if answer["answer"] == "event":
                self._store.append(job.id, answer["name"], answer["data"])
                continue
            if answer["answer"] == "done":
                self._store.end(job.id, "done", report=answer["report"])
            elif answer["answer"] == "cancelled":
                self._store.end(job.id, "cancelled")
            elif answer["answer"] == "failed":
                self._store.end(job.id, "failed", error=answer["error"])
                if answer["fatal"]:
                    worker.stop()
            return
        ending = worker.how_it_ended()
        if job.id in self._cancelled:
            self._store.end(job.id, "cancelled")
        elif self._closing:
            error = Problem("server-stopped", "The server was stopped while this job ran.", GO_ON)
            self._store.end(job.id, "failed", error=error.as_json())
        else:
            self._store.end(job.id, "failed", error=_death(ending, device, worker).as_json())


def _death(ending: str, device: _Device, worker: WorkerProcess) -> Problem:
    words = worker.last_words()
    last = f" Its last words: {words}" if words else ""
    hint = f"{GO_ON} Log: {device.log}"
    return Problem("worker-died", f"The worker {ending} while this job ran.{last}", hint)
