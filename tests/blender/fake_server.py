"""A test double of the optimisation server: the same protocol over a real socket, and whatever may go wrong.

In a test's own process: `FakeServer()`. As a process that the add-on starts: `make_home(folder, script)` writes a
package `server` that runs it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import secrets
import struct
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def cube_arrays(side: float = 1.0) -> dict[str, np.ndarray]:
    """A red cube on the ground, faces outward."""
    corner = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float32) - [0.5, 0.5, 0]
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    triangle = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)
    colour = np.tile(np.array([200, 30, 20, 255], np.uint8), (8, 1))
    return {"position": (corner * side).astype(np.float32), "triangle": triangle, "colour": colour}


def png(width: int, height: int, rgb: tuple[int, int, int] = (160, 60, 40), grey16: bool = False) -> bytes:
    """A PNG file whose top row is white; `grey16`: one of 16 bits without colours."""
    row, top = b"\0" + (b"\x40\0" if grey16 else bytes(rgb)) * width, b"\0" + b"\xff" * ((2 if grey16 else 3) * width)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, *((16, 0) if grey16 else (8, 2)), 0, 0, 0)
    body = zlib.compress(top + row * (height - 1))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


class FakeJob:
    """One job: its events so far, its files, and what the client asked of it."""

    def __init__(self, job_id: str, recipe: dict[str, Any]) -> None:
        self.id = job_id
        self.recipe = recipe
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.changed = threading.Condition()
        self.cancelled = threading.Event()
        self.finish = threading.Event()
        self.live = 0
        self.report: dict[str, Any] = {}
        self.png = b""
        self.priority = 0
        self.starred = False
        self.turn = threading.Event()
        self.resumed = threading.Event()
        self.task = "make"
        self.picture = png(128, 128)
        self.reused: str | None = None

    @property
    def state(self) -> str:
        with self.changed:
            said = [data for _, name, data in self.events if name == "state"]
        return said[-1]["state"] if said else "queued"

    def newest(self, event: str) -> dict[str, Any] | None:
        """The data of its newest event of that name."""
        with self.changed:
            return next((data for _, name, data in reversed(self.events) if name == event), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state,
            "recipe": self.recipe,
            "progress": self.newest("progress"),
            "report": self.newest("done") and self.newest("done")["report"],
            "error": self.newest("failed") if self.state == "failed" else None,
            "priority": self.priority,
            "starred": self.starred,
            "finished": 1.0,
            "reused": self.reused,
            "task": self.task,
        }

    def as_result(self) -> dict[str, Any]:
        said = {name: self.recipe.get(name) for name in ("kind", "prompt", "seed", "prior", "preset")}
        files = sorted(self.files)
        thumbnail = "thumbnail.png" if "thumbnail.png" in files else None
        more = {"finished": 1.0, "starred": self.starred, "files": files, "thumbnail": thumbnail}
        return {"id": self.id, **said, **more}

    def send(self, name: str, **data: Any) -> None:
        with self.changed:
            self.events.append((len(self.events) + 1, name, data))
            self.changed.notify_all()

    def progress(self, fraction: float, phase: str = "Shaping", elapsed: float = 1.0) -> None:
        step = int(100 * fraction)
        told = {"step": step, "steps": 100, "denoiser_calls": 24 * step, "elapsed": elapsed}
        self.send("progress", phase=phase, fraction=fraction, seconds_left=2.0, **told)

    def live_mesh(self, data: bytes | None = None) -> None:
        self.live += 1
        name = f"live-{self.live:04d}.npz"
        self.files[name] = npz(**cube_arrays()) if data is None else data
        self.send("preview_mesh", artifact=name, vertices=8, faces=12)

    def live_image(self, pixels: np.ndarray) -> None:
        self.live += 1
        name = f"preview-{self.live:04d}.npz"
        self.files[name] = npz(pixels=pixels)
        self.send("preview_image", artifact=name, width=pixels.shape[1], height=pixels.shape[0])

    def done(self, **files: bytes) -> None:
        """Finish with these files; names are written with a double underscore for the dot."""
        self.files |= {name.replace("__", "."): data for name, data in files.items()}
        report = {"seconds": 1.5, "denoiser_calls": 2400, "steps": 100, "stopped_by": "steps"}
        if self.recipe["kind"] == "mesh":
            report |= {"faces": 12, "vertices": 8, "watertight": True}
        else:
            report |= {"width": 64, "height": 32, "seam_ratio": 1.0}
        artifacts = [name for name in self.files if not name.startswith(("live", "preview"))]
        self.send("state", state="done")
        self.send("done", report=report | self.report | {"artifacts": artifacts})

    def fail(self, code: str, message: str, hint: str) -> None:
        self.send("state", state="failed")
        self.send("failed", code=code, detail=message, next=hint)


Script = Callable[[FakeJob], None]


def make_cube(job: FakeJob) -> None:
    """A good mesh job with four live meshes, or a good texture job with one live picture."""
    job.send("state", state="running")
    if job.recipe["kind"] == "texture":
        job.live_image(np.full((16, 32, 4), 255, np.uint8))
        maps = job.recipe["texture"].get("maps", ())
        files = {f"texture_{name}__png": png(64, 32, (128, 128, 255), name == "height") for name in maps}
        job.done(texture__png=png(64, 32), **files)
        return
    if job.recipe["kind"] == "retexture":
        job.live_image(np.full((16, 16, 4), 255, np.uint8))
        job.done(texture__png=job.png)
        return
    for number in range(4):
        job.progress(0.2 * number)
        job.live_mesh()
    job.done(mesh__npz=npz(**cube_arrays()), mesh__glb=b"glTF")


def run_until_told(job: FakeJob) -> None:
    """One live mesh, then nothing until the client cancels or wants it finished."""
    job.send("state", state="running")
    job.progress(0.3)
    job.live_mesh()
    while not job.cancelled.wait(0.02):
        if job.finish.is_set():
            job.done(mesh__npz=npz(**cube_arrays()))
            return
    job.send("state", state="cancelled")


def in_turn(job: FakeJob) -> None:
    """As `run_until_told`, once the test says that it is the job's turn."""
    job.turn.wait()
    if not job.cancelled.is_set():
        run_until_told(job)


def be_looked_at(job: FakeJob) -> None:
    """A quick look in its turn; once it is resumed, the rest as `run_until_told`. One that was there is not looked at
    again."""
    job.turn.wait()
    if job.cancelled.is_set():
        return
    if job.task == "looked":
        run_until_told(job)
        return
    job.send("state", state="running")
    job.progress(0.3)
    job.files["thumbnail.png"] = job.picture
    job.task = "looked"
    job.send("look", artifact="thumbnail.png")
    job.send("state", state="paused")
    while not job.resumed.wait(0.02):
        if job.cancelled.is_set():
            return
    run_until_told(job)


def die_after_a_live_mesh(job: FakeJob) -> None:
    """The whole server process ends, as if killed, once the first live mesh was fetched."""
    job.send("state", state="running")
    job.live_mesh()
    job.cancelled.wait(1.0)
    print("something terrible happened", flush=True)
    os._exit(9)


class FakeServer:
    """Serves on a free loopback port until `close`.

    Attributes:
        capabilities: the answer to /v1/capabilities.
        answers: while it is not set, connections are taken and nothing is answered.
        lists_models: the same for /v1/capabilities alone.
        knows_hello: whether it is no older than the add-on.
        script: run on a thread for every job.
        orders: what was asked of jobs, as (id, order).
        refused_orders: which of them are refused.
        deaf_to: orders behind which it hangs up without a word.
        descents: what was asked to go on from, as (id, "continue" or "remesh", wishes).
        refusal: (status, error) answered to the next submissions instead of a job.
        cut_after: event ids after which an event stream is cut once.
        seen: every request as "METHOD /path".
        meshes: what was sent to be textured, by the digest in the path.
        png: the result of a job that textures a mesh.
        last_event_ids: the Last-Event-ID of every stream that was opened.
    """

    def __init__(self, script: Script = make_cube) -> None:
        self.token = secrets.token_hex(8)
        self.script = script
        self.name = "blender-msd"
        self.capabilities: dict[str, Any] = {"devices": [], "priors": []}
        self.answers, self.lists_models = threading.Event(), threading.Event()
        self.answers.set()
        self.lists_models.set()
        self.knows_hello = True
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.cut_after: set[int] = set()
        self.jobs: dict[str, FakeJob] = {}
        self.meshes: dict[str, bytes] = {}
        self.images: dict[str, bytes] = {}
        self.png = png(64, 32)
        self.leases: list[dict[str, int]] = []
        self.seen: list[str] = []
        self.orders: list[tuple[str, str]] = []
        self.refused_orders: set[str] = set()
        self.deaf_to: set[str] = set()
        self.descents: list[tuple[str, str, dict[str, Any]]] = []
        self.last_event_ids: list[int] = []
        fake = self

        class Handler(_Handler):
            server_double = fake

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def add(self, recipe: dict[str, Any]) -> FakeJob:
        """A job that another program has submitted, and that nobody works on."""
        job = FakeJob(secrets.token_hex(6), {"steps": 100, "prior": "exact"} | recipe)
        job.send("state", state="queued")
        self.jobs[job.id] = job
        return job

    def close(self) -> None:
        self.answers.set()
        self.lists_models.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def job(self) -> FakeJob:
        """The only job."""
        (job,) = self.jobs.values()
        return job

    def job_of(self, prompt: str) -> FakeJob:
        """The only job with this prompt."""
        (job,) = (job for job in self.jobs.values() if job.recipe["prompt"] == prompt)
        return job

    def write_server_file(self, data_dir: Path) -> None:
        said = {"pid": os.getpid(), "host": "127.0.0.1", "port": self.port, "token": self.token, "version": "0.1.0"}
        (data_dir / "server.json").write_text(json.dumps(said), encoding="utf-8")


class _Handler(BaseHTTPRequestHandler):
    server_double: FakeServer

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        double = self.server_double
        double.seen.append(f"{method} {self.path}")
        double.answers.wait()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/v1/health":
            self._json(200, {"name": double.name, "version": "0.1.0", "api": 1})
        elif self.headers.get("Authorization") != f"Bearer {double.token}":
            self._refuse(401, "token-wrong", "The token is missing or wrong.")
        elif self.path == "/v1/hello" and double.knows_hello:
            self._json(200, {"name": double.name, "version": "0.1.0", "api": 1})
        elif self.path == "/v1/hello":
            self._refuse(404, "request-refused", "GET /v1/hello: Not Found.")
        elif self.path.split("?")[0] == "/v1/capabilities":
            double.lists_models.wait()
            self._json(200, double.capabilities)
        elif self.path.startswith("/v1/leases/"):
            pid = int(self.path.rpartition("/")[2])
            double.leases = [lease for lease in double.leases if lease["pid"] != pid]
            double.leases += [{"pid": pid}] if method == "PUT" else []
            self._json(200, {"leases": double.leases})
        elif method == "PUT" and self.path.startswith("/v1/meshes/"):
            double.meshes[self.path.rpartition("/")[2]] = body
            self._json(200, {"mesh": self.path.rpartition("/")[2], "faces": 12})
        elif method == "PUT" and self.path.startswith("/v1/images/"):
            double.images[self.path.rpartition("/")[2]] = body
            self._json(200, {"image": self.path.rpartition("/")[2], "width": 64, "height": 32})
        elif (method, self.path) == ("POST", "/v1/jobs"):
            self._submit(json.loads(body))
        elif (method, self.path) == ("POST", "/v1/batches"):
            self._submit_batch(json.loads(body))
        elif (method, self.path.split("?")[0]) == ("GET", "/v1/jobs"):
            self._list(parse_qs(self.path.partition("?")[2]))
        elif (method, self.path.split("?")[0]) == ("GET", "/v1/results"):
            self._list_results()
        else:
            _, _, job_id, *rest = self.path.strip("/").split("/")
            if job_id in double.jobs:
                self._answer_for(double.jobs[job_id], rest, method, body)
            else:
                self._refuse(404, "job-unknown", "There is no such job.")

    def _list_results(self) -> None:
        done = [job for job in reversed(list(self.server_double.jobs.values())) if job.state == "done"]
        self._json(200, {"results": [job.as_result() for job in done], "next": None, "total": len(done)})

    def _list(self, asked: dict[str, list[str]]) -> None:
        """Newest first, page by page; the cursor is how many come before."""
        over, limit, skip = (asked.get(name, [""])[0] for name in ("over", "limit", "cursor"))
        jobs = [job.as_json() for job in reversed(list(self.server_double.jobs.values()))]
        if over:
            jobs = [job for job in jobs if (job["state"] in ("done", "failed", "cancelled")) == (over == "true")]
        ends = int(skip or 0) + int(limit or 50)
        self._json(200, {"jobs": jobs[int(skip or 0) : ends], "next": str(ends) if ends < len(jobs) else None})

    def _submit(self, recipe: dict[str, Any]) -> None:
        if not self._refused():
            self._json(201, self._begin(recipe).as_json())

    def _submit_batch(self, asked: dict[str, Any]) -> None:
        if not self._refused():
            task = "look" if asked.get("look") else "make"
            jobs = [self._begin(asked["recipe"] | {"seed": seed}, task) for seed in asked["seeds"]]
            self._json(201, {"jobs": [job.as_json() for job in jobs]})

    def _refused(self) -> bool:
        refusal = self.server_double.refusal
        if refusal is not None:
            self._json(refusal[0], {"error": refusal[1]})
        return refusal is not None

    def _begin(self, recipe: dict[str, Any], task: str = "make") -> FakeJob:
        double = self.server_double
        job = FakeJob(secrets.token_hex(6), {"steps": 100, "prior": "exact"} | recipe)
        job.png, job.task = double.png, task
        double.jobs[job.id] = job
        job.send("state", state="queued")
        threading.Thread(target=double.script, args=(job,), daemon=True).start()
        return job

    def _answer_for(self, job: FakeJob, rest: list[str], method: str, body: bytes) -> None:
        double = self.server_double
        match rest:
            case [] if method == "DELETE":
                del double.jobs[job.id]
                self.send_response(204)
                self.end_headers()
            case []:
                self._json(200, job.as_json())
            case ["star"]:
                job.starred = method == "PUT"
                self._json(200, job.as_json())
            case [order] if order in double.deaf_to:
                self.close_connection = True
            case [order] if order in double.refused_orders:
                self._refuse(409, "wrong-state", f"Cannot {order} this job.")
            case [("cancel" | "finish" | "pause" | "resume" | "retry" | "first") as order]:
                double.orders.append((job.id, order))
                self._obey(job, order)
                self._json(200, job.as_json())
            case [("continue" | "remesh") as how]:
                double.descents.append((job.id, how, json.loads(body)))
                self._submit(job.recipe)
            case ["artifacts", name] if name in job.files:
                self._bytes(200, "application/octet-stream", job.files[name])
            case ["events"]:
                self._stream(job, int(self.headers.get("Last-Event-ID", 0)))
            case _:
                self._refuse(404, "artifact-unknown", "The job has no such file.")

    def _obey(self, job: FakeJob, order: str) -> None:
        double = self.server_double
        if order == "cancel":
            job.cancelled.set()
            job.turn.set()
            if job.state in ("queued", "paused"):
                job.send("state", state="cancelled")
        elif order == "finish":
            job.finish.set()
        elif order == "first":
            job.priority = 1 + max(each.priority for each in double.jobs.values())
        elif order == "retry":
            with job.changed:
                ends = ("failed", "cancelled")
                job.events = [e for e in job.events if e[1] != "failed" and e[2].get("state") not in ends]
            job.cancelled.clear()
            job.send("state", state="queued")
            threading.Thread(target=double.script, args=(job,), daemon=True).start()
        else:
            if order == "resume":
                job.resumed.set()
            job.send("state", state="paused" if order == "pause" else "running")

    def _stream(self, job: FakeJob, after: int) -> None:
        double = self.server_double
        double.last_event_ids.append(after)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while True:
                with job.changed:
                    if len(job.events) <= after:
                        job.changed.wait(0.5)
                    events = job.events[after:]
                self.wfile.write(b": still here\n\n")
                for event_id, name, data in events:
                    self.wfile.write(f"id: {event_id}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode())
                    after = event_id
                    if event_id in double.cut_after:
                        double.cut_after.remove(event_id)
                        return
                    if name in ("done", "failed") or data.get("state") == "cancelled":
                        return
        except OSError:
            pass  # the reader left

    def _json(self, status: int, value: dict[str, Any]) -> None:
        self._bytes(status, "application/json", json.dumps(value).encode())

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._json(status, {"error": {"code": code, "detail": message, "next": "Look again."}})

    def _bytes(self, status: int, kind: str, data: bytes) -> None:
        with contextlib.suppress(OSError):  # who asked may have left
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)


def make_home(folder: Path, script: str) -> Path:
    """A folder with a package `server` whose `python -m server serve` is this double, running the named script."""
    package = folder / "server"
    package.mkdir(parents=True)
    here = str(Path(__file__).parent)
    text = f"import sys\nsys.path.insert(0, {here!r})\nimport fake_server\nfake_server.main({script!r})\n"
    (package / "__main__.py").write_text(text, encoding="utf-8")
    return folder


def main(script: str, lists_models: bool = True) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("--port", type=int)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--parent-pid", type=int)
    parser.add_argument("--folder", action="append", default=[])
    parser.add_argument("--allow-path", action="append", default=[])
    parser.add_argument("--allow-hub", action="store_true")
    args = parser.parse_args()
    if script == "refuse_to_start":
        print("torch is missing")
        raise SystemExit(3)
    fake = FakeServer(globals()[script])
    fake.capabilities |= {"folders": args.folder, "allowed_folders": args.allow_path, "hub": args.allow_hub}
    if not lists_models:
        fake.lists_models.clear()
    fake.write_server_file(args.data_dir)
    threading.Event().wait()
