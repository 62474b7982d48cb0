"""The only place where threads end and Blender begins.

Threads put messages on a queue; `Link.pump` takes them off on Blender's main thread, from one timer that lives only
while there is work. Messages carry the generation they were made in: what belongs to a cancelled job is dropped.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import stage
from .core import job as jobs
from .core.client import Client
from .core.connection import Setup, choose_connection
from .core.errors import Interrupted, Problem, mistake
from .core.interrupt import Interrupt
from .core.job_view import JobView
from .core.offer import Offer, follow_offer
from .core.server_process import LocalServer
from .core.threads import network_thread
from .scene.editors import redraw_sidebars
from .scene.images import Target
from .scene.placement import Place

BUDGET = 0.010

# A thread ends within the network's time limits once it was interrupted.
JOIN_LIMIT = 12.0


class Link:
    """One Blender's link to the server: at most one job at a time.

    Args:
        home: folder that holds the package `server`.
        user_dir: the extension's own writable folder.
        wake: called on the main thread whenever there will be something to pump.
    """

    def __init__(self, home: Path, user_dir: Path, wake: Callable[[], None]) -> None:
        self.job: JobView | None = None
        self.problem: Problem | None = None
        self.server_state = "off"  # "off", "starting", "slow", "ready"
        self.offer = Offer()
        self.local = LocalServer(home, user_dir / "server")
        self._results = user_dir / "results"
        self._wake = wake
        # A generation of None belongs to no job and is always taken.
        self._queue: queue.SimpleQueue[tuple[int | None, jobs.Message]] = queue.SimpleQueue()
        self._generation = 0
        self._stop = Interrupt()
        self._stop_start = Interrupt()
        self._stop_offer = Interrupt()
        self._client: Client | None = None
        self._worker: threading.Thread | None = None
        self._threads: list[threading.Thread] = []
        self._where: Place | Target | None = None

    # Main thread: what the operators ask for.

    def make_mesh(self, recipe: dict[str, Any], place: Place, setup: Setup) -> None:
        """Start a mesh job; never blocks.

        Raises:
            Problem: "job-running", "server-not-set-up", "online-access-off", "address-unreadable".
        """
        self._begin(recipe, setup)
        self._where = place
        stage.clear_objects()

    def make_texture(self, recipe: dict[str, Any], target: Target, setup: Setup) -> None:
        """Start a texture job; never blocks. Raises as `make_mesh`."""
        self._begin(recipe, setup)
        self._where = target

    def cancel(self, reason: str = "") -> None:
        """Stop the job at once; its thread tells the server. Does nothing when no job runs."""
        if self.job is None or not self.job.busy:
            return
        self._generation += 1
        self._stop.set()
        self.job.end("cancelled")
        if self.server_state == "starting":
            self.server_state = "off"
        if reason:
            self.job.notes.append(reason)
        stage.clear()
        redraw_sidebars()

    def finish(self) -> None:
        """Ask the server to stop optimising and to make the result from what exists."""
        if self.job is None or self._client is None or not self.job.job_id:
            return
        client, job_id = self._client, self.job.job_id

        def ask() -> None:
            client.finish(job_id)

        self.job.state = "finishing"
        self._help(ask)

    def start_server(self, setup: Setup) -> None:
        """Start the server, or find it running, without blocking. Raises as `make_mesh`."""
        connection = choose_connection(setup, self.local)
        self._stop_start = Interrupt() if self._stop_start.is_set() else self._stop_start
        stop, stop_offer = self._stop_start, self._only_follower()
        self.problem, self.server_state = None, "starting"

        def ask() -> None:
            client = connection.connect(stop)
            self._queue.put((None, jobs.Connected(client)))
            self._ask_for_offer(client, stop_offer)

        self._help(ask)

    def refresh_offer(self, refresh: bool = True) -> None:
        """Ask the server, if one is known, for all it can do, without blocking; `refresh` lets it look again."""
        if self._client is not None:
            client, stop = self._client, self._only_follower()
            self._help(lambda: self._ask_for_offer(client, stop, refresh))

    def stop_server(self) -> None:
        """Cancel the job and stop the server that was started here, without blocking."""
        self.cancel()
        self._stop_start.set()
        self._stop_offer.set()
        self.server_state = "off"
        self._help(self.local.stop)

    def refuse(self, problem: Problem) -> None:
        """Show a problem in the panels."""
        self.problem = problem
        redraw_sidebars()

    def give_up(self, problem: Problem) -> None:
        """End the job with a problem, touching nothing in the scene, which may be what is wrong."""
        self._stop.set()
        if self.job is not None and self.job.busy:
            self._fail(self.job, problem)
        self.refuse(problem)

    # Main thread: what the timer, the tests and background mode drive.

    def pump(self, budget: float = BUDGET) -> int:
        """Take messages off the queue for at most `budget` seconds, and one at least. Returns how many were taken."""
        ends = time.perf_counter() + budget
        count = 0
        while not count or time.perf_counter() < ends:
            try:
                generation, message = self._queue.get_nowait()
            except queue.Empty:
                break
            count += 1
            if generation in (self._generation, None):
                self._receive(message)
        if self._tick_job() or count:
            redraw_sidebars()
        return count

    def wait(self) -> None:
        """Background mode: pump until the job is over. Ctrl+C cancels it."""
        while self.job is not None and self.job.busy:
            try:
                if not self.pump():
                    time.sleep(0.02)
            except KeyboardInterrupt:
                self.cancel()

    @property
    def busy(self) -> bool:
        """Whether the timer is still needed."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return bool((self.job and self.job.busy) or self._threads or not self._queue.empty())

    def shut_down(self) -> None:
        """Cancel, stop the server that was started here and join every thread."""
        try:
            self.cancel()
        finally:
            # Whatever the scene is like while Blender quits, no process and no thread may be left.
            self._generation += 1
            self._stop.set()
            self._stop_start.set()
            self._stop_offer.set()
            for thread in self._threads:
                thread.join(JOIN_LIMIT)
            self.local.stop()

    # How it is done.

    def _begin(self, recipe: dict[str, Any], setup: Setup) -> None:
        if self.job is not None and self.job.busy:
            raise Problem("job-running", "One job at a time.", "Wait for it, or cancel it.")
        connection = choose_connection(setup, self.local)
        self._generation += 1
        stop = self._stop = Interrupt()
        self._client = None
        self.problem = None
        self.job = JobView(recipe["kind"], recipe["prompt"], recipe["seed"])
        self.server_state = "ready" if self.server_state == "ready" else "starting"
        generation = self._generation

        def put(message: jobs.Message) -> None:
            self._queue.put((generation, message))

        def work() -> None:
            jobs.run_job(recipe, self._results, connection, stop, put)

        self._worker = network_thread(work, "msd-job")
        self._start(self._worker)

    def _only_follower(self) -> Interrupt:
        self._stop_offer.set()  # whoever still asks
        self._stop_offer = Interrupt()
        return self._stop_offer

    def _ask_for_offer(self, client: Client, stop: Interrupt, refresh: bool = False) -> None:
        for offer in follow_offer(client, stop, refresh):
            self._queue.put((None, jobs.Offered(offer)))

    def _help(self, work: Callable[[], None]) -> None:
        """Do a request beside the job, on a thread of its own."""

        def run() -> None:
            try:
                work()
            except Interrupted:
                pass
            except Problem as problem:
                self._queue.put((None, jobs.RequestFailed(problem)))
            except Exception as error:
                self._queue.put((None, jobs.RequestFailed(mistake(error))))

        self._start(network_thread(run, "msd-request"))

    def _start(self, thread: threading.Thread) -> None:
        self._threads.append(thread)
        thread.start()
        self._wake()

    def _tick_job(self) -> bool:
        """Keep the running job's clock; whether there is something new to draw."""
        job = self.job
        if job is None or not job.busy or self._worker is None:
            return False
        if not self._worker.is_alive() and self._queue.empty():
            self._fail(job, Problem("add-on-error", "The job's thread ended without a word.", "Copy the report."))
            return True
        return job.tick()

    def _receive(self, message: jobs.Message) -> None:
        if self.server_state == "slow" and not isinstance(message, jobs.RequestFailed | jobs.Failed | jobs.Noted):
            self.server_state, self.problem = "ready", None
        if isinstance(message, jobs.Connected):
            self.server_state = "ready"
            self._client = message.client
        elif isinstance(message, jobs.Offered):
            self.offer = message.offer
        elif isinstance(message, jobs.RequestFailed):
            self._judge_server(message.problem)
        elif self.job is not None and self.job.busy:
            self._receive_from_job(self.job, message)

    def _receive_from_job(self, job: JobView, message: jobs.Message) -> None:
        if isinstance(message, jobs.Failed):
            self._fail(job, message.problem)
            return
        if isinstance(message, jobs.Submitted) and not (self.offer.models and self.offer.is_complete):
            self.refresh_offer(refresh=False)
        try:
            stage.show(job, message, self._where)
        except Exception as error:
            # Whatever goes wrong in the scene must end the job and not the timer.
            self._fail(job, Problem("add-on-error", f"The result could not be shown: {error!r}.", "Copy the report."))
            self._stop.set()

    def _fail(self, job: JobView, problem: Problem) -> None:
        # The last preview stays: after an hour of work it is better than nothing. The next job replaces it.
        job.end("failed")
        self._judge_server(problem, ended=problem.code in ("server-lost", "server-stopped"))

    def _judge_server(self, problem: Problem, ended: bool = False) -> None:
        self.problem = problem
        if problem.code == "server-slow":
            self.server_state = "slow"
        elif ended or self.server_state in ("starting", "slow"):
            self.server_state = "off"
