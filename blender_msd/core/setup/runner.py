"""The set-up's own process: `python -m blender_msd.core.setup.runner TASK ...`, with the Python to build upon.

It prints one JSON object a line: {"event": "progress", ...} as `Progress`, and at the end {"event": "done"},
{"event": "verified", "damaged": {...}}, {"event": "paused"}, {"event": "cancelled"} or {"event": "failed", ...}.
A line "pause" or "cancel" on its standard input stops it; so does the end of that input, when Blender closes or dies.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..errors import Problem, reason
from .alone import alone
from .locks import read_lock
from .process import Stopped
from .stages import Work, check_model, check_packages, check_space, install_engine, make_environment, try_it
from .survey import (
    CACHE,
    LOCK_FILE,
    SCRATCH,
    STAMP,
    Progress,
    Stamp,
    folder_name,
    read_environment,
    write_half,
    write_stamp,
)
from .verify import damaged_packages, forget

# Between two notes on the disk of how far it is.
NOTED_EVERY = 1.0
SAID_EVERY = 0.2


class Runner:
    """Says what it does, keeps a note of it on the disk, and stops when it is told to."""

    def __init__(self, args: argparse.Namespace) -> None:
        lock = read_lock(args.lock)
        self._args = args
        self._stop = threading.Event()
        self._wish = "pause"
        self._said = self._noted = 0.0
        self._progress = Progress()
        folder = args.root / folder_name(args.version, lock)
        self._work = Work(args.home, args.root, folder, lock, args.offline, self._stop, self._tell)

    def run(self) -> int:
        """Do the task; returns the exit code."""
        threading.Thread(target=self._listen, daemon=True).start()
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        signal.signal(signal.SIGINT, lambda *_: self._stop.set())
        try:
            with alone(self._args.root / LOCK_FILE):
                return self._work_alone()
        except Problem as problem:
            return self._fail(problem)
        except OSError as error:
            return self._fail(_of_the_disk(error))

    def _work_alone(self) -> int:
        work = self._work
        try:
            if self._args.task == "verify":
                damaged = damaged_packages(
                    work.packages, work.lock, lambda number, name: work.say(4, number / 100, name), self._stop
                )
                _print(event="verified", damaged=damaged)
                return 0
            self._set_up()
        except Stopped:
            return self._stopped()
        except (Problem, OSError) as error:
            problem = error if isinstance(error, Problem) else _of_the_disk(error)
            self._note(replace(self._progress, failed=problem.parts))
            raise problem from None
        finally:
            shutil.rmtree(work.root / SCRATCH, ignore_errors=True)
        _print(event="done", folder=str(work.folder))
        return 0

    def _set_up(self) -> None:
        work = self._work
        check_space(work)
        work.folder.mkdir(parents=True, exist_ok=True)
        before = read_environment(work.folder).half
        self._progress = replace(before or self._progress, failed=None)
        # From here on it is not to be used, until it has passed its test.
        (work.folder / STAMP).unlink(missing_ok=True)
        self._note(self._progress)
        make_environment(work)
        if self._args.task == "repair":
            work.say(1, 1.0, "Looking for what is damaged")
            forget(work.packages, set(damaged_packages(work.packages, work.lock, stop=self._stop)))
        install_engine(work)
        check_model(work)
        check_packages(work)
        times = try_it(work)
        python = f"Python {sys.version.split()[0]}: {sys.executable}"
        stamp = Stamp(self._args.version, work.lock.name, work.lock.digest, python, time.time(), times)
        shutil.rmtree(work.root / CACHE, ignore_errors=True)
        write_stamp(work.folder, stamp)

    def _stopped(self) -> int:
        if self._wish == "cancel":
            for folder in (self._work.folder, self._work.root / CACHE):
                shutil.rmtree(folder, ignore_errors=True)
            _print(event="cancelled")
        else:
            self._note(replace(self._progress, speed=0.0, seconds_left=None, line="Paused"))
            _print(event="paused")
        return 0

    def _fail(self, problem: Problem) -> int:
        _print(event="failed", code=problem.code, message=problem.message, hint=problem.hint)
        return 1

    def _tell(self, progress: Progress) -> None:
        now = time.monotonic()
        new_stage = progress.stage != self._progress.stage
        # A stage that is done again, or one that finds its work done, takes nothing back.
        self._progress = replace(progress, fraction=max(progress.fraction, self._progress.fraction))
        if new_stage or now - self._said >= SAID_EVERY:
            self._said = now
            _print(event="progress", **asdict(self._progress))
        if self._args.task != "verify" and (new_stage or now - self._noted >= NOTED_EVERY):
            self._noted = now
            self._note(self._progress)

    def _note(self, progress: Progress) -> None:
        if not self._work.folder.is_dir():
            return
        # A full disk must not hide what is wrong, which is said anyway.
        try:
            write_half(self._work.folder, progress)
        except OSError as error:
            print(f"no note of the progress: {error}", file=sys.stderr)

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() in ("pause", "cancel"):
                self._wish = line.strip()
                break
        self._stop.set()


def _of_the_disk(error: OSError) -> Problem:
    import errno

    if error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return Problem("disk-full", "The disk is full.", "Make room and press Continue; what is done is kept.")
    named = f"{os.fsdecode(error.filename)} cannot be used" if error.filename else "A file cannot be used"
    hint = "Choose another folder, or make it writable."
    return Problem("set-up-folder-unusable", f"{named} ({reason(error)}).", hint)


def _print(**said: Any) -> None:
    try:
        print(json.dumps(said), flush=True)
    except OSError:
        # Nobody listens any more; the end of the input has stopped the work, or will.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("set-up", "repair", "verify"))
    parser.add_argument("--home", type=Path, required=True, help="the folder that holds the package `server`")
    parser.add_argument("--root", type=Path, required=True, help="the folder of environments")
    parser.add_argument("--version", required=True, help="of the extension")
    parser.add_argument("--lock", type=Path, required=True, help="the set of packages")
    parser.add_argument("--offline", type=Path, help="a folder with its wheels, instead of the internet")
    args = parser.parse_args(arguments)
    try:
        return Runner(args).run()
    except Problem as problem:
        _print(event="failed", code=problem.code, message=problem.message, hint=problem.hint)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
