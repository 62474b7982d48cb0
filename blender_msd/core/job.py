"""One job from recipe to result, as a thread sees it."""

from __future__ import annotations

import contextlib
import math
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from .arrays import Maps, Mesh, read_mesh, read_pixels, read_png
from .client import Client, Slow, Unreachable
from .connection import Connection
from .errors import Interrupted, Problem, mistake, read_problem
from .events import Event, follow
from .interrupt import Interrupt
from .messages import (
    CancelledElsewhere,
    Connected,
    Failed,
    Finished,
    LiveImage,
    LiveMesh,
    Looked,
    Message,
    Noted,
    Offered,
    Progressed,
    Retrying,
    StateChanged,
    Submitted,
    Unheard,
)
from .offer import read_offer
from .patience import Patience
from .results import ResultFolder
from .sent import Sent

# The texture of a mesh, in the order of `Maps`.
MAPS = ("albedo.png", "normal.png")
# The picture of a texture, and what the files of its maps are called.
COLOUR = "texture.png"
MAP_FILE = re.compile(r"texture_([a-z]+)\.png")
# The job may go on where nobody sees it, and can be followed again later.
OUT_OF_REACH = ("server-lost", "server-slow")


def run_job(
    recipe: dict[str, Any],
    results: Path,
    connection: Connection,
    stop: Interrupt,
    put: Callable[[Message], None],
    known_id: str = "",
    files: Sequence[Sent] = (),
    follows: bool = True,
) -> None:
    """Do one job; the last message is `Finished`, `Failed` or `CancelledElsewhere`, or none when `stop` was set.

    A job that nobody waits for any more is cancelled on the server, unless `stop` leaves it there; when the server is
    out of reach for that, the last message is `Unheard`.

    Args:
        results: the folder that gets a folder for the result.
        files: that the recipe names.
        known_id: of a job that the server has already, which is followed from its beginning; else one is submitted.
        follows: whether it is followed to its end; else `Submitted` is the last message.
    """
    client, job_id, key, is_sent = None, "", secrets.token_hex(16), False

    def retrying(attempts: int) -> None:
        put(Retrying(attempts))

    def tell(text: str) -> None:
        put(Noted(text))

    try:
        client = connection.connect(stop)
        put(Connected(client))
        with contextlib.suppress(Slow):  # the job needs no list of models
            put(Offered(read_offer(client.capabilities())))
        patience = Patience(stop, connection.check_alive, tell=tell, retrying=retrying)
        for file in () if known_id else files:
            patience.ask(partial(client.keep, file, stop))
        is_sent = not known_id
        job_id = known_id or patience.ask(partial(client.submit, recipe, key, stop))
        put(Submitted(job_id))
        if not follows:
            job_id = ""
            return
        for event in follow(client, job_id, stop, connection.check_alive, tell, retrying):
            message = _translate(client, job_id, event)
            if isinstance(message, (Failed, CancelledElsewhere)):
                job_id = known_id = ""
                put(message)
            elif message is not None:
                put(message)
            if event.name == "done":
                finished = _fetch_result(client, job_id, event.data["report"], results, patience)
                job_id = known_id = ""
                put(finished)
    except Interrupted:
        job_id = job_id or known_id
        if client is not None and is_sent and not job_id and not stop.leaves:
            # The server may have it already; the same key gives the same job.
            with contextlib.suppress(Problem):
                job_id = client.submit(recipe, key)
    except Problem as problem:
        if stop.is_set():
            job_id = job_id or known_id  # whatever went wrong, it is to be cancelled
        elif problem.code in OUT_OF_REACH:
            job_id = ""
        put(Failed(problem))
    except Exception as error:
        put(Failed(mistake(error)))
    finally:
        if job_id and not stop.leaves:
            try:
                if client is None:
                    raise Unreachable("not connected yet")
                client.cancel(job_id)
            except Unreachable:
                put(Unheard(job_id))
            except Problem:
                pass  # it is over


def fetch_job(
    job_id: str, results: Path, connection: Connection, stop: Interrupt, put: Callable[[Message], None]
) -> None:
    """Get the result of a job that is done; the message is `Finished` or `Failed`, or none when `stop` was set.

    Args:
        results: as `run_job`.
    """
    try:
        client = connection.connect(stop)
        put(Connected(client))
        patience = Patience(stop, connection.check_alive)
        report = patience.ask(partial(client.job, job_id)).get("report")
        if not isinstance(report, dict):
            raise Problem("job-unknown", "The job has no result.", "Make it again.")
        put(_fetch_result(client, job_id, report, results, patience))
    except Interrupted:
        pass
    except Problem as problem:
        put(Failed(problem))
    except Exception as error:
        put(Failed(mistake(error)))


def _translate(client: Client, job_id: str, event: Event) -> Message | None:
    data = event.data
    if event.name == "progress":
        return read_progress(data)
    if event.name == "state":
        return CancelledElsewhere() if data.get("state") == "cancelled" else StateChanged(str(data.get("state")))
    if event.name == "failed":
        return Failed(read_problem(data))
    if event.name == "look":
        return Looked()
    if event.name == "log":
        return Noted(str(data.get("message", ""))) if data.get("level") == "warning" else None
    if event.name in ("preview_mesh", "preview_image"):
        return _fetch_preview(client, job_id, event)
    return None


def read_progress(data: dict[str, Any]) -> Progressed:
    """As the data of a progress event say it."""
    seconds_left = data.get("seconds_left")
    return Progressed(
        phase=str(data.get("phase", "")),
        fraction=min(1.0, max(0.0, float(data.get("fraction", 0.0)))),
        step=int(data.get("step", 0)),
        steps=int(data.get("steps", 0)),
        seconds_left=None if seconds_left is None or not math.isfinite(seconds_left) else float(seconds_left),
        denoiser_calls=int(data.get("denoiser_calls", 0)),
        elapsed=float(data.get("elapsed", 0.0)),
        q=None if data.get("q") is None else float(data["q"]),
    )


def _fetch_preview(client: Client, job_id: str, event: Event) -> Message | None:
    try:
        data = client.artifact(job_id, str(event.data.get("artifact", "")))
        return LiveMesh(read_mesh(data)) if event.name == "preview_mesh" else LiveImage(read_pixels(data))
    except Problem as problem:
        # The server keeps only the newest previews, so an old one may be gone; the job itself goes on in any case.
        return None if problem.code == "artifact-unknown" else Noted(f"A preview was left out. {problem.message}")


def _fetch_result(client: Client, job_id: str, report: dict[str, Any], results: Path, patience: Patience) -> Finished:
    def fetch(name: str) -> bytes:
        return patience.ask(partial(client.artifact, job_id, name))

    job = patience.ask(partial(client.job, job_id))
    recipe: dict[str, Any] = job["recipe"]
    is_mesh = recipe["kind"] == "mesh"
    shown = ("faces",) if is_mesh else ("width", "height")
    report = report | {name: int(report[name]) for name in shown}
    names = [str(name) for name in report["artifacts"]]
    wanted = "mesh.npz" if is_mesh else COLOUR
    folder = ResultFolder(results, recipe["prompt"], job_id)
    data = fetch(wanted)
    result = read_mesh(data) if is_mesh else read_png(data)
    folder.save(wanted, data)
    pictures = {}
    for name in names:
        if name not in (wanted, "recipe.json", "report.json"):
            data = fetch(name)
            folder.save(name, data)
            map_file = MAP_FILE.fullmatch(name)
            if name in MAPS or map_file:
                pictures[map_file[1] if map_file else name] = read_png(data)
    if isinstance(result, Mesh) and result.uv is not None and len(pictures) == len(MAPS):
        result = replace(result, maps=Maps(*(pictures[name] for name in MAPS)))
    folder.save_json("recipe.json", recipe)
    folder.save_json("report.json", report)
    maps = {} if is_mesh else pictures
    return Finished(result, report, recipe, folder.path, maps, reused=bool(job.get("reused")))
