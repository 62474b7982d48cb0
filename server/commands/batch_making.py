"""One row of a batch, made in this process: whole or not at all, from where an earlier process left it."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.commands.batch_report import MAKING, Told, forget, tell
from server.errors import BadRequest, Problem, disk_problem

if TYPE_CHECKING:
    from server.commands.batch_rows import Row
    from server.commands.batch_table import Table
    from server.jobs.worker import PriorShelf


def so_far(out: Path, row: Row, before: Mapping[str, Mapping[str, Any]]) -> Told:
    """What is known of a row before anything is made; `before` is of server.commands.batch_report.read_told."""
    from server.jobs.artifacts import finished_report

    report = finished_report(out / row.name)
    earlier = before.get(row.name, {})
    if report is not None:
        return _done(row, report, earlier.get("warnings", row.warnings))
    return failed(row, earlier["error"]) if earlier.get("state") == "failed" else _told(row, "waiting")


def failed(row: Row, error: dict[str, str]) -> Told:
    """`error` is of `Problem.as_json`."""
    return _told(row, "failed", error=error)


def make_row(row: Row, out: Path, priors: PriorShelf, table: Table) -> Told:
    """Make a row, and keep what is told of it for whoever writes the report. Raises OSError: that cannot be kept."""
    told = _make(row, out, priors, table)
    if (told.error or {}).get("code") != "batch-running":
        tell(out, told)
    return told


def _make(row: Row, out: Path, priors: PriorShelf, table: Table) -> Told:
    try:
        with held(out / MAKING / row.name):
            forget(out, row.name)
            report = _produce(row, out, priors, table)
        return _done(row, report, [*row.warnings, *table.warnings])
    except Problem as problem:
        return failed(row, problem.as_json())
    except OSError as error:
        return failed(row, disk_problem(error).as_json())
    except Exception as error:
        from server.studio.health import is_out_of_memory, out_of_memory

        if is_out_of_memory(error):
            return failed(row, out_of_memory(error).as_json())
        traceback.print_exc()
        said = traceback.format_exception_only(error)[-1].strip()
        unforeseen = Problem("internal", f"The job failed: {said}", "What was printed has the details.")
        return failed(row, unforeseen.as_json())


def _produce(row: Row, out: Path, priors: PriorShelf, table: Table) -> dict[str, Any]:
    from server.meshing.given import given_bytes
    from server.meshing.reading import read_mesh_file
    from server.meshing.shelf import MESHES
    from server.studio.production import produce

    # A folder of its own: what a hundred rows keep of runs under way at once would be too many in one.
    making = out / MAKING / row.name
    folder, meshes = making / "result", making / "meshes"
    shutil.rmtree(folder, ignore_errors=True)
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


def _told(row: Row, state: Any, **more: Any) -> Told:
    recipe = row.recipe
    return Told(row.number, state, recipe.kind, recipe.prompt, recipe.seed, row.name, **more)


def _done(row: Row, report: dict[str, Any], warnings: Sequence[str]) -> Told:
    faces = report.get("faces")
    return _told(row, "done", seconds=report["seconds"], faces=faces, warnings=list(warnings))


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; two in one would make everything twice, and one take the other's files away.

    Raises:
        BadRequest: "batch-running".
        OSError: it cannot be made.
    """
    from server.api.handshake import lock_byte

    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            lock_byte(file)
        except OSError:
            hint = "Wait for it, or give another --out."
            raise BadRequest("batch-running", f"Another process makes this in {folder.parent}.", hint) from None
        yield
    finally:
        os.close(file)
