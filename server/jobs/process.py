"""A worker process seen from the server: start it, talk to it without waiting for it, tell how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import server
from server.jobs.post import Post
from server.jobs.silence import Silence, processor_seconds

LOG_LIMIT = 5_000_000
_STOP_SECONDS = 3.0
# Begins what the log holds of a job, followed by its id.
JOB_LINE = "--- job "

Answer = dict[str, Any]


class WorkerProcess:
    """A running `server.jobs.worker`, or what speaks for one that is elsewhere; its stderr goes to a log, and a log
    that has grown long to the same name with .1.

    Must be created on a thread that lives as long as the worker should: Linux sends the worker's parent-death signal
    when that thread ends.

    Args:
        post: where the worker is.
        log: of the worker.
        on_answer: called from a thread with every answer, and with None once there will be no other. How a worker
            elsewhere went is kept here.
    """

    def __init__(self, post: Post, log: Path, on_answer: Callable[[WorkerProcess, Answer | None], None]) -> None:
        command, log = post.command(log), post.log_here(log)
        self._post, self._log = post, log
        self._gone: Answer | None = None
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_name(f"{log.name}.1"))
        with log.open("ab") as file:
            self._log_start = file.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=_environment(),
            )
        self._silence = Silence(partial(processor_seconds, self._process.pid))
        self._orders: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._on_answer = on_answer
        # A process that does not read blocks its writer; a process that does not write, its reader. Nobody else waits.
        threading.Thread(target=self._write, name="orders to worker", daemon=True).start()
        threading.Thread(target=self._read, name="answers of worker", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def is_stopped(self) -> bool:
        """Whether a signal has stopped it (SIGSTOP), and none has made it go on."""
        if not hasattr(os, "waitid"):
            return False
        try:
            found = os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return found is not None

    def is_hanging(self, limit_s: float) -> bool:
        """Whether it has said nothing for so long, and not for want of the processor."""
        return self._silence.is_hanging(limit_s)

    def go_on(self) -> None:
        """Undo a SIGSTOP."""
        self._process.send_signal(signal.SIGCONT)

    def send(self, order: str, **fields: Any) -> None:
        """Never waits. An order to a dead worker is lost; whoever hears its answers learns of its death."""
        self._orders.put(json.dumps({"order": order, **fields}).encode() + b"\n")

    def begin_job(self) -> None:
        """What it writes to its log from here on is about another job."""
        with contextlib.suppress(OSError):
            self._log_start = self._log.stat().st_size

    def kill(self) -> None:
        self._process.kill()

    def let_go(self) -> None:
        """It leaves at the end of its input, whatever it does; never waits."""
        self._orders.put(None)

    def stop(self) -> None:
        """Let it go; killed if it does not."""
        self.let_go()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def how_it_ended(self) -> str:
        """Its exit code in plain words, or what was told of a worker elsewhere; waits for the end."""
        code = self._process.wait()
        return exit_in_words(code) if self._gone is None else str(self._gone["how"])

    @property
    def was_lost(self) -> bool:
        """Whether a worker elsewhere went with its node, or with the way to it. Known once it has ended."""
        return self._post.is_elsewhere and (self._gone is None or bool(self._gone["lost"]))

    def last_words(self) -> str:
        """The most telling line it wrote to its log since its job began, or "" if it wrote none."""
        if self._gone is not None:
            return str(self._gone["words"])
        try:
            with self._log.open("rb") as file:
                file.seek(max(self._log_start, self._log.stat().st_size - 20_000))
                written = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [line.strip() for line in written.splitlines() if line.strip() and not line.startswith(JOB_LINE)]
        # After a crash in native code the interpreter writes its reason first and a long list of modules last.
        telling = [line for line in lines if line.startswith("Fatal Python error")] or lines
        return telling[-1][:300] if telling else ""

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError), pipe:
            while (line := self._orders.get()) is not None:
                pipe.write(line)
                pipe.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe, contextlib.suppress(OSError):
            while (line := pipe.readline()).endswith(b"\n"):
                self._silence.heard()
                try:
                    answer = json.loads(line)
                except ValueError:
                    break
                if answer["answer"] == "gone":
                    self._gone = answer
                else:
                    self._on_answer(self, answer)
        # What cannot be understood any more cannot be trusted with a job.
        self._process.kill()
        self._orders.put(None)
        self._on_answer(self, None)


def exit_in_words(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    why = ", which the system does when memory runs out" if name == "SIGKILL" else ""
    return f"was stopped by signal {-code} ({name}{why})"


def _environment() -> dict[str, str]:
    root = str(Path(server.__file__).parents[1])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    # What it writes into its log is read as UTF-8.
    return {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
