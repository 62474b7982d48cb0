"""Whatever a field holds, it becomes a mesh or a named error."""

from __future__ import annotations

import numpy as np
import pytest

from server.errors import JobFailed
from server.meshing.arrays import Floats
from server.meshing.field_mesh import FieldMesh, mesh_field
from server.meshing.fields import Density
from server.recipe import MeshRecipe
from tests.meshing.fields import ball, box, position_as_colour, solid

RECIPE = MeshRecipe(resolution=48, faces=1000, texture_size=128)


def noise(points: Floats) -> Floats:
    """White noise: another value at every point, the same at the same point."""
    mixed = np.sin(points.astype(np.float64) @ [127.1, 311.7, 74.7]) * 43758.5453
    return (8 * (mixed - np.floor(mixed))).astype(np.float32)


def full(points: Floats) -> Floats:
    return np.full(len(points), 1000.0, np.float32)


def one_voxel(points: Floats) -> Floats:
    """As large as one cell of the coarse survey."""
    return np.where(np.abs(points - np.float32(1 / 64)).max(1) < 1 / 64, 1000, 0).astype(np.float32)


def speck(points: Floats) -> Floats:
    return np.where(np.linalg.norm(points - np.float32(1 / 64), axis=1) < 0.002, 1e6, 0).astype(np.float32)


def sheet(points: Floats) -> Floats:
    return solid(box(0.8, 0.8, 0.004), 400)(points)


def dust(points: Floats) -> Floats:
    """Thousands of little balls."""
    return solid(lambda at: np.linalg.norm((at * 8) % 1 - 0.5, axis=1) / 8 - 0.03, 200)(points)


def infinite(points: Floats) -> Floats:
    return np.where(ball(0.5)(points) < 0, np.inf, 0).astype(np.float32)


def negative(points: Floats) -> Floats:
    return -solid(ball(0.5))(points)


def broken_somewhere(points: Floats) -> Floats:
    return np.where(points[:, 0] > 0.4, np.nan, solid(ball(0.5))(points)).astype(np.float32)


def broken_everywhere(points: Floats) -> Floats:
    return np.full(len(points), np.nan, np.float32)


def outcome(density: Density, recipe: MeshRecipe = RECIPE, colour=position_as_colour) -> FieldMesh | str:
    """The mesh, or the code of the error."""
    try:
        return mesh_field(density, colour, recipe, lambda phase, done: None)
    except JobFailed as problem:
        return problem.code if problem.message and problem.hint else "nameless"


@pytest.mark.parametrize("density", [noise, full, one_voxel, sheet, dust, infinite])
@pytest.mark.parametrize("faces", [1000, 0])
def test_strange_shapes_become_meshes_or_hold_nothing_solid(density: Density, faces: int) -> None:
    result = outcome(density, RECIPE.model_copy(update={"faces": faces}))
    if isinstance(result, str):
        assert result == "nothing-solid"
        return
    mesh = result.mesh
    assert np.isfinite(mesh.position).all()
    assert np.ptp(mesh.position, 0).max() == pytest.approx(1.0, abs=1e-5)
    assert 0 <= mesh.triangle.min() < mesh.triangle.max() < len(mesh.position)
    if result.texture is None:
        assert "Coloured by vertices" in result.report["note"]
    else:
        assert np.isfinite(result.texture.uv).all()
        assert result.texture.albedo.shape == (128, 128, 3)
    assert result.report["watertight"] or result.report["note"]


@pytest.mark.parametrize(
    ("density", "code"),
    [
        (lambda points: np.zeros(len(points), np.float32), "nothing-solid"),
        (negative, "nothing-solid"),
        (speck, "nothing-solid"),
        (broken_somewhere, "field-broken"),
        (broken_everywhere, "field-broken"),
    ],
)
def test_hopeless_fields_are_named(density: Density, code: str) -> None:
    assert outcome(density) == code


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_broken_colours_are_named_or_cut_to_what_can_be_shown(value: float) -> None:
    def colour(points: Floats) -> Floats:
        return np.full((len(points), 3), value, np.float32)

    result = outcome(solid(ball(0.5)), colour=colour)
    if np.isnan(value):
        assert result == "field-broken"
    else:
        assert isinstance(result, FieldMesh)
        assert set(np.unique(result.mesh.colour[:, :3])) == {255 if value > 0 else 0}


def test_a_level_that_no_density_reaches_is_named() -> None:
    assert outcome(solid(ball(0.5)), RECIPE.model_copy(update={"level": 900.0})) == "nothing-solid"
