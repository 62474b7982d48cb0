"""A job's events as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.api.feeds import Feeds
from server.jobs.events import StoredEvent


def frame(event: StoredEvent) -> str:
    # JSON on one line: a line break would end the data field.
    return f"id: {event.id}\nevent: {event.name}\ndata: {json.dumps(event.data)}\n\n"


class EventStream(StreamingResponse):
    """Replays a job's events with an id above `after`, then follows it; ends after its last event.

    Leaving the stream changes nothing for the job. When the server stops, the stream ends without a last event.

    Raises:
        Refused: "too-many-streams", HTTP 429.
    """

    media_type = "text/event-stream"

    def __init__(self, feeds: Feeds, job_id: str, after: int, heartbeat_s: float) -> None:
        feeds.reserve()
        self._feeds = feeds
        super().__init__(_frames(feeds, job_id, after, heartbeat_s), headers={"Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(cast(AsyncGenerator[str, None], self.body_iterator)):
                await super().__call__(scope, receive, send)
        finally:
            self._feeds.release()


async def _frames(feeds: Feeds, job_id: str, after: int, heartbeat_s: float) -> AsyncGenerator[str, None]:
    async with aclosing(feeds.events(job_id, after, heartbeat_s)) as events:
        async for event in events:
            yield ": still here\n\n" if event is None else frame(event)
