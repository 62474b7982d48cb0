"""Walls that wobble become flat; edges stay where they are, and round things stay round."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from server.errors import Cancelled
from server.meshing.arrays import Floats, Triangles
from server.meshing.flattening import flatten, follow


def wobbling(mesh: trimesh.Trimesh, size: float = 0.006) -> tuple[Floats, Triangles]:
    """The mesh with waves across its surface that are several faces long."""
    places = np.asarray(mesh.vertices)
    waves = np.sin(25 * places[:, [1, 2, 0]] + 1) * np.cos(19 * places[:, [2, 0, 1]])
    return (places + size * waves).astype(np.float32), np.asarray(mesh.faces, np.int32)


def box(sides: int = 5) -> trimesh.Trimesh:
    mesh = trimesh.creation.box((1.2, 1.0, 0.8))
    for _ in range(sides):
        mesh = mesh.subdivide()
    return mesh


def angles(vertices: Floats, triangles: Triangles) -> NDArray[np.float64]:
    """Degrees between each face and the nearest axis, away from the edges of the box."""
    mesh = trimesh.Trimesh(vertices, triangles, process=False)
    inside = (np.sort(np.abs(mesh.triangles_center) / (0.6, 0.5, 0.4), axis=1)[:, 1]) < 0.85
    most = np.abs(mesh.face_normals[inside]).max(1).clip(0, 1)
    return np.asarray(np.degrees(np.arccos(most)))


def test_walls_become_flat_and_the_box_keeps_its_size_and_its_edges() -> None:
    vertices, triangles = wobbling(box())
    flat = flatten(vertices, triangles)
    assert np.median(angles(flat, triangles)) < 0.5 * np.median(angles(vertices, triangles))
    before, after = (trimesh.Trimesh(each, triangles, process=False) for each in (vertices, flat))
    assert after.volume == pytest.approx(before.volume, rel=0.01)
    assert np.abs(after.bounds - before.bounds).max() < 0.015
    # A rounded edge would lose what is beyond the bevel.
    corners = np.linalg.norm(np.abs(flat) - (0.6, 0.5, 0.4), axis=1).min()
    assert corners < 0.03


def test_a_ball_stays_a_ball() -> None:
    ball = trimesh.creation.icosphere(5, 0.8)
    vertices, triangles = np.asarray(ball.vertices, np.float32), np.asarray(ball.faces, np.int32)
    radius = np.linalg.norm(flatten(vertices, triangles), axis=1)
    assert np.abs(radius - 0.8).max() < 0.003


def test_a_thin_stem_is_round_and_has_no_facets() -> None:
    ring, rows = 64, 100
    turn, height = np.meshgrid(np.arange(ring) / ring * 2 * np.pi, np.linspace(-1, 1, rows))
    places = np.stack([0.2 * np.cos(turn), 0.2 * np.sin(turn), height], -1).reshape(-1, 3)
    here, right = np.arange(ring), (np.arange(ring) + 1) % ring
    row = np.concatenate([np.stack([here, right, right + ring], 1), np.stack([here, right + ring, here + ring], 1)])
    faces = np.concatenate([row + ring * number for number in range(rows - 1)])
    vertices, triangles = wobbling(trimesh.Trimesh(places, faces, process=False), 0.003)

    def bent(places: Floats) -> float:
        """Degrees, in the mean, between the normals of faces and those of a cylinder."""
        mesh = trimesh.Trimesh(places, triangles, process=False)
        middle = np.abs(mesh.triangles_center[:, 2]) < 0.8
        outward = mesh.triangles_center[middle] * (1, 1, 0)
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        cosine = (outward * mesh.face_normals[middle]).sum(1).clip(-1, 1)
        return float(np.degrees(np.arccos(cosine)).mean())

    assert bent(flatten(vertices, triangles)) < 0.58 * bent(vertices)


def test_what_is_flat_already_stays_where_it_is() -> None:
    mesh = box(4)
    vertices, triangles = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32)
    assert np.abs(flatten(vertices, triangles) - vertices).max() < 1e-4


def test_faces_without_area_and_open_edges_break_nothing() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.2], [2, 2, 2]], np.float32)
    triangles = np.array([[0, 1, 2], [2, 1, 3], [0, 0, 1]], np.int32)
    assert np.isfinite(flatten(vertices, triangles)).all()
    nothing = np.zeros((0, 3), np.int32)
    assert np.array_equal(flatten(vertices, nothing), vertices)


def test_a_finer_mesh_follows_a_coarse_one() -> None:
    coarse, fine = box(3), box(5)
    before = np.asarray(coarse.vertices, np.float32)
    after = before + np.float32(0.1) * before[:, [1, 0, 2]]
    moved = follow(np.asarray(fine.vertices, np.float32), before, after)
    wanted = fine.vertices + 0.1 * fine.vertices[:, [1, 0, 2]]
    assert np.abs(moved - wanted).max() < 0.02
    assert np.array_equal(follow(before, before, before), before)


def test_it_can_be_left_in_its_middle() -> None:
    asked = []

    def stop() -> None:
        asked.append(1)
        if len(asked) > 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        flatten(*wobbling(box(3)), stop)
