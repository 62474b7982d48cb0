"""Rows of a batch in a Slurm of this computer, some of them queued again in their middle, beside the same rows without
Slurm: `python -m tests.farm.slurm_rows 6` (part of `make farm`) says what it saw."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.commands.batch_report import MAKING
from server.commands.main import main
from tests.farm.slurm_cluster import PATIENCE_S, slurm_here, why_not

HEAD = "kind,prompt,seed,prior,steps,render_size,texture.width,texture.height"
COLOURS = ("red", "blue", "green", "white", "yellow", "black", "brown", "grey")
# How the first rows are queued again: by a person, or because their node is needed, and, as Slurm announces the end of
# their time, by themselves. The first is stopped before: however fast the computer is, it is still in its middle then.
BY_SLURM = (["scancel", "--signal=STOP"], ["scontrol", "requeue"])
BY_ITSELF = (["scancel", "--signal=USR2"],)
# Of a row that is queued again: enough to be kept once before they are over, on a fast computer, too.
MANY = 100


@dataclass(frozen=True)
class Seen:
    """
    Attributes:
        codes: how the batch in Slurm ended, and the one without.
        logs: what the tasks printed whose rows were queued again.
        files: of each result, by its path below the batch: in Slurm, and without.
    """

    codes: tuple[int, int]
    logs: dict[int, str]
    files: tuple[dict[str, bytes], dict[str, bytes]]


def make_both(folder: Path, rows: int, ways: tuple[tuple[list[str], ...], ...] = (BY_SLURM,)) -> Seen:
    """Make so many rows both ways, of which the first are queued again, each in another way; there is a Slurm."""
    table = folder / "prompts.csv"
    steps = [MANY if place < len(ways) else 3 for place in range(rows)]
    lines = [f"texture,{colour} bricks,1,exact,{some},16,32,32" for colour, some in zip(COLOURS, steps, strict=False)]
    table.write_text("\n".join([HEAD, *lines]), encoding="utf-8")
    out = folder / "slurm"
    logs: dict[int, str] = {}
    with _queued_again(out, ways, logs):
        in_slurm = main(["batch", str(table), "--slurm", "--out", str(out)])
    here = main(["batch", str(table), "--out", str(folder / "here")])
    return Seen((in_slurm, here), logs, (_files(out), _files(folder / "here")))


@contextmanager
def _queued_again(out: Path, ways: tuple[tuple[list[str], ...], ...], logs: dict[int, str]) -> Iterator[None]:
    """Queue the tasks of the first rows again once something of them has been kept, and read what they print."""
    over = threading.Event()
    # Each in a thread of its own: until one row is queued again, another may be over.
    threads = [
        threading.Thread(target=_queue_again, args=(out, place, commands, over, logs))
        for place, commands in enumerate(ways)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _queue_again(
    out: Path, place: int, commands: tuple[list[str], ...], over: threading.Event, logs: dict[int, str]
) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not over.is_set() and time.monotonic() < deadline:
        for log in (out / MAKING / "slurm").glob(f"*_{place}_0_log.out"):
            if place in logs:
                logs[place] = log.read_text(encoding="utf-8")
            elif any((out / MAKING).glob(f"{COLOURS[place]}-*/unfinished/*.safetensors")):
                task = log.name.removesuffix("_0_log.out")
                for command in commands:
                    subprocess.run([*command, task], check=True)
                logs[place] = ""
        time.sleep(0.1)


def _files(out: Path) -> dict[str, bytes]:
    """The pictures and recipes; a report tells of the time, too."""
    found = [path for path in sorted(out.glob("*/*")) if path.suffix == ".png" or path.name == "recipe.json"]
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


def run(rows: int) -> int:
    if why := why_not():
        print(f"skipped: {why}")
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    since = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, slurm_here():
        seen = make_both(Path(folder), rows, (BY_SLURM, BY_ITSELF))
    took = time.monotonic() - since
    here = seen.files[1]
    same = sum(seen.files[0].get(name) == data for name, data in here.items())
    print(f"{rows} rows, two queued again: {same} of {len(here)} files the same as without Slurm, {took:.0f} s")
    went_on = [next((line for line in log.splitlines() if "Going on" in line), "") for log in seen.logs.values()]
    print("\n".join(went_on))
    return int(seen.codes != (0, 0) or seen.files[0] != here or len(went_on) != 2 or not all(went_on))


if __name__ == "__main__":
    raise SystemExit(run(int(sys.argv[1])))
