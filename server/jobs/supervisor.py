"""One post: its worker process is kept alive, given jobs one after the other, and never waited for."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.accelerators import kind_of
from server.errors import Problem
from server.jobs.deaths import LOST
from server.jobs.dispatch import Dispatch
from server.jobs.faults import StoreFault
from server.jobs.given import places_of
from server.jobs.guarded import Guarded
from server.jobs.memory import Room
from server.jobs.outbox import Ending
from server.jobs.post import Post
from server.jobs.process import Answer, WorkerProcess
from server.jobs.run import Run, ending_of
from server.jobs.store import Store
from server.jobs.watch import LOOK_EVERY_S, Watch

# How long a worker may take to keep its job when the server ends.
STOP_GRACE_S = 3.0
# A worker that dies sooner than this, without a job, is started again when there is one.
SHORT_LIFE_S = 10.0
# While other devices work, one whose worker did not start is tried again this often.
TRY_AGAIN_S = 60.0
_LOG = logging.getLogger(__name__)
GO_ON = "It goes on from where it was."


class Supervisor:
    """The worker of one post, and the job that it has.

    Args:
        dispatch: tells which job is for it.
        lock: held on the way from "queued" to a worker that has the job, and while orders are given, so that no order
            to a job is lost in between.
        log: of the worker.
        idle_unload_s: as `Queue`.
        on_others: told which other devices the worker has seen.
        is_alone: tells whether no other device could make a job.

    Attributes:
        device: what the post is called.
        state: "off", "starting", "idle", "busy", "down"; `problem`: why, if down, and what a start waits for; `facts`:
            of the living worker.
    """

    def __init__(
        self,
        store: Store,
        dispatch: Dispatch,
        data_dir: Path,
        post: Post,
        log: Path,
        lock: threading.RLock,
        idle_unload_s: float | None = None,
        on_others: Callable[[list[str]], None] = lambda names: None,
        is_alone: Callable[[], bool] = lambda: True,
    ) -> None:
        self.device = post.name
        self.state, self.problem = "off", ""
        self.facts: dict[str, Any] = {}
        self.run: Run | None = None
        self._store, self._dispatch = store, dispatch
        self._post, self._kind = post, post.kind
        self._data_dir, self._log = data_dir, log
        self._lock = lock
        self._idle_unload_s, self._on_others, self._is_alone = idle_unload_s, on_others, is_alone
        self._worker: WorkerProcess | None = None
        self._watch: Watch | None = None
        self._started = self._idle_since = 0.0
        self._killed = self._unloading = False
        self._failed_starts = 0
        self._closing = False
        self._news: queue.SimpleQueue[tuple[WorkerProcess, Answer | None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=f"supervisor {post.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def room(self) -> Room:
        """Its memory, as its worker told it last; the kind of the device outlives the worker."""
        told = self.facts
        name, free, total = (told.get(fact) for fact in ("device", "memory_free", "memory_total"))
        return Room(name or self.device, self._kind, free, total, self.run is not None)

    def wake(self) -> None:
        """There may be a job to take."""
        self._news.put(None)

    def stop(self) -> None:
        """Let the worker keep its job and go; `join` waits for it."""
        self._closing = True
        self.wake()

    def join(self) -> None:
        if self._thread.is_alive():
            self._thread.join()

    def order(self, order: str, grace_s: float | None = None) -> None:
        """Pass an order on to the worker; under the lock, while `run` is its job. Never waits.

        Args:
            grace_s: after so many seconds the worker is killed if it still has the job.
        """
        run = self.run
        if run is None or self._worker is None:
            return
        run.is_cancelled = run.is_cancelled or order == "cancel"
        if grace_s is not None and run.leave_by is None:
            run.leave_by = time.monotonic() + grace_s
        self._worker.send(order, job=run.job_id)
        self.wake()

    def unload(self) -> None:
        """Let a worker that has no job go; under the lock. The next job starts another."""
        if self.state == "idle" and self.run is None and (worker := self._worker) is not None:
            self._unloading = self._killed = True
            worker.let_go()

    def _serve(self) -> None:
        guarded = Guarded(self.device)
        guarded(self._start_worker)
        while not self._closing:
            guarded(self._turn)
        guarded(self._leave)

    def _turn(self) -> None:
        self._hear(self._next_news(LOOK_EVERY_S))
        self._look_after_worker()
        self._take_job()

    def _next_news(self, timeout_s: float) -> tuple[WorkerProcess, Answer | None] | None:
        try:
            return self._news.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _hear(self, news: tuple[WorkerProcess, Answer | None] | None) -> None:
        if news is None or news[0] is not self._worker:
            return
        worker, answer = news
        if answer is None:
            self._bury(worker)
        elif answer["answer"] == "ready":
            self.state, self.problem, self.facts = "idle", "", answer["facts"] | answer["memory"]
            self._kind = kind_of(self.facts["device"])
            self._idle_since = time.monotonic()
            self._failed_starts = 0
            self._on_others(answer["others"])
        elif answer["answer"] == "waiting":
            self.problem = answer["why"]
        elif answer["answer"] == "event":
            self._pass_on(answer)
        elif answer["answer"] == "alive":
            self.facts = self.facts | answer["memory"]
        else:
            self._end_run(ending_of(answer))
            if answer.get("fatal"):
                self._kill(worker)
            elif answer.get("why") == "stop":
                self._killed = True  # it was told to end, and does

    def _pass_on(self, event: Answer) -> None:
        # Progress and previews come again; how the job ends is kept.
        with contextlib.suppress(StoreFault):
            self._store.append(event["job"], event["name"], event["data"])

    def _end_run(self, ending: Ending) -> None:
        """The worker has left its job."""
        with self._lock:
            run, self.run = self.run, None
            if self.state == "busy":
                self.state, self._idle_since = "idle", time.monotonic()
            if run is not None and not run.is_cancelled:
                self._store.settle(run.job_id, ending)

    def _bury(self, worker: WorkerProcess) -> None:
        """The worker is gone."""
        ending, words, was_lost = worker.how_it_ended(), worker.last_words(), worker.was_lost
        if self._watch is not None and self._watch.silent:
            ending = self._watch.silent
        _LOG.info("%s: worker %d %s", self.device, worker.pid, ending)
        self._worker, self._watch, self.facts, self._killed = None, None, {}, False
        was_unloading, self._unloading = self._unloading, False
        was_starting, self.state = self.state == "starting", "off"
        with self._lock:
            run, self.run = self.run, None
        if was_starting:
            self.state = "down"
            self.problem = f"The worker {ending} while it started. {words}".strip()
            self._failed_starts += 1
            # Once may be an accident.
            if self._failed_starts == 1:
                self._start_worker()
            else:
                self._fail_next()
            return
        if run is not None and not run.is_cancelled:
            last = f" Its last words: {words}" if words else ""
            hint = f"{GO_ON} Log: {self._log}"
            problem = Problem("worker-died", f"The worker {ending} while this job ran.{last}", hint)
            cause = LOST if was_lost else ending
            self._store.interrupt(run.job_id, cause, problem.as_json(), forgives_progress=was_lost)
        if run is not None or (not was_unloading and time.monotonic() - self._started > SHORT_LIFE_S):
            self._start_worker()

    def _start_worker(self) -> None:
        if self._closing:
            return
        self._started, self._killed = time.monotonic(), False
        try:
            self._worker = WorkerProcess(self._post, self._log, self._on_answer)
            self._watch = Watch(self._worker)
            self.state = "starting"
            _LOG.info("%s: worker %d starts", self.device, self._worker.pid)
        except OSError as error:
            self.state, self.problem = "down", f"The worker could not be started: {error}."
            self._fail_next()

    def _on_answer(self, worker: WorkerProcess, answer: Answer | None) -> None:
        self._news.put((worker, answer))

    def _fail_next(self) -> None:
        """The job for which a worker was to be started; the one after it is another try. Other devices make it, if
        there are any."""
        with self._lock:
            job = self._dispatch.take(self.room) if self._is_alone() else None
        if job is not None:
            hint = f"Repair what it names, then retry the job. Log: {self._log}"
            problem = Problem("worker-did-not-start", self.problem, hint)
            self._store.end(job.id, "failed", error=problem.as_json())

    def _look_after_worker(self) -> None:
        worker, watch, now = self._worker, self._watch, time.monotonic()
        if worker is None or watch is None:
            return
        if watch.look(self.state == "starting"):
            self._killed = True
        if self.run is not None and self.run.leave_by is not None and now > self.run.leave_by:
            self._kill(worker)
        if self._idle_unload_s is not None and now - self._idle_since > self._idle_unload_s:
            with self._lock:
                self.unload()

    def _kill(self, worker: WorkerProcess) -> None:
        """It gets no other job, even if it still says how the last one ended."""
        self._killed = True
        worker.kill()

    def _take_job(self) -> None:
        if self._closing or self.run is not None or not self._store.any_queued():
            return
        worker = self._worker
        if worker is None:
            with self._lock:
                if self.state == "down" and not self._is_alone() and time.monotonic() < self._started + TRY_AGAIN_S:
                    return
                is_wanted = self._dispatch.has_work(self.room)
            if is_wanted:
                self._start_worker()
            return
        if self.state != "idle" or self._killed or not worker.alive:
            return
        with self._lock:
            job = self._dispatch.take(self.room)
            if job is None:
                return
            self.run, self.state = Run(job.id), "busy"
            worker.begin_job()
            said = {"recipe": job.recipe, "finish": job.finish, "task": job.task}
            worker.send("make", job=job.id, **said, **places_of(self._data_dir, job.id))

    def _leave(self) -> None:
        """The server ends: the worker keeps its job and goes."""
        if self._worker is None:
            return
        if self.run is not None:
            if self._worker.is_stopped:
                self._worker.go_on()
            self.order("stop", STOP_GRACE_S)
        while self.run is not None and self._worker is not None:
            news = self._next_news(0.05)
            if news is not None and news[1] is None:
                break
            self._hear(news)
            self._look_after_worker()
        self._end_run(Ending("queued"))
        self._worker.stop()
        self._worker, self.state, self.facts = None, "off", {}
