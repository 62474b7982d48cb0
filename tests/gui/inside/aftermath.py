"""What has to hold once the dust has settled: no job is stuck, nobody waits for nothing, no process is left over."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Generator
from typing import Any

import bpy
import processes
from artist import Steps
from deeds import Day

# Seconds for everything that is under way to come to rest; a busy machine needs most of them.
REST = 600.0
# Between two clicks on Reconnect.
AGAIN = 5.0
# What Blender says of a job whose server went away.
OUT_OF_SIGHT = ("server-lost", "server-slow", "server-stopped", "server-restarted")
# What is nobody's fault but the extension's, or the server's.
MISTAKES = ("add-on-error", "internal", "store-broken")


def all_is_well(day: Day) -> Generator[float, None, Counter[str]]:
    """Let everything come to rest, and see that it did. Returns how many jobs came to which end, or failed of what.

    Raises:
        AssertionError: something is stuck, or not as it ought to be.
    """
    yield from _come_to_rest(day)
    link = day.artist.link
    counts = Counter(view.problem.code if view.problem else view.state for view in link.views())
    for view in [view for view in link.views() if view.busy]:
        bpy.ops.msd.cancel(job_id=view.handle)
    yield from _come_to_rest(day)
    yield from _agree_with_the_server(day)
    _check_what_is_left(day)
    for other in day.others:
        assert other.process.poll() == 0, f"the other Blender ended with {other.process.returncode}"
    bpy.ops.msd.clear_jobs()
    return counts


def _come_to_rest(day: Day) -> Steps:
    """Wait for what is under way, and follow again what is out of reach."""
    link = day.artist.link
    ends, again = time.monotonic() + REST, 0.0
    while restless := _restless(day):
        assert time.monotonic() < ends, f"stuck: {restless}; problem {link.problem}"
        if time.monotonic() > again:
            for view in [view for view in link.views() if view.state == "lost" or view.phase == "Left"]:
                bpy.ops.msd.reconnect(job_id=view.handle)
            again = time.monotonic() + AGAIN
        yield 0.2
    _check_what_is_said(link)


def _agree_with_the_server(day: Day) -> Steps:
    artist, link = day.artist, day.artist.link
    bpy.ops.msd.start_server()
    yield from artist.wait_for(lambda: link.server_state == "ready" and not link.busy, "the server", REST)
    client, ends = link._client, time.monotonic() + REST
    while moving := [job["id"] for job in client.jobs(over=False) if job["state"] != "paused"]:
        assert time.monotonic() < ends, f"stuck in the server: {moving}"
        yield 0.5
    for view in [view for view in link.views() if view.job_id]:
        there = client.job(view.job_id)["state"]
        if view.problem is not None and view.problem.code in OUT_OF_SIGHT:
            # It was said that the job may go on, or be made again; what became of it is in the list of results.
            assert there in ("done", "cancelled", "paused"), f"{view.prompt} is {there} in the server"
            continue
        assert view.state == there, f"{view.prompt} is {view.state} here, {there} in the server; {view.problem}"


def _check_what_is_left(day: Day) -> None:
    """No threads, no timer, no processes, no previews."""
    artist, link = day.artist, day.artist.link
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("msd-")]
    assert not threads, f"threads are left: {threads}"
    servers = artist.server_pids()
    assert len(servers) == 1, [processes.described(pid) for pid in servers]
    known = {os.getpid(), artist.hands.pid, *servers, *processes.descendants_of(servers[0])}
    orphans = [processes.described(pid) for pid in processes.of_user(artist.user) if pid not in known]
    assert not orphans, orphans
    if not any(view.state == "failed" for view in link.views()):
        left = [block.name for block in (*bpy.data.objects, *bpy.data.images) if "msd_preview" in block]
        assert not left, f"previews are left: {left}"


def _restless(day: Day) -> list[str]:
    """What still moves, in words."""
    link = day.artist.link
    moving = [f"{v.prompt} is {v.state}, {v.phase}, {v.job_id}" for v in link.views() if not _is_at_rest(v)]
    moving += ["questions are open"] if link.open_questions else []
    moving += [f"Blender {pid}" for pid in processes.blenders_of(day.artist.user) if pid != os.getpid()]
    return moving


def _is_at_rest(view: Any) -> bool:
    if view.state == "lost" or view.phase == "Left":
        return False
    return not view.busy or view.state == "paused" or view.look == "there"


def _check_what_is_said(link: Any) -> None:
    for view in link.views():
        if view.state == "failed":
            assert view.problem is not None, f"{view.prompt} failed without a word"
            assert str(view.problem), view.problem.code
            assert view.problem.code not in MISTAKES, f"{view.problem.code}: {view.problem}"
    assert link.problem is None or link.problem.code not in MISTAKES, f"{link.problem.code}: {link.problem}"
