"""The true server, on loopback, which the window reaches as one that runs already."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.gui.window import REPOSITORY

PATIENCE = 120.0


class RealServer:
    """Starts at once and is waited for when its address is asked for.

    Args:
        folder: for its data.
        logs: folder for its log.
    """

    def __init__(self, folder: Path, logs: Path) -> None:
        self._data = folder / "server"
        self._log = logs / "server.log"

    def __enter__(self) -> Self:
        python = REPOSITORY / ".venv" / "bin" / "python"
        command = [python, "-m", "server", "serve", "--port", "0", "--data-dir", self._data]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(30)

    def environment(self) -> dict[str, str]:
        """For the scenarios: the server's address and token."""
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                said: dict[str, Any] = json.loads((self._data / "server.json").read_text(encoding="utf-8"))
                return {"SERVER_URL": f"http://127.0.0.1:{said['port']}", "SERVER_TOKEN": said["token"]}
            except (OSError, ValueError):
                if self._process.poll() is not None or time.monotonic() > ends:
                    text = self._log.read_text(encoding="utf-8", errors="replace")
                    raise RuntimeError(f"The server did not start: {text}") from None
                time.sleep(0.1)
