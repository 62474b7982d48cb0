"""The baked maps show on the reduced mesh what the field and the fine mesh show."""

from __future__ import annotations

import numpy as np
import pytest

from server.errors import JobFailed
from server.meshing.arrays import Floats, Triangles
from server.meshing.baking import Texture, bake, fine_normals
from server.meshing.box_projection import box_project
from server.meshing.cleaning import clean
from server.meshing.pictures import sample
from server.meshing.reduction import reduce
from server.meshing.surface import extract_surface
from server.meshing.tangents import (
    corner_angles,
    corner_tangents,
    handedness,
    smooth_normals,
    split_at_seams,
    to_tangent_space,
)
from server.meshing.texels import find_texels, paint
from tests.meshing.fields import LEVEL, ball, one_colour, position_as_colour, solid

Mesh = tuple[Floats, Triangles]
SIZE = 256
BALL = solid(ball(0.6), sharpness=40)


@pytest.fixture(scope="module")
def fine() -> Mesh:
    return clean(*extract_surface(BALL, 64, LEVEL))


@pytest.fixture(scope="module")
def coarse(fine: Mesh) -> Mesh:
    return reduce(*fine, 300)[:2]


@pytest.fixture(scope="module")
def uv(coarse: Mesh) -> Floats:
    return box_project(*coarse, SIZE)


@pytest.fixture(scope="module")
def texture(fine: Mesh, coarse: Mesh, uv: Floats) -> Texture:
    return bake(BALL, position_as_colour, *coarse, uv, fine, SIZE)


def on_faces(uv: Floats, count: int = 8) -> tuple[np.ndarray, Floats]:
    """Random places: faces [N] and weights [N, 3]."""
    rng = np.random.default_rng(0)
    return np.repeat(np.arange(len(uv)), count), rng.dirichlet([1, 1, 1], len(uv) * count).astype(np.float32)


def blend(values: Floats, face: np.ndarray, weights: Floats) -> Floats:
    return np.einsum("nc,ncd->nd", weights, values[face])


def test_texels_lie_where_their_centres_are(coarse: Mesh, uv: Floats) -> None:
    texels = find_texels(uv, SIZE)
    row, column = np.divmod(texels.place, SIZE)
    there = texels.interpolate(uv)
    assert there[:, 0] * SIZE == pytest.approx(column + 0.5, abs=1e-3)
    assert (1 - there[:, 1]) * SIZE == pytest.approx(row + 0.5, abs=1e-3)


def test_gaps_repeat_the_nearest_painted_texel() -> None:
    uv = np.array([[[0.25, 0.25], [0.5, 0.25], [0.25, 0.75]]], np.float32)
    texels = find_texels(uv, 64)
    values = np.arange(len(texels.place), dtype=np.int64)
    picture = paint((values % 251).astype(np.uint8)[:, None], texels.nearest())
    row, column = np.divmod(texels.place, 64)
    for at in [(0, 0), (63, 63), (40, 60)]:
        distance = (row - at[0]) ** 2 + (column - at[1]) ** 2
        assert picture[at][0] in values[distance == distance.min()] % 251


def test_faces_smaller_than_a_texel_are_a_named_failure() -> None:
    with pytest.raises(JobFailed) as caught:
        find_texels(np.full((1, 3, 2), 0.5, np.float32), 64)
    assert caught.value.code == "texture-empty"


def test_every_place_on_the_surface_finds_its_colour_on_the_texture(coarse: Mesh, uv: Floats, texture: Texture) -> None:
    """Borders of charts included: there, a gap in the paint would show as a seam."""
    face, weights = on_faces(uv)
    at_border = weights.copy()
    at_border[:, 0] = 0
    at_border /= at_border.sum(1, keepdims=True)
    for where in (weights, at_border):
        seen = sample(texture.albedo, blend(uv, face, where))
        true = position_as_colour(blend(coarse[0][coarse[1]], face, where))
        assert np.abs(seen - true).max() < 0.05
        assert np.abs(seen - true).mean() < 0.01


def test_nothing_on_the_texture_is_left_unpainted(fine: Mesh, coarse: Mesh, uv: Floats) -> None:
    painted = bake(BALL, one_colour(1.0, 0.5, 0.0), *coarse, uv, fine, SIZE)
    assert np.abs(painted.albedo.astype(int) - [255, 128, 0]).max() <= 1
    assert painted.normal[..., 2].min() > 128


def test_the_normal_map_makes_a_coarse_ball_round(coarse: Mesh, uv: Floats, texture: Texture) -> None:
    """Read back as renderers do, it gives the normals of the ball that the coarse mesh stands for."""
    vertices, triangles = coarse
    normals = smooth_normals(vertices, triangles)
    face, weights = on_faces(uv)
    normal = blend(normals[triangles], face, weights)
    tangent = blend(corner_tangents(vertices, normals, triangles, uv), face, weights)
    x, y, z = (sample(texture.normal, blend(uv, face, weights)) * 2 - 1).T[:, :, None]
    bent = x * tangent + y * np.cross(normal, tangent) * handedness(uv)[face, None] + z * normal
    points = blend(vertices[triangles], face, weights)
    true = points / np.linalg.norm(points, axis=1, keepdims=True)

    def error(vectors: Floats) -> float:
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return float(np.degrees(np.arccos(np.clip((unit * true).sum(1), -1, 1))).mean())

    assert error(bent) < 1.0, (error(bent), error(normal))
    assert error(bent) < 0.7 * error(normal)


def test_the_far_side_of_a_thin_wall_has_no_say_in_the_normals() -> None:
    grid = np.stack(np.meshgrid(np.arange(20), np.arange(20), indexing="ij"), -1).reshape(-1, 2) / 20
    front = np.concatenate([grid, np.full((400, 1), 0.01)], 1).astype(np.float32)
    back = front * np.float32([1, 1, -1])
    corner = (np.arange(19)[:, None] * 20 + np.arange(19)).ravel()
    up = np.concatenate(
        [np.stack([corner, corner + 20, corner + 21], -1), np.stack([corner, corner + 21, corner + 1], -1)]
    )
    triangles = np.concatenate([up, up[:, ::-1] + 400]).astype(np.int32)
    points = np.random.default_rng(0).uniform(0.1, 0.8, (50, 3)).astype(np.float32) * np.float32([1, 1, 0])
    outward = np.tile(np.float32([0, 0, -1]), (50, 1))
    found = fine_normals(points, outward, np.concatenate([front, back]), triangles)
    assert found == pytest.approx(outward)


def test_smooth_normals_weigh_faces_by_their_angle_and_not_by_their_cut() -> None:
    """One side of a cube cut into a fan of slivers counts as much as the others."""
    side = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0.1, 0]])
    triangles = np.array([[0, 2, 4], [0, 4, 1], [0, 1, 3], [0, 3, 2]], np.int32)
    assert smooth_normals(side, triangles)[0] == pytest.approx(-np.ones(3) / np.sqrt(3), abs=1e-6)
    assert corner_angles(side, triangles)[2] == pytest.approx([np.pi / 2, np.pi / 4, np.pi / 4])


def test_seams_split_vertices_and_nothing_else(coarse: Mesh, uv: Floats) -> None:
    corner, split = split_at_seams(coarse[1], uv)
    assert np.array_equal(coarse[1].reshape(-1)[corner][split], coarse[1])
    assert np.array_equal(uv.reshape(-1, 2)[corner][split], uv)
    different = len(np.unique(np.concatenate([coarse[1].reshape(-1, 1), uv.reshape(-1, 2)], 1), axis=0))
    assert len(corner) == different


@pytest.mark.parametrize("mirror", [1, -1])
def test_the_frame_turns_directions_back_into_themselves_on_mirrored_faces_too(mirror: int) -> None:
    rng = np.random.default_rng(0)
    vertices = np.float32([[0, 0, 0], [1, 0.2, 0], [0.1, 1, 0.3]])
    uv = np.float32([[[0.1, 0.1], [0.1 + 0.5 * mirror, 0.2], [0.2, 0.7]]])
    triangles = np.array([[0, 1, 2]], np.int32)
    normals = smooth_normals(vertices, triangles)
    tangent = np.repeat(corner_tangents(vertices, normals, triangles, uv)[:, 0], 20, 0)
    normal = np.repeat(normals[:1], 20, 0)
    wanted = normal + rng.normal(0, 0.3, (20, 3)).astype(np.float32)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    sign = np.repeat(handedness(uv), 20)
    assert sign[0] == mirror
    x, y, z = to_tangent_space(wanted, normal, tangent, sign).T[:, :, None]
    assert x * tangent + y * np.cross(normal, tangent) * sign[:, None] + z * normal == pytest.approx(wanted, abs=1e-5)
    # u grows along the tangent.
    steps, edges = uv[0, 1:] - uv[0, 0], vertices[1:] - vertices[0]
    along_u = np.linalg.solve(steps, edges)[0]
    assert along_u @ tangent[0] > 0.99 * np.linalg.norm(along_u)
