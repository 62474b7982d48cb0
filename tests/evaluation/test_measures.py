"""The measures agree with volumes, outlines, distances and normals that are known."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from server.evaluation.measures import (
    chamfer,
    iou,
    match,
    normal_consistency,
    outlines,
    silhouette_iou,
    voxel_centres,
    voxelise,
)
from server.meshing.arrays import Floats, Triangles
from server.meshing.surface import extract_surface
from tests.meshing.fields import LEVEL, ball, box, mug, solid, union


def mesh_of(thing: trimesh.Trimesh) -> tuple[Floats, Triangles]:
    return thing.vertices.astype(np.float32), thing.faces.astype(np.int32)


@pytest.mark.parametrize("distance", [ball(0.6), box(0.5, 0.3, 0.4), mug, union(ball(0.2, (0.5, 0, 0)), ball(0.3))])
def test_voxels_of_a_mesh_are_the_voxels_of_its_solid(distance) -> None:
    mesh = extract_surface(solid(distance), 96, LEVEL)
    expected = distance(voxel_centres(48)).reshape(48, 48, 48) < 0
    assert iou(voxelise(*mesh, 48), expected) > 0.985


def test_thin_walls_in_line_with_the_axes_count_by_their_thickness() -> None:
    """Not by how many planes of voxel centres happen to fall into them."""
    side = 96
    for thickness in (0.045, 0.05, 0.055):
        wall = mesh_of(trimesh.creation.box((1.2, 1.2, thickness)))
        volume = voxelise(*wall, side).sum() * (2 / side) ** 3
        assert volume == pytest.approx(1.2 * 1.2 * thickness, rel=0.02)


def test_a_shape_inside_another_is_still_inside() -> None:
    inner, outer = trimesh.creation.icosphere(3, 0.3), trimesh.creation.icosphere(3, 0.6)
    both = mesh_of(trimesh.util.concatenate([inner, outer]))
    assert np.array_equal(voxelise(*both, 32), voxelise(*mesh_of(outer), 32))


def test_iou_of_two_shifted_boxes() -> None:
    first = mesh_of(trimesh.creation.box((1, 1, 1)))
    second = mesh_of(trimesh.creation.box((1, 1, 1)).apply_translation((0.5, 0, 0)))
    assert iou(voxelise(*first, 64), voxelise(*second, 64)) == pytest.approx(1 / 3, abs=0.02)


def test_iou_knows_nothing_and_everything() -> None:
    none, some = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    assert (iou(none, none), iou(none, some), iou(some, some)) == (1.0, 0.0, 1.0)


def test_silhouettes_tell_shapes_and_sides_apart() -> None:
    cube = mesh_of(trimesh.creation.box((1, 1, 1)))
    sphere = mesh_of(trimesh.creation.icosphere(4, 0.6))
    plate = mesh_of(trimesh.creation.box((1, 1, 0.1)))
    seen = outlines(*cube)
    assert silhouette_iou(seen, seen) == 1.0
    assert 0.7 < silhouette_iou(seen, outlines(*sphere)) < 0.95
    assert silhouette_iou(seen, outlines(*plate)) < 0.6


def test_chamfer_is_the_gap_between_concentric_spheres() -> None:
    first, second = (mesh_of(trimesh.creation.icosphere(4, radius)) for radius in (0.5, 0.6))
    assert chamfer(match(first, second)) == pytest.approx(0.1, rel=0.05)
    assert chamfer(match(first, first)) < 0.005


def test_normals_agree_where_surfaces_are_parallel() -> None:
    first, second = (mesh_of(trimesh.creation.icosphere(4, radius)) for radius in (0.5, 0.6))
    assert normal_consistency(match(first, first)) > 0.998
    assert normal_consistency(match(first, second)) > 0.995


def test_normal_consistency_of_a_sphere_in_a_cube() -> None:
    """From the sphere the nearest face is that of the largest coordinate; from the cube the nearest point is towards
    the centre: both cosines can be averaged by hand."""
    ball, cube = mesh_of(trimesh.creation.icosphere(5, 0.5)), mesh_of(trimesh.creation.box((1, 1, 1)))
    line = (np.arange(200) + 0.5) / 100 - 1
    u, v = np.meshgrid(line, line)
    cosine = 1 / np.sqrt(1 + u**2 + v**2)
    from_cube = cosine.mean()
    # A face's share of directions around the centre is denser in its middle by the cube of the cosine.
    from_ball = (cosine * cosine**3).sum() / (cosine**3).sum()
    assert normal_consistency(match(ball, cube)) == pytest.approx((from_cube + from_ball) / 2, abs=0.01)


def test_normals_of_another_surface_score_a_half_and_the_wrong_side_of_a_surface_is_forgiven() -> None:
    vertices, triangles = mesh_of(trimesh.creation.icosphere(4, 0.6))
    flakes = np.random.default_rng(0).normal(size=(20_000, 3, 3)).astype(np.float32) * 0.001
    flakes += vertices[triangles].mean(1)[np.arange(20_000) % len(triangles), None]
    crumpled = flakes.reshape(-1, 3), np.arange(60_000, dtype=np.int32).reshape(-1, 3)
    assert normal_consistency(match(crumpled, (vertices, triangles))) == pytest.approx(0.5, abs=0.02)
    inside_out = vertices, np.ascontiguousarray(triangles[:, ::-1])
    assert normal_consistency(match(inside_out, (vertices, triangles))) > 0.998
