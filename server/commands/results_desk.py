"""Two ways to the results of a data folder: its server, or the folder itself while nobody else uses it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote, urlencode

from server.api.handshake import DataFolderLock
from server.commands.running_server import RunningServer
from server.errors import BadRequest, Problem
from server.jobs.artifacts import job_folder, remove_files
from server.jobs.refusals import Conflict
from server.jobs.results import Wanted, result_of
from server.jobs.store import Store
from server.recipe import Kind


class Desk(Protocol):
    """Where results are asked for. Raises Problem: what the server says, or would say."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def page(
        self, search: str, kind: Kind | None, starred: bool, limit: int, cursor: str | None = None
    ) -> dict[str, Any]:
        """As `GET /v1/results` answers."""

    def result(self, job_id: str) -> dict[str, Any]:
        """One of those; refuses a job that is not done."""

    def star(self, job_id: str, starred: bool) -> None: ...

    def delete(self, job_id: str) -> None: ...


def open_desk(data_dir: Path, certificate: Path | None = None) -> Desk:
    """The folder itself unless a server has it.

    Raises:
        BadRequest: "data-folder-unusable" when there is no list of jobs in it; and as `RunningServer`.
    """
    if not (data_dir / "jobs.sqlite").is_file():
        hint = "Give the folder that the server was started with."
        raise BadRequest("data-folder-unusable", f"There is no list of jobs in {data_dir}.", hint)
    try:
        return OwnDesk(data_dir)
    except Problem as problem:
        if problem.code != "server-already-running":
            raise
        return ServerDesk(RunningServer(data_dir, certificate))


def _done(job: dict[str, Any]) -> dict[str, Any]:
    if job["state"] != "done":
        raise Conflict("wrong-state", f"Job {job['id']} is {job['state']}, and no result yet.", "It must be done.")
    return result_of(job)


class ServerDesk:
    """Over HTTP."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def page(
        self, search: str, kind: Kind | None, starred: bool, limit: int, cursor: str | None = None
    ) -> dict[str, Any]:
        asked = {"search": search, "starred": "true" if starred else "false", "limit": limit}
        asked |= {name: value for name, value in (("kind", kind), ("cursor", cursor)) if value is not None}
        return self._server.get(f"results?{urlencode(asked)}")

    def result(self, job_id: str) -> dict[str, Any]:
        return _done(self._server.get(_path(job_id)))

    def star(self, job_id: str, starred: bool) -> None:
        (self._server.put if starred else self._server.delete)(f"{_path(job_id)}/star")

    def delete(self, job_id: str) -> None:
        self._server.delete(_path(job_id))


def _path(job_id: str) -> str:
    return f"jobs/{quote(job_id, safe='')}"


class OwnDesk:
    """The list of jobs and their folders, held so that no server begins meanwhile.

    Raises:
        Problem: "server-already-running"; "store-broken" and its like.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        with ExitStack() as stack:
            stack.enter_context(DataFolderLock(data_dir))
            self._store = Store(data_dir / "jobs.sqlite", lambda job_id: None)
            stack.callback(self._store.close)
            self._held = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def page(
        self, search: str, kind: Kind | None, starred: bool, limit: int, cursor: str | None = None
    ) -> dict[str, Any]:
        before = None if cursor is None else int(cursor)
        jobs, further, total = self._store.results(Wanted(search, kind, starred), limit, before)
        following = None if further is None else str(further)
        return {"results": [result_of(job.as_json()) for job in jobs], "next": following, "total": total}

    def result(self, job_id: str) -> dict[str, Any]:
        return _done(self._store.get(job_id).as_json())

    def star(self, job_id: str, starred: bool) -> None:
        self._store.star(job_id, starred)

    def delete(self, job_id: str) -> None:
        self._store.check_over(job_id)
        remove_files(job_folder(self._data_dir, job_id))
        self._store.delete(job_id)
