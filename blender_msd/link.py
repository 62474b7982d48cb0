"""The only place where threads end and Blender begins.

Threads put messages on a queue; `Link.pump` takes them off on Blender's main thread, from one timer that lives only
while there is work. Messages carry the generation they were made in: what belongs to a cancelled job is dropped.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import stage
from .core import job as jobs
from .core.connection import Setup, choose_connection
from .core.errors import Problem
from .core.interrupt import Interrupt
from .core.job_view import JobView
from .core.left_job import leave_job, take_left_job
from .core.sent import Sent
from .scene.editors import redraw_sidebars
from .scene.images import Target
from .scene.placement import Place
from .server_link import ServerLink

BUDGET = 0.004  # seconds; what takes longer has a turn of its own
Aim = Place | Target | None
# A thread ends within the network's time limits once it was interrupted.
JOIN_LIMIT = 12.0


class Link(ServerLink):
    """One Blender's link to the server: at most one job at a time.

    Args:
        home: folder that holds the package `server`.
        user_dir: the extension's own writable folder.
        wake: called on the main thread whenever there will be something to pump.

    Attributes:
        job: the newest job, with where its result goes and what came of it.
        finished: its result, as long as it is in memory.
    """

    def __init__(self, home: Path, user_dir: Path, wake: Callable[[], None]) -> None:
        super().__init__(home, user_dir, wake)
        self.job: JobView | None = take_left_job(user_dir)
        self._results = user_dir / "results"
        # A generation of None belongs to no job and is always taken.
        self._generation = 0
        self._stop = Interrupt()
        self._worker: threading.Thread | None = None
        self._recipe: dict[str, Any] = {}
        self._where: Aim = None
        self.finished: jobs.Finished | None = None
        self._files: Sequence[Sent] = ()

    # Main thread: what the operators ask for.

    def make_mesh(self, recipe: dict[str, Any], place: Place, setup: Setup) -> JobView:
        """Start a mesh job; never blocks.

        Raises:
            Problem: "job-running", "server-not-set-up", "online-access-off", "address-unreadable".
        """
        return self._begin(stage.view_of(recipe, place), recipe, place, setup)

    def make_texture(self, recipe: dict[str, Any], target: Target, setup: Setup, files: Sequence[Sent] = ()) -> JobView:
        """Start a texture job; never blocks. `files` that the recipe names are sent first. Raises as `make_mesh`."""
        return self._begin(stage.view_of(recipe, target), recipe, target, setup, files)

    def go_on(self, setup: Setup, where: Place | Target, **changes: Any) -> None:
        """Submit the last recipe again, which goes on from where it was; or with changes. Raises as the above."""
        recipe = self._recipe | changes
        self._begin(stage.view_of(recipe, where), recipe, where, setup, self._files)

    def reconnect(self, setup: Setup) -> None:
        """Follow the last job anew, from its beginning; start the server when there was none. Raises as `make_mesh`."""
        if self.job is None or not self.job.job_id:
            self.start_server(setup)
            return
        self._let_go()
        job = JobView(self.job.kind, self.job.prompt, self.job.seed, job_id=self.job.job_id)
        self._begin(job, self._recipe, self._where, setup, self._files)

    def place_here(self, where: Place | Target, setup: Setup) -> None:
        """Put the last result, or a copy of it, into the scene that is open; fetch it first when need be."""
        if self.job is None:
            return
        self._where = where
        if self.finished is not None:
            self._in_scene(self.job, self.finished)
        else:
            self.reconnect(setup)

    @property
    def has_result(self) -> bool:
        """Whether there is something to place."""
        return self.finished is not None or (self.job is not None and self.job.waits_for_a_place)

    @property
    def has_recipe(self) -> bool:
        """Whether there is a job that could be begun once more."""
        return bool(self._recipe)

    @property
    def where(self) -> Aim:
        """Where the last result goes; None when its scene is gone."""
        return self._where

    def lose_scene(self) -> None:
        """Another file is being opened: the job goes on, and its result waits until it is asked for."""
        self._where = None
        if self.job is not None and self.job.state == "done":
            self.job.result = ""

    def cancel(self) -> None:
        """Stop the job at once; its thread tells the server. Does nothing when no job runs."""
        if self.job is None or not self.job.busy:
            return
        self._generation += 1
        self._stop.set()
        self.job.end("cancelled")
        self.server.give_up_start()
        stage.clear()
        redraw_sidebars()

    def finish(self) -> None:
        """Ask the server to stop optimising and to make the result from what exists."""
        if self.job is None or self._client is None or not self.job.job_id:
            return
        client, job_id = self._client, self.job.job_id
        self.job.state = "finishing"
        self._ask(lambda: client.finish(job_id))

    def stop_server(self) -> None:
        """Cancel the job and stop the server that was started here, without blocking."""
        self.cancel()
        super().stop_server()

    def give_up(self, problem: Problem) -> None:
        """End the job with a problem, touching nothing in the scene, which may be what is wrong."""
        self._stop.set()
        if self.job is not None and self.job.busy:
            self._fail(self.job, problem)
        self.refuse(problem, self.problem_of)

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
        if self._tick() or count:
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
        job = self.job
        return bool((job and (job.busy or not job.settled)) or self._crew.busy or not self._queue.empty())

    def shut_down(self, leave_jobs: bool) -> None:
        """Join every thread and stop the server that was started here.

        Args:
            leave_jobs: a running job goes on in its server, which ends behind it; else it is cancelled.
        """
        job = self.job
        leaves = leave_jobs and job is not None and job.busy and bool(job.job_id)
        try:
            if job is not None and (leaves or job.waits_for_a_place):
                leave_job(self.user_dir, job)
            if leaves:
                stage.clear()
            else:
                self.cancel()
        finally:
            # Whatever the scene is like while Blender quits, no thread may be left, and no process without work.
            self._generation += 1
            self._stop.set(leave=leaves)
            self._stop_start.set()
            self._stop_offer.set()
            self._crew.join(JOIN_LIMIT)
            if leaves:
                self.local.leave()
            else:
                self.local.stop()

    # How it is done.

    def _begin(
        self, job: JobView, recipe: dict[str, Any], where: Aim, setup: Setup, files: Sequence[Sent] = ()
    ) -> JobView:
        if self.job is not None and self.job.busy:
            raise Problem("job-running", "One job at a time.", "Wait for it, or cancel it.")
        connection = choose_connection(setup, self.local)
        self._generation += 1
        generation, known_id, stop = self._generation, job.job_id, Interrupt()
        self._stop, self._client, self.problem, self.problem_of = stop, None, None, job.kind
        self.job, self._recipe, self._where, self._files, self.finished = job, recipe, where, files, None
        self.server.start()
        stage.begin(job)

        def put(message: jobs.Message) -> None:
            self._queue.put((generation, message))

        def work() -> None:
            jobs.run_job(recipe, self._results, connection, stop, put, known_id, files)

        self._worker = self._crew.start(work, "msd-job")
        self._wake()
        return job

    def _let_go(self) -> None:
        """Follow the running job no longer, which goes on in its server."""
        if self.job is not None and self.job.busy:
            self._generation += 1
            self._stop.set(leave=True)
            self.job.end("failed")

    def _tick(self) -> bool:
        """Keep the clocks; whether there is something new to draw."""
        job = self.job
        if self.server.process == "starting":
            self.server.last_line = self.local.last_line
        if job is None or not job.busy or self._worker is None:
            return self.server.process == "starting" or (job is not None and job.arrives())
        if not self._worker.is_alive() and self._queue.empty():
            self._fail(job, Problem("add-on-error", "The job's thread ended without a word.", "Copy the report."))
            return True
        return job.tick() or job.arrives()

    def _receive(self, message: jobs.Message) -> None:
        silent = jobs.RequestFailed | jobs.Failed | jobs.Noted | jobs.Retrying
        if self.server.process == "slow" and not isinstance(message, silent):
            self.problem = None
            self.server.connect()
        if isinstance(message, jobs.Connected):
            self.server.connect()
            self._client = message.client
        elif isinstance(message, jobs.Offered):
            self.offer = message.offer
        elif isinstance(message, jobs.Retrying):
            self.server.retries = message.attempts
        elif isinstance(message, jobs.RequestFailed):
            self.problem = message.problem
            self.problem_of = self.job.kind if self.job is not None and self.job.busy else ""
            self.server.judge(message.problem, of_job=False)
        elif self.job is not None and self.job.busy:
            self._receive_from_job(self.job, message)

    def _receive_from_job(self, job: JobView, message: jobs.Message) -> None:
        if isinstance(message, jobs.Failed):
            self._fail(job, message.problem)
            stage.uncover()
            return
        if isinstance(message, jobs.Submitted) and not (self.offer.models and self.offer.is_complete):
            self.refresh_offer(refresh=False)
        if isinstance(message, jobs.Finished):
            self.refresh_offer(refresh=False)  # which knows now how long such a job takes
            self.finished = message
            self._recipe = self._recipe or message.recipe
        self._in_scene(job, message)

    def _in_scene(self, job: JobView, message: jobs.Message) -> None:
        try:
            stage.show(job, message, self._where)
        except Exception as error:
            # Whatever goes wrong in the scene must end the job and not the timer.
            self._fail(job, Problem("add-on-error", f"The result could not be shown: {error!r}.", "Copy the report."))
            self._stop.set()

    def _fail(self, job: JobView, problem: Problem) -> None:
        # The last preview stays: better than nothing after an hour of work. The next job replaces it.
        job.fail(problem)
        self.problem, self.problem_of = problem, job.kind
        self.server.judge(problem, of_job=True)
