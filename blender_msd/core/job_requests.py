"""What can be asked of the server about jobs that it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal
from urllib.parse import quote

# "finish" stops optimising and makes the result from what exists.
Order = Literal["cancel", "finish", "pause", "resume", "retry", "first"]
# Jobs in one answer; with their recipes and reports they are some hundred kilobytes. Of results less is said.
_JOBS, _RESULTS = 100, 500
# Seconds: before it takes jobs the server looks at their model, which may lie on a slow disk.
SUBMISSION = 120.0


class JobRequests:
    """The part of a client that is about jobs. Every method raises Problem as `Client` does."""

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        raise NotImplementedError

    def job(self, job_id: str) -> dict[str, Any]:
        return self._ask("GET", f"/v1/jobs/{quote(job_id)}")

    def jobs(self, over: bool) -> Iterator[dict[str, Any]]:
        """Every job that is over, or every one that is not, newest first; page by page, as they are taken."""
        return self._pages(f"/v1/jobs?over={str(over).lower()}&limit={_JOBS}", "jobs")

    def results(self) -> Iterator[dict[str, Any]]:
        """Everything that was made, in few words, newest first."""
        return self._pages(f"/v1/results?limit={_RESULTS}", "results")

    def _pages(self, path: str, what: str) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            answer = self._ask("GET", path + cursor)
            yield from answer[what]
            if not answer.get("next"):
                return
            cursor = f"&cursor={quote(str(answer['next']))}"

    def order(self, job_id: str, order: Order) -> None:
        """Tell the server what is to become of a job. Raises Problem ("wrong-state")."""
        self._ask("POST", f"/v1/jobs/{quote(job_id)}/{order}")

    def cancel(self, job_id: str) -> None:
        self.order(job_id, "cancel")

    def look(self, recipe: dict[str, Any], seeds: Sequence[int], key: str) -> list[dict[str, Any]]:
        """Queue a quick look at each seed, all or none: the jobs, in this order; the same `key` never makes more.

        Raises:
            Problem: the server's own ("recipe-invalid", "queue-full", ...).
        """
        asked = {"recipe": recipe, "seeds": [*seeds], "look": True}
        answer = self._ask("POST", "/v1/batches", asked, {"Idempotency-Key": key}, SUBMISSION)
        return [dict(job) for job in answer["jobs"]]

    def descend(self, job_id: str, how: Literal["continue", "remesh"], wishes: dict[str, Any]) -> dict[str, Any]:
        """Queue a job that goes on from what one that is done has kept: the new job. Raises Problem."""
        return self._ask("POST", f"/v1/jobs/{quote(job_id)}/{how}", wishes)

    def star(self, job_id: str, starred: bool) -> None:
        self._ask("PUT" if starred else "DELETE", f"/v1/jobs/{quote(job_id)}/star")

    def delete(self, job_id: str) -> None:
        """Forget a job that is over, and remove its files. Raises Problem."""
        self._ask("DELETE", f"/v1/jobs/{quote(job_id)}")
