"""Colours of meshes are found where they are shown, and differences between them are those that eyes see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from server.evaluation.colours import ColouredMesh, colour_error, to_lab, true_colours
from server.evaluation.measures import sample_surface
from server.meshing.arrays import Floats
from server.meshing.baking import Texture
from server.meshing.box_projection import box_project
from server.meshing.texels import find_texels, paint
from server.world.bank import render_layers
from server.world.captions import KINDS, Caption
from server.world.gbuffers import surface_normals
from server.world.shading import palette, shade
from server.world.shapes import materials_of, signed_distance
from server.world.views import Views

DUCK = Caption("mesh", "duck", "yellow")


def row(*colour: float) -> Floats:
    return np.float32([colour])


def test_colours_have_their_published_places_in_lab() -> None:
    assert to_lab(row(1, 1, 1))[0] == pytest.approx([100, 0, 0], abs=0.01)
    assert to_lab(row(0, 0, 0))[0] == pytest.approx([0, 0, 0], abs=0.01)
    assert to_lab(row(1, 0, 0))[0] == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    assert to_lab(row(0, 0, 1))[0] == pytest.approx([32.30, 79.19, -107.86], abs=0.05)
    assert to_lab(row(0.02, 0.02, 0.02))[0] == pytest.approx([1.40, 0, 0], abs=0.02)


def test_the_error_is_a_mean_distance() -> None:
    black_and_white = np.float32([[0, 0, 0], [1, 1, 1]])
    assert colour_error(black_and_white, black_and_white) == 0
    assert colour_error(black_and_white, black_and_white[::-1]) == pytest.approx(100, abs=0.01)
    assert colour_error(black_and_white, black_and_white[[0, 0]]) == pytest.approx(50, abs=0.01)


def test_colours_are_blended_between_vertices_and_a_texture_comes_before_them() -> None:
    ball = trimesh.creation.icosphere(3, 0.5)
    vertices, triangles = ball.vertices.astype(np.float32), ball.faces.astype(np.int32)
    points = sample_surface(vertices, triangles, 1000, np.random.default_rng(0))
    bare = ColouredMesh(vertices, triangles, vertices + 0.5)
    assert bare.colours_at(points) == pytest.approx(points.position + 0.5, abs=1e-5)

    uv = box_project(vertices, triangles, 256)
    texels = find_texels(uv, 256)
    shown = (1 - (texels.interpolate(vertices[triangles]) + 0.5)) * 255
    albedo = paint(shown.round().astype(np.uint8), texels.nearest())
    painted = ColouredMesh(vertices, triangles, vertices + 0.5, Texture(uv, albedo, albedo))
    assert np.abs(painted.colours_at(points) - (0.5 - points.position)).max() < 0.02


@pytest.mark.parametrize("kind", ["duck", "mushroom", "house"])
def test_the_true_colours_are_those_of_the_priors_pictures(kind: str) -> None:
    """Where a ray through a pixel meets the object, the picture has the colour of that place."""
    caption = Caption("mesh", kind, KINDS[kind].colour)
    views = Views.orbit([20.0], 25.0)
    size = 64
    picture = shade(render_layers(kind, views, size), palette(caption, materials_of(kind)), torch.zeros(3))[0]
    met, points = ray_hits(kind, views, size)
    seen = picture.permute(1, 2, 0).numpy()[met]
    error = np.abs(true_colours(caption, points) - seen).max(-1)
    assert len(seen) > 300
    # At borders between parts a pixel shows both.
    assert np.median(error) < 0.01
    assert np.mean(error < 0.03) > 0.8


def ray_hits(kind: str, views: Views, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels of one view see the object [size, size], and where their rays meet it [N, 3]."""
    eye, directions = views.rays(size)
    origin, towards = eye[0], directions[0].reshape(-1, 3)
    travelled = torch.full((len(towards),), 2.0)
    for _ in range(100):
        travelled += 0.7 * signed_distance(kind, origin + travelled[:, None] * towards)
    points = origin + travelled[:, None] * towards
    met = (signed_distance(kind, points).abs() < 1e-3) & (travelled < 4)
    assert (surface_normals(kind, points[met]) * towards[met]).sum(-1).mean() < 0
    return met.view(size, size).numpy(), points[met].double().numpy()
