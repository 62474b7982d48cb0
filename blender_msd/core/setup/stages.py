"""The five stages of a set-up. Each may be begun again after whatever ended it, and then does only what is missing."""

from __future__ import annotations

import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Problem, read_problem
from .locks import Lock
from .machine import free_bytes, in_words
from .pip_lines import PipLines, pip_problem
from .process import run_module
from .surroundings import clean_environment
from .survey import CACHE, SCRATCH, Progress, packages_in, python_in
from .verify import damaged_packages, forget, forget_half_installed, installed_count

# Where each stage begins, as a part of the whole, and where the last one ends.
BEGINS = (0.0, 0.04, 0.80, 0.82, 0.88, 1.0)
# As the server calls what a lock is for.
DEVICES = {"nvidia": "cuda", "amd": "cuda", "apple": "mps", "cpu": "cpu"}
# Of the second stage: fetching, then unpacking.
FETCHING = 0.75
_RAW_PROGRESS = (24, 1)


@dataclass(frozen=True)
class Work:
    """One set-up.

    Attributes:
        home: the folder that holds the package `server`.
        root: the folder of environments; folder: this one's.
        offline: a folder with all wheels of the lock, to be used instead of the internet.
        report: is told how far it is.
    """

    home: Path
    root: Path
    folder: Path
    lock: Lock
    offline: Path | None
    stop: threading.Event
    report: Callable[[Progress], None]

    @property
    def python(self) -> Path:
        return python_in(self.folder)

    @property
    def packages(self) -> Path:
        return packages_in(self.folder, sys.version_info[:2])

    def say(self, stage: int, part: float = 0.0, line: str = "", **more: Any) -> None:
        """Report that a stage is done to this `part`, in [0, 1]."""
        fraction = BEGINS[stage - 1] + (BEGINS[stage] - BEGINS[stage - 1]) * min(part, 1.0)
        self.report(Progress(stage, fraction, line=line, **more))

    def run(
        self,
        python: Path,
        arguments: list[str],
        on_line: Callable[[str], None] = lambda line: None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> tuple[int, list[str]]:
        """As `run_module`, where `server` can be imported."""
        scratch = self.root / SCRATCH
        scratch.mkdir(parents=True, exist_ok=True)
        return run_module(python, arguments, self.home, clean_environment(scratch), self.stop, on_line, on_tick)


def check_space(work: Work) -> None:
    """Raises Problem: "set-up-no-space", with the numbers."""
    there = sum(_size(folder) for folder in (work.folder, work.root / CACHE))
    needed, free = max(work.lock.space - there, 0), free_bytes(work.root)
    if free < needed:
        message = f"{in_words(needed)} are needed on the disk of {work.root}, and {in_words(free)} are free."
        raise Problem("set-up-no-space", message, "Make room there, or choose a folder on another disk.")


def make_environment(work: Work) -> None:
    """Stage 1: an environment of the Python that runs this, with a pip that works.

    Raises:
        Problem: "set-up-no-python", or what pip says.
    """
    work.say(1, 0.0, f"Python {sys.version.split()[0]}: {sys.executable}")
    if not _pip_works(work):
        # What is installed already is kept where it is whole enough to work with; its Python may have been moved.
        for clear in ([], ["--clear"]):
            code, said = work.run(Path(sys.executable), ["venv", *clear, str(work.folder)])
            if code == 0 and _pip_works(work):
                break
        else:
            message = f"{sys.executable} could not make an environment. {said[-1][:200] if said else ''}".strip()
            raise Problem("set-up-no-python", message, "Pick another Python in the preferences.")
    ours = next((package for package in work.lock.packages if package.name == "pip"), None)
    if ours is not None and _pip_version(work)[:2] < _RAW_PROGRESS:
        work.say(1, 0.6, f"pip {ours.version}")
        _pip(work, _requirements(work, "pip=="), "off", lambda line: None, lambda: None)


def install_engine(work: Work) -> None:
    """Stage 2: fetch and install the lock's packages.

    Raises:
        Problem: "disk-full", "package-damaged", "package-missing", "download-failed", "install-failed",
            "set-up-folder-unusable".
    """
    forget_half_installed(work.packages)
    reader = PipLines(work.lock)
    count = max(len(work.lock.packages), 1)

    def look() -> None:
        if reader.installing:
            part = FETCHING + (1 - FETCHING) * min(installed_count(work.packages) / count, 1.0)
            work.say(2, part, "Unpacking")
            return
        total, done, speed = work.lock.download, reader.done, reader.speed
        left = (total - done) / speed if speed else None
        work.say(
            2, FETCHING * done / max(total, 1), reader.line, done=done, total=total, speed=speed, seconds_left=left
        )

    def read(line: str) -> None:
        reader.read(line)
        look()

    bar = "raw" if _pip_version(work)[:2] >= _RAW_PROGRESS else "off"
    look()
    _pip(work, _requirements(work), bar, read, look)


def check_model(work: Work) -> None:
    """Stage 3: the model that ships is whole and can be used here.

    Raises:
        Problem: "set-up-model-broken".
    """
    work.say(3)
    answer = _ask_server(work, ["priors", "--json"], "set-up-model-broken")
    models = {model.get("name"): model for model in answer.get("priors", [])}
    ours = models.get("embedded", {})
    if not ours.get("usable"):
        message = f"The model that ships cannot be used. {ours.get('why_not', '')}".strip()
        raise Problem("set-up-model-broken", message, "Install the extension again, then press Continue.")


def check_packages(work: Work) -> None:
    """Stage 4: every file is as it was packed, and the server finds what it needs. What is damaged is installed anew.

    Raises:
        Problem: "package-damaged", "set-up-check-failed", and those of `install_engine`.
    """
    damaged = _verify(work)
    if damaged:
        forget(work.packages, set(damaged))
        install_engine(work)
        damaged = _verify(work)
    if damaged:
        name, wrong = next(iter(damaged.items()))
        raise Problem(
            "package-damaged", f"{name} cannot be installed whole: {wrong}.", "Check the disk, and try again."
        )
    answer = _ask_server(work, ["doctor", "--json"], "set-up-check-failed")
    if problems := answer.get("problems"):
        raise Problem("set-up-check-failed", " ".join(map(str, problems))[:300], "Press Repair, or read the log.")


def try_it(work: Work) -> dict[str, dict[str, float]]:
    """Stage 5: real short jobs. Returns kind -> preset -> seconds, as measured.

    Raises:
        Problem: "set-up-test-failed".
    """
    began = time.monotonic()
    made = work.root / SCRATCH / "test run"
    device = DEVICES[work.lock.accelerator]
    line = ""

    def read(said: str) -> None:
        nonlocal line
        # A bar of its own; and the answer, which is no text for people.
        line = "" if said.startswith("{") else said.split("|")[0].strip()
        look()

    def look() -> None:
        # A minute is long for it.
        work.say(5, 0.95 * (1 - 0.5 ** ((time.monotonic() - began) / 15)), line or "Making a sketch")

    look()
    arguments = ["bench", "presets", "--json", "--device", device, "--out", str(made)]
    times = _ask_server(work, arguments, "set-up-test-failed", read, look).get("times")
    results = [path for path in made.rglob("*") if path.is_file() and path.stat().st_size]
    if not isinstance(times, dict) or not results:
        raise Problem("set-up-test-failed", "The test run made nothing.", "Read the log, or press Repair.")
    return times


def _verify(work: Work) -> dict[str, str]:
    count = max(len(work.lock.packages), 1)
    return damaged_packages(
        work.packages, work.lock, lambda number, name: work.say(4, 0.8 * number / count, name), work.stop
    )


def _requirements(work: Work, only: str = "") -> Path:
    """A copy of the lock: the lines that begin with `only`, and where files come from unless a folder has them."""
    lines = work.lock.path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.startswith(only) and not (work.offline and line.startswith("--"))]
    copy = work.root / SCRATCH / "requirements.txt"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text("\n".join(kept), encoding="utf-8")
    return copy


def _pip(work: Work, requirements: Path, bar: str, on_line: Callable[[str], None], on_tick: Callable[[], None]) -> None:
    arguments = ["pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile"]
    arguments += ["--no-warn-script-location", "--cache-dir", str(work.root / CACHE), "--progress-bar", bar]
    arguments += ["--retries", "3", "-r", str(requirements)]
    if work.offline is not None:
        arguments += ["--no-index", "--find-links", str(work.offline)]
    code, said = work.run(work.python, arguments, on_line, on_tick)
    if code != 0:
        problem = pip_problem(code, said, work.offline is not None)
        if problem.code == "package-damaged":
            # The next try must not find it there.
            shutil.rmtree(work.root / CACHE, ignore_errors=True)
        raise problem


def _pip_works(work: Work) -> bool:
    return bool(_pip_version(work))


def _pip_version(work: Work) -> tuple[int, ...]:
    """Empty when it does not run, or runs in another Python than ours."""
    if not work.python.exists():
        return ()
    try:
        code, said = work.run(work.python, ["pip", "--version"])
    except OSError:
        return ()
    found = re.match(r"pip (\d+)\.(\d+).*\(python (\d+)\.(\d+)\)", said[-1]) if code == 0 and said else None
    if found is None or (int(found[3]), int(found[4])) != sys.version_info[:2]:
        return ()
    return int(found[1]), int(found[2])


def _ask_server(
    work: Work,
    arguments: list[str],
    code: str,
    on_line: Callable[[str], None] = lambda line: None,
    on_tick: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The answer of one of the server's commands; a failure becomes a Problem of that `code`, in the server's words."""
    exit_code, said = work.run(work.python, ["server", *arguments], on_line, on_tick)
    answer: dict[str, Any] = {}
    for line in said:
        if line.startswith("{"):
            try:
                answer = json.loads(line)
            except ValueError:
                continue
    if exit_code == 0 and "error" not in answer:
        return answer
    problem = read_problem(answer.get("error") or {})
    last = " ".join((said[-1] if said else f"exit code {exit_code}").split())[:300]
    raise Problem(code, problem.message or last, problem.hint or "Press Repair, or read the log.")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
