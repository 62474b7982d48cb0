"""What is sent to a node of the cluster: it looks whether the node is fit, and keeps a worker process there.

This file travels as it is, so that a node which lacks this program can say so: at its top it imports nothing but what
Python brings, and the rest only once it has looked.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

# In the data folder: a node that sees it sees the very folder.
MARK = "farm.mark"
# A worker whose relay has not asked for so long ends: by then its job may be another's. Nobody else is given the job
# before, see server/farm/relay.py.
LEASE_S = 10.0
# An answer that nobody waits for comes at least as often.
ASK_S = 1.0
LOOK_EVERY_S = 0.5


def what_is_amiss(wish: dict[str, Any]) -> str:
    """What keeps this node from having such a worker, as the end of a sentence; "" for nothing.

    Args:
        wish: as `server.farm.wish.Wish`.
    """
    if wish["root"] not in sys.path:
        sys.path.insert(0, wish["root"])
    try:
        import server
        import server.jobs.watch
    except ImportError as error:
        return f"cannot import this program ({error}): install it there, or share {wish['root']}"
    if server.__version__ != wish["version"]:
        return f"has version {server.__version__} of this program, not {wish['version']}"
    folder = Path(wish["data_dir"])
    try:
        if (folder / MARK).read_text(encoding="utf-8") != wish["mark"]:
            return f"sees another folder at {folder} than this server's data folder"
        with tempfile.TemporaryFile(dir=folder / "jobs"):
            pass
    except FileNotFoundError:
        return f"does not see the data folder {folder}: share it, under the same path"
    except OSError as error:
        return f"may not use the data folder {folder}: {error.strerror}"
    return ""


class Host:
    """The actor: one worker process, and what it says. Each method runs on a thread of its own."""

    def __init__(self) -> None:
        self._news: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._asked = time.monotonic()
        self._started = threading.Event()
        self._orders: Any = None

    def begin(self, wish_text: str, log: str) -> dict[str, str]:
        """Start the worker, unless the node is not fit.

        Returns:
            "node": what it is called; "id": Ray's name for it; "amiss": as `what_is_amiss`: then nothing was started.
        """
        import ray

        wish = json.loads(wish_text)
        address = ray.util.get_node_ip_address()
        amiss = what_is_amiss(wish)
        if not amiss:
            for name, value in wish["environment"].items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            self._asked = time.monotonic()
            threading.Thread(target=self._keep, args=[wish, Path(log)], name="keeper", daemon=True).start()
            self._started.wait()
        node_id = ray.get_runtime_context().get_node_id()
        return {"node": f"{socket.gethostname()} ({address})", "id": node_id, "amiss": amiss}

    def listen(self) -> list[dict[str, Any]]:
        """What the worker has said since; waits a moment for it. The last is "gone", and then there is no more."""
        self._asked = time.monotonic()
        said: list[dict[str, Any]] = []
        try:
            said.append(self._news.get(timeout=ASK_S))
            while True:
                said.append(self._news.get_nowait())
        except queue.Empty:
            return said

    def order(self, order: dict[str, Any]) -> None:
        self._orders(**order)

    def _keep(self, wish: dict[str, Any], log: Path) -> None:
        """On a thread that lives as long as the worker."""
        from server.jobs.post import post_here
        from server.jobs.process import Answer, WorkerProcess
        from server.jobs.watch import Watch

        ended = threading.Event()
        ready = threading.Event()

        def hear(worker: WorkerProcess, answer: Answer | None) -> None:
            if answer is None:
                ended.set()
                return
            ready.set()
            self._news.put(answer)

        try:
            worker = WorkerProcess(post_here(wish["device"], wish["low_vram"]), log, hear)
        except OSError as error:
            self._news.put({"answer": "gone", "how": f"could not be started: {error}", "words": "", "lost": False})
            self._started.set()
            return
        self._orders = worker.send
        self._started.set()
        watch = Watch(worker)
        while not ended.wait(LOOK_EVERY_S):
            watch.look(is_starting=not ready.is_set())
            if time.monotonic() - self._asked > LEASE_S:
                worker.kill()
                os._exit(1)
        how = worker.how_it_ended()
        self._news.put({"answer": "gone", "how": watch.silent or how, "words": worker.last_words(), "lost": False})
