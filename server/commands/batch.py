"""`python -m server batch FILE`: make every row of a table, one after the other in this process, or in Slurm."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.accelerators import NAMES, choose_device
from server.arguments import Pair, device_name, whole
from server.commands.batch_making import held, make_row, so_far
from server.commands.batch_report import MAKING, PAGE, Told, read_told, write_report
from server.commands.batch_table import Table
from server.commands.shared import add_json, add_low_vram, check_folder
from server.errors import BadRequest, JobFailed
from server.paths import path_argument

if TYPE_CHECKING:
    from server.commands.batch_rows import Row

GOES_ON = "The same command goes on from about here."
# A report of ten thousand rows takes a second to write.
REPORT_EVERY_S = 10.0
SLURM = ("partition", "gres", "time_limit")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_batch, resumes=GOES_ON, interrupted=f"Interrupted. {GOES_ON}")
    parser.add_argument(
        "file",
        metavar="FILE",
        type=path_argument,
        help=".csv, whose first line names fields of a recipe (prompt, seed, mesh.faces), or .jsonl, a recipe a line",
    )
    parser.add_argument(
        "--out", type=path_argument, metavar="DIR", help="where a folder for each row goes (default: FILE without .csv)"
    )
    parser.add_argument("--failed", action="store_true", help="only the rows that failed the last time")
    parser.add_argument(
        "--part",
        type=_part,
        metavar="K/N",
        help="only the Kth of N equal shares of the rows, beside other processes; without it, all, and the report",
    )
    parser.add_argument("--device", default="cpu", type=device_name, help=f"{NAMES} (default: cpu)")
    add_low_vram(parser)
    add_json(parser)
    slurm = parser.add_argument_group("on a cluster")
    slurm.add_argument("--slurm", action="store_true", help="a task of Slurm for each row, in an array job")
    slurm.add_argument("--partition", metavar="NAME", help="of the cluster (default: its usual one)")
    slurm.add_argument("--gres", metavar="WHAT", help="what each task needs, for example gpu:1")
    slurm.add_argument(
        "--time-limit",
        type=whole(1, 10**5),
        metavar="MINUTES",
        help="after which a task is queued again, to go on from where it was (default 60)",
    )


def _part(text: str) -> tuple[int, int]:
    number: tuple[int, int] = Pair(whole(1, 10**6), "K/N", "/")(text)
    if number[0] > number[1]:
        raise argparse.ArgumentTypeError(f"there is no part {number[0]} of {number[1]}")
    return number


def _batch(args: argparse.Namespace) -> dict[str, Any]:
    from server.commands.batch_rows import read_rows

    _check_places(args)
    rows = read_rows(args.file, args.part or (1, 1))
    out = args.file.with_suffix("") if args.out is None else args.out
    check_folder(out)
    if args.part is not None:
        # Whoever gives out parts gives those again that failed.
        told = _told_so_far(rows, out)
        _make_here(_Work([row for row in rows if told[row.name].state != "done"], rows, told, out), args)
        return _counts(told, out, "What was printed")
    with held(out / MAKING):
        told = _told_so_far(rows, out)
        state = "failed" if args.failed else "waiting"
        asked = [row for row in rows if told[row.name].state == state]
        report = _Report(out, args.file.name, rows, told)
        try:
            make = _make_in_slurm if args.slurm else _make_here
            make(_Work(asked, rows, told, out, report.write_when_due), args)
        finally:
            report.write()
    if not any((one.error or {}).get("code") == "task-ended" for one in told.values()):
        shutil.rmtree(out / MAKING, ignore_errors=True)
    return _counts(told, out, str(out / PAGE))


def _check_places(args: argparse.Namespace) -> None:
    """Raises BadRequest: "usage-wrong" for wishes that do not go together, and as `check_slurm` and `choose_device`."""
    if args.slurm:
        from server.farm.slurm import check_slurm

        if args.part is not None:
            raise BadRequest("usage-wrong", "--slurm makes parts of all rows itself.", "Leave --part out.")
        check_slurm()
        return
    if lost := [name for name in SLURM if getattr(args, name) is not None]:
        option = f"--{lost[0].replace('_', '-')}"
        raise BadRequest("usage-wrong", f"{option} is about tasks of Slurm.", "Give --slurm, too, or leave it out.")
    args.device = choose_device(args.device)


class _Report:
    """The report of a whole batch, written now and then while it is made."""

    def __init__(self, out: Path, title: str, rows: Sequence[Row], told: dict[str, Told]) -> None:
        self._out, self._title, self._rows, self._told = out, title, rows, told
        self._written = time.monotonic()

    def write(self) -> None:
        """Raises OSError."""
        write_report(self._out, self._title, [self._told[row.name] for row in self._rows])
        self._written = time.monotonic()

    def write_when_due(self) -> None:
        """Raises OSError."""
        if time.monotonic() - self._written >= REPORT_EVERY_S:
            self.write()


@dataclass(frozen=True)
class _Work:
    """Rows to be made now.

    Attributes:
        asked: those.
        rows: all of the table.
        told: what is known of each row, by its name; kept up to date.
        out: where their folders go.
        on_row: called after each.
    """

    asked: Sequence[Row]
    rows: Sequence[Row]
    told: dict[str, Told]
    out: Path
    on_row: Callable[[], None] = lambda: None


def _make_here(work: _Work, args: argparse.Namespace) -> None:
    from server.jobs.worker import PriorShelf
    from server.studio.threads import use_half_of_the_cores

    use_half_of_the_cores()
    priors = PriorShelf(args.device, args.low_vram)
    with Table(work.rows, work.told) as table:
        for row in work.asked:
            table.begin(row)
            told = make_row(row, work.out, priors, table)
            work.told[row.name] = told
            table.end(row)
            work.on_row()
            if (told.error or {}).get("code") == "disk-full":
                # Every other row would fail for the same reason.
                break


def _make_in_slurm(work: _Work, args: argparse.Namespace) -> None:
    from server.commands import batch_slurm
    from server.farm.slurm import Wishes

    args.interrupted = f"Interrupted. {batch_slurm.GOES_ON}"
    out = work.out.resolve()
    places = {row.name: place for place, row in enumerate(work.rows, 1)}
    same = ["--out", str(out), "--device", args.device, *(["--low-vram"] if args.low_vram else [])]

    def command_of(row: Row) -> list[str]:
        return ["batch", str(args.file.resolve()), "--part", f"{places[row.name]}/{len(places)}", *same]

    wishes = Wishes(args.partition, args.gres, args.time_limit or 60)
    with Table(work.rows, work.told) as table:

        def on_end(row: Row, became: Told) -> None:
            work.told[row.name] = became
            table.end(row)
            work.on_row()

        batch_slurm.make_in_slurm(work.asked, command_of, out, wishes, table, on_end)


def _told_so_far(rows: Sequence[Row], out: Path) -> dict[str, Told]:
    before = read_told(out)
    return {row.name: so_far(out, row, before) for row in rows}


def _counts(told: dict[str, Told], out: Path, why: str) -> dict[str, Any]:
    """Raises JobFailed: "rows-failed"; `why` is what says so."""
    counts = {state: sum(one.state == state for one in told.values()) for state in ("done", "failed", "waiting")}
    if counts["failed"]:
        raise JobFailed(
            "rows-failed",
            f"{counts['failed']} of {len(told)} rows failed; {counts['done']} are done. {why} says why.",
            "--failed tries them again.",
        )
    return {**counts, "out": str(out), "report": str(out / PAGE)}
