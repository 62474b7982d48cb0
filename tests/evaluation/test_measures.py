"""The measures agree with volumes, outlines and distances that are known."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from server.evaluation.measures import chamfer, iou, outlines, silhouette_iou, voxel_centres, voxelise
from server.meshing.fields import Floats, Triangles
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
    assert chamfer(first, second) == pytest.approx(0.1, rel=0.05)
    assert chamfer(first, first) < 0.005
