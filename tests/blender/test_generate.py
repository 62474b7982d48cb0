"""From a prompt to an object in the scene, through the operator an artist presses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import bpy
import numpy as np
import pytest
from conftest import inside, pump_until
from fake_server import cube_arrays, npz, run_until_told


def generate(**choices):
    return bpy.ops.msd.generate_mesh(**({"prompt": "a red cube", "seed": 7, "preset": "SKETCH"} | choices))


def previews() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if "msd_preview" in obj]


def test_a_prompt_becomes_the_selected_object_standing_on_the_cursor(server, bridge):
    bpy.context.scene.cursor.location = (1, 2, 3)
    assert generate(size=2.0) == {"FINISHED"}
    obj = bpy.context.object
    assert obj.name == "a red cube"
    assert bpy.context.selected_objects == [obj]
    assert tuple(obj.location) == (1, 2, 3)
    assert tuple(obj.scale) == (1, 1, 1)
    assert tuple(obj.dimensions) == pytest.approx((2, 2, 2))
    assert min(vertex.co.z for vertex in obj.data.vertices) == 0
    assert [collection.name for collection in obj.users_collection] == ["Generated"]


def test_the_mesh_is_the_servers_mesh_and_valid(server):
    generate()
    mesh = bpy.context.object.data
    corners = np.empty(36, np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    assert np.array_equal(corners.reshape(-1, 3), cube_arrays()["triangle"])
    assert len(mesh.edges) == 18
    assert not mesh.validate(verbose=True)


def test_colours_arrive_as_they_were_sent_and_reach_the_material(server):
    generate()
    obj = bpy.context.object
    colours = obj.data.color_attributes["Col"]
    assert (colours.domain, colours.data_type) == ("POINT", "BYTE_COLOR")
    assert [round(255 * c) for c in colours.data[0].color_srgb] == [200, 30, 20, 255]
    nodes = obj.active_material.node_tree.nodes
    link = nodes["Principled BSDF"].inputs["Base Color"].links[0]
    assert link.from_node.layer_name == "Col"


def test_the_surface_is_shaded_smooth(server):
    generate()
    mesh = bpy.context.object.data
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    assert not any(edge.use_edge_sharp for edge in mesh.edges)


def test_the_result_tells_where_it_comes_from_and_since_when(server):
    before = datetime.now(UTC).replace(microsecond=0)
    generate(negative_prompt="a sphere")
    obj = bpy.context.object
    assert obj["msd_prompt"] == "a red cube"
    assert obj["msd_seed"] == 7
    assert obj["msd_job"] == server.job.id
    assert obj["msd_version"] == inside("").VERSION
    assert before <= datetime.fromisoformat(obj["msd_made"]) <= datetime.now(UTC)
    assert json.loads(obj["msd_recipe"]) == server.job.recipe
    assert server.job.recipe["negative_prompt"] == "a sphere"


def test_live_meshes_replace_each_other_and_leave_nothing_behind(server, bridge):
    generate()
    assert bridge.job.live_meshes == 4
    assert previews() == []
    assert len(bpy.data.meshes) == 1
    assert len(bpy.data.materials) == 1
    assert [collection.name for collection in bpy.data.collections] == ["Generated"]


def test_the_result_lies_on_disk_outside_the_blend_file(server, bridge):
    generate()
    folder = Path(bridge.job.folder)
    assert sorted(path.name for path in folder.iterdir()) == ["mesh.glb", "mesh.npz", "recipe.json", "report.json"]
    assert (folder / "mesh.glb").read_bytes() == b"glTF"
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["faces"] == 12
    assert "a-red-cube" in folder.name


def test_the_scenes_settings_are_used_where_the_caller_says_nothing(server):
    settings = bpy.context.scene.msd.mesh
    settings.prompt = "a blue ball"
    settings.random_seed = False
    settings.seed = 11
    settings.preset = "FINE"
    settings.bandwidth_start = 2.0
    assert bpy.ops.msd.generate_mesh() == {"FINISHED"}
    recipe = server.job.recipe
    assert (recipe["prompt"], recipe["seed"], recipe["preset"]) == ("a blue ball", 11, "fine")
    assert recipe["guidance"] == {"bandwidth_start": 2.0}


def test_a_random_seed_differs_each_time_and_is_recorded(server):
    seeds = set()
    for _ in range(2):
        bpy.ops.msd.generate_mesh(prompt="a red cube")
        seeds.add(bpy.context.object["msd_seed"])
        assert bpy.context.scene.msd.mesh.seed == bpy.context.object["msd_seed"]
    assert len(seeds) == 2
    assert seeds == {job.recipe["seed"] for job in server.jobs.values()}


def test_one_result_is_one_undo_step(server):
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects.new("marker", None)
    bpy.ops.ed.undo_push(message="marker")
    generate()
    bpy.ops.ed.undo()
    assert [obj.name for obj in bpy.data.objects] == ["marker"]
    bpy.ops.ed.undo()
    assert list(bpy.data.objects) == []
    bpy.ops.ed.redo()
    bpy.ops.ed.redo()
    assert sorted(obj.name for obj in bpy.data.objects) == ["a red cube", "marker"]
    assert len(bpy.data.objects["a red cube"].data.polygons) == 12


def test_the_preview_is_not_rendered_and_pushes_no_undo_step(server, bridge, start):
    server.script = run_until_told
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects.new("marker", None)
    bpy.ops.ed.undo_push(message="marker")
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    (preview,) = previews()
    assert preview.users_collection[0].hide_render
    bpy.ops.ed.undo()
    # A step of the preview's own would have been undone here, and the marker would still be there.
    assert [obj for obj in bpy.data.objects if obj not in previews()] == []


def test_the_preview_is_not_saved(server, bridge, start, tmp_path):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"), copy=True)
    assert len(previews()) == 1
    with bpy.data.libraries.load(str(tmp_path / "saved.blend")) as (saved, _):
        assert saved.objects == []
        assert saved.meshes == []
        assert saved.collections == []


def test_the_result_takes_the_transform_the_user_gave_to_the_preview(server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    previews()[0].location = (5, 6, 7)
    previews()[0].rotation_euler.z = 1.0
    server.job.live_mesh()
    pump_until(bridge, lambda: bridge.job.live_meshes == 2)
    bpy.ops.msd.finish()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert tuple(bpy.context.object.location) == (5, 6, 7)
    assert bpy.context.object.rotation_euler.z == pytest.approx(1.0)


def test_a_preview_the_user_is_editing_is_left_to_the_user(server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    edited = previews()[0]
    bpy.context.view_layer.objects.active = edited
    bpy.ops.object.mode_set(mode="EDIT")
    server.job.live_mesh()
    pump_until(bridge, lambda: bridge.job.live_meshes == 2)
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert bridge.problem is None
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")
    assert previews() == []
    assert sorted(obj.name for obj in bpy.data.objects) == ["a red cube", "a red cube preview"]


@pytest.mark.parametrize("kind", ["POINTCLOUD", "GREASEPENCIL"])
@pytest.mark.parametrize("more_live_meshes", [0, 1])
def test_a_preview_the_user_converted_into_something_else_is_left_to_the_user(
    server, bridge, start, kind, more_live_meshes
):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    converted = previews()[0]
    converted.data.materials.append(None)
    bpy.context.view_layer.objects.active = converted
    converted.select_set(True)
    assert bpy.ops.object.convert(target=kind) == {"FINISHED"}
    assert converted.type == kind
    for _ in range(more_live_meshes):
        server.job.live_mesh()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1 + more_live_meshes)
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert bridge.problem is None
    assert previews() == []
    assert sorted(obj.type for obj in bpy.data.objects) == sorted(["MESH", kind])
    assert not converted.is_runtime_data
    assert [child.name for child in bpy.context.scene.collection.children] == ["Generated"]


def test_an_empty_material_slot_of_a_preview_the_user_is_editing_does_no_harm(server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    edited = previews()[0]
    edited.data.materials.append(None)
    bpy.context.view_layer.objects.active = edited
    bpy.ops.object.mode_set(mode="EDIT")
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert bridge.problem is None
    assert previews() == []


def test_a_preview_the_user_deleted_does_no_harm(server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    bpy.data.objects.remove(previews()[0])
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert bridge.job.state == "done"


def test_undo_while_a_job_runs_loses_nothing(server, bridge, start):
    server.script = run_until_told
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects.new("marker", None)
    bpy.ops.ed.undo_push(message="marker")
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    bpy.ops.ed.undo()
    server.job.live_mesh()
    pump_until(bridge, lambda: bridge.job.live_meshes == 2)
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert bridge.problem is None
    assert bpy.context.object.name == "a red cube"


def test_finish_now_gives_the_result_so_far(server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    assert bpy.ops.msd.finish() == {"FINISHED"}
    pump_until(bridge, lambda: not bridge.job.busy)
    assert bridge.job.state == "done"
    assert bpy.context.object.name == "a red cube"


def test_the_jobs_view_follows_the_progress(server, bridge, start):
    server.script = run_until_told
    job = start()
    assert job.busy
    pump_until(bridge, lambda: job.live_meshes == 1)
    assert (job.phase, job.fraction, job.step, job.steps) == ("Shaping", 0.3, 30, 100)
    assert (job.seconds_left, job.denoiser_calls) == (2.0, 720)


def test_a_mesh_with_its_own_name_gets_its_own_object(server):
    generate()
    generate()
    assert sorted(obj.name for obj in bpy.data.objects) == ["a red cube", "a red cube.001"]


def test_a_connection_that_is_lost_for_a_moment_changes_nothing(server, bridge):
    server.cut_after = {2, 5}
    assert generate() == {"FINISHED"}
    assert bridge.job.live_meshes == 4
    assert server.last_event_ids == [0, 2, 5]


def test_a_damaged_live_mesh_is_left_out_and_the_job_goes_on(server, bridge):
    broken = cube_arrays()
    broken["triangle"][0, 0] = 99

    def script(job):
        job.live_mesh(npz(**broken))
        job.live_mesh(b"garbage")
        job.live_mesh()
        job.done(mesh__npz=npz(**cube_arrays()))

    server.script = script
    assert generate() == {"FINISHED"}
    assert bridge.job.live_meshes == 1
    assert len(bridge.job.notes) == 2
    assert "99" in bridge.job.notes[0]
