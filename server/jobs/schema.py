"""The SQLite file that holds the jobs: its tables, its older versions, and whether it is whole."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from server.jobs.faults import store_problem
from server.jobs.job import COLUMNS, job_from_row

_VERSION = 6
_SCHEMA = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    recipe TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    report TEXT,
    error TEXT,
    progress TEXT,
    warnings TEXT NOT NULL DEFAULT '[]',
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    last_event INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    deaths TEXT NOT NULL DEFAULT '[]',
    finish INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,
    pausing INTEGER NOT NULL DEFAULT 0,
    starred INTEGER NOT NULL DEFAULT 0,
    removed TEXT NOT NULL DEFAULT '[]',
    task TEXT NOT NULL DEFAULT 'make',
    parent TEXT,
    digest TEXT NOT NULL DEFAULT '',
    anew INTEGER NOT NULL DEFAULT 0,
    made_on TEXT NOT NULL DEFAULT '',
    reused TEXT,
    needs TEXT NOT NULL DEFAULT '{}',
    waits TEXT NOT NULL DEFAULT ''
);
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_by_digest ON jobs (digest);
CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (job, id)
) WITHOUT ROWID;
"""
# What turns a record of an older version into one of the next.
_UPGRADES = {
    1: "ALTER TABLE jobs ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';",
    2: """ALTER TABLE jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN deaths TEXT NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN finish INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;""",
    3: """ALTER TABLE jobs ADD COLUMN pausing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN starred INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN removed TEXT NOT NULL DEFAULT '[]';""",
    4: """ALTER TABLE jobs ADD COLUMN task TEXT NOT NULL DEFAULT 'make';
ALTER TABLE jobs ADD COLUMN parent TEXT;""",
    5: """ALTER TABLE jobs ADD COLUMN digest TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN anew INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN made_on TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN reused TEXT;
ALTER TABLE jobs ADD COLUMN needs TEXT NOT NULL DEFAULT '{}';
ALTER TABLE jobs ADD COLUMN waits TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_by_digest ON jobs (digest);""",
}


def open_record(path: Path) -> sqlite3.Connection:
    """The list of jobs, created when missing and brought to this version; every page and entry of it was read once.

    Raises:
        StoreFault: as server.jobs.faults.store_problem.
    """
    connection = None
    try:
        # The person's alone, whatever the umask says: prompts are in it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # SQLite's own lower() knows no letters beyond ASCII.
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _bring_up_to_date(connection)
        _check(connection)
        return connection
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise store_problem(error, path) from None


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version in _UPGRADES:
        steps = "".join(_UPGRADES[step] for step in range(version, _VERSION))
        connection.executescript(f"BEGIN; {steps} PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version != _VERSION:
        raise sqlite3.DatabaseError(f"it has version {version}, this server reads version {_VERSION}")


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(str(found).split()))
    for row in connection.execute(f"SELECT {COLUMNS} FROM jobs"):
        job_from_row(row)
    for (job_id,) in connection.execute("SELECT job FROM events WHERE NOT json_valid(data) LIMIT 1"):
        raise sqlite3.DatabaseError(f"an event of job {job_id!r} is damaged")
