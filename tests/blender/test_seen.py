"""A result is seen: beside what stands there, in view, in metres, in its colours."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from conftest import inside, pump_until
from fake_server import cube_arrays, npz, png, run_until_told
from test_panels import draw


def generate(**choices):
    assert bpy.ops.msd.generate_mesh(**({"prompt": "a red cube", "seed": 7} | choices)) == {"FINISHED"}
    return bpy.context.object


def viewport() -> bpy.types.SpaceView3D:
    area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
    return area.spaces.active


def overlap(one: bpy.types.Object, other: bpy.types.Object) -> bool:
    bpy.context.view_layer.update()
    low, high = [], []
    for obj in (one, other):
        corners = np.array(obj.bound_box) @ np.array(obj.matrix_world)[:3, :3].T + np.array(obj.matrix_world)[:3, 3]
        low.append(corners.min(0))
        high.append(corners.max(0))
    return bool((low[0] < high[1] - 1e-5).all() and (low[1] < high[0] - 1e-5).all())


def test_the_first_object_stands_beside_the_default_cube(server):
    bpy.ops.mesh.primitive_cube_add(size=2)
    cube = bpy.context.object
    assert not overlap(generate(), cube)


def test_the_live_mesh_stands_beside_it_too_and_the_result_where_the_live_mesh_was(server, bridge):
    bpy.ops.mesh.primitive_cube_add(size=2)
    cube = bpy.context.object
    server.script = run_until_told
    values = inside("ui.values").Values(bpy.context.scene.msd.mesh)
    place = inside("ui.aims").place(bpy.context, values)
    bridge.make_mesh(inside("core.recipes").mesh_recipe("a cube"), place, inside("ui.preferences").setup())
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    (preview,) = (obj for obj in bpy.data.objects if "msd_preview" in obj)
    assert not overlap(preview, cube)
    where = tuple(preview.location)
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert tuple(bpy.context.object.location) == where


def test_several_results_stand_in_a_row(server):
    made = [generate() for _ in range(3)]
    assert not any(overlap(one, other) for one in made for other in made if one is not other)


def test_who_chose_the_cursor_gets_the_cursor(server):
    bpy.ops.mesh.primitive_cube_add(size=2)
    assert tuple(generate(place="CURSOR").location) == (0, 0, 0)


@pytest.mark.parametrize("what", ["moved", "curve", "text", "instance", "scaled"])
def test_whatever_has_a_surface_counts_where_it_is_seen(server, what):
    if what == "curve":
        bpy.ops.curve.primitive_bezier_circle_add(radius=1)
        bpy.context.object.data.extrude = 1.0
    elif what == "text":
        bpy.ops.object.text_add()
        bpy.context.object.data.extrude = 1.0
    else:
        bpy.ops.mesh.primitive_cube_add(size=2, location=(9, 0, 0) if what == "moved" else (0, 0, 0))
    if what == "moved":
        bpy.context.object.location.x = 0.0
    if what == "scaled":
        bpy.context.object.scale = (2, 2, 2)
    if what == "instance":
        source = bpy.context.object
        collection = bpy.data.collections.new("source")
        collection.objects.link(source)
        bpy.context.scene.collection.objects.unlink(source)
        empty = bpy.data.objects.new("instance", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", collection
        bpy.context.scene.collection.objects.link(empty)
    assert generate().location.x > 0.4


@pytest.mark.parametrize("what", ["floor", "room", "hidden", "camera", "far"])
def test_what_does_not_hide_the_result_is_not_avoided(server, what):
    if what == "floor":
        bpy.ops.mesh.primitive_plane_add(size=3)
    elif what == "room":
        bpy.ops.mesh.primitive_cube_add(size=40)
    elif what == "camera":
        bpy.ops.object.camera_add()
    else:
        bpy.ops.mesh.primitive_cube_add(size=2, location=(5, 0, 0) if what == "far" else (0, 0, 0))
        bpy.context.object.hide_viewport = what == "hidden"
    assert tuple(generate().location) == (0, 0, 0)


@pytest.mark.parametrize(("system", "scale"), [("METRIC", 0.01), ("METRIC", 1.0), ("IMPERIAL", 0.3048), ("NONE", 0.01)])
def test_a_size_is_in_metres_whatever_the_unit_scale(server, system, scale):
    units = bpy.context.scene.unit_settings
    units.system, units.scale_length = system, scale
    made = generate(size=2.0)
    assert max(made.dimensions) * (1.0 if system == "NONE" else scale) == pytest.approx(2.0, rel=1e-5)


@pytest.mark.parametrize("perspective", ["PERSP", "ORTHO"])
@pytest.mark.parametrize("cursor", [(60.0, 0.0, 0.0), (0.0, 500.0, 0.0)])
def test_a_viewport_that_looks_elsewhere_turns_to_the_result(server, perspective, cursor):
    view = viewport().region_3d
    view.view_perspective = perspective
    view.view_location, view.view_distance = (0, 0, 0), 5.0
    bpy.context.scene.cursor.location = cursor
    generate()
    assert tuple(view.view_location) == pytest.approx((*cursor[:2], 0.5))
    assert view.view_distance == 5.0


def test_to_show_a_result_does_not_bring_the_whole_scene_up_to_date_in_the_timers_turn(addon):
    placement = inside("scene.placement")
    mesh = inside("core.arrays").read_mesh(npz(**cube_arrays()))
    place = placement.Place((0.0, 0.0, 0.0), 1.0, bpy.context.scene.name)
    updates = []

    def note(*_: object) -> None:
        updates.append(1)

    bpy.context.view_layer.update()
    bpy.app.handlers.depsgraph_update_post.append(note)
    placement.show_preview(mesh, "a red cube", place)
    placement.show_preview(mesh, "a red cube", place)
    assert updates == []
    # A window does this between two turns.
    bpy.context.view_layer.update()
    assert updates == [1]
    placement.place(mesh, {"prompt": "a red cube", "seed": 7}, "job", "1.0.0", place)
    bpy.app.handlers.depsgraph_update_post.remove(note)
    assert updates == [1]


def test_a_viewport_that_shows_the_place_stays_as_it_is(server):
    view = viewport().region_3d
    view.view_perspective = "PERSP"
    view.view_location, view.view_distance = (0.2, 0.1, 0), 8.0
    generate()
    assert tuple(view.view_location) == pytest.approx((0.2, 0.1, 0))


@pytest.fixture
def library(tmp_path) -> str:
    """A file with a scene, and in it a collection "Generated"."""
    path = str(tmp_path / "library.blend")
    scene = bpy.data.scenes.new("shared")
    collection = bpy.data.collections.new("Generated")
    scene.collection.children.link(collection)
    bpy.data.libraries.write(path, {scene, collection})
    bpy.data.scenes.remove(scene)
    bpy.data.collections.remove(collection)
    return path


def test_a_scene_that_is_linked_is_refused_with_the_reason_before_the_click_and_nothing_is_sent(server, library):
    with bpy.data.libraries.load(library, link=True) as (_, into):
        into.scenes = ["shared"]
    (linked,) = (scene for scene in bpy.data.scenes if scene.library)
    bpy.context.window.scene = linked
    drawn = draw("MSD_PT_view3d_object").replace("\n", " ")
    assert "{msd.generate_mesh off}" in drawn
    with pytest.raises(RuntimeError, match="is linked from"):
        bpy.ops.msd.generate_mesh(prompt="a red cube")
    assert server.seen == []


def test_a_collection_that_is_linked_or_hidden_is_not_the_one_that_results_go_into(server, library):
    with bpy.data.libraries.load(library, link=True) as (_, into):
        into.collections = ["Generated"]
    (linked,) = bpy.data.collections
    bpy.context.scene.collection.children.link(linked)
    (own,) = generate().users_collection
    assert own.library is None
    layers = bpy.context.view_layer.layer_collection.children
    next(layer for layer in layers if layer.collection == own).exclude = True
    made = generate()
    assert made.visible_get()
    assert made.users_collection[0] != own


GREY = [("MATERIAL", True), ("OBJECT", True), ("RANDOM", True), ("SINGLE", True)]


def panel(kind: str) -> str:
    return f"MSD_PT_view3d_{'object' if kind == 'mesh' else 'texture'}"


@pytest.mark.parametrize(
    ("colour_type", "offered"), [*((grey, True) for grey in (*GREY, "TEXTURE")), ("VERTEX", False)]
)
def test_a_viewport_that_shows_a_mesh_in_grey_offers_its_colours(server, colour_type, offered):
    generate()
    assert ("{msd.show_colours}" in draw(panel("mesh"), shading=colour_type)) == offered


@pytest.mark.parametrize(
    ("colour_type", "offered"), [*((grey, True) for grey in (*GREY, "VERTEX")), ("TEXTURE", False)]
)
def test_a_viewport_that_shows_a_texture_in_grey_offers_its_colours(server, colour_type, offered):
    bpy.ops.mesh.primitive_plane_add()
    bpy.ops.msd.fill_texture(prompt="red bricks")
    assert ("{msd.show_colours}" in draw(panel("texture"), shading=colour_type)) == offered


@pytest.mark.parametrize("kind", ["mesh", "texture"])
def test_colours_are_offered_in_the_strip_as_well_which_no_window_is_too_low_for(server, kind):
    bpy.ops.mesh.primitive_plane_add()
    {"mesh": bpy.ops.msd.generate_mesh, "texture": bpy.ops.msd.fill_texture}[kind](prompt="red bricks")
    assert "{msd.show_colours}" in draw("MSD_PT_view3d_status", shading="MATERIAL")
    assert "show_colours" not in draw("MSD_PT_view3d_status", shading={"mesh": "VERTEX", "texture": "TEXTURE"}[kind])


def test_no_colours_are_offered_before_there_are_any(addon):
    for kind in ("mesh", "texture"):
        assert "show_colours" not in draw(panel(kind))
    assert "show_colours" not in draw("MSD_PT_view3d_status")


@pytest.mark.parametrize("shading", ["SOLID", "WIREFRAME"])
@pytest.mark.parametrize("kind", ["mesh", "texture"])
def test_show_colours_lets_this_viewport_show_them(server, kind, shading):
    bpy.ops.mesh.primitive_plane_add()
    make = {"mesh": bpy.ops.msd.generate_mesh, "texture": bpy.ops.msd.fill_texture}[kind]
    make(prompt="red bricks")
    space = viewport()
    space.shading.type = shading
    area = next(area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D")
    with bpy.context.temp_override(area=area):
        assert bpy.ops.msd.show_colours() == {"FINISHED"}
    assert (space.shading.type, space.shading.color_type) == ("SOLID", "VERTEX" if kind == "mesh" else "TEXTURE")


def start_texture(bridge, obj):
    recipe = inside("core.recipes").texture_recipe("red bricks", width=64, height=32)
    target = inside("scene.images").Target(
        None if obj is None else obj.session_uid, 1.0, "" if obj is None else obj.name
    )
    bridge.make_texture(recipe, target, inside("ui.preferences").setup())


@pytest.fixture
def forming(server, bridge):
    """A texture job that shows one live picture and goes on until it is told to finish, on a plane."""

    def script(job):
        job.send("state", state="running")
        job.progress(0.3, "Painting")
        job.live_image(np.full((16, 32, 4), 200, np.uint8))
        while not job.cancelled.wait(0.02):
            if job.finish.is_set():
                job.done(texture__png=png(64, 32))
                return

    server.script = script
    bpy.ops.mesh.primitive_plane_add()
    return SimpleNamespace(server=server, bridge=bridge, plane=bpy.context.object)


def shown_on(obj: bpy.types.Object) -> bpy.types.Image:
    tree = obj.active_material.node_tree
    assert tree.nodes.active.type == "TEX_IMAGE"
    return tree.nodes.active.image


@pytest.mark.parametrize("before", [None, "old"])
def test_the_picture_forms_on_the_object_and_the_panel_says_so(forming, before):
    old = None if before is None else bpy.data.materials.new(before)
    if old is not None:
        forming.plane.data.materials.append(old)
    start_texture(forming.bridge, forming.plane)
    pump_until(forming.bridge, lambda: forming.bridge.job.live_images == 1)
    assert "msd_preview" in shown_on(forming.plane)
    assert "Forms on Plane" in draw("MSD_PT_view3d_texture")
    forming.server.job.finish.set()
    pump_until(forming.bridge, lambda: not forming.bridge.job.busy)
    assert shown_on(forming.plane).packed_file is not None
    assert [slot.material.name for slot in forming.plane.material_slots] == ["red bricks 0"]
    assert sorted(m.name for m in bpy.data.materials) == sorted(["red bricks 0", *([before] if before else [])])


@pytest.mark.parametrize("before", [None, "old"])
def test_a_cancelled_texture_gives_the_object_back_what_it_had(forming, before):
    old = None if before is None else bpy.data.materials.new(before)
    if old is not None:
        forming.plane.data.materials.append(old)
    start_texture(forming.bridge, forming.plane)
    pump_until(forming.bridge, lambda: forming.bridge.job.live_images == 1)
    bpy.ops.msd.cancel()
    assert [slot.material for slot in forming.plane.material_slots] == ([] if old is None else [old])
    assert len(bpy.data.images) == 0


def test_a_file_saved_while_a_texture_forms_keeps_the_material_that_was_there(forming, tmp_path):
    forming.plane.data.materials.append(bpy.data.materials.new("old"))
    start_texture(forming.bridge, forming.plane)
    pump_until(forming.bridge, lambda: forming.bridge.job.live_images == 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"), copy=True)
    forming.bridge.cancel()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert bpy.data.objects["Plane"].active_material.name == "old"
    assert [material.name for material in bpy.data.materials] == ["old"]


def test_undo_to_a_step_from_while_a_texture_formed_shows_what_was_there_before(forming):
    forming.plane.data.materials.append(bpy.data.materials.new("old"))
    bpy.ops.ed.undo_push(message="before")
    start_texture(forming.bridge, forming.plane)
    pump_until(forming.bridge, lambda: forming.bridge.job.live_images == 1)
    forming.plane.location.x = 1.0
    bpy.ops.ed.undo_push(message="moved meanwhile")
    forming.server.job.finish.set()
    pump_until(forming.bridge, lambda: not forming.bridge.job.busy)
    bpy.ops.ed.undo()
    plane = bpy.data.objects["Plane"]
    assert plane.location.x == 1.0
    assert plane.active_material.name == "old"


def test_a_texture_that_failed_gives_the_object_back_what_it_had(forming):
    old = bpy.data.materials.new("old")
    forming.plane.data.materials.append(old)
    start_texture(forming.bridge, forming.plane)
    pump_until(forming.bridge, lambda: forming.bridge.job.live_images == 1)
    forming.server.job.fail("worker-died", "It died.", "")
    pump_until(forming.bridge, lambda: not forming.bridge.job.busy)
    assert forming.plane.active_material == old


@pytest.mark.parametrize("obj", ["camera", "empty"])
def test_a_texture_without_a_surface_is_refused_before_the_click_and_image_only_is_not(server, obj):
    if obj == "camera":
        bpy.ops.object.camera_add()
    elif obj == "empty":
        bpy.ops.object.empty_add()
    settings = bpy.context.scene.msd.texture
    settings.prompt = "red bricks"
    for name in ("MSD_PT_view3d_texture", "MSD_PT_image_texture", "MSD_PT_shader_texture"):
        drawn = draw(name).replace("\n", " ")
        assert "{msd.fill_texture off}" in drawn
        assert "choose Image Only" in drawn
    settings.apply = "IMAGE"
    assert "{msd.fill_texture}" in draw("MSD_PT_view3d_texture")


def test_that_only_an_image_is_made_when_nothing_is_selected_is_said_before_the_click(server):
    bpy.context.scene.msd.texture.prompt = "red bricks"
    drawn = draw("MSD_PT_view3d_texture")
    assert "{msd.fill_texture}" in drawn
    assert "Nothing is selected: only an image" in drawn.replace("\n", " ")
    bpy.ops.mesh.primitive_plane_add()
    assert "Nothing is selected" not in draw("MSD_PT_view3d_texture")


def test_an_image_editor_keeps_the_size_of_its_picture_when_the_final_one_has_more_pixels(forming):
    area = next(area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D")
    area.type = "IMAGE_EDITOR"
    space = area.spaces.active
    start_texture(forming.bridge, forming.plane)
    pump_until(forming.bridge, lambda: forming.bridge.job.live_images == 1)
    assert space.image.size[0] == 32
    before = space.zoom[0] * space.image.size[0]
    forming.server.job.finish.set()
    pump_until(forming.bridge, lambda: not forming.bridge.job.busy)
    # Decoding takes as long as ten turns may; Blender does it when it draws.
    assert not space.image.has_data
    assert space.image.size[0] == 64
    assert space.zoom[0] * space.image.size[0] == pytest.approx(before)


def test_a_live_picture_of_another_scenes_file_changes_nothing(server, bridge, start):
    server.script = lambda job: job.done(mesh__npz=npz(**cube_arrays()))
    start()
    bridge.lose_scene()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert list(bpy.data.objects) == []
