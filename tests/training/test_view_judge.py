"""A judge of views tells where things face, and the faces of a shape can be counted with it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from server.evaluation.colours import true_colours
from server.evaluation.faces import faces
from server.meshing.arrays import Floats, MeshArrays
from server.meshing.field_mesh import mesh_field
from server.meshing.fields import from_torch
from server.recipe import MeshRecipe
from server.training.judge import read_weights
from server.training.view_judge import KINDS_WITH_A_FRONT, SIDES, ViewJudge, side_of, trained_view_judge
from server.world.captions import KINDS, Caption
from server.world.shapes import signed_distance
from server.world.views import Views

TURN = np.float32([-1, -1, 1])


@pytest.fixture(scope="module")
def judge() -> ViewJudge:
    """One that `evaluate shapes` trained; training it takes minutes."""
    found = ViewJudge()
    read_weights(found, Path(__file__).parent.parent / "stand_in" / "view_judge.safetensors")
    return found.eval()


@cache
def shape(kind: str, turned: bool = False, both: bool = False) -> MeshArrays:
    """The true object; `turned` faces backward, `both` faces both ways."""

    def density(points: torch.Tensor) -> torch.Tensor:
        other = points * torch.from_numpy(TURN)
        distance = signed_distance(kind, other if turned else points)
        if both:
            distance = torch.minimum(distance, signed_distance(kind, other))
        return 4 * torch.exp((-1000 * distance).clamp(-20, 5.5))

    def colour(points: Floats) -> Floats:
        return true_colours(Caption("mesh", kind, KINDS[kind].colour), points * TURN if turned else points)

    recipe = MeshRecipe(resolution=96, faces=8000, texture_size=0)
    return mesh_field(from_torch(density), colour, recipe, lambda phase, done: None).mesh


def counted(judge: ViewJudge, mesh: MeshArrays, kind: str) -> tuple[float, float]:
    found = faces(judge, mesh, None, kind)
    assert found["janus"] is not None
    assert found["facing"] is not None
    return found["janus"], found["facing"]


@pytest.mark.parametrize("kind", KINDS_WITH_A_FRONT)
def test_a_true_shape_has_its_face_in_front_and_none_behind(kind: str, judge: ViewJudge) -> None:
    janus, facing = counted(judge, shape(kind), kind)
    assert janus <= 0.3
    assert facing >= 0.65


@pytest.mark.parametrize("kind", ["duck", "chair"])
def test_a_shape_that_faces_backward_has_its_face_behind(kind: str, judge: ViewJudge) -> None:
    janus, facing = counted(judge, shape(kind, turned=True), kind)
    assert janus >= 0.65
    assert facing <= 0.3


def test_a_duck_with_two_heads_is_found_out(judge: ViewJudge) -> None:
    janus, facing = counted(judge, shape("duck", both=True), "duck")
    assert janus >= 0.5
    assert facing >= 0.5


def test_faces_of_what_has_no_front_are_not_counted(judge: ViewJudge) -> None:
    assert faces(judge, shape("chair"), None, "ball") == {"janus": None, "facing": None}


def test_sides_are_told_by_the_azimuth_alone() -> None:
    views = Views.orbit([0.0, 40.0, 50.0, 130.0, 140.0, 180.0, 270.0, 330.0], elevation_deg=75.0)
    assert [SIDES[int(side)] for side in side_of(views)] == [
        "front", "front", "side", "side", "back", "back", "side", "front"
    ]  # fmt: skip


def test_a_judge_is_trained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.training.view_judge.VIEWS", 3)
    steps: list[int] = []
    first = trained_view_judge(tmp_path, 2, lambda: steps.append(1))
    kept = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    again = trained_view_judge(tmp_path, 2, lambda: steps.append(1))
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == kept
    assert len(steps) == 4
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
