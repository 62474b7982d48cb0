"""Shapes made from prompts are compared with the true shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from server.errors import BadRequest
from server.evaluation.shapes import compare, evaluate_shapes
from server.meshing.fields import from_torch
from server.meshing.finish import finish
from server.priors.procedural.shapes import signed_distance
from server.recipe import MeshRecipe


def finished(kind: str, turn: bool = False):
    def density(points: torch.Tensor) -> torch.Tensor:
        if turn:
            points = points * torch.tensor([-1.0, -1.0, 1.0])
        return 4 * torch.exp((-1000 * signed_distance(kind, points)).clamp(-20, 5.5))

    grey = from_torch(lambda points: torch.full((len(points), 3), 0.5))
    return finish(from_torch(density), grey, MeshRecipe(resolution=112, faces=8000, texture_size=0), lambda event: None)


# The chair's legs and planks are four voxels thick, so that a quarter of a voxel is a tenth of its volume.
@pytest.mark.parametrize(("kind", "volume_iou"), [("cube", 0.97), ("duck", 0.97), ("chair", 0.85)])
def test_the_true_shape_scores_nearly_one(kind: str, volume_iou: float) -> None:
    result = finished(kind)
    scores = compare(result.mesh, result.placement, kind)
    assert scores["volume_iou"] > volume_iou
    assert scores["silhouette_iou"] > 0.94
    assert scores["chamfer"] < 0.01


def test_a_shape_that_faces_backward_scores_low() -> None:
    result = finished("duck", turn=True)
    scores = compare(result.mesh, result.placement, "duck")
    assert scores["volume_iou"] < 0.7
    assert scores["chamfer"] > 0.02


def test_the_wrong_shape_scores_low() -> None:
    result = finished("cube")
    assert compare(result.mesh, result.placement, "table")["volume_iou"] < 0.5


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
    assert result["means"]["sds"]["chamfer"] == pytest.approx(sum(row["chamfer"] for row in seen) / 2, abs=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-red-cube-sds-0.png", "a-red-cube-sds-1.png"]
