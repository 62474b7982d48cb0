"""`python -m tests.gui.chaos [SEED ...]`: click-throughs in a real window that nobody would plan, and how they ended.

Each is a handful of deeds and mishaps that its seed decides: see inside/deeds.py; and inside/aftermath.py for what has
to hold behind each. Those of a sitting share a Blender, its user's folder and its server, until one fails. Without a
seed there are as many as `--count` says.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.gui import processes
from tests.gui.engine import own_server
from tests.gui.root import enter_root
from tests.gui.window import INSIDE, OUT, Window, install

# Click-throughs that share a Blender.
A_SITTING = 10
# Seconds that a Blender may take; one that hangs ends itself much sooner.
LIMIT = 3600.0
# Of the deed that kills it.
KILLED = -signal.SIGKILL
# Seconds in which all that a Blender has started ends behind it.
GONE = 60.0


class Sitting:
    """Some click-throughs, one after the other, from new.

    Args:
        folder: of its own, which is made.
        known: what Blender has to know of the server.
    """

    def __init__(self, window: Window, folder: Path, seeds: list[int], known: dict[str, str]) -> None:
        self._window = window
        self._folder = folder
        self._seeds = seeds
        self._known = known
        self._user = install(folder)
        self._go_to(0, 0)

    def play(self) -> int | None:
        """Until its end; the number of the click-through that failed, from 0, or None."""
        while self._position[0] < len(self._seeds):
            status = self._window.run_blender(
                f"chaos-{self._folder.name}",
                INSIDE / "play_chaos.py",
                str(self._folder),
                str(OUT),
                *map(str, self._seeds),
                user=self._user,
                limit=LIMIT,
                appends=True,
                **self._known,
            )
            if status not in (0, KILLED):
                print(f"Blender ended with {status}.")
                return self._position[0]
        left = self._wait_until_all_are_gone()
        if left:
            print(f"Left behind: {left}")
            return len(self._seeds) - 1
        return None

    def noted(self, name: str) -> list[dict[str, Any]]:
        file = self._folder / f"{name}.jsonl"
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []

    def clean_up(self) -> None:
        """End what is still there."""
        for pid in processes.of_user(self._user):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @property
    def _position(self) -> list[int]:
        found: list[int] = json.loads((self._folder / "position.json").read_text("utf-8"))
        return found

    def _go_to(self, turn: int, deed: int) -> None:
        (self._folder / "position.json").write_text(json.dumps([turn, deed]), "utf-8")

    def _wait_until_all_are_gone(self) -> list[str]:
        ends = time.monotonic() + GONE
        while (left := processes.of_user(self._user)) and time.monotonic() < ends:
            time.sleep(0.5)
        return [processes.described(pid) for pid in left]


def play_all(window: Window, folder: Path, seeds: list[int], known: dict[str, str]) -> list[Sitting]:
    """Play all of them and print which failed."""
    sittings = []
    while seeds:
        now, seeds = seeds[:A_SITTING], seeds[A_SITTING:]
        sitting = Sitting(window, folder / str(now[0]), now, known)
        sittings.append(sitting)
        began = time.monotonic()
        failed = sitting.play()
        sitting.clean_up()
        if failed is None:
            print(f"survived {now} ({time.monotonic() - began:.0f} s)", flush=True)
            continue
        log = (OUT / f"chaos-{now[0]}.log").read_text("utf-8", "replace")
        before = f", behind {now[:failed]} in the same sitting" if failed else ""
        print(f"FAILED   {now[failed]}{before}; alone: python -m tests.gui.chaos {now[failed]}")
        print(log[log.rfind(f"click-through {now[failed]}:") :], flush=True)
        seeds = now[failed + 1 :] + seeds
    return sittings


def print_table(sittings: list[Sitting], wanted: int) -> bool:
    """What was done, and how it went. Whether every click-through was survived."""
    deeds = [deed for sitting in sittings for deed in sitting.noted("deeds")]
    survived = [each for sitting in sittings for each in sitting.noted("survived")]
    print(f"\n{'deed':28}{'done':>6}{'no occasion':>13}{'seconds':>9}")
    for name in sorted({deed["deed"] for deed in deeds}):
        done = [deed["seconds"] for deed in deeds if deed["deed"] == name and deed["done"]]
        missed = sum(deed["deed"] == name and not deed["done"] for deed in deeds)
        median = f"{statistics.median(done):.1f}" if done else ""
        print(f"{name.replace('_', ' '):28}{len(done):6}{missed:13}{median:>9}")
    jobs: Counter[str] = Counter()
    for each in survived:
        jobs.update(each["jobs"])
    late = max((each["latest"] for each in survived), default=0.0)
    print(f"Jobs when all had come to rest: {', '.join(f'{count} {end}' for end, count in jobs.most_common())}.")
    longest = max((each["turn_ms"] for each in survived), default=0.0)
    print(f"Blender's main thread was {late:.1f} s late at most; the extension's longest turn took {longest:.0f} ms.")
    print(f"{len(survived)} of {wanted} click-throughs: no crash, no stuck job, no process left behind.")
    return len(survived) == wanted


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gui.chaos", description=__doc__)
    parser.add_argument("seeds", type=int, nargs="*", metavar="SEED")
    parser.add_argument("--count", type=int, default=100)
    wished = parser.parse_args(arguments)
    seeds = wished.seeds or list(range(1, wished.count + 1))
    root = enter_root("tests.gui.chaos", arguments)
    OUT.mkdir(parents=True, exist_ok=True)
    beside, known = own_server(root)
    if not known:
        print("The server cannot be started in the window: this Python does not run in the window's Debian.")
        return 0
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with Window(root, folder, OUT, beside) as window:
            sittings = play_all(window, folder, seeds, known)
            return 0 if print_table(sittings, len(seeds)) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
