"""The optimisation server as a process: found again, started, watched and stopped.

The server writes `server.json` (pid, port, token, version) into its data folder; whoever can read that file may use it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

from .client import Client, Slow
from .errors import Problem, reason
from .interrupt import Interrupt

START_LIMIT = 60.0
# Far more than the server gives its worker and its streams, some 7 s together.
STOP_LIMIT = 20.0
PAUSE = 0.1

_WINDOWS_CRASHES = {0xC0000005: "crashed (access violation)", 0xC000013A: "was interrupted"}


class LocalServer:
    """The server of one data folder, on this computer. Every method may be called from any thread.

    Args:
        home: the folder that holds the package `server`.
        data_dir: the server's own folder: `server.json`, its jobs and its log.

    Attributes:
        last_line: what a server that starts said last.
    """

    def __init__(self, home: Path, data_dir: Path) -> None:
        self._home = home
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answered = False
        self._client: Client | None = None
        self.last_line = ""
        self._file = data_dir / "server.json"
        self.log = data_dir / "server-output.log"

    def connect(
        self, python: Path, stop: Interrupt, model_folder: Path | None = None, allow_hub: bool = False
    ) -> Client:
        """A client of the running server; starts one when there is none.

        One that runs and is slow is waited for. It is never ended for that: whoever asks again waits again.

        Args:
            python: the interpreter of the server's environment.
            model_folder: where it looks for models, and where a recipe may name one by its path.
            allow_hub: whether it may fetch models from the hub. A server that runs already keeps its own of both.

        Raises:
            Interrupted: `stop` was set.
            Problem: "server-slow" after `START_LIMIT` seconds, "server-python-missing", "server-did-not-start",
                "server-incompatible", "server-file-unusable", "data-folder-unusable".
        """
        with self._lock:
            self._check_file()
            try:
                return self._find()
            except Problem as trouble:
                # One that answered before and is not to be found now lost its folder or its socket.
                waits = self._is_running() and (isinstance(trouble, Slow) or not self._answered)
            if not waits:
                self._stop()
                self._start(python, model_folder, allow_hub)
            return self._wait_until_ready(stop, is_new=not waits)

    def check_alive(self) -> None:
        """Notice the death of a server that was started here.

        Raises:
            Problem: "server-stopped", with the exit code in plain words.
        """
        process = self._process
        code = process.poll() if process is not None else None
        if code is not None:
            hint = "Start it again; finished results are kept."
            raise Problem("server-stopped", f"The server {explain_exit(code)}. {self._last_words()}".strip(), hint)

    def leave(self) -> None:
        """Let the server go: one that a Blender started ends by itself, once its jobs are done and no other uses it."""
        with self._lock:
            self._is_used_by_others()
            self._process = None

    def stop(self) -> None:
        """Stop the server if it was started here and no other Blender uses it; otherwise it is left to them."""
        with self._lock:
            if self._is_used_by_others():
                self._process = None
            self._stop()

    def _is_used_by_others(self) -> bool:
        """Whether others do, now that this Blender does not any more."""
        client, self._client = self._client, None
        try:
            return client is not None and client.detach(os.getpid())
        except Problem:  # it is gone, or hangs
            return False

    def _check_file(self) -> None:
        """Refuse a `server.json` that no server of this user could have written, or could replace."""
        try:
            with self._file.open("rb") as file:
                owner = os.fstat(file.fileno()).st_uid
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            hint = "Delete it, or make it readable, and try again."
            message = f"{self._file} cannot be read ({reason(error)})."
            raise Problem("server-file-unusable", message, hint) from None
        if hasattr(os, "geteuid") and owner != os.geteuid():
            hint = "Delete it if no server of theirs is wanted here, and try again."
            raise Problem("server-file-unusable", f"{self._file} belongs to another user.", hint)

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _find(self) -> Client:
        """The server that the file names. Raises Problem: as `Client.check`."""
        client = self._client_from_file()
        client.check()
        with contextlib.suppress(Problem):  # it was there a moment ago; whoever asks next learns more
            client.attach(os.getpid())
        self._answered = True
        self._client = client
        return client

    def _client_from_file(self) -> Client:
        try:
            said: dict[str, Any] = json.loads(self._file.read_text("utf-8"))
            host = f"[{said['host']}]" if ":" in said["host"] else said["host"]
            return Client(f"{said.get('scheme', 'http')}://{host}:{int(said['port'])}", str(said["token"]))
        except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            raise Problem("server-lost", "There is no server.json that can be read.") from None

    def _start(self, python: Path, model_folder: Path | None, allow_hub: bool) -> None:
        command = [str(python), "-m", "server", "serve", "--port", "0", "--data-dir", str(self._data_dir)]
        command += ["--parent-pid", str(os.getpid())]
        command += [] if model_folder is None else ["--folder", str(model_folder), "--allow-path", str(model_folder)]
        command += ["--allow-hub"] if allow_hub else []
        # An interpreter of its own must not see what Blender's interpreter was started with.
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
        environment["PYTHONUTF8"] = "1"  # as the log is read here, whatever the system's encoding
        no_console = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows would open a console window
        self._answered = False
        with self._open_log() as log:
            try:
                self._process = subprocess.Popen(
                    command,
                    cwd=self._home,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    creationflags=no_console,
                )
            except FileNotFoundError:
                message = f"{python} does not exist."
                raise Problem("server-python-missing", message, "Choose the Python again.") from None
            except OSError as error:
                message = f"{python} cannot be run ({'it is a folder' if python.is_dir() else reason(error)})."
                raise Problem("server-did-not-start", message, "Choose the Python program itself.") from None

    def _open_log(self) -> BinaryIO:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            log = self.log.open("wb", buffering=0)
            log.write(b"\n")  # a full disk is noticed here, before a server falls over it
        except OSError as error:
            hint = "Free some disk space, or make the folder writable, and try again."
            raise Problem("data-folder-unusable", f"{self.log} cannot be written ({reason(error)}).", hint) from None
        return log

    def _wait_until_ready(self, stop: Interrupt, is_new: bool) -> Client:
        """Raises as `connect`. Only a server that is new is ended when `stop` was set."""
        assert self._process is not None
        ends = time.monotonic() + START_LIMIT
        try:
            while time.monotonic() < ends:
                stop.wait(PAUSE)
                try:
                    return self._find()
                except Problem as problem:
                    trouble = problem
                self.last_line = "".join(self.log_lines(1))[:200]
                code = self._process.poll()
                # When another server has the folder, ours ends at once; if that one is slow, it is waited for.
                if code is not None and not isinstance(trouble, Slow):
                    is_new = True
                    too_old = trouble.code == "server-incompatible"
                    raise trouble if too_old else self._did_not_start(f"it {explain_exit(code)}")
        except BaseException:
            if is_new:
                self._stop()
            raise
        message = f"The server runs, but gave no answer within {START_LIMIT:.0f} s. {self._last_words()}"
        raise Problem("server-slow", message, "It may start slowly, or be busy. Go on waiting, or stop it.")

    def _did_not_start(self, reason: str) -> Problem:
        hint = "Check that the Python in the preferences belongs to the server's environment."
        return Problem("server-did-not-start", f"The server did not start: {reason}. {self._last_words()}", hint)

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT)
            return
        process.kill()
        process.wait()

    def _last_words(self) -> str:
        lines = self.log_lines(50)
        return f"Its last line: {lines[-1][:200]}" if lines else "It said nothing."

    def log_lines(self, count: int) -> list[str]:
        """The newest lines of the server's log that are not empty."""
        try:
            with self.log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 64 * 1024))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return [line for line in text.splitlines() if line.strip()][-count:]


def explain_exit(code: int) -> str:
    """A process's exit code in plain words, to follow "it ..."."""
    if code == 0:
        return "ended by itself"
    if code == -getattr(signal, "SIGKILL", 9):
        return "was killed, often because the computer ran out of memory"
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    if code & 0xFFFFFFFF in _WINDOWS_CRASHES:
        return _WINDOWS_CRASHES[code & 0xFFFFFFFF]
    return f"stopped with exit code {code}"
