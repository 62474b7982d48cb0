"""A job's events as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from server.api.office import Office
from server.jobs.events import OVER, StoredEvent
from server.jobs.store import NoSuchJob


def frame(event: StoredEvent) -> str:
    # JSON on one line: a line break would end the data field.
    return f"id: {event.id}\nevent: {event.name}\ndata: {json.dumps(event.data)}\n\n"


async def stream_events(office: Office, job_id: str, after: int) -> AsyncIterator[str]:
    """Replay the job's events with an id above `after`, then follow it; ends after its last event.

    Leaving the stream changes nothing for the job. When the server stops, the stream ends without a last event.
    """
    with office.bell.listen(job_id) as news:
        while True:
            news.clear()
            closing = office.bell.closed
            # Asked before the events are read: a job that ends in between still has its last event to tell.
            over = await asyncio.to_thread(_is_over, office, job_id)
            events = await asyncio.to_thread(office.store.events_after, job_id, after)
            for event in events:
                yield frame(event)
                after = event.id
                if event.is_last:
                    return
            if closing or over:
                return
            try:
                await asyncio.wait_for(news.wait(), office.heartbeat_s)
            except TimeoutError:
                yield ": still here\n\n"


def _is_over(office: Office, job_id: str) -> bool:
    try:
        return office.store.get(job_id).state in OVER
    except NoSuchJob:
        return True
