"""What can be made of a finished object: fewer faces, levels of detail, a hull, an asset; each in one undo step."""

from __future__ import annotations

import bmesh
import bpy
import numpy as np
import pytest
from fake_server import npz, png


def ball(rings: int = 24, segments: int = 48) -> dict[str, np.ndarray]:
    """A ball of longest side 1 on the ground, red below and blue above, with UVs by angle."""
    shape = bmesh.new()
    bmesh.ops.create_uvsphere(shape, u_segments=segments, v_segments=rings, radius=0.5)
    bmesh.ops.triangulate(shape, faces=shape.faces[:])
    position = np.array([vertex.co[:] for vertex in shape.verts], np.float32)
    ground = np.array([0, 0, 0.5], np.float32)
    triangle = np.array([[vertex.index for vertex in face.verts] for face in shape.faces], np.int32)
    shape.free()
    colour = np.where(position[:, 2:] > 0, [[30, 60, 200, 255]], [[200, 30, 20, 255]]).astype(np.uint8)
    uv = np.stack([np.arctan2(position[:, 1], position[:, 0]) / 6.2832 + 0.5, position[:, 2] + 0.5], -1)
    corner = uv[triangle].astype(np.float32)
    wraps = np.ptp(corner[..., 0], axis=1) > 0.5
    corner[wraps, :, 0] += (corner[wraps, :, 0] < 0.5).astype(np.float32)
    corner[..., 0] *= 0.99 / max(1.0, float(corner[..., 0].max()))
    return {"position": position + ground, "triangle": triangle, "colour": colour, "uv": corner}


@pytest.fixture
def made(server):
    """A ball with pictures, of 2208 triangles."""

    def script(job):
        job.send("state", state="running")
        job.done(mesh__npz=npz(**ball()), albedo__png=png(64, 64), normal__png=png(64, 64, (128, 128, 255)))

    server.script = script
    assert bpy.ops.msd.generate_mesh(prompt="a red ball with a blue top", seed=7) == {"FINISHED"}
    bpy.ops.ed.undo_push(message="before")
    return bpy.context.object


def named(name: str) -> bpy.types.Object:
    return bpy.data.objects[name]


def is_closed(mesh: bpy.types.Mesh) -> bool:
    shape = bmesh.new()
    shape.from_mesh(mesh)
    closed = all(edge.is_manifold for edge in shape.edges)
    shape.free()
    return closed


def test_fewer_faces_keep_colours_uvs_and_material(made):
    material = made.data.materials[0]
    assert bpy.ops.msd.reduce_faces(faces=500) == {"FINISHED"}
    assert len(made.data.polygons) <= 500
    assert made.data.materials[0] == material
    assert made.data.uv_layers.active.name == "Baked"
    colours = np.empty(4 * len(made.data.vertices), np.float32)
    made.data.color_attributes["Col"].data.foreach_get("color_srgb", colours)
    above = np.array([vertex.co.z > 0.6 for vertex in made.data.vertices])
    assert (colours.reshape(-1, 4)[above, 2] > 0.7).all()
    assert tuple(made.dimensions) == pytest.approx((1, 1, 1), abs=0.03)
    assert not made.modifiers


def test_faces_that_are_few_enough_are_left_alone(made):
    before = made.data
    assert bpy.ops.msd.reduce_faces(faces=100_000) == {"FINISHED"}
    assert made.data == before


def test_levels_of_detail_are_hidden_copies_of_one_material_below_the_object(made):
    assert bpy.ops.msd.make_lods(levels=3, ratio=0.5) == {"FINISHED"}
    lods = [named(f"{made.name}_LOD{level}") for level in (1, 2, 3)]
    faces = [len(lod.data.polygons) for lod in lods]
    assert faces == pytest.approx([1104, 552, 276], rel=0.02)
    for lod in lods:
        assert lod.data.materials[0] == made.data.materials[0]
        assert lod.data.uv_layers.active.name == "Baked"
        assert lod.parent == made
        assert lod.matrix_world == made.matrix_world
        assert lod.users_collection == made.users_collection
        assert lod.hide_get()
        assert lod.hide_render
    assert len(made.data.polygons) == 2208
    assert bpy.context.object == made


def test_levels_of_detail_that_are_made_again_take_the_place_of_the_old_ones(made):
    bpy.ops.msd.make_lods(levels=3, ratio=0.5)
    bpy.ops.msd.make_lods(levels=2, ratio=0.25)
    assert [child.name for child in made.children] == [f"{made.name}_LOD1", f"{made.name}_LOD2"]
    assert len(bpy.data.meshes) == 3


def test_the_hull_is_convex_closed_of_few_faces_and_as_large_as_the_object(made):
    assert bpy.ops.msd.make_hull(faces=100) == {"FINISHED"}
    hull = named(f"UCX_{made.name}")
    assert len(hull.data.polygons) <= 100
    assert is_closed(hull.data)
    for polygon in hull.data.polygons:
        beyond = [(vertex.co - polygon.center).dot(polygon.normal) for vertex in hull.data.vertices]
        assert max(beyond) < 1e-4
    assert tuple(hull.dimensions) == pytest.approx((1, 1, 1), abs=0.06)
    assert hull.parent == made
    assert not hull.data.materials
    assert hull.hide_render


def test_an_asset_has_a_preview_the_prompts_words_and_says_where_it_comes_from(made):
    assert bpy.ops.msd.mark_asset() == {"FINISHED"}
    about = made.asset_data
    assert [tag.name for tag in about.tags] == ["red", "ball", "blue", "top"]
    assert "a red ball with a blue top" in about.description
    assert "seed 7" in about.description
    assert min(made.preview.image_size) > 0


def test_an_asset_takes_tags_and_a_description_of_ones_own(made):
    bpy.ops.msd.mark_asset(tags="prop, toy", description="For the nursery")
    assert [tag.name for tag in made.asset_data.tags] == ["prop", "toy"]
    assert made.asset_data.description == "For the nursery"


@pytest.mark.parametrize("name", ["reduce_faces", "make_lods", "make_hull", "mark_asset"])
def test_each_of_them_is_one_undo_step(made, name):
    before, name_before = sorted(obj.name for obj in bpy.data.objects), made.name
    getattr(bpy.ops.msd, name)("EXEC_DEFAULT", True)
    bpy.ops.ed.undo()
    assert sorted(obj.name for obj in bpy.data.objects) == before
    assert len(named(name_before).data.polygons) == 2208
    assert named(name_before).asset_data is None


@pytest.mark.parametrize("name", ["reduce_faces", "make_lods", "make_hull", "mark_asset"])
def test_an_object_that_was_not_made_here_is_refused_by_name(addon, name):
    bpy.ops.mesh.primitive_cube_add()
    with pytest.raises(RuntimeError, match="Cube was not made from a prompt"):
        getattr(bpy.ops.msd, name)()


def test_an_object_that_is_being_edited_is_refused(made):
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="being edited"):
        bpy.ops.msd.make_lods()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("reduce_faces", {"faces": 3}),
        ("make_lods", {"levels": 0}),
        ("make_lods", {"ratio": 1.5}),
        ("make_hull", {"faces": 1}),
    ],
)
def test_numbers_that_make_no_sense_are_refused_and_change_nothing(made, name, values):
    with pytest.raises(RuntimeError, match="Choose a"):
        getattr(bpy.ops.msd, name)(**values)
    assert [obj.name for obj in bpy.data.objects] == [made.name]
    assert len(made.data.polygons) == 2208
