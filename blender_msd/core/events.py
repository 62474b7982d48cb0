"""The job's event stream (server-sent events), followed across lost connections."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .client import Client, Slow, Unreachable
from .errors import Problem
from .interrupt import Interrupt
from .patience import PATIENCE, Patience


@dataclass(frozen=True)
class Event:
    """One event: its id in the job's stream, its name and its JSON object."""

    id: str
    name: str
    data: dict[str, Any]


def parse(lines: Iterable[bytes]) -> Iterator[Event | None]:
    """Server-sent events (WHATWG HTML, section 9.2) from raw lines; None for a comment, the heartbeat.

    Raises:
        Problem: "not-our-server" when an event carries no JSON object.
    """
    event_id, name = "", ""
    data: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(event_id, name or "message", _as_object("\n".join(data)))
            name, data = "", []
        elif not field:
            yield None
        elif field == "id":
            event_id = value
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


def follow(
    client: Client,
    job_id: str,
    stop: Interrupt,
    check_alive: Callable[[], None],
    tell: Callable[[str], None] = lambda text: None,
    retrying: Callable[[int], None] = lambda attempts: None,
) -> Iterator[Event]:
    """Every event of the job, each once, until its last one.

    A lost connection is opened again behind the last event seen.

    Args:
        check_alive: called after every lost connection; raises when the server is known to be dead.
        tell: told when the server has been silent for long.
        retrying: as `Patience` takes it.

    Raises:
        Interrupted: `stop` was set.
        Problem: as `Patience.wait`.
    """
    last_id = ""
    patience = Patience(stop, check_alive, PATIENCE, tell=tell, retrying=retrying)
    while True:
        trouble: Unreachable | None = None
        try:
            connection, response = client.open_events(job_id, last_id, stop)
            try:
                for event in parse(response):
                    patience.renew()
                    if event is None:
                        continue
                    last_id = event.id or last_id
                    yield event
                    if is_last(event):
                        return
            finally:
                stop.watch(None)
                connection.close()
        except TimeoutError:
            trouble = Slow()
        except Unreachable as lost:
            trouble = lost
        except (OSError, http.client.HTTPException):
            pass
        patience.wait(trouble)


def is_last(event: Event) -> bool:
    """Whether nothing follows this event."""
    return event.name in ("done", "failed") or (event.name == "state" and event.data.get("state") == "cancelled")


def _as_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Problem("not-our-server", "An event could not be read.", "Check the address in the preferences.")
    return value
