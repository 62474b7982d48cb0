"""What was made, in whichever file and Blender: found again, placed again, made differently, deleted."""

from __future__ import annotations

import itertools

import bpy
import pytest
from conftest import inside, pump_until
from fake_server import FakeJob, FakeServer, cube_arrays, npz, png
from test_panels import draw

KEPT = {"field__safetensors": b"field", "state__safetensors": b"state"}


def made(server: FakeServer, prompt: str, kind: str = "mesh", seed: int = 1, picture: bool = True, **files) -> FakeJob:
    """A job of some other day that is done."""
    own = {"texture": {"width": 64, "height": 32, "tile_x": False, "tile_y": True, "maps": ["height"]}}
    job = server.add({"kind": kind, "prompt": prompt, "seed": seed, "preset": "sketch", **own})
    if picture:
        job.files["thumbnail.png"] = png(16, 16)
    result = {"mesh__npz": npz(**cube_arrays())} if kind == "mesh" else {"texture__png": png(64, 32)}
    job.done(**result, **files)
    return job


@pytest.fixture
def three(server):
    """A duck that can be gone on with, bricks, and a mug without a picture; the newest is last."""
    return [
        made(server, "a yellow duck", **KEPT),
        made(server, "red bricks", "texture"),
        made(server, "a red mug", picture=False),
    ]


@pytest.fixture(autouse=True)
def icons(addon, monkeypatch):
    """Without a window Blender gives a picture that it has no number."""
    thumbnails = inside("scene.thumbnails")
    monkeypatch.setattr(thumbnails, "icon", lambda name: int(name in thumbnails._pictures))


def shown() -> list[str]:
    """The prompts in the grid."""
    lines = draw("MSD_PT_view3d_results").splitlines()
    return [before for before, line in itertools.pairwise(lines) if line == "{msd.choose_result}"]


def test_nothing_is_asked_before_the_results_are_to_be_shown(server, three):
    assert "{msd.list_results}" in draw("MSD_PT_view3d_results")
    assert server.seen == []


def test_results_of_every_day_are_shown_newest_first_in_every_editor(server, three):
    assert bpy.ops.msd.list_results() == {"FINISHED"}
    assert shown() == ["a red mug", "red bricks", "a yellow duck"]
    for editor in ("image", "shader"):
        assert "a yellow duck" in draw(f"MSD_PT_{editor}_results")


def test_pictures_are_fetched_into_files_by_a_thread_and_only_those_that_are_shown(server, bridge, three):
    for number in range(30):
        made(server, f"cube {number}")
    bpy.ops.msd.list_results()
    pump_until(bridge, lambda: not bridge._crew.busy and bridge._queue.empty())
    fetched = [path for path in server.seen if path.endswith("thumbnail.png")]
    assert len(fetched) == inside("core.library").CELLS
    asked = len(server.seen)
    assert draw("MSD_PT_view3d_results").count("[picture]") == len(fetched)
    assert len(server.seen) == asked, "drawing asks for nothing"
    files = {
        f"GET /v1/jobs/{file.stem}/artifacts/{file.name}" for file in (bridge.user_dir / "thumbnails").glob("*.png")
    }
    assert {path.replace("thumbnail", path.split("/")[3]) for path in fetched} <= files
    bpy.ops.msd.turn_page(which="result_page", to=1)
    pump_until(bridge, lambda: not bridge._crew.busy and bridge._queue.empty())
    assert sum(path.endswith("thumbnail.png") for path in server.seen) == 2 * len(fetched)


def test_a_picture_that_is_there_already_is_not_fetched_again(server, bridge, three):
    folder = bridge.user_dir / "thumbnails"
    folder.mkdir(parents=True, exist_ok=True)
    for job in three:
        (folder / f"{job.id}.png").write_bytes(png(8, 8))
    bpy.ops.msd.list_results()
    pump_until(bridge, lambda: not bridge._crew.busy and bridge._queue.empty())
    assert not [path for path in server.seen if path.endswith("thumbnail.png")]
    assert draw("MSD_PT_view3d_results").count("[picture]") == 2


def test_a_damaged_picture_leaves_its_place_empty(server, bridge, three):
    three[0].files["thumbnail.png"] = b"no picture"
    bpy.ops.msd.list_results()
    pump_until(bridge, lambda: not bridge._crew.busy and bridge._queue.empty())
    assert draw("MSD_PT_view3d_results").count("[picture]") == 1
    assert bridge.problem is None


def test_results_are_found_by_words_and_stars(server, three):
    bpy.ops.msd.list_results()
    settings = bpy.context.window_manager.msd
    settings.search = "RED"
    assert shown() == ["a red mug", "red bricks"]
    settings.search = "red mug"
    assert shown() == ["a red mug"]
    settings.search = "swan"
    assert "Nothing is like that" in draw("MSD_PT_view3d_results")
    settings.search = ""
    assert bpy.ops.msd.star_result(job_id=three[1].id) == {"FINISHED"}
    assert three[1].starred
    settings.only_starred = True
    assert shown() == ["red bricks"]
    bpy.ops.msd.star_result(job_id=three[1].id, starred=False)
    assert not three[1].starred
    settings.only_starred = False


def test_a_result_is_placed_again_where_the_panel_says(server, bridge, three):
    bpy.ops.msd.list_results()
    bpy.context.scene.cursor.location = (1, 2, 3)
    assert bpy.ops.msd.place_result(job_id=three[0].id) == {"FINISHED"}
    duck = bpy.data.objects["a yellow duck"]
    assert tuple(duck.location) == (1, 2, 3)
    assert duck["msd_job"] == three[0].id
    assert bridge.views() == [], "it was no job"
    bpy.ops.msd.place_result(job_id=three[0].id)
    assert len(bpy.data.objects) == 2


def test_a_texture_is_placed_again_on_the_active_object(server, three):
    bpy.ops.mesh.primitive_plane_add()
    assert bpy.ops.msd.place_result(job_id=three[1].id) == {"FINISHED"}
    assert bpy.context.object.active_material.name == "red bricks 1"


def test_scripts_need_no_panel_and_no_list_before(server, three):
    assert bpy.ops.msd.place_result(job_id=three[0].id) == {"FINISHED"}
    with pytest.raises(RuntimeError, match="no result abc"):
        bpy.ops.msd.place_result(job_id="abc")
    with pytest.raises(RuntimeError, match="No result is chosen"):
        bpy.ops.msd.place_result()


def test_the_chosen_one_is_told_more_of(server, three):
    bpy.ops.msd.list_results()
    assert "{msd.place_result}" not in draw("MSD_PT_view3d_results")
    bpy.ops.msd.choose_result(job_id=three[0].id)
    drawn = draw("MSD_PT_view3d_results")
    assert "chosen:\na yellow duck" in drawn
    assert "seed 1" in drawn
    for operator in ("place_result", "star_result", "delete_result", "use_settings", "vary_result"):
        assert f"{{msd.{operator}}}" in drawn
    assert bpy.ops.msd.place_result() == {"FINISHED"}
    assert bpy.context.object.name == "a yellow duck", "who asks for it wants it selected"


def test_more_steps_and_another_mesh_are_offered_where_the_server_kept_what_they_need(server, three):
    bpy.ops.msd.list_results()
    bpy.ops.msd.choose_result(job_id=three[0].id)
    drawn = draw("MSD_PT_view3d_results")
    assert "{msd.continue_result}" in drawn
    assert "{msd.remesh_result}" in drawn
    bpy.ops.msd.choose_result(job_id=three[2].id)
    drawn = draw("MSD_PT_view3d_results")
    assert "{msd.continue_result}" not in drawn
    assert "{msd.remesh_result}" not in drawn
    with pytest.raises(RuntimeError, match="was not kept"):
        bpy.ops.msd.continue_result(job_id=three[2].id, steps=10)


def test_a_result_goes_on_for_more_steps_and_what_comes_of_it_is_placed(server, bridge, three):
    assert bpy.ops.msd.continue_result(job_id=three[0].id, steps=300) == {"FINISHED"}
    assert server.descents == [(three[0].id, "continue", {"steps": 300})]
    assert bpy.context.object.name == "a yellow duck"
    assert bpy.context.object["msd_job"] != three[0].id


def test_a_result_is_finished_differently(server, three):
    assert bpy.ops.msd.remesh_result(job_id=three[0].id, faces=5000, texture_size="512") == {"FINISHED"}
    assert server.descents == [(three[0].id, "remesh", {"faces": 5000, "texture_size": 512})]
    assert bpy.context.object.name == "a yellow duck"
    with pytest.raises(RuntimeError, match="Faces"):
        bpy.ops.msd.remesh_result(job_id=three[0].id, faces=3_000_000, texture_size="512")


def test_a_result_is_made_once_more_from_another_seed(server, three):
    assert bpy.ops.msd.vary_result(job_id=three[0].id) == {"FINISHED"}
    first, again = (job.recipe for job in server.jobs.values() if job.recipe["prompt"] == "a yellow duck")
    assert again["seed"] != first["seed"]
    assert again == first | {"seed": again["seed"]}


def test_a_results_settings_come_back_into_the_panel(server, bridge, three):
    mesh, texture = bpy.context.scene.msd.mesh, bpy.context.scene.msd.texture
    mesh.random_seed = texture.random_seed = True
    assert bpy.ops.msd.use_settings(job_id=three[0].id) == {"FINISHED"}
    assert (mesh.prompt, mesh.seed, mesh.random_seed, mesh.preset) == ("a yellow duck", 1, False, "SKETCH")
    bpy.ops.msd.use_settings(job_id=three[1].id, new_seed=True)
    assert (texture.prompt, texture.tile_x, texture.tile_y, texture.random_seed) == ("red bricks", False, True, True)
    assert (texture.width, texture.height, texture.maps) == (64, 32, {"HEIGHT"})


@pytest.mark.parametrize("kind", ["mesh", "texture", "retexture"])
def test_settings_that_were_recalled_ask_for_the_same_recipe(bridge, kind):
    recipes, values = inside("core.recipes"), inside("ui.values").Values
    chosen = {
        "negative_prompt": "a swan", "spare_prompt": True, "seed": 3, "preset": "fine", "prior": "exact",
        "loras": ["style.safetensors:0.5"], "steps": 7, "noise": "attached", "scale": 3.0, "bandwidth_start": 2.0,
        "bandwidth_end": 0.5, "estimator": "paper", "centre": "inversion", "kernel_time": "lam2+sigma2",
        "interval_low": 0.25, "interval_high": 3.0, "inversion_scale": -6.5, "sampler_steps": 20, "perp_neg": False,
    }  # fmt: skip
    make = {
        "mesh": lambda: recipes.mesh_recipe("a duck", faces=500, texture_size=512, **chosen),
        "texture": lambda: recipes.texture_recipe("bricks", width=64, height=32, tile_x=False, maps=("ao",), **chosen),
        "retexture": lambda: recipes.retexture_recipe("a mug", mesh="0" * 64, size=512, **chosen),
    }
    recipe = make[kind]()
    settings = inside("ui.recall").recall(bpy.context.scene.msd, recipe, bridge.offer)
    assert values(settings).recipe(kind, "0" * 64) == recipe


def test_what_the_quality_would_choose_is_left_to_it(bridge):
    said = {
        "priors": [{"name": "embedded", "costs": {"mesh": {"fine": {"steps": 900, "denoiser_calls": 1}}}}],
        "recipe": {"properties": {"prior": {"default": "embedded"}}},
        "presets": {"mesh": {"fine": {"steps": 900, "mesh": {"faces": 40000, "texture_size": 2048}}}},
    }
    offer = inside("core.offer").read_offer(said)
    recipe = {"kind": "mesh", "prompt": "a duck", "seed": 3, "preset": "fine", "prior": "embedded", "steps": 900}
    recipe |= {"guidance": {"scale": None}, "mesh": {"faces": 40000, "texture_size": 2048}}
    settings = inside("ui.recall").recall(bpy.context.scene.msd, recipe, offer)
    assert (settings.prior, settings.steps, settings.faces, settings.texture_size) == ("", 0, 0, "OWN")


def test_a_result_is_deleted_with_its_picture_and_the_scene_stays(server, bridge, three):
    bpy.ops.msd.place_result(job_id=three[0].id)
    pump_until(bridge, lambda: not bridge._crew.busy and bridge._queue.empty())
    picture = bridge.user_dir / "thumbnails" / f"{three[0].id}.png"
    assert picture.exists()
    assert bpy.ops.msd.delete_result(job_id=three[0].id) == {"FINISHED"}
    assert three[0].id not in server.jobs
    assert shown() == ["a red mug", "red bricks"]
    assert not picture.exists()
    assert bpy.data.objects["a yellow duck"]


def test_what_is_made_now_joins_the_grid(server, bridge, three):
    bpy.ops.msd.list_results()
    bpy.ops.msd.generate_mesh(prompt="a red cube")
    pump_until(bridge, lambda: not bridge.open_questions)
    assert shown()[0] == "a red cube"


def test_an_unreachable_server_is_said(bridge, preferences):
    gone = FakeServer()
    gone.close()
    preferences.server_url = gone.url
    with pytest.raises(RuntimeError, match="No answer"):
        bpy.ops.msd.list_results()
    assert bridge.open_questions == 0


def test_five_hundred_results_are_shown_page_by_page(server, bridge):
    for number in range(500):
        made(server, f"cube {number}", picture=False)
    bpy.ops.msd.list_results()
    assert len(bridge.shelf.results) == 500
    assert shown() == [f"cube {number}" for number in range(499, 499 - inside("core.library").CELLS, -1)]
    bpy.ops.msd.turn_page(which="result_page", to=bridge.shelf.pages - 1)
    assert shown()[-1] == "cube 0"
