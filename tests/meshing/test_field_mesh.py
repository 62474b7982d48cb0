"""A field becomes a finished mesh, with progress and a report; live meshes come from the same field."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from server.errors import Cancelled, JobFailed
from server.meshing.export import LIVE_PLACEMENT
from server.meshing.field_mesh import mesh_field
from server.meshing.fields import from_torch
from server.meshing.preview import preview_mesh
from server.recipe import MeshRecipe
from tests.meshing.fields import ball, box, one_colour, position_as_colour, shell, solid, union

sharp = partial(solid, sharpness=250)

RECIPE = MeshRecipe(resolution=48, faces=3000, texture_size=0)
PAINTED = MeshRecipe(resolution=48, faces=1500, texture_size=128)


def test_the_finished_mesh_keeps_the_contract() -> None:
    density = sharp(union(box(0.5, 0.3, 0.4), ball(0.05, (0, 0, 0.8))))
    result = mesh_field(density, one_colour(1.0, 0.5, 0.0), RECIPE, lambda phase, done: None)
    mesh = result.mesh
    assert (mesh.position.dtype, mesh.triangle.dtype, mesh.colour.dtype) == (np.float32, np.int32, np.uint8)
    assert mesh.position.flags.c_contiguous
    assert mesh.triangle.flags.c_contiguous
    size = mesh.position.max(0) - mesh.position.min(0)
    # Field x (front) becomes Blender's -y; the speck above the box was dropped.
    assert size == pytest.approx([0.6, 1.0, 0.8], abs=0.02)
    assert size.max() == pytest.approx(1.0, abs=1e-5)
    assert mesh.position[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    assert np.abs(mesh.colour.astype(int) - [255, 128, 0, 255]).max() <= 1
    assert (result.report["faces"], result.report["vertices"]) == (len(mesh.triangle), len(mesh.position))
    assert result.report["watertight"]
    assert result.report["faces"] <= 3000 < result.report["raw_faces"]
    assert set(result.report["phases"]) == {"Surface", "Clean-up", "Reduce", "Colour"}


def test_the_placement_leads_back_to_the_field() -> None:
    result = mesh_field(sharp(ball(0.4, (0.3, -0.2, 0.1))), position_as_colour, RECIPE, lambda phase, done: None)
    back = result.placement.invert(result.mesh.position)
    assert np.linalg.norm(back - [0.3, -0.2, 0.1], axis=1) == pytest.approx(0.4, abs=0.01)


def test_progress_names_the_phases_and_never_falls() -> None:
    said: list[tuple[str, float]] = []
    mesh_field(sharp(ball(0.5)), position_as_colour, PAINTED, lambda phase, done: said.append((phase, done)))
    phases, shares = zip(*said, strict=True)
    assert list(dict.fromkeys(phases)) == ["Surface", "Clean-up", "Reduce", "Colour", "Unwrap", "Bake"]
    assert list(shares) == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0


def test_the_same_field_gives_the_same_mesh_and_the_same_texture() -> None:
    first, second = (
        mesh_field(shell(ball(0.5), 0.1), position_as_colour, PAINTED, lambda phase, done: None) for _ in range(2)
    )
    assert np.array_equal(first.mesh.position, second.mesh.position)
    assert np.array_equal(first.mesh.triangle, second.mesh.triangle)
    assert np.array_equal(first.mesh.colour, second.mesh.colour)
    assert first.texture is not None
    assert second.texture is not None
    assert np.array_equal(first.texture.uv, second.texture.uv)
    assert np.array_equal(first.texture.albedo, second.texture.albedo)
    assert np.array_equal(first.texture.normal, second.texture.normal)


def test_seams_do_not_open_the_mesh() -> None:
    result = mesh_field(sharp(ball(0.5)), position_as_colour, PAINTED, lambda phase, done: None)
    assert result.texture is not None
    assert result.texture.uv.shape == (*result.mesh.triangle.shape, 2)
    assert result.report["watertight"]
    assert result.report["texture_size"] == 128
    assert result.report["note"] == ""


def test_too_many_faces_for_the_texture_keep_their_vertex_colours_and_the_report_says_so() -> None:
    recipe = MeshRecipe(resolution=48, faces=0, texture_size=64)
    result = mesh_field(sharp(ball(0.5)), position_as_colour, recipe, lambda phase, done: None)
    assert result.texture is None
    assert result.report["texture_size"] == 0
    assert "too many" in result.report["note"]
    assert np.ptp(result.mesh.colour[:, :3]) > 100


def test_the_level_can_be_chosen() -> None:
    loose, tight = (
        mesh_field(
            solid(ball(0.5), 20),
            position_as_colour,
            RECIPE.model_copy(update={"level": level}),
            lambda phase, done: None,
        )
        for level in (1.0, 16.0)
    )
    spans = [np.ptp(result.placement.invert(result.mesh.position), 0)[2] for result in (loose, tight)]
    # The density falls by e every 1 / 20.
    assert spans[0] - spans[1] == pytest.approx(2 * np.log(16) / 20, abs=0.03)
    assert loose.report["level"] == 1.0


def test_a_cancelled_job_ends_at_the_next_phase() -> None:
    phases: list[str] = []

    def stop() -> None:
        if len(phases) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        mesh_field(
            sharp(ball(0.5)), position_as_colour, PAINTED, lambda phase, done: phases.append(phase), should_stop=stop
        )
    assert phases == ["Surface", "Clean-up"]


def test_every_phase_of_any_length_asks_between_its_blocks() -> None:
    phases: list[str] = []
    asked: list[str] = []
    mesh_field(
        sharp(ball(0.5)),
        position_as_colour,
        PAINTED,
        lambda phase, done: phases.append(phase),
        should_stop=lambda: asked.append(phases[-1] if phases else ""),
    )
    for phase in ("Surface", "Reduce", "Colour", "Unwrap", "Bake"):
        assert asked.count(phase) > 1, phase


def test_a_field_of_tensors_is_finished_like_a_field_of_arrays() -> None:
    def density(points: torch.Tensor) -> torch.Tensor:
        return 4 * torch.exp((0.5 - points.norm(dim=-1)) * 250).clamp(max=50)

    def colour(points: torch.Tensor) -> torch.Tensor:
        return (points * 0.5 + 0.5).requires_grad_()

    result = mesh_field(from_torch(density), from_torch(colour), RECIPE, lambda phase, done: None)
    back = result.placement.invert(result.mesh.position)
    assert np.linalg.norm(back, axis=1) == pytest.approx(0.5, abs=0.01)
    assert np.abs(result.mesh.colour[:, :3] / 255 - (back * 0.5 + 0.5)).max() < 0.03


def test_thin_noise_becomes_a_closed_mesh_and_is_called_dust() -> None:
    rng = np.random.default_rng(0)

    def density(points: np.ndarray) -> np.ndarray:
        # Over so short a way it stays transparent: what is opaque becomes solid behind its surface.
        return np.where(np.linalg.norm(points, axis=1) < 0.3, rng.exponential(6, len(points)), 0).astype(np.float32)

    report = mesh_field(
        density, position_as_colour, MeshRecipe(resolution=64, faces=5000, texture_size=0), lambda phase, done: None
    ).report
    assert report["watertight"]
    assert 0 < report["faces"] <= 5000
    assert "dust" in report["note"]


def test_live_meshes_share_one_placement_whatever_is_in_them() -> None:
    mesh = preview_mesh(solid(ball(0.3, (0.5, 0, 0.2))), position_as_colour)
    assert mesh is not None
    assert np.linalg.norm(LIVE_PLACEMENT.invert(mesh.position) - [0.5, 0, 0.2], axis=1) == pytest.approx(0.3, abs=0.02)
    # In front of the middle (-y in Blender), and above it.
    assert mesh.position.mean(0) == pytest.approx([0, -0.325, 0.58], abs=0.01)


def test_a_live_mesh_and_the_finished_mesh_agree_up_to_placement() -> None:
    density = sharp(box(0.5, 0.3, 0.4))
    live = preview_mesh(density, position_as_colour, resolution=64)
    final = mesh_field(density, position_as_colour, RECIPE, lambda phase, done: None)
    assert live is not None
    spans = [np.ptp(LIVE_PLACEMENT.invert(live.position), 0), np.ptp(final.placement.invert(final.mesh.position), 0)]
    assert spans[0] == pytest.approx(spans[1], abs=0.04)


def test_before_anything_is_solid_there_is_no_live_mesh() -> None:
    assert preview_mesh(lambda points: np.zeros(len(points), np.float32), position_as_colour) is None


def test_a_broken_field_is_refused_while_live_too() -> None:
    with pytest.raises(JobFailed) as caught:
        preview_mesh(lambda points: np.full(len(points), np.nan, np.float32), position_as_colour)
    assert caught.value.code == "field-broken"
