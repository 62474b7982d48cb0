"""The whole way with the real server: started by the add-on, watched, finished early, stopped."""

from __future__ import annotations

import re

import bpy
import pytest
from conftest import REAL_PYTHON, inside, pump_until

pytestmark = pytest.mark.skipif(not REAL_PYTHON, reason="BLENDER_MSD_PYTHON does not name the server's Python")


@pytest.fixture
def real(bridge, preferences):
    preferences.server_python = REAL_PYTHON
    return bridge


def test_an_object_and_a_texture_from_one_server(real, start):
    start("a yellow duck", size=2.0)
    pump_until(real, lambda: real.job.live_meshes >= 1 or not real.job.busy, seconds=90)
    assert real.problem is None
    assert any("msd_preview" in obj for obj in bpy.data.objects)
    process = real.local._process
    bpy.ops.msd.finish()
    pump_until(real, lambda: not real.job.busy, seconds=60)
    assert real.problem is None
    duck = bpy.context.object
    assert max(duck.dimensions) == pytest.approx(2.0, rel=1e-3)
    assert min(vertex.co.z for vertex in duck.data.vertices) == pytest.approx(0.0, abs=1e-4)
    assert not duck.data.validate()
    assert duck.data.uv_layers.active is not None
    assert any(node.type == "NORMAL_MAP" for node in duck.active_material.node_tree.nodes)
    assert real.job.report["stopped_by"] == "finish"

    recipe = inside("core.recipes").texture_recipe("red bricks", width=64, height=64, preset="sketch")
    real.make_texture(recipe, inside("scene.images").Target(duck.session_uid, 1.0), inside("ui.preferences").setup())
    pump_until(real, lambda: real.job.live_images >= 1 or not real.job.busy, seconds=90)
    assert real.local._process is process
    if real.job.busy:
        bpy.ops.msd.finish()
    pump_until(real, lambda: not real.job.busy, seconds=60)
    assert real.problem is None
    assert tuple(bpy.data.images[real.job.result].size) == (64, 64)
    assert duck.active_material.name == "red bricks 0"


def test_a_prompt_it_cannot_read_is_answered_with_the_words_it_knows(real):
    with pytest.raises(RuntimeError, match="duck"):
        bpy.ops.msd.generate_mesh(prompt="xyzzy plugh")
    assert real.problem.code == "prompt-unreadable"


def test_the_panel_and_the_server_find_the_same_unknown_words(real, start):
    bpy.ops.msd.start_server()
    pump_until(real, lambda: real.offer.has_cuda is not None and not real.busy, seconds=90)
    assert [model.name for model in real.offer.models[:2]] == ["embedded", "exact"]
    prompt = "a Shiny yellow duck with dragon_wings on the greyish floor"
    unknown = real.offer.find("embedded").unknown_words(prompt)
    assert unknown == ["shiny", "dragon", "wings", "greyish"]
    recipe = inside("core.recipes").mesh_recipe(prompt, prior="embedded", preset="sketch")
    place = inside("scene.placement").Place((0.0, 0.0, 0.0), 1.0, bpy.context.scene.name)
    real.make_mesh(recipe, place, inside("ui.preferences").setup())
    pump_until(real, lambda: real.job.notes or not real.job.busy, seconds=60)
    real.cancel()
    assert re.findall('"([^"]*)"', real.job.notes[0]) == unknown


def test_a_job_waits_for_another_goes_before_it_when_that_is_paused_and_is_placed_without_being_watched(real, start):
    first, second = start("a yellow duck"), start("a red mug")
    pump_until(real, lambda: first.live_meshes >= 1 or not first.busy, seconds=120)
    pump_until(real, lambda: second.state == "queued")
    assert bpy.ops.msd.pause(job_id=first.job_id) == {"FINISHED"}
    pump_until(real, lambda: first.state == "paused", seconds=60)
    pump_until(real, lambda: second.optimises and second.step > 0, seconds=120)
    assert real.job is first
    bpy.ops.msd.finish(job_id=second.job_id)
    pump_until(real, lambda: not second.busy, seconds=120)
    assert (second.state, second.problem) == ("done", None)
    assert bpy.data.objects[second.result]["msd_job"] == second.job_id
    assert bpy.ops.msd.resume(job_id=first.job_id) == {"FINISHED"}
    pump_until(real, lambda: first.state == "running" and first.step > 0, seconds=120)
    client = real._client
    bpy.ops.msd.cancel(job_id=first.job_id)
    pump_until(real, lambda: client.job(first.job_id)["state"] == "cancelled", seconds=60)
    assert bpy.ops.msd.retry(job_id=first.job_id) == {"FINISHED"}
    pump_until(real, lambda: first.state == "running", seconds=120)
    bpy.ops.msd.cancel()


def test_what_was_made_is_found_starred_gone_on_with_placed_again_and_deleted(real):
    choices = {"width": 64, "height": 64, "preset": "SKETCH", "steps": 4, "seed": 3, "apply": "IMAGE"}
    assert bpy.ops.msd.fill_texture(prompt="red bricks", **choices) == {"FINISHED"}
    assert bpy.ops.msd.list_results() == {"FINISHED"}
    made, before = real.shelf.results[0], len(real.shelf.results) - 1
    assert (made.kind, made.prompt, made.seed, made.preset) == ("texture", "red bricks", 3, "sketch")
    pump_until(real, lambda: not real._crew.busy and not real.busy, seconds=120)
    assert (real.user_dir / "thumbnails" / f"{made.job_id}.png").read_bytes().startswith(b"\x89PNG")
    bpy.ops.msd.star_result(job_id=made.job_id)
    assert real._client.job(made.job_id)["starred"]
    images = len(bpy.data.images)
    assert bpy.ops.msd.place_result(job_id=made.job_id) == {"FINISHED"}
    assert len(bpy.data.images) == images + 1
    bpy.ops.msd.use_settings(job_id=made.job_id)
    assert bpy.context.scene.msd.texture.steps == 4
    assert made.can_continue
    assert bpy.ops.msd.continue_result(job_id=made.job_id, steps=3) == {"FINISHED"}
    bpy.ops.msd.list_results()
    assert len(real.shelf.results) == before + 2
    assert real._client.job(real.shelf.results[0].job_id)["parent"] == made.job_id
    assert bpy.ops.msd.delete_result(job_id=made.job_id) == {"FINISHED"}
    assert made.job_id not in [each.job_id for each in real.shelf.results]
    assert len(list(real._client.results())) == before + 1
