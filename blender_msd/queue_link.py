"""A link's jobs: any number of them, of which one is watched while the server works on them one after another.

Only the watched one has a thread that follows its events, and is seen while it forms. Of the others the server is asked
once a second, all in one question; what they came to is fetched one by one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from . import preview, stage
from .core import job as job_threads
from .core import messages
from .core.connection import Connection, Setup, choose_connection
from .core.errors import Problem
from .core.interrupt import Interrupt
from .core.job_requests import Order
from .core.job_view import JobView
from .core.left_jobs import UnderWay, take_left_jobs
from .core.orders import order_patiently
from .core.roster import call_roll
from .core.sent import Sent
from .core.state import OF_THE_SERVER
from .followed import Aim, Followed
from .job_list import JobList
from .scene.editors import redraw_sidebars
from .scene.present import present
from .server_link import ServerLink

# Seconds between two questions about all jobs; and after one that was not answered.
ROLL_EVERY, ROLL_LATER = 1.0, 3.0


class QueueLink(JobList, ServerLink):
    """The half of a link that is about jobs."""

    def __init__(self, home: Path, user_dir: Path, wake: Callable[[], None]) -> None:
        JobList.__init__(self, take_left_jobs(user_dir))
        ServerLink.__init__(self, home, user_dir, wake)
        self._results, self._under_way = user_dir / "results", UnderWay(user_dir)
        self._connection: Connection | None = None
        self._roll_at, self._rolling = 0.0, False

    def watch(self, handle: str) -> None:
        """Show this job while it forms, instead of another one; does nothing when it is over."""
        found = self.find(handle)
        if found is None or found is self._watched or not found.view.busy:
            return
        preview.clear()
        self._look_at(found)
        self._steer()
        self._wake()

    def cancel(self, handle: str = "") -> None:
        """Stop a job at once; the server is told by a thread. Does nothing when it is over."""
        found = self.find(handle)
        if found is not None and self._end(found):
            self._tell(found, "cancel")
        self._steer()
        redraw_sidebars()

    def order(self, handle: str, order: Order, setup: Setup) -> None:
        """Tell the server what is to become of a job, without blocking. Raises as `Link.make_mesh`."""
        found = self.find(handle)
        if found is None or not found.view.job_id:
            return
        self._connection = choose_connection(setup, self.local)
        if order == "finish":
            found.view.state = "finishing"
        elif order == "retry":
            self._unheard.discard(found.view.job_id)
        self._tell(found, order)

    def remove(self, handle: str) -> None:
        """Take a job that is over off the list; its result stays where it is."""
        found = self.find(handle)
        if found is None or found.view.busy:
            return
        self.jobs.remove(found)
        if found is self._watched:
            self._watched = None

    # How it is done.

    def _end(self, followed: Followed) -> bool:
        """Cancel a job here; whether the server is to be told, because none of its threads does."""
        view = followed.view
        if not view.may_go_on:
            return False
        is_told = followed.task in ("submit", "stream")
        followed.stop.set()
        followed.task, followed.is_over = "", False
        view.end("cancelled")
        if not any(each.view.busy for each in self.jobs):
            self.server.give_up_start()
        if followed is self._watched:
            preview.clear()
        return bool(view.job_id) and not is_told

    def _cancel_all(self) -> Callable[[], None]:
        """Cancel every job here; what is returned tells the server, on a thread."""
        client = self._client
        untold = [each.view.job_id for each in self.jobs if self._end(each) and client is not None]

        def tell() -> None:
            with contextlib.suppress(Problem):  # it is gone, or hangs
                for job_id in untold:
                    present(client).cancel(job_id)

        return tell

    def _begin(
        self, view: JobView, recipe: dict[str, Any], where: Aim, setup: Setup, files: Sequence[Sent] = ()
    ) -> JobView:
        self._connection = choose_connection(setup, self.local)
        self.problem, self.problem_of = None, view.kind
        self._add(Followed(view, recipe, where, files))
        self.server.start()
        self._steer()
        self._wake()
        return view

    def _look_at(self, followed: Followed) -> None:
        self._watched, followed.waits = followed, False
        self.server.retries = 0
        followed.view.arrive()
        stage.begin(followed.view)

    def _steer(self) -> None:
        """Follow the watched job and no other, submit the next one, fetch the next result."""
        watched = self._watched
        if (
            watched is None
            or not watched.view.busy
            or watched.view.look == "there"
            or (watched.waits and watched.view.state == "queued" and self._any_runs)
        ):
            # A quick look that is there shows nothing new, as one that is paused.
            busy = [each for each in self.jobs if each.view.busy and not each.is_over and each.task != "fetch"]
            busy = [each for each in busy if each.view.look != "there"]
            busy.sort(key=lambda each: ["running", "finishing", "queued", "starting", "paused"].index(each.view.state))
            if busy:
                watched = busy[0]
                self._look_at(watched)
        for each in self.jobs:
            if each is not watched and each.task == "stream" and each.view.job_id:
                each.let_go()
        if self._connection is None:
            return
        if watched is not None and watched.view.busy and watched.view.job_id and not watched.task:
            self._start(watched, "stream")
        # One after the other, so that they keep their order.
        new = next((each for each in self.jobs if each.view.state == "starting" and not each.view.job_id), None)
        if new is not None and not new.task:
            self._start(new, "stream" if new is watched else "submit")
        over = next((each for each in self.jobs if each.is_over), None)
        if over is not None and not any(each.task == "fetch" for each in self.jobs):
            over.is_over = False
            self._start(over, "fetch")

    @property
    def _any_runs(self) -> bool:
        return any(each.view.state == "running" for each in self.jobs)

    def _start(self, followed: Followed, task: Literal["submit", "stream", "fetch"]) -> None:
        assert self._connection is not None
        stop = followed.stop = Interrupt()
        followed.task = task
        view, recipe, files, connection = followed.view, followed.recipe, followed.files, self._connection
        known_id, results = view.job_id, self._results

        def put(message: messages.Message) -> None:
            # Whose job may have left the list.
            of_nobody = isinstance(message, messages.Unheard)
            self._queue.put((None if of_nobody else stop, message))

        def work() -> None:
            if task == "fetch":
                job_threads.fetch_job(known_id, results, connection, stop, put)
            else:
                job_threads.run_job(recipe, results, connection, stop, put, known_id, files, task == "stream")

        followed.worker = self._crew.start(work, "msd-job")

    def _tell(self, followed: Followed, order: Order) -> None:
        """Give the server an order about a job, without blocking."""
        client, connection, stop = self._client, self._connection, self._starting()
        number, job_id = followed.view.number, followed.view.job_id
        # The server would make the whole of a quick look that was there, which nobody has chosen.
        is_only_looked_at = order == "retry" and followed.view.look == "there"

        def tell() -> None:
            # A thread of its own has connected before, or does so now.
            done = False
            try:
                used = client or (connection.connect(stop) if connection else None)
                if used is None:
                    return
                order_patiently(used, job_id, order, stop)
                done = True
                if is_only_looked_at:
                    with contextlib.suppress(Problem):  # it was made in no time
                        used.order(job_id, "pause")
            except Problem as problem:
                if order == "cancel":
                    self._go_unheard(job_id, problem)
                raise
            finally:
                if done or order == "retry":
                    self._queue.put((number, messages.Obeyed(order, done)))

        self._ask(tell)

    def _ask_about_all(self) -> None:
        """Ask how the jobs are doing of which no thread tells, without blocking."""
        now, client = time.monotonic(), self._client
        wanted = [each.view.job_id for each in self.jobs if each.wants_news]
        if client is None or not wanted or self._rolling or now < self._roll_at:
            return
        self._rolling = True
        asked, own = client, {each.view.job_id for each in self.jobs}

        def ask() -> None:
            self._queue.put((None, messages.Rolled(call_roll(asked, wanted, own), now)))

        # That it is out of reach is noticed by who follows the watched job.
        self._crew.ask(ask, lambda problem: self._queue.put((None, messages.Rolled(None))))

    def _receive_roll(self, rolled: messages.Rolled) -> None:
        self._rolling = False
        self._roll_at = time.monotonic() + (ROLL_LATER if rolled.standings is None else ROLL_EVERY)
        for standing in rolled.standings or ():
            found = self.find(standing.job_id)
            if found is not None and found.wants_news and found.view.began <= rolled.asked:
                self._stand(found, standing)

    def _stand(self, followed: Followed, standing: messages.Standing) -> None:
        """Take over what the server says of a job."""
        view = followed.view
        followed.recipe, followed.waits = followed.recipe or standing.recipe, standing.state == "queued"
        view.others_before, view.place = standing.others_before, standing.place
        if followed.task == "stream":
            return
        was_left, view.waits_for_a_place = view.phase == "Left", False
        if standing.state in ("queued", "running", "paused", "finishing"):
            if not view.busy or view.state != standing.state:
                view.arrive()
            view.state = standing.state
            if was_left or standing.progress is None:
                view.phase = "Waiting"
            if view.look and (standing.state, standing.task) == ("paused", "looked"):
                view.look = "there"
            if standing.progress is not None:
                stage.show(view, standing.progress, None, is_watched=False)
        elif standing.state == "done" and followed.where is None:
            view.report, view.fraction, view.phase = standing.report or {}, 1.0, "Done"
            view.waits_for_a_place = True
            view.end("done")
        elif standing.state == "done":
            self._fetch(followed)
        elif standing.state == "failed" and standing.problem is not None:
            view.fail(standing.problem)
        else:
            view.end("cancelled")

    def _fetch(self, followed: Followed) -> None:
        """Let the result of a job that is done be fetched, when its turn comes."""
        followed.view.state, followed.view.phase, followed.is_over = "finishing", "Fetching", True
        followed.view.waits_for_a_place = False

    def _fail(self, followed: Followed, problem: Problem) -> None:
        """A job has failed; the others, too, when it is the server that is gone."""
        # The last preview stays: better than nothing after an hour of work. The next job replaces it.
        followed.task, followed.is_over = "", False
        followed.view.fail(problem)
        if followed is self._watched or self.job is None or not self.job.busy:
            self.problem, self.problem_of = problem, followed.view.kind
        self.server.judge(problem, of_job=True)
        if problem.code in OF_THE_SERVER:
            for each in self.jobs:
                if each.view.busy:
                    self._lose(each, problem)

    def _lose(self, followed: Followed, problem: Problem) -> None:
        followed.let_go()
        followed.is_over = False
        if followed.view.job_id:
            followed.view.end("lost")
        else:
            followed.view.fail(problem)
