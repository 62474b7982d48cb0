"""A finished object as a file for other programs, by Blender's own exporters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import Problem
from ..core.names import file_words
from . import owned, solids
from .present import present

# By the name of each format: the endings that its files may have, the first by default.
FORMATS = {
    "GLB": (".glb",),
    "OBJ": (".obj",),
    "FBX": (".fbx",),
    "USD": (".usdz", ".usdc", ".usda", ".usd"),
    "STL": (".stl",),
    "3MF": (".3mf",),
}
# For printers: closed, without colours, in millimetres.
SOLID = ("STL", "3MF")


def export(obj: bpy.types.Object, path: Path, form: str, size_mm: float, with_parts: bool) -> str:
    """Write an object, and what was derived from it, to a file; returns a sentence on what was done, or nothing.

    Args:
        path: with an ending of the format.
        form: one of FORMATS.
        size_mm: the longest side, of a format of SOLID.
        with_parts: whether levels of detail and the hull come along; never in a format of SOLID.

    Raises:
        Problem: "exporter-missing", "export-failed", "mesh-empty", "surface-open".
    """
    if not path.parent.is_dir():
        raise _failed(path, "there is no such folder")  # which some exporters would make
    if form in SOLID:
        return _export_solid(obj, path, form, size_mm)
    parts = owned.parts_of(obj) if with_parts else []
    with _chosen([obj, *parts]), _pictures_beside(obj, path, form == "OBJ"):
        _run(form, _exporters(form), path)
    return ""


def _export_solid(obj: bpy.types.Object, path: Path, form: str, size_mm: float) -> str:
    with solids.closed(obj, size_mm) as (solid, said):
        if form == "STL":
            with _chosen([solid]):
                _run(form, lambda file: bpy.ops.wm.stl_export(filepath=file, export_selected_objects=True), path)
        else:
            try:
                path.write_bytes(solids.three_mf_of(solid))
            except OSError as error:
                raise _failed(path, error.strerror or str(error)) from None
    return said


def _exporters(form: str) -> Callable[[str], Any]:
    match form:
        case "GLB":
            # Its recipe goes along.
            return lambda file: bpy.ops.export_scene.gltf(
                filepath=file, export_format="GLB", use_selection=True, export_extras=True
            )
        case "OBJ":
            return lambda file: bpy.ops.wm.obj_export(
                filepath=file, export_selected_objects=True, path_mode="COPY", export_colors=True
            )
        case "FBX":
            return lambda file: bpy.ops.export_scene.fbx(
                filepath=file, use_selection=True, path_mode="COPY", embed_textures=True, object_types={"MESH"}
            )
        case _:
            return lambda file: bpy.ops.wm.usd_export(filepath=file, selected_objects_only=True)


def _run(form: str, write: Callable[[str], Any], path: Path) -> None:
    try:
        done = write(str(path))
    except AttributeError:
        # Of an exporter that is an add-on, which can be switched off.
        hint = "Switch it on in Blender's preferences, Add-ons."
        raise Problem("exporter-missing", f"Blender's exporter for {form} is switched off.", hint) from None
    except RuntimeError as error:
        raise _failed(path, str(error).strip().removeprefix("Error: ")) from None
    if done != {"FINISHED"} or not path.exists():
        raise _failed(path, "Blender wrote nothing")


def _failed(path: Path, why: str) -> Problem:
    hint = "Choose a folder that can be written, with enough room."
    return Problem("export-failed", f"{path} could not be written ({why}).", hint)


@contextmanager
def _pictures_beside(obj: bpy.types.Object, path: Path, wanted: bool) -> Iterator[None]:
    """Write the pictures of an object's materials beside a file, where an exporter looks that reads no packed ones."""
    paths: dict[bpy.types.Image, str] = {}
    try:
        for image in _pictures(obj) if wanted else ():
            file = path.with_name(f"{path.stem}_{file_words(image.name)}.png")
            data: Any = present(image.packed_file).data
            file.write_bytes(bytes(data))
            paths[image], image.filepath = image.filepath, str(file)
        yield
    except OSError as error:
        raise _failed(path, error.strerror or str(error)) from None
    finally:
        for image, before in paths.items():
            image.filepath = before


def _pictures(obj: bpy.types.Object) -> Iterator[bpy.types.Image]:
    """That a file of this Blender holds; those that lie on disk are found there."""
    trees = [slot.material.node_tree for slot in obj.material_slots if slot.material is not None]
    for node in [node for tree in trees if tree is not None for node in tree.nodes]:
        if isinstance(node, bpy.types.ShaderNodeTexImage) and node.image is not None and node.image.packed_file:
            yield node.image


@contextmanager
def _chosen(objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Let nothing but these be selected, and let all of them be seen; afterwards everything is as it was."""
    layer = present(bpy.context.view_layer)
    active, selected = layer.objects.active, list(layer.objects.selected)
    hidden = [obj for obj in objects if obj.hide_get()]
    unrendered = [obj for obj in objects if obj.hide_render]
    try:
        for obj in selected:
            obj.select_set(False)
        for obj in objects:
            obj.hide_set(False)
            obj.hide_render = False
            obj.select_set(True)
        layer.objects.active = objects[0]
        yield
    finally:
        for obj in objects:
            obj.select_set(False)
        for obj in hidden:
            obj.hide_set(True)
        for obj in unrendered:
            obj.hide_render = True
        for obj in selected:
            obj.select_set(True)
        layer.objects.active = active
