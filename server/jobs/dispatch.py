"""Which queued job a device takes; and which need no device, because the same was made before."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from server.errors import BadRequest
from server.jobs.artifacts import job_folder
from server.jobs.events import ACTIVE
from server.jobs.faults import StoreFault
from server.jobs.job import Job
from server.jobs.memory import Room, check_any_could_fit, why_it_waits
from server.jobs.sameness import is_whole, share_files
from server.jobs.store import Store

_AMOUNT = re.compile(r"\d+\.\d")
_LOG = logging.getLogger(__name__)


class Dispatch:
    """Everything here is asked under the queue's lock.

    Args:
        rooms: tells the memory of every device that is not down.
    """

    def __init__(self, store: Store, data_dir: Path, rooms: Callable[[], Sequence[Room]]) -> None:
        self._store = store
        self._data_dir = data_dir
        self._rooms = rooms

    def check(self, needs: Mapping[str, int]) -> None:
        """Raises BadRequest: "memory-short" for what fits nowhere, as far as all devices are known."""
        check_any_could_fit(needs, self._rooms())

    def has_work(self, room: Room) -> bool:
        """Whether a job waits that this device could have; one whose worker is not there is started for it."""
        return self._next(room, is_ready=False) is not None

    def take(self, room: Room) -> Job | None:
        """The job that a device with this room begins with, which is its from now on."""
        job = self._next(room, is_ready=True)
        return None if job is None else self._store.claim(job.id, room.kind)

    def reuse(self, job: Job) -> bool:
        """Give a queued job the result of one that made the same before; whether there is one."""
        return self._reuse(job, self._store.of_digest(job.digest), self._rooms())

    def _reuse(self, job: Job, twins: Sequence[Job], rooms: Sequence[Room]) -> bool:
        if job.anew or job.attempts or job.task != "make":
            return False
        kinds = {room.kind for room in rooms}
        for source in twins:
            if source.made_on in kinds and is_whole(source, self._data_dir):
                try:
                    share_files(self._data_dir, source, job.id)
                except OSError as error:
                    # It is made again, then; what keeps its files from being written will be said by whoever makes it.
                    _LOG.warning("the result of job %s cannot be shared: %s", source.id, error.strerror)
                    return False
                try:
                    self._store.reuse(job.id, source)
                except StoreFault:
                    # Whoever makes it then must find nothing there that is another's, too.
                    shutil.rmtree(job_folder(self._data_dir, job.id), ignore_errors=True)
                    raise
                return True
        return False

    def _next(self, room: Room, is_ready: bool) -> Job | None:
        # Asked twice a second by every idle device, for each job that waits: the rooms once, the twins once a job.
        rooms = self._rooms()
        for job_id in self._store.in_turn():
            job = self._store.get(job_id)
            twins = self._store.of_digest(job.digest)
            if self._is_under_way(job, twins) or self._reuse(job, twins, rooms):
                continue
            if room.fits(job.needs) if is_ready else room.could_fit(job.needs):
                return job
            if is_ready:
                self._pass_over(job, rooms)
        return None

    def _is_under_way(self, job: Job, twins: Sequence[Job]) -> bool:
        """The same is being made: two at once would only get in each other's way."""
        twin = next((other for other in twins if other.state in ACTIVE), None)
        if twin is not None:
            self._note(job, f"Job {twin.id} is making the same.", tells=False)
        return twin is not None

    def _pass_over(self, job: Job, rooms: Sequence[Room]) -> None:
        try:
            check_any_could_fit(job.needs, rooms)
        except BadRequest as problem:
            self._store.end(job.id, "failed", error=problem.as_json())
            return
        if not any(room.fits(job.needs) and not room.busy for room in rooms):
            self._note(job, why_it_waits(job.needs, rooms), tells=True)

    def _note(self, job: Job, why: str, tells: bool) -> None:
        """Once for each reason: how much is free changes all the time."""
        if _AMOUNT.sub("", job.waits) != _AMOUNT.sub("", why):
            self._store.note_wait(job.id, why, tells)
