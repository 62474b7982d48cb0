"""The Blender that started the server quits in the middle of its job: that goes on, or ends, as its person wished, and
the job of the Blender that stays ends well. Each sees its own job; the queue is of both."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import bpy
from another import Another
from artist import Artist, Steps

LONG = 1500.0
# So many that a job surely runs when its Blender quits.
STEPS = 2000


def play(artist: Artist) -> Steps:
    artist.preferences.server_python = os.environ["SERVER_PYTHON"]

    def job_of(job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = artist.link._client.job(job_id)
        return found

    def users() -> set[int]:
        return {lease["pid"] for lease in artist.link._client._ask("GET", "/v1/leases")["leases"]}

    # The first starts the server; the second finds it.
    first = Another("a red mushroom", "GO_ON", STEPS)
    yield from artist.wait_for(lambda: first.job_id, "the first one's job", LONG)
    bpy.ops.msd.start_server()
    yield from artist.wait_for(lambda: artist.link.server_state == "ready", "the server", LONG)
    assert artist.link.local._process is None, "the second started a server of its own"
    assert users() == {first.process.pid, os.getpid()}
    assert artist.job is None

    # It quits, and its job goes on.
    going = first.job_id
    first.let_quit()
    yield from artist.wait_for(lambda: first.is_gone, "its end", LONG)
    assert first.process.returncode == 0
    assert users() == {os.getpid()}
    assert job_of(going)["state"] == "running"
    reached = job_of(going)["progress"]["step"]
    yield from artist.wait_for(lambda: job_of(going)["progress"]["step"] > reached, "another step of it", LONG)

    bpy.context.scene.msd.mesh.steps = 20
    yield from artist.open_sidebar()
    yield from artist.type("mesh.prompt", "a blue cube")
    yield from artist.click("mesh.preset", across=0.17)
    yield from artist.click("msd.generate_mesh")
    yield from artist.wait_for(lambda: artist.job is not None and artist.job.job_id, "the second one's job", LONG)
    yield 0.5
    yield from artist.look("1-behind-the-job-of-the-first")
    ours = artist.job.job_id
    assert (artist.job.prompt, artist.job.state) == ("a blue cube", "queued")
    assert {going, ours} <= {job["id"] for job in artist.link._client._ask("GET", "/v1/jobs")["jobs"]}
    artist.link._client.order(going, "finish")
    yield from artist.wait_for(lambda: not artist.job.busy, "the second one's result", LONG)
    assert artist.job.state == "done", artist.link.problem
    assert "a_blue_cube" in artist.job.result.lower().replace(" ", "_")
    assert job_of(going)["state"] == "done", job_of(going)["error"]
    yield 0.5
    yield from artist.look("2-done")

    # A third one does not want its job to go on.
    third = Another("a green tree", "STOP", STEPS)
    yield from artist.wait_for(lambda: third.job_id, "the third one's job", LONG)
    ending = third.job_id
    third.let_quit()
    yield from artist.wait_for(lambda: third.is_gone, "its end", LONG)
    yield from artist.wait_for(lambda: job_of(ending)["state"] == "cancelled", "the end of its job", LONG)
    assert users() == {os.getpid()}
    assert job_of(ours)["state"] == "done"

    # The folder of the run is removed behind it.
    file = artist.inside("bridge").user_dir() / "server" / "server.json"
    os.kill(json.loads(file.read_text(encoding="utf-8"))["pid"], signal.SIGTERM)
    yield from artist.wait_for(lambda: not file.exists(), "the end of the server", LONG)
