"""A link's quick looks: several seeds that are seen at low cost, of which those that are chosen are made."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from .core.client import Client
from .core.connection import Setup, choose_connection
from .core.job_requests import Order
from .core.job_view import JobView
from .core.library import Result, forget_picture
from .core.messages import Answered
from .core.sent import Sent
from .followed import Aim, Followed, Later
from .library_link import LibraryLink
from .scene import thumbnails
from .scene.editors import redraw_sidebars

# What the server calls the picture of a look, and by what it differs here from that of the result.
PICTURE, PREFIX = "thumbnail.png", "look-"


def picture_of(job: JobView) -> str:
    """What its picture is called."""
    return f"{PREFIX}{job.job_id}"


class LooksLink(LibraryLink):
    """The half of a link that is about quick looks.

    Attributes:
        looks_coming: how many of each kind were asked for, and not queued yet.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.looks_coming: dict[str, int] = {}

    def look(
        self,
        recipe: dict[str, Any],
        seeds: Sequence[int],
        later: Later,
        setup: Setup,
        files: Sequence[Sent] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Queue a quick look at each seed, without blocking; raises as `ask`.

        Args:
            later: where the result of a chosen one goes.
            files: that the recipe names.
            notes: lines for the panel about each of them.
        """
        key, stop, kind = secrets.token_hex(16), self._stop_pictures, str(recipe["kind"])

        def question(client: Client) -> list[dict[str, Any]]:
            for file in files:
                client.keep(file, stop)
            return client.look(recipe, seeds, key)

        def adopt(said: list[dict[str, Any]]) -> None:
            for each in said:
                asked = each["recipe"]
                view = JobView(kind, str(asked["prompt"]), int(asked["seed"]), "queued", "Waiting", look="asked")
                view.job_id = str(each["id"])
                view.notes.extend(notes)
                self._add(Followed(view, asked, later=later, files=files))
            self._steer()

        self.ask(question, adopt, setup, kind)
        self.looks_coming[kind] = self.looks_coming.get(kind, 0) + len(seeds)

    def choose(self, job: JobView, where: Aim, setup: Setup, order: Order = "resume") -> None:
        """Give an order about a look that is there, after which it is a job like others, and place what it comes to.
        Raises as `Link.make_mesh`."""
        found = self.find(job.handle)
        if found is None or not job.waits_to_be_chosen:
            return
        job.look, job.ticked = "", False
        self._move_up(job.kind)
        job.arrive()
        found.where, found.is_wanted = where, True
        if job.state == "done":
            self._connection = choose_connection(setup, self.local)
            self._fetch(found)
            self._steer()
        else:
            self.order(job.handle, order, setup)
        self._forget_picture(job)

    def forget(self, job: JobView) -> None:
        """Cancel a look, and show it no longer."""
        self.cancel(job.handle)
        self.remove(job.handle)
        self._forget_picture(job)
        self._move_up(job.kind)
        redraw_sidebars()

    # How it is done.

    def _answered(self, answered: Answered) -> None:
        super()._answered(answered)
        if not self.open_questions:
            self.looks_coming.clear()

    def _steer(self) -> None:
        super()._steer()
        self._fetch_looks()

    def _fetch_looks(self) -> None:
        """Get the pictures of the looks that are there."""
        there = [job for job in self.looks() if job.waits_to_be_chosen]
        self._get_pictures(
            [Result(job.job_id, job.kind, job.prompt, job.seed, thumbnail=PICTURE) for job in there], PREFIX
        )

    def _move_up(self, kind: str) -> None:
        """The other looks lie elsewhere now: what was meant for one of them must not reach another."""
        for job in self.looks(kind):
            job.arrive()

    def _forget_picture(self, job: JobView) -> None:
        name = picture_of(job)
        thumbnails.forget(name)
        self._ask(lambda: forget_picture(self._pictures, name))
