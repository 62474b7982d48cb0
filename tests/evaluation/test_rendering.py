"""Coverage, z-buffer and turntable see what a pinhole camera sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.evaluation.turntable import turntable
from server.meshing import coverage
from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.box_projection import box_project
from server.meshing.coverage import cover
from server.meshing.export import as_arrays, place
from server.meshing.pictures import render, sample
from server.meshing.rasterise import rasterise
from server.meshing.surface import extract_surface
from server.meshing.texels import find_texels, paint
from server.world.views import Views
from tests.meshing.fields import LEVEL, ball, box, solid, union

FRONT = Views.orbit([0.0], elevation_deg=0.0)


def random_triangles(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-4, 20, (count, 3, 2))


def inside(point: np.ndarray, corners: np.ndarray) -> bool:
    sides = [np.cross(corners[(i + 1) % 3] - corners[i], point - corners[i]) for i in range(3)]
    return all(side >= 0 for side in sides) or all(side <= 0 for side in sides)


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors")
@pytest.mark.parametrize("batch", [7, 2_000_000])
def test_a_triangle_covers_exactly_the_pixel_centres_inside_it(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "BATCH", batch)
    corners = random_triangles(20)
    found = set()
    for part in cover(corners, 16, 12):
        assert part.weights.sum(1) == pytest.approx(1)
        centre = np.einsum("mc,mcd->md", part.weights, corners[part.triangle])
        assert centre == pytest.approx(np.stack([part.column, part.row], -1) + 0.5)
        found |= set(zip(part.triangle.tolist(), part.column.tolist(), part.row.tolist(), strict=True))
    expected = {
        (t, x, y)
        for t in range(20)
        for x in range(16)
        for y in range(12)
        if inside(np.array([x + 0.5, y + 0.5]), corners[t])
    }
    assert found == expected


def test_a_triangle_without_area_covers_nothing() -> None:
    assert sum(len(part.triangle) for part in cover(np.array([[[0.5, 0.5], [5.5, 5.5], [9.5, 9.5]]]), 12, 12)) == 0


def test_the_nearest_triangle_wins_whatever_the_order() -> None:
    near = np.array([[0.5, -1, -1], [0.5, 1, -1], [0.5, 0, 1]], np.float32)
    far = near - np.float32([0.3, 0, 0])
    for order in ([0, 1, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2]):
        vertices = np.concatenate([near, far])[order]
        hits = rasterise(vertices, np.array([[0, 1, 2], [3, 4, 5]], np.int32), FRONT, 32)[0]
        assert hits.triangle[16, 16] == order.index(0) // 3


def test_hits_lie_on_the_rays_of_their_pixels() -> None:
    views = Views.orbit([30.0, 200.0], elevation_deg=35.0)
    vertices, triangles = extract_surface(solid(box(0.5, 0.4, 0.3)), 32, LEVEL)
    eyes, directions = (rays.double().numpy() for rays in views.rays(48))
    for i, hits in enumerate(rasterise(vertices, triangles, views, 48)):
        towards = hits.interpolate(triangles, vertices) - eyes[i]
        along = (towards * directions[i][hits.mask]).sum(1, keepdims=True)
        assert np.abs(towards - along * directions[i][hits.mask]).max() < 1e-5
        assert 0.1 < hits.mask.mean() < 0.5


@pytest.fixture(scope="module")
def traffic_light() -> MeshArrays:
    """A blue box with a red nose in front and a green hat."""
    vertices, triangles = extract_surface(
        solid(union(box(0.3, 0.3, 0.3), ball(0.15, (0.4, 0, 0)), ball(0.15, (0, 0, 0.5)))), 40, LEVEL
    )
    front, top = vertices[:, 0] > 0.31, vertices[:, 2] > 0.36
    colours = np.stack([front, top, ~front & ~top], -1).astype(np.float32)
    return as_arrays(vertices, triangles, colours, place(vertices))


def test_the_turntable_starts_at_the_front_with_up_upward(traffic_light: MeshArrays) -> None:
    pictures = render(traffic_light, Views.orbit([0, 90, 180, 270], 10.0), 96)
    front, right, back, left = (picture.astype(int) for picture in pictures)

    def where(picture: np.ndarray, channel: int) -> np.ndarray:
        others = [c for c in range(3) if c != channel]
        return np.argwhere(picture[..., channel] > picture[..., others].max(-1) + 60)

    nose, hat = where(front, 0).mean(0), where(front, 1).mean(0)
    assert (nose[1], hat[1]) == pytest.approx((47.5, 47.5), abs=2)
    assert hat[0] < 32 < 55 < nose[0] < 70
    assert len(where(back, 0)) == 0
    # Seen from the object's left (field +Y) the nose points to the picture's left.
    assert where(right, 0).mean(0)[1] < 32
    assert where(left, 0).mean(0)[1] > 64


def test_the_turntable_is_a_contact_sheet_of_four_a_row(traffic_light: MeshArrays, tmp_path: Path) -> None:
    turntable(traffic_light, tmp_path / "sheet.png", views=8, size=64)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (256, 128)
        pixels = np.asarray(sheet)
    for row in range(2):
        for column in range(4):
            tile = pixels[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64]
            assert 100 < (np.abs(tile.astype(int) - tile[0, 0]).max(-1) > 30).sum() < 3000


def test_the_turntable_shows_a_texture_where_its_faces_lie(traffic_light: MeshArrays) -> None:
    """The same colours, painted: the picture stays the same though the vertices are grey now."""
    uv = box_project(traffic_light.position, traffic_light.triangle, 512)
    texels = find_texels(uv, 512)
    colours = texels.interpolate(traffic_light.colour[traffic_light.triangle, :3].astype(np.float32))
    albedo = paint(colours.round().astype(np.uint8), texels.nearest())
    flat = np.full((512, 512, 3), (128, 128, 255), np.uint8)
    grey = MeshArrays(traffic_light.position, traffic_light.triangle, np.full_like(traffic_light.colour, 128))
    for views in (FRONT, Views.orbit([120.0], 30.0)):
        before = render(traffic_light, views, 64)[0].astype(int)
        after = render(grey, views, 64, texture=Texture(uv, albedo, flat))[0].astype(int)
        assert np.abs(before - after).mean() < 2
        assert np.abs(before - render(grey, views, 64)[0]).mean() > 5


def test_sampling_is_exact_at_texel_centres_and_linear_between() -> None:
    picture = np.array([[[0], [100]], [[200], [50]]], np.uint8)
    places = np.float32([[0.25, 0.75], [0.75, 0.75], [0.25, 0.25], [0.5, 0.75], [0, 1]])
    assert sample(picture, places)[:, 0] * 255 == pytest.approx([0, 100, 200, 50, 0], abs=1e-3)
