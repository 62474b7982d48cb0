"""One reader of the store a job, who tells every stream of that job; so many readers cost little more than one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator

from server.api.limits import MOST_EVENTS_WAITING, MOST_STREAMS, PAUSE_A_STREAM
from server.api.problems import Refused
from server.jobs.events import EVENTS_KEPT, OVER, Bell, StoredEvent
from server.jobs.faults import StoreFault
from server.jobs.refusals import NoSuchJob
from server.jobs.store import Store


class Feeds:
    """The streams of all jobs. Used on the event loop only."""

    def __init__(self, store: Store, bell: Bell) -> None:
        self._store = store
        self._bell = bell
        self._feeds: dict[str, _Feed] = {}
        self._streams = 0

    def reserve(self) -> None:
        """Count one more stream, to be released at its end.

        Raises:
            Refused: "too-many-streams", HTTP 429.
        """
        if self._streams >= MOST_STREAMS:
            hint = "Close some, or ask for the job itself now and then."
            raise Refused(429, "too-many-streams", f"The server has {MOST_STREAMS} event streams open.", hint)
        self._streams += 1

    def release(self) -> None:
        self._streams -= 1

    async def events(self, job_id: str, after: int, heartbeat_s: float) -> AsyncGenerator[StoredEvent | None, None]:
        """Events with an id above `after`, from the store and then as they come; None after each silence.

        Ends after the job's last event, when the job is gone, when the server stops, and for a reader that is much too
        slow.
        """
        feed = self._feeds.get(job_id)
        if feed is None:
            feed = self._feeds[job_id] = _Feed(self._store, self._bell, job_id)
        mine = feed.join()
        try:
            await feed.ready.wait()
            # What comes from now on is told to `mine`, too.
            news: Iterable[StoredEvent] = newest_progress_only(
                await asyncio.to_thread(self._store.events_after, job_id, after)
            )
            while True:
                for event in news:
                    if event.id > after:
                        yield event
                        after = event.id
                        if event.is_last:
                            return
                if mine.ended and not mine.news.is_set():
                    return
                try:
                    await asyncio.wait_for(mine.news.wait(), heartbeat_s)
                except TimeoutError:
                    yield None
                news = mine.take()
        finally:
            if feed.leave(mine):
                del self._feeds[job_id]


class _Subscription:
    """What one stream has still to tell. Newer progress takes the place of what was not told yet, a newer preview that
    of an older one: nobody is sent live meshes faster than they are taken.

    Attributes:
        news: set when there is something to take, or nothing will come any more.
        ended: whether nothing will come any more.
    """

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.ended = False
        self._waiting: deque[StoredEvent] = deque()

    def put(self, event: StoredEvent) -> None:
        if self.ended:
            return
        if event.name in EVENTS_KEPT:
            self._waiting = deque(waiting for waiting in self._waiting if waiting.name != event.name)
        self._waiting.append(event)
        self.news.set()
        if len(self._waiting) >= MOST_EVENTS_WAITING:
            self.end()

    def end(self) -> None:
        self.ended = True
        self.news.set()

    def take(self) -> list[StoredEvent]:
        self.news.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class _Feed:
    """The reader of one job's events. `ready` is set once it will miss none that is written from then on."""

    def __init__(self, store: Store, bell: Bell, job_id: str) -> None:
        self.ready = asyncio.Event()
        self._store = store
        self._bell = bell
        self._job_id = job_id
        self._subscriptions: set[_Subscription] = set()
        self._ended = False
        self._reader = asyncio.get_running_loop().create_task(self._read())

    def join(self) -> _Subscription:
        new = _Subscription()
        self._subscriptions.add(new)
        if self._ended:
            new.end()
        return new

    def leave(self, subscription: _Subscription) -> bool:
        """Whether nobody is left; then the feed is over."""
        self._subscriptions.remove(subscription)
        if not self._subscriptions:
            self._reader.cancel()
        return not self._subscriptions

    async def _read(self) -> None:
        try:
            with self._bell.listen(self._job_id) as news:
                position = await asyncio.to_thread(self._last_event)
                self.ready.set()
                over = False
                while not over:
                    news.clear()
                    closing = self._bell.closed
                    over, events = await asyncio.to_thread(self._look, position)
                    for event in events:
                        position = event.id
                        for subscription in self._subscriptions:
                            subscription.put(event)
                    over = over or closing
                    if not over:
                        await asyncio.sleep(PAUSE_A_STREAM * len(self._subscriptions))
                        await news.wait()
        except StoreFault:
            pass  # whoever asks again is told
        finally:
            self._ended = True
            self.ready.set()
            for subscription in self._subscriptions:
                subscription.end()

    def _last_event(self) -> int:
        try:
            return self._store.get(self._job_id).last_event
        except NoSuchJob:
            return 0

    def _look(self, position: int) -> tuple[bool, list[StoredEvent]]:
        # Asked before the events are read: a job that ends in between still has its last event to tell.
        try:
            over = self._store.get(self._job_id).state in OVER
        except NoSuchJob:
            over = True
        return over, self._store.events_after(self._job_id, position)


def newest_progress_only(events: Iterable[StoredEvent]) -> Iterator[StoredEvent]:
    """The same events, but of progress that follows progress only the last."""
    held: StoredEvent | None = None
    for event in events:
        if held is not None and event.name != "progress":
            yield held
        held = event if event.name == "progress" else None
        if held is None:
            yield event
    if held is not None:
        yield held
