"""A disk that is full, a folder that is gone or may not be written, a list that is damaged or held by another."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from server.errors import Problem
from server.jobs.faults import StoreFault, store_problem
from server.jobs.outbox import Ending
from server.jobs.queue import Queue
from server.jobs.store import Store
from server.recipe import Recipe

MakeRecipe = Callable[..., Recipe]
ROOT = Path(__file__).parents[2]
# Root may write anywhere, so the server has to be somebody else by then.
SERVE = """
import os
from pathlib import Path
from server.api.serving import serve
if os.geteuid() == 0:
    os.setuid(65534)
serve("127.0.0.1", 0, Path({!r}))
"""


@contextmanager
def no_room() -> Iterator[None]:
    """No file may grow, nor be written: a limit of the system, met like the end of a disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def running(store: Store, recipe: MakeRecipe) -> str:
    job_id = store.submit(recipe())[0].id
    store.claim()
    return job_id


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_the_end_of_a_job_on_a_full_disk_is_told_at_once_and_written_when_there_is_room(
    store: Store, running: str, state: str, tmp_path: Path
) -> None:
    job_id = running
    ends = {"report": {"faces": 12}} if state == "done" else {"error": {"code": "x"}} if state == "failed" else {}
    with no_room():
        assert store.end(job_id, state, **ends)  # type: ignore[arg-type]
        told = store.get(job_id)
        events = store.events_after(job_id, 0)
        assert told.state == state
        assert events[-1].is_last
        assert events[-1].id == told.last_event
        assert store.page(1)[0][0].state == state
        assert store.in_states(("running",)) == []
        with pytest.raises(StoreFault):
            store.write_waiting()
    store.write_waiting()
    assert store.get(job_id) == told
    assert store.events_after(job_id, 0) == events
    store.close()
    with closing(Store(tmp_path / "jobs.sqlite", lambda _: None)) as again:
        assert again.get(job_id) == told


def test_a_job_can_be_cancelled_on_a_full_disk_and_never_runs(store: Store, recipe: MakeRecipe, tmp_path: Path) -> None:
    queued = store.submit(recipe())[0].id
    queue = Queue(store, tmp_path, ["cpu"])
    with no_room():
        queue.cancel(queued)
        assert store.get(queued).state == "cancelled"
        with pytest.raises(StoreFault):
            store.claim()
    assert store.claim() is None
    assert store.get(queued).state == "cancelled"


def test_submitting_to_a_full_disk_says_so_and_what_is_safe(store: Store, recipe: MakeRecipe) -> None:
    with no_room(), pytest.raises(StoreFault) as full:
        store.submit(recipe())
    assert full.value.code == "disk-full"
    assert "safe" in full.value.hint
    assert "move" not in full.value.hint.lower()


def test_a_server_that_starts_on_a_full_disk_does_not_advise_to_move_the_list(tmp_path: Path) -> None:
    with no_room(), pytest.raises(StoreFault) as full:
        Store(tmp_path / "jobs.sqlite", lambda _: None)
    assert full.value.code == "disk-full"
    assert "move" not in full.value.hint.lower()


def test_sqlite_that_finds_no_page_more_is_a_full_disk(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "any.sqlite")) as db:
        db.executescript("CREATE TABLE t (x); PRAGMA max_page_count = 3")
        with pytest.raises(sqlite3.Error) as full:
            db.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert store_problem(full.value, tmp_path).code == "disk-full"


def test_a_list_held_by_another_program_is_busy(store: Store, recipe: MakeRecipe, tmp_path: Path) -> None:
    store._db.execute("PRAGMA busy_timeout = 0")
    job_id = store.submit(recipe())[0].id
    store.claim()
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFault) as busy:
            store.submit(recipe(seed=2))
        assert busy.value.code == "store-busy"
        assert store.end(job_id, "done", report={})
        other.execute("ROLLBACK")
    store.write_waiting()
    assert store.get(job_id).state == "done"


@pytest.mark.parametrize("what", ["the folder", "the file", "another in its place"])
def test_a_list_that_is_removed_while_the_server_runs_takes_no_job(
    tmp_path: Path, recipe: MakeRecipe, what: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with closing(Store(folder / "jobs.sqlite", lambda _: None)) as store:
        store.submit(recipe())
        if what == "the folder":
            shutil.rmtree(folder)
        else:
            (folder / "jobs.sqlite").unlink()
        if what == "another in its place":
            (tmp_path / "other").write_bytes(b"")
            (tmp_path / "other").rename(folder / "jobs.sqlite")
        for ask in (lambda: store.submit(recipe(seed=2)), lambda: store.page(1), store.claim):
            with pytest.raises(StoreFault) as refused:
                ask()
            assert refused.value.code == "store-broken"
            assert "removed" in refused.value.message


def kept_list(path: Path, recipe: MakeRecipe) -> None:
    with closing(Store(path, lambda _: None)) as store:
        for seed in range(60):
            job_id = store.submit(recipe(seed=seed))[0].id
            store.append(job_id, "log", {"message": "x" * 300})
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.parametrize("page", range(1, 12))
def test_damage_anywhere_in_the_list_is_named_at_the_start_or_does_no_harm(
    tmp_path: Path, recipe: MakeRecipe, page: int
) -> None:
    path = tmp_path / "jobs.sqlite"
    kept_list(path, recipe)
    data = bytearray(path.read_bytes())
    data[page * 4096 + 3 : page * 4096 + 900] = b"\xa5" * 897
    path.write_bytes(data)
    with pytest.raises(StoreFault) as refused:
        Store(path, lambda _: None)
    assert refused.value.code == "store-broken"
    assert str(path) in refused.value.message
    assert "move the file away" in refused.value.hint


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE jobs SET recipe = 'no recipe'",
        "UPDATE jobs SET report = '{'",
        "UPDATE jobs SET progress = x'ff00'",
        "UPDATE jobs SET warnings = ''",
        "UPDATE events SET data = 'none'",
        "DROP TABLE events",
    ],
)
def test_an_entry_that_cannot_be_read_is_named_at_the_start(tmp_path: Path, recipe: MakeRecipe, damage: str) -> None:
    path = tmp_path / "jobs.sqlite"
    with closing(Store(path, lambda _: None)) as store:
        store.submit(recipe())
    with closing(sqlite3.connect(path)) as db:
        db.execute(damage)
        db.commit()
    with pytest.raises(Problem) as refused:
        Store(path, lambda _: None)
    assert refused.value.code == "store-broken"


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
@pytest.mark.parametrize("with_lock", [False, True])
def test_a_server_in_a_folder_that_it_may_not_write_says_so(with_lock: bool) -> None:
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)
        folder = Path(parent) / "data"
        folder.mkdir()
        if with_lock:
            (folder / "server.lock").touch()
            (folder / "server.lock").chmod(0o666)
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        folder.chmod(0o500)
        done = subprocess.run(
            [sys.executable, "-c", SERVE.format(str(folder))],
            cwd=ROOT,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
    assert done.returncode != 0
    said = done.stderr.strip().splitlines()[-1]
    assert "Problem" in said or "StoreFault" in said
    assert "Permission denied" in said or "unable to open" in said


@pytest.mark.parametrize(
    ("order", "ending", "after"),
    [
        ("retry", Ending("failed", error={"code": "disk-full"}), "queued"),
        ("pause", Ending("queued", note="The worker died."), "paused"),
        ("resume", Ending("paused"), "queued"),
        ("finish", Ending("paused"), "queued"),
    ],
)
def test_an_order_that_comes_as_soon_as_there_is_room_again_is_not_taken_back_by_what_was_to_be_written(
    store: Store, running: str, order: str, ending: Ending, after: str, tmp_path: Path
) -> None:
    queue = Queue(store, tmp_path, [])
    with no_room():
        store.settle(running, ending)
    getattr(queue, order)(running)
    assert store.get(running).state == after
    store.write_waiting()
    assert store.get(running).state == after
