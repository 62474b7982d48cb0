"""Shapes made from prompts are compared with the true shapes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from server.errors import BadRequest
from server.evaluation.colours import ColouredMesh, true_colours
from server.evaluation.shapes import SCORES, compare, evaluate_shapes, meshed_surface, raw_surface
from server.evaluation.variants import Variant
from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.meshing.arrays import Floats
from server.meshing.field_mesh import mesh_field
from server.meshing.fields import from_torch
from server.recipe import MeshRecipe, read_recipe
from server.studio.checkpoint import KeptField
from server.world.captions import KINDS, Caption
from server.world.shapes import signed_distance


def usual(kind: str) -> Caption:
    return Caption("mesh", kind, KINDS[kind].colour)


def meshed(kind: str, turn: bool = False, texture_size: int = 0) -> ColouredMesh:
    def density(points: torch.Tensor) -> torch.Tensor:
        if turn:
            points = points * torch.tensor([-1.0, -1.0, 1.0])
        return 4 * torch.exp((-1000 * signed_distance(kind, points)).clamp(-20, 5.5))

    def colour(points: Floats) -> Floats:
        return true_colours(usual(kind), points * np.float32([-1, -1, 1]) if turn else points)

    recipe = MeshRecipe(resolution=112, faces=8000, texture_size=texture_size)
    result = mesh_field(from_torch(density), colour, recipe, lambda phase, done: None)
    assert (result.texture is None) == (texture_size == 0)
    return meshed_surface(result.mesh, result.texture, result.placement)


# The chair's legs and planks are four voxels thick, so that a quarter of a voxel is a tenth of its volume.
@pytest.mark.parametrize(("kind", "volume_iou"), [("cube", 0.97), ("duck", 0.97), ("chair", 0.85)])
def test_the_true_object_scores_nearly_one_and_has_no_colour_error(kind: str, volume_iou: float) -> None:
    scores = compare(meshed(kind), usual(kind))
    assert tuple(scores) == SCORES
    assert scores["volume_iou"] > volume_iou
    assert scores["silhouette_iou"] > 0.94
    assert scores["chamfer"] < 0.01
    assert scores["normal_consistency"] > 0.97
    assert scores["colour_error"] < 1.5
    assert scores["seen_colour_error"] < 1.5
    assert (scores["planarity"] is None) == (kind == "duck")
    # Smoothing rounds edges, not planes.
    assert kind == "duck" or scores["planarity"] < 2


def test_baked_colours_are_compared_where_there_are_some() -> None:
    painted = meshed("duck", texture_size=256)
    assert compare(painted, usual("duck"))["colour_error"] < 1.5
    assert painted.texture is not None
    painted.texture.albedo[:] = 0
    assert compare(painted, usual("duck"))["colour_error"] > 50


def test_the_wrong_colour_is_noticed_and_the_shape_scores_as_before() -> None:
    duck = meshed("duck")
    right, wrong = compare(duck, usual("duck")), compare(duck, Caption("mesh", "duck", "blue"))
    assert wrong["colour_error"] > 50
    assert wrong["seen_colour_error"] > 50
    colours = {"colour_error": 0, "seen_colour_error": 0}
    assert {**wrong, **colours} == {**right, **colours}


def test_what_no_camera_sees_counts_in_one_of_the_two_errors_of_colour() -> None:
    cube = meshed("cube")
    height = cube.vertices[:, 2]
    cube.colours[height < height.min() + 0.02] = 0
    scores = compare(cube, usual("cube"))
    assert scores["colour_error"] > 8
    assert scores["seen_colour_error"] < 3


def test_a_shape_that_faces_backward_scores_low() -> None:
    scores = compare(meshed("duck", turn=True), usual("duck"))
    assert scores["volume_iou"] < 0.7
    assert scores["chamfer"] > 0.02
    assert scores["normal_consistency"] < 0.85
    assert scores["colour_error"] > 5


def test_the_wrong_shape_scores_low() -> None:
    assert compare(meshed("cube"), usual("table"))["volume_iou"] < 0.5


def learned(caption: Caption) -> KeptField:
    """A field fitted for a few seconds to the density and the colours of an object."""
    generator = torch.Generator().manual_seed(0)
    field = RadianceField(HashGridShape(), generator)
    optimiser = torch.optim.Adam(field.parameters(), 1e-2)
    for _ in range(120):
        points = torch.rand(1 << 13, 3, generator=generator) * 2 - 1
        distance = signed_distance(caption.name, points)
        near = distance.abs() < 0.15
        points, distance = points[near], distance[near]
        density, colour = field(points)
        paint = torch.from_numpy(true_colours(caption, points.numpy()))
        wrong = (density.clamp_min(1e-6).log().clamp(-2, 6) - (2 - 60 * distance).clamp(-2, 6)).square().mean()
        loss = wrong + 10 * (colour - paint).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    cells = torch.ones(32, 32, 32, dtype=torch.bool)
    return KeptField(field, cells, read_recipe({"kind": "mesh", "prompt": caption.text()}))


def test_meshing_costs_no_more_than_a_fiftieth_of_the_volume() -> None:
    """A tenth of the faces is left, and the mesh is as good."""
    kept, recipe = learned(usual("duck")), MeshRecipe(resolution=96, faces=4000, texture_size=256)
    density, colour = from_torch(kept.field.density), from_torch(kept.field.colour)
    result = mesh_field(density, colour, recipe, lambda phase, done: None)
    mesh = meshed_surface(result.mesh, result.texture, result.placement)
    raw = raw_surface(kept, recipe.resolution, result.report["level"])
    assert len(raw.triangles) > 5 * len(mesh.triangles)
    before, after = compare(raw, usual("duck")), compare(mesh, usual("duck"))
    assert before["volume_iou"] > 0.85
    assert after["volume_iou"] > before["volume_iou"] - 0.02
    # Smoothing takes the grain away.
    assert after["normal_consistency"] > before["normal_consistency"]
    assert after["colour_error"] < before["colour_error"] + 0.5


def test_prompts_are_read_before_anything_is_made() -> None:
    with pytest.raises(BadRequest) as caught:
        evaluate_shapes(["a red cube", "a quantum fluctuation"])
    assert caught.value.code == "prompt-unreadable"


def test_settings_that_are_no_recipe_are_refused_before_anything_is_made() -> None:
    with pytest.raises(BadRequest) as caught:
        evaluate_shapes(["a red cube"], settings={"mesh": {"sides": 6}})
    assert caught.value.code == "recipe-invalid"


def test_every_prompt_method_and_seed_is_a_row(tmp_path: Path) -> None:
    """Far too few steps for a shape, but enough for the blob that every field starts from."""
    seen = []
    result = evaluate_shapes(
        ["a red cube"],
        seeds=(0, 1),
        methods=("sds",),
        prior="exact",
        settings={"steps": 2, "mesh": {"resolution": 32, "faces": 1000, "texture_size": 0}},
        pictures=tmp_path,
        on_row=seen.append,
    )
    assert result["rows"] == seen
    assert [(row["prompt"], row["method"], row["seed"]) for row in seen] == [
        ("a red cube", "sds", 0),
        ("a red cube", "sds", 1),
    ]
    assert all(0 <= row["volume_iou"] <= 1 and row["denoiser_calls"] > 0 for row in seen)
    assert all(0 <= row["raw_volume_iou"] <= 1 and row["colour_error"] > 0 for row in seen)
    lost = [row["raw_volume_iou"] - row["volume_iou"] for row in seen]
    assert result["meshing_cost"] == {"sds": pytest.approx(sum(lost) / 2, abs=1e-4)}
    assert result["means"]["sds"]["chamfer"] == pytest.approx(sum(row["chamfer"] for row in seen) / 2, abs=1e-4)
    assert result["means"]["sds"]["planarity"] == pytest.approx(sum(row["planarity"] for row in seen) / 2, abs=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-red-cube-sds-0.png", "a-red-cube-sds-1.png"]


def test_a_row_of_an_object_that_nothing_came_of_says_so() -> None:
    too_wide = {"bandwidth_start": 50.0, "bandwidth_end": 50.0}
    settings = {"steps": 21, "guidance": too_wide, "mesh": {"resolution": 32, "faces": 1000, "texture_size": 0}}
    result = evaluate_shapes(["a red cube"], prior="exact", settings=settings)
    (row,) = result["rows"]
    assert row["unformed"] is True
    assert any("before the first step" in warning for warning in row["warnings"])
    assert result["means"]["msd"]["unformed"] == 1.0


def test_a_measure_that_an_object_does_not_have_is_null_and_left_out_of_the_means() -> None:
    settings = {"steps": 2, "mesh": {"resolution": 32, "faces": 1000, "texture_size": 0}}
    both = evaluate_shapes(["a red ball", "a red cube"], (0, 1), prior="exact", settings=settings)
    of_cube = [row["planarity"] for row in both["rows"] if row["prompt"] == "a red cube"]
    assert all(row["planarity"] is None for row in both["rows"] if row["prompt"] == "a red ball")
    assert both["means"]["msd"]["planarity"] == pytest.approx(sum(of_cube) / 2, abs=1e-4)
    ball = evaluate_shapes(["a red ball"], (0, 1), prior="exact", settings=settings)
    assert ball["means"]["msd"]["planarity"] is None
    assert ball["spread"]["msd"]["planarity"] is None
    for result in (both, ball):
        json.dumps(result, allow_nan=False)


def test_a_row_whose_method_is_deaf_to_what_it_is_named_after_is_warned_of_once() -> None:
    settings = {"steps": 2, "mesh": {"resolution": 32, "faces": 1000, "texture_size": 0}}
    wide = [Variant(method, bandwidths=(2.0, 0.5)) for method in ("sds", "noised")]
    result = evaluate_shapes(["a red cube"], (0, 1), wide, prior="exact", settings=settings)
    assert result["warnings"] == ["sds, 2-0.5: the rule does not listen to bandwidth_start, bandwidth_end."]
