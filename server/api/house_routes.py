"""The routes about the server itself, under /v1."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from server import __version__
from server.api import API_VERSION
from server.api.answers import Answer
from server.api.limits import MOST_LINES
from server.api.log import last_lines
from server.api.models import About, Capabilities, Devices, LeasesAnswer, LogLines, refusals
from server.api.numbers import Digits, Flag
from server.api.office import Office
from server.jobs.costs import MOST_JOBS, preset_costs, seconds_per_call
from server.presets import SIZES, preset_of
from server.recipe import Recipe

ABOUT = {"name": "blender-msd", "version": __version__, "api": API_VERSION}


ProcessId = Annotated[Digits, Path(ge=1, le=2**31 - 1)]


def add_house_routes(everybody: APIRouter, routes: APIRouter, office: Office) -> None:
    """To `everybody` what is answered without the token, to `routes` the rest."""
    store, queue = office.store, office.queue

    # Neither of these two waits for a disk, nor for a thread while others do.
    @everybody.get("/health", response_model=About, responses=refusals())
    async def health() -> Answer:
        return Answer(ABOUT)

    @routes.get("/hello", response_model=About, responses=refusals())
    async def hello() -> Answer:
        """The same for who shows the token: its answer says that the token is right."""
        return Answer(ABOUT)

    @routes.get("/capabilities", response_model=Capabilities, responses=refusals())
    def capabilities(refresh: Flag = False) -> Answer:
        """What this server can do, as far as it knows by now.

        With `refresh` it looks for models again; what it finds is in later answers.
        """
        seen = office.priors.seen(refresh)
        paces = seconds_per_call(store.page(MOST_JOBS)[0])
        said = {
            "devices": queue.devices(),
            "priors": [
                {
                    **prior.as_json(),
                    "costs": {} if prior.card is None else preset_costs(prior.card),
                    "seconds_per_call": paces.get(prior.name, {}),
                }
                for prior in seen.priors
            ],
            "priors_taken": seen.taken,
            "priors_refreshing": seen.refreshing,
            "prior_folders": True,
            "allowed_folders": [str(folder) for folder in office.allowed.folders],
            "hub": office.allowed.hub,
            "presets": {
                kind: {preset: preset_of("embedded", kind, preset) for preset in presets}
                for kind, presets in SIZES.items()
            },
            "recipe": Recipe.model_json_schema(),
        }
        return Answer(ABOUT | said)

    @routes.post("/free-memory", response_model=Devices, responses=refusals())
    def free_memory() -> Answer:
        """Give the memory of every model back that no job uses; the next job loads its own again."""
        queue.free_memory()
        return Answer({"devices": queue.devices()})

    @routes.get("/log", response_model=LogLines, responses=refusals())
    def log(
        limit: Annotated[Digits, Query(ge=1, le=MOST_LINES)] = 200,
        skip: Annotated[Digits, Query(ge=0, le=10**6, description="of the newest lines")] = 0,
    ) -> Answer:
        """The newest lines of the server's log. No prompt and no token is in it."""
        lines, are_more = last_lines(office.data_dir, limit, skip)
        return Answer({"lines": lines, "next": str(skip + limit) if are_more else None})

    def leases() -> Answer:
        held = [{"pid": pid, "since": since} for pid, since in office.leases.held().items()]
        return Answer({"leases": held})

    @routes.get("/leases", response_model=LeasesAnswer, responses=refusals())
    def list_leases() -> Answer:
        """The programs that use this server."""
        return leases()

    @routes.put("/leases/{pid}", response_model=LeasesAnswer, responses=refusals(404))
    def take_lease(pid: ProcessId) -> Answer:
        """Keep the server for a program on this computer, until the lease is given back or the process ends."""
        office.leases.take(pid)
        return leases()

    @routes.delete("/leases/{pid}", response_model=LeasesAnswer, responses=refusals())
    def give_lease_back(pid: ProcessId) -> Answer:
        """What is left then; a lease that is not there is given back already."""
        office.leases.give_back(pid)
        return leases()
