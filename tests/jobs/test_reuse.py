"""What was made before is not made again, unless somebody asks for that."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.jobs import sameness
from server.jobs.artifacts import finished_report, job_folder
from server.jobs.quota import NEVER, Quota
from server.jobs.sameness import digest_of
from server.recipe import Recipe
from tests.jobs.conftest import Office

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def made(office: Any) -> Any:
    """made(digest, name, ...): a job that was really made."""

    def make(digest: str, recipe: Recipe) -> Any:
        job = office.ask(recipe, digest)
        return office.wait_for_state(job.id, "done", "failed")

    return make


def files(office: Any, job_id: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in job_folder(office.data_dir, job_id).iterdir()}


@pytest.mark.parametrize("name", ["bricks", "cube"])
def test_the_same_again_is_done_at_once_with_the_same_files_and_says_of_whom(
    office: Any, made: Any, recipe: MakeRecipe, name: str
) -> None:
    first = made(name, recipe(name))
    again = office.ask(recipe(name), name)
    assert (again.state, again.reused, again.attempts, again.started) == ("done", first.id, 0, None)
    assert (again.report, again.progress) == (first.report, first.progress)
    assert finished_report(job_folder(office.data_dir, again.id)) == first.report
    assert {name: files(office, again.id)[name] for name in first.report["artifacts"]} == {
        name: files(office, first.id)[name] for name in first.report["artifacts"]
    }
    assert files(office, again.id)["log.jsonl"] == files(office, first.id)["log.jsonl"]
    events = office.store.events_after(again.id, 0)
    assert [event.name for event in events] == ["state", "log", "progress", "state", "done"]
    assert [event.data["state"] for event in events if event.name == "state"] == ["queued", "done"]
    assert events[-1].data == {"report": first.report, "reused": first.id}
    assert events[-1].is_last
    assert first.id in events[1].data["message"]


def test_it_is_made_anew_when_that_is_asked_for(office: Any, made: Any, recipe: MakeRecipe) -> None:
    first = made("anew", recipe(seed=41))
    anew = office.ask(recipe(seed=41), "anew", anew=True)
    assert anew.state == "queued"
    anew = office.wait_for_state(anew.id, "done", "failed")
    assert (anew.state, anew.reused, anew.attempts) == ("done", None, 1)
    assert files(office, anew.id)["texture.png"] == files(office, first.id)["texture.png"]


def test_what_is_being_made_now_is_waited_for_and_then_taken(tmp_path: Path, recipe: MakeRecipe) -> None:
    with closing(Office(tmp_path, ["cpu", "cpu"])) as office:
        office.until(lambda: [device["state"] for device in office.queue.devices()] == ["idle", "idle"])
        long = recipe(steps=400, seed=42, guidance={"stop_threshold": 0.0})
        first = office.ask(long, "x")
        office.wait_for_state(first.id, "running")
        second = office.ask(long, "x")
        office.until(lambda: office.store.get(second.id).waits)
        assert first.id in office.store.get(second.id).waits
        other = office.submit(recipe())  # which the second device has for itself
        assert office.wait_for_state(other, "done", "failed").state == "done"
        second = office.wait_for_state(second.id, "done", "failed", "running")
        assert (second.state, second.reused, second.waits) == ("done", first.id, "")


def test_a_twin_that_was_cancelled_leaves_the_other_to_be_made(office: Any, recipe: MakeRecipe) -> None:
    first, second = (office.ask(recipe("endless", seed=43), "endless") for _ in range(2))
    office.wait_for_step(first.id, 2)
    office.queue.cancel(first.id)
    assert office.wait_for_state(second.id, "running").attempts == 1
    office.queue.cancel(second.id)


def test_a_result_that_is_not_all_its_recipe_asks_for_is_not_taken(office: Any, recipe: MakeRecipe) -> None:
    first = office.ask(recipe("endless", seed=44), "finished")
    office.wait_for_step(first.id, 2)
    office.queue.finish(first.id)
    assert office.wait_for_state(first.id, "done").report["stopped_by"] == "finish"
    again = office.ask(recipe("endless", seed=44), "finished")
    assert again.state == "queued"
    office.queue.cancel(again.id)
    brief = recipe("endless", seed=45, time_budget_s=0.2)
    assert office.wait_for_state(office.ask(brief, "brief").id, "done").report["stopped_by"] == "time"
    assert office.ask(brief, "brief").state == "queued"


@pytest.mark.parametrize("loss", ["a file", "the folder", "to the quota"])
def test_a_result_that_is_not_whole_any_more_is_not_taken(
    office: Any, made: Any, recipe: MakeRecipe, loss: str
) -> None:
    first = made(loss, recipe(seed=46))
    folder = job_folder(office.data_dir, first.id)
    if loss == "a file":
        (folder / "texture.png").unlink()
    elif loss == "the folder":
        shutil.rmtree(folder)
    else:
        office.store.note_removed(first.id, ["texture.png"])
    assert office.ask(recipe(seed=46), loss).reused is None


@pytest.mark.parametrize("gone", [0, 1])
def test_deleting_one_of_two_that_share_files_loses_nothing_of_the_other(
    office: Any, made: Any, recipe: MakeRecipe, gone: int
) -> None:
    first = made(f"shared {gone}", recipe(seed=47))
    again = office.ask(recipe(seed=47), f"shared {gone}")
    deleted, left = (first.id, again.id)[gone], (first.id, again.id)[1 - gone]
    before = files(office, left)
    office.queue.delete(deleted)
    assert files(office, left) == before
    third = office.ask(recipe(seed=47), f"shared {gone}")
    assert third.reused == left


def test_where_a_disk_knows_no_second_names_the_files_are_copied(
    office: Any, made: Any, recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise OSError("no links here")

    first = made("copied", recipe(seed=48))
    monkeypatch.setattr(sameness.os, "link", refused)
    again = office.ask(recipe(seed=48), "copied")
    assert again.reused == first.id
    assert files(office, again.id)["texture.png"] == files(office, first.id)["texture.png"]
    assert os.stat(job_folder(office.data_dir, again.id) / "texture.png").st_nlink == 1


def test_what_cannot_be_shared_is_made_again(
    office: Any, made: Any, recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    made("unshared", recipe(seed=49))

    def refused(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("server.jobs.dispatch.share_files", refused)
        again = office.ask(recipe(seed=49), "unshared")
        assert (again.state, again.reused) == ("queued", None)
        office.wait_for_state(again.id, "running", "done")
    assert office.wait_for_state(again.id, "done").attempts == 1


def test_shared_bytes_count_once_and_go_from_all_who_have_them_or_from_nobody(
    office: Any, made: Any, recipe: MakeRecipe
) -> None:
    first = made("counted", recipe(seed=50))
    between = made("between", recipe(seed=51))
    again = office.ask(recipe(seed=50), "counted")
    everyone = office.store.removable()
    for job_id in set(everyone) - {first.id, between.id, again.id}:
        office.queue.delete(job_id)
    once = sum({(f.stat().st_ino): f.stat().st_size for f in office.data_dir.glob("jobs/*/*")}.values())
    Quota(office.store, office.data_dir, once).keep()
    assert [office.store.get(job.id).removed for job in (first, between, again)] == [[], [], []]
    # It is as old as the younger of the two: what was made between them goes first.
    Quota(office.store, office.data_dir, once - 1).keep()
    assert office.store.get(between.id).removed != []
    assert (office.store.get(first.id).removed, office.store.get(again.id).removed) == ([], [])
    office.store.star(again.id, True)
    Quota(office.store, office.data_dir, 1).keep()
    assert (office.store.get(first.id).removed, office.store.get(again.id).removed) == ([], [])
    office.store.star(again.id, False)
    Quota(office.store, office.data_dir, 1).keep()
    assert set(files(office, first.id)) == set(files(office, again.id)) == set(NEVER)
    assert office.store.get(first.id).removed == office.store.get(again.id).removed


def test_what_decides_a_result_decides_the_digest(recipe: MakeRecipe) -> None:
    usual = digest_of(recipe(), "a model", False)
    others = [
        digest_of(recipe(seed=1), "a model", False),
        digest_of(recipe(texture={"width": 64, "height": 32}), "a model", False),
        digest_of(recipe(), "another model", False),
        digest_of(recipe(), "a model", True),
    ]
    assert digest_of(recipe(), "a model", False) == usual
    assert len({usual, *others}) == 5
    assert digest_of(recipe(), "", False) == ""


def test_another_version_of_the_program_makes_another_result(
    recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest_of(recipe(), "a model", False)
    monkeypatch.setattr(sameness, "__version__", "99")
    assert digest_of(recipe(), "a model", False) != before
