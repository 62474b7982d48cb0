"""`python -m server batch FILE`: make every row of a table, one after the other, in this process."""

from __future__ import annotations

import argparse
import os
import shutil
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.commands.batch_report import PAGE, Told, read_told, write_report
from server.commands.batch_table import Table
from server.commands.shared import add_device, add_json, add_low_vram, check_folder
from server.errors import BadRequest, JobFailed, Problem, disk_problem
from server.paths import path_argument

if TYPE_CHECKING:
    from server.commands.batch_rows import Row
    from server.jobs.worker import PriorShelf

# Of what is under way; hidden, so that a folder of results holds nothing else.
MAKING = ".making"
GOES_ON = "The same command goes on from about here."


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
    add_device(parser)
    add_low_vram(parser)
    add_json(parser)


def _batch(args: argparse.Namespace) -> dict[str, Any]:
    from server.commands.batch_rows import read_rows

    rows = read_rows(args.file)
    out = args.file.with_suffix("") if args.out is None else args.out
    check_folder(out)
    with _held(out):
        told = {row.name: _so_far(out, row, before) for before in [read_told(out)] for row in rows}
        state = "failed" if args.failed else "waiting"
        asked = [row for row in rows if told[row.name].state == state]
        try:
            _make_all(asked, rows, told, out, args)
        finally:
            write_report(out, args.file.name, [told[row.name] for row in rows])
    shutil.rmtree(out / MAKING, ignore_errors=True)
    counts = {state: sum(one.state == state for one in told.values()) for state in ("done", "failed", "waiting")}
    page = out / PAGE
    if counts["failed"]:
        raise JobFailed(
            "rows-failed",
            f"{counts['failed']} of {len(rows)} rows failed; {counts['done']} are done. {page} says why.",
            "--failed tries them again.",
        )
    return {**counts, "out": str(out), "report": str(page)}


def _make_all(asked: Sequence[Row], rows: Sequence[Row], told: dict[str, Told], out: Path, args: Any) -> None:
    from server.jobs.worker import PriorShelf
    from server.studio.threads import use_half_of_the_cores

    use_half_of_the_cores()
    priors = PriorShelf(args.device, args.low_vram)
    with Table(rows, told) as table:
        for row in asked:
            table.begin(row)
            told[row.name] = _make(row, out, priors, table)
            table.end(row)
            write_report(out, args.file.name, [told[one.name] for one in rows])
            if (told[row.name].error or {}).get("code") == "disk-full":
                # Every other row would fail for the same reason.
                break


def _so_far(out: Path, row: Row, before: dict[str, dict[str, Any]]) -> Told:
    """What is known of a row before anything is made."""
    from server.jobs.artifacts import finished_report

    report = finished_report(out / row.name)
    earlier = before.get(row.name, {})
    if report is not None:
        return _done(row, report, earlier.get("warnings", row.warnings))
    error = earlier.get("error")
    return _told(row, "failed", error=error) if earlier.get("state") == "failed" else _told(row, "waiting")


def _told(row: Row, state: Any, **more: Any) -> Told:
    recipe = row.recipe
    return Told(row.number, state, recipe.kind, recipe.prompt, recipe.seed, row.name, **more)


def _done(row: Row, report: dict[str, Any], warnings: Sequence[str]) -> Told:
    faces = report.get("faces")
    return _told(row, "done", seconds=report["seconds"], faces=faces, warnings=list(warnings))


def _make(row: Row, out: Path, priors: PriorShelf, table: Table) -> Told:
    """One row, whole or not at all."""
    try:
        report = _produce(row, out, priors, table)
        return _done(row, report, [*row.warnings, *table.warnings])
    except Problem as problem:
        return _told(row, "failed", error=problem.as_json())
    except OSError as error:
        return _told(row, "failed", error=disk_problem(error).as_json())
    except Exception as error:
        from server.studio.health import is_out_of_memory, out_of_memory

        if is_out_of_memory(error):
            return _told(row, "failed", error=out_of_memory(error).as_json())
        traceback.print_exc()
        said = traceback.format_exception_only(error)[-1].strip()
        unforeseen = Problem("internal", f"The job failed: {said}", "What was printed has the details.")
        return _told(row, "failed", error=unforeseen.as_json())


def _produce(row: Row, out: Path, priors: PriorShelf, table: Table) -> dict[str, Any]:
    from server.meshing.given import given_bytes
    from server.meshing.reading import read_mesh_file
    from server.meshing.shelf import MESHES
    from server.studio.production import produce

    making, folder = out / MAKING, out / MAKING / row.name
    shutil.rmtree(folder, ignore_errors=True)
    meshes = making / "meshes"
    if row.mesh is not None:
        MESHES.put(meshes, given_bytes(read_mesh_file(row.mesh)))
    prior = priors.get(row.recipe.prior, row.recipe.loras)

    def deliver(made: Path) -> None:
        # What is there in its place is not whole.
        shutil.rmtree(out / row.name, ignore_errors=True)
        os.replace(made, out / row.name)

    return produce(
        row.recipe,
        prior,
        folder,
        table.hear,
        lambda: None,
        priors.device,
        making / "unfinished",
        deliver,
        given=meshes,
    )


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """Two batches in one folder would make everything twice, and one take the other's files away."""
    from server.api.handshake import lock_byte

    (out / MAKING).mkdir(exist_ok=True)
    file = os.open(out / MAKING / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            lock_byte(file)
        except OSError:
            hint = "Wait for it, or give another --out."
            raise BadRequest("batch-running", f"Another batch is being made in {out}.", hint) from None
        yield
    finally:
        os.close(file)
