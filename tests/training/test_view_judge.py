"""A judge of views tells where things face, and the faces of a shape can be counted with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from server.evaluation.colours import true_colours
from server.evaluation.faces import faces
from server.meshing.arrays import MeshArrays
from server.meshing.fields import Floats, from_torch
from server.meshing.finish import finish
from server.recipe import MeshRecipe
from server.training.photographs import PhotographBank
from server.training.view_judge import SIDES, ViewJudge, side_of, train_view_judge, trained_view_judge
from server.world.captions import Caption
from server.world.shapes import signed_distance
from server.world.views import Views

TURN = np.float32([-1, -1, 1])


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> ViewJudge:
    """It knows chairs, and no more than a test needs."""
    bank = PhotographBank(tmp_path_factory.mktemp("photographs"), 64, 300, kinds=("chair",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.training.view_judge.BATCH", 32)
        return train_view_judge(bank, steps=300).eval()


def chair(turned: bool = False, backs: int = 1) -> MeshArrays:
    def density(points: torch.Tensor) -> torch.Tensor:
        other = points * torch.from_numpy(TURN)
        distance = signed_distance("chair", other if turned else points)
        if backs == 2:
            distance = torch.minimum(distance, signed_distance("chair", other))
        return 4 * torch.exp((-1000 * distance).clamp(-20, 5.5))

    def colour(points: Floats) -> Floats:
        return true_colours(Caption("mesh", "chair", "red"), points * TURN if turned else points)

    recipe = MeshRecipe(resolution=64, faces=4000, texture_size=0)
    return finish(from_torch(density), colour, recipe, lambda phase, done: None).mesh


def test_a_true_shape_has_its_face_in_front(judge: ViewJudge) -> None:
    found = faces(judge, chair(), None, "chair")
    assert found["janus"] is not None
    assert found["facing"] is not None
    assert found["facing"] > found["janus"] + 0.4


def test_a_shape_that_faces_backward_has_its_face_behind(judge: ViewJudge) -> None:
    found = faces(judge, chair(turned=True), None, "chair")
    assert found["janus"] is not None
    assert found["facing"] is not None
    assert found["janus"] > found["facing"] + 0.4


def test_a_shape_that_is_the_same_from_both_sides_scores_the_same_on_both(judge: ViewJudge) -> None:
    found = faces(judge, chair(backs=2), None, "chair")
    assert found["janus"] == pytest.approx(found["facing"], abs=0.15)


def test_faces_of_what_has_no_front_are_not_counted(judge: ViewJudge) -> None:
    assert faces(judge, chair(), None, "ball") == {"janus": None, "facing": None}


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
