"""A finished job gets a successor: more steps from where it ended, or another mesh of its field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from server.errors import Problem
from server.jobs.artifacts import job_folder
from server.jobs.descent import Descent
from server.recipe import Recipe
from server.studio.checkpoint import load_field
from server.studio.kept_names import STATE
from tests.jobs.conftest import Office

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def descent(office: Office) -> Descent:
    return Descent(office.store, office.data_dir)


@pytest.fixture(scope="module")
def cube(office: Office, recipe_of: MakeRecipe) -> str:
    """A job that is done."""
    job_id = office.submit(recipe_of("cube", steps=30))
    office.wait_for_state(job_id, "done")
    return job_id


def done(office: Office, job_id: str) -> Path:
    office.queue.wake()
    job = office.wait_for_state(job_id, "done", "failed")
    assert job.state == "done", job.error
    return job_folder(office.data_dir, job_id)


def test_more_steps_are_made_from_where_the_job_ended_and_not_from_the_start(
    office: Office, descent: Descent, cube: str
) -> None:
    before = {path.name: path.read_bytes() for path in job_folder(office.data_dir, cube).iterdir()}
    job, is_new = descent.more_steps(cube, 20)
    assert is_new
    assert (job.task, job.parent, job.recipe["steps"]) == ("continue", cube, 50)
    folder = done(office, job.id)
    parent, report = office.store.get(cube).report, office.store.get(job.id).report
    assert parent is not None
    assert report is not None
    assert report["steps"] == 50
    assert report["denoiser_calls"] * 30 == parent["denoiser_calls"] * 50
    log = [event.data for event in office.store.events_after(job.id, 0) if event.name == "log"]
    assert any("Going on from step 30 of 50" in line["message"] for line in log)
    assert (folder / "mesh.glb").is_file()
    assert {path.name: path.read_bytes() for path in job_folder(office.data_dir, cube).iterdir()} == before


def test_what_was_given_more_steps_can_be_given_more_again(office: Office, descent: Descent, cube: str) -> None:
    job, _ = descent.more_steps(cube, 3)
    assert (done(office, job.id) / STATE).is_file()
    again, _ = descent.more_steps(job.id, 4)
    done(office, again.id)
    assert (office.store.get(again.id).report or {})["steps"] == 37


def test_a_texture_takes_more_steps_too(office: Office, descent: Descent, recipe_of: MakeRecipe) -> None:
    bricks = office.submit(recipe_of("bricks", seed=5))
    office.wait_for_state(bricks, "done")
    job, _ = descent.more_steps(bricks, 4)
    assert (done(office, job.id) / "texture.png").is_file()
    assert (office.store.get(job.id).report or {})["steps"] == 7


def test_another_mesh_of_the_same_field_is_made_without_a_step(office: Office, descent: Descent, cube: str) -> None:
    job, _ = descent.another_mesh(cube, {"faces": 60, "texture_size": 0})
    folder = done(office, job.id)
    made = office.store.get(job.id)
    assert (made.task, made.parent, made.report and made.report["steps"]) == ("remesh", cube, 0)
    with np.load(folder / "mesh.npz") as mesh:
        assert len(mesh["triangle"]) <= 60
        assert "uv" not in mesh
    assert not (folder / "albedo.png").exists()
    assert made.recipe["mesh"]["resolution"] == office.store.get(cube).recipe["mesh"]["resolution"]
    # It has its own field, whose recipe is its own, so that it, too, can be meshed again.
    assert load_field(folder / "field.safetensors").recipe.mesh.faces == 60
    again, _ = descent.another_mesh(job.id, {"faces": 100})
    done(office, again.id)
    assert office.store.get(again.id).recipe["mesh"] == made.recipe["mesh"] | {"faces": 100}


def test_a_successor_does_not_need_its_parent_any_more(office: Office, descent: Descent, recipe_of: MakeRecipe) -> None:
    parent = office.submit(recipe_of("cube", seed=9))
    office.wait_for_state(parent, "done")
    blocking = office.submit(recipe_of("endless"))
    office.wait_for_state(blocking, "running")
    more, other = descent.more_steps(parent, 2)[0].id, descent.another_mesh(parent, {})[0].id
    office.wait_for(lambda: office.queue.delete(parent) is None, "the parent's end")
    office.queue.cancel(blocking)
    done(office, more)
    done(office, other)


def test_the_same_key_gives_the_same_successor_and_no_second_folder(
    office: Office, descent: Descent, cube: str
) -> None:
    first, _ = descent.another_mesh(cube, {"faces": 80}, "key")
    folders = {path.name for path in (office.data_dir / "jobs").iterdir()}
    second, is_new = descent.another_mesh(cube, {"faces": 80}, "key")
    assert (second.id, is_new) == (first.id, False)
    assert {path.name for path in (office.data_dir / "jobs").iterdir()} == folders
    with pytest.raises(Problem, match="another recipe"):
        descent.another_mesh(cube, {"faces": 81}, "key")
    done(office, first.id)


def test_what_cannot_have_a_successor_says_why_and_queues_nothing(
    office: Office, descent: Descent, recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    bricks = office.submit(recipe_of("bricks", seed=6))
    office.wait_for_state(bricks, "done")
    endless = office.submit(recipe_of("endless", seed=7))
    jobs = len(office.store.page(500)[0])

    def refused(ask: Callable[[], object], code: str, said: str) -> None:
        with pytest.raises(Problem, match=said) as refusal:
            ask()
        assert refusal.value.code == code
        assert refusal.value.hint or code == "recipe-invalid"

    refused(lambda: descent.another_mesh(bricks, {}), "nothing-kept", "A texture has no field")
    refused(lambda: descent.more_steps(endless, 3), "wrong-state", "is (queued|running)")
    refused(lambda: descent.more_steps("nothing", 3), "job-unknown", "no job")
    refused(lambda: descent.more_steps(bricks, 100_000), "recipe-invalid", "steps must be")
    office.store.note_removed(bricks, [STATE])
    refused(lambda: descent.more_steps(bricks, 3), "nothing-kept", "the quota has removed it")
    cube = office.submit(recipe_of("cube", seed=6))
    office.queue.cancel(endless)
    office.wait_for_state(cube, "done")
    refused(lambda: descent.another_mesh(cube, {"faces": -1}), "recipe-invalid", "mesh.faces must be")
    refused(lambda: descent.another_mesh(cube, {"size": 1}), "recipe-invalid", "no field")
    (job_folder(office.data_dir, cube) / "field.safetensors").unlink()
    refused(lambda: descent.another_mesh(cube, {}), "nothing-kept", "has not kept its field")
    assert len(office.store.page(500)[0]) == jobs + 1


def test_a_state_that_cannot_be_read_fails_and_leaves_the_parent_as_it_was(
    office: Office, descent: Descent, recipe_of: MakeRecipe
) -> None:
    cube = office.submit(recipe_of("cube", seed=8))
    office.wait_for_state(cube, "done")
    (job_folder(office.data_dir, cube) / STATE).write_bytes(b"nonsense")
    job, _ = descent.more_steps(cube, 3)
    office.queue.wake()
    failed = office.wait_for_state(job.id, "failed", "done")
    assert (failed.error or {})["code"] == "state-unusable"
    assert office.store.get(cube).state == "done"


def test_what_is_kept_of_more_steps_is_not_taken_for_a_run_that_had_as_many_from_the_start(
    office: Office, descent: Descent, recipe_of: MakeRecipe
) -> None:
    parent = office.submit(recipe_of("bricks", seed=11))
    office.wait_for_state(parent, "done")
    more, _ = descent.more_steps(parent, 90_000)
    office.queue.wake()
    office.wait_for_step(more.id, 50)
    office.queue.pause(more.id)
    office.wait_for_state(more.id, "paused")
    assert any(".safetensors" in path.name for path in job_folder(office.data_dir, more.id).glob("*.aside"))
    office.queue.cancel(more.id)

    def said(job_id: str) -> str:
        office.queue.wake()
        office.wait_for_step(job_id, 4)
        logged = [event.data for event in office.store.events_after(job_id, 0) if event.name == "log"]
        office.queue.cancel(job_id)
        return " ".join(line["message"] for line in logged)

    from_the_start = office.submit(recipe_of("bricks", seed=11, steps=more.recipe["steps"]))
    assert "Going on" not in said(from_the_start)
    office.wait_for(lambda: office.queue.devices()[0]["state"] == "idle", "its worker")
    office.queue.retry(more.id)
    office.wait_for(lambda: "Going on" in said(more.id), "more steps from where they were")
