"""What pip says while it works, as numbers, and, when it fails, as a problem that a person can act on."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from ..errors import Problem
from .locks import Lock, normal

# "Collecting torch==2.13.0 (from -r ...)", and the same for wheels in a folder and for those that are there.
_BEGINS = re.compile(r"\s*(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")
# Printed by pip 24.1 and later.
_BYTES = re.compile(r"Progress (\d+) of (\d+)")
# The speed is that of the last seconds.
WINDOW = 5.0


class PipLines:
    """Reads pip's lines and keeps count.

    Attributes:
        done: bytes of the lock's packages that are here.
        line: the last line that says something to a person.
        installing: whether all are here, and are being unpacked.
    """

    def __init__(self, lock: Lock) -> None:
        self._sizes = {package.name: package.size for package in lock.packages}
        self._total = lock.download
        self._passed: dict[str, int] = {}
        self._current = ""
        self._within = 0
        self._history: list[tuple[float, int]] = []
        self.line = ""
        self.installing = False

    def read(self, line: str) -> None:
        if progress := _BYTES.match(line):
            # A file's own description is fetched, too, before it.
            if int(progress[2]) == self._sizes.get(self._current):
                self._within = int(progress[1])
                self._history.append((time.monotonic(), self.done))
            return
        self.line = line.strip()
        if begins := _BEGINS.match(line):
            self._pass()
            self._current = normal(begins[1])
        elif line.startswith("Installing collected packages"):
            self._pass()
            self.installing = True

    @property
    def done(self) -> int:
        return min(sum(self._passed.values()) + self._within, self._total)

    @property
    def speed(self) -> float:
        """Bytes a second, 0 while unknown."""
        now = time.monotonic()
        self._history = [entry for entry in self._history if entry[0] > now - WINDOW]
        if len(self._history) < 2:
            return 0.0
        (began, before), (_, after) = self._history[0], self._history[-1]
        return max(after - before, 0) / max(now - began, 0.1)

    def _pass(self) -> None:
        if self._current:
            self._passed[self._current] = self._sizes.get(self._current, 0)
        self._current, self._within = "", 0


def pip_problem(code: int, lines: Sequence[str], offline: bool) -> Problem:
    """Why pip ended with `code`, from its last lines."""
    text = "\n".join(lines)
    last = next((line for line in reversed(lines) if line.strip() and not line.startswith(("[notice]", " "))), "")
    if re.search(r"No space left on device|Errno 28|Errno 27|not enough space|Disk quota", text):
        return Problem("disk-full", "The disk is full.", "Make room and press Continue; what is done is kept.")
    if "DO NOT MATCH THE HASHES" in text or "BadZipFile" in text or re.search(r"Wheel .* is invalid", text):
        name = re.search(r"(?m)^\s*([A-Za-z0-9._-]+)==\S+ from|Wheel '([^']+)'|([\w.-]+\.whl)", text)
        what = next((part for part in name.groups() if part), "A package") if name else "A package"
        hint = "Get that folder's files again." if offline else "Press Continue: it is fetched again."
        return Problem("package-damaged", f"{what} arrived damaged: it is not the file that was meant.", hint)
    if missing := re.search(r"No matching distribution found for (\S+)", text):
        if offline:
            message = f"The offline package has no {missing[1]} for this computer and Python."
            return Problem("package-missing", message, "Choose a folder with all packages, or download them.")
        if not re.search(r"ConnectionError|NewConnection|Max retries|NameResolution|Retrying|ProxyError", text):
            message = f"The package index has no {missing[1]} for this computer and Python."
            return Problem("package-missing", message, "Use another Python, or try again later.")
    if not offline and re.search(r"Connection|NameResolution|Max retries|timed out|Proxy|SSL|HTTP error", text):
        hint = "Check the connection and press Continue; what was fetched is kept."
        return Problem("download-failed", f"The download broke off. {_shortened(last)}", hint)
    if re.search(r"Permission denied|Errno 13|Errno 30|Access is denied", text):
        return Problem("set-up-folder-unusable", _shortened(last), "Choose another folder, or make it writable.")
    hint = "Press Continue to try again, or Cancel and set up anew."
    return Problem("install-failed", f"pip ended with exit code {code}. {_shortened(last)}", hint)


def _shortened(line: str) -> str:
    return " ".join(line.removeprefix("ERROR:").split())[:300]
