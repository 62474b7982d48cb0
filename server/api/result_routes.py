"""The route for whoever looks for something that was made."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from server.api.answers import Answer
from server.api.limits import MOST_JOBS_A_PAGE
from server.api.models import ResultPage, refusals
from server.api.numbers import Digits, Flag
from server.api.office import Office
from server.jobs.record import MAX_NUMBER
from server.jobs.results import MOST_SEARCH, Wanted, result_of
from server.recipe import Kind


def add_result_routes(routes: APIRouter, office: Office) -> None:
    @routes.get("/results", response_model=ResultPage, responses=refusals())
    def list_results(
        search: Annotated[
            str, Query(max_length=MOST_SEARCH, description="words, each somewhere in the prompt, in any case")
        ] = "",
        kind: Kind | None = None,
        starred: Annotated[Flag, Query(description="only those")] = False,
        limit: Annotated[Digits, Query(ge=1, le=MOST_JOBS_A_PAGE)] = 50,
        cursor: Annotated[Digits | None, Query(ge=1, le=MAX_NUMBER, description="`next` of the page before")] = None,
    ) -> Answer:
        """A page of what was made, newest first, in so few words that a grid of hundreds is quickly there; the pictures
        are files of the jobs, `thumbnail`. `GET /v1/jobs/ID` says the rest."""
        jobs, further, total = office.store.results(Wanted(search, kind, starred), limit, cursor)
        following = None if further is None else str(further)
        return Answer({"results": [result_of(job.as_json()) for job in jobs], "next": following, "total": total})
