"""A finished object in other programs' files: each is read again, as another program would."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import bmesh
import bpy
import numpy as np
import pytest
from test_asset import is_closed, made  # noqa: F401
from test_panels import Paper

READERS = {
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path),
    ".usdz": lambda path: bpy.ops.wm.usd_import(filepath=path),
    ".usdc": lambda path: bpy.ops.wm.usd_import(filepath=path),
    ".stl": lambda path: bpy.ops.wm.stl_import(filepath=path),
}
FORMATS = {".glb": "GLB", ".obj": "OBJ", ".fbx": "FBX", ".usdz": "USD", ".usdc": "USD"}


def read(path: Path) -> list[bpy.types.Object]:
    """What a file holds, in an empty scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    READERS[path.suffix](str(path))
    bpy.context.view_layer.update()
    return [obj for obj in bpy.data.objects if obj.type == "MESH"]


def export(path: Path, **choices) -> None:
    assert bpy.ops.msd.export_object(filepath=str(path), **choices) == {"FINISHED"}


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_brings_the_mesh_its_size_its_uvs_and_both_pictures(made, tmp_path, ending):  # noqa: F811
    path = tmp_path / f"ball{ending}"
    export(path, format=FORMATS[ending])
    (obj,) = read(path)
    assert len(obj.data.polygons) == 2208
    assert tuple(obj.dimensions) == pytest.approx((1, 1, 1), abs=0.02)
    assert obj.data.uv_layers
    corners = np.array([obj.matrix_world @ vertex.co for vertex in obj.data.vertices])
    assert corners[:, 2].min() == pytest.approx(0, abs=1e-4)
    nodes = obj.data.materials[0].node_tree.nodes
    sizes = [tuple(node.image.size) for node in nodes if node.type == "TEX_IMAGE"]
    assert sizes == [(64, 64), (64, 64)]


@pytest.mark.parametrize("ending", [".glb", ".fbx"])
def test_levels_and_hull_come_along_unless_they_are_not_wanted(made, tmp_path, ending):  # noqa: F811
    bpy.ops.msd.make_lods(levels=2)
    bpy.ops.msd.make_hull()
    hidden = {obj.name: (obj.hide_get(), obj.hide_render) for obj in bpy.data.objects}
    export(tmp_path / f"all{ending}", format=FORMATS[ending])
    export(tmp_path / f"one{ending}", format=FORMATS[ending], with_parts=False)
    assert {obj.name: (obj.hide_get(), obj.hide_render) for obj in bpy.data.objects} == hidden
    assert bpy.context.selected_objects == [made]
    name = made.name
    names = {obj.name for obj in read(tmp_path / f"all{ending}")}
    assert names == {name, f"{name}_LOD1", f"{name}_LOD2", f"UCX_{name}"}
    assert len(read(tmp_path / f"one{ending}")) == 1


def test_an_object_in_glb_carries_its_recipe(made, tmp_path):  # noqa: F811
    export(tmp_path / "ball.glb", format="GLB")
    assert read(tmp_path / "ball.glb")[0]["msd_prompt"] == "a red ball with a blue top"


def test_stl_is_closed_and_as_large_in_millimetres_as_was_said(made, tmp_path):  # noqa: F811
    made.scale = (3, 3, 3)
    export(tmp_path / "ball.stl", format="STL", size_mm=80.0)
    (obj,) = read(tmp_path / "ball.stl")
    assert tuple(obj.dimensions) == pytest.approx((80, 80, 80), rel=0.01)
    assert is_closed(obj.data)


def three_mf(path: Path) -> tuple[str, np.ndarray, np.ndarray]:
    """Unit, vertices and triangles, by the names of the standard."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert {"[Content_Types].xml", "_rels/.rels", "3D/3dmodel.model"} <= set(archive.namelist())
        root = ElementTree.fromstring(archive.read("3D/3dmodel.model"))
    space = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"
    vertices = [[float(each.get(axis)) for axis in "xyz"] for each in root.iter(f"{space}vertex")]
    triangles = [[int(each.get(f"v{i}")) for i in (1, 2, 3)] for each in root.iter(f"{space}triangle")]
    return root.get("unit"), np.array(vertices), np.array(triangles)


def volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def test_3mf_says_millimetres_and_holds_a_closed_body_on_the_plate_its_faces_outwards(made, tmp_path):  # noqa: F811
    export(tmp_path / "ball.3mf", format="3MF", size_mm=80.0)
    unit, vertices, triangles = three_mf(tmp_path / "ball.3mf")
    assert unit == "millimeter"
    assert np.ptp(vertices, axis=0) == pytest.approx([80, 80, 80], rel=0.01)
    assert vertices[:, 2].min() == pytest.approx(0, abs=1e-4)
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert volume(vertices, triangles) == pytest.approx(np.pi / 6 * 80**3, rel=0.02)


@pytest.mark.parametrize("form", ["STL", "3MF"])
def test_a_body_with_a_hole_is_closed_before_it_is_printed_and_the_object_stays_as_it_was(made, tmp_path, form):  # noqa: F811
    shape = bmesh.new()
    shape.from_mesh(made.data)
    shape.faces.ensure_lookup_table()
    bmesh.ops.delete(shape, geom=[shape.faces[0]], context="FACES_ONLY")
    shape.to_mesh(made.data)
    shape.free()
    path = tmp_path / f"ball.{form.lower()}"
    export(path, format=form, size_mm=80.0)
    assert len(made.data.polygons) == 2207
    assert [obj.name for obj in bpy.data.objects] == [made.name]
    if form == "STL":
        (obj,) = read(path)
        assert is_closed(obj.data)
        assert tuple(obj.dimensions) == pytest.approx((80, 80, 80), rel=0.01)
    else:
        _, vertices, triangles = three_mf(path)
        assert volume(vertices, triangles) == pytest.approx(np.pi / 6 * 80**3, rel=0.03)


def test_a_surface_that_runs_through_itself_is_remeshed_for_the_printer(made, tmp_path):  # noqa: F811
    shape = bmesh.new()
    shape.from_mesh(made.data)
    corner = next(vertex for vertex in shape.verts if vertex.co.z > 0.99)
    shape.faces.new([corner, *(shape.verts.new((0, x, 0.5)) for x in (0.1, 0.2))])  # a flap, which no face closes
    shape.to_mesh(made.data)
    shape.free()
    export(tmp_path / "ball.3mf", format="3MF", size_mm=80.0)
    _, vertices, triangles = three_mf(tmp_path / "ball.3mf")
    assert volume(vertices, triangles) == pytest.approx(np.pi / 6 * 80**3, rel=0.05)


def test_a_sheet_is_refused_by_the_printers_formats(made, tmp_path):  # noqa: F811
    made.data.clear_geometry()
    made.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)], [], [(0, 1, 2), (1, 3, 2)])
    with pytest.raises(RuntimeError, match="encloses no volume"):
        bpy.ops.msd.export_object(filepath=str(tmp_path / "sheet.stl"), format="STL")
    assert not (tmp_path / "sheet.stl").exists()


def test_a_file_without_an_ending_gets_that_of_its_format(made, tmp_path):  # noqa: F811
    export(tmp_path / "ball", format="STL")
    assert (tmp_path / "ball.stl").exists()


def test_a_folder_that_is_not_there_is_said_and_nothing_changes(made, tmp_path):  # noqa: F811
    for form in ("GLB", "OBJ", "FBX", "USD", "STL", "3MF"):
        with pytest.raises(RuntimeError, match="could not be written"):
            bpy.ops.msd.export_object(filepath=str(tmp_path / "nowhere" / "ball"), format=form)
    assert bpy.context.selected_objects == [made]
    assert [obj.name for obj in bpy.data.objects] == [made.name]


def test_an_exporter_that_is_switched_off_is_named(made, tmp_path):  # noqa: F811
    bpy.ops.preferences.addon_disable(module="io_scene_fbx")
    with pytest.raises(RuntimeError, match="exporter for FBX is switched off"):
        bpy.ops.msd.export_object(filepath=str(tmp_path / "ball.fbx"), format="FBX")


def test_every_format_is_in_the_menu(addon):
    formats, paper = [], Paper()

    def operator(name: str, text: str, icon: str) -> SimpleNamespace:
        formats.append(SimpleNamespace(text=text))
        return formats[-1]

    object.__setattr__(paper, "operator", operator)
    bpy.types.MSD_MT_export.draw(SimpleNamespace(layout=paper), bpy.context)
    assert [each.format for each in formats] == ["GLB", "OBJ", "FBX", "USD", "STL", "3MF"]
    assert [each.text for each in formats][-1] == "3MF (.3mf), to Print"


def test_the_file_is_asked_for_where_none_is_given(made):  # noqa: F811
    with pytest.raises(RuntimeError, match="No file was named"):
        bpy.ops.msd.export_object("EXEC_DEFAULT", format="GLB")
