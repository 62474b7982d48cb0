"""A job goes where its model fits, waits and says why where it could, and is refused where it never can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from server.errors import BadRequest
from server.jobs.dispatch import Dispatch
from server.jobs.intake import Terms
from server.jobs.memory import Room, needs_of
from server.jobs.queue import Queue
from server.jobs.store import Store
from server.jobs.supervisor import Supervisor
from server.recipe import Recipe
from tests.priors.tiny_families import write_model

MakeRecipe = Callable[..., Recipe]
GB = 10**9
LARGE = {"cpu": 30 * GB, "card": 10 * GB}


class Cards:
    """Simulated devices, and the queue's way of choosing among jobs for them."""

    def __init__(self, store: Store, data_dir: Path, **rooms: Room) -> None:
        self.rooms = rooms
        self.store = store
        self.dispatch = Dispatch(store, data_dir, lambda: [*self.rooms.values()])

    def submit(self, recipe: Recipe, needs: dict[str, int]) -> str:
        return self.store.submit(recipe, terms=Terms(needs=needs))[0].id

    def take(self, name: str) -> str | None:
        job = self.dispatch.take(self.rooms[name])
        return None if job is None else job.id


def card(name: str, free: int | None, total: int | None, busy: bool = False) -> Room:
    def bytes_of(size: int | None) -> int | None:
        return None if size is None else size * GB

    return Room(name, "cuda", bytes_of(free), bytes_of(total), busy)


def test_a_job_goes_to_the_device_whose_free_memory_fits_it(store: Store, recipe: MakeRecipe, tmp_path: Path) -> None:
    cards = Cards(store, tmp_path, small=card("cuda:0", 8, 8), large=card("cuda:1", 24, 24))
    large, small = cards.submit(recipe(seed=1), LARGE), cards.submit(recipe(seed=2), {})
    assert cards.take("small") == small
    assert store.get(large).waits == ""  # it has a device, which will take it
    assert cards.take("small") is None
    assert cards.take("large") == large
    assert (store.get(large).made_on, store.get(large).state) == ("cuda", "running")


def test_what_a_processor_needs_is_not_what_a_card_needs(store: Store, recipe: MakeRecipe, tmp_path: Path) -> None:
    memory = Room("cpu", "cpu", 16 * GB, 64 * GB)
    cards = Cards(store, tmp_path, processor=memory, card=card("cuda:0", 16, 16))
    job_id = cards.submit(recipe(), LARGE)
    assert cards.take("processor") is None
    assert cards.take("card") == job_id


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (card("cuda:1", 24, 24, busy=True), "It needs about 10.0 GB of cuda:1, which has another job."),
        (
            card("cuda:1", 3, 24),
            "It needs about 10.0 GB of cuda:1, of whose 24.0 GB 3.0 are free: close what else uses it.",
        ),
    ],
)
def test_what_fits_nowhere_now_waits_and_says_why_once(
    store: Store, recipe: MakeRecipe, tmp_path: Path, other: Room, why: str
) -> None:
    cards = Cards(store, tmp_path, small=card("cuda:0", 8, 8), other=other)
    job_id = cards.submit(recipe(), LARGE)
    for _ in range(3):
        assert cards.take("small") is None
    assert (store.get(job_id).state, store.get(job_id).waits) == ("queued", why)
    said = [event.data for event in store.events_after(job_id, 0) if event.name == "log"]
    assert said == [{"level": "warning", "message": why}]
    cards.rooms["other"] = card("cuda:1", 24, 24)
    assert cards.take("other") == job_id
    assert store.get(job_id).waits == ""


def test_jobs_behind_one_that_waits_are_taken(store: Store, recipe: MakeRecipe, tmp_path: Path) -> None:
    cards = Cards(store, tmp_path, one=card("cuda:0", 8, 24))
    cards.submit(recipe(seed=1), LARGE)
    behind = cards.submit(recipe(seed=2), {"cpu": GB, "card": GB})
    assert cards.take("one") == behind


def test_a_device_that_has_room_again_takes_first_what_waited(store: Store, recipe: MakeRecipe, tmp_path: Path) -> None:
    cards = Cards(store, tmp_path, one=card("cuda:0", 8, 24))
    large, small = cards.submit(recipe(seed=1), LARGE), cards.submit(recipe(seed=2), {})
    cards.rooms["one"] = card("cuda:0", 24, 24)
    assert [cards.take("one"), cards.take("one")] == [large, small]


def test_where_memory_cannot_be_told_nothing_waits(store: Store, recipe: MakeRecipe, tmp_path: Path) -> None:
    cards = Cards(store, tmp_path, one=card("cuda:0", None, None))
    job_id = cards.submit(recipe(), LARGE)
    assert cards.take("one") == job_id


def test_no_worker_is_started_for_what_its_device_can_never_do(
    store: Store, recipe: MakeRecipe, tmp_path: Path
) -> None:
    cards = Cards(store, tmp_path, small=card("cuda:0", 8, 8), large=card("cuda:1", 3, 24))
    cards.submit(recipe(), LARGE)
    assert not cards.dispatch.has_work(cards.rooms["small"])
    assert cards.dispatch.has_work(cards.rooms["large"])


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch, store: Store, tmp_path: Path) -> Queue:
    """A queue whose devices have 8 and 12 GB, and whose workers are not started."""
    rooms = {"cuda:0": card("cuda:0", 8, 8), "cuda:1": card("cuda:1", 12, 12)}
    monkeypatch.setattr(Supervisor, "room", property(lambda self: rooms[self.device]))
    return Queue(store, tmp_path, list(rooms))


def test_what_no_device_will_ever_fit_is_refused_with_numbers_and_nothing_is_queued(
    two_cards: Queue, store: Store, recipe: MakeRecipe
) -> None:
    with pytest.raises(BadRequest) as refused:
        two_cards.submit([recipe()], None, [], Terms(needs={"cpu": 60 * GB, "card": 20 * GB}))
    assert refused.value.code == "memory-short"
    assert "20.0 GB on cuda:0, which has 8.0; 20.0 GB on cuda:1, which has 12.0" in refused.value.message
    assert store.page(1)[0] == []
    assert two_cards.submit([recipe()], None, [], Terms(needs=LARGE))[0][0].state == "queued"


def test_what_turns_out_never_to_fit_fails_with_the_same_numbers(
    store: Store, recipe: MakeRecipe, tmp_path: Path
) -> None:
    cards = Cards(store, tmp_path, one=card("cuda:0", None, None))
    job_id = cards.submit(recipe(), LARGE)
    cards.dispatch.check(LARGE)  # nothing is known of it yet
    cards.rooms["one"] = card("cuda:0", 8, 8)
    assert cards.take("one") is None
    job = store.get(job_id)
    assert (job.state, job.error and job.error["code"]) == ("failed", "memory-short")


def test_what_ships_fits_everywhere_and_a_model_of_photographs_needs_less_of_a_card(tmp_path: Path) -> None:
    assert needs_of("embedded", False) == needs_of("exact", False) == {}
    needs = needs_of(str(write_model(tmp_path / "model", "sd1")), False)
    assert 0 < needs["card"] < needs["cpu"]
    assert needs_of("hub:nobody/nothing", False) == {}
