"""A link's results: what the server has made for this user, whichever Blender asked for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from .core import messages
from .core.client import Client
from .core.connection import Setup, choose_connection
from .core.errors import Interrupted, Problem
from .core.interrupt import Interrupt
from .core.job_view import JobView
from .core.library import Result, Shelf, all_results, fetch_pictures, forget_picture
from .followed import Followed
from .retry_link import RetryLink
from .scene import thumbnails
from .scene.images import Target
from .scene.placement import Place

_Answer = TypeVar("_Answer")


class LibraryLink(RetryLink):
    """The half of a link that is about results.

    Attributes:
        shelf: what of them is looked at.
        open_questions: how many were put to the server and not answered yet.
    """

    def __init__(self, home: Path, user_dir: Path, wake: Callable[[], None]) -> None:
        super().__init__(home, user_dir, wake)
        self.shelf = Shelf()
        self.open_questions = 0
        self._pictures = user_dir / "thumbnails"
        self._asked_for: set[str] = set()
        self._stop_pictures = Interrupt()

    def ask(
        self, question: Callable[[Client], _Answer], then: Callable[[_Answer], None], setup: Setup, of: str = ""
    ) -> None:
        """Put a question to the server, which is started when need be, without blocking; `then` gets the answer.

        Args:
            of: the kind of jobs that it is about; empty for none.

        Raises:
            Problem: as `Link.make_mesh`.
        """
        self._connection = connection = choose_connection(setup, self.local)
        self.problem, self.problem_of = None, of
        stop = self._starting()
        self.server.start()
        self.open_questions += 1

        def work() -> None:
            try:
                client = connection.connect(stop)
                self._queue.put((None, messages.Connected(client)))
                answer = question(client)
            except Interrupted:
                self._queue.put((None, messages.Answered(lambda: None)))
            else:
                self._queue.put((None, messages.Answered(lambda: then(answer))))

        def regret(problem: Problem) -> None:
            self._queue.put((None, messages.Answered(partial(self._regret, problem, of))))

        self._crew.ask(work, regret)
        self._wake()

    def list_results(self, setup: Setup) -> None:
        """Ask what there is. Raises as `ask`."""
        self.ask(all_results, self._take_results, setup)

    def look_for(self, search: str, only_starred: bool) -> None:
        """Show the results that are looked for."""
        self.shelf.look(search, only_starred)
        self._fetch_pictures()

    def turn_results(self, page: int) -> None:
        self.shelf.turn(page)
        self._fetch_pictures()

    def star(self, job_id: str, starred: bool, setup: Setup) -> None:
        """Keep a result whatever the quota, or do not. Raises as `ask`."""
        self.ask(lambda client: client.star(job_id, starred), lambda _: self.shelf.star(job_id, starred), setup)

    def delete(self, job_id: str, setup: Setup) -> None:
        """Remove a result and its files from the server; what is in the scene stays. Raises as `ask`."""

        def question(client: Client) -> None:
            client.delete(job_id)
            forget_picture(self._pictures, job_id)

        def then(_: None) -> None:
            thumbnails.forget(job_id)
            self.shelf.drop(job_id)
            self._fetch_pictures()

        self.ask(question, then, setup)

    def recipe_of(self, job_id: str, then: Callable[[dict[str, Any]], None], setup: Setup) -> None:
        """Ask for the whole recipe of a result. Raises as `ask`."""
        self.ask(lambda client: client.job(job_id)["recipe"], then, setup)

    def descend(
        self,
        job_id: str,
        how: Literal["continue", "remesh"],
        wishes: dict[str, Any],
        where: Place | Target,
        then: Callable[[JobView], None],
        setup: Setup,
    ) -> None:
        """Queue a job that goes on from what a result has kept, and place what it makes. Raises as `ask`."""

        def adopt(said: dict[str, Any]) -> None:
            recipe = said["recipe"]
            view = JobView(recipe["kind"], recipe["prompt"], recipe["seed"], "queued", "Waiting")
            view.job_id = str(said["id"])
            self._add(Followed(view, recipe, where))
            self._steer()
            then(view)

        self.ask(lambda client: client.descend(job_id, how, wishes), adopt, setup)

    def place_again(self, result: Result, where: Place | Target, setup: Setup) -> JobView:
        """Fetch a result and put it into the scene, without blocking. Raises as `Link.make_mesh`."""
        self._connection = choose_connection(setup, self.local)
        self.problem, self.problem_of = None, result.kind
        view = JobView(result.kind, result.prompt, result.seed, job_id=result.job_id)
        errand = Followed(view, {}, where, is_wanted=True, is_errand=True)
        self._add(errand)
        self._fetch(errand)
        self.server.start()
        self._steer()
        self._wake()
        return view

    # How it is done.

    def _answered(self, answered: messages.Answered) -> None:
        self.open_questions -= 1
        answered.then()

    def _regret(self, problem: Problem, of: str) -> None:
        self.problem, self.problem_of = problem, of
        self.server.judge(problem, of_job=False)

    def _take_results(self, results: list[Result]) -> None:
        self.shelf.take(results)
        self._fetch_pictures()

    def _list_again(self) -> None:
        """Something was made; whoever looks at the results sees it, too."""
        client = self._client
        if self.shelf.results is not None and client is not None:
            self.open_questions += 1

            def work() -> None:
                results = all_results(client)
                self._queue.put((None, messages.Answered(lambda: self._take_results(results))))

            self._crew.ask(work, lambda problem: self._queue.put((None, messages.Answered(lambda: None))))

    def _fetch_pictures(self) -> None:
        """Get the small pictures of what is shown."""
        self._get_pictures([each for each in self.shelf.on_page if each.thumbnail])

    def _get_pictures(self, wanted: Sequence[Result], prefix: str = "") -> None:
        """Get small pictures, each once, on a thread.

        Args:
            prefix: as `fetch_pictures`.
        """
        client = self._client
        wanted = [each for each in wanted if prefix + each.job_id not in self._asked_for]
        if client is None or not wanted:
            return
        self._asked_for |= {prefix + each.job_id for each in wanted}
        folder, stop = self._pictures, self._stop_pictures

        def put(name: str, file: Path) -> None:
            self._queue.put((None, messages.Pictured(name, file)))

        self._ask(lambda: fetch_pictures(client, wanted, folder, stop, put, prefix))
